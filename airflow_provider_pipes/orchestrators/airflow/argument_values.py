"""Values of operators' arguments, looked at before there is a DAG file: of the right type, and well spelt.

A type is written as in an annotation: ``list[str] | V1Toleration``. One that begins with ``V1`` is a model
of Kubernetes, of which the value has the fields as a manifest has them; ``Mount`` is one of Docker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from airflow_provider_pipes.orchestrators.airflow.docker_mounts import missing_fields, mount_fields
from airflow_provider_pipes.orchestrators.airflow.operator_arguments import holds_template
from airflow_provider_pipes.orchestrators.airflow.operator_config import DOCKER, KUBERNETES
from airflow_provider_pipes.orchestrators.airflow.stock_arguments import TYPES
from airflow_provider_pipes.stack.classpath import nearest

_QUANTITY = "quantity"
_LABEL, _NAME, _MOUNT = "label", "name", "Mount"
# More than annotations say of what is passed on to Kubernetes, and to Docker.
_PASSED_ON: Mapping[str, Mapping[str, str]] = {
    KUBERNETES: {
        "annotations": "dict[str, str]",
        "labels": "dict[str, str]",
        "node_selector": "dict[str, str]",
        "image_pull_secrets": "str | list[str|V1LocalObjectReference]",
        "pod_template_dict": "V1Pod",
        "namespace": _LABEL,
        "service_account_name": _NAME,
        "priority_class_name": _NAME,
    },
    DOCKER: {"mounts": f"list[{_MOUNT}]"},
}
# The models have these as text.
_QUANTITIES: Mapping[tuple[str, str], str] = {
    ("V1ResourceRequirements", "limits"): f"dict[str, {_QUANTITY}]",
    ("V1ResourceRequirements", "requests"): f"dict[str, {_QUANTITY}]",
    ("V1EmptyDirVolumeSource", "size_limit"): _QUANTITY,
}
_IS_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?")
# What Kubernetes takes as the name of a thing: how it looks, and the most characters.
_OF_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAMES: Mapping[str, tuple[re.Pattern[str], int, str]] = {
    _LABEL: (re.compile(_OF_NAME), 63, "lower-case letters, digits and '-'"),
    _NAME: (re.compile(rf"{_OF_NAME}(\.{_OF_NAME})*"), 253, "lower-case letters, digits, '-' and '.'"),
}
_EXPECTED: Mapping[str, str] = {
    "str": "text",
    _LABEL: "text",
    _NAME: "text",
    "datetime": "a time as text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    _QUANTITY: "an amount as '500m' or '2Gi'",
}
_SHOWN_LENGTH = 60


def typed_problems(operator: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with values of arguments, one sentence each, the argument first.

    Args:
        operator: "docker" or "kubernetes": whose arguments they are.
        arguments: By name, as plain JSON.
    """
    types = {**TYPES.get(operator, {}), **_PASSED_ON.get(operator, {})}
    for name, value in arguments.items():
        if name in types:
            yield from _problems(types[name], value, name)


