"""The keyword arguments of ``@step``, ``with_options`` and ``@pipeline``.

They are only gathered here. The compiler checks their values, all at once and with pydantic, which a
step container does not import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_pipes.errors import AuthoringError

if TYPE_CHECKING:
    from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, Schedule


class TaskOptions(TypedDict, total=False):
    """How Airflow runs a step's task; see ``models.settings.TaskSettings``."""

    retries: int
    retry_delay: timedelta
    retry_exponential_backoff: float
    max_retry_delay: timedelta
    execution_timeout: timedelta
    pool: str
    pool_slots: int
    queue: str
    priority_weight: int


class StepOptions(TaskOptions, total=False):
    """Options of a step.

    Attributes:
        name: Its name in the pipeline; the function's name by default.
        cache: Whether a result of the same code and inputs may be reused; true by default.
        resources: What it needs to run.
        docker: Its image and requirements.
        step_operator: Name of the step operator of the stack that runs it.
        materializers: For an output's name, the ``Materializer`` class that stores it.
    """

    name: str
    cache: bool
    resources: ResourceSettings
    docker: DockerSettings
    step_operator: str
    materializers: Mapping[str, type]


class PipelineOptions(TaskOptions, total=False):
    """Options of a pipeline; those of tasks are defaults for its steps.

    Attributes:
        name: Its name; the function's name by default.
        description: One line; the first line of the docstring by default.
        schedule: When Airflow starts runs.
        tags: Airflow's tags.
        cache: Default for its steps.
        docker: Default for its steps.
        include: Globs of files, relative to the project, that the code needs beside its modules.
        run_timeout: The longest time that a run may take.
    """

    name: str
    description: str
    schedule: Schedule
    tags: Sequence[str]
    cache: bool
    docker: DockerSettings
    include: Sequence[str]
    run_timeout: timedelta


TASK_OPTIONS = frozenset(TaskOptions.__annotations__)
STEP_OPTIONS = frozenset(StepOptions.__annotations__) | TASK_OPTIONS
PIPELINE_OPTIONS = frozenset(PipelineOptions.__annotations__) | TASK_OPTIONS


def check_option_names(where: str, options: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse an option that does not exist, naming the nearest one.

    Raises:
        AuthoringError: one or more options are unknown.
    """
    unknown = [name for name in options if name not in known]
    if not unknown:
        return
    from difflib import get_close_matches

    said = []
    for name in unknown:
        near = get_close_matches(name, known, n=1)
        said.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    raise AuthoringError(f"{where} has no option {', '.join(said)}; it takes: {', '.join(sorted(known))}")
