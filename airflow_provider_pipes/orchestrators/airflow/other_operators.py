"""Operator classes that a configuration names by their path, looked at where they can be imported."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.orchestrators.airflow.operator_config import KUBERNETES, OperatorConfig
from airflow_provider_pipes.stack.classpath import import_class, nearest

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
    from airflow_provider_pipes.orchestrators.airflow.modes import Mode

_OF_PODS = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"


def signature_problems(
    config: AirflowOrchestratorConfig, modes: Iterable[Mode]
) -> tuple[list[str], list[str]]:
    """Return what is wrong with the classes that steps run by, and a warning for each that is not here."""
    problems: list[str] = []
    warnings: list[str] = []
    given: dict[str, set[str]] = {}
    for mode in modes:
        if mode.other is not None:
            given.setdefault(mode.operator, set()).update(mode.arguments)
    for name, arguments in given.items():
        operator = config.operators[name]
        try:
            known = arguments_of(import_class(str(operator.path)))
        except ConfigurationError as error:
            if error.__cause__ is None:  # its module is here, and has no such class
                problems.append(f"operator {name!r}: {error}")
                continue
            warnings.append(
                f"operator {name!r}: its arguments are not checked, since {operator.path} can't be imported "
                f"here ({error})"
            )
            continue
        wanted = {f"its {what}": argument for what, argument in operator.mapping.items()}
        wanted |= {f"operator_args.{argument}": argument for argument in sorted(arguments)}
        problems += [
            f"operator {name!r}, {what}: {operator.path} has no argument {argument!r}"
            f"{nearest(argument, sorted(known))}"
            for what, argument in wanted.items()
            if argument not in known
        ]
    return problems, warnings


def arguments_like(name: str, operator: OperatorConfig | None) -> str:
    """Return the built-in operator whose arguments an operator takes, or its own name.

    Args:
        name: The operator's name.
        operator: What the table of operators says of it.
    """
    return KUBERNETES if operator is not None and operator.path and runs_pods(operator) else name


def runs_pods(operator: OperatorConfig) -> bool:
    """Return whether an operator's class derives from Airflow's operator of pods, as far as is known here."""
    try:
        bases = import_class(str(operator.path)).__mro__
    except ConfigurationError:
        return False
    return any(f"{each.__module__}.{each.__qualname__}" == _OF_PODS for each in bases)


def arguments_of(operator: type) -> set[str]:
    """Return the arguments of an Airflow operator class, those of its base classes too."""
    found: set[str] = set()
    for cls in operator.__mro__:
        own = vars(cls).get("__init__")
        if cls is not object and own is not None:
            found |= inspect.signature(own).parameters.keys()
    return found - {"self", "args", "kwargs"}