def volume_problems(source: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield what is wrong with the source of a Kubernetes volume, the place first."""
    yield from _of_model("V1Volume", {"name": "a", **source}, where)


def _problems(kinds: str, value: Any, where: str) -> Iterator[str]:
    if value is None or (isinstance(value, str) and holds_template(value)):
        return
    alternatives = kinds.split(" | ")
    fitting = [kind for kind in alternatives if _has_shape(kind, value)]
    if fitting:
        yield from min(([*_inside(kind, value, where)] for kind in fitting), key=len)
    else:
        yield f"{where}: expected {' or '.join(map(_expected, alternatives))}, got {_told(value)}"


def _has_shape(kind: str, value: Any) -> bool:
    if kind == "object" or kind.startswith("'"):
        return kind == "object" or kind == repr(value)
    if kind == _QUANTITY:
        return _is_number(value) or (isinstance(value, str) and bool(_IS_QUANTITY.fullmatch(value)))
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("int", "float"):
        return _is_number(value) and (kind == "float" or isinstance(value, int))
    if kind in ("str", "datetime", *_NAMES):
        return isinstance(value, str)
    return isinstance(value, list | tuple) if kind.startswith("list[") else isinstance(value, Mapping)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _inside(kind: str, value: Any, where: str) -> Iterator[str]:
    if kind.startswith("list["):
        of_each = kind.removeprefix("list[").removesuffix("]").replace("|", " | ")
        for index, each in enumerate(value):
            yield from _problems(of_each, each, f"{where}[{index}]")
    elif kind.startswith("dict["):
        of_each = kind.partition(", ")[2].removesuffix("]")
        for key, each in value.items():
            yield from _problems(of_each, each, f"{where}.{key}")
    elif kind in _NAMES:
        yield from _of_name(kind, value, where)
    elif kind == _MOUNT:
        yield from _of_mount(value, where)
    elif isinstance(value, Mapping) and kind not in ("dict", "object"):
        yield from _of_model(kind, value, where)


def _of_name(kind: str, value: str, where: str) -> Iterator[str]:
    pattern, most, characters = _NAMES[kind]
    if len(value) > most or not pattern.fullmatch(value):
        yield (
            f"{where}: Kubernetes takes no such name, got {_told(value)}; expected {characters}, with a "
            f"letter or digit at both ends, at most {most} characters"
        )


def _of_mount(value: Mapping[str, Any], where: str) -> Iterator[str]:
    fields = mount_fields(value)
    for field, each in value.items():
        if field in fields:
            yield from _problems(fields[field], each, f"{where}.{field}")
        else:
            yield f"{where}.{field}: a mount of Docker has no such field{nearest(field, [*fields])}"
    # A misspelt name is one problem and not two.
    if value.keys() <= fields.keys():
        yield from (f"{where}: {field!r} is missing" for field in missing_fields(value))


def _of_model(kind: str, value: Mapping[str, Any], where: str) -> Iterator[str]:
    model = getattr(_models(), kind, None)
    if model is None:
        return  # Kubernetes' client is not installed here
    attributes = {field: attribute for attribute, field in model.attribute_map.items()}
    for field, each in value.items():
        if field not in attributes:
            yield f"{where}.{field}: Kubernetes has no such field there{nearest(field, [*attributes])}"
            continue
        attribute = attributes[field]
        of_field = _QUANTITIES.get((kind, attribute), model.openapi_types[attribute])
        yield from _problems(of_field, each, f"{where}.{field}")
    given = {attributes[field] for field, each in value.items() if field in attributes and each is not None}
    # A misspelt name is one problem and not two.
    if value.keys() <= attributes.keys():
        yield from (f"{where}: {field!r} is missing" for field in _missing(model, given))


def _missing(model: Any, given: set[str]) -> Iterator[str]:
    """Yield the fields that a model insists on, which only its setters know."""
    from kubernetes.client import Configuration

    values = dict.fromkeys(given, "given")
    for _ in model.attribute_map:
        try:
            model(local_vars_configuration=Configuration(), **values)
        except ValueError as error:
            found = re.search(r"`(\w+)`, must not be `None`", str(error))
            if found is None or found[1] in values:
                return
            values[found[1]] = "given"
            yield model.attribute_map[found[1]]
        else:
            return


@cache
def _models() -> Any:
    try:
        from kubernetes.client import models
    except ImportError:
        return None
    return models


def _expected(kind: str) -> str:
    if kind in _EXPECTED or kind.startswith("'"):
        return _EXPECTED.get(kind, kind)
    if kind.startswith("list["):
        of_each = kind.removeprefix("list[").removesuffix("]")
        names = {"str": "texts", "int": "whole numbers", "str|V1LocalObjectReference": "texts or tables"}
        return f"a list of {names.get(of_each, 'tables')}"
    return "a table"


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"
