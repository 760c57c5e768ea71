from __future__ import annotations

from airflow_provider_pipes.stack import StackComponentType


def test_every_kind_has_a_section_in_pipes_toml_and_words() -> None:
    assert [kind.plural for kind in StackComponentType] == [
        "orchestrators",
        "artifact_stores",
        "step_operators",
        "image_builders",
        "container_registries",
    ]
    assert StackComponentType.CONTAINER_REGISTRY.label == "container registry"
