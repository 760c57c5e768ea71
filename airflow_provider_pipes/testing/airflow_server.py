"""A whole Airflow for tests, started as ``pipes up`` starts one, and stopped whatever happens."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.authoring.pipeline import Pipeline
from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow
from airflow_provider_pipes.testing.airflow_api import AirflowApi
from airflow_provider_pipes.testing.airflow_home import AirflowHome
from airflow_provider_pipes.testing.airflow_results import DagRunResult
from airflow_provider_pipes.testing.guard import guarded

_START_SECONDS = 150
_DEPLOY_SECONDS = 120


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

    def deploy(self, target: Pipeline[...] | str, project: Path | None = None, **variables: str) -> str:
        """Run `pipes deploy`, wait until Airflow has the DAG, and return its id; it is not paused.

        Args:
            target: A pipeline, or a TARGET as the command line takes it.
            project: The folder to deploy from; the current one by default.
            variables: Environment variables for the command.

        Raises:
            AssertionError: the command failed, or Airflow did not take the DAG file.
        """
        text = target if isinstance(target, str) else target_of(target)
        before = self._versions()
        (deployed,) = self._deployed(text, project, variables)
        dag_id = str(deployed["dag_id"])
        news = 0 if deployed["result"] == "unchanged" else 1
        self.api.wait_for_dag(dag_id, max(1, before.get(dag_id, 0) + news))
        self.api.unpause(dag_id)
        return dag_id

    def _versions(self) -> dict[str, int]:
        known = [str(each["dag_id"]) for each in self.api.request("GET", "dags", limit=1000)["dags"]]
        return {dag_id: self.api.version_of(dag_id) for dag_id in known}

    def _deployed(
        self, text: str, project: Path | None, variables: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "airflow_provider_pipes.cli.main", "deploy", text, "--json"]
        inherited = {name: value for name, value in self.home.env.items() if not name.startswith("AIRFLOW")}
        done = subprocess.run(
            [*command, "--dags-folder", str(self.dags_folder)],
            cwd=project,
            env={**inherited, **variables},
            capture_output=True,
            text=True,
            timeout=_DEPLOY_SECONDS,
        )
        if done.returncode:
            said = done.stdout + done.stderr
            raise AssertionError(f"`pipes deploy {text}` exited {done.returncode}\n{said}")
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, run_id: str | None = None) -> str:
        """Start a run of a DAG and return the run's id."""
        self.api.wait_for_dag(dag_id)
        return self.api.trigger(dag_id, conf, run_id)

    def wait(
        self, dag_id: str, run_id: str, state: str | None = "success", seconds: float = 120
    ) -> DagRunResult:
        """Wait until a run ended and return what came of it.

        Args:
            dag_id: The DAG.
            run_id: The run.
            state: The state that it must end in; None where any will do.
            seconds: The longest time to wait.

        Raises:
            AssertionError: it ended otherwise, or not at all; the message has the logs of what failed.
        """
        self.api.wait_for_run(dag_id, run_id, state, seconds)
        return self.home.result(dag_id, run_id)

    def run(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, state: str | None = "success"
    ) -> DagRunResult:
        """Trigger a DAG, wait for the end of the run, and return what came of it."""
        return self.wait(dag_id, self.trigger(dag_id, conf), state)

    def states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run."""
        return self.api.states(dag_id, run_id)

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return a task's log as lines of text."""
        return self.api.log(dag_id, run_id, task_id, try_number)


@contextmanager
def run_airflow(home: AirflowHome) -> Iterator[RunningAirflow]:
    """Run an Airflow in ``home`` for as long as the context lasts, or this process."""
    server = LocalAirflow(home.path, home.dags_folder, free_port(), home.settings)
    with guarded(server):
        address = server.up(timeout=_START_SECONDS)
        password = json.loads(address.password_file.read_text())[address.user]
        yield RunningAirflow(home, server, AirflowApi(address.url, address.user, password))


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def target_of(pipeline: Pipeline[...]) -> str:
    """Return a pipeline as the command line names it."""
    return f"{pipeline.function.__code__.co_filename}:{pipeline.function.__qualname__}"
