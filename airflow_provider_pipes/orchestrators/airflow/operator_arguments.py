"""Arguments for Airflow's operators, checked before there is a DAG file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_pipes.orchestrators.airflow.limits import value_problems
from airflow_provider_pipes.orchestrators.airflow.operator_config import DOCKER, KUBERNETES, PYTHON
from airflow_provider_pipes.orchestrators.airflow.own_arguments import ADDED, OWN, OWN_OF_ALL
from airflow_provider_pipes.orchestrators.airflow.stock_arguments import OF_ALL, OF_OPERATOR, TEMPLATED
from airflow_provider_pipes.stack.classpath import nearest

_CLASSES = {PYTHON: "PythonOperator", DOCKER: "DockerOperator", KUBERNETES: "KubernetesPodOperator"}
_TEMPLATE_MARKS = ("{{", "{%", "{#")


def argument_problems(operator: str, arguments: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with arguments for an operator, one sentence each, the argument first."""
    return [*_name_problems(operator, arguments), *_value_problems(arguments)]


def untemplated(operator: str, arguments: Mapping[str, Any]) -> list[str]:
    """Return the arguments that hold a template which Airflow does not render."""
    if operator not in TEMPLATED:
        return []
    return [
        name for name, value in arguments.items() if name not in TEMPLATED[operator] and holds_template(value)
    ]


def plain_json(value: Any) -> Any:
    """Return an argument's value as plain JSON, whatever mappings and sequences it is made of."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(each) for each in value]
    return value


def _name_problems(operator: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    own = {**OWN_OF_ALL, **OWN.get(operator, {})}
    stock = operator in OF_OPERATOR
    known = OF_ALL | OF_OPERATOR[operator] | ADDED.get(operator, frozenset()) if stock else None
    for name in arguments:
        if name in own:
            yield f"{name}: is set by us; {own[name]}"
        elif known is not None and name not in known:
            hint = nearest(name, sorted(known - own.keys()))
            yield f"{name}: {_CLASSES[operator]} has no such argument{hint}"
        elif not name.isidentifier():
            yield f"{name}: is no name of an argument"


def _value_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        strange = next(_strange(value), None)
        if strange is not None:
            yield f"{name}: {strange}"
        else:
            yield from sorted(set(value_problems(name, plain_json(value))))


def _strange(value: Any) -> Iterator[str]:
    """Yield why a value can't stand in a DAG file."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not isinstance(key, str):
                yield f"expected a dict with text as keys, got the key {key!r}"
            yield from _strange(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strange(each)
    elif callable(value):
        yield (
            f"expected a value as JSON has, got {value!r}; what is no such value can be given to tasks by a "
            "template of your own (dags_templates_dir)"
        )
    elif not (value is None or isinstance(value, bool | int | float | str)):
        yield (
            f"expected a value as JSON has (text, number, true, false, null, a list or dict of them), got a "
            f"{type(value).__name__}; write a Kubernetes or Docker object as the dict that its API takes"
        )
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"expected a finite number, got {value}"


def holds_template(value: Any) -> bool:
    """Return whether a value has a text with a template of Airflow's in it."""
    if isinstance(value, str):
        return any(mark in value for mark in _TEMPLATE_MARKS)
    if isinstance(value, Mapping):
        return any(map(holds_template, value.values()))
    return isinstance(value, list | tuple) and any(map(holds_template, value))
