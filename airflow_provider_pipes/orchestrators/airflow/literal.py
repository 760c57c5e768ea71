"""Python source text for values: the only door by which a user's text enters a DAG file.

The text is what ``ruff format`` would leave alone, and the same on every version of Python. A
container or call goes on one line where that surely fits, and otherwise on one line an item with a
trailing comma, which the formatter keeps in either case. So "surely" may err on one side only: what
holds anything but ASCII, whose width on screen is uncertain, never counts as fitting.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pipes.errors import DeployError

LINE_LENGTH = 88

_STEP = 4

# What is escaped in a string beside quotes: the backslash, what can't be seen, what changes how the text
# around it is shown (Trojan source), and what UTF-8 can't hold. Fixed ranges and not str.isprintable, whose
# answer depends on the version of Python, while a DAG file must not.
_ESCAPED = re.compile(
    "[\\\\\x00-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5"
    "\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\uf8ff\ufeff\uffa0\ufff0-\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    "\U000e0000-\U0010ffff]"
)
_SHORT_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the file imports or defines, written as it is; never a user's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of ``function``, a name that the file imports or defines."""

    function: str
    positional: Sequence[Any] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


def literal(value: Any, indent: int = 0, column: int | None = None) -> str:
    """Return the source of ``value``: JSON-like data, a Name, a Call, or containers of them.

    Args:
        value: What to write.
        indent: Spaces before the line that it begins on.
        column: Where on that line it begins, if not at ``indent``.

    Raises:
        DeployError: it can't be written as a literal, as NaN.
    """
    if not _has_items(value):
        return _atom(value)
    room = LINE_LENGTH - (indent if column is None else column) - len(",")
    flat = _flat(value, room)
    return _exploded(value, indent) if flat is None else flat


def keyword(name: str, value: Any, indent: int) -> str:
    """Return the source of a keyword argument that stands on a line of its own."""
    column = indent + len(name) + len("=")
    if isinstance(value, str) and _is_paragraph(value, column):
        lines = (f"{' ' * (indent + _STEP)}{_string(line)}\n" for line in _lines(value))
        return f"{name}=(\n{''.join(lines)}{' ' * indent})"
    return f"{name}={literal(value, indent, column)}"


def assignment(name: str, value: Any, indent: int) -> str:
    """Return the source of ``name = value``, without the spaces before it."""
    return f"{name} = {literal(value, indent, indent + len(name) + len(' = '))}"


def names_in(value: Any) -> Iterator[str]:
    """Yield every name that the source of ``value`` needs to be imported or defined."""
    if isinstance(value, Name):
        yield value.text
    elif isinstance(value, Call):
        yield value.function
        yield from names_in([*value.positional, *value.keywords.values()])
    elif isinstance(value, Mapping):
        yield from names_in(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item)


def _has_items(value: Any) -> bool:
    return isinstance(value, Call) or (type(value) in (list, dict) and bool(value))


def _atom(value: Any) -> str:
    if type(value) is str:
        return _string(value)
    if value is None or type(value) in (bool, int):
        return repr(value)
    if type(value) is float and math.isfinite(value):
        return repr(value).replace("e+", "e")
    if type(value) in (list, dict):
        return repr(value)
    if isinstance(value, Name):
        return value.text
    raise DeployError(
        f"{value!r} of type {type(value).__name__} can't be written into a DAG file: give a finite number, "
        "text, True, False, None, or a list or dict of them"
    )


def _string(value: str) -> str:
    quote = "'" if value.count('"') > value.count("'") else '"'
    return f"{quote}{_ESCAPED.sub(_escape, value).replace(quote, chr(92) + quote)}{quote}"


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if code < 0x100:
        return _SHORT_ESCAPES.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _items(value: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    """Return what opens and closes a container or call, and its items with what comes before each."""
    if isinstance(value, Call):
        arguments = [("", item) for item in value.positional]
        arguments += [(f"{name}=", item) for name, item in value.keywords.items()]
        return f"{value.function}(", ")", arguments
    if isinstance(value, dict):
        return "{", "}", [(f"{_atom(key)}: ", item) for key, item in value.items()]
    return "[", "]", [("", item) for item in value]


def _flat(value: Any, room: int) -> str | None:
    """Return the source on one line, or None where it would not surely fit into ``room`` columns."""
    if not _has_items(value):
        text = _atom(value)
        return text if len(text) <= room and text.isascii() else None
    opening, closing, items = _items(value)
    room -= len(opening) + len(closing)
    parts: list[str] = []
    for before, item in items:
        room -= len(before) + (len(", ") if parts else 0)
        flat = _flat(item, room) if before.isascii() else None
        if flat is None:
            return None
        room -= len(flat)
        parts.append(before + flat)
    return f"{opening}{', '.join(parts)}{closing}" if room >= 0 else None


def _exploded(value: Any, indent: int) -> str:
    opening, closing, items = _items(value)
    inner = indent + _STEP
    lines = [opening]
    for before, item in items:
        if before.endswith("="):
            text = keyword(before[:-1], item, inner)
        else:
            # A key whose width is uncertain leaves no room: what follows it goes on lines of its own.
            text = before + literal(item, inner, inner + len(before) if before.isascii() else LINE_LENGTH)
        lines.append(f"{' ' * inner}{text},")
    lines.append(f"{' ' * indent}{closing}")
    return "\n".join(lines)


def _is_paragraph(value: str, column: int) -> bool:
    """Return whether ``value`` reads better as one literal for each of its lines.

    The formatter would join them again where the whole fits on a line; the ASCII characters alone
    must show that it does not.
    """
    if "\n" not in value[:-1]:
        return False
    return column + len(value.encode("ascii", "ignore")) > LINE_LENGTH


def _lines(value: str) -> list[str]:
    # Not splitlines, which splits at ten other characters too.
    *lines, last = value.split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])
