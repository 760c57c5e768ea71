"""What is said of a step's pod, without a cluster."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import V1Volume

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.operators.kubernetes_arguments import (
    models_of,
    pod_of,
    pod_of_file,
    problems_of_step,
    volume_of,
)
from airflow_provider_pipes.operators.kubernetes_pod import escaped, limit_life, pod_name
from airflow_provider_pipes.operators.kubernetes_resources import quantity, wanted

pytestmark = pytest.mark.airflow

TOKEN = "0123456789abcdef0123"


def expanded(text: str, variables: dict[str, str]) -> str:
    """Return what the kubelet makes of a text: ``$(NAME)`` is a variable's value, ``$$`` is ``$``."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", value, text)


@given(st.text(alphabet="$()AB{}\\ '\"\n", max_size=30) | st.text(max_size=30))
def test_the_kubelet_gives_every_text_back_as_it_was(text: str) -> None:
    assert expanded(escaped(text), {"A": "the secret", "": "the secret", "AB": "the secret"}) == text


@given(st.text(max_size=300), st.integers(1, 9999))
def test_every_name_is_one_that_kubernetes_takes(prefix: str, number: int) -> None:
    name = pod_name(prefix, TOKEN, number)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 63
    assert name.endswith(f"-{TOKEN}-{number}")


@pytest.mark.parametrize(
    ("timeout", "chosen", "in_template", "expected"),
    [
        (timedelta(minutes=5), None, None, 300 + 120 + 60),
        (timedelta(seconds=0.5), None, None, 1 + 120 + 60),
        (timedelta(minutes=5), 7, None, 7),
        (timedelta(minutes=5), None, 9, None),  # The stock operator takes a template's where there is none.
        (None, None, None, None),
    ],
)
def test_a_pod_lives_hardly_longer_than_its_step_may(
    timeout: timedelta | None, chosen: int | None, in_template: int | None, expected: int | None
) -> None:
    template = pod_of({"spec": {"activeDeadlineSeconds": in_template, "containers": []}}, "full_pod_spec")
    operator: Any = SimpleNamespace(
        execution_timeout=timeout,
        startup_timeout_seconds=120,
        active_deadline_seconds=chosen,
        full_pod_spec=template if in_template else None,
    )
    limit_life(operator)
    assert operator.active_deadline_seconds == expected


def test_a_name_tells_pipeline_and_step() -> None:
    assert pod_name("Churn_model-train.it", TOKEN, 2) == f"churn-model-train-it-{TOKEN}-2"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("16GB", "15625000Ki"), ("1.5GiB", "1536Mi"), ("512MB", "500000Ki"), ("7", "7"), ("2TiB", "2Ti")],
)
def test_memory_is_written_as_kubernetes_does(amount: str, expected: str) -> None:
    assert quantity(amount) == expected


def test_resources_have_kubernetes_names() -> None:
    asked = {"cpu_count": 0.0001, "memory": "1GiB", "gpu_count": 0, "ephemeral_storage": "1MiB"}
    assert wanted(asked, "amd.com/gpu") == {"cpu": "1m", "memory": "1Gi", "ephemeral-storage": "1Mi"}
    assert wanted({"gpu_count": 2, "cpu_count": 1.5}, "amd.com/gpu") == {"cpu": "1500m", "amd.com/gpu": "2"}


def test_plain_json_becomes_the_models_that_the_stock_operator_takes() -> None:
    (volume,) = models_of("volumes", [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}])
    assert isinstance(volume, V1Volume)
    assert volume.persistent_volume_claim.claim_name == "c"
    assert models_of("container_resources", {"limits": {"cpu": "1"}}).limits == {"cpu": "1"}
    assert models_of("env_vars", [{"name": "A", "value": "1"}])[0].value == "1"
    assert models_of("ports", [{"containerPort": 80}])[0].container_port == 80
    assert models_of("security_context", {"fsGroup": 3}).fs_group == 3
    assert volume_of("data", {"emptyDir": {}}).empty_dir is not None


def test_models_are_left_as_they_are() -> None:
    volume = V1Volume(name="v")
    assert models_of("volumes", [volume])[0] is volume


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        (
            "volumes",
            [{"name": "v", "persistent_volume_claim": {"claim_name": "c"}}],
            "persistent_volume_claim",
        ),
        ("volume_mounts", [{"name": "v", "mountPaht": "/x", "mountPath": "/x"}], "mountPaht"),
        ("security_context", {"runAsUser": 1, "runAsRoot": False}, "runAsRoot"),
    ],
)
def test_what_kubernetes_does_not_know_is_refused_by_name(name: str, value: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"operator argument {name}: Kubernetes has no '{named}'"):
        models_of(name, value)


def test_what_kubernetes_needs_and_is_missing_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"operator argument volume_mounts: .*mount_path"):
        models_of("volume_mounts", [{"name": "v"}])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("spec:\n  containers: [\n", r"pod.yaml, line 3: expected the node content"),
        ("", r"pod.yaml: expected the manifest of a pod, got nothing"),
        ("spec: {container: []}", r"pod.yaml\): "),
        (None, r"can't be read on this worker, where the task needs it: .*No such file"),
    ],
)
def test_what_is_wrong_with_the_file_of_a_pod_is_told_with_file_and_line(
    text: str | None, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "pod.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    named = f"^step 'train', operator argument pod_template_file.*{told}"
    with pytest.raises(ConfigurationError, match=named), problems_of_step("train"):
        pod_of_file(str(file))


def test_the_file_of_a_pod_is_read(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text("spec: {containers: [{name: base, image: a}]}", encoding="utf-8")
    assert pod_of_file(str(file)).spec.containers[0].image == "a"


def test_a_whole_pod_may_be_given_as_in_a_manifest() -> None:
    pod = pod_of({"spec": {"containers": [{"name": "base", "args": ["a"]}]}}, "full_pod_spec")
    assert pod.spec.containers[0].args == ["a"]
