"""Where each statement of a TOML text stands: tables' headers and keys with their values.

Whoever changes a file that people write must know what belongs to what. tomlkit counts a comment
that stands above a table as part of the table before it, and deletes it with that one; so places
are found here, and tomlkit writes and changes single values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

KeyPath = tuple[str, ...]

_KEY_PART = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = rf"{_KEY_PART}(?:[ \t]*\.[ \t]*{_KEY_PART})*"
_ASSIGNMENT = re.compile(rf"({_KEY})[ \t]*=[ \t]*")
_HEADER = re.compile(rf"\[\[?[ \t]*({_KEY})[ \t]*\]\]?")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^\[\]{}\"'#\n]+")
_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True)
class Statement:
    """A header, or a key with its value.

    Attributes:
        path: Full path of the table or the value.
        table: Path of the table that it stands in; of a header, its own.
        start: Where its first line begins.
        value: Where its value begins and ends; None for a header.
        end: Where its last line ends, behind the newline.
    """

    path: KeyPath
    table: KeyPath
    start: int
    value: tuple[int, int] | None
    end: int

    @property
    def is_header(self) -> bool:
        """Whether it opens a table."""
        return self.value is None


def statements(text: str) -> list[Statement]:
    """Return the statements of a valid TOML text in their order."""
    return list(_scan(text))


def _scan(text: str) -> Iterator[Statement]:
    table: KeyPath = ()
    line = 0
    while line < len(text):
        place = _skip_blanks(text, line)
        if header := _HEADER.match(text, place):
            table = _parts(header[1])
            end = _line_end(text, header.end())
            yield Statement(table, table, line, None, end)
        elif key := _ASSIGNMENT.match(text, place):
            stop = _value_end(text, key.end())
            end = _line_end(text, stop)
            yield Statement(table + _parts(key[1]), table, line, (key.end(), stop), end)
        else:
            end = _line_end(text, place)
        line = end


def _parts(dotted: str) -> KeyPath:
    inner: object = tomllib.loads(f"{dotted} = 0")
    path = []
    while isinstance(inner, dict):
        key, inner = next(iter(inner.items()))
        path.append(key)
    return tuple(path)


def _skip_blanks(text: str, place: int) -> int:
    # A byte order mark stays where it is, before the first statement.
    while place < len(text) and text[place] in " \t\ufeff":
        place += 1
    return place


def _line_end(text: str, place: int) -> int:
    newline = text.find("\n", place)
    return len(text) if newline < 0 else newline + 1


def _value_end(text: str, place: int) -> int:
    """Return where a value ends: before the newline or the comment that no bracket encloses."""
    depth = 0
    end = place
    while place < len(text) and (depth or text[place] not in "\n#"):
        following = _token(text, place)
        depth += (text[place] in "[{") - (text[place] in "]}")
        if text[place] != "#" and text[place:following].strip():
            end = place + len(text[place:following].rstrip())
        place = following
    return end


def _token(text: str, place: int) -> int:
    for pattern in (_STRING, _PLAIN, _COMMENT):
        if found := pattern.match(text, place):
            return found.end()
    return place + 1
