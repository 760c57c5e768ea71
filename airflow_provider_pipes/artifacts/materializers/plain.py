"""JSON values, text and bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import (
    MAX_DEPTH,
    PREVIEW_LENGTH,
    Materializer,
    RepeatGuard,
    fits_text,
)

# UTF-8 that keeps lone surrogates, which are valid in Python's strings and JSON's alike. JSON's own
# escapes would not do: two lone halves side by side come back from them as one character.
_ENCODING = ("utf-8", "surrogatepass")

_SCALARS = frozenset({type(None), bool, float, str})


class JsonMaterializer(Materializer):
    """Exactly what JSON gives back: None, bool, int, float, str, list, dict with str keys."""

    name = "json"

    def can_save(self, value: Any) -> bool:
        """Say whether JSON holds ``value`` without loss; subclasses of its types it does not."""
        guard = RepeatGuard()
        rest = [(value, 0)]
        while rest:
            item, depth = rest.pop()
            members = _members(item)
            if members is None:
                return False
            if depth > MAX_DEPTH or (members and guard.exceeded(item, len(members))):
                return False
            kinds = set(map(type, members)) - _SCALARS
            if kinds == {int}:
                # Long lists of numbers are what large values are made of: no turn of the loop for each.
                if not all(fits_text(member) for member in members if type(member) is int):
                    return False
            elif kinds:
                rest.extend((member, depth + 1) for member in members if type(member) not in _SCALARS)
        return True

    def save(self, value: Any, directory: Path) -> None:
        """Write the value as JSON."""
        (directory / "value.json").write_bytes(dump_json(value))

    def load(self, directory: Path, expected: Any) -> Any:
        """Return the value."""
        return load_json((directory / "value.json").read_bytes())


class TextMaterializer(Materializer):
    """A string, its line ends and lone surrogates as they are."""

    name = "text"

    def can_save(self, value: Any) -> bool:
        """Say whether ``value`` is a string."""
        return type(value) is str

    def save(self, value: Any, directory: Path) -> None:
        """Write the text."""
        (directory / "value.txt").write_bytes(value.encode(*_ENCODING))

    def load(self, directory: Path, expected: Any) -> str:
        """Return the text."""
        return (directory / "value.txt").read_bytes().decode(*_ENCODING)

    def describe(self, value: Any) -> str:
        """Return the beginning of the text."""
        return str(value[: PREVIEW_LENGTH + 1])


class BytesMaterializer(Materializer):
    """Bytes."""

    name = "bytes"

    def can_save(self, value: Any) -> bool:
        """Say whether ``value`` is bytes."""
        return type(value) is bytes

    def save(self, value: Any, directory: Path) -> None:
        """Write the bytes."""
        (directory / "value.bin").write_bytes(value)

    def load(self, directory: Path, expected: Any) -> bytes:
        """Return the bytes."""
        return (directory / "value.bin").read_bytes()

    def describe(self, value: Any) -> str:
        """Return the length and the first few bytes."""
        return f"{len(value)} bytes: {value[:20]!r}"


def dump_json(value: Any) -> bytes:
    """Return ``value`` as JSON text, with the order of its keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(*_ENCODING)


def load_json(data: bytes) -> Any:
    """Return the value of JSON text that ``dump_json`` wrote."""
    return json.loads(data.decode(*_ENCODING))


def _members(item: Any) -> list[Any] | None:
    """Return what a container holds, nothing for a scalar, and None for what JSON can't hold."""
    kind = type(item)
    if kind is list:
        return list(item)
    if kind is dict:
        return list(item.values()) if {str}.issuperset(map(type, item)) else None
    if kind in _SCALARS or (kind is int and fits_text(item)):
        return []
    return None
