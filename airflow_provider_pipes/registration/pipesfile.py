"""pipes.toml as it is changed by a command: under a lock, checked as a whole, written in one move."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.registration import edits
from airflow_provider_pipes.registration.statements import KeyPath
from airflow_provider_pipes.stack.location import FILE_NAME, find_file
from airflow_provider_pipes.stack.project import Project, load_project, project_from_text
from airflow_provider_pipes.stack.projectfile import read_file

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Change:
    """What a command did.

    Attributes:
        path: The pipes.toml.
        created: Whether it was not there before.
        notes: What a person wants to know of it, one sentence each.
        warnings: What is not as the command's words let expect.
    """

    path: Path
    created: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class Draft:
    """A pipes.toml with changes that are not written yet.

    Attributes:
        path: Where it is, or will be.
        before: The project as it was.
        text: The text as it will be.
        notes: What a person wants to know of the change.
        warnings: What is not as the command's words let expect.
    """

    path: Path
    before: Project
    text: str
    created: bool
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def set(self, path: KeyPath, value: Any) -> None:
        """Give a field a value."""
        self._change(path, lambda: edits.set_value(self.text, path, value))

    def add_table(self, path: KeyPath, content: Mapping[str, Any]) -> None:
        """Add a table."""
        self._change(path, lambda: edits.add_table(self.text, path, content))

    def remove(self, path: KeyPath) -> None:
        """Take a table or a field out."""
        self._change(path, lambda: edits.remove(self.text, path))

    def remove_if_bare(self, path: KeyPath) -> None:
        """Take the header of an empty table out, unless a comment stands below it."""
        self._change(path, lambda: edits.remove_bare_header(self.text, path))

    def after(self) -> Project:
        """Return the project as it will be.

        Raises:
            ConfigurationError: it would not be valid.
        """
        return project_from_text(self.path, self.text, self.before.root)

    def own(self, *path: str) -> Any:
        """Return what the file itself says at a place, or None."""
        inner: Any = edits.values_of(self.text)
        for part in path:
            inner = inner.get(part) if isinstance(inner, Mapping) else None
        return inner

    def outcome(self) -> Change:
        """Return what was done."""
        warnings = [*self.warnings, *_overridden(self)]
        return Change(self.path, self.created, tuple(self.notes), tuple(dict.fromkeys(warnings)))

    def _change(self, path: KeyPath, change: Any) -> None:
        try:
            self.text = change()
        except edits.LayoutError:
            raise ConfigurationError(
                f"{self.path} has a layout in which [{'.'.join(path)}] can't be changed by a command; "
                "change it there by hand"
            ) from None
        except UnicodeEncodeError:
            raise ConfigurationError(
                f"[{'.'.join(path)}] would hold half a character, which no file can: leave it out"
            ) from None


@contextmanager
def edited(start: Path) -> Iterator[Draft]:
    """Change the nearest pipes.toml in ``start`` or above it, or a new one in ``start``.

    What the block leaves in the draft is written when it ends without an error. Until then no
    other command can change the file.

    Raises:
        ConfigurationError: the file is not valid, or can't be written.
    """
    path = find_file(start) or start.absolute() / FILE_NAME
    with _locked(_target(path).parent):
        created = not path.exists() and not path.is_symlink()
        before = _project_before(path, start)
        mark = _BYTE_ORDER_MARK if not created and _has_mark(path) else ""
        draft = Draft(path, before, mark + before.source.text, created)
        old = draft.text
        if not created:
            _check_writable(path)
        yield draft
        if draft.text != old:
            _write(_target(path), draft.text, path)


def _project_before(path: Path, start: Path) -> Project:
    try:
        return load_project(start)
    except ConfigurationError:
        # A variable may say more of a component that this command is about to write.
        text, _ = read_file(path) if path.exists() or path.is_symlink() else ("", {})
        return project_from_text(path, text, path.parent, variables=False)


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _has_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == _BYTE_ORDER_MARK.encode()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # The folder, and not the file: that is another one after each command.
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigurationError(f"can't open the folder {folder}: {error.strerror}") from None
    try:
        # A file system without locks is no reason to refuse the one command that runs there.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _check_writable(path: Path) -> None:
    # Renaming a new file over it needs no right to write it; who made it read-only meant something.
    target = _target(path)
    if not target.stat().st_mode & 0o222 or not os.access(target, os.W_OK):
        raise ConfigurationError(
            f"{path} is read-only, so nothing was changed; allow writing first: chmod u+w {target}"
        )


def _write(target: Path, text: str, shown: Path) -> None:
    try:
        _replace(target, text.encode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"can't write {shown}: {error.strerror}; nothing was changed") from None


def _replace(target: Path, content: bytes) -> None:
    """Put a new file in the place of an old one, with its mode and, where that is allowed, its owner."""
    handle, name = tempfile.mkstemp(prefix=f".{FILE_NAME}-", dir=target.parent)
    try:
        with open(handle, "wb") as file:
            _take_over(file.fileno(), target)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(target.parent)


def _take_over(handle: int, target: Path) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(handle, 0o666 & ~mask)
        return
    with contextlib.suppress(OSError):
        os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, stat.S_IMODE(old.st_mode))


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _overridden(draft: Draft) -> list[str]:
    """Return a warning for each changed value that a variable overrides."""
    variables = draft.after().source.variables
    old, new = edits.values_of(draft.before.source.text), edits.values_of(draft.text)
    found = []
    for place, variable in variables.items():
        names = tuple(map(str, place))
        if _at(old, names) != _at(new, names):
            found.append(overridden_by(variable))
    return found


def overridden_by(variable: str) -> str:
    """Return the warning that an environment variable goes over what a command wrote."""
    return f"environment variable {variable} goes over what pipes.toml says, until it is unset"


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values
