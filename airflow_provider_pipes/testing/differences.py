"""How a value, and the difference between two, is shown to the author of a materializer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import short_repr, type_name

_MISSING = object()


def shown(value: Any) -> str:
    """Return a value as one reads it: by its repr, or by its attributes where it has none of its own."""
    try:
        if _overrides(value, "__repr__"):
            return short_repr(value)
        inner = ", ".join(f"{name}={short_repr(each)}" for name, each in _attributes(value).items())
    except Exception:  # a user's __repr__ may raise anything
        return f"a {type_name(type(value))}"
    return f"{type(value).__qualname__}({inner})"


def difference(found: Any, expected: Any) -> str:
    """Return what differs in a value that came back, and what to do where nothing is seen to differ."""
    lines = [shown(found), *_differing(_attributes(found), _attributes(expected))]
    if not _overrides(expected, "__eq__"):
        lines.append(
            f"{type(expected).__qualname__} has no __eq__, so no two of them are equal: give it one, or "
            "override `equal(self, one, other)` in the suite"
        )
    elif len(lines) == 1 and lines[0] == shown(expected):
        lines.append(
            "nothing is seen to differ; `equal(self, one, other)` of the suite says when two are the same"
        )
    return "\n            ".join(lines)


def _overrides(value: Any, method: str) -> bool:
    return getattr(type(value), method) is not getattr(object, method)


def _differing(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[str]:
    for name in {**expected, **found}:
        here, there = found.get(name, _MISSING), expected.get(name, _MISSING)
        if not _same(here, there):
            yield f"{name}: {_or_missing(here)} in place of {_or_missing(there)}"


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # arrays, and whatever else has no plain ==
        return _or_missing(one) == _or_missing(other)


def _or_missing(value: Any) -> str:
    return "nothing" if value is _MISSING else shown(value)


def _attributes(value: Any) -> dict[str, Any]:
    slots = (kind.__dict__.get("__slots__", ()) for kind in type(value).__mro__)
    names = [name for each in slots for name in ((each,) if isinstance(each, str) else each)]
    return {
        name: getattr(value, name)
        for name in (*names, *getattr(value, "__dict__", ()))
        if not name.startswith("__") and hasattr(value, name)
    }
