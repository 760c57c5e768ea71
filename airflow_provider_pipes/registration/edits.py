"""Changes to the text of a pipes.toml that leave every other byte as it was."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from airflow_provider_pipes.registration.statements import KeyPath, Statement, statements

_COMMENT = re.compile(r"( *)#")
_INLINE_TABLE = re.compile(r"\{([ \t]*).*?([ \t]*)\}", re.DOTALL)


class LayoutError(Exception):
    """A text whose layout does not allow a change; the file's owner has to make it."""


def set_value(text: str, path: KeyPath, value: Any) -> str:
    """Return ``text`` with ``value`` at ``path``: in its old place, or else behind its siblings."""
    return _checked(text, _set(text, path, value), lambda values: _put(values, path, value))


def remove(text: str, path: KeyPath) -> str:
    """Return ``text`` without what is at ``path``, a table or a value."""
    return _checked(text, _remove(text, path), lambda values: _take(values, path))


def remove_bare_header(text: str, path: KeyPath) -> str:
    """Return ``text`` without the header of an empty table, if no comment stands below it."""
    found = statements(text)
    covered = [each for each in found if each.path[: len(path)] == path]
    if len(covered) != 1 or not covered[0].is_header:
        return text
    index = found.index(covered[0])
    below = text[covered[0].end : found[index + 1].start if index + 1 < len(found) else len(text)]
    own, _, _ = below.partition("\n\n")
    return text if own.strip() else remove(text, path)


def add_table(text: str, path: KeyPath, content: Mapping[str, Any]) -> str:
    """Return ``text`` with a new table at its end, or in the inline table that holds its siblings."""
    if any(each.value is not None and path[: len(each.path)] == each.path for each in statements(text)):
        return set_value(text, path, dict(content))
    lines = [f"{_dotted((key,))} = {rendered(each)}\n" for key, each in content.items()]
    block = f"[{_dotted(path)}]\n{''.join(lines)}"
    before = text if not text or text.endswith("\n") else f"{text}\n"
    gap = "\n" if before.strip("\ufeff\r\n\t ") and not re.search(r"\n[ \t]*\r?\n\Z", before) else ""
    return _checked(text, before + gap + block, lambda values: _put(values, path, dict(content)))


def rendered(value: Any) -> str:
    """Return a value as TOML, on one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_dotted((key,))} = {rendered(each)}" for key, each in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(rendered, value))}]"
    if isinstance(value, str):
        return _text(value)
    text: str = tomlkit.item(value).as_string()
    return text


def _text(value: str) -> str:
    # A lone surrogate is no text that a file can hold.
    value.encode("utf-8")
    return tomlkit.item(value).as_string()


def _dotted(path: KeyPath) -> str:
    return ".".join(tomlkit.key(part).as_string() for part in path)


def _set(text: str, path: KeyPath, value: Any) -> str:
    found = statements(text)
    for each in found:
        if each.path == path and each.value is not None:
            start, end = each.value
            return _replaced(text, start, end, _instead_of(text[start:end], value))
        if each.value is not None and path[: len(each.path)] == each.path:
            rest = path[len(each.path) :]
            return _inside(text, each, partial(_put, path=rest, value=value))
    if any(each.path[: len(path)] == path for each in found):
        return _set(_remove(text, path), path, value)
    siblings = [each for each in found if path[:-1] == (each.path if each.is_header else each.path[:-1])]
    if siblings:
        return _behind(text, siblings[-1], path, value)
    if len(path) == 1:
        return _at_top(text, found, path, value)
    return add_table(text, path[:-1], {path[-1]: value})


def _replaced(text: str, start: int, end: int, new: str) -> str:
    """Return ``text`` with a new value; a comment behind it keeps its column where there is room."""
    rest = text[end:]
    comment = _COMMENT.match(rest)
    if comment and "\n" not in text[start:end] + new:
        gap = len(comment[1])
        room = gap + (end - start) - len(new)
        rest = " " * max(room, min(gap, 1)) + rest[gap:]
    return text[:start] + new + rest


def _instead_of(old: str, value: Any) -> str:
    """Return a value as TOML; a list that gains or loses elements keeps its layout and its comments."""
    if not isinstance(value, list) or not old.startswith("["):
        return rendered(value)
    array: Any = tomlkit.parse(f"x = {old}")["x"]
    try:
        for index in reversed([place for place, each in enumerate(array) if each not in value]):
            del array[index]
        for each in value[len(array) :]:
            array.append(each)
        text: str = array.as_string()
        return text if tomllib.loads(f"x = {text}")["x"] == value else rendered(value)
    except (TOMLKitError, ValueError, TypeError, IndexError):
        return rendered(value)


def _behind(text: str, sibling: Statement, path: KeyPath, value: Any) -> str:
    line = text[sibling.start : sibling.end]
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    newline = "" if line.endswith("\n") else "\n"
    relative = path[len(sibling.table) :]
    return (
        text[: sibling.end]
        + f"{newline}{indent}{_dotted(relative)} = {rendered(value)}\n"
        + text[sibling.end :]
    )


def _at_top(text: str, found: list[Statement], path: KeyPath, value: Any) -> str:
    """Put a value of the root table before the first table, and before the comments above that."""
    line = f"{_dotted(path)} = {rendered(value)}\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text[len(mark) :]
    if not found:
        gap = "" if not body or body.endswith("\n") else "\n"
        return f"{mark}{body}{gap}{line}"
    head = re.match(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*", body)
    comments = head[0] if head else ""
    # What stands above the first table without an empty line between belongs to that table.
    opening = re.match(r"(?:.*\n)?[ \t]*\r?\n", comments, re.DOTALL)
    place = opening.end() if opening else 0
    return f"{mark}{body[:place]}{line}\n{body[place:]}"


def _inside(text: str, statement: Statement, change: Callable[[Any], None]) -> str:
    """Change the inline table that is a statement's value."""
    if statement.value is None:
        raise LayoutError
    start, end = statement.value
    try:
        document = tomlkit.parse(f"x = {text[start:end]}")
        change(document["x"])
    except (TOMLKitError, KeyError, TypeError, AttributeError) as error:
        raise LayoutError from error
    new = document.as_string().partition("=")[2].strip()
    return _replaced(text, start, end, _padded(text[start:end], new))


