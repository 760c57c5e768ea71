"""A pipeline from its file to finished runs on a running Airflow: by command, by REST, on a schedule."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from tests.airflow.harness import wait_until
from tests.airflow.projects import Project
from tests.airflow.rest import RestError
from tests.airflow.running import RunningAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]

PIPELINES = """
    from notes import note

    from airflow_provider_pipes import Schedule, get_step_context, pipeline, step


    @step
    def load(size: int, seed: int) -> tuple[str, list[int]]:
        note("load", size, seed)
        return "x" * size, list(range(seed))


    @step
    def measure(text: str, numbers: list[int], factor: float) -> float:
        note("measure", len(text), len(numbers))
        return len(text) * factor


    @step
    def report(length: float) -> None:
        note("report", length)


    @pipeline
    def job(size: int = 1_000_000, seed: int = 3, factor: float = 0.5) -> None:
        \"\"\"Measure a text.\"\"\"
        text, numbers = load(size, seed)
        report(measure(text, numbers, factor))


    @step
    def ticks() -> None:
        note("ticks", get_step_context().run_name)


    @pipeline(schedule=Schedule(cron="* * * * *"))
    def every_minute() -> None:
        ticks()
"""
REFERENCE = {"path", "uri", "materializer", "type", "size", "sha256"}


@pytest.fixture(scope="module")
def project(running_airflow: RunningAirflow, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("main-job") / "project", running_airflow.home)
    project.write("jobs.py", PIPELINES)
    project.deploy("jobs.py:job", "jobs.py:every_minute")
    # Its minutes pass while the other tests run.
    running_airflow.api.unpause("every_minute")
    return project


def assert_holds_references_only(xcoms: Mapping[str, Any]) -> None:
    assert xcoms.keys() == {"return_value"}
    outputs = xcoms["return_value"]
    assert all(reference.keys() == REFERENCE for reference in outputs.values())
    assert len(json.dumps(outputs)) < 700 * max(1, len(outputs))
    assert "xxxx" not in json.dumps(outputs)


def test_it_runs_by_command_with_conf(running_airflow: RunningAirflow, project: Project) -> None:
    home, api, seed = running_airflow.home, running_airflow.api, random.randrange(10**6)
    api.unpause("job")

    home.airflow("dags", "trigger", "job", "--run-id", "by-command", "--conf", json.dumps({"seed": seed}))

    api.wait_for_run("job", "by-command")
    assert project.noted("load")[-1] == [1_000_000, seed]
    for task in ("load", "measure", "report"):
        assert_holds_references_only({"return_value": api.xcom("job", "by-command", task)})
        assert api.xcom_keys("job", "by-command", task) == ["return_value"]


def test_it_runs_by_rest_with_a_token_and_hits_the_cache_when_it_runs_again(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api, seed = running_airflow.api, random.randrange(10**6)

    api.run("job", {"seed": seed})
    noted = project.notes()
    again = api.run("job", {"seed": seed})

    assert ["load", 1_000_000, seed] in noted
    assert [each for each in project.notes() if each[0] != "ticks"] == [
        each for each in noted if each[0] != "ticks"
    ]
    for task in ("load", "measure", "report"):
        assert "Cache hit: the result is that of runs/job/" in api.log("job", again, task)
    assert all(each["cached_from"] for each in project.documents(f"runs/job/{again}/*/*/manifest.json"))


def test_a_run_can_be_told_not_to_use_the_cache(running_airflow: RunningAirflow, project: Project) -> None:
    api, seed = running_airflow.api, random.randrange(10**6)

    api.run("job", {"seed": seed})
    again = api.run("job", {"seed": seed, "pipes_cache": False})

    assert [each for each in project.noted("load") if each[1] == seed] == [[1_000_000, seed]] * 2
    manifests = project.documents(f"runs/job/{again}/*/*/manifest.json")
    assert [each["cached_from"] for each in manifests] == [None] * 3


def test_the_log_of_a_run_tells_what_came_out(running_airflow: RunningAirflow, project: Project) -> None:
    api = running_airflow.api
    run = api.run("job", {"seed": random.randrange(10**6), "size": 11})
    log = api.log("job", run, "measure")
    assert "Running step 'measure' of deployment" in log
    assert f"Output 'output': float, 3 bytes, at file://{project.store}/runs/job/" in log
    assert "Traceback" not in log
    assert "error" not in log


def test_a_value_that_does_not_fit_is_refused_with_its_name(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api = running_airflow.api
    api.wait_for_dag("job")
    with pytest.raises(RestError, match=r"seed.*'three' is not of type 'integer'") as refused:
        api.trigger("job", {"seed": "three"})
    assert refused.value.status == 400


def test_a_schedule_starts_a_run_every_minute(running_airflow: RunningAirflow, project: Project) -> None:
    api = running_airflow.api

    def finished() -> list[str]:
        return [each["dag_run_id"] for each in api.dag_runs("every_minute") if each["state"] == "success"]

    wait_until(lambda: len(finished()) >= 2, "two scheduled runs", 150)
    api.pause("every_minute")
    runs = finished()
    assert all(run.startswith("scheduled__") for run in runs)
    # The second run has the result of the first: nothing changed.
    assert [run for (run,) in project.noted("ticks")] == runs[:1]
