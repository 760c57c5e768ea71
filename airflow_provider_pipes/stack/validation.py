"""What pydantic found wrong in a configuration, in words and by field."""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

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
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
}


def names_a_secret(field: str) -> bool:
    """Return whether a field of this name would hold a credential."""
    return bool(_SECRET_NAME.search(field))


def field_problems(error: ValidationError, model: type[BaseModel]) -> list[tuple[FieldPath, str]]:
    """Return each problem as the path of its field and a sentence."""
    return [
        (_shown(each["loc"]), _sentence(each["type"], each["msg"], each["loc"], each["input"], model))
        for each in error.errors(include_url=False)
    ]


def _shown(location: FieldPath) -> FieldPath:
    # "[key]" is what pydantic adds where the key of a table is the problem.
    return tuple(part for part in location if part != "[key]")


def _sentence(kind: str, message: str, location: FieldPath, given: Any, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        return _unknown_field(str(location[-1]), _fields_at(model, location[:-1]))
    if kind == "missing":
        return "missing; give it a value"
    if kind in ("value_error", "assertion_error"):
        return message.split(", ", 1)[1]
    expected = _EXPECTED.get(kind) or message.replace("Input should be", "expected", 1)
    secret = any(isinstance(part, str) and names_a_secret(part) for part in location)
    return expected if secret else f"{expected}, got {_short(given)}"


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
