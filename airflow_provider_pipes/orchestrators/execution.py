"""How a launched step is run: in this process, or by a step operator."""

from __future__ import annotations

import os
from collections.abc import Mapping

from airflow_provider_pipes.entrypoints.delegation import entrypoint_command, run_by_step_operator
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.orchestrators.isolation import process_kept
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.masking import names_of_secrets
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step

__all__ = ["entrypoint_command", "run_by_step_operator", "run_in_process"]


def run_in_process(launch: StepLaunch, secrets: Mapping[str, str] | None = None) -> Manifest:
    """Run a prepared step here, with its variables; its code must be importable.

    Args:
        launch: The prepared step.
        secrets: Its secret variables.
    """
    info = read_execution_info(launch.storage, launch.execution_info_path)
    given = secrets or {}
    with process_kept():
        os.environ.update({**names_of_secrets(given), **launch.plan.variables, **given})
        return run_step(launch.storage, info, launch.plan.deployment)
