"""Run one step from the execution info that a launcher wrote."""

from __future__ import annotations

from typing import Any

from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import option_with_value
from airflow_provider_pipes.entrypoints.reach import mounted
from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import (
    STORE_CONNECTION_ID_OPTION,
    StepEntrypointConfiguration,
    StepToRun,
)
from airflow_provider_pipes.errors import RunError
from airflow_provider_pipes.models.documents import ExecutionInfo, Manifest
from airflow_provider_pipes.models.paths import split_execution_info_uri
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step

EXECUTION_INFO_PATH_OPTION = "execution_info_path"


class StepOperatorEntrypointConfiguration(StepEntrypointConfiguration):
    """Runs the step of an execution info: in a job, a container or a process that a launcher started."""

    @classmethod
    def get_entrypoint_options(cls) -> set[str]:
        """Return the options that the command line must give."""
        return super().get_entrypoint_options() | {EXECUTION_INFO_PATH_OPTION}

    @classmethod
    def get_entrypoint_arguments(cls, **kwargs: Any) -> list[str]:
        """Return the arguments of the command; ``kwargs`` must include the execution info's address."""
        path = option_with_value(EXECUTION_INFO_PATH_OPTION, kwargs[EXECUTION_INFO_PATH_OPTION])
        return [*super().get_entrypoint_arguments(**kwargs), *path]

    def find_step(self) -> StepToRun:
        """Return the step run of the execution info."""
        uri = self.entrypoint_args[EXECUTION_INFO_PATH_OPTION]
        return StepToRun(*execution_info_of(uri, self.entrypoint_args[STORE_CONNECTION_ID_OPTION]))

    def _run_step(self, step: StepToRun, info: ExecutionInfo, deployment: DeploymentPlan) -> Manifest:
        """Run the step in this process: a step operator is what brought it here."""
        return run_step(step.storage, info, deployment)


def execution_info_of(uri: str, store_connection_id: str | None) -> tuple[Storage, ExecutionInfo]:
    """Return the execution info at an address, and the store that it is in.

    Raises:
        RunError: it is no address of an execution info.
        ArtifactError: it is not there, or can't be read here.
    """
    try:
        store, path = split_execution_info_uri(uri)
    except ValueError as error:
        raise RunError(f"--{EXECUTION_INFO_PATH_OPTION}: {error}") from None
    storage = open_store(store, store_connection_id)
    with mounted(storage, path):
        return storage, read_execution_info(storage, path)
