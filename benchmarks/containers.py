"""A no-op step in a container beside the stock operator with the same image, under a running Airflow."""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.airflow_home import AirflowHome
from benchmarks.harness import PIPES, Row, more_at_most, spent
from benchmarks.tasks import durations, run_in_turn, running

_ENGINES = Path(__file__).parents[1] / "tests" / "engines"
_BAR = 0.25
_PIPELINE = """\
from airflow_provider_pipes import pipeline, step


@step(cache=False)
def noop() -> None:
    return None


@pipeline
def {name}() -> None:
    noop()
"""
_STACK = """\
[orchestrators.airflow]
flavor = "airflow"
operator = "{operator}"
operator_args = {{ {arguments} }}

[orchestrators.airflow.store_volume.hostPath]
path = "{store}"

[settings.docker]
parent_image = "{parent}"
"""
_STOCK = """\
from {module} import {operator}
from airflow.sdk import DAG

with DAG(dag_id="{dag_id}", schedule=None):
    {operator}(task_id="noop", image="{image}", {command}={arguments})
"""


@dataclass(frozen=True)
class _Kind:
    """One of the two engines.

    Attributes:
        arguments: Of both operators.
    """

    operator: str
    module: str
    stock: str
    command: str
    arguments: Mapping[str, Any]


def containers(folder: Path, runs: int) -> Iterator[Row]:
    """At most 0.25 s more than the stock operator that runs `python -c pass`, from start to end.

    On the engines of the tests, which are started. One task a DAG; the two DAGs run in turn.
    """
    docker = _engine("docker")
    kinds = [_docker(docker["DOCKER_HOST"]), _kubernetes(_engine("kubernetes")["KUBECONFIG"])]
    os.environ["DOCKER_HOST"] = docker["DOCKER_HOST"]
    home = AirflowHome(folder / "airflow")
    for kind in kinds:
        _write(folder / kind.operator, home, kind, docker["PIPES_BASE_IMAGE"])
    with running(home) as api:
        for kind in kinds:
            pair = f"ours_{kind.operator}", f"stock_{kind.operator}"
            run_in_turn(home, api, math.ceil(runs / 2) + 1, pair, 2 * len(kinds))
    for kind in kinds:
        # The first run of each warms what all later ones find.
        ours, stock = (
            statistics.median(durations(home, f"{name}_{kind.operator}")[1:]) for name in ("ours", "stock")
        )
        yield more_at_most(f"a no-op task, {kind.operator}", ours, stock, _BAR, kind.stock)


def _docker(url: str) -> _Kind:
    return _Kind(
        "docker",
        "airflow.providers.docker.operators.docker",
        "DockerOperator",
        "command",
        {"docker_url": url, "mount_tmp_dir": False, "auto_remove": "force"},
    )


def _kubernetes(kubeconfig: str) -> _Kind:
    return _Kind(
        "kubernetes",
        "airflow.providers.cncf.kubernetes.operators.pod",
        "KubernetesPodOperator",
        "cmds",
        {
            "config_file": kubeconfig,
            "namespace": "default",
            "image_pull_policy": "Never",
            "startup_check_interval_seconds": 1,
        },
    )


def _engine(name: str) -> dict[str, str]:
    subprocess.run([_ENGINES / name, "up"], check=True)
    told = subprocess.run([_ENGINES / name, "env"], check=True, capture_output=True, text=True).stdout
    return dict(re.findall(r"^(?:export )?(\w+)=['\"]?([^'\"\n]*)", told, re.MULTILINE))


def _write(project: Path, home: AirflowHome, kind: _Kind, parent: str) -> None:
    """Deploy our DAG, and write the stock one with its image."""
    name = f"ours_{kind.operator}"
    store = project / ".pipes" / "artifacts"
    store.mkdir(parents=True)
    (project / "pyproject.toml").touch()
    (project / f"{name}.py").write_text(_PIPELINE.format(name=name))
    (project / "pipes.toml").write_text(
        _STACK.format(
            operator=kind.operator, arguments=_toml(_ours(kind.arguments)), store=store, parent=parent
        )
    )
    spent([*PIPES, "deploy", f"{name}.py", "--dags-folder", str(home.dags)], project)
    found = re.search(r"[\"'](\S+/\S+:[0-9a-f]{8,})[\"']", (home.dags / f"{name}.py").read_text())
    if found is None:
        raise RuntimeError(f"no image in {home.dags / name}.py")
    if kind.operator == "kubernetes":
        subprocess.run([_ENGINES / "kubernetes", "load", found[1]], check=True)
    arguments = "".join(f", {key}={value!r}" for key, value in kind.arguments.items())
    (home.dags / f"stock_{kind.operator}.py").write_text(
        _STOCK.format(
            module=kind.module,
            operator=kind.stock,
            dag_id=f"stock_{kind.operator}",
            image=found[1],
            command=kind.command,
            arguments=f'["python", "-c", "pass"]{arguments}',
        )
    )


def _ours(arguments: Mapping[str, Any]) -> dict[str, Any]:
    # What our operators do by themselves, and take no other way.
    return {key: value for key, value in arguments.items() if key not in ("mount_tmp_dir", "auto_remove")}


def _toml(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
