"""A stack: the components that run a pipeline together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.errors import (
    ConfigurationError,
    PipesError,
    StepControl,
    StepFailedError,
    StepOperatorError,
    is_plain_exit,
    listing,
    said_of,
)
from airflow_provider_pipes.stack.component import StackComponent, label_of
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.spec import component_from_spec, component_spec

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StackSpec, StepRunInfo

logger = logging.getLogger(__name__)

__all__ = ["Stack", "cleanup_step_run", "component_from_spec", "prepare_step_run"]


@dataclass(frozen=True)
class Stack:
    """A named set of components: one orchestrator, one artifact store, and what else there is."""

    name: str
    orchestrator: StackComponent
    artifact_store: StackComponent
    step_operators: tuple[StackComponent, ...] = ()
    image_builder: StackComponent | None = None
    container_registry: StackComponent | None = None

    @property
    def components(self) -> tuple[StackComponent, ...]:
        """All components, the orchestrator first."""
        optional = (self.image_builder, self.container_registry)
        present = tuple(each for each in optional if each is not None)
        return (self.orchestrator, self.artifact_store, *self.step_operators, *present)

    def step_operator(self, name: str) -> StackComponent:
        """Return the step operator of this name.

        Raises:
            StepOperatorError: the stack has none, or none of this name.
        """
        for each in self.step_operators:
            if each.name == name:
                return each
        if not self.step_operators:
            raise StepOperatorError(
                f"No step operator specified for active stack '{self.name}'; a step asks for {name!r}: "
                f'add step_operators = ["{name}"] to [stacks.{self.name}] in pipes.toml'
            )
        known = ", ".join(each.name for each in self.step_operators)
        raise StepOperatorError(
            f"No step operator named '{name}' in active stack '{self.name}'; it has: {known}"
        )

    def validate(self) -> None:
        """Check that the components can work together.

        Raises:
            ConfigurationError: lists every problem.
        """
        problems = [*self._kind_problems(), *self._name_problems()]
        for component in self.components:
            problems += [f"{label_of(component)}: {problem}" for problem in self._problems_told_by(component)]
        if problems:
            raise ConfigurationError(listing(f"stack {self.name!r} can't be used", problems))

    def prepare_step_run(self, info: StepRunInfo) -> None:
        """Let the components that a step uses prepare its run, in this process."""
        prepare_step_run(self._used_by(info), info)

    def cleanup_step_run(self, info: StepRunInfo, step_failed: bool) -> None:
        """Let the components that a step uses clean up after its run, in this process."""
        cleanup_step_run(self._used_by(info), info, step_failed)

    def spec(self) -> StackSpec:
        """Return the stack as the deployment carries it.

        Raises:
            ConfigurationError: a component holds a secret, or is of a class that can't be imported.
        """
        from airflow_provider_pipes.models.deployment import StackSpec

        return StackSpec(name=self.name, components=tuple(map(component_spec, self.components)))

    def _used_by(self, info: StepRunInfo) -> tuple[StackComponent, ...]:
        return tuple(
            each
            for each in self.components
            if each.type is not StackComponentType.STEP_OPERATOR or each.name == info.config.step_operator
        )

    def _problems_told_by(self, component: StackComponent) -> list[Any]:
        try:
            told: Any = component.validate(self)
            if told is None:
                return []
            return [told] if isinstance(told, str) else list(told)
        except (Exception, SystemExit) as error:
            return [said_of("its class", error, "validate")]

    def _kind_problems(self) -> list[str]:
        kinds = [
            (StackComponentType.ORCHESTRATOR, [self.orchestrator]),
            (StackComponentType.ARTIFACT_STORE, [self.artifact_store]),
            (StackComponentType.STEP_OPERATOR, self.step_operators),
            (StackComponentType.IMAGE_BUILDER, [self.image_builder]),
            (StackComponentType.CONTAINER_REGISTRY, [self.container_registry]),
        ]
        return [
            f"{component.name!r} is used as {kind.label} and is {_article(component.type.label)}"
            for kind, components in kinds
            for component in components
            if component is not None and component.type is not kind
        ]

    def _name_problems(self) -> list[str]:
        names = [each.name for each in self.step_operators]
        twice = sorted({name for name in names if names.count(name) > 1})
        return [f"step operator {name!r} is in it more than once" for name in twice]


def prepare_step_run(components: Sequence[StackComponent], info: StepRunInfo) -> None:
    """Call every component's ``prepare_step_run``; if one raises, those before it clean up.

    Raises:
        StepFailedError: one raised.
        StepControl: one says how the step ends.
    """
    for index, component in enumerate(components):
        try:
            _call_hook(component, "prepare_step_run", info)
        except BaseException:
            clean_up_after_failure(components[:index], info)
            raise


def cleanup_step_run(components: Sequence[StackComponent], info: StepRunInfo, step_failed: bool) -> None:
    """Call every component's ``cleanup_step_run``, the last one first.

    All are called even where one raises; the first error is raised then, and the others are logged.

    Raises:
        StepFailedError: one raised.
        StepControl: one says how the step ends.
    """
    errors: list[Exception] = []
    for component in reversed(components):
        try:
            _call_hook(component, "cleanup_step_run", info, step_failed)
        except Exception as error:
            errors.append(error)
    for other in errors[1:]:
        logger.warning("%s", other)
    if errors:
        raise errors[0]


def clean_up_after_failure(components: Sequence[StackComponent], info: StepRunInfo) -> None:
    """Call every component's ``cleanup_step_run`` after a step that failed or asked for its end.

    How the step itself ended is what counts, so an error is only logged.
    """
    try:
        cleanup_step_run(components, info, step_failed=True)
    except Exception as error:
        logger.warning("after step %r: %s", info.config.name, error)


def _call_hook(component: StackComponent, hook: str, *arguments: Any) -> None:
    """Call a hook; what it raises tells whose it is, unless it is meant for whoever runs the step."""
    try:
        getattr(component, hook)(*arguments)
    except (PipesError, StepControl):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and not is_plain_exit(error):
            raise
        raise StepFailedError(said_of(label_of(component), error, hook)) from error


def _article(label: str) -> str:
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"
