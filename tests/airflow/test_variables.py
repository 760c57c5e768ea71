"""Plain variables and secrets of steps that run in the worker's own process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project

pytestmark = pytest.mark.airflow

SECRET = "open-sesame"
STEPS = """
    import os

    from notes import note

    from airflow_provider_pipes import DockerSettings, pipeline, step


    @step(
        cache=False,
        docker=DockerSettings(
            environment={"PLAIN": "p"},
            secrets={
                "OF_CONNECTION": "airflow-connection:shop.password",
                "OF_VARIABLE": "airflow-variable:key",
            },
        ),
    )
    def buy() -> int:
        note("buy", *[os.environ[name] for name in ("PLAIN", "OF_CONNECTION", "OF_VARIABLE")])
        return 1


    @step(cache=False)
    def after(bought: int) -> None:
        note("after", *[name for name in ("PLAIN", "OF_CONNECTION", "OF_VARIABLE") if name in os.environ])


    @pipeline
    def shopping() -> None:
        after(buy())
"""


def shopping(airflow_home: AirflowHome, tmp_path: Path) -> Project:
    project = Project(tmp_path / "project", airflow_home)
    project.write("steps.py", STEPS)
    project.deploy("steps.py:shopping")
    return project


def test_a_step_in_the_worker_has_its_variables_and_leaves_none(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    project = shopping(airflow_home, tmp_path)
    connection = json.dumps({"conn_type": "http", "password": SECRET})
    airflow_home.settings.update({"AIRFLOW_CONN_SHOP": connection, "AIRFLOW_VAR_KEY": "12345678"})

    (run,) = airflow_home.run_dags(["shopping"])

    run.check()
    assert project.noted("buy") == [["p", SECRET, "12345678"]]
    assert project.noted("after") == [[]]
    kept = [each for each in project.store.rglob("*") if each.is_file()]
    assert not [each for each in kept if SECRET.encode() in each.read_bytes()]


def test_secrets_that_airflow_has_not_are_all_told_before_the_step_runs(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    project = shopping(airflow_home, tmp_path)

    (run,) = airflow_home.run_dags(["shopping"])

    assert run.states == {"buy": "failed", "after": "upstream_failed"}
    assert "step 'buy': its secrets can't be resolved" in run.log
    assert "OF_CONNECTION: Airflow has no connection 'shop'" in run.log
    assert "OF_VARIABLE: Airflow has no variable 'key'" in run.log
    assert project.noted("buy") == []
