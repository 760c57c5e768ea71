"""The pipeline's parameters: from annotations to JSON schemas that Airflow's form and we check alike."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from airflow_provider_pipes.compiler.parameter_values import value_problem
from airflow_provider_pipes.compiler.typecheck import is_typeddict, is_union, plain_annotation, type_name
from airflow_provider_pipes.errors import AuthoringError, ParameterError, listing
from airflow_provider_pipes.models.deployment import ParameterSpec
from airflow_provider_pipes.models.parameters import coerce

if TYPE_CHECKING:
    from airflow_provider_pipes.authoring.pipeline import Pipeline

# What Airflow can carry: an int beyond 64 bits, and a float so large that PostgreSQL returns it as
# such an int, end the task before any code of ours runs.
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
NUMBER_MAX = 9.2e18

# No class can have this name, so no definition of a user's TypedDict.
_ANY_DEFINITION = "any-json"
_ANY_REFERENCE = {"$ref": f"#/$defs/{_ANY_DEFINITION}"}
# What a schema may say without any limit on the value.
_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated"})
_BOUNDED_INTEGER = {"type": "integer", "minimum": INTEGER_MIN, "maximum": INTEGER_MAX}
_BOUNDED_NUMBER = {"type": "number", "minimum": -NUMBER_MAX, "maximum": NUMBER_MAX}
_ANY_SCHEMA = {
    "anyOf": [
        {"type": "null"},
        {"type": "boolean"},
        _BOUNDED_INTEGER,
        _BOUNDED_NUMBER,
        {"type": "string"},
        {"type": "array", "items": _ANY_REFERENCE},
        {"type": "object", "additionalProperties": _ANY_REFERENCE},
    ]
}


def parameter_specs(pipeline: Pipeline[...]) -> tuple[tuple[ParameterSpec, ...], list[str]]:
    """Return the parameters that a pipeline's signature declares, and what is wrong with them."""
    problems: list[str] = []
    try:
        annotations: Mapping[str, Any] = pipeline.annotations
    except AuthoringError as error:
        return (), [str(error)]
    specs = []
    for name, parameter in pipeline.signature.parameters.items():
        try:
            specs.append(_spec(name, annotations.get(name, Any), parameter.default))
        except ParameterError as error:
            problems.append(f"parameter {name!r}: {error}")
    if pipeline.options.get("schedule") is not None:
        problems += [
            f"parameter {spec.name!r} has no default, and scheduled runs give none: give it one"
            for spec in specs
            if spec.required
        ]
    return tuple(specs), problems


def _spec(name: str, annotation: Any, default: Any) -> ParameterSpec:
    if name == "pipes_cache":
        raise ParameterError(
            "this name is taken: `--conf '{\"pipes_cache\": false}'` turns the cache off; rename it"
        )
    if not _is_json_type(annotation):
        raise ParameterError(
            f"type {type_name(annotation)} can't be given by form or command line; use bool, int, float, "
            "str, None, Literal, list, dict[str, …], a TypedDict or a union of these, and convert in a step"
        )
    schema = json_schema(annotation)
    if schema.get("title") == getattr(plain_annotation(annotation), "__name__", None):
        # A class names itself there, and Airflow's form would show that in place of the parameter's name.
        schema.pop("title", None)
    if default is inspect.Parameter.empty:
        return ParameterSpec(name=name, json_schema=schema, required=True)
    problem = value_problem(default, schema)
    if problem:
        raise ParameterError(f"its default {default!r} does not fit {type_name(annotation)}: {problem}")
    return ParameterSpec(name=name, json_schema=schema, default=coerce(default, schema))


def _is_json_type(annotation: Any, inside: frozenset[Any] = frozenset()) -> bool:
    annotation = plain_annotation(annotation)
    if annotation in (Any, bool, int, float, str, type(None), list, dict) or annotation in inside:
        return True
    origin, arguments = get_origin(annotation), get_args(annotation)
    if is_union(annotation) or origin is list:
        return all(_is_json_type(each, inside) for each in arguments)
    if origin is dict:
        return not arguments or (
            plain_annotation(arguments[0]) is str and _is_json_type(arguments[1], inside)
        )
    if origin is Literal:
        return all(type(each) in (bool, int, str, type(None)) for each in arguments)
    if is_typeddict(annotation):
        fields = typing.get_type_hints(annotation).values()
        return all(_is_json_type(_unrequired(each), inside | {annotation}) for each in fields)
    return False


