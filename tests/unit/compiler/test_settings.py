from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_pipes import DockerSettings, ResourceSettings, Schedule
from airflow_provider_pipes.compiler import settings
from airflow_provider_pipes.models.settings import TaskSettings


def test_every_field_that_is_wrong_is_told() -> None:
    problems: list[str] = []
    values = {"retries": -1, "pool_slots": "many", "queue": "", "name": "not a task's option"}
    assert settings.task_settings("step 'a'", values, problems) == TaskSettings()
    assert len(problems) == 3
    assert problems[0] == "step 'a', retries: expected at least 0, got -1"
    assert all(problem.startswith("step 'a', ") for problem in problems)


@pytest.mark.parametrize(("given", "expected"), [(True, 2.0), (False, None), (3, 3.0), (None, None)])
def test_back_off_may_be_a_factor_or_airflows_true(given: Any, expected: float | None) -> None:
    problems: list[str] = []
    found = settings.task_settings("s", {"retry_exponential_backoff": given}, problems)
    assert found.retry_exponential_backoff == expected
    assert problems == []


@pytest.mark.parametrize("value", [{"gpu_count": 1}, 3, "16GB", DockerSettings()])
def test_resources_are_given_by_their_own_class(value: Any) -> None:
    problems: list[str] = []
    settings.resources("step 'a'", {"resources": value}, ResourceSettings(), problems)
    assert problems == [f"step 'a', resources: expected ResourceSettings(…), got {value!r}"]


def test_a_field_that_is_set_goes_over_the_default_of_that_field_only() -> None:
    default = DockerSettings(parent_image="python:3.12", requirements=("a",))
    found = settings.docker("s", {"docker": DockerSettings(requirements=("b",))}, default, [])
    assert found == DockerSettings(parent_image="python:3.12", requirements=("b",))
    memory = ResourceSettings(memory="1GB")
    cpus = settings.resources("s", {"resources": ResourceSettings(cpu_count=2)}, memory, [])
    assert cpus == ResourceSettings(cpu_count=2, memory="1GB")
    assert settings.resources("s", {}, memory, []) == memory


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_a_switch_is_true_or_false_and_nothing_like_it(value: Any) -> None:
    problems: list[str] = []
    assert settings.boolean("step 'a'", {"cache": value}, "cache", True, problems)
    assert problems == [f"step 'a', cache: expected True or False, got {value!r}"]


@pytest.mark.parametrize(
    "cron", ["0 6 * * *", "*/5 * * * *", "@daily", "@quarterly", "0 0 1 1 MON", "0 0 * * 7"]
)
def test_a_cron_expression_that_airflow_takes_is_no_problem(cron: str) -> None:
    assert settings.cron_problem(cron) is None


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("@dayly", "'@dayly' is no preset of Airflow; it has @hourly, @daily"),
        ("", r"has 0 fields; write five, as '0 6 \* \* \*'"),
        ("* * * * * *", "has 6 fields"),
        ("61 * * * *", "cron expression '61 .*' is not valid"),
        ("a b c d e", "is not valid"),
        ("0 0 30 2 *", "is not valid"),
    ],
)
def test_a_cron_expression_that_airflow_refuses_is_told(cron: str, why: str) -> None:
    problems: list[str] = []
    settings.schedule("pipeline 'p'", {"schedule": Schedule(cron=cron)}, problems)
    (problem,) = problems
    assert re.search(why, problem)


def test_every_preset_is_airflows_own() -> None:
    from airflow.timetables._cron import CronMixin

    for preset, expression in settings._CRON_PRESETS.items():
        assert CronMixin(preset, "UTC")._expression == expression


def test_an_interval_needs_no_cron() -> None:
    schedule = Schedule(interval=timedelta(hours=1))
    assert settings.schedule("p", {"schedule": schedule}, []) == schedule
