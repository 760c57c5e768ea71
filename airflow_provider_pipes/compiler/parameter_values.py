"""Whether a value fits a parameter, and in words why not."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.models.parameters import JSON_TYPES

if TYPE_CHECKING:
    from jsonschema import ValidationError

_KINDS: Mapping[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    type(None): ("null",),
    int: ("integer", "number"),
    float: ("number",),
}
_NAME_OF = {python: name for name, python in JSON_TYPES.items()}
_TYPE_WORDS = {
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_EXPECTED: Mapping[str, Callable[[Any], str]] = {
    "type": lambda types: in_words([types] if isinstance(types, str) else types),
    "enum": lambda values: " or ".join(map(_json, values)),
    "const": lambda value: _json(value),
    "minimum": "at least {}".format,
    "maximum": "at most {}".format,
    "exclusiveMinimum": "more than {}".format,
    "exclusiveMaximum": "less than {}".format,
    "multipleOf": "a multiple of {}".format,
    "minLength": "text of length {} or more".format,
    "maxLength": "text of length {} at most".format,
    "minItems": "a list of length {} or more".format,
    "maxItems": "a list of length {} at most".format,
    "pattern": "text that matches {}".format,
    "format": "text that is a {}".format,
}


def value_problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return why ``value`` can't be a parameter's, or None."""
    foreign = _foreign(value)
    return foreign or schema_problem(value, schema)


def _foreign(value: Any) -> str | None:
    """Return what in ``value`` is no JSON that Airflow's database takes, or None."""
    if isinstance(value, str):
        if "\x00" in value or any(0xD800 <= ord(each) <= 0xDFFF for each in value):
            return "Airflow's database takes no NUL character and no lone surrogate"
        return None
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"{value} is no JSON number; use None"
    if value is None or type(value) in (bool, int, float):
        return None
    if type(value) is list:
        return next(filter(None, map(_foreign, value)), None)
    if type(value) is dict and all(type(key) is str for key in value):
        return next(filter(None, map(_foreign, [*value, *value.values()])), None)
    return f"{type(value).__name__} is no JSON"


def schema_problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return why ``value`` does not fit, by the library that Airflow itself asks, or None."""
    if _plainly_fits(value, schema):
        return None
    import jsonschema

    try:
        jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())
    except jsonschema.ValidationError as error:
        inner = _plainest(error)
        where = "".join(f"[{_json(each)}]" for each in inner.absolute_path)
        return f"at {where}: {_worded(inner)}" if where else _worded(inner)
    return None


def _plainest(error: ValidationError) -> ValidationError:
    """Return what is wrong by the alternative that a value's type tells it is meant for, if one does."""
    while error.validator in ("anyOf", "oneOf"):
        others = [each for each in error.context or () if each.validator != "type" or each.path]
        if len({(each.validator, *each.absolute_path) for each in others}) != 1:
            return error
        error = others[0]
    return error


def _worded(error: ValidationError) -> str:
    kind: str = str(error.validator)
    value: Any = error.validator_value
    if kind == "required":
        instance: Any = error.instance
        missing = [name for name in value if name not in instance]
        return f"it lacks {' and '.join(map(_json, missing))}"
    if kind in ("anyOf", "oneOf"):
        schema: Any = error.schema
        expected = in_words(admitted_types(schema))
    elif kind in _EXPECTED:
        expected = _EXPECTED[kind](value)
    else:
        return error.message
    return f"expected {expected}, got {_json(error.instance)}"


def in_words(types: Collection[str]) -> str:
    """Return the names of JSON types as a sentence says them."""
    words = [word for name, word in _TYPE_WORDS.items() if name in types]
    return " or ".join(words)


def _json(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _plainly_fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Say whether ``value`` fits beyond doubt, as most do: jsonschema is slow to import."""
    if schema.keys() == {"anyOf"}:
        return any(_plainly_fits(value, each) for each in schema["anyOf"])
    if not schema.keys() <= {"type", "minimum", "maximum"}:
        return False
    kind, declared = type(value), schema.get("type")
    if kind not in (int, float):
        return kind in (str, bool, type(None)) and declared in _KINDS[kind]
    return declared in _KINDS[kind] and bool(
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    )


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


def is_of(value: Any, types: Collection[str]) -> bool:
    """Return whether a value is of one of these types."""
    name = _NAME_OF[type(value)]
    return name in types or (name == "integer" and "number" in types)
