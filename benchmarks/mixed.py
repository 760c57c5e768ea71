"""A no-op step in the worker, in a DAG file that has container tasks too, beside the same file by hand."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.airflow_home import AirflowHome
from benchmarks.harness import PIPES, Row, more_at_most, spent
from benchmarks.tasks import run_in_turn, running

_BAR = 0.1
# The tasks in containers are skipped: only what they cost the others counts here, and no engine need run.
_OURS = """\
from airflow_provider_pipes import DockerSettings, SkipStep, pipeline, step

IMAGE = DockerSettings(skip_build=True, image="example.com/noop:1")


@step(cache=False)
def noop() -> None:
    return None


@step(cache=False)
def gate() -> None:
    raise SkipStep("that is all")


@step(docker=IMAGE, settings={"orchestrator.airflow": {"operator": "docker"}})
def in_docker() -> None:
    return None


@step(docker=IMAGE, settings={"orchestrator.airflow": {"operator": "kubernetes"}})
def in_kubernetes() -> None:
    return None


@pipeline
def ours_mixed() -> None:
    stop = gate.after(noop())()
    in_docker.after(stop)()
    in_kubernetes.after(stop)()
"""
_STOCK = """\
from airflow.exceptions import AirflowSkipException
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG


def skip():
    raise AirflowSkipException("that is all")


with DAG(dag_id="stock_mixed", schedule=None):
    noop = PythonOperator(task_id="noop", python_callable=lambda: None)
    gate = PythonOperator(task_id="gate", python_callable=skip)
    in_docker = DockerOperator(task_id="in_docker", image="example.com/noop:1")
    in_kubernetes = KubernetesPodOperator(task_id="in_kubernetes", image="example.com/noop:1")
    noop >> gate >> [in_docker, in_kubernetes]
"""
_STACK = """\
[orchestrators.airflow]
flavor = "airflow"

[orchestrators.airflow.store_volume.hostPath]
path = "/store"
"""


def mixed(folder: Path, runs: int) -> Iterator[Row]:
    """At most 100 ms more than in the hand-written file, as in files without containers."""
    home = AirflowHome(folder / "airflow")
    project = folder / "project"
    project.mkdir()
    for name, text in (("pyproject.toml", ""), ("ours_mixed.py", _OURS), ("pipes.toml", _STACK)):
        (project / name).write_text(text)
    spent([*PIPES, "deploy", "ours_mixed.py", "--dags-folder", str(home.dags)], project)
    (home.dags / "stock_mixed.py").write_text(_STOCK)
    with running(home) as api:
        run_in_turn(home, api, runs + 1, ("ours_mixed", "stock_mixed"), 2)
    ours, stock = (statistics.median(_seconds(home, name)[1:]) for name in ("ours_mixed", "stock_mixed"))
    yield more_at_most("a no-op task in the worker, mixed file", ours, stock, _BAR, "stock")


def _seconds(home: AirflowHome, dag_id: str) -> list[float]:
    query = "SELECT duration FROM task_instance WHERE dag_id = ? AND task_id = 'noop' ORDER BY start_date"
    return [seconds for (seconds,) in home.rows(query, dag_id)]
