"""The local orchestrator: every step here and now, with no Airflow process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import PipelineDeployment
    from airflow_provider_pipes.stack.stack import Stack


class LocalOrchestrator(BaseOrchestrator):
    """Runs the steps in this process, in the order of the pipeline."""

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> dict[str, Manifest]:
        """Run the pipeline and return the result of each step that was not skipped.

        Raises:
            RunFailedError: a step failed; those after it were not run.
        """
        results = {step.name: self.run_step(step) for step in deployment.steps.values()}
        return {name: manifest for name, manifest in results.items() if manifest is not None}
