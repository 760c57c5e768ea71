"""A prepared step handed to a step operator, and how its job ended read back from the store."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from airflow_provider_pipes.errors import (
    FailWithoutRetry,
    PipesError,
    SkipStep,
    StepControl,
    StepOperatorError,
    message_of,
)
from airflow_provider_pipes.models.documents import Failure, Manifest
from airflow_provider_pipes.runtime.hooks import step_run_info
from airflow_provider_pipes.runtime.launch import StepLaunch

if TYPE_CHECKING:
    from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import StepEntrypointConfiguration
    from airflow_provider_pipes.models.deployment import StepRunInfo

_FAILURE_FILE = re.compile(r"failure-(\d+)\.json\Z")


class StepLauncher(Protocol):
    """What is asked of a step operator here; its base class lies above this layer."""

    name: str
    entrypoint_config_class: ClassVar[str]

    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        """Run a job that executes the command, and return when it is done."""


def run_by_step_operator(
    launch: StepLaunch, step_operator: StepLauncher, store_connection_id: str | None = None
) -> Manifest:
    """Let a step operator run a prepared step, and return the manifest that its job left.

    The store decides: a job that left a manifest succeeded, and one that left a failure failed as
    it says there, whatever ``launch`` made of it.

    Raises:
        StepOperatorError: the job ended without a result.
        SkipStep: the step asked for it.
        FailWithoutRetry: the step asked for it.
    """
    known = _failures(launch)
    try:
        step_operator.launch(
            info=step_run_info(launch.plan, launch.run_name),
            entrypoint_command=entrypoint_command(launch, step_operator, store_connection_id),
        )
    except Exception as error:
        manifest = launch.finished()
        if manifest is not None:
            return manifest
        told = _told_by_job(launch, step_operator, known, error)
        if told is None:
            raise
        # Where the step itself said how it ends, how ``launch`` learned of it is no cause.
        raise told from (None if isinstance(told, StepControl) else error)
    manifest = launch.finished()
    if manifest is None:
        raise _told_by_job(launch, step_operator, known, None) or _no_result(launch, step_operator)
    return manifest


def _no_result(launch: StepLaunch, step_operator: StepLauncher) -> StepOperatorError:
    return StepOperatorError(
        f"step {launch.plan.name!r}: step operator {step_operator.name!r} ended without an error, and "
        f"the step left no result at {launch.storage.full_uri(launch.prefix)}; does `launch` wait for its "
        "job, and does the job reach the artifact store?"
    )


def _told_by_job(
    launch: StepLaunch, step_operator: StepLauncher, known: set[int], error: Exception | None
) -> Exception | None:
    """Return how the step ended in its job, as far as the job wrote it down or its exit code says so.

    A ``launch`` as simple as ``subprocess.run(command, check=True)`` knows an exit code at most.
    """
    failure = _new_failure(launch, known)
    if failure is None:
        return None if error is None else _asked_for(error)
    controls: dict[str, type[StepControl]] = {"skipped": SkipStep, "refused": FailWithoutRetry}
    if failure.reason in controls:
        return controls[failure.reason](failure.message)
    if isinstance(error, PipesError):
        return None  # a step operator that tells in its own words what happened
    said = f"{failure.type}: {failure.message}" if failure.message else failure.type
    return StepOperatorError(
        f"step {launch.plan.name!r}, run by step operator {step_operator.name!r}, raised {said}"
    )


def _new_failure(launch: StepLaunch, known: set[int]) -> Failure | None:
    found = last_failure(launch)
    return None if found is None or max(_failures(launch)) in known else found


def last_failure(launch: StepLaunch) -> Failure | None:
    """Return the last failure that the token has, if there is one that can be read."""
    try:
        last = max(_failures(launch), default=None)
        if last is None:
            return None
        return Failure.from_json(launch.storage.read(f"{launch.prefix}/failure-{last}.json"))
    except (PipesError, ValueError, TypeError):
        return None  # what went wrong is told by the caller; this could only have told it better


def _failures(launch: StepLaunch) -> set[int]:
    """Return the numbers of the failures that the token has: of earlier attempts, or before a resume."""
    names = launch.storage.list(launch.prefix)
    return {int(found[1]) for name in names if (found := _FAILURE_FILE.match(name))}


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
    launch: StepLaunch, step_operator: StepLauncher, store_connection_id: str | None = None
) -> list[str]:
    """Return the command that runs a prepared step elsewhere; it holds nothing that a user wrote."""
    module, _, name = step_operator.entrypoint_config_class.replace(":", ".").rpartition(".")
    configuration: type[StepEntrypointConfiguration] = getattr(import_module(module), name)
    return configuration.get_entrypoint_command() + configuration.get_entrypoint_arguments(
        step_name=launch.plan.name,
        execution_info_path=launch.storage.full_uri(launch.execution_info_path),
        store_connection_id=store_connection_id,
    )


def step_operator_of_deployment(launch: StepLaunch) -> Any:
    """Build the step operator that a prepared step asks for, from its deployment.

    Raises:
        StepOperatorError: the deployment has none of this name, or what it has can't launch.
        ConfigurationError: its classes can't be imported here, or do not take its config.
    """
    from airflow_provider_pipes.stack.spec import component_from_spec

    wanted = launch.plan.step_operator
    for spec in launch.plan.deployment.components:
        if spec["type"] == "step_operator" and spec["name"] == wanted:
            component = component_from_spec(spec)
            if callable(getattr(component, "launch", None)):
                return component
    raise StepOperatorError(f"step {launch.plan.name!r}: its deployment has no step operator {wanted!r}")
