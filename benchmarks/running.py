"""`pipes run`, the cache, `pipes --help` and the entrypoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_pipes.artifacts.storage import open_storage
from airflow_provider_pipes.models.paths import deployment_path
from airflow_provider_pipes.orchestrators.submission import new_run_name
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from benchmarks.harness import PIPES, Row, at_most, environment, interleaved, spent, write_pipeline

_CONFIGURATION = (
    "airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration.StepOperatorEntrypointConfiguration"
)


def run(folder: Path, runs: int) -> Iterator[Row]:
    """`pipes run` of 10 no-op steps under 0.6 CPU s, a cache hit under 5 ms, `--help` under 0.3 s."""
    ten, hundred = (write_pipeline(folder / "runs", steps) for steps in (10, 110))

    def command(file: Path, *options: str) -> float:
        return spent([*PIPES, "run", f"{file}:{file.stem}", *options], file.parent).cpu

    command(ten), command(hundred)  # fills the cache
    fresh, hits_ten, hits_hundred, help_ = interleaved(
        runs,
        lambda: command(ten, "--no-cache"),
        lambda: command(ten),
        lambda: command(hundred),
        lambda: spent([*PIPES, "--help"], folder).cpu,
    )
    yield at_most("pipes run, 10 steps", fresh, 0.6, compared="kedro 1.24, ZenML 6.3 (earlier)")
    hit = (hits_hundred - hits_ten) / 100 * 1000
    yield at_most("a cache hit", hit, 5, "ms a step", compared="ZenML 46 (earlier)")
    yield at_most("pipes --help", help_, 0.3)


def entrypoint(folder: Path, runs: int) -> Iterator[Row]:
    """From the start of the process to the user's function, over `python -c pass`."""
    project = folder / "entrypoint"
    project.mkdir()
    (project / "pyproject.toml").touch()
    (project / "cold.py").write_text(
        "import time\nfrom airflow_provider_pipes import pipeline, step\n\n\n"
        "@step(cache=False)\ndef now() -> float:\n    return time.time()\n\n\n"
        "@pipeline\ndef cold():\n    now()\n"
    )
    peers = "Metaflow 530 ms, ZenML 4,600 ms (earlier)"
    local = _ColdStart(project, str(project / ".pipes" / "artifacts"), {})
    nothing, start = interleaved(runs, lambda: spent([sys.executable, "-c", "pass"], folder).wall, local.seconds)
    yield at_most("entrypoint, local store", (start - nothing) * 1000, 150, "ms over `python -c pass`", compared=peers)
    with _s3() as variables:
        remote = _ColdStart(project, "s3://benchmark/store", variables)
        nothing, start = interleaved(runs, lambda: spent([sys.executable, "-c", "pass"], folder).wall, remote.seconds)
    yield at_most("entrypoint, S3", (start - nothing) * 1000, 250, "ms over `python -c pass`", compared=peers)


class _ColdStart:
    """One step, started again and again as a container would start it."""

    def __init__(self, project: Path, store: str, variables: dict[str, str]) -> None:
        self.project, self.store, self.variables = project, store, variables
        # A connection from the environment, as the entrypoint gets it.
        os.environ.update(variables)
        (project / "pipes.toml").write_text(_stack(store, bool(variables)))
        spent([*PIPES, "deploy", "cold.py", "--dags-folder", "dags"], project, environment(**variables))
        text = (project / "dags" / "cold.py").read_text()
        identity = text.partition("# pipes-deployment: ")[2].split()[0]
        self.storage = _open(store, variables)
        self.plan = DeploymentPlan.from_document(self.storage.read(deployment_path(identity)), identity)

    def seconds(self) -> float:
        launch = StepLaunch(self.storage, self.plan.step("now"), new_run_name("cold"), os.urandom(8).hex())
        launch.prepare({}, {})
        command = [sys.executable, "-m", "airflow_provider_pipes.entrypoints.entrypoint"]
        command += ["--entrypoint_config_source", _CONFIGURATION, "--step_name", "now"]
        command += ["--execution_info_path", self.storage.full_uri(launch.execution_info_path)]
        if self.variables:
            command += ["--store_connection_id", "benchmark"]
        began = time.time()
        subprocess.run(command, check=True, env=environment(**self.variables), cwd=self.project)
        manifest = launch.finished()
        assert manifest is not None
        reached = json.loads(self.storage.read(f"{manifest.references()['output'].path}/value.json"))
        return float(reached) - began


def _stack(store: str, connected: bool) -> str:
    if not connected:
        return ""
    return (
        'active_stack = "s3"\n[stacks.s3]\norchestrator = "airflow"\nartifact_store = "s3"\n'
        f'[artifact_stores.s3]\nflavor = "s3"\nuri = "{store}"\nconnection_id = "benchmark"\n'
    )


def _open(store: str, variables: dict[str, str]):  # type: ignore[no-untyped-def]
    if not variables:
        return open_storage(store)
    from airflow_provider_pipes.artifacts.credentials import open_store

    return open_store(store, "benchmark")


@contextmanager
def _s3() -> Iterator[dict[str, str]]:
    """A server that speaks S3 on loopback, in a process of its own."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _make_bucket(endpoint)
        connection = {
            "conn_type": "aws",
            "login": "key",
            "password": "secret",
            "extra": {"endpoint_url": endpoint, "region_name": "us-east-1"},
        }
        yield {"AIRFLOW_CONN_BENCHMARK": json.dumps(connection)}
    finally:
        server.terminate()
        server.wait()


def _make_bucket(endpoint: str) -> None:
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    deadline = time.monotonic() + 30
    while True:
        try:
            urlopen(Request(f"{endpoint}/benchmark", method="PUT")).close()
            return
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
