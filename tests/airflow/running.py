"""A whole Airflow for tests, started as `pipes up` starts one."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow
from tests.airflow.harness import AirflowHome
from tests.airflow.rest import AirflowApi


@dataclass(frozen=True)
class RunningAirflow:
    """An Airflow that is up.

    Attributes:
        home: Its home; ``home.airflow(…)`` runs `airflow …` on its database, ``home.add_dag(…)`` adds a DAG.
        server: What `pipes up` and `pipes down` use.
        api: Its REST API: ``api.run("my_dag", {"n": 3})`` is the shortest way to a finished run.
    """

    home: AirflowHome
    server: LocalAirflow
    api: AirflowApi

    @property
    def dags_folder(self) -> Path:
        """Where it looks for DAG files, every second."""
        return self.home.dags_folder


@contextlib.contextmanager
def run_airflow(home: AirflowHome) -> Iterator[RunningAirflow]:
    """Run an Airflow in ``home`` for as long as the context lasts."""
    server = LocalAirflow(home.path, home.dags_folder, free_port(), home.settings)
    address = server.up(timeout=150)
    try:
        password = json.loads(address.password_file.read_text())[address.user]
        yield RunningAirflow(home, server, AirflowApi(address.url, address.user, password))
    finally:
        server.down()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
