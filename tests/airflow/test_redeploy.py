"""A pipeline deployed again while a run of it goes on, on a running Airflow."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.airflow.harness import wait_until
from tests.airflow.projects import Project
from tests.airflow.rest import AirflowApi
from tests.airflow.running import RunningAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]

# The first step waits for the test, so that the run is surely under way when the pipeline is deployed again.
STEPS = """
    import time

    from helper import VERSION
    from notes import FILE, note

    from airflow_provider_pipes import pipeline, step


    def wait_for(name: str) -> None:
        gate = FILE.with_name(name)
        deadline = time.monotonic() + 60
        while not gate.exists():
            assert time.monotonic() < deadline, name
            time.sleep(0.02)


    @step(cache=False)
    def first() -> str:
        note("first", VERSION)
        wait_for("gate")
        return f"first of {VERSION}"


    @step(cache=False)
    def second(text: str) -> str:
        from helper import late

        note("second", VERSION, late(), text)
        return f"second of {VERSION}"


    @step(cache=False)
    def third(text: str, amount: int) -> None:
        note("third", VERSION, text, amount)


    @step(cache=False)
    def added(text: str) -> str:
        note("added", VERSION, text)
        return text
"""
OLD = """
    @pipeline
    def NAME(amount: int = 1) -> None:
        third(second(first()), amount)
"""
HELPER = """
    VERSION = "old"


    def late() -> str:
        return VERSION
"""


@pytest.fixture
def project(running_airflow: RunningAirflow, tmp_path: Path) -> Project:
    """A project whose pipeline is called ``redeployed_…``, as its folder."""
    project = Project(tmp_path / f"redeployed_{uuid.uuid4().hex[:8]}", running_airflow.home)
    project.write("helper.py", HELPER)
    return project


def deploy(api: AirflowApi, project: Project, text: str, steps: str = STEPS) -> None:
    """Deploy the pipeline that ``text`` is, and wait until Airflow has it."""
    name = project.root.name
    before = api.version_of(name)
    project.write("steps.py", steps + text.replace("NAME", name))
    project.deploy(f"steps.py:{name}")
    # A version of its own only where the one before has runs; in these tests it has.
    api.wait_for_dag(name, before + 1)
    api.unpause(name)


def redeploy_in_flight(api: AirflowApi, project: Project, text: str) -> str:
    """Deploy ``text`` while the first step of the old pipeline runs; return the run's id."""
    deploy(api, project, OLD)
    run = api.trigger(project.root.name)
    wait_until(lambda: project.noted("first"), "the first step to start")
    project.write("helper.py", HELPER.replace('"old"', '"new"'))
    deploy(api, project, text)
    (project.root.parent / "gate").touch()
    return run


def test_a_run_ends_on_the_code_and_the_parameters_that_it_began_with(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api, name = running_airflow.api, project.root.name

    run = redeploy_in_flight(api, project, OLD.replace("amount: int = 1", "amount: int = 2"))

    api.wait_for_run(name, run)
    assert project.notes() == [
        ["first", "old"],
        ["second", "old", "old", "first of old"],
        ["third", "old", "second of old", 1],
    ]
    api.run(name)
    assert project.notes()[3:] == [
        ["first", "new"],
        ["second", "new", "new", "first of new"],
        ["third", "new", "second of new", 2],
    ]


def test_a_step_that_is_added_meanwhile_does_nothing_in_that_run(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api, name = running_airflow.api, project.root.name

    run = redeploy_in_flight(api, project, OLD.replace("second(first())", "second(added(first()))"))

    api.wait_for_run(name, run)
    assert project.notes() == [
        ["first", "old"],
        ["second", "old", "old", "first of old"],
        ["third", "old", "second of old", 1],
    ]
    assert api.states(name, run)["added"] == "success"
    assert "A run ends on the code that it began with" in api.log(name, run, "added")


def test_a_step_that_is_removed_meanwhile_is_named_by_who_needs_its_result(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api, name = running_airflow.api, project.root.name

    run = redeploy_in_flight(api, project, OLD.replace("second(first())", "first()"))

    api.wait_for_run(name, run, "failed")
    assert project.notes() == [["first", "old"]]
    assert "where step 'third' takes what 'second' gives" in api.log(name, run, "third")
    api.clear(name, run)
    api.wait_for_run(name, run)
    assert project.notes()[1:] == [["first", "new"], ["third", "new", "first of new", 1]]


def test_a_step_that_is_removed_after_it_ran_still_gives_its_result(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api, name = running_airflow.api, project.root.name
    # The third one waits, too, and the second has run by then.
    waiting = 'note("third starts")\n        wait_for("gate 3")\n        note("third"'
    deploy(api, project, OLD, STEPS.replace('note("third"', waiting))
    (project.root.parent / "gate").touch()
    run = api.trigger(name)
    wait_until(lambda: project.noted("third starts"), "the third step to start")
    deploy(api, project, OLD.replace("second(first())", "first()"))

    (project.root.parent / "gate 3").touch()

    api.wait_for_run(name, run)
    assert project.noted("third") == [["old", "second of old", 1]]


def test_a_run_that_is_cleared_after_it_failed_takes_the_new_code(
    running_airflow: RunningAirflow, project: Project
) -> None:
    api, name = running_airflow.api, project.root.name
    (project.root.parent / "gate").touch()
    deploy(
        api,
        project,
        OLD,
        STEPS.replace('note("second"', 'raise RuntimeError("a bug")\n        note("second"'),
    )
    run = api.trigger(name)
    api.wait_for_run(name, run, "failed")
    project.write("helper.py", HELPER.replace('"old"', '"mended"'))
    deploy(api, project, OLD)

    api.clear(name, run, ["second"])

    api.wait_for_run(name, run)
    assert project.notes() == [
        ["first", "old"],
        ["second", "mended", "mended", "first of old"],
        ["third", "mended", "second of mended", 1],
    ]
