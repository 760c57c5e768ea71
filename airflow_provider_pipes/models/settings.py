"""What a user may say about a pipeline and its steps beside their code."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

_MEMORY = re.compile(r"^\d+(\.\d+)?\s*([kKMGTP]i?)?B?\Z")


class Settings(BaseModel):
    """Base of all settings: frozen, and a field that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than zero")
    return value


def _memory(value: str) -> str:
    if not _MEMORY.match(value):
        raise ValueError(f"{value!r} is no amount of memory; write it as '512MB', '16GB' or '1.5GiB'")
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


class DockerSettings(Settings):
    """The environment that a step needs: its image and its requirements.

    Attributes:
        parent_image: Image to start from.
        dockerfile: Dockerfile of the parent image, relative to the project; built first, in place of
            ``parent_image``.
        build_context: Folder that the Dockerfile copies from, relative to the project.
        requirements: Requirement specifiers, as in a requirements file; the path of such a file,
            relative to the project; or "lock" for the project's lock. Part of the cache key.
        apt_packages: Debian packages to install.
        environment: Variables of the step's process; plain values, never secret ones.
        secrets: For a variable's name, where its value is, as "airflow-connection:ID.password";
            resolved on the worker when the step starts.
        build_options: Further arguments of the image builder.
        platform: Platform of the image, as "linux/amd64".
        user: User that the container runs as; by default one without privileges.
        python_package_installer: What installs the requirements.
        copy_code: Whether the code is part of the image, instead of fetched from the artifact store.
        target_repository: Repository of the image in the container registry.
        skip_build: Whether ``image`` is used as it is.
        image: An image that has all that the step needs, with ``skip_build``.
    """

    parent_image: Annotated[str, Field(min_length=1)] | None = None
    dockerfile: Annotated[str, Field(min_length=1)] | None = None
    build_context: Annotated[str, Field(min_length=1)] | None = None
    requirements: tuple[str, ...] | str = ()
    apt_packages: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    build_options: dict[str, Any] = Field(default_factory=dict)
    platform: str | None = None
    user: str | None = None
    python_package_installer: Literal["uv", "pip"] = "uv"
    copy_code: bool = False
    target_repository: str | None = None
    skip_build: bool = False
    image: Annotated[str, Field(min_length=1)] | None = None


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
