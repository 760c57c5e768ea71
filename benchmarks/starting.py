"""The entrypoint: from the start of its process to the user's function."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.models.paths import deployment_path
from airflow_provider_pipes.orchestrators.submission import new_run_name
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.step_operators.base import BaseStepOperator
from benchmarks.harness import PIPES, Peers, Row, interleaved, more_at_most, spent

_CONNECTION = "benchmark"
_PEERS = Peers({"Metaflow": 530, "ZenML": 4600})
NOW_PIPELINE = """\
import time

from airflow_provider_pipes import pipeline, step


@step(cache=False)
def now() -> float:
    return time.time()


@pipeline
def starting() -> None:
    now()
"""
_S3_STACK = """\
active_stack = "remote"

[stacks.remote]
orchestrator = "airflow"
artifact_store = "remote"

[orchestrators.airflow]
flavor = "airflow"

[artifact_stores.remote]
flavor = "s3"
uri = "s3://benchmark/store"
connection_id = "benchmark"
"""


def starting(folder: Path, runs: int) -> Iterator[Row]:
    """At most 150 ms more than `python -c pass` with a local store, 250 with S3."""
    project = folder / "local"
    project.mkdir()
    step = _StartedStep(project, str(project / ".pipes" / "artifacts"), None)
    nothing, start = interleaved(runs, lambda: _nothing(folder), step.seconds)
    yield more_at_most("entrypoint, local store", start, nothing, 0.15, "python -c pass", _PEERS)

    project = folder / "remote"
    project.mkdir()
    (project / "pipes.toml").write_text(_S3_STACK)
    with _s3_server(folder):
        step = _StartedStep(project, "s3://benchmark/store", _CONNECTION)
        nothing, start = interleaved(runs, lambda: _nothing(folder), step.seconds)
    yield more_at_most("entrypoint, S3", start, nothing, 0.25, "python -c pass", _PEERS)


def _nothing(folder: Path) -> float:
    return spent([sys.executable, "-c", "pass"], folder).wall


class _StartedStep:
    """One step, started again and again as a container starts it: with nothing cached."""

    def __init__(self, project: Path, store: str, connection_id: str | None) -> None:
        (project / "pyproject.toml").touch()
        (project / "starting.py").write_text(NOW_PIPELINE)
        spent([*PIPES, "deploy", "starting.py", "--dags-folder", "dags"], project)
        text = (project / "dags" / "starting.py").read_text()
        identity = text.partition("# pipes-deployment: ")[2].split()[0]
        self.project = project
        self.connection_id = connection_id
        self.storage = open_store(store, connection_id)
        self.plan = DeploymentPlan.from_document(self.storage.read(deployment_path(identity)), identity)

    def seconds(self) -> float:
        """Start it and return the seconds until its function was called."""
        launch = StepLaunch(
            self.storage, self.plan.step("now"), new_run_name("starting"), os.urandom(8).hex()
        )
        launch.prepare({}, {})
        command = [sys.executable, "-m", "airflow_provider_pipes.entrypoints.entrypoint"]
        command += [
            "--entrypoint_config_source",
            str(BaseStepOperator.entrypoint_config_class),
            "--step_name",
            "now",
        ]
        command += ["--execution_info_path", self.storage.full_uri(launch.execution_info_path)]
        if self.connection_id:
            command += ["--store_connection_id", self.connection_id]
        with tempfile.TemporaryDirectory(dir=self.project) as cache:
            began = time.time()
            spent(command, self.project, {"PIPES_CACHE_DIR": cache})
        manifest = launch.finished()
        if manifest is None:
            raise RuntimeError("the step left no result")
        return (
            float(json.loads(self.storage.read(f"{manifest.references()['output'].path}/value.json"))) - began
        )


@contextmanager
def _s3_server(folder: Path) -> Iterator[None]:
    """Run a server that speaks S3 on loopback, and name it in an Airflow connection in the environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    with (folder / "s3.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
    try:
        make_bucket(f"{endpoint}/benchmark")
        extra = {"endpoint_url": endpoint, "region_name": "us-east-1"}
        connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
        os.environ[f"AIRFLOW_CONN_{_CONNECTION.upper()}"] = json.dumps(connection)
        yield
    finally:
        server.terminate()
        server.wait()


def make_bucket(url: str) -> None:
    """Make a bucket as soon as its server answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            urlopen(Request(url, method="PUT")).close()
            return
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
