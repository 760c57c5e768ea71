"""How a launched step is run: in this process, or by a step operator."""

from __future__ import annotations

from airflow_provider_pipes.entrypoints.delegation import entrypoint_command, run_by_step_operator
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step

__all__ = ["entrypoint_command", "run_by_step_operator", "run_in_process"]


def run_in_process(launch: StepLaunch) -> Manifest:
    """Run a prepared step here; its code must be importable."""
    info = read_execution_info(launch.storage, launch.execution_info_path)
    return run_step(launch.storage, info, launch.plan.deployment)
