"""This project, installed as a wheel in an environment of its own, as every peer is."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.models.paths import deployment_path
from airflow_provider_pipes.orchestrators.submission import new_run_name
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.step_operators.base import BaseStepOperator
from benchmarks.harness import write_pipeline
from benchmarks.peers.peer import Dag, Kind, Measure, Peer
from benchmarks.starting import NOW_PIPELINE

_STACK = """\
active_stack = "peers"

[stacks.peers]
orchestrator = "airflow"
artifact_store = "local"

[orchestrators.airflow]
flavor = "airflow"
operator = "{operator}"
store_volume = {{ hostPath = {{ path = "/artifacts" }} }}

[artifact_stores.local]
flavor = "local"

[settings.docker]
skip_build = true
image = "python:3.12"
"""


class Ours(Peer):
    """airflow-provider-pipes."""

    name = "ours"
    title = "ours"
    packages = ("airflow-provider-pipes",)
    imports = "from airflow_provider_pipes import pipeline, step"

    def producing(self, steps: int) -> Measure:
        """`pipes deploy`, of code that it has not seen before."""
        file = write_pipeline(self.folder / f"produce_{steps}", steps)

        def measured() -> float:
            # What the last one noted down would make it faster.
            with tempfile.TemporaryDirectory(dir=self.folder) as fresh:
                command = ["deploy", f"{file}:{file.stem}", "--dags-folder", f"{fresh}/dags"]
                return self._pipes(file.parent, *command, PIPES_CACHE_DIR=f"{fresh}/cache")

        return measured

    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Have `pipes deploy` write it."""
        project = self.folder / f"dag_{kind.name}_{tasks}".lower()
        file = write_pipeline(project, tasks)
        if kind is not Kind.WORKER:
            (project / "pipes.toml").write_text(_STACK.format(operator=kind.value.lower()))
        self._pipes(project, "deploy", f"{file}:{file.stem}", "--dags-folder", str(dags))
        return Dag([dags / f"{file.stem}.py"], file.stem, self.environment)

    def running(self, steps: int) -> Measure:
        """`pipes run`, without the cache."""
        file = write_pipeline(self.folder / "run", steps)
        return lambda: self._pipes(file.parent, "run", f"{file}:{file.stem}", "--no-cache")

    def starting(self) -> Measure:
        """The command that a step operator starts, on a local store, with nothing cached."""
        project = self.folder / "start"
        project.mkdir(exist_ok=True)
        (project / "pyproject.toml").touch()
        (project / "starting.py").write_text(NOW_PIPELINE)
        self._pipes(project, "deploy", "starting.py", "--dags-folder", "dags")
        return _StartedStep(self, project).milliseconds

    def hitting(self, steps: int) -> Measure:
        """`pipes run` once more."""
        file = write_pipeline(self.folder / "hit", steps)
        command = [self.environment.script("pipes"), "run", f"{file}:{file.stem}"]
        return lambda: self.spent(command, file.parent).wall

    def _pipes(self, cwd: Path, *arguments: str, **variables: str) -> float:
        return self.spent([self.environment.script("pipes"), *arguments], cwd, **variables).cpu


class _StartedStep:
    """One step of a deployed pipeline, started again and again."""

    def __init__(self, peer: Peer, project: Path) -> None:
        text = (project / "dags" / "starting.py").read_text()
        identity = text.partition("# pipes-deployment: ")[2].split()[0]
        self.peer = peer
        self.project = project
        self.storage = open_store(str(project / ".pipes" / "artifacts"), None)
        self.plan = DeploymentPlan.from_document(self.storage.read(deployment_path(identity)), identity)

    def milliseconds(self) -> float:
        """Start it and return the milliseconds until its function was called."""
        token = os.urandom(8).hex()
        launch = StepLaunch(self.storage, self.plan.step("now"), new_run_name("starting"), token)
        launch.prepare({}, {})
        command = [self.peer.environment.python, "-m", "airflow_provider_pipes.entrypoints.entrypoint"]
        command += ["--entrypoint_config_source", str(BaseStepOperator.entrypoint_config_class)]
        command += ["--step_name", "now"]
        command += ["--execution_info_path", self.storage.full_uri(launch.execution_info_path)]
        with tempfile.TemporaryDirectory(dir=self.project) as cache:
            began = time.time()
            self.peer.spent(command, self.project, PIPES_CACHE_DIR=cache)
        manifest = launch.finished()
        if manifest is None:
            raise RuntimeError("the step left no result")
        value = self.storage.read(f"{manifest.references()['output'].path}/value.json")
        return (float(json.loads(value)) - began) * 1000
