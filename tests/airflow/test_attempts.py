"""Retries, deaths, clears, backfills and kills, as a running Airflow does them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.harness import wait_until
from tests.airflow.projects import Project
from tests.airflow.rest import AirflowApi
from tests.airflow.running import RunningAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]

ENDINGS = """
    import os
    import signal
    import time
    from datetime import timedelta

    from notes import count, note

    from airflow_provider_pipes import FailWithoutRetry, SkipStep, get_step_context, pipeline, step
    from airflow_provider_pipes.runtime import results

    SOON = {"retry_delay": timedelta(seconds=0.1)}


    @step(retries=2, **SOON)
    def recovers() -> int:
        attempt = get_step_context().attempt
        note("recovers", attempt, get_step_context().token)
        if attempt == 1:
            raise RuntimeError("the first attempt fails on purpose")
        return 42


    @step(retries=1, **SOON)
    def dies_after_its_commit() -> str:
        note("dies_after_its_commit", get_step_context().attempt)
        # What the runner does next, once the manifest is there.
        results.file_in_cache = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        return "committed"


    @step(retries=1, **SOON)
    def dies_before_its_commit() -> str:
        attempt = get_step_context().attempt
        note("dies_before_its_commit", attempt)
        if attempt == 1:
            results.commit_manifest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        return f"attempt {attempt}"


    @step
    def sees(recovered: int, committed: str, second: str) -> None:
        note("sees", recovered, committed, second)


    @step(retries=3, **SOON)
    def refuses() -> None:
        note("refuses")
        try:
            {}["the reason"]
        except KeyError as error:
            raise FailWithoutRetry("there is no such table") from error


    @step(retries=3, **SOON)
    def skips() -> int:
        raise SkipStep("nothing new since yesterday")


    @step
    def is_skipped(number: int) -> None:
        note("is_skipped")


    @step(execution_timeout=timedelta(seconds=1))
    def is_slow() -> None:
        try:
            time.sleep(120)
        except Exception:
            note("is_slow", "swallowed")
        finally:
            note("is_slow", "finally")


    @pipeline
    def endings() -> None:
        sees(recovers(), dies_after_its_commit(), dies_before_its_commit())
        refuses()
        is_skipped(skips())
        is_slow()


    @step
    def waits() -> None:
        note("waits", "started")
        try:
            time.sleep(120)
        except Exception:
            note("waits", "swallowed")
        finally:
            note("waits", "finally")


    @pipeline
    def killed() -> None:
        waits()


    @step
    def draws(day: str) -> int:
        number = count("draws")
        note("draws", number, day)
        return number


    @step
    def receives(number: int) -> None:
        note("receives", number)


    @pipeline
    def drawing(day: str = "any") -> None:
        receives(draws(day))
"""
BACKFILLED = """
    from datetime import datetime

    from notes import note

    from airflow_provider_pipes import Schedule, get_step_context, pipeline, step


    @step
    def works() -> str:
        note("works", get_step_context().run_name)
        return "done"


    @step
    def reports(what: str) -> None:
        note("reports", what)


    @pipeline(schedule=Schedule(cron="0 0 * * *", start=datetime(2026, 1, 1), end=datetime(2026, 1, 5)))
    def backfilled() -> None:
        reports(works())
