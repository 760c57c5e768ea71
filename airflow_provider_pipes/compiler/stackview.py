"""What the compiler needs to know of a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_pipes.models.deployment import StackSpec
from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, TaskSettings

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.projectfile import ProjectDefaults
    from airflow_provider_pipes.stack.stack import Stack


@dataclass(frozen=True)
class StackView:
    """A stack, and the project's defaults for the steps that it runs.

    Attributes:
        spec: The stack as the deployment holds it.
        step_operators: Names of the step operators in it.
        enforces_resources: Whether its orchestrator gives a step the resources that it asks for.
        task: Defaults of the task settings.
        docker: Defaults of the docker settings.
        resources: Defaults of the resource settings.
    """

    spec: StackSpec
    step_operators: tuple[str, ...] = ()
    enforces_resources: bool = False
    task: TaskSettings = field(default_factory=TaskSettings)
    docker: DockerSettings = field(default_factory=DockerSettings)
    resources: ResourceSettings = field(default_factory=ResourceSettings)

    @classmethod
    def of(cls, stack: Stack, defaults: ProjectDefaults) -> StackView:
        """Return the view of a stack in a project with these defaults."""
        return cls(
            spec=stack.spec(),
            step_operators=tuple(each.name for each in stack.step_operators),
            enforces_resources=getattr(stack.orchestrator, "enforces_resources", False),
            task=defaults.task,
            docker=defaults.docker,
            resources=defaults.resources,
        )
