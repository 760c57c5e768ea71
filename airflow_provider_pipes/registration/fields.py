"""The fields of a flavor's configuration, as people read them."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from airflow_provider_pipes.stack.config import field_names

_ATTRIBUTES = re.compile(r"^Attributes:\n((?:[ \t]+.*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^(\w+)(?: \([^)]*\))?:\s*(.*)")


@dataclass(frozen=True)
class ConfigField:
    """A field of a configuration.

    Attributes:
        type: Its type in Python's words.
        default: Its default in Python's words; None for a field that must be given.
        description: What it means, from the field itself or its class's docstring.
    """

    name: str
    type: str
    default: str | None
    description: str

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is None


def config_fields(config_class: type[BaseModel]) -> list[ConfigField]:
    """Return the fields of a configuration in their order, those that must be given first."""
    texts = _documented(config_class)
    found = [
        ConfigField(
            name, _type_name(info.annotation), _default(info), _plain(info.description or texts.get(name, ""))
        )
        for name, info in field_names(config_class).items()
    ]
    return sorted(found, key=lambda each: not each.required)


def _plain(text: str) -> str:
    return text.replace("``", "`")


def default_of(info: FieldInfo) -> Any:
    """Return the default of a field that has one, or words in its place where it depends on the others."""
    try:
        return info.get_default(call_default_factory=True, validated_data={})
    except Exception:
        # Whatever a factory of a user's own raises without the other fields.
        return "(computed)"


def _default(info: FieldInfo) -> str | None:
    if info.is_required():
        return None
    default = default_of(info)
    return default if default == "(computed)" else repr(default)


def _type_name(annotation: Any) -> str:
    """Return a type as code would say it, without the modules that names come from."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Ellipsis:
        return "..."
    if origin is Literal:
        return " | ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type_name, arguments))
    if hasattr(annotation, "__metadata__"):
        return _type_name(arguments[0])
    if isinstance(origin, type) and arguments:
        return f"{origin.__name__}[{', '.join(map(_type_name, arguments))}]"
    return str(getattr(annotation, "__name__", annotation))


def _documented(config_class: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of their attributes."""
    texts: dict[str, str] = {}
    for each in reversed(config_class.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel and each.__doc__:
            texts.update(_entries(inspect.cleandoc(each.__doc__)))
    return texts


def _entries(docstring: str) -> Iterator[tuple[str, str]]:
    section = _ATTRIBUTES.search(docstring + "\n")
    if section is None:
        return
    name, words = "", ""
    for line in inspect.cleandoc(f"\n{section[1]}").splitlines():
        if entry := _ENTRY.match(line):
            if name:
                yield name, words
            name, words = entry[1], entry[2]
        else:
            words = f"{words} {line.strip()}".strip()
    if name:
        yield name, words