"""


@dataclass(frozen=True)
class FinishedRun:
    api: AirflowApi
    project: Project
    dag_id: str
    run_id: str

    def state(self, task_id: str) -> tuple[str, int]:
        task = self.api.task(self.dag_id, self.run_id, task_id)
        return task["state"], task["try_number"]

    def log(self, task_id: str, attempt: int = 1) -> str:
        return self.api.log(self.dag_id, self.run_id, task_id, attempt)


@pytest.fixture(scope="module")
def project(running_airflow: RunningAirflow, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("attempts") / "project", running_airflow.home)
    project.write("endings.py", ENDINGS)
    project.deploy("endings.py:endings", "endings.py:killed", "endings.py:drawing")
    return project


@pytest.fixture(scope="module")
def ended(running_airflow: RunningAirflow, project: Project) -> FinishedRun:
    """One run in which each step ends in its own way."""
    api = running_airflow.api
    api.unpause("endings")
    run = api.trigger("endings")
    api.wait_for_run("endings", run, "failed")
    return FinishedRun(api, project, "endings", run)


def test_a_retry_after_a_failure_succeeds(ended: FinishedRun) -> None:
    (first, token), (second, other) = ended.project.noted("recovers")
    assert ended.state("recovers") == ("success", 2)
    assert (first, second) == (1, 2)
    assert token == other
    (failure,) = ended.project.documents("runs/endings/*/recovers/*/failure-*.json")
    assert (failure["attempt"], failure["type"]) == (1, "RuntimeError")


def test_a_step_whose_process_died_after_its_commit_is_not_run_again(ended: FinishedRun) -> None:
    assert ended.project.noted("dies_after_its_commit") == [[1]]
    assert ended.state("dies_after_its_commit") == ("success", 2)
    assert "An earlier attempt left the result" in ended.log("dies_after_its_commit", 2)


def test_a_step_whose_process_died_before_its_commit_is_run_again(ended: FinishedRun) -> None:
    assert ended.project.noted("dies_before_its_commit") == [[1], [2]]
    assert ended.state("dies_before_its_commit") == ("success", 2)


def test_steps_after_a_retry_get_the_result_that_counts(ended: FinishedRun) -> None:
    assert ended.project.noted("sees") == [[42, "committed", "attempt 2"]]


def test_a_step_that_fails_without_retry_is_not_tried_again(ended: FinishedRun) -> None:
    assert ended.state("refuses") == ("failed", 1)
    assert ended.project.noted("refuses") == [[]]
    log = ended.log("refuses")
    assert "there is no such table" in log
    assert "the reason" in log


def test_a_step_that_skips_is_skipped_with_what_depends_on_it(ended: FinishedRun) -> None:
    assert ended.state("skips") == ("skipped", 1)
    assert ended.state("is_skipped")[0] == "skipped"
    assert ended.project.noted("is_skipped") == []


def test_the_execution_timeout_interrupts_the_function(ended: FinishedRun) -> None:
    assert ended.state("is_slow") == ("failed", 1)
    assert ended.project.noted("is_slow") == [["finally"]]


def test_a_failure_is_told_with_the_users_frames_and_hardly_any_others(ended: FinishedRun) -> None:
    frames = [(Path(each["filename"]).name, each["name"]) for each in _frames(ended.log("recovers"))]
    ours = [name for file, name in frames if file in ("mixin.py", "python.py", "runner.py", "execution.py")]
    assert frames[-1] == ("endings.py", "recovers")
    assert ours == ["execute"]


def _frames(log: str) -> list[dict[str, Any]]:
    errors, _ = json.JSONDecoder().raw_decode(log[log.index("[\n {") :])
    frames: list[dict[str, Any]] = errors[0]["frames"]
    return frames


def test_marking_a_running_task_failed_interrupts_the_function(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api = running_airflow.api
    api.unpause("killed")
    run = api.trigger("killed")
    wait_until(lambda: project.noted("waits"), "the step to start")

    api.set_task_state("killed", run, "waits", "failed")

    wait_until(lambda: len(project.noted("waits")) > 1, "the function to be interrupted")
    assert project.noted("waits") == [["started"], ["finally"]]
    api.wait_for_run("killed", run, "failed")
    (failure,) = project.documents("runs/killed/*/waits/*/failure-*.json")
    assert failure["reason"] == "interrupted"


def test_clearing_a_finished_task_runs_it_again_and_downstream_sees_the_new_result(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api = running_airflow.api
    run = api.run("drawing", {"day": "one"})
    assert project.noted("draws") == [[0, "one"]]

    running_airflow.home.airflow(
        "tasks", "clear", "drawing", "--task-regex", "draws", "--downstream", "--yes"
    )

    api.wait_for_run("drawing", run)
    assert project.noted("draws") == [[0, "one"], [1, "one"]]
    assert project.noted("receives") == [[0], [1]]
    again = api.run("drawing", {"day": "one"})
    assert project.noted("receives") == [[0], [1]]
    assert "Cache hit" in api.log("drawing", again, "draws")


def test_a_run_that_is_deleted_and_triggered_again_under_its_id_runs_again(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api, conf = running_airflow.api, {"day": "deleted", "pipes_cache": False}
    api.unpause("drawing")
    for _ in range(2):
        run = api.trigger("drawing", conf, run_id="same")
        api.wait_for_run("drawing", run)
        api.request("DELETE", f"dags/drawing/dagRuns/{run}")
    assert len([day for _, day in project.noted("draws") if day == "deleted"]) == 2


@pytest.mark.postgres
def test_a_backfill_of_three_days_runs_each_day_once(
    postgres_airflow: RunningAirflow, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # On SQLite, Airflow's own scheduler now and then dies of a backfill (StaleDataError).
    project = Project(tmp_path_factory.mktemp("backfill") / "project", postgres_airflow.home)
    project.write("daily.py", BACKFILLED)
    project.deploy("daily.py:backfilled")
    api = postgres_airflow.api
    api.unpause("backfilled")

    postgres_airflow.home.airflow(
        *(
            "backfill",
            "create",
            "--dag-id",
            "backfilled",
            "--from-date",
            "2026-01-01",
            "--to-date",
            "2026-01-03",
        ),
        *("--dag-run-conf", json.dumps({"pipes_cache": False})),
    )

    def runs() -> list[str] | None:
        found = [each["dag_run_id"] for each in api.dag_runs("backfilled") if each["run_type"] == "backfill"]
        return found if len(found) == 3 else None

    found = wait_until(runs, "the three runs")
    for run in found:
        api.wait_for_run("backfilled", run)
    assert sorted(run for (run,) in project.noted("works")) == sorted(found)
    assert project.noted("reports") == [["done"]] * 3
