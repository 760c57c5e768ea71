from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.models.deployment import ParameterSpec
from airflow_provider_pipes.models.settings import Schedule, TaskSettings
from airflow_provider_pipes.orchestrators.airflow.limits import airflow_problems
from tests.unit.orchestrators.dag_files import deployment, parameter, step

DAILY = Schedule(cron="@daily")


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"x": value}
    return value


def problems_of_default(default: Any) -> list[str]:
    return airflow_problems(deployment(parameters=(parameter("p", default),)), "digits")


def test_an_ordinary_deployment_has_no_problem() -> None:
    of = deployment(
        [step("load", doc="Load."), step("train-model.v2", "load", task=TaskSettings(retries=3, pool="gpu"))],
        description="Digits {{ ds }} 漢字",
        tags=("ml",),
        schedule=Schedule(cron="@daily", start=datetime(2026, 1, 1), timezone="Europe/Paris"),
        parameters=(
            parameter("lr", 0.1),
            parameter("day", None),
            parameter("n", 2**63 - 1),
            parameter("x", 1e17),
        ),
        run_timeout=3600,
    )
    assert airflow_problems(of, "digits") == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"description": "a\0b"}, "the pipeline's description holds a NUL character"),
        ({"doc": "a\0b"}, "the pipeline's docstring holds a NUL character"),
        ({"tags": ("t" * 101,)}, "tag 't+'… has 101 characters; Airflow takes at most 100"),
        ({"tags": ("a\0",)}, r"tag 'a\\x00' holds a NUL character"),
        ({"tags": (" ",)}, "tag ' ' shows nothing"),
        ({"task": TaskSettings(pool="p" * 257)}, "pool of the pipeline has 257 characters"),
        ({"task": TaskSettings(queue="q\0")}, "queue of the pipeline holds a NUL"),
        (
            {"task": TaskSettings(retries=2**31)},
            "retries of the pipeline is 2147483648; Airflow takes at most",
        ),
        ({"task": TaskSettings(pool_slots=2**31)}, "pool_slots of the pipeline is 2147483648"),
        (
            {"task": TaskSettings(retry_delay=timedelta(days=40_000))},
            "retry_delay of the pipeline is longer than",
        ),
        ({"task": TaskSettings(retry_exponential_backoff=float("inf"))}, "backoff of the pipeline is inf"),
        ({"run_timeout": float("nan")}, "run_timeout is nan seconds"),
        ({"run_timeout": -1}, "run_timeout is -1.0 seconds"),
        (
            {"schedule": Schedule(interval=timedelta(days=40_000))},
            "schedule's interval is longer than 100 years",
        ),
        ({"schedule": Schedule(cron="@daily", max_active_runs=2**40)}, "max_active_runs is 1099511627776"),
        (
            {"schedule": Schedule(cron="@daily", start=datetime.min)},
            "start is in the year 1: give one from 1900",
        ),
        ({"schedule": Schedule(cron="@daily", end=datetime.max)}, "end is in the year 9999"),
        ({"schedule": Schedule(cron="@daily", end=datetime.max, timezone="America/Lima")}, "year 9999"),
    ],
)
def test_what_airflow_would_not_take_is_told(fields: dict[str, Any], message: str) -> None:
    (problem,) = airflow_problems(deployment(**fields), "digits")
    assert re.search(message, problem)


def test_names_and_steps_are_checked_and_everything_is_told_at_once() -> None:
    of = deployment([step("a b"), step("x", doc="\0"), step("y", task=TaskSettings(retries=2**31))])
    problems = "\n".join(airflow_problems(of, "my dag"))
    assert "DAG name 'my dag' holds ' '" in problems
    assert "step name 'a b' holds ' '" in problems
    assert "the docstring of step 'x' holds a NUL" in problems
    assert "retries of step 'y' is 2147483648" in problems


@pytest.mark.parametrize(
    ("default", "message"),
    [
        (
            2**63,
            "the default of parameter 'p' holds an integer of 64 bits; Airflow takes numbers within 64 bits",
        ),
        (-(2**63) - 1, "an integer of 64 bits"),
        ({"n": 10**5000}, "an integer of 16610 bits"),
        (1e300, "holds 1e\\+300"),
        ({"a": [1, -1e19]}, "holds -1e\\+19"),
        (float("nan"), "holds nan, which JSON does not have"),
        ({"a\0": 1}, "holds a NUL character"),
        ("\ud800", "half of a surrogate pair"),
        (nested(51), "nested more than 50 levels deep"),
        ([1, {"a": 1}], "a list that holds objects beside or inside other values"),
        ([[{"a": 1}]], "a list that holds objects beside or inside other values"),
    ],
)
def test_a_default_that_airflow_crashes_on_or_garbles_is_told(default: Any, message: str) -> None:
    (problem,) = problems_of_default(default)
    assert re.search(message, problem)


@pytest.mark.parametrize(
    "default", [nested(50), [{"a": [1, {"b": 2}]}, {}], [[1], [2]], {"a": [1, {}]}, -(2**63)]
)
def test_a_default_at_the_limit_is_fine(default: Any) -> None:
    assert problems_of_default(default) == []


def test_the_schema_is_checked_like_the_default() -> None:
    of = deployment(parameters=(parameter("p", 1, maximum=1e300, title="\0"),))
    problems = airflow_problems(of, "digits")
    assert len(problems) == 2
    assert all(problem.startswith("the JSON schema of parameter 'p' holds ") for problem in problems)


def test_a_required_parameter_is_a_problem_only_with_a_schedule() -> None:
    required = (ParameterSpec(name="day", json_schema={}, required=True),)
    assert airflow_problems(deployment(parameters=required), "digits") == []
    (problem,) = airflow_problems(deployment(parameters=required, schedule=DAILY), "digits")
    assert problem.startswith(
        "parameter 'day' has no default, and a run that the schedule starts gives it no value"
    )


@given(st.one_of(st.integers(), st.floats()))
def test_a_number_is_fine_exactly_where_64_bits_hold_it(number: float) -> None:
    assert (problems_of_default(number) == []) == (-(2**63) <= number < 2**63)
