"""The floor: the DAG as a person writes it, with Airflow's own operators.

Airflow's documents: a DAG file with ``with DAG(…)`` and one operator a task. There is nothing to produce, no
cache, and no process of the step's own: the function is called in Airflow's task process.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.home import PeersHome
from benchmarks.peers.outcome import CannotRunError
from benchmarks.peers.peer import Dag, Kind, Measure, Peer

NO_PROCESS = "the function is called in Airflow's own task process"
DAGS_TEST = "`airflow dags test`"
_OPERATORS = {
    Kind.WORKER: ("airflow.providers.standard.operators.python", "PythonOperator"),
    Kind.DOCKER: ("airflow.providers.docker.operators.docker", "DockerOperator"),
    Kind.KUBERNETES: ("airflow.providers.cncf.kubernetes.operators.pod", "KubernetesPodOperator"),
}
_ARGUMENTS = {
    Kind.WORKER: "python_callable=noop",
    Kind.DOCKER: 'image="python:3.12", command=["python", "-m", "noop"]',
    Kind.KUBERNETES: 'image="python:3.12", cmds=["python", "-m", "noop"]',
}
_HEAD = """\
from {module} import {operator}
from airflow.sdk import DAG, Param


def noop() -> int:
    return 1


with DAG(dag_id="{dag_id}", schedule=None, params={{"x": Param(1, type="integer")}}):
"""


class Hand(Peer):
    """Written by hand."""

    name = "hand"
    title = "by hand"
    packages = ("apache-airflow",)
    imports = (
        "from airflow.providers.standard.operators.python import PythonOperator\n"
        "from airflow.sdk import DAG, Param"
    )
    notes: ClassVar = {"running": DAGS_TEST}

    def producing(self, steps: int) -> Measure:
        """Nothing produces it."""
        raise CannotRunError("a person writes the file")

    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Write the file as a person would."""
        file = dags / f"chain_{tasks}.py"
        module, operator = _OPERATORS[kind]
        names = [f"noop_{n}" for n in range(1, tasks + 1)]
        lines = [_HEAD.format(module=module, operator=operator, dag_id=file.stem)]
        lines += [f'    {name} = {operator}(task_id="{name}", {_ARGUMENTS[kind]})\n' for name in names]
        lines += ["\n", *(f"    {one} >> {two}\n" for one, two in pairwise(names))]
        file.write_text("".join(lines))
        return Dag([file], file.stem, self.environment)

    def running(self, steps: int) -> Measure:
        """`airflow dags test`."""
        return dags_test(self, steps)

    def starting(self) -> Measure:
        """There is no process for it."""
        raise CannotRunError(NO_PROCESS)

    def hitting(self, steps: int) -> Measure:
        """There is no cache."""
        raise CannotRunError("Airflow has no cache of results")


def dags_test(peer: Peer, tasks: int) -> Measure:
    """Return what runs a DAG by `airflow dags test`: how a person tries one where a DAG is all there is."""
    home = PeersHome(peer.folder / "airflow")
    dag = peer.dag(Kind.WORKER, tasks, home.dags)
    command = [dag.environment.python, "-m", "airflow", "dags", "test", dag.dag_id]
    return lambda: peer.spent(command, home.path, **{**home.variables, **dag.variables}).cpu
