"""A prepared step handed to a step operator, and how its job ended read back from the store."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import BaseEntrypointConfiguration
from airflow_provider_pipes.errors import (
    FailWithoutRetry,
    PipesError,
    SkipStep,
    StepControl,
    StepOperatorError,
    is_plain_exit,
    message_of,
)
from airflow_provider_pipes.models.documents import Failure, Manifest
from airflow_provider_pipes.runtime.hooks import step_run_info
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.sources import error_of_class

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepRunInfo


OF_LAUNCH = "does it wait for its job, and does the job reach the artifact store?"
"""Advice for what runs a step and is not ours, where it ended well and the step left no result."""

ENDED_EARLY = "does something in the step's code end its process early, as os._exit(0) does?"
"""The same for what we run ourselves: it surely waits, and tells a store that it does not reach."""


class StepLauncher(Protocol):
    """What is asked of a step operator here; its base class lies above this layer."""

    name: str
    entrypoint_config_class: ClassVar[Any]

    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        """Run a job that executes the command, and return when it is done."""


@dataclass(frozen=True)
class Delegation:
    """A prepared step that something else runs, and how that ended.

    The store decides: a job that left a manifest succeeded, and one that left a failure failed as
    it says there, whatever its engine says of it. Where it left neither, the failure is written here.

    Attributes:
        launch: The prepared step.
        whose: What runs it, as messages name it: "step operator 'gpu'".
        started: When it was handed over, in seconds since the epoch.
        known: Numbers of the failures that were there before.
        advice: What to look at where it ended well and left no result.
    """

    launch: StepLaunch
    whose: str
    started: float
    known: frozenset[int]
    advice: str = OF_LAUNCH

    @classmethod
    def begin(cls, launch: StepLaunch, whose: str, advice: str = OF_LAUNCH) -> Delegation:
        """Note what is there before the step is handed over."""
        return cls(launch, whose, time.time(), frozenset(launch.tried.failure_numbers()), advice)

    def interrupted(self, interruption: BaseException) -> None:
        """Write down what ended the wait for the job, unless the job told it itself."""
        if self.launch.tried.last_failure(self.known) is None:
            self.launch.tried.record_failure(interruption, self.started)

    def result(self, noticed: Exception | None = None) -> Manifest:
        """Return the manifest that the job left.

        Args:
            noticed: What went wrong, as far as who waited for the job could tell.

        Raises:
            StepOperatorError: the job ended without a result.
            SkipStep: the step asked for it.
            FailWithoutRetry: the step asked for it.
        """
        manifest = self.launch.finished()
        if manifest is not None:
            return manifest
        told = self.launch.tried.last_failure(self.known)
        ending = _ending(self, told, noticed)
        if told is None:
            self.launch.tried.record_failure(ending, self.started)
        if ending is noticed:
            raise ending
        # Where the step itself said how it ends, how its end was noticed is no cause.
        raise ending from (None if isinstance(ending, StepControl) else noticed)


def run_by_step_operator(
    launch: StepLaunch, step_operator: StepLauncher, store_connection_id: str | None = None
) -> Manifest:
    """Let a step operator run a prepared step, and return the manifest that its job left.

    Raises:
        StepOperatorError: the job ended without a result.
        SkipStep: the step asked for it.
        FailWithoutRetry: the step asked for it.
    """
    delegation = Delegation.begin(launch, _whose(step_operator))
    noticed: Exception | None = None
    try:
        _launch(launch, step_operator, store_connection_id)
    except Exception as error:
        noticed = error
    except BaseException as interruption:
        delegation.interrupted(interruption)
        raise
    return delegation.result(noticed)


def _launch(launch: StepLaunch, step_operator: StepLauncher, store_connection_id: str | None) -> None:
    info = step_run_info(launch.plan, launch.run_name)
    command = entrypoint_command(launch, step_operator, store_connection_id)
    _check_signature(step_operator, info, command)
    try:
        step_operator.launch(info=info, entrypoint_command=command)
    except SystemExit as error:
        if not is_plain_exit(error):
            raise
        raise error_of_class(StepOperatorError, _whose(step_operator), error, "launch") from error


def _check_signature(step_operator: StepLauncher, info: StepRunInfo, command: list[str]) -> None:
    try:
        inspect.signature(step_operator.launch).bind(info=info, entrypoint_command=command)
    except ValueError:
        return  # it does not tell its signature
    except TypeError as error:
        raise StepOperatorError(
            f"{_whose(step_operator)}: `launch` is called with info=… and entrypoint_command=…, which it "
            f"does not take ({error}); define it as launch(self, info, entrypoint_command)"
        ) from None


def _whose(step_operator: StepLauncher) -> str:
    return f"step operator {step_operator.name!r}"


def _ending(delegation: Delegation, told: Failure | None, error: Exception | None) -> Exception:
    """Return how a step without a result ended.

    As far as the job wrote it down or its exit code says so: a ``launch`` as simple as
    ``subprocess.run(command, check=True)`` knows an exit code at most.
    """
    if told is not None:
        controls: dict[str, type[StepControl]] = {"skipped": SkipStep, "refused": FailWithoutRetry}
        if told.reason in controls:
            return controls[told.reason](told.message)
    if isinstance(error, StepControl):
        return error
    asked_for = _asked_for(error) if told is None and error is not None else None
    if asked_for is not None:
        return asked_for
    if isinstance(error, PipesError):
        return error  # who ran it tells in its own words what happened
    if told is not None:
        said = f"{told.type}: {told.message}" if told.message else told.type
        return StepOperatorError(
            f"step {delegation.launch.plan.name!r}, run by {delegation.whose}, raised {said}"
        )
    return _no_result(delegation) if error is None else _raised(delegation, error)


def _raised(delegation: Delegation, error: Exception) -> StepOperatorError:
    told = error_of_class(StepOperatorError, delegation.whose, error, "launch")
    told.job_exit_code = job_exit_code(error)
    return told


def _no_result(delegation: Delegation) -> StepOperatorError:
    launch = delegation.launch
    return StepOperatorError(
        f"step {launch.plan.name!r}: {delegation.whose} ended without an error, and the step left no result "
        f"at {launch.storage.full_uri(launch.prefix)}; {delegation.advice}"
    )


def _asked_for(error: Exception) -> StepControl | None:
    """Return how the step asked to end, if the exit code of its job says that it did."""
    from airflow_provider_pipes.entrypoints.entrypoint import EXIT_FAIL_WITHOUT_RETRY, EXIT_SKIP

    ends: dict[int, type[StepControl]] = {
        EXIT_SKIP: SkipStep,
        EXIT_FAIL_WITHOUT_RETRY: FailWithoutRetry,
    }
    code = job_exit_code(error)
    end = None if code is None else ends.get(code)
    return None if end is None else end(message_of(error))


def job_exit_code(error: BaseException) -> int | None:
    """Return what a job's command exited with, where an error of ``launch`` tells it.

    A StepOperatorError has it in ``job_exit_code``, and subprocess's CalledProcessError as ``returncode``.
    """
    found = getattr(error, "job_exit_code", getattr(error, "returncode", None))
    return found if isinstance(found, int) else None


def entrypoint_command(
    launch: StepLaunch, step_operator: StepLauncher, store_connection_id: str | None = None
) -> list[str]:
    """Return the command that runs a prepared step elsewhere; it holds nothing that a user wrote.

    Raises:
        StepOperatorError: the step operator's entrypoint configuration is none, or raised.
    """
    configuration = _entrypoint_configuration(step_operator)
    try:
        return step_command(configuration, launch, store_connection_id)
    except PipesError:
        raise
    except Exception as error:
        whose = f"{_whose(step_operator)}: {configuration.__qualname__}"
        raise error_of_class(StepOperatorError, whose, error, "get_entrypoint_arguments") from error


def step_command(
    configuration: type[BaseEntrypointConfiguration], launch: StepLaunch, store_connection_id: str | None
) -> list[str]:
    """Return the command by which an entrypoint configuration runs a prepared step."""
    values = {
        "step_name": launch.plan.name,
        "execution_info_path": launch.storage.full_uri(launch.execution_info_path),
        "store_connection_id": store_connection_id,
    }
    return [*configuration.get_entrypoint_command(), *configuration.get_entrypoint_arguments(**values)]


def _entrypoint_configuration(step_operator: StepLauncher) -> type[BaseEntrypointConfiguration]:
    """Return the class that ``entrypoint_config_class`` names, or is."""
    given: Any = step_operator.entrypoint_config_class
    found = given
    if isinstance(given, str):
        module, _, name = given.replace(":", ".").rpartition(".")
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise StepOperatorError(
                f"{_whose(step_operator)}: entrypoint_config_class {given!r} can't be imported ({error}); "
                "expected 'module.Class'"
            ) from error
    if not isinstance(found, type) or not issubclass(found, BaseEntrypointConfiguration):
        raise StepOperatorError(
            f"{_whose(step_operator)}: entrypoint_config_class {given!r} is no entrypoint configuration; "
            "name a class that derives from StepOperatorEntrypointConfiguration, as 'module.Class'"
        )
    return found


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