def _unrequired(annotation: Any) -> Any:
    wrapped = get_origin(annotation) in (typing.Required, typing.NotRequired, Annotated)
    return get_args(annotation)[0] if wrapped else annotation


def json_schema(annotation: Any) -> dict[str, Any]:
    """Return the JSON schema of an annotation, bounded to what Airflow can carry.

    Raises:
        ParameterError: the annotation's constraints make no schema.
    """
    try:
        schema = TypeAdapter(annotation).json_schema()
    except (PydanticUserError, TypeError) as error:
        raise ParameterError(f"its annotation makes no schema: {error}") from None
    definitions = {name: _bounded(each) for name, each in schema.pop("$defs", {}).items()}
    bounded = _bounded(schema)
    if _mentions_any(bounded) or any(_mentions_any(each) for each in definitions.values()):
        definitions[_ANY_DEFINITION] = _ANY_SCHEMA
    return {**bounded, "$defs": definitions} if definitions else bounded


def _bounded(schema: Any) -> Any:
    if schema is True:
        return dict(_ANY_REFERENCE)
    if not isinstance(schema, dict):
        return schema
    if schema.keys() <= _ANNOTATIONS:
        return {**_without_default(schema), **_ANY_REFERENCE}
    bounded: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            bounded[key] = [_bounded(each) for each in value]
        elif key in ("items", "additionalProperties") and value is not False:
            bounded[key] = _bounded(value)
        elif key == "properties":
            bounded[key] = {name: _bounded(each) for name, each in value.items()}
        else:
            bounded[key] = value
    return _nullable(_with_bounds(_without_default(bounded)))


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "default"}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Write "X or null" as one schema with two types, which Airflow's form shows as a field for X."""
    choices = schema.get("anyOf", [])
    others = [choice for choice in choices if choice != {"type": "null"}]
    if len(choices) != 2 or len(others) != 1 or not isinstance(others[0].get("type"), str):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    merged = {**rest, **others[0], "type": [others[0]["type"], "null"]}
    if "const" in merged:
        merged["enum"] = [merged.pop("const")]
    if "enum" in merged:
        merged["enum"] = [*merged["enum"], None]
    return merged


def _with_bounds(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if kind == "array" and "items" not in schema and "prefixItems" not in schema:
        schema["items"] = dict(_ANY_REFERENCE)
    if kind == "object" and "properties" not in schema and "additionalProperties" not in schema:
        schema["additionalProperties"] = dict(_ANY_REFERENCE)
    if "enum" in schema or "const" in schema:
        return schema
    if kind == "integer":
        return _tightest(schema, INTEGER_MIN, INTEGER_MAX)
    if kind == "number":
        return _tightest(schema, -NUMBER_MAX, NUMBER_MAX)
    return schema


def _tightest(schema: dict[str, Any], lowest: float, highest: float) -> dict[str, Any]:
    if schema.get("exclusiveMinimum", -math.inf) < lowest:
        schema["minimum"] = max(schema.get("minimum", lowest), lowest)
    if schema.get("exclusiveMaximum", math.inf) > highest:
        schema["maximum"] = min(schema.get("maximum", highest), highest)
    return schema


def _mentions_any(schema: Any) -> bool:
    if isinstance(schema, dict):
        mentioned = schema.get("$ref") == _ANY_REFERENCE["$ref"]
        return mentioned or any(_mentions_any(each) for each in schema.values())
    return isinstance(schema, list) and any(_mentions_any(each) for each in schema)


def run_parameters(
    specs: tuple[ParameterSpec, ...],
    given: Mapping[str, Any],
    unreadable: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the values of a run: what is given, and defaults for the rest.

    Args:
        specs: The pipeline's parameters.
        given: Values by name.
        unreadable: What is wrong with values that could not be read, by name.

    Raises:
        ParameterError: names or values that do not fit, all of them.
    """
    known = {spec.name: spec for spec in specs}
    problems = [
        f"{name!r} is no parameter of this pipeline; it has: {', '.join(known) or 'none'}"
        for name in given
        if name not in known
    ]
    problems += unreadable.values()
    values = {}
    for name, spec in known.items():
        if name in unreadable:
            continue
        if name in given:
            problem = value_problem(given[name], spec.json_schema)
            if problem:
                problems.append(f"parameter {name!r}: {problem}")
            else:
                values[name] = coerce(given[name], spec.json_schema)
        elif spec.required:
            problems.append(f"parameter {name!r} has no default: give it with --param {name}=…")
        else:
            values[name] = spec.default
    if problems:
        raise ParameterError(listing("these parameters do not fit", problems))
    return values
