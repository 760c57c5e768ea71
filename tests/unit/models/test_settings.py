from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, Schedule, TaskSettings

DAY = datetime(2026, 3, 1)


@pytest.mark.parametrize("memory", ["512MB", "16GB", "1.5GiB", "1024", "4 Gi", "2T"])
def test_an_amount_of_memory_has_a_unit(memory: str) -> None:
    assert ResourceSettings(memory=memory).memory == memory


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"memory": "lots"}, "'lots' is no amount of memory; write it as '512MB'"),
        ({"memory": "-1GB"}, "is no amount of memory"),
        ({"memory": "1GB\n"}, "is no amount of memory"),
        ({"cpu_count": 0}, "greater than 0"),
        ({"cpu_count": float("inf")}, "finite number"),
        ({"gpu_count": -1}, "greater than or equal to 0"),
        ({"gpus": 1}, "Extra inputs are not permitted"),
    ],
)
def test_resources_that_make_no_sense_are_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ResourceSettings(**fields)


def test_resources_that_ask_for_nothing_are_empty() -> None:
    assert ResourceSettings().empty
    assert not ResourceSettings(gpu_count=0).empty


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"retries": -1}, "greater than or equal to 0"),
        ({"retry_delay": timedelta(0)}, "must be longer than zero"),
        ({"execution_timeout": timedelta(seconds=-1)}, "must be longer than zero"),
        ({"retry_exponential_backoff": 0.5}, "greater than or equal to 1"),
        ({"retry_exponential_backoff": float("nan")}, "greater than or equal to 1"),
        ({"pool": ""}, "at least 1 character"),
        ({"pool_slots": 0}, "greater than or equal to 1"),
        ({"retires": 1}, "Extra inputs are not permitted"),
    ],
)
def test_task_settings_that_make_no_sense_are_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        TaskSettings(**fields)


def test_settings_said_go_over_defaults_one_by_one() -> None:
    defaults = TaskSettings(retries=3, pool="small")
    assert TaskSettings(retries=0, queue="q").over(defaults) == TaskSettings(
        retries=0, pool="small", queue="q"
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "either cron=… or interval=…, not both and not neither"),
        ({"cron": "@daily", "interval": timedelta(1)}, "not both and not neither"),
        ({"cron": "@daily", "timezone": "Europe/Atlantis"}, "'Europe/Atlantis' is no IANA time zone"),
        ({"cron": "@daily", "timezone": "../etc/passwd"}, "is no IANA time zone"),
        ({"cron": "@daily", "timezone": ""}, "is no IANA time zone"),
        ({"cron": "@daily", "catchup": True}, "catchup=True makes up for runs since start=…: give a start"),
        ({"cron": "@daily", "start": DAY, "end": DAY}, "is not after start"),
        ({"cron": "@daily", "max_active_runs": 0}, "greater than or equal to 1"),
        ({"interval": timedelta(0)}, "must be longer than zero"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Schedule(**fields)


def test_a_moment_without_a_zone_is_in_the_schedules() -> None:
    schedule = Schedule(cron="@daily", timezone="Europe/Paris", start=DAY)
    assert schedule.localized(DAY).isoformat() == "2026-03-01T00:00:00+01:00"
    assert schedule.localized(DAY.replace(tzinfo=UTC)).isoformat() == "2026-03-01T00:00:00+00:00"


def test_settings_can_not_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DockerSettings().requirements = ("x",)  # type: ignore[misc]
