"""Flavors and configurations; they import without anything that the implementations need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, field_validator, model_validator

from airflow_provider_pipes.orchestrators import BaseOrchestratorConfig, BaseOrchestratorFlavor
from airflow_provider_pipes.step_operators import BaseStepOperatorConfig, BaseStepOperatorFlavor

if TYPE_CHECKING:
    from acme_pipes.cloud import CloudStepOperator
    from acme_pipes.direct import DirectOrchestrator
    from acme_pipes.plan import PlanOrchestrator
    from acme_pipes.worker import NightlyStepOperator, WorkerStepOperator

QUEUES = {"day": 8, "night": 64}
"""The most processes that each queue gives."""


class DirectOrchestratorConfig(BaseOrchestratorConfig):
    """Where the diary is, and how large a machine the steps run on."""

    diary: str
    memory_gb: int = Field(default=4, ge=1)


class DirectOrchestratorFlavor(BaseOrchestratorFlavor):
    """Runs each step in the process of the orchestrator."""

    @property
    def name(self) -> str:
        return "acme_direct"

    @property
    def config_class(self) -> type[DirectOrchestratorConfig]:
        return DirectOrchestratorConfig

    @property
    def implementation_class(self) -> type[DirectOrchestrator]:
        from acme_pipes.direct import DirectOrchestrator

        return DirectOrchestrator


class PlanOrchestratorConfig(BaseOrchestratorConfig):
    """Where plans and the diary go, and what a plan asks the system for."""

    diary: str
    folder: str = Field(default="plans", exclude=True)
    queue: str = "day"
    processes: int = Field(default=1, ge=1)

    @field_validator("queue")
    @classmethod
    def _known_queue(cls, value: str) -> str:
        if value not in QUEUES:
            raise ValueError(f"Acme has no queue {value!r}; it has: {', '.join(QUEUES)}")
        return value

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.processes > QUEUES[self.queue]:
            raise ValueError(f"queue {self.queue!r} gives at most {QUEUES[self.queue]} processes")
        return self


class PlanOrchestratorFlavor(BaseOrchestratorFlavor):
    """Writes a plan, which Acme's own system runs: for `pipes deploy`."""

    @property
    def name(self) -> str:
        return "acme_plan"

    @property
    def deploys(self) -> bool:
        return True

    @property
    def config_class(self) -> type[PlanOrchestratorConfig]:
        return PlanOrchestratorConfig

    @property
    def implementation_class(self) -> type[PlanOrchestrator]:
        from acme_pipes.plan import PlanOrchestrator

        return PlanOrchestrator


class BatchOrchestratorFlavor(PlanOrchestratorFlavor):
    """Makes the same plan and runs it at once: for `pipes run`."""

    @property
    def name(self) -> str:
        return "acme_batch"

    @property
    def deploys(self) -> bool:
        return False

    @property
    def implementation_class(self) -> type[PlanOrchestrator]:
        from acme_pipes.plan import BatchOrchestrator

        return BatchOrchestrator


class WorkerStepOperatorConfig(BaseStepOperatorConfig):
    """Where the diary is, and where jobs go."""

    diary: str
    namespace: str = "ml"

    @field_validator("namespace")
    @classmethod
    def _lower(cls, value: str) -> str:
        if value != value.lower():
            raise ValueError(f"a namespace is in lower case, as {value.lower()!r}")
        return value


class WorkerStepOperatorFlavor(BaseStepOperatorFlavor):
    """Runs a step in a process of its own."""

    @property
    def name(self) -> str:
        return "acme_worker"

    @property
    def config_class(self) -> type[WorkerStepOperatorConfig]:
        return WorkerStepOperatorConfig

    @property
    def implementation_class(self) -> type[WorkerStepOperator]:
        from acme_pipes.worker import WorkerStepOperator

        return WorkerStepOperator


class NightlyStepOperatorFlavor(WorkerStepOperatorFlavor):
    """The same, by an entry point of this package, and with an entrypoint of its own."""

    @property
    def name(self) -> str:
        return "acme_nightly"

    @property
    def implementation_class(self) -> type[NightlyStepOperator]:
        from acme_pipes.worker import NightlyStepOperator

        return NightlyStepOperator


class CloudStepOperatorFlavor(WorkerStepOperatorFlavor):
    """Needs the client of Acme's cloud, and only where it is used."""

    @property
    def name(self) -> str:
        return "acme_cloud"

    @property
    def install_hint(self) -> str:
        return "acme-pipes[cloud]"

    @property
    def implementation_class(self) -> type[CloudStepOperator]:
        from acme_pipes.cloud import CloudStepOperator

        return CloudStepOperator
