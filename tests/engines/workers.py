"""Airflow workers that die: killed by the test, and noticed by the scheduler soon."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from airflow_provider_pipes.testing.airflow_api import RestError
from tests.airflow.harness import wait_until
from tests.airflow.running import RunningAirflow

# Airflow takes 5 minutes by default to notice that a worker died.
DEATHS_NOTICED_SOON = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
}


def kill_worker(airflow: RunningAirflow, dag_id: str, run: str, task: str) -> None:
    """SIGKILL the process that runs a task, and the one that watches it."""
    instance = airflow.api.task(dag_id, run, task)["id"]
    child = wait_until(lambda: _process_titled(f"airflow worker -- {instance}"), "the task's process")
    parent = int(Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[1])
    for process in (parent, child):
        os.kill(process, signal.SIGKILL)


def _process_titled(title: str) -> int | None:
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and (folder / "cmdline").read_bytes().decode().startswith(title):
                return int(folder.name)
    return None


def log_so_far(airflow: RunningAirflow, dag_id: str, run: str, task: str, attempt: int) -> str:
    """Return the log of a task's attempt, or nothing where there is none yet."""
    try:
        return airflow.api.log(dag_id, run, task, attempt)
    except RestError:
        return ""
