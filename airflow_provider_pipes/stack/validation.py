"""What pydantic found wrong in a configuration, in words and by field."""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from airflow_provider_pipes.stack.classpath import nearest

FieldPath = tuple[str | int, ...]

_SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|secret|token|api_?key|access_?key|secret_?key|private_?key|credentials)\Z",
    re.IGNORECASE,
)
_EXPECTED = {
    "string_type": "expected text",
    "string_too_short": "expected text that is not empty",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_unicode": "expected text that a file can hold",
    "int_parsing_size": "expected a whole number that is not that large",
    "finite_number": "expected a number that is neither infinite nor nan",
    "bytes_type": "expected bytes",
    "none_required": "expected nothing",
    "path_type": "expected a path",
    "url_type": "expected a URL",
    "url_parsing": "expected a URL",
    "uuid_type": "expected a UUID",
    "uuid_parsing": "expected a UUID",
    "decimal_type": "expected a number",
    "decimal_parsing": "expected a number",
    "date_type": "expected a date",
    "date_parsing": "expected a date",
    "date_from_datetime_parsing": "expected a date",
    "time_type": "expected a time",
    "time_parsing": "expected a time",
    "datetime_type": "expected a date and time",
    "datetime_parsing": "expected a date and time",
    "datetime_from_date_parsing": "expected a date and time",
    "time_delta_type": "expected a length of time",
    "time_delta_parsing": "expected a length of time",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "multiple_of": "expected a multiple of {multiple_of}",
    "string_too_long": "expected at most {max_length} characters",
    "string_pattern_mismatch": "expected text that matches {pattern}",
    "too_short": "expected at least {min_length}, and got {actual_length}",
    "too_long": "expected at most {max_length}, and got {actual_length}",
    "literal_error": "expected {expected}",
    "enum": "expected {expected}",
    "is_instance_of": "expected {class}(…)",
    "tuple_type": "expected a list",
    "set_type": "expected a list",
    "frozen_set_type": "expected a list",
    "mapping_type": "expected a table",
    "list_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
}


def names_a_secret(field: str) -> bool:
    """Return whether a field of this name would hold a credential."""
    return bool(_SECRET_NAME.search(field))


def field_problems(error: ValidationError, model: type[BaseModel]) -> list[tuple[FieldPath, str]]:
    """Return each problem as the path of its field and a sentence."""
    return [(_shown(each["loc"]), _sentence(each, model)) for each in error.errors(include_url=False)]


def _shown(location: FieldPath) -> FieldPath:
    # "[key]" is what pydantic adds where the key of a table is the problem.
    return tuple(part for part in location if part != "[key]")


def _sentence(problem: ErrorDetails, model: type[BaseModel]) -> str:
    kind, location = problem["type"], problem["loc"]
    if kind == "extra_forbidden":
        return _unknown_field(str(location[-1]), _fields_at(model, location[:-1]))
    if kind == "missing":
        return "missing; give it a value"
    if kind in ("value_error", "assertion_error"):
        return str(problem["ctx"]["error"])
    expected = _expected(problem)
    secret = any(isinstance(part, str) and (names_a_secret(part) or part == "secrets") for part in location)
    return expected if secret else f"{expected}, got {_short(problem['input'])}"


def _expected(problem: ErrorDetails) -> str:
    """Return what pydantic expected, in our words; in its own where we have none."""
    known, context = _EXPECTED.get(problem["type"], ""), problem.get("ctx", {})
    if problem["type"] == "string_too_short" and context["min_length"] > 1:
        known = "expected at least {min_length} characters"
    if known:
        return known.format_map(context)
    said = problem["msg"].replace("Input should be", "expected", 1)
    return f"{said[:1].lower()}{said[1:]}"


def _unknown_field(name: str, known: list[str]) -> str:
    message = f"unknown field{nearest(name, known)}; known: {', '.join(known) or 'none'}"
    if names_a_secret(name):
        message += "; credentials never stand in a configuration: name an Airflow connection instead"
    return message


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _fields_at(model: type[BaseModel], location: FieldPath) -> list[str]:
    """Return the names of the fields of the model that a path leads to."""
    annotation: Any = model
    for part in location:
        annotation = _inner(annotation, part)
    found = _model_in(annotation)
    return list(found.model_fields) if found else []


def _inner(annotation: Any, part: str | int) -> Any:
    found = _model_in(annotation)
    if found is not None:
        field = found.model_fields.get(str(part))
        return field.annotation if field else None
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    arguments = get_args(annotation)
    return arguments[0] if arguments else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is None:
        return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    if get_origin(annotation) is dict:
        return None
    return next((each for each in map(_model_in, get_args(annotation)) if each), None)
