"""`pipes doctor` beside a real Airflow, started as `pipes up` starts one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.harness import AirflowHome, wait_until
from tests.airflow.projects import Project
from tests.airflow.running import RunningAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]

STEPS = """
    from airflow_provider_pipes import pipeline, step


    @step
    def one() -> int:
        return 1


    @pipeline(name="DAG_ID")
    def examined() -> None:
        one()
"""
STACK = """
    [stacks.team]
    orchestrator = "airflow"
    artifact_store = "bucket"

    [artifact_stores.bucket]
    flavor = "s3"
    uri = "s3://bucket/pipes"
    connection_id = "doctors_store"
"""
Findings = dict[str, list[dict[str, Any]]]


def examine(project: Project, *arguments: str, **variables: str) -> Findings:
    """Run `pipes doctor --json` and return the findings by check."""
    command = [sys.executable, "-m", "airflow_provider_pipes.cli.main", "doctor", "--json", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PIPES_"))}
    environment = {**kept, "HOME": str(project.root.parent), **variables}
    done = subprocess.run(
        command, cwd=project.root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    found: Findings = {}
    for each in json.loads(done.stdout)["findings"]:
        found.setdefault(each["check"], []).append(each)
    return found


def beside(airflow: RunningAirflow) -> list[str]:
    return ["--home", str(airflow.home.path), "--dags-folder", str(airflow.dags_folder)]


def the(found: Findings, check: str) -> dict[str, Any]:
    (finding,) = found[check]
    return finding


def test_a_running_airflow_is_healthy_and_has_the_dag(
    running_airflow: RunningAirflow, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", running_airflow.home)
    project.write("steps.py", STEPS.replace("DAG_ID", "examined"))
    project.deploy("steps.py")
    running_airflow.api.run("examined")

    found = examine(project, *beside(running_airflow))

    url = running_airflow.api.url
    assert (
        the(found, "airflow")["seen"]
        == f"healthy at {url}: metadatabase, scheduler, triggerer, dag-processor"
    )
    assert the(found, "dags-folder")["seen"] == f"{running_airflow.dags_folder}; Airflow reads it"
    assert any("Airflow has" in each["seen"] and "examined" in each["seen"] for each in found["dags"])
    assert the(found, "clock")["status"] == "ok"
    assert any(each["status"] == "ok" and "steps.py" not in each["seen"] for each in found["dag-files"])
    assert the(found, "last-runs")["status"] == "ok"
    assert the(found, "versions")["status"] == ("ok" if installed() else "not checked")


def installed() -> bool:
    """Return whether this package is one that Airflow finds, and not only importable."""
    try:
        return bool(version("airflow-provider-pipes"))
    except PackageNotFoundError:
        return False


def test_another_dags_folder_than_airflow_s_is_a_problem(
    running_airflow: RunningAirflow, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", running_airflow.home)

    found = examine(project, "--home", str(running_airflow.home.path))

    finding = the(found, "dags-folder")
    assert finding["status"] == "problem"
    assert finding["seen"].endswith(f"is not what Airflow reads, which is {running_airflow.dags_folder}")
    home = running_airflow.home.path
    assert finding["fix"] == f"pipes down --home {home} && pipes up --home {home}"


def test_a_dag_file_that_airflow_can_not_import_is_a_problem(
    running_airflow: RunningAirflow, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", running_airflow.home)
    project.write("steps.py", STEPS.replace("DAG_ID", "broken_in_airflow"))
    project.deploy("steps.py")
    file = running_airflow.dags_folder / "broken_in_airflow.py"
    try:
        file.write_text(file.read_text() + "\n1 / 0\n")

        def told() -> dict[str, Any] | None:
            found = examine(project, *beside(running_airflow))["dags"]
            return next((each for each in found if "can't import broken_in_airflow.py" in each["seen"]), None)

        finding = wait_until(told, "the import error", 40)
        assert finding["status"] == "problem"
        assert "ZeroDivisionError" in finding["seen"]
        assert finding["fix"] == f"python {file}"
    finally:
        file.unlink()


def test_a_foreign_dag_file_that_airflow_can_not_import_is_told(
    running_airflow: RunningAirflow, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", running_airflow.home)
    file = running_airflow.dags_folder / "by_hand.py"
    try:
        file.write_text("from airflow.sdk import DAG\n\n1 / 0\n")

        def told() -> dict[str, Any] | None:
            found = examine(project, *beside(running_airflow))["dags"]
            return next((each for each in found if "can't import by_hand.py" in each["seen"]), None)

        finding = wait_until(told, "the import error", 40)
        assert finding["status"] == "warning"
        assert "ZeroDivisionError" in finding["seen"]
        assert finding["fix"] == f"python {file}"
    finally:
        file.unlink()


def test_a_connection_in_airflow_s_database_is_found_and_its_secret_is_not_shown(
    running_airflow: RunningAirflow, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", running_airflow.home)
    project.write("pipes.toml", STACK)
    missing = the(examine(project, *beside(running_airflow)), "connections")
    uri = "aws://KEY:s3cr3t@/?region_name=eu-west-1"
    running_airflow.home.airflow("connections", "add", "doctors_store", "--conn-uri", uri)

    found = examine(project, *beside(running_airflow))

    assert missing["status"] == "problem"
    assert "doctors_store, for artifact store 'bucket': not here or in Airflow" in missing["seen"]
    assert the(found, "connections")["status"] == "warning"
    assert "Airflow has it" in the(found, "connections")["seen"]
    assert "s3cr3t" not in json.dumps(found)


def test_without_a_server_airflow_s_command_tells_the_dags(airflow_home: AirflowHome, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("steps.py", STEPS.replace("DAG_ID", "without_server"))
    project.deploy("steps.py")
    environment = {name: value for name, value in airflow_home.env.items() if name.startswith("AIRFLOW")}

    before = the(examine(project, **environment), "dags")
    airflow_home.airflow("dags", "reserialize")
    after = the(examine(project, **environment), "dags")

    assert (before["status"], before["fix"]) == ("warning", "airflow dags reserialize")
    assert after["seen"].startswith("Airflow has without_server")
    assert after["status"] == "ok"
