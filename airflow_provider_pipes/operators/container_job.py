"""What a container is given to run a step, whichever engine starts it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.entrypoints.delegation import ENDED_EARLY, OF_LAUNCH, Delegation, step_command
from airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration import (
    StepOperatorEntrypointConfiguration,
)
from airflow_provider_pipes.operators.secrets import StepSecrets, step_secrets
from airflow_provider_pipes.runtime.gpus import GPU_COUNT_VARIABLE
from airflow_provider_pipes.runtime.snapshot import CACHE_VARIABLE

if TYPE_CHECKING:
    from airflow_provider_pipes.operators.launch import AirflowLaunch

LABEL_PREFIX = "airflow-provider-pipes"
TOKEN_LABEL = f"{LABEL_PREFIX}/token"
"""Names the result that a container works on: a later attempt adopts what carries it."""
STEP_RUN_LABEL = f"{LABEL_PREFIX}/step-run"
"""The same for all tokens of a step run: what carries it with another token is out of date."""

# Where a user without a home may write; the code snapshot is extracted there.
_HOME = "/tmp"


@dataclass(frozen=True)
class ContainerJob:
    """A prepared step as a container.

    Attributes:
        delegation: The step, and how its end is read.
        command: Runs the step; holds nothing that a user wrote.
        environment: Plain variables.
        secrets: Variables to be passed by the engine's private means.
        labels: Token and step run; safe as Kubernetes labels.
        image: The image of the run's deployment; None where that names none.
        image_built: Whether `pipes deploy` made it.
        resources: Fields of ``ResourceSettings`` that are set.
        user: The user chosen in the docker settings.
        store_folder: A local artifact store's folder, which the container must see at the same path.
    """

    delegation: Delegation
    command: list[str]
    environment: Mapping[str, str]
    secrets: StepSecrets
    labels: Mapping[str, str]
    image: str | None
    resources: Mapping[str, Any]
    user: str | None
    store_folder: str | None
    image_built: bool = False

    @property
    def step(self) -> str:
        """Name of the step."""
        return self.delegation.launch.plan.name

    @property
    def token(self) -> str:
        """The token of the step run."""
        return self.delegation.launch.token

    @property
    def told_by_step(self) -> bool:
        """Whether the step itself wrote down why it failed.

        That it was interrupted is no reason, but how the end of its container looks from within.
        """
        told = self.delegation.launch.tried.last_failure(self.delegation.known)
        return told is not None and told.reason != "interrupted"

    @property
    def gpu_count(self) -> int:
        """GPUs that the step asks for."""
        return int(self.resources.get("gpu_count") or 0)

    @property
    def worker_user(self) -> str:
        """User and group of this process, which a shared folder lets write."""
        return f"{os.getuid()}:{os.getgid()}"


def container_job(launch: AirflowLaunch, whose: str, surely_waits: bool = True) -> ContainerJob:
    """Return a prepared step as a container.

    Args:
        launch: The prepared step.
        whose: What runs it, as messages name it: "a Docker container".
        surely_waits: Whether what runs it waits for its end, as far as we know.

    Raises:
        ConfigurationError: its secrets can't be resolved.
    """
    step, connection_id = launch.step_launch, launch.task.store_connection_id
    plan, store = step.plan, launch.task.store
    with step.tried.failure_kept():
        secrets = step_secrets(plan.secrets, connection_id, f"step {plan.name!r}")
    return ContainerJob(
        delegation=Delegation.begin(step, whose, ENDED_EARLY if surely_waits else OF_LAUNCH),
        command=step_command(StepOperatorEntrypointConfiguration, step, connection_id),
        environment={**secrets.names, **_environment(plan.variables, plan.resources)},
        secrets=secrets,
        labels={TOKEN_LABEL: step.token, STEP_RUN_LABEL: launch.step_run_id},
        image=plan.image,
        image_built=plan.image_built,
        resources=plan.resources,
        user=plan.user,
        store_folder=None if "://" in store else store,
    )


def _environment(chosen: Mapping[str, str], resources: Mapping[str, Any]) -> dict[str, str]:
    environment = {"PYTHONUNBUFFERED": "1", "HOME": _HOME, CACHE_VARIABLE: f"{_HOME}/airflow-provider-pipes"}
    if resources.get("gpu_count"):
        environment[GPU_COUNT_VARIABLE] = str(resources["gpu_count"])
    return environment | dict(chosen)
