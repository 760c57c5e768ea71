"""What is said of an Airflow that `pipes up` started and that is not as it was."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from airflow_provider_pipes.orchestrators.airflow.server_processes import MARKER_VARIABLE, Leader
from airflow_provider_pipes.orchestrators.airflow.server_record import ServerRecord, write_record
from tests.cli.conftest import Project
from tests.unit.diagnosis.examining import examine, the


@pytest.fixture
def orphan(project: Project) -> Iterator[int]:
    """A process of an Airflow whose main process was killed."""
    home = project.root / ".pipes/airflow"
    home.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    leader = Leader(gone.pid, "long ago", "0123")
    since = datetime.now(UTC).isoformat()
    write_record(home / "pipes-airflow.json", ServerRecord(leader, "http://localhost:1", 1, "/dags", since))
    program = "import time; time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", program], env={MARKER_VARIABLE: "0123"}, start_new_session=True
    ) as left:
        yield left.pid
        left.kill()


def test_an_airflow_without_its_main_process_is_a_problem(project: Project, orphan: int) -> None:
    status = project.pipes("status")
    found = examine(project, code=1)

    assert status.code == 1
    assert f"its main process is gone, and 1 others still run ({orphan}); end them with" in status.out
    airflow = the(found, "airflow")
    assert airflow["status"] == "problem"
    assert f"is gone, and 1 others still run ({orphan})" in airflow["seen"]
    assert airflow["fix"] == "pipes down && pipes up"
    assert the(found, "clock")["seen"] == "the main process of Airflow is gone"


def test_an_airflow_that_is_down_is_not_said_to_be_missing(project: Project) -> None:
    (project.root / ".pipes/airflow").mkdir(parents=True)

    airflow = the(examine(project, code=0), "airflow")

    assert airflow["status"] == "not checked"
    assert airflow["seen"] == f"the Airflow in {project.root}/.pipes/airflow is not running"
    assert airflow["fix"] == "pipes up"


def test_the_home_of_an_airflow_that_is_down_tells_no_dags_folder(project: Project) -> None:
    home = project.root / ".pipes/airflow"
    home.mkdir(parents=True)

    found = examine(project, code=0, AIRFLOW_HOME=str(home))

    assert str(project.root / "dags") in the(found, "dags-folder")["seen"]
    assert the(found, "airflow")["seen"] == f"the Airflow in {home} is not running"
