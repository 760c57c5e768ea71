"""The options of a step or pipeline, validated by pydantic and told by field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from airflow_provider_pipes.authoring.options import TASK_OPTIONS
from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, Schedule, TaskSettings
from airflow_provider_pipes.stack.validation import field_problems

M = TypeVar("M", bound=BaseModel)

_CRON_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


def validation_problems(where: str, error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one sentence for each field that pydantic refused."""
    return [
        f"{', '.join(filter(None, (where, '.'.join(map(str, path)))))}: {sentence}"
        for path, sentence in field_problems(error, model)
    ]


def task_settings(where: str, options: Mapping[str, Any], problems: list[str]) -> TaskSettings:
    """Return the task settings among ``options``; what is wrong goes to ``problems``."""
    values = {name: value for name, value in options.items() if name in TASK_OPTIONS}
    if values.get("retry_exponential_backoff") is True:
        values["retry_exponential_backoff"] = 2.0  # Airflow's meaning of True
    if values.get("retry_exponential_backoff") is False:
        del values["retry_exponential_backoff"]
    try:
        return TaskSettings.model_validate(values, strict=False)
    except ValidationError as error:
        problems += validation_problems(where, error, TaskSettings)
        return TaskSettings()


def instance_of(
    where: str, options: Mapping[str, Any], name: str, model: type[M], problems: list[str]
) -> M | None:
    """Return option ``name`` if it is of class ``model``; anything else is a problem."""
    value = options.get(name)
    if value is None or isinstance(value, model):
        return value
    problems.append(f"{where}, {name}: expected {model.__name__}(…), got {value!r}")
    return None


def resources(
    where: str, options: Mapping[str, Any], defaults: ResourceSettings, problems: list[str]
) -> ResourceSettings:
    """Return the resources among ``options``, with ``defaults`` for the fields not set."""
    return _merged(defaults, instance_of(where, options, "resources", ResourceSettings, problems))


def docker(
    where: str, options: Mapping[str, Any], defaults: DockerSettings, problems: list[str]
) -> DockerSettings:
    """Return the docker settings among ``options``, with ``defaults`` for the fields not set."""
    own = instance_of(where, options, "docker", DockerSettings, problems)
    if own is None:
        return defaults
    try:
        return own.over(defaults)
    except ValidationError as error:
        # Each is right in itself: it is what one of them says against the other that is told.
        problems += validation_problems(f"{where}, docker", error, DockerSettings)
        return own


def _merged(defaults: M, own: M | None) -> M:
    if own is None:
        return defaults
    fields = {**defaults.model_dump(exclude_unset=True), **own.model_dump(exclude_unset=True)}
    return type(defaults).model_validate(fields)


def boolean(where: str, options: Mapping[str, Any], name: str, default: bool, problems: list[str]) -> bool:
    """Return option ``name`` if it is a bool; anything else is a problem."""
    value = options.get(name, default)
    if isinstance(value, bool):
        return value
    problems.append(f"{where}, {name}: expected True or False, got {value!r}")
    return default


def schedule(where: str, options: Mapping[str, Any], problems: list[str]) -> Schedule | None:
    """Return the schedule, its cron expression checked with the library that Airflow uses."""
    found = instance_of(where, options, "schedule", Schedule, problems)
    if found is not None and found.cron is not None:
        problem = cron_problem(found.cron)
        if problem:
            problems.append(f"{where}, schedule: {problem}")
    return found


def cron_problem(expression: str) -> str | None:
    """Return why Airflow would refuse a cron expression, or None."""
    from croniter import croniter

    if expression.startswith("@") and expression not in _CRON_PRESETS:
        return f"{expression!r} is no preset of Airflow; it has {', '.join(_CRON_PRESETS)}"
    plain = _CRON_PRESETS.get(expression, expression)
    if len(plain.split()) != 5:
        return f"cron expression {expression!r} has {len(plain.split())} fields; write five, as '0 6 * * *'"
    try:
        croniter(plain, datetime(2000, 1, 1)).get_next()  # fails for the 30th of February
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        return f"cron expression {expression!r} is not valid: {error}"
    return None
