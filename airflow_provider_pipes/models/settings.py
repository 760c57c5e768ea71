"""What a user may say about a pipeline and its steps beside their code."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from airflow_provider_pipes.models.docker_settings import DockerSettings
from airflow_provider_pipes.models.memory import memory_bytes
from airflow_provider_pipes.models.settings_base import Settings

__all__ = [
    "AirflowSettings",
    "DockerSettings",
    "ResourceSettings",
    "Schedule",
    "Settings",
    "TaskSettings",
]


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than zero")
    return value


def _memory(value: str) -> str:
    memory_bytes(value)
    return value


PositiveDuration = Annotated[timedelta, AfterValidator(_positive)]
MemoryAmount = Annotated[str, AfterValidator(_memory)]


class ResourceSettings(Settings):
    """What a step needs to run.

    Attributes:
        cpu_count: Cores; fractions are allowed.
        memory: Amount with a unit, as "16GB" or "1.5GiB".
        gpu_count: Number of GPUs.
        gpu_type: Name of the GPU model, as the cluster labels it.
        ephemeral_storage: Scratch disk, with a unit.
        shm_size: Shared memory (/dev/shm), with a unit.
    """

    cpu_count: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    memory: MemoryAmount | None = None
    gpu_count: Annotated[int, Field(ge=0)] | None = None
    gpu_type: str | None = None
    ephemeral_storage: MemoryAmount | None = None
    shm_size: MemoryAmount | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not self.model_dump(exclude_none=True)


class AirflowSettings(Settings):
    """How the airflow orchestrator runs a step: settings "orchestrator.airflow" of a pipeline or a step.

    Attributes:
        operator: "python", "docker", "kubernetes", or an operator that the orchestrator's config names.
        operator_args: Arguments of the Airflow operator; they go with ``operator``.
        python: Interpreter that runs the step in python mode, in place of the worker's own.
        requirements: Requirement specifiers of an environment for the step in python mode.
    """

    operator: Annotated[str, Field(min_length=1)] | None = None
    operator_args: dict[str, Any] = Field(default_factory=dict)
    python: Annotated[str, Field(min_length=1)] | None = None
    requirements: tuple[str, ...] = ()


class TaskSettings(Settings):
    """How Airflow runs a step's task; None leaves Airflow's own default.

    Attributes:
        retries: Tries after the first one.
        retry_delay: Wait between tries.
        retry_exponential_backoff: Factor by which the wait grows with each try.
        max_retry_delay: The longest wait.
        execution_timeout: The longest time that one try may take.
        pool: Airflow pool that the task takes its slots from.
        pool_slots: Slots it takes.
        queue: Worker queue.
        priority_weight: Priority among waiting tasks, higher first.
    """

    retries: Annotated[int, Field(ge=0)] | None = None
    retry_delay: PositiveDuration | None = None
    retry_exponential_backoff: Annotated[float, Field(ge=1)] | None = None
    max_retry_delay: PositiveDuration | None = None
    execution_timeout: PositiveDuration | None = None
    pool: Annotated[str, Field(min_length=1)] | None = None
    pool_slots: Annotated[int, Field(ge=1)] | None = None
    queue: Annotated[str, Field(min_length=1)] | None = None
    priority_weight: int | None = None

    def over(self, defaults: TaskSettings) -> TaskSettings:
        """Return these settings, with ``defaults`` where nothing is said."""
        return TaskSettings(
            **{**defaults.model_dump(exclude_none=True), **self.model_dump(exclude_none=True)}
        )


class Schedule(Settings):
    """When Airflow starts runs of a pipeline; give either ``cron`` or ``interval``.

    The cron expression is checked when the pipeline is compiled, with Airflow's own cron library,
    which a step container does not have.

    Attributes:
        cron: Five-field expression or a preset as "@daily".
        interval: Time between runs.
        timezone: Name in the IANA database; the cron expression, and a ``start`` or ``end``
            without a zone, are in it.
        start: First moment for which a run is due.
        end: Last moment.
        catchup: Whether runs that were due between ``start`` and now are made up for.
        max_active_runs: Runs that may be active at the same time.
    """

    cron: str | None = None
    interval: PositiveDuration | None = None
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    catchup: bool = False
    max_active_runs: Annotated[int, Field(ge=1)] | None = None

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no IANA time zone; write it as 'Europe/Paris' or 'UTC'") from None
        return value

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if (self.cron is None) == (self.interval is None):
            raise ValueError("a schedule has either cron=… or interval=…, not both and not neither")
        if self.catchup and self.start is None:
            raise ValueError("catchup=True makes up for runs since start=…: give a start")
        if self.start and self.end and self.localized(self.end) <= self.localized(self.start):
            raise ValueError(f"end {self.end.isoformat()} is not after start {self.start.isoformat()}")
        return self

    def localized(self, moment: datetime) -> datetime:
        """Return ``moment`` with this schedule's zone where it has none."""
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.timezone))
