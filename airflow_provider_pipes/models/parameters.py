"""Parameter values brought back to their declared types.

JSON and Airflow's databases do not keep Python's types apart: PostgreSQL's JSONB returns the float
1e17 as an int, a form may send 5.0 for an integer. A step gets what its pipeline declares, so values
are coerced by the parameter's JSON schema before they are handed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON_TYPES: dict[str, type] = {
    "null": type(None),
    "boolean": bool,
    "integer": int,
    "number": float,
    "string": str,
    "array": list,
    "object": dict,
}


def coerce(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return ``value`` with the exact types that ``schema`` declares, where they are numerically equal.

    Nothing is validated here: a value that does not fit is returned as it is.
    """
    return _coerce(value, schema, schema.get("$defs", {}))


def _coerce(value: Any, schema: Any, definitions: Mapping[str, Any]) -> Any:
    schema = _resolved(schema, definitions)
    for choices in (schema.get("anyOf"), schema.get("oneOf")):
        if choices:
            return _coerce(value, _branch(value, choices, definitions), definitions)
    declared = schema.get("type")
    if isinstance(declared, list):
        choices = [{**schema, "type": each} for each in declared]
        return _coerce(value, _branch(value, choices, definitions), definitions)
    if "enum" in schema or "const" in schema:
        return _listed(value, schema.get("enum", [schema.get("const")]))
    return _coerce_type(value, declared, schema, definitions)


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    while isinstance(schema, Mapping) and "$ref" in schema:
        schema = definitions.get(str(schema["$ref"]).rpartition("/")[2])
    return schema if isinstance(schema, Mapping) else {}


def _coerce_type(value: Any, declared: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if declared == "number" and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return value
    if declared == "integer" and type(value) is float and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_coerce(each, schema.get("items"), definitions) for each in value]
    if isinstance(value, Mapping):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        return {key: _coerce(each, known.get(key, others), definitions) for key, each in value.items()}
    return value


def _branch(value: Any, choices: list[Any], definitions: Mapping[str, Any]) -> Any:
    """Return the alternative that ``value`` belongs to: of its exact type, or else a number's.

    Of several lists or objects it is the one that declares most of what the value has and changes
    none of it, so that ``list[int] | list[float]`` keeps [1.0].
    """
    resolved = [_resolved(choice, definitions) for choice in choices]
    for wanted in (type(value), float if type(value) is int else int):
        fitting = [choice for choice in resolved if _admits(choice, value, wanted, definitions)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            return max(fitting, key=lambda choice: _closeness(value, choice, definitions))
    return None


def _admits(choice: Mapping[str, Any], value: Any, wanted: type, definitions: Mapping[str, Any]) -> bool:
    inner = choice.get("anyOf") or choice.get("oneOf")
    if inner:
        return any(_admits(_resolved(each, definitions), value, wanted, definitions) for each in inner)
    if "enum" in choice or "const" in choice:
        listed = choice.get("enum", [choice.get("const")])
        return any(value == each and type(each) is wanted for each in listed)
    declared = choice.get("type")
    types = declared if isinstance(declared, list) else [declared]
    return any(JSON_TYPES.get(str(each)) is wanted for each in types)


def _closeness(
    value: Any, choice: Mapping[str, Any], definitions: Mapping[str, Any]
) -> tuple[bool, int, bool]:
    keys = set(value) if isinstance(value, Mapping) else set()
    declared = choice.get("properties", {}).keys() & keys
    coerced = _coerce(value, choice, definitions)
    return keys >= set(choice.get("required", ())), len(declared), repr(coerced) == repr(value)


def _listed(value: Any, allowed: list[Any]) -> Any:
    same = [each for each in allowed if each == value]
    exact = [each for each in same if type(each) is type(value)]
    return (exact or same or [value])[0]
