"""How each step runs on Airflow: by which operator, and with which arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.models.canonical import canonical_json
from airflow_provider_pipes.models.settings import AirflowSettings
from airflow_provider_pipes.orchestrators.airflow.argument_values import typed_problems
from airflow_provider_pipes.orchestrators.airflow.operator_arguments import argument_problems, plain_json
from airflow_provider_pipes.orchestrators.airflow.operator_config import (
    BOTH_ENVIRONMENTS,
    PYTHON,
    OperatorConfig,
    operator_problem,
    requirement_problems,
)
from airflow_provider_pipes.orchestrators.airflow.other_operators import arguments_like
from airflow_provider_pipes.orchestrators.airflow.stock_arguments import OF_ALL, OF_OPERATOR

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepSpec
    from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig


_OF_PYTHON = {"python", "requirements"}


@dataclass(frozen=True)
class Mode:
    """How a step runs.

    Attributes:
        operator: "python", "docker", "kubernetes", or a name in the table ``operators``.
        arguments: For the Airflow operator.
        other: What the table says of an operator that is none of these three.
    """

    operator: str
    arguments: Mapping[str, Any]
    other: OperatorConfig | None = None

    @property
    def in_container(self) -> bool:
        """Whether the step needs an image."""
        return self.operator != PYTHON


def mode_of(step: StepSpec, config: AirflowOrchestratorConfig) -> Mode:
    """Return how a step runs; one of a step operator is launched by a python task."""
    said = step.orchestrator_settings
    in_force = said.get("operator") or config.operator
    name = in_force if step.step_operator is None else PYTHON
    table = config.operators.get(name)
    arguments = dict(table.args) if table else {}
    if name == config.operator:
        arguments |= config.operator_args
    if name == in_force:
        arguments |= said.get("operator_args", {})
    plain = {key: plain_json(arguments[key]) for key in sorted(arguments)}
    return Mode(name, plain, table if table and table.path else None)


@dataclass(frozen=True)
class ResourcePool:
    """The Airflow pool that a python step takes its resources from.

    Attributes:
        name: The pool.
        slots: Slots that the step takes.
        of: The field of its resources that they stand for.
    """

    name: str
    slots: int
    of: str


def common_arguments(modes: Sequence[Mode]) -> dict[str, Any]:
    """Return the arguments that all tasks of a kind are given alike, and that mean nothing to other tasks.

    Said once for the DAG, a file of a thousand tasks stays short. What a class takes that is none of
    Airflow's own operators is not known, so beside one nothing is common.
    """
    if any(mode.other for mode in modes):
        return {}
    found: dict[str, Any] = {}
    present = {mode.operator for mode in modes}
    for operator in present:
        of_kind = [mode.arguments for mode in modes if mode.operator == operator]
        beside = set[str]().union(*(OF_OPERATOR[other] for other in present - {operator}))
        beside |= OF_ALL if len(present) > 1 else frozenset()
        if len(of_kind) > 1:
            found |= {
                name: value
                for name, value in of_kind[0].items()
                if name not in beside and all(name in each and _same(each[name], value) for each in of_kind)
            }
    return {name: found[name] for name in sorted(found)}


def _same(one: Any, other: Any) -> bool:
    # As JSON, in which 1, 1.0 and true are three values.
    return canonical_json(one) == canonical_json(other)


def resource_pool(step: StepSpec, mode: Mode, config: AirflowOrchestratorConfig) -> ResourcePool | None:
    """Return the pool for a step's resources; None where none is configured, or the user chose another."""
    if mode.operator != PYTHON or step.step_operator is not None or step.task.pool is not None:
        return None
    asked = step.resource_settings
    if asked.gpu_count and config.gpu_pool:
        return ResourcePool(config.gpu_pool, asked.gpu_count, "gpu_count")
    if asked.cpu_count and config.cpu_pool:
        return ResourcePool(config.cpu_pool, math.ceil(asked.cpu_count), "cpu_count")
    return None


def resolved(
    own: AirflowSettings, defaults: AirflowSettings, config: AirflowOrchestratorConfig
) -> AirflowSettings:
    """Return a level's settings over those above it.

    Arguments belong to the operator in force where they are given: a level that names another one does not
    inherit them. Of ``python`` and ``requirements``, what is said last replaces both.
    """
    before = defaults.operator or config.operator
    operator = own.operator or before
    inherited = defaults.operator_args if operator == before else {}
    environment = own if own.python or own.requirements else defaults
    arguments = {**inherited, **own.operator_args}
    fields = {
        "operator": own.operator or defaults.operator,
        "operator_args": {name: plain_json(arguments[name]) for name in sorted(arguments)},
        "python": environment.python,
        "requirements": environment.requirements,
    }
    return AirflowSettings(**{name: value for name, value in fields.items() if value})


def settings_document(settings: AirflowSettings, config: AirflowOrchestratorConfig) -> dict[str, Any]:
    """Return what a step's deployment holds of its settings.

    The environment of python mode is there as well where the orchestrator's configuration says it: a step
    run knows nothing of that.
    """
    found = settings.model_dump(mode="json", exclude_unset=True)
    if (settings.operator or config.operator) != PYTHON:
        return {name: value for name, value in found.items() if name not in _OF_PYTHON}
    if not found.keys() & _OF_PYTHON:
        chosen = {"python": config.python, "requirements": list(config.requirements)}
        found |= {name: value for name, value in chosen.items() if value}
    return found


def settings_problems(
    own: AirflowSettings, defaults: AirflowSettings, config: AirflowOrchestratorConfig
) -> list[str]:
    """Return what is wrong with a level's own settings, one sentence each that begins with the field."""
    operator = own.operator or defaults.operator or config.operator
    problems = []
    if unknown := operator_problem(operator, config.operators):
        problems.append(f"operator: {unknown}")
    else:
        kind = arguments_like(operator, config.operators.get(operator))
        told = [
            *argument_problems(operator, own.operator_args),
            *typed_problems(kind, {name: plain_json(value) for name, value in own.operator_args.items()}),
        ]
        problems += [f"operator_args.{each}" for each in told]
    if own.python and own.requirements:
        problems.append(BOTH_ENVIRONMENTS)
    return [*problems, *(f"requirements: {each}" for each in requirement_problems(own.requirements))]
