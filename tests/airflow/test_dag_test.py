"""Generated DAGs without a server: `airflow dags test`, and ``dag.test()`` of several in one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project
from tests.airflow.test_main_job import PIPELINES, assert_holds_references_only

pytestmark = pytest.mark.airflow

# Both projects have these modules; only what they say differs.
HELPER = """
    OWNER = "NAME"


    class Box:
        def __init__(self, value: str) -> None:
            self.value = value
"""
STEPS = """
    from helper import OWNER, Box
    from notes import note

    from airflow_provider_pipes import pipeline, step


    @step(cache=False)
    def fill() -> Box:
        note("fill", OWNER)
        return Box(OWNER)


    @step(cache=False)
    def look(box: Box) -> None:
        import late

        note("look", OWNER, box.value, type(box) is Box, late.OWNER)


    @pipeline(name="boxes_NAME")
    def boxes() -> None:
        look(fill())
"""
FAILING = """
    from notes import note

    from airflow_provider_pipes import pipeline, step


    @step
    def fails(values: list[int]) -> int:
        return average(values)


    def average(values: list[int]) -> int:
        return sum(values) // len(values)


    @step
    def never(number: int) -> None:
        note("never")


    @pipeline
    def failing() -> None:
        never(fails([]))
"""
COUNTING = """
    from notes import count, note

    from airflow_provider_pipes import get_step_context, pipeline, step


    @step(cache=False)
    def draws() -> int:
        number = count("draws")
        note("draws", number, get_step_context().run_name)
        return number


    @step(cache=False)
    def receives(number: int) -> None:
        note("receives", number)


    @pipeline
    def counting() -> None:
        receives(draws())
"""
# Airflow makes the run's id of the second moment and lets the run start at the first.
RUN_AT = """
    import sys
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.sdk.timezone import parse

    manager = DagBundlesManager()
    manager.sync_bundles_to_db()
    (bundle,) = manager.get_all_dag_bundles()
    bundle.initialize()
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    sync_bag_to_db(bag, bundle.name, bundle.version)
    run = bag.dags[sys.argv[1]].test(logical_date=parse(sys.argv[2]), run_after=parse(sys.argv[3]))
    assert run.state == "success", run.state
"""


def test_dags_test_runs_it_and_runs_it_again_from_the_cache(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("jobs.py", PIPELINES)
    project.deploy("jobs.py:job")

    first = airflow_home.dags_test("job", {"size": 2_000_000}).check()

    assert project.notes() == [["load", 2_000_000, 3], ["measure", 2_000_000, 3], ["report", 1_000_000.0]]
    for task in first.tasks.values():
        assert_holds_references_only(task.xcoms)
    second = airflow_home.dags_test("job", {"size": 2_000_000}).check()
    assert len(project.notes()) == 3
    assert second.log.count("Cache hit") == 3
    assert [each["sha256"] for each in second.xcom("load").values()] == [
        each["sha256"] for each in first.xcom("load").values()
    ]


def test_projects_with_equally_named_modules_run_their_own_code_in_one_process(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    projects = {name: Project(tmp_path / name, airflow_home) for name in ("one", "two")}
    for name, project in projects.items():
        project.write("helper.py", HELPER.replace("NAME", name))
        project.write("late.py", f'OWNER = "late {name}"')
        project.write("steps.py", STEPS.replace("NAME", name))
        project.deploy("steps.py:boxes")

    runs = airflow_home.run_dags(["boxes_one", "boxes_two", "boxes_one"])

    for run in runs:
        run.check()
    for name, project in projects.items():
        times = 2 if name == "one" else 1
        assert project.notes() == [["fill", name], ["look", name, name, True, f"late {name}"]] * times


def test_a_failing_step_leaves_its_failure_and_no_result(airflow_home: AirflowHome, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("failing.py", FAILING)
    project.deploy("failing.py:failing")

    (run,) = airflow_home.run_dags(["failing"])

    assert run.states == {"fails": "failed", "never": "upstream_failed"}
    assert run.tasks["fails"].xcoms == {}
    assert project.documents("runs/**/manifest.json") == []
    assert project.notes() == []
    (failure,) = project.documents("runs/failing/*/fails/*/failure-1.json")
    assert (failure["type"], failure["reason"]) == ("ZeroDivisionError", "exception")
    assert failure["traceback"].count("File ") == 2
    assert "failing.py" in failure["traceback"]
    assert "in average\n    return sum(values) // len(values)" in run.log


def test_two_airflows_on_one_store_with_equal_run_ids_do_not_mix(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    other_home = AirflowHome(tmp_path / "other")
    other_home.copy_database(airflow_home)
    project = Project(tmp_path / "project", airflow_home)
    project.write("counting.py", COUNTING)
    project.deploy("counting.py:counting")
    other_home.add_dag("counting.py", (airflow_home.dags_folder / "counting.py").read_text())

    for home, start in (airflow_home, "2026-02-03T04:05:07Z"), (other_home, "2026-02-03T04:05:08Z"):
        home.python(RUN_AT, "counting", start, "2026-02-03T04:05:06Z")

    ran, results = project.noted("draws"), project.noted("receives")
    assert [number for number, _ in ran] == [0, 1]
    assert ran[0][1] == ran[1][1]
    assert results == [[0], [1]]
    assert _xcom(airflow_home) != _xcom(other_home)


def _xcom(home: AirflowHome) -> Any:
    (row,) = home.rows("SELECT value FROM xcom WHERE task_id = 'draws'")
    return json.loads(row["value"])
