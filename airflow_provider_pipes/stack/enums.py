"""The kinds of stack components."""

from __future__ import annotations

from enum import StrEnum


class StackComponentType(StrEnum):
    """A kind of stack component."""

    ORCHESTRATOR = "orchestrator"
    ARTIFACT_STORE = "artifact_store"
    STEP_OPERATOR = "step_operator"
    IMAGE_BUILDER = "image_builder"
    CONTAINER_REGISTRY = "container_registry"

    @property
    def plural(self) -> str:
        """Name of this kind's section in pipes.toml."""
        return f"{self.value[:-1]}ies" if self.value.endswith("y") else f"{self.value}s"

    @property
    def label(self) -> str:
        """The kind in words."""
        return self.value.replace("_", " ")
