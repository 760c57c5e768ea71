"""Flavors as users of the documents write them, and flavors that break the contract."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from airflow_provider_pipes.models.deployment import StepRunInfo
from airflow_provider_pipes.orchestrators import (
    BaseOrchestrator,
    BaseOrchestratorConfig,
    BaseOrchestratorFlavor,
)
from airflow_provider_pipes.stack import Flavor, Stack, StackComponent, StackComponentType
from airflow_provider_pipes.step_operators import (
    BaseStepOperator,
    BaseStepOperatorConfig,
    BaseStepOperatorFlavor,
)


class CustomOrchestratorConfig(BaseOrchestratorConfig):
    url: str = "http://localhost"
    folder: str | None = Field(default=None, exclude=True)


class CustomOrchestrator(BaseOrchestrator):
    def prepare_or_run_pipeline(self, deployment: Any, stack: Stack) -> Any:
        return None


class CustomOrchestratorFlavor(BaseOrchestratorFlavor):
    @property
    def name(self) -> str:
        return "custom"

    @property
    def config_class(self) -> type[CustomOrchestratorConfig]:
        return CustomOrchestratorConfig

    @property
    def implementation_class(self) -> type[CustomOrchestrator]:
        return CustomOrchestrator


class DeployingOrchestratorFlavor(CustomOrchestratorFlavor):
    @property
    def name(self) -> str:
        return "deploying"

    @property
    def deploys(self) -> bool:
        return True


class CustomStepOperatorConfig(BaseStepOperatorConfig):
    namespace: str
    cpus: int = 1
    nodes: tuple[str, ...] = ()


class CustomStepOperator(BaseStepOperator):
    """Notes which hooks were called; a name in ``failing`` raises."""

    calls: ClassVar[list[str]] = []
    failing: ClassVar[set[str]] = set()

    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        self.calls.append(f"launch {self.name}")

    def prepare_step_run(self, info: StepRunInfo) -> None:
        self._note("prepare")

    def cleanup_step_run(self, info: StepRunInfo, step_failed: bool) -> None:
        self._note(f"cleanup failed={step_failed}")

    def validate(self, stack: Stack) -> list[str]:
        return ["there are too many nodes"] if self.name == "crowded" else []

    def _note(self, what: str) -> None:
        self.calls.append(f"{what} {self.name}")
        if f"{what.split()[0]} {self.name}" in self.failing:
            raise OSError(f"{what.split()[0]} of {self.name} broke")


class CustomStepOperatorFlavor(BaseStepOperatorFlavor):
    @property
    def name(self) -> str:
        return "custom"

    @property
    def config_class(self) -> type[CustomStepOperatorConfig]:
        return CustomStepOperatorConfig

    @property
    def implementation_class(self) -> type[CustomStepOperator]:
        return CustomStepOperator


class SecretiveConfig(BaseStepOperatorConfig):
    webhook: SecretStr = SecretStr("")
    api_key: str = ""
    endpoint: str = ""


class SecretiveFlavor(CustomStepOperatorFlavor):
    @property
    def name(self) -> str:
        return "secretive"

    @property
    def config_class(self) -> Any:
        return SecretiveConfig


class NeedsPackageFlavor(CustomStepOperatorFlavor):
    @property
    def name(self) -> str:
        return "needs_package"

    @property
    def install_hint(self) -> str:
        return "moonbeam[all]"

    @property
    def implementation_class(self) -> Any:
        import moonbeam_client  # type: ignore[import-not-found]

        return moonbeam_client.Operator


class NamelessFlavor(BaseStepOperatorFlavor):
    @property
    def implementation_class(self) -> type[CustomStepOperator]:
        return CustomStepOperator


class WrongConfigFlavor(CustomStepOperatorFlavor):
    @property
    def config_class(self) -> Any:
        return dict


class WrongImplementationFlavor(CustomStepOperatorFlavor):
    @property
    def implementation_class(self) -> Any:
        return CustomOrchestrator


class FlavorFieldConfig(BaseStepOperatorConfig):
    flavor: str = "vanilla"


class FlavorFieldFlavor(CustomStepOperatorFlavor):
    @property
    def config_class(self) -> Any:
        return FlavorFieldConfig


class HelpfulConfig(BaseStepOperatorConfig):
    help: str = ""
    unset: bool = False


class HelpfulFlavor(CustomStepOperatorFlavor):
    @property
    def name(self) -> str:
        return "helpful"

    @property
    def config_class(self) -> Any:
        return HelpfulConfig


class BorrowedConfigFlavor(CustomStepOperatorFlavor):
    """Has the configuration of another kind, as one of the documents has it."""

    @property
    def name(self) -> str:
        return "borrowed"

    @property
    def config_class(self) -> Any:
        return CustomOrchestratorConfig


class UnrelatedImplementationFlavor(CustomStepOperatorFlavor):
    @property
    def implementation_class(self) -> Any:
        return dict


class Unfinished(BaseStepOperator):
    pass


class UnfinishedFlavor(CustomStepOperatorFlavor):
    @property
    def implementation_class(self) -> Any:
        return Unfinished


class RaisingFlavor(CustomStepOperatorFlavor):
    @property
    def config_class(self) -> Any:
        raise KeyError("no settings file")


class Refusing(CustomStepOperator):
    def __init__(self, **arguments: Any) -> None:
        raise RuntimeError("no licence")


class RefusingFlavor(CustomStepOperatorFlavor):
    @property
    def implementation_class(self) -> type[Refusing]:
        return Refusing


class UntypedFlavor(Flavor):
    """Names its type by text, as a flavor in a hurry would."""

    name = "untyped"
    type: Any = "step_operator"
    config_class: Any = CustomStepOperatorConfig
    implementation_class: Any = CustomStepOperator


NO_FLAVOR = StackComponent
KINDS = tuple(StackComponentType)
