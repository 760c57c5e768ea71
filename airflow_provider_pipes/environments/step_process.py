"""A prepared step in a process of another Python."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.entrypoints.delegation import ENDED_EARLY, Delegation, step_command
from airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration import (
    StepOperatorEntrypointConfiguration,
)
from airflow_provider_pipes.environments import KEPT_ENVIRONMENTS
from airflow_provider_pipes.environments.environment import Environment, environment_python
from airflow_provider_pipes.environments.interpreter import find_interpreter
from airflow_provider_pipes.environments.light_core import core_folder, core_requirements
from airflow_provider_pipes.errors import PythonEnvironmentError, StepOperatorError
from airflow_provider_pipes.runtime.snapshot import CACHE_VARIABLE, own_folder
from airflow_provider_pipes.step_operators.child_process import run_child

if TYPE_CHECKING:
    from airflow_provider_pipes.models.documents import Manifest
    from airflow_provider_pipes.runtime.launch import StepLaunch
    from airflow_provider_pipes.runtime.plan import StepPlan

logger = logging.getLogger(__name__)

# Airflow kills a task's process five seconds after it asked it to end.
_GRACE_SECONDS = 3.0
# Variables that belong to the worker's Python and would let another one import its packages.
_OF_THE_WORKER = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


def step_python(plan: StepPlan, store: str, cache_dir: Path | None, keep: int = KEPT_ENVIRONMENTS) -> str:
    """Return the interpreter that a step asks for; its environment is made where it is missing.

    Args:
        plan: The step.
        store: Address of the artifact store, whose client is needed there.
        cache_dir: Folder for environments, instead of the user's cache.
        keep: How many environments stay there.

    Raises:
        PythonEnvironmentError: there is no such interpreter, or no environment can be made.
    """
    chosen = plan.orchestrator_settings
    try:
        interpreter = find_interpreter(chosen.get("python"))
        if not chosen.get("requirements"):
            return interpreter.path
        environment = Environment.of(chosen["requirements"], core_requirements(store), interpreter)
        return environment_python(environment, _folder("environments", cache_dir), keep)
    except PythonEnvironmentError as error:
        raise PythonEnvironmentError(f"step {plan.name!r}: {error}") from error.__cause__


def run_in_python(
    launch: StepLaunch,
    python: str,
    variables: Mapping[str, str],
    store_connection_id: str | None = None,
    cache_dir: Path | None = None,
) -> Manifest:
    """Run a prepared step in a process of ``python``, and return the manifest that it left.

    Args:
        launch: The prepared step.
        python: The interpreter.
        variables: Of the step's process, beside the worker's.
        store_connection_id: The store's connection, which ``variables`` hold.
        cache_dir: Folder for extracted code, instead of the user's cache.

    Raises:
        StepOperatorError: the process ended without a result.
        SkipStep: the step asked for it.
        FailWithoutRetry: the step asked for it.
    """
    delegation = Delegation.begin(launch, f"a process of {python}", ENDED_EARLY)
    # The worker's folder is not on its path: what is there belongs to the worker.
    command = [
        python,
        "-P",
        *step_command(StepOperatorEntrypointConfiguration, launch, store_connection_id)[1:],
    ]
    noticed: Exception | None = None
    try:
        end = run_child(command, _environment(variables, cache_dir), grace=_GRACE_SECONDS)
        if end.status:
            noticed = end.error_of_step(launch.plan.name)
    except (OSError, ValueError) as error:
        noticed = StepOperatorError(f"step {launch.plan.name!r}: can't start {python!r}: {error}")
    except BaseException as interruption:
        delegation.interrupted(interruption)
        raise
    return delegation.result(noticed)


def _environment(variables: Mapping[str, str], cache_dir: Path | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OF_THE_WORKER}
    if cache_dir is not None:
        kept[CACHE_VARIABLE] = str(cache_dir)
    core = str(core_folder(_folder("core", cache_dir)))
    own = variables.get("PYTHONPATH")
    return {**kept, **variables, "PYTHONPATH": os.pathsep.join([core, own] if own else [core])}


def _folder(name: str, cache_dir: Path | None) -> Path:
    folder = own_folder(name, cache_dir)
    if folder is None:
        raise PythonEnvironmentError(
            f"this worker has no folder for {name!r} of pipes that is its user's alone; set [pipes] "
            "cache_dir or PIPES_CACHE_DIR to a folder that the user can write to, and give what is "
            "below it the mode 0700"
        )
    return folder
