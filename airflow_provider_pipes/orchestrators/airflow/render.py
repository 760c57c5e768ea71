"""The DAG file of a deployment: static, readable, the same bytes wherever it is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.compiler.allocation import collection_paused
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.orchestrators.airflow.arguments import Arguments, dag_arguments, task_arguments
from airflow_provider_pipes.orchestrators.airflow.identifiers import variable_names
from airflow_provider_pipes.orchestrators.airflow.literal import LINE_LENGTH, Call, Name, names_in
from airflow_provider_pipes.orchestrators.airflow.location import StoreLocation
from airflow_provider_pipes.orchestrators.airflow.marker import Marker
from airflow_provider_pipes.orchestrators.airflow.templates import render_template

_MODULES = {
    "UTC": "datetime",
    "datetime": "datetime",
    "timedelta": "datetime",
    "ZoneInfo": "zoneinfo",
    "CronTriggerTimetable": "airflow.sdk",
    "DAG": "airflow.sdk",
    "DeltaTriggerTimetable": "airflow.sdk",
    "Param": "airflow.sdk",
}


@dataclass(frozen=True)
class TaskKind:
    """A kind of task: what its template needs the file to import.

    Attributes:
        stock_module: Module of the Airflow operator below ours. The dag-processor imports it once,
            before it forks, only where a file names it.
    """

    template: str
    module: str
    operator: str
    stock_module: str


PYTHON = TaskKind(
    template="python.py.jinja",
    module="airflow_provider_pipes.operators.python",
    operator="StepPythonOperator",
    stock_module="airflow.providers.standard.operators.python",
)


@dataclass(frozen=True)
class Task:
    """One task, as the templates see it."""

    variable: str
    template: str
    arguments: Arguments


def render_dag_file(
    deployment: PipelineDeployment,
    dag_id: str,
    store: StoreLocation,
    store_connection_id: str | None = None,
    templates_dir: Path | None = None,
) -> str:
    """Return the text of the DAG file.

    Args:
        deployment: What to render.
        dag_id: Airflow's name for it.
        store: The artifact store's root.
        store_connection_id: Airflow connection that opens the store.
        templates_dir: Templates of a user's own, in place of ours of the same name.

    Raises:
        ConfigurationError: one of the user's templates fails.
    """
    with collection_paused():
        context = _context(deployment, dag_id, store, store_connection_id)
        marker = Marker(deployment.pipeline.source, deployment.id)
        return marker.comment() + render_template(context, templates_dir)


def _context(
    deployment: PipelineDeployment, dag_id: str, store: StoreLocation, store_connection_id: str | None
) -> dict[str, Any]:
    constants = {"STORE": _beside_the_file(store.text)} if store.relative else {}
    address = Name("STORE") if store.relative else store.text
    arguments = dag_arguments(deployment, dag_id, address, store_connection_id)
    variables = variable_names([step.name for step in deployment.step_specs])
    tasks = [
        Task(variables[step.name], PYTHON.template, task_arguments(step, deployment.pipeline))
        for step in deployment.step_specs
    ]
    return {
        "deployment": deployment,
        "imports": _imports(
            [*constants.values(), arguments, *(task.arguments for task in tasks)], PYTHON if tasks else None
        ),
        "constants": constants,
        "arguments": arguments,
        "tasks": tasks,
        "edges": _edges(deployment, variables),
    }


def _beside_the_file(path: str) -> Call:
    # abspath takes the ".." out without asking the disk.
    here = Call("os.path.dirname", [Name("__file__")])
    return Call("os.path.abspath", [Call("os.path.join", [here, path])])


def _imports(values: Iterable[Any], kind: TaskKind | None) -> list[str]:
    names = {name for value in values for name in names_in(value)} | {"DAG"}
    members: dict[str, list[str]] = {}
    for name in sorted(names & _MODULES.keys(), key=_import_order):
        members.setdefault(_MODULES[name], []).append(name)
    froms = {module: f"from {module} import {', '.join(members[module])}" for module in sorted(members)}
    airflow = froms.pop("airflow.sdk")
    uses_os = any(name.startswith("os.") for name in names)
    standard = [*(["import os"] if uses_os else []), *froms.values()]
    if standard:
        standard.append("")
    if kind is None:
        return [*standard, airflow]
    # Nothing in the file uses the stock module's name: it is there for the dag-processor, which looks for it.
    stock = f"import {kind.stock_module}  # noqa: F401"
    ours = f"from {kind.module} import {kind.operator}"
    # Whether ours is the project's own or a third party's depends on where a linter is started.
    return [*standard, stock, airflow, "", "# isort: split", ours]


def _import_order(name: str) -> tuple[bool, bool, str]:
    """Sort as isort does: constants, then classes, then functions."""
    return not name.isupper(), not name[0].isupper(), name


def _edges(deployment: PipelineDeployment, variables: Mapping[str, str]) -> list[str]:
    return [
        _edge([variables[name] for name in step.upstream], variables[step.name])
        for step in deployment.step_specs
        if step.upstream
    ]


def _edge(upstream: list[str], downstream: str) -> str:
    if len(upstream) == 1:
        return f"{upstream[0]} >> {downstream}"
    flat = f"    [{', '.join(upstream)}] >> {downstream}"
    if len(flat) <= LINE_LENGTH:
        return flat.strip()
    items = "".join(f"        {name},\n" for name in upstream)
    return f"[\n{items}    ] >> {downstream}"
