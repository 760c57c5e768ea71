"""The base of step operators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import model_validator

from airflow_provider_pipes.errors import StepOperatorError
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.config import StackComponentConfig, without_former_fields
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor

if TYPE_CHECKING:
    from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import BaseEntrypointConfiguration
    from airflow_provider_pipes.models.deployment import StepRunInfo
    from airflow_provider_pipes.stack.stack import Stack

    # Named here, since inside the flavor below "type" is a property.
    ConfigClass = type["BaseStepOperatorConfig"]
    EntrypointClass = str | type[BaseEntrypointConfiguration]
    ImplementationClass = type["BaseStepOperator"]


class BaseStepOperatorConfig(StackComponentConfig):
    """Base of the configurations of step operators."""

    @model_validator(mode="before")
    @classmethod
    def _ignore_former_fields(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return without_former_fields(StackComponentType.STEP_OPERATOR, cls, values)


class BaseStepOperator(StackComponent, ABC):
    """Runs single steps somewhere else.

    Attributes:
        entrypoint_config_class: The entrypoint configuration that makes, and in the job reads, the
            entrypoint command: its class path, or the class.
    """

    type: ClassVar[StackComponentType] = StackComponentType.STEP_OPERATOR
    entrypoint_config_class: ClassVar[EntrypointClass] = (
        "airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration."
        "StepOperatorEntrypointConfiguration"
    )

    @property
    def config(self) -> BaseStepOperatorConfig:
        """The validated configuration."""
        return cast(BaseStepOperatorConfig, self._config)

    @abstractmethod
    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        """Run a job that executes ``entrypoint_command``, and return when it is done.

        Raise a ``StepOperatorError`` where the job fails; its ``job_exit_code``, if it is set to
        the command's, tells a step that asked to be skipped from one that failed.

        Args:
            info: The step, with ``info.config.resource_settings`` and
                ``info.pipeline.docker_settings``.
            entrypoint_command: Command that executes the step.
        """


class BaseStepOperatorFlavor(Flavor):
    """Base of the flavors of step operators."""

    @property
    def type(self) -> StackComponentType:
        """The kind of component."""
        return StackComponentType.STEP_OPERATOR

    @property
    def config_class(self) -> ConfigClass:
        """The class of the configuration."""
        return BaseStepOperatorConfig

    @property
    @abstractmethod
    def implementation_class(self) -> ImplementationClass:
        """The class of the step operator."""


def step_operator_of(stack: Stack, name: str) -> BaseStepOperator:
    """Return a stack's step operator of this name.

    Raises:
        StepOperatorError: the stack has none of this name, or the component does not derive
            from ``BaseStepOperator``.
    """
    found = stack.step_operator(name)
    if not isinstance(found, BaseStepOperator):
        raise StepOperatorError(
            f"step operator {name!r} of stack {stack.name!r} is a {found.__class__.__name__}, which does not "
            "derive from BaseStepOperator"
        )
    return found
