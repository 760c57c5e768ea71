"""How a launched step is run: in this process, or by a step operator."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import (
    FailWithoutRetry,
    SkipStep,
    StepControl,
    StepOperatorError,
    message_of,
)
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.runtime.hooks import step_run_info
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step

if TYPE_CHECKING:
    from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import StepEntrypointConfiguration
    from airflow_provider_pipes.step_operators.base import BaseStepOperator


def run_in_process(launch: StepLaunch) -> Manifest:
    """Run a prepared step here; its code must be importable."""
    info = read_execution_info(launch.storage, launch.execution_info_path)
    return run_step(launch.storage, info, launch.plan.deployment)


def run_by_step_operator(
    launch: StepLaunch, step_operator: BaseStepOperator, store_connection_id: str | None = None
) -> Manifest:
    """Let a step operator run a prepared step, and return the manifest that its job left.

    The manifest decides: a job that left one succeeded, whatever the backend says of it afterwards.

    Raises:
        StepOperatorError: the job ended without a result.
        SkipStep: the step asked for it.
        FailWithoutRetry: the step asked for it.
    """
    try:
        step_operator.launch(
            info=step_run_info(launch.plan, launch.run_name),
            entrypoint_command=entrypoint_command(launch, step_operator, store_connection_id),
        )
    except Exception as error:
        manifest = launch.finished()
        if manifest is not None:
            return manifest
        asked_for = _asked_for(error)
        if asked_for is not None:
            raise asked_for from error
        raise
    manifest = launch.finished()
    if manifest is None:
        raise _no_result(launch, step_operator)
    return manifest


def _no_result(launch: StepLaunch, step_operator: BaseStepOperator) -> StepOperatorError:
    return StepOperatorError(
        f"step {launch.plan.name!r}: step operator {step_operator.name!r} ended without an error, and "
        f"the step left no result at {launch.storage.full_uri(launch.prefix)}; does `launch` wait for its "
        "job, and does the job reach the artifact store?"
    )


def _asked_for(error: Exception) -> StepControl | None:
    """Return how the step asked to end, if the exit code of its job says that it did."""
    from airflow_provider_pipes.entrypoints.entrypoint import EXIT_FAIL_WITHOUT_RETRY, EXIT_SKIP

    ends: dict[int | None, type[StepControl]] = {
        EXIT_SKIP: SkipStep,
        EXIT_FAIL_WITHOUT_RETRY: FailWithoutRetry,
    }
    end = ends.get(getattr(error, "job_exit_code", None))
    return None if end is None else end(message_of(error))


def entrypoint_command(
    launch: StepLaunch, step_operator: BaseStepOperator, store_connection_id: str | None = None
) -> list[str]:
    """Return the command that runs a prepared step elsewhere; it holds nothing that a user wrote."""
    module, _, name = step_operator.entrypoint_config_class.rpartition(".")
    configuration: type[StepEntrypointConfiguration] = getattr(import_module(module), name)
    return configuration.get_entrypoint_command() + configuration.get_entrypoint_arguments(
        step_name=launch.plan.name,
        execution_info_path=launch.storage.full_uri(launch.execution_info_path),
        store_connection_id=store_connection_id,
    )
