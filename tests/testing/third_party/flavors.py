"""Flavors that each break one promise; ``needs_numpy`` and ``hides_numpy`` are beside."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from airflow_provider_pipes.step_operators.base import (
    BaseStepOperator,
    BaseStepOperatorConfig,
    BaseStepOperatorFlavor,
)


class Operator(BaseStepOperator):
    def launch(self, info: Any, entrypoint_command: list[str]) -> None:
        """Do nothing."""


class _Flavor(BaseStepOperatorFlavor):
    @property
    def name(self) -> str:
        return "third-party"

    @property
    def implementation_class(self) -> type[BaseStepOperator]:
        return Operator


class GoodFlavor(_Flavor):
    """Breaks none."""


class LooseConfig(BaseStepOperatorConfig):
    model_config = ConfigDict(frozen=False, extra="allow")

    namespace: str = "default"


class LooseFlavor(_Flavor):
    @property
    def config_class(self) -> type[BaseStepOperatorConfig]:
        return LooseConfig


class SecretConfig(BaseStepOperatorConfig):
    password: str = "hunter2"


class SecretFlavor(_Flavor):
    @property
    def config_class(self) -> type[BaseStepOperatorConfig]:
        return SecretConfig


class ForgetfulConfig(BaseStepOperatorConfig):
    namespace: str = "default"

    def model_post_init(self, context: Any) -> None:
        """Change what the user wrote, once more each time that it is read."""
        object.__setattr__(self, "namespace", f"{self.namespace}-x")


class ForgetfulFlavor(_Flavor):
    @property
    def config_class(self) -> type[BaseStepOperatorConfig]:
        return ForgetfulConfig


class OddlyNamedFlavor(_Flavor):
    @property
    def name(self) -> str:
        return "third:party"


class UnfinishedFlavor(_Flavor):
    @property
    def implementation_class(self) -> type[BaseStepOperator]:
        return BaseStepOperator