def _padded(old: str, new: str) -> str:
    """Return an inline table with the blanks inside its braces that it had before it was changed."""
    table = _INLINE_TABLE.fullmatch(old)
    inner = new[1:-1].strip(" \t")
    if table is None or not inner:
        return new
    # Of a table without any field, all blanks stand in the first group.
    behind = table[2] if old.strip("{} \t") else table[1]
    return f"{{{table[1]}{inner}{behind}}}"


def _remove(text: str, path: KeyPath) -> str:
    found = statements(text)
    for each in found:
        if each.value is not None and len(each.path) < len(path) and path[: len(each.path)] == each.path:
            return _inside(text, each, partial(_take, path=path[len(each.path) :]))
    for block in reversed(_blocks(found, path)):
        text = _cut(text, block[0].start, block[-1].end, whole=block[0].is_header)
    return text


def _blocks(found: list[Statement], path: KeyPath) -> list[list[Statement]]:
    """Return the runs of statements that ``path`` covers, each from a table's header to its last value."""
    blocks: list[list[Statement]] = []
    open_block = False
    for each in found:
        covered = each.path[: len(path)] == path
        if covered and open_block and not each.is_header:
            blocks[-1].append(each)
        elif covered:
            blocks.append([each])
        open_block = covered
    return blocks


def _cut(text: str, start: int, end: int, *, whole: bool) -> str:
    before, after = text[:start], text[end:]
    if not whole:
        return before + after
    # The empty line that parted a table from the next one goes with it; at the end, the one before.
    blank = re.match(r"(?:[ \t]*\r?\n)+", after)
    if after.strip():
        return before + (after[blank.end() :] if blank and _ends_open(before) else after)
    return re.sub(r"\n[ \t]*\r?\n\Z", "\n", before) + after


def _ends_open(before: str) -> bool:
    return not before.strip("\ufeff\r\n\t ") or bool(re.search(r"\n[ \t]*\r?\n\Z", before))


def _checked(text: str, changed: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Return the changed text if it says what it should, and nothing else."""
    values = values_of(text)
    try:
        change(values)
    except (KeyError, TypeError, AttributeError) as error:
        raise LayoutError from error
    if "\r\n" in text and not re.search(r"(?<!\r)\n", text):
        changed = re.sub(r"(?<!\r)\n", "\r\n", changed)
    try:
        agrees = _comparable(values_of(changed)) == _comparable(values)
    except tomllib.TOMLDecodeError as error:
        raise LayoutError from error
    if not agrees:
        raise LayoutError
    return changed


def values_of(text: str) -> dict[str, Any]:
    """Return what a valid TOML text says."""
    return tomllib.loads(text.removeprefix("\ufeff"))


def _comparable(value: Any) -> Any:
    """Return a value that equals another if they are the same in TOML: not 1 and true, but nan and nan."""
    if isinstance(value, Mapping):
        # An empty table says nothing.
        pairs = ((key, _comparable(each)) for key, each in value.items())
        return {key: each for key, each in pairs if each != {}}
    if isinstance(value, list | tuple):
        return [_comparable(each) for each in value]
    return type(value).__name__, repr(value)


def _put(values: Any, path: KeyPath, value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = copy.deepcopy(value)


def _take(values: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        values = values[part]
    del values[path[-1]]
