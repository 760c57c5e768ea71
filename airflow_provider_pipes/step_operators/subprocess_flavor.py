"""The flavor of step operators that run steps in a child process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.step_operators.base import BaseStepOperatorConfig, BaseStepOperatorFlavor

if TYPE_CHECKING:
    from airflow_provider_pipes.step_operators.subprocess import SubprocessStepOperator


class SubprocessStepOperatorConfig(BaseStepOperatorConfig):
    """Configuration of a step operator that runs steps in a child process: there is nothing to say."""


class SubprocessStepOperatorFlavor(BaseStepOperatorFlavor):
    """Flavor of step operators that run steps in a child process of this machine."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "subprocess"

    @property
    def config_class(self) -> type[SubprocessStepOperatorConfig]:
        """The class of the configuration."""
        return SubprocessStepOperatorConfig

    @property
    def implementation_class(self) -> type[SubprocessStepOperator]:
        """The class of the step operator."""
        from airflow_provider_pipes.step_operators.subprocess import SubprocessStepOperator

        return SubprocessStepOperator
