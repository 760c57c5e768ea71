"""A no-op step beside a stock no-op, under a running Airflow."""

from __future__ import annotations

import json
import math
import socket
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from airflow_provider_pipes.orchestrators.airflow.server import Address, LocalAirflow
from benchmarks.airflow_home import AirflowHome, wait_until
from benchmarks.harness import PIPES, Row, more_at_most, spent, write_pipeline
from benchmarks.parsing import write_by_hand

_TASKS = 3


def tasks(folder: Path, runs: int) -> Iterator[Row]:
    """At most 100 ms more, from the task's start to its end.

    Two DAGs of one shape run in turn, each in a file of its own, since each task parses its file. What
    lies between the ends of two tasks is told too; most of that is the scheduler's own pace.
    """
    home = AirflowHome(folder / "airflow")
    file = write_pipeline(folder / "project", _TASKS, "ours", cache=False)
    spent([*PIPES, "deploy", file.name, "--dags-folder", str(home.dags)], file.parent)
    write_by_hand(home.dags / "stock.py", _TASKS)
    with running(home) as api:
        run_in_turn(home, api, math.ceil(runs / _TASKS), ("ours", "stock"), 2)
    for what, seconds, bar in (("start to end", durations, 0.1), ("end to end", _intervals, None)):
        ours, stock = (statistics.median(seconds(home, dag_id)) for dag_id in ("ours", "stock"))
        yield more_at_most(f"a no-op task, {what}", ours, stock, bar, "stock")


@contextmanager
def running(home: AirflowHome) -> Iterator[Api]:
    """Start Airflow with a home, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    airflow = LocalAirflow(home.path, home.dags, port, home.variables)
    address = airflow.up()
    try:
        yield Api(address)
    finally:
        airflow.down()


def run_in_turn(home: AirflowHome, api: Api, rounds: int, dag_ids: Sequence[str], files: int) -> None:
    """Run DAGs one after the other, again and again; ``files`` are in the dags folder.

    Raises:
        RuntimeError: a run failed; a figure of a failed task says nothing.
    """
    wait_until(lambda: len(home.rows("SELECT 1 FROM serialized_dag")) == files, "all files to be parsed")
    for dag_id in dag_ids:
        api.ask("PATCH", f"dags/{dag_id}", {"is_paused": False})
    for _ in range(rounds):
        for dag_id in dag_ids:
            run = api.ask("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": {}})["dag_run_id"]
            state = "SELECT state FROM dag_run WHERE run_id = ? AND dag_id = ? AND end_date IS NOT NULL"
            wait_until(lambda: home.rows(state, run, dag_id), f"{run} of {dag_id}")  # noqa: B023
            if home.rows(state, run, dag_id) != [("success",)]:
                raise RuntimeError(f"{run} of {dag_id} failed; see {home.path / 'logs'}")


def durations(home: AirflowHome, dag_id: str) -> list[float]:
    """Return the seconds of each task of a DAG, the oldest first."""
    query = "SELECT duration FROM task_instance WHERE dag_id = ? ORDER BY start_date"
    return [duration for (duration,) in home.rows(query, dag_id)]


def _intervals(home: AirflowHome, dag_id: str) -> list[float]:
    query = (
        "SELECT (julianday(late.end_date) - julianday(early.end_date)) * 86400 "
        "FROM task_instance early JOIN task_instance late USING (dag_id, run_id) WHERE dag_id = ? "
        "AND (early.task_id, late.task_id) IN (VALUES ('noop', 'noop_2'), ('noop_2', 'noop_3'))"
    )
    return [seconds for (seconds,) in home.rows(query, dag_id)]


class Api:
    """Airflow's REST API."""

    def __init__(self, address: Address) -> None:
        self._url = address.url
        self._token = ""
        password = json.loads(address.password_file.read_text())[address.user]
        login = {"username": address.user, "password": password}
        self._token = self._send("POST", "auth/token", login)["access_token"]

    def ask(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Send one request and return its answer."""
        return self._send(method, f"api/v2/{path}", body)

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        request = Request(f"{self._url}/{path}", json.dumps(body).encode(), headers, method=method)
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)
