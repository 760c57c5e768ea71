"""ZenML with its Airflow orchestrator.

Its documents: a stack with the Airflow orchestrator; calling the pipeline writes a zip of the DAG's
configuration and a generator, which goes into the dags folder of an Airflow that has pydantic and the
operator's provider. Docker images are not built here (`skip_build`): that would be Docker's time.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import environment
from benchmarks.peers.hand import Hand
from benchmarks.peers.outcome import CannotRunError
from benchmarks.peers.peer import Dag, Kind, Measure, Peer

_PIPELINE = """\
import time

from zenml import pipeline, step
from zenml.config import DockerSettings
from zenml.integrations.airflow.flavors.airflow_orchestrator_flavor import AirflowOrchestratorSettings


@step
def noop(x: int) -> int:
    with open({started!r}, "w") as started:
        started.write(repr(time.time()))
    return x


@pipeline(enable_cache={cache}, settings={settings})
def chain_{steps}(x: int = 1) -> None:
    value = noop(x)
    for _ in range({steps} - 1):
        value = noop(value)


if __name__ == "__main__":
    chain_{steps}()
"""
_SETTINGS = (
    '{{"docker": DockerSettings(parent_image="python:3.12", skip_build=True), '
    '"orchestrator": AirflowOrchestratorSettings(dag_output_dir={dags!r}, dag_id="chain_{steps}", '
    "operator={operator!r})}}"
)
_PRESENT_POD_OPERATOR = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"


class ZenML(Peer):
    """ZenML."""

    name = "zenml"
    title = "ZenML"
    packages = ("zenml",)
    needs = (Hand.name,)
    imports = "from zenml import pipeline, step"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        zenml = self.environment.script("zenml")
        for command in (
            "orchestrator register airflow --flavor=airflow --local=True",
            "stack register airflow --orchestrator airflow --artifact-store default",
        ):
            self.spent([zenml, *command.split()], folder)

    @property
    def variables(self) -> Mapping[str, str]:
        """Its own, with analytics off."""
        return {**super().variables, "ZENML_ANALYTICS_OPT_IN": "false"}

    def producing(self, steps: int) -> Measure:
        """Call the pipeline on the Airflow stack."""
        project = self.folder / f"produce_{steps}"
        script = self._write(project, steps, operator="docker")
        return lambda: self.spent([self.environment.python, script], project).cpu

    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Copy the zip into the folder."""
        if kind is Kind.WORKER:
            raise CannotRunError("every step is a container")
        operator = "docker" if kind is Kind.DOCKER else "kubernetes_pod"
        return self._dag(f"dag_{operator}_{tasks}", operator, tasks, dags)

    def mended(self, dag: Dag, kind: Kind, tasks: int, failure: CannotRunError) -> Dag:
        """Name the operator by its present module, as the setting allows."""
        if kind is not Kind.KUBERNETES:
            raise failure
        made = self._dag(f"mended_{tasks}", _PRESENT_POD_OPERATOR, tasks, dag.files[0].parent)
        note = f'ZenML: with operator="kubernetes_pod" it does not load: {failure}; measured with the'
        return replace(made, note=f"{note} class path of Airflow 3's operator instead")

    def running(self, steps: int) -> Measure:
        """Call the pipeline on the default stack, without the cache."""
        project = self.folder / "run"
        script = self._write(project, steps)
        return lambda: self.spent([self.environment.python, script], project).cpu

    def starting(self) -> Measure:
        """The command of a task's container, on a local store."""
        project = self.folder / "start"
        self.spent([self.environment.python, self._write(project, 1, operator="docker")], project)
        task = self._first_task(project)
        command = [self.environment.python, *task["command"][1:], *task["arguments"]]
        attempts = itertools.count()

        def milliseconds() -> float:
            run = {"ZENML_AIRFLOW_RUN_ID": f"run_{next(attempts)}"}
            began = time.time()
            self.spent(command, project, **{**task["environment"], **run})
            return (float((project / "started").read_text()) - began) * 1000

        return milliseconds

    def hitting(self, steps: int) -> Measure:
        """Call the pipeline on the default stack once more."""
        project = self.folder / f"hit_{steps}"
        script = self._write(project, steps, cache=True)
        return lambda: self.spent([self.environment.python, script], project).wall

    def _write(self, project: Path, steps: int, operator: str = "", cache: bool = False) -> str:
        """Write a project, with its own choice of stack, and return its script."""
        project.mkdir(exist_ok=True)
        script, started = project / f"chain_{steps}.py", str(project / "started")
        settings = "None"
        if operator:
            settings = _SETTINGS.format(dags=str(project / "dags"), steps=steps, operator=operator)
        script.write_text(_PIPELINE.format(steps=steps, started=started, cache=cache, settings=settings))
        zenml = self.environment.script("zenml")
        self.spent([zenml, "init"], project)
        self.spent([zenml, "stack", "set", "airflow" if operator else "default"], project)
        return str(script)

    def _dag(self, name: str, operator: str, tasks: int, dags: Path) -> Dag:
        project = self.folder / name
        self.spent([self.environment.python, self._write(project, tasks, operator=operator)], project)
        file = shutil.copy(self._zip(project), dags)
        return Dag([Path(file)], f"chain_{tasks}", environment(Hand.name))

    def _zip(self, project: Path) -> Path:
        return next((project / "dags").glob("*.zip"))

    def _first_task(self, project: Path) -> dict[str, Any]:
        with zipfile.ZipFile(self._zip(project)) as archive:
            task: dict[str, Any] = json.loads(archive.read("config.json"))["tasks"][0]
        return task
