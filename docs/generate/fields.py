"""The fields of pydantic models, as rows of a table."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import BaseMetadata, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generate.docstrings import attributes_of
from docs.generate.markdown import code, plain, table

_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "multiple_of": "a multiple of"}
_WORDS = {
    "str": "text",
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
    "Any": "anything",
    "type": "class",
}


def fields_table(model: type[BaseModel]) -> str:
    """Return a table of a model's fields, with types, defaults and what the docstrings say.

    Raises:
        LookupError: a field has no documentation.
    """
    said = attributes_of(model)
    rows = []
    for name, field in model.model_fields.items():
        text = field.description or said.get(name)
        if text is None:
            raise LookupError(f"{model.__name__}.{name} is in no 'Attributes:' section of its class")
        rows.append((code(name), shown_type(field.annotation, field.metadata), _default(field), plain(text)))
    return table(("Field", "Type", "Default", "Meaning"), rows) if rows else "It has no fields."


def shown_type(annotation: Any, metadata: list[Any] | None = None) -> str:
    """Return a type in words, with its limits."""
    limits = ", ".join(_limits(metadata or []))
    return f"{_type(annotation)} ({limits})" if limits else _type(annotation)


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shown_type(arguments[0], list(arguments[1:]))
    if origin in (Union, types.UnionType):
        return " or ".join(shown_type(each) for each in arguments if each is not type(None))
    if origin is Literal:
        return " or ".join(code(repr(each)) for each in arguments)
    if origin in (tuple, list, set, frozenset, Sequence):
        return f"list of {shown_type(arguments[0])}"
    if origin in (dict, Mapping):
        return f"mapping of {shown_type(arguments[0])} to {shown_type(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(code(str(each.value)) for each in annotation)
    name = getattr(annotation, "__name__", str(annotation))
    return _WORDS.get(name, code(name))


def _limits(metadata: list[Any]) -> Iterator[str]:
    for each in metadata:
        if isinstance(each, FieldInfo):
            yield from _limits(each.metadata)
        elif isinstance(each, MinLen):
            yield "not empty" if each.min_length == 1 else f"at least {each.min_length} long"
        elif isinstance(each, BaseMetadata):
            yield from (
                f"{sign} {getattr(each, name)}" for name, sign in _SIGNS.items() if hasattr(each, name)
            )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}, []) or isinstance(value, BaseModel):
        return "none"
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(str(value) if isinstance(value, int | float | timedelta) else f'"{value}"')
