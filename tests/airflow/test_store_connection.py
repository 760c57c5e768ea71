"""An artifact store whose credentials are an Airflow connection, on a server that speaks S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project
from tests.s3_server import LOGIN, s3_server

pytestmark = [pytest.mark.airflow, pytest.mark.s3]

SECRET = "the-secret-key"
STEPS = """
    from notes import note

    from airflow_provider_pipes import pipeline, step


    @step
    def one() -> list[int]:
        return [1, 2, 3]


    @step
    def two(numbers: list[int]) -> None:
        note("two", numbers)


    @pipeline
    def stored() -> None:
        two(one())
"""
STACK = """
    active_stack = "team"

    [stacks.team]
    orchestrator = "airflow"
    artifact_store = "bucket"

    [orchestrators.airflow]
    flavor = "airflow"

    [artifact_stores.bucket]
    flavor = "s3"
    uri = "s3://bucket/pipes"
    connection_id = "team_store"
"""


@pytest.fixture
def connection() -> Iterator[str]:
    """An Airflow connection to a bucket, as an environment variable holds it."""
    with s3_server() as url:
        extra = {"endpoint_url": url, "region_name": "us-east-1"}
        yield json.dumps({"conn_type": "aws", "login": LOGIN, "password": SECRET, "extra": extra})


def test_the_connection_opens_the_store_and_its_secret_is_nowhere(
    airflow_home: AirflowHome, tmp_path: Path, connection: str
) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("pipes.toml", STACK)
    project.write("steps.py", STEPS)
    project.deploy("steps.py:stored", AIRFLOW_CONN_TEAM_STORE=connection)

    airflow_home.settings["AIRFLOW_CONN_TEAM_STORE"] = connection
    (run,) = airflow_home.run_dags(["stored"])

    run.check()
    assert project.noted("two") == [[[1, 2, 3]]]
    assert run.xcom("one")["output"]["uri"].startswith("s3://bucket/pipes/runs/stored/")
    files = [each for each in (*airflow_home.path.rglob("*"), *project.root.rglob("*")) if each.is_file()]
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]
    assert SECRET not in run.log


def test_a_connection_that_is_missing_is_named(
    airflow_home: AirflowHome, tmp_path: Path, connection: str
) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("pipes.toml", STACK)
    project.write("steps.py", STEPS)
    project.deploy("steps.py:stored", AIRFLOW_CONN_TEAM_STORE=connection)

    (run,) = airflow_home.run_dags(["stored"])

    assert run.states == {"one": "failed", "two": "upstream_failed"}
    assert "Airflow has no connection 'team_store'" in run.log
    assert "add it with `airflow connections add`" in run.log
