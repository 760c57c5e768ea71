"""What all components of a stack have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepRunInfo
    from airflow_provider_pipes.stack.config import StackComponentConfig
    from airflow_provider_pipes.stack.enums import StackComponentType
    from airflow_provider_pipes.stack.stack import Stack


class StackComponent:
    """A part of a stack: an orchestrator, an artifact store, a step operator and the like.

    Components are made in many processes, workers among them: keep ``__init__`` cheap and connect
    to a backend when it is first needed.

    Attributes:
        type: The kind; each base class of a kind sets it.
        name: Its name in pipes.toml.
        flavor: Name of the flavor that it is of.
    """

    type: ClassVar[StackComponentType]

    def __init__(self, name: str, config: StackComponentConfig, flavor: str = "") -> None:
        self.name = name
        self.flavor = flavor
        self._config = config

    @property
    def config(self) -> StackComponentConfig:
        """The validated configuration."""
        return self._config

    def prepare_step_run(self, info: StepRunInfo) -> None:
        """Prepare something before a step's function runs, in the process that runs it."""

    def cleanup_step_run(self, info: StepRunInfo, step_failed: bool) -> None:
        """Clean up after a step's function ran, in the process that ran it."""

    def validate(self, stack: Stack) -> list[str]:
        """Return why this component can't work in ``stack``, one sentence each."""
        return []

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, flavor={self.flavor!r})"


def label_of(component: StackComponent) -> str:
    """Return how an error names a component, as "step operator 'gpu'"."""
    return f"{component.type.label} {component.name!r}"


def overrides_step_hooks(component: type[StackComponent]) -> bool:
    """Return whether a component class prepares or cleans up step runs."""
    return (
        component.prepare_step_run is not StackComponent.prepare_step_run
        or component.cleanup_step_run is not StackComponent.cleanup_step_run
    )
