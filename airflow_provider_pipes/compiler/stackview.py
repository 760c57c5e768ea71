"""What the compiler needs to know of a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.compiler.orchestrator_view import OrchestratorView
from airflow_provider_pipes.models.deployment import StackSpec
from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, TaskSettings
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.registry import FlavorRegistry

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.projectfile import ProjectDefaults
    from airflow_provider_pipes.stack.stack import Stack


@dataclass(frozen=True)
class StackView:
    """A stack, and the project's defaults for the steps that it runs.

    Attributes:
        spec: The stack as the deployment holds it.
        step_operators: Names of the step operators in it.
        orchestrator: What its orchestrator says of settings and steps.
        flavors: Returns the names of all orchestrator flavors.
        task: Defaults of the task settings.
        docker: Defaults of the docker settings.
        resources: Defaults of the resource settings.
    """

    spec: StackSpec
    step_operators: tuple[str, ...] = ()
    orchestrator: OrchestratorView = field(default_factory=OrchestratorView)
    flavors: Callable[[], Sequence[str]] = tuple
    task: TaskSettings = field(default_factory=TaskSettings)
    docker: DockerSettings = field(default_factory=DockerSettings)
    resources: ResourceSettings = field(default_factory=ResourceSettings)

    @classmethod
    def of(
        cls,
        stack: Stack,
        defaults: ProjectDefaults,
        project_root: Path | None = None,
        registry: FlavorRegistry | None = None,
    ) -> StackView:
        """Return the view of a stack in a project with these defaults.

        Args:
            stack: The stack.
            defaults: The project's defaults.
            project_root: The project's folder; the current one where nothing is given.
            registry: The flavors that the project knows.
        """
        return cls(
            spec=stack.spec(),
            step_operators=tuple(each.name for each in stack.step_operators),
            orchestrator=OrchestratorView(stack, project_root or Path.cwd()),
            flavors=partial((registry or FlavorRegistry()).names, StackComponentType.ORCHESTRATOR),
            task=defaults.task,
            docker=defaults.docker,
            resources=defaults.resources,
        )
