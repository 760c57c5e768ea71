"""An orchestrator that executes the steps directly (documents 000 and 002)."""

from __future__ import annotations

from typing import Any, cast

from acme_pipes import diary
from acme_pipes.flavors import DirectOrchestratorConfig
from airflow_provider_pipes.models.deployment import PipelineDeployment, StepRunInfo
from airflow_provider_pipes.orchestrators import BaseOrchestrator
from airflow_provider_pipes.stack import Stack


class DirectOrchestrator(BaseOrchestrator):
    """Runs each step here, one after the other."""

    @property
    def config(self) -> DirectOrchestratorConfig:
        return cast(DirectOrchestratorConfig, self._config)

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        for step in deployment.steps.values():
            if self.requires_resources_in_orchestration_environment(step):
                wanted = step.resource_settings.memory
                diary.write(self.config.diary, "resources", step=step.name, memory=wanted, stack=stack.name)
            self.run_step(step)

    def pre_run(self, pipeline: Any, caller_filepath: str) -> None:
        diary.write(self.config.diary, "pre_run", pipeline=pipeline.name, file=caller_filepath)

    def post_run(self) -> None:
        diary.write(self.config.diary, "post_run")

    def prepare_step_run(self, info: StepRunInfo) -> None:
        diary.write(self.config.diary, "prepare", by=self.name, step=info.config.name)

    def cleanup_step_run(self, info: StepRunInfo, step_failed: bool) -> None:
        diary.write(self.config.diary, "cleanup", by=self.name, step=info.config.name, failed=step_failed)
