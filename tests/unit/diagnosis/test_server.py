from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.cli.conftest import Project
from tests.unit.diagnosis.examining import examine, the


def test_an_airflow_that_is_named_and_silent_is_a_problem(project: Project, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    named = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}"}

    found = examine(project, code=1, **named)

    assert f"nothing answers at http://127.0.0.1:{port}: connection refused" in the(found, "airflow")["seen"]
    unnamed = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__API__PORT": str(port)}
    assert the(examine(project, code=0, **unnamed), "airflow")["status"] == "not checked"


HEALTH: dict[str, Any] = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-01-01T00:00:00+00:00"},
    "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
    "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": "2026-01-01T00:00:00+00:00"},
}


@pytest.fixture
def stand_in() -> Iterator[str]:
    """The address of a server that says what an Airflow with a dead scheduler says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/api/v2/monitor/health"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(HEALTH if known else {}).encode())

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + 100)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_each_component_that_is_not_well_is_found(project: Project, stand_in: str, tmp_path: Path) -> None:
    home = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__API__BASE_URL": stand_in}

    found = examine(project, code=1, **home)

    assert [(each["status"], each["fix"]) for each in found["airflow"]] == [
        ("problem", "airflow scheduler"),
        ("warning", "airflow triggerer"),
    ]
    assert "the scheduler is unhealthy, last seen 2026-01-01" in found["airflow"][0]["seen"]
    assert the(found, "versions")["status"] == "not checked"
    assert the(found, "clock")["status"] == "warning"
    assert "behind that of Airflow's api-server" in the(found, "clock")["seen"]


def test_what_answers_and_is_no_airflow_is_told(project: Project, stand_in: str, tmp_path: Path) -> None:
    home = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__API__BASE_URL": f"{stand_in}/elsewhere"}
    assert "is no Airflow 3 (HTTP 404)" in the(examine(project, code=1, **home), "airflow")["seen"]


def test_an_airflow_that_does_not_start_is_told(project: Project, tmp_path: Path) -> None:
    found = examine(project, AIRFLOW_HOME=str(tmp_path / "home"), AIRFLOW__API__PORT="eighty")
    assert "Airflow does not start here: " in the(found, "airflow")["seen"]


def test_an_option_that_names_another_folder_than_airflow_s_is_to_be_left_out(
    project: Project, tmp_path: Path
) -> None:
    airflow = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags")}

    found = examine(project, "--dags-folder", str(tmp_path / "other"), code=1, **airflow)

    assert f"is not what Airflow reads, which is {tmp_path / 'dags'}" in the(found, "dags-folder")["seen"]
    assert the(found, "dags-folder")["fix"] == "pipes doctor"
