"""The DAG file of a deployment: static, readable, the same bytes wherever it is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.compiler.allocation import collection_paused
from airflow_provider_pipes.models.deployment import PipelineDeployment, StepSpec
from airflow_provider_pipes.orchestrators.airflow.arguments import (
    Arguments,
    dag_arguments,
    pod_arguments,
    task_arguments,
)
from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
from airflow_provider_pipes.orchestrators.airflow.identifiers import variable_names
from airflow_provider_pipes.orchestrators.airflow.image_names import image_names
from airflow_provider_pipes.orchestrators.airflow.kinds import TaskKind, import_lines, task_kinds
from airflow_provider_pipes.orchestrators.airflow.literal import LINE_LENGTH, Call, Name, names_in
from airflow_provider_pipes.orchestrators.airflow.location import StoreLocation
from airflow_provider_pipes.orchestrators.airflow.marker import Marker
from airflow_provider_pipes.orchestrators.airflow.modes import common_arguments, mode_of
from airflow_provider_pipes.orchestrators.airflow.operator_config import KUBERNETES
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
class Task:
    """One task, as the templates see it; ``operator`` is the name of its operator in the file."""

    variable: str
    template: str
    arguments: Arguments
    operator: str = ""


def render_dag_file(
    deployment: PipelineDeployment,
    dag_id: str,
    store: StoreLocation,
    store_connection_id: str | None = None,
    templates_dir: Path | None = None,
    config: AirflowOrchestratorConfig | None = None,
) -> str:
    """Return the text of the DAG file.

    Args:
        deployment: What to render.
        dag_id: Airflow's name for it.
        store: The artifact store's root.
        store_connection_id: Airflow connection that opens the store.
        templates_dir: Templates of a user's own, in place of ours of the same name.
        config: The orchestrator's configuration.

    Raises:
        ConfigurationError: one of the user's templates fails.
        DeployError: a step that runs in a container has no image yet.
    """
    with collection_paused():
        rendering = _Rendering(deployment, store, config or AirflowOrchestratorConfig())
        context = rendering.context(dag_id, store_connection_id)
        marker = Marker(deployment.pipeline.source, deployment.id)
        return marker.comment() + render_template(context, templates_dir)


class _Rendering:
    """What the parts of one DAG file have to agree on: kinds of tasks, images, names of variables."""

    def __init__(
        self, deployment: PipelineDeployment, store: StoreLocation, config: AirflowOrchestratorConfig
    ) -> None:
        self.deployment = deployment
        self.store = store
        self.config = config
        self.modes = {step.name: mode_of(step, config) for step in deployment.step_specs}
        self.kinds = task_kinds(self.modes.values())
        self.common = common_arguments([*self.modes.values()])
        operators = {
            name
            for kind in self.kinds.values()
            if kind.stock is not None
            for name in (kind.operator, kind.stock.alias)
        }
        self.variables = variable_names([*self.modes], operators)
        containers = [step for step in deployment.step_specs if self.modes[step.name].in_container]
        self.images = image_names(containers, self.variables, operators)

    def context(self, dag_id: str, store_connection_id: str | None) -> dict[str, Any]:
        """Return the names that the templates may use."""
        constants = self._constants()
        address = Name("STORE") if self.store.relative else self.store.text
        pods = pod_arguments(self.config, "://" not in self.store.text) if KUBERNETES in self.kinds else {}
        arguments = dag_arguments(self.deployment, dag_id, address, store_connection_id, pods | self.common)
        tasks = [self._task(step) for step in self.deployment.step_specs]
        values = [*constants.values(), arguments, *(task.arguments for task in tasks)]
        return {
            "deployment": self.deployment,
            "imports": _imports(values, self.kinds.values()),
            "constants": constants,
            "arguments": arguments,
            "tasks": tasks,
            "edges": _edges(self.deployment, self.variables),
        }

    def _constants(self) -> dict[str, Any]:
        constants: dict[str, Any] = {}
        if self.store.relative:
            constants["STORE"] = _beside_the_file(self.store.text)
        constants |= {name: image for image, name in self.images.items()}
        made = (kind for kind in self.kinds.values() if kind.definition is not None)
        return constants | {kind.operator: kind.definition for kind in made}

    def _task(self, step: StepSpec) -> Task:
        mode = self.modes[step.name]
        kind = self.kinds[mode.operator]
        image: str | Name | None = None
        if mode.in_container:
            image = Name(self.images[str(step.image)]) if step.image in self.images else step.image
        arguments = task_arguments(step, self.deployment.pipeline, mode, image, self.config, self.common)
        return Task(self.variables[step.name], kind.template, arguments, kind.operator)


def _beside_the_file(path: str) -> Call:
    # abspath takes the ".." out without asking the disk.
    here = Call("os.path.dirname", [Name("__file__")])
    return Call("os.path.abspath", [Call("os.path.join", [here, path])])


def _imports(values: Iterable[Any], kinds: Iterable[TaskKind]) -> list[str]:
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
    return [*standard, *import_lines(kinds, airflow)]


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
