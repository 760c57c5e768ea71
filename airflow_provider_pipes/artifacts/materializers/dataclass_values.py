"""Dataclasses, alone or inside lists, tuples and dicts, as JSON that keeps their types.

Scalars and lists stand for themselves in the JSON; everything else is an object with one tag.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import (
    MAX_DEPTH,
    Materializer,
    RepeatGuard,
    class_path,
    fits_text,
    load_class,
    short_repr,
)
from airflow_provider_pipes.artifacts.materializers.plain import dump_json, load_json
from airflow_provider_pipes.errors import ArtifactError

_FILE = "value.json"
_SCALARS = frozenset({type(None), bool, float, str})
_OWN_STATE_METHODS = (
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__setstate__",
    "__getnewargs__",
    "__getnewargs_ex__",
)


class DataclassMaterializer(Materializer):
    """Dataclasses whose fields, all the way down, are JSON values, lists, tuples, dicts and dataclasses.

    An instance comes back field by field without ``__init__``, so frozen ones, slots and fields
    that ``__post_init__`` computed are exact. One with more state than its fields, or a class that
    can't be imported, is left to cloudpickle.
    """

    name = "dataclass"

    def can_save(self, value: Any) -> bool:
        """Say whether the value holds a dataclass and nothing but what comes back exactly."""
        encoder = _Encoder()
        try:
            encoder.encode(value)
        except (_UnfitError, RecursionError):
            return False
        return encoder.found_dataclass

    def save(self, value: Any, directory: Path) -> None:
        """Write the value as tagged JSON."""
        (directory / _FILE).write_bytes(dump_json(_Encoder().encode(value)))

    def load(self, directory: Path, expected: Any) -> Any:
        """Return the value, importing the classes it names."""
        return _decode(load_json((directory / _FILE).read_bytes()), {})

    def describe(self, value: Any) -> str:
        """Return the class with its fields, or the container, shortened."""
        if not dataclasses.is_dataclass(value):
            return short_repr(value)
        shown = (f"{each.name}={short_repr(getattr(value, each.name))}" for each in dataclasses.fields(value))
        return f"{type(value).__qualname__}({', '.join(shown)})"


class _UnfitError(Exception):
    """The value would not come back exactly."""


class _Encoder:
    def __init__(self) -> None:
        self.found_dataclass = False
        self._guard = RepeatGuard()
        self._paths: dict[type, str] = {}

    def encode(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind in _SCALARS or (kind is int and fits_text(value)):
            return value
        if depth > MAX_DEPTH:
            raise _UnfitError
        if kind is list or kind is tuple:
            self._check_repetition(value, len(value))
            members = [self.encode(member, depth + 1) for member in value]
            return members if kind is list else {"tuple": members}
        if kind is dict:
            self._check_repetition(value, len(value))
            pairs = [
                [self.encode(key, depth + 1), self.encode(each, depth + 1)] for key, each in value.items()
            ]
            return {"dict": pairs}
        return self._encode_instance(value, kind, depth)

    def _encode_instance(self, value: Any, kind: type, depth: int) -> Any:
        if kind not in self._paths:
            self._paths[kind] = _plain_class_path(kind)
        names = [each.name for each in dataclasses.fields(value)]
        if not set(getattr(value, "__dict__", ())) <= set(names):
            raise _UnfitError
        self.found_dataclass = True
        self._check_repetition(value, len(names))
        try:
            members = {name: self.encode(getattr(value, name), depth + 1) for name in names}
        except AttributeError as error:
            raise _UnfitError from error
        return {"class": self._paths[kind], "fields": members}

    def _check_repetition(self, container: Any, size: int) -> None:
        if self._guard.exceeded(container, size):
            raise _UnfitError


def _plain_class_path(kind: Any) -> str:
    """Return the import path of a dataclass whose fields are all of its state."""
    path = class_path(kind)
    if path is None or "__dataclass_fields__" not in dir(kind) or kind.__new__ is not object.__new__:
        raise _UnfitError
    if any(_is_overridden(kind, name) for name in _OWN_STATE_METHODS):
        raise _UnfitError
    slots = {slot for base in kind.__mro__ for slot in _slots_of(base)}
    if not slots - {"__dict__", "__weakref__"} <= {each.name for each in dataclasses.fields(kind)}:
        raise _UnfitError
    return path


def _slots_of(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _is_overridden(kind: type, name: str) -> bool:
    """Say whether the class decides on its own what its state is; dataclasses itself does for slots."""
    method = getattr(kind, name, None)
    inherited = getattr(object, name, None)
    return method is not inherited and getattr(method, "__module__", None) != "dataclasses"


def _decode(value: Any, classes: dict[str, type]) -> Any:
    if isinstance(value, list):
        return [_decode(member, classes) for member in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(_decode(member, classes) for member in value["tuple"])
    if "dict" in value:
        return {_decode(key, classes): _decode(each, classes) for key, each in value["dict"]}
    path = value["class"]
    if path not in classes:
        classes[path] = _dataclass_at(path)
    instance: Any = object.__new__(classes[path])
    for name, member in value["fields"].items():
        object.__setattr__(instance, name, _decode(member, classes))
    return instance


def _dataclass_at(path: str) -> type:
    kind = load_class(path)
    if not dataclasses.is_dataclass(kind):
        raise ArtifactError(f"{path!r} was a dataclass when the artifact was stored and is none here")
    return kind
