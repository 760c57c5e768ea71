"""What Airflow would refuse, garble or crash on, found before there is a DAG file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_pipes.models.deployment import PipelineConfig, PipelineDeployment
from airflow_provider_pipes.models.names import airflow_key_problem
from airflow_provider_pipes.models.settings import Schedule, TaskSettings

TAG_MAX_LENGTH = 100
POOL_MAX_LENGTH = 256
# Columns of Airflow's database have 32 bits, and it adds to what we give.
LARGEST_COUNT = 2**30
LONGEST = timedelta(days=36_500)
MAX_NESTING = 50
_YEARS = range(1900, 9000)


def airflow_problems(deployment: PipelineDeployment, dag_id: str) -> list[str]:
    """Return everything that keeps Airflow from running this deployment, one sentence each."""
    pipeline = deployment.pipeline
    problems = [
        airflow_key_problem("DAG", dag_id),
        _text_problem("the pipeline's description", pipeline.description),
        _text_problem("the pipeline's docstring", pipeline.doc),
        *_tag_problems(pipeline.tags),
        *_task_problems("the pipeline", pipeline.task),
        *_parameter_problems(pipeline),
        *_schedule_problems(pipeline),
    ]
    for step in deployment.step_specs:
        problems.append(airflow_key_problem("step", step.name))
        problems.append(_text_problem(f"the docstring of step {step.name!r}", step.doc))
        if step.task != pipeline.task:
            problems += _task_problems(f"step {step.name!r}", step.task)
    return [problem for problem in problems if problem]


def _text_problem(what: str, text: str) -> str | None:
    """Return why Airflow's database would not take ``text``."""
    if "\0" in text:
        return f"{what} holds a NUL character, which Airflow's database does not take: remove it"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return f"{what} holds half of a surrogate pair, which is no text in UTF-8: remove it"
    return None


def _too_long(what: str, text: str, limit: int) -> str:
    return f"{what} has {len(text)} characters; Airflow takes at most {limit}: shorten it"


def _tag_problems(tags: tuple[str, ...]) -> Iterator[str | None]:
    for tag in tags:
        yield _text_problem(f"tag {tag[:40]!r}", tag)
        if len(tag) > TAG_MAX_LENGTH:
            yield _too_long(f"tag {tag[:40]!r}…", tag, TAG_MAX_LENGTH)
        if not tag.strip():
            yield f"tag {tag!r} shows nothing in Airflow: remove it"


def _task_problems(where: str, task: TaskSettings) -> Iterator[str | None]:
    for name in ("pool", "queue"):
        text = getattr(task, name) or ""
        yield _text_problem(f"{name} of {where}", text)
        if len(text) > POOL_MAX_LENGTH:
            yield _too_long(f"{name} of {where}", text, POOL_MAX_LENGTH)
    for name in ("retries", "pool_slots"):
        yield _count_problem(f"{name} of {where}", getattr(task, name))
    for name in ("retry_delay", "max_retry_delay", "execution_timeout"):
        yield _duration_problem(f"{name} of {where}", getattr(task, name))
    factor = task.retry_exponential_backoff
    if factor is not None and not math.isfinite(factor):
        yield f"retry_exponential_backoff of {where} is {factor}: give a finite number"


def _count_problem(what: str, count: int | None) -> str | None:
    if count is not None and count > LARGEST_COUNT:
        return f"{what} is {count}; Airflow takes at most {LARGEST_COUNT}: lower it"
    return None


def _duration_problem(what: str, duration: timedelta | None) -> str | None:
    if duration is not None and duration > LONGEST:
        return f"{what} is longer than 100 years, which Airflow can't add to a date: shorten it"
    return None


def _schedule_problems(pipeline: PipelineConfig) -> Iterator[str | None]:
    timeout = pipeline.run_timeout
    if timeout is not None and not 0 < timeout <= LONGEST.total_seconds():
        yield f"run_timeout is {timeout} seconds: give more than 0 and at most 100 years"
    schedule = pipeline.schedule
    if schedule is None:
        return
    for parameter in pipeline.parameters:
        if parameter.required:
            yield (
                f"parameter {parameter.name!r} has no default, and a run that the schedule starts gives it "
                "no value: give it a default, or remove the schedule"
            )
    yield _text_problem("the schedule's cron expression", schedule.cron or "")
    yield _duration_problem("the schedule's interval", schedule.interval)
    yield _count_problem("the schedule's max_active_runs", schedule.max_active_runs)
    yield _moment_problem("start", schedule, schedule.start)
    yield _moment_problem("end", schedule, schedule.end)


def _moment_problem(name: str, schedule: Schedule, moment: datetime | None) -> str | None:
    if moment is None:
        return None
    try:
        if schedule.localized(moment).astimezone(UTC).year in _YEARS:
            return None
    except OverflowError:
        pass
    return f"the schedule's {name} is in the year {moment.year}: give one from {_YEARS[0]} to {_YEARS[-1]}"


def _parameter_problems(pipeline: PipelineConfig) -> Iterator[str | None]:
    for parameter in pipeline.parameters:
        name = f"parameter {parameter.name!r}"
        yield _text_problem(f"the name of {name}", parameter.name)
        yield from sorted(set(value_problems(f"the JSON schema of {name}", parameter.json_schema)))
        if not parameter.required:
            yield from sorted(set(value_problems(f"the default of {name}", parameter.default)))
            yield _garbled_default(name, parameter.default)


def value_problems(what: str, value: Any, depth: int = 0) -> Iterator[str]:
    """Yield what Airflow would not take, or garble, in a JSON value."""
    if depth > MAX_NESTING:
        yield f"{what} is nested more than {MAX_NESTING} levels deep: flatten it"
    elif isinstance(value, str):
        problem = _text_problem(what, value)
        if problem:
            yield problem
    elif type(value) in (int, float):
        yield from _number_problems(what, value)
    elif isinstance(value, list | tuple | dict):
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        for part in parts:
            yield from value_problems(what, part, depth + 1)


def _number_problems(what: str, value: Any) -> Iterator[str]:
    # PostgreSQL gives a large float back as an integer, and a task whose parameters hold an integer beyond 64
    # bits dies before its first log line.
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{what} holds {value}, which JSON does not have: give a finite number"
    elif not -(2**63) <= value < 2**63:
        shown = repr(value) if isinstance(value, float) else f"an integer of {value.bit_length()} bits"
        yield f"{what} holds {shown}; Airflow takes numbers within 64 bits: give it as text or scale it"


def _garbled_default(name: str, default: Any) -> str | None:
    """Return a problem for a list that Airflow writes encoded and does not decode again."""
    if not isinstance(default, list) or all(isinstance(item, dict) for item in default):
        return None
    if any(_holds_object(item) for item in default):
        return (
            f"the default of {name} is a list that holds objects beside or inside other values, which "
            "Airflow's form gets garbled: put the list into an object, or give a list of objects only"
        )
    return None


def _holds_object(value: Any) -> bool:
    if isinstance(value, dict):
        return True
    return isinstance(value, list) and any(_holds_object(item) for item in value)
