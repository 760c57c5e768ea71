"""Orchestrators with an intermediate representation: a plan of commands (documents 000 and 002)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, ClassVar, cast

from acme_pipes.entrypoint import AcmeEntrypointConfiguration
from acme_pipes.flavors import PlanOrchestratorConfig
from airflow_provider_pipes.models.deployment import PipelineDeployment, StepSpec
from airflow_provider_pipes.orchestrators import BaseOrchestrator
from airflow_provider_pipes.stack import Stack


class PlanOrchestrator(BaseOrchestrator):
    """Writes what Acme's system runs: for each step its command, its resources and what it waits for."""

    enforces_resources: ClassVar[bool] = True

    @property
    def config(self) -> PlanOrchestratorConfig:
        return cast(PlanOrchestratorConfig, self._config)

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> dict[str, Any]:
        plan = {
            "queue": self.config.queue,
            "jobs": {step.name: self._job(step) for step in deployment.steps.values()},
        }
        file = self.submission.project_root / self.config.folder / f"{deployment.pipeline.name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(plan, indent=2))
        return plan

    def _job(self, step: StepSpec) -> dict[str, Any]:
        command = AcmeEntrypointConfiguration.get_entrypoint_command()
        arguments = AcmeEntrypointConfiguration.get_entrypoint_arguments(
            **self.entrypoint_values(step), acme_diary=self.config.diary, acme_queue=self.config.queue
        )
        job: dict[str, Any] = {"command": command + arguments, "after": list(step.upstream)}
        if self.requires_resources_in_orchestration_environment(step):
            job["resources"] = step.resource_settings.model_dump(exclude_none=True)
        return job


class BatchOrchestrator(PlanOrchestrator):
    """Makes the plan and runs it on this machine, each step in a process of its own."""

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> dict[str, Any]:
        plan = super().prepare_or_run_pipeline(deployment, stack)
        for job in plan["jobs"].values():
            environment = {**os.environ, "ACME_EXECUTION": self.submission.run_name}
            subprocess.run([sys.executable, *job["command"][1:]], env=environment, check=True)
        return plan
