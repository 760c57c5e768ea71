"""Step operators that only launch (documents 003 and 004)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import ClassVar, cast

from acme_pipes import diary
from acme_pipes.flavors import WorkerStepOperatorConfig
from airflow_provider_pipes.models.deployment import StepRunInfo
from airflow_provider_pipes.step_operators import BaseStepOperator


class WorkerStepOperator(BaseStepOperator):
    """Runs the entrypoint command in a process, and writes into the diary what it was told."""

    @property
    def config(self) -> WorkerStepOperatorConfig:
        return cast(WorkerStepOperatorConfig, self._config)

    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        diary.write(
            self.config.diary,
            "launch",
            by=self.name,
            namespace=self.config.namespace,
            step=info.config.name,
            pipeline=info.pipeline.name,
            run=info.run_name,
            resources=info.config.resource_settings.model_dump(exclude_none=True),
            pipeline_image=info.pipeline.docker_settings.parent_image,
            pipeline_requirements=list(info.pipeline.docker_settings.requirements),
            step_requirements=list(info.config.docker_settings.requirements),
            module=entrypoint_command[2],
        )
        environment = {**os.environ, "ACME_DIARY": self.config.diary}
        subprocess.run([sys.executable, *entrypoint_command[1:]], env=environment, check=True)

    def prepare_step_run(self, info: StepRunInfo) -> None:
        diary.write(self.config.diary, "prepare", by=self.name, step=info.config.name)

    def cleanup_step_run(self, info: StepRunInfo, step_failed: bool) -> None:
        diary.write(self.config.diary, "cleanup", by=self.name, step=info.config.name, failed=step_failed)


class NightlyStepOperator(WorkerStepOperator):
    """The same, with an entrypoint configuration of its own."""

    entrypoint_config_class: ClassVar[str] = "acme_pipes.entrypoint.NightlyEntrypointConfiguration"
