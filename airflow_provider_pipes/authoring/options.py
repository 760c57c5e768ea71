"""The keyword arguments of ``@step``, ``with_options`` and ``@pipeline``.

They are only gathered here. The compiler checks their values, all at once and with pydantic, which a
step container does not import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict, cast

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
        settings: More settings by key: "orchestrator" for the stack's orchestrator, "orchestrator.FLAVOR"
            where it is of that flavor, "docker", "resources"; each an object or a dict of its fields.
    """

    name: str
    cache: bool
    resources: ResourceSettings
    docker: DockerSettings
    step_operator: str
    materializers: Mapping[str, type]
    settings: Mapping[str, Any]


class PipelineOptions(TaskOptions, total=False):
    """Options of a pipeline; those of tasks are defaults for its steps.

    Attributes:
        name: Its name; the function's name by default.
        description: One line; the first line of the docstring by default.
        schedule: When Airflow starts runs.
        tags: Airflow's tags.
        cache: Default for its steps.
        resources: Default for its steps.
        docker: Default for its steps.
        settings: Defaults for its steps, by the keys of a step's ``settings``.
        include: Globs of files, relative to the project, that the code needs beside its modules.
        run_timeout: The longest time that a run may take.
    """

    name: str
    description: str
    schedule: Schedule
    tags: Sequence[str]
    cache: bool
    resources: ResourceSettings
    docker: DockerSettings
    settings: Mapping[str, Any]
    include: Sequence[str]
    run_timeout: timedelta


TASK_OPTIONS = frozenset(TaskOptions.__annotations__)
STEP_OPTIONS = frozenset(StepOptions.__annotations__) | TASK_OPTIONS
PIPELINE_OPTIONS = frozenset(PipelineOptions.__annotations__) | TASK_OPTIONS


def overridden(options: StepOptions, over: StepOptions) -> StepOptions:
    """Return a step's options with others over them; of ``settings``, those of the same key are replaced.

    The docker and resource settings go over earlier ones whether they are options or among ``settings``.
    """
    found: dict[str, Any] = {**options, **over}
    earlier, later = options.get("settings"), over.get("settings")
    if isinstance(earlier, Mapping) and isinstance(later, Mapping | None):
        kept = {key: value for key, value in earlier.items() if key not in over}
        found["settings"] = {**kept, **(later or {})}
    for key in ("docker", "resources"):
        if isinstance(later, Mapping) and key in later and key not in over:
            found.pop(key, None)
    return cast("StepOptions", found)


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
