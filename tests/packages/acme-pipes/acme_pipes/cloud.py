"""A step operator on a client that is not installed everywhere."""

from __future__ import annotations

import acme_cloud  # type: ignore[import-not-found]

from acme_pipes.worker import WorkerStepOperator
from airflow_provider_pipes.models.deployment import StepRunInfo


class CloudStepOperator(WorkerStepOperator):
    """Hands the command to Acme's cloud."""

    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        acme_cloud.run(entrypoint_command, namespace=self.config.namespace)
