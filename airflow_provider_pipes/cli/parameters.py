"""``--param NAME=VALUE``: from text to a value of the parameter's type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_pipes.models.parameters import JSON_TYPES

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import ParameterSpec

_NAME_OF = {python: name for name, python in JSON_TYPES.items()}
_HINTS = {
    "True": "write true",
    "False": "write false",
    "None": "write null",
}


def given_parameters(
    texts: Iterable[str], specs: Sequence[ParameterSpec]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that ``--param`` options give, and what is wrong with the rest of them.

    ``run_parameters`` takes both, so that all problems are told at once.

    A parameter that is text and nothing else takes what is written, as it is. Any other is read
    as JSON; where text is allowed too, what is no fitting JSON is that text.
    """
    schemas = {spec.name: spec.json_schema for spec in specs}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for each in texts:
        name, equals, text = each.partition("=")
        if not equals or not name:
            problems[each] = f"--param {each!r}: expected NAME=VALUE"
        elif name in values or name in problems:
            problems[name] = f"parameter {name!r} is given more than once; give it once"
        else:
            try:
                values[name] = parse_value(text, schemas[name]) if name in schemas else text
            except ValueError as error:
                problems[name] = f"parameter {name!r}: {error}"
    return values, problems


def parse_value(text: str, schema: Mapping[str, Any]) -> Any:
    """Return the value that ``text`` means for a parameter of this schema.

    Raises:
        ValueError: it is no JSON, where only JSON can fit.
    """
    types = admitted_types(schema)
    if types == {"string"}:
        return text
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        if "string" in types:
            return text
        hint = _HINTS.get(text.strip(), "quote it so that the shell leaves it as it is")
        expected = " or ".join(sorted(types))
        raise ValueError(f"expected JSON ({expected}), got {text!r}: {_short(error)}; {hint}") from None
    if "string" in types and not _is_of(value, types):
        return text
    return value


def admitted_types(schema: Mapping[str, Any]) -> set[str]:
    """Return the names of the JSON types that a schema admits."""
    return _types(schema, schema.get("$defs", {}), frozenset())


def _types(schema: Any, definitions: Mapping[str, Any], seen: frozenset[str]) -> set[str]:
    if not isinstance(schema, Mapping):
        return set(JSON_TYPES)
    reference = schema.get("$ref")
    if reference is not None:
        name = str(reference).rpartition("/")[2]
        return set() if name in seen else _types(definitions.get(name), definitions, seen | {name})
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return set().union(*(_types(each, definitions, seen) for each in choices))
    if "enum" in schema or "const" in schema:
        return {_NAME_OF[type(each)] for each in schema.get("enum", [schema.get("const")])}
    declared = schema.get("type", list(JSON_TYPES))
    return set(declared) if isinstance(declared, list) else {declared}


def _is_of(value: Any, types: set[str]) -> bool:
    name = _NAME_OF[type(value)]
    return name in types or (name == "integer" and "number" in types)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _short(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
