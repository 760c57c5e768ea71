"""The kinds of tasks of a DAG file, and what each needs it to import and define."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_pipes.orchestrators.airflow.identifiers import RESERVED
from airflow_provider_pipes.orchestrators.airflow.literal import LINE_LENGTH, Call, Name
from airflow_provider_pipes.orchestrators.airflow.modes import Mode
from airflow_provider_pipes.orchestrators.airflow.operator_config import DOCKER, KUBERNETES, PYTHON

_FACTORY_MODULE = "airflow_provider_pipes.operators.custom"
_FACTORY = "step_operator_class"


@dataclass(frozen=True)
class Import:
    """A name that the file imports from a module, under another one where that is taken."""

    module: str
    name: str
    alias: str

    def line(self) -> str:
        """Return the statement."""
        member = self.name if self.alias == self.name else f"{self.name} as {self.alias}"
        flat = f"from {self.module} import {member}"
        return flat if len(flat) <= LINE_LENGTH else f"from {self.module} import (\n    {member},\n)"


@dataclass(frozen=True)
class TaskKind:
    """A kind of task: what its template needs the file to import.

    Attributes:
        template: Name of its template.
        operator: Name of its operator in the file.
        source: Where that, or what makes it, is imported from.
        stock_module: Module of the Airflow operator below ours. The dag-processor imports it once,
            before it forks, only where a file names it.
        stock: The operator class that the configuration names, where it names one.
        definition: What makes the operator of it.
    """

    template: str
    operator: str
    source: Import
    stock_module: str = ""
    stock: Import | None = None
    definition: Call | None = None


def _own(mode: str, operator: str, stock_module: str) -> TaskKind:
    module = f"airflow_provider_pipes.operators.{mode}"
    return TaskKind(f"{mode}.py.jinja", operator, Import(module, operator, operator), stock_module)


OWN = {
    PYTHON: _own(PYTHON, "StepPythonOperator", "airflow.providers.standard.operators.python"),
    DOCKER: _own(DOCKER, "StepDockerOperator", "airflow.providers.docker.operators.docker"),
    KUBERNETES: _own(
        KUBERNETES, "StepKubernetesPodOperator", "airflow.providers.cncf.kubernetes.operators.pod"
    ),
}


def task_kinds(modes: Iterable[Mode]) -> dict[str, TaskKind]:
    """Return the kind of task for each operator that is used, in the order of first use."""
    found: dict[str, TaskKind] = {}
    taken: set[str] = set()
    for mode in modes:
        if mode.operator not in found:
            found[mode.operator] = OWN[mode.operator] if mode.other is None else _other(mode, taken)
    return found


def _other(mode: Mode, taken: set[str]) -> TaskKind:
    module, _, name = str(mode.other and mode.other.path).rpartition(".")
    alias = _free(name, taken)
    operator = _free(f"Step{name}", taken)
    mapping: Mapping[str, str] = mode.other.mapping if mode.other else {}
    return TaskKind(
        template="operator.py.jinja",
        operator=operator,
        source=Import(_FACTORY_MODULE, _FACTORY, _FACTORY),
        stock=Import(module, name, alias),
        definition=Call(_FACTORY, [Name(alias)], mapping),
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken or name in RESERVED:
        name += "_"
    taken.add(name)
    return name


def import_lines(kinds: Iterable[TaskKind], sdk: str) -> list[str]:
    """Return the lines that import Airflow's modules and ours, sorted as isort does.

    Args:
        kinds: The kinds of tasks in the file.
        sdk: The line that imports from Airflow what the DAG itself needs.
    """
    kinds = list(kinds)
    # Nothing uses the stock modules' names: they are there for the dag-processor, which looks for them.
    # To a linter they are one name, and what is unused is its last import.
    stock = sorted({f"import {kind.stock_module}" for kind in kinds if kind.stock_module})
    stock[-1:] = [f"{each}  # noqa: F401" for each in stock[-1:]]
    named = {kind.stock for kind in kinds if kind.stock is not None}
    airflow = [each for each in named if each.module.startswith("airflow.")]
    froms = dict(
        sorted([*((each.line(), each.module) for each in airflow), (sdk, "airflow.sdk")], key=_module)
    )
    lines = [*stock, *froms]
    # Whether a module is the project's own or a third party's depends on where a linter is started.
    ours = {kind.source for kind in kinds}
    for group in (ours, named - {*airflow}):
        if group:
            by_module = sorted(group, key=lambda each: (each.module, each.name))
            lines += ["", "# isort: split", *(each.line() for each in by_module)]
    return lines


def _module(line: tuple[str, str]) -> tuple[str, str]:
    return line[1], line[0]
