"""What a stack's orchestrator has to say while a pipeline is compiled for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.errors import PipesError, said_of
from airflow_provider_pipes.models.settings import Settings
from airflow_provider_pipes.stack.component import label_of

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepSpec
    from airflow_provider_pipes.stack.stack import Stack

NOT_ENFORCED = "its resources are not enforced where it runs; nothing limits or grants them"


@dataclass(frozen=True)
class Findings:
    """What is to be told of the steps of a pipeline, one sentence each that says where.

    Attributes:
        problems: What keeps them from running.
        warnings: What a person should know although they run.
        in_image: For each step whether it runs in an image, by name; empty where that is not told.
    """

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    in_image: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class OrchestratorView:
    """The orchestrator of a stack, of whatever class it is; without a stack, one that takes nothing."""

    stack: Stack | None = None
    project_root: Path = Path()

    @property
    def flavor(self) -> str:
        """Name of its flavor."""
        return self.stack.orchestrator.flavor if self.stack else ""

    @property
    def name(self) -> str:
        """How messages name it."""
        return label_of(self.stack.orchestrator) if self.stack else "the orchestrator"

    @property
    def settings_class(self) -> type[Settings] | None:
        """The class of the settings that it takes, if it takes any."""
        found = getattr(self._component, "settings_class", None)
        return found if isinstance(found, type) and issubclass(found, Settings) else None

    def resolved(self, where: str, own: Settings, defaults: Settings, problems: list[str]) -> Settings:
        """Return settings over ``defaults``; what is wrong with them goes to ``problems``."""
        try:
            problems += [f"{where}, {each}" for each in self._component.settings_problems(own, defaults)]
            found: Settings = self._component.resolved_settings(own, defaults)
        except (Exception, SystemExit) as error:
            problems.append(f"{where}: {_said(self, error, 'resolved_settings')}")
            return defaults
        return found

    def document(self, where: str, settings: Settings | None, problems: list[str]) -> dict[str, Any]:
        """Return what a step's deployment holds of resolved settings."""
        if settings is None:
            return {}
        try:
            found: dict[str, Any] = self._component.settings_document(settings)
        except (Exception, SystemExit) as error:
            problems.append(f"{where}: {_said(self, error, 'settings_document')}")
            return {}
        return found

    def findings(self, steps: Sequence[StepSpec]) -> Findings:
        """Return what it has to tell of steps."""
        check = getattr(self._component, "check_steps", None)
        if check is None:
            return Findings(warnings=tuple(map(_unenforced, filter(_asks_in_vain, steps))))
        try:
            found: Findings = check(steps, self.stack, self.project_root)
        except (Exception, SystemExit) as error:
            return Findings((_said(self, error, "check_steps"),))
        return found

    @property
    def _component(self) -> Any:
        return self.stack.orchestrator if self.stack else None


def _said(view: OrchestratorView, error: BaseException, method: str) -> str:
    return str(error) if isinstance(error, PipesError) else said_of(view.name, error, method)


def _asks_in_vain(step: StepSpec) -> bool:
    return step.step_operator is None and not step.resource_settings.empty


def _unenforced(step: StepSpec) -> str:
    return f"step {step.name!r}: {NOT_ENFORCED}"
