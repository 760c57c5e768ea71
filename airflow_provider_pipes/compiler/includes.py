"""Files that a pipeline names itself, by ``include=[globs]``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

_NEVER = frozenset({".git", ".hg", ".svn", ".pipes", ".venv", ".tox", ".nox", "__pycache__"})
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Inclusion:
    """What globs matched.

    Attributes:
        files: POSIX paths relative to the project's root, sorted.
        problems: A sentence for each glob that can't be followed.
    """

    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def find_included(root: Path, globs: Sequence[str]) -> Inclusion:
    """Return the files below ``root`` that ``globs`` match.

    ``*`` and ``?`` stay within a folder, ``**`` goes through any number of them, and a glob that matches
    a folder takes all that is in it. A name that starts with a dot is matched only by a glob
    that writes the dot, so a ``.env`` with secrets is not taken by accident. Version control,
    virtual environments, caches and ``.pipes`` are never taken.

    The matching is ours since ``Path.glob`` takes ``**`` differently from Python 3.13 on, and one
    pipeline must have one id everywhere.
    """
    if isinstance(globs, str):
        return Inclusion(problems=(f"include takes a list; write include=[{globs!r}]",))
    files: set[str] = set()
    problems: list[str] = []
    for glob in globs:
        problem = _refusal(root, glob)
        matched, outside = ((), ()) if problem else _matches(root, glob)
        problem = problem or _match_problem(matched, outside)
        if problem:
            problems.append(f"include {glob!r} {problem}")
        files.update(matched)
    return Inclusion(tuple(sorted(files)), tuple(problems))


def _refusal(root: Path, glob: str) -> str | None:
    parts = glob.replace("\\", "/").split("/")
    if os.path.isabs(glob) or ".." in parts or re.match(r"[A-Za-z]:", glob):
        return "leaves the project; write it relative to the project's root, without '..'"
    if "\\" in glob or "\0" in glob:
        return "holds a backslash or a NUL; separate folders with '/'"
    if not glob.strip("./"):
        return "names the whole project; name the files or folders that the steps read"
    folder = root
    for part in parts:
        folder = folder / part
        if part in _NEVER or (folder / "pyvenv.cfg").exists():
            return f"names {part!r}, which is never part of a code snapshot"
    return None


def _match_problem(matched: Sequence[str], outside: Sequence[str]) -> str | None:
    if outside:
        return f"matches {outside[0]!r}, a link that leaves the project; copy the file into the project"
    if not matched:
        return "matches no file; correct it, or remove it"
    undecodable = next((file for file in matched if not _is_unicode(file)), None)
    return f"matches {undecodable!r}, whose name is not valid UTF-8; rename it" if undecodable else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _matches(root: Path, glob: str) -> tuple[Sequence[str], Sequence[str]]:
    parts = [part for part in glob.split("/") if part not in ("", ".")]
    fixed = next((position for position, part in enumerate(parts) if _WILD.search(part)), len(parts))
    start, wild = "/".join(parts[:fixed]), parts[fixed:]
    real_root = os.path.realpath(root)
    matched: list[str] = []
    outside: list[str] = []
    for file in _files_below(root, start):
        below = file[len(start) :].lstrip("/").split("/")
        if not wild if file == start else _fits(tuple(below), tuple(wild)):
            inside = os.path.realpath(root / file).startswith(real_root.rstrip(os.sep) + os.sep)
            (matched if inside else outside).append(file)
    return sorted(matched), sorted(outside)


def _files_below(root: Path, start: str) -> Iterator[str]:
    """Yield the file ``start``, or every file below that folder, links followed but in no circle."""
    if (root / start).is_file():
        yield start
        return
    pending = [(start, frozenset({os.path.realpath(root / start)}))]
    while pending:
        folder, above = pending.pop()
        for entry in _entries(root / folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if os.path.isfile(entry.path):
                yield path
            elif os.path.isdir(entry.path) and not _never(entry):
                real = os.path.realpath(entry.path)
                if real not in above:
                    pending.append((path, above | {real}))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _never(entry: os.DirEntry[str]) -> bool:
    return entry.name in _NEVER or os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))


def _fits(path: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Whether ``parts`` match the path, or a folder that it is in."""
    if not parts:
        return not any(name.startswith(".") for name in path)
    if not path:
        return all(part == "**" for part in parts)
    if parts[0] == "**":
        return _fits(path, parts[1:]) or (not path[0].startswith(".") and _fits(path[1:], parts))
    hidden = path[0].startswith(".") and not parts[0].startswith(".")
    return not hidden and fnmatchcase(path[0], parts[0]) and _fits(path[1:], parts[1:])
