"""Putting DAG files into a dags folder, comparing them with what is there, and taking them out again."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from airflow_provider_pipes.errors import DeployError, StaleDagError
from airflow_provider_pipes.models.names import path_segment
from airflow_provider_pipes.orchestrators.airflow.marker import MARKER_MAX_BYTES, Marker, read_marker

# Airflow keeps the text of every version of a DAG file in its database; MySQL takes 16 MiB of it.
MAX_BYTES = 2**24 - 1

_NO_NEWLINE = "\\ No newline at end of file"

_CURES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "change its permissions or choose another folder with --dags-folder",
    errno.EPERM: "change its permissions or choose another folder with --dags-folder",
    errno.EROFS: "choose a folder that can be written with --dags-folder",
    errno.ENOTDIR: "choose another folder with --dags-folder",
    errno.EISDIR: "move it away, or use another DAG id",
    errno.EEXIST: "choose another folder with --dags-folder",
}


class Published(StrEnum):
    """What publishing did to the file."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class GeneratedFile:
    """A DAG file of ours, found in a folder."""

    path: Path
    marker: Marker


def dag_file_path(dags_folder: Path, dag_id: str) -> Path:
    """Return where the file of a DAG is; ids that would make an unsafe file name give a hash."""
    return dags_folder / f"{path_segment(dag_id)}.py"


def publish(path: Path, text: str) -> Published:
    """Write a DAG file, whole or not at all; one that is the same already is left untouched.

    Raises:
        DeployError: the file there is not ours or another pipeline's, or it can't be written.
    """
    data = _checked_size(path, text)
    current = _replaceable(path, text)
    if current == data:
        return Published.UNCHANGED
    with _told_as(f"cannot write the DAG file {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, data)
    return Published.CREATED if current is None else Published.UPDATED


def check_place(path: Path, text: str) -> None:
    """Make sure that ``publish`` could write the file, and leave nothing behind.

    For who writes something else first, or several files, all or none.

    Raises:
        DeployError: the file there is not ours or another pipeline's, or the folder can't be written.
    """
    data = _checked_size(path, text)
    _replaceable(path, text)
    with _told_as(f"cannot write the DAG file {path}"):
        nearest = next(folder for folder in path.parents if folder.exists() or folder.is_symlink())
        # All of it, so that a disk which is full or a quota shows.
        with tempfile.TemporaryFile(prefix=".pipes-", dir=nearest) as file:
            file.write(data)


def _checked_size(path: Path, text: str) -> bytes:
    data = text.encode()
    if len(data) > MAX_BYTES:
        raise DeployError(
            f"the DAG file {path} would have {len(data):,} bytes and Airflow keeps at most {MAX_BYTES:,}: "
            "shorten docstrings and parameter defaults, or split the pipeline"
        )
    return data


def diff(path: Path, text: str) -> str:
    """Return a unified diff from the file that is there to ``text``; empty where they are the same.

    Raises:
        DeployError: publishing would refuse to replace the file.
    """
    current = (_replaceable(path, text) or b"").decode(errors="backslashreplace")
    before = str(path) if current else os.devnull
    lines = difflib.unified_diff(_lines(current), _lines(text), before, str(path))
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}\n" for line in lines)


def check(path: Path, text: str) -> None:
    """Make sure that the file there is what would be published.

    Raises:
        StaleDagError: it is missing or differs.
        DeployError: publishing would refuse to replace the file.
    """
    current = _replaceable(path, text)
    if current is None:
        raise StaleDagError(f"there is no DAG file {path}: run `pipes deploy` to write it")
    if current != text.encode():
        raise StaleDagError(
            f"the DAG file {path} is not what its pipeline compiles to now: run `pipes deploy` to update it, "
            "with --diff to see the difference first"
        )


def check_removable(dags_folder: Path, dag_id: str) -> Path:
    """Make sure that ``unpublish`` could remove the file of a DAG, and return where it is.

    Raises:
        DeployError: there is none, it is not ours, or it can't be removed.
    """
    path = dag_file_path(dags_folder, dag_id)
    if _read(path) is None:
        others = ", ".join(each.path.stem for each in generated_files(dags_folder)) or "none"
        raise DeployError(f"there is no DAG file of {dag_id!r} in {dags_folder}; deployed there: {others}")
    _marker_of(path)
    with _told_as(f"cannot remove the DAG file {path}"):
        if not os.access(dags_folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return path


def unpublish(dags_folder: Path, dag_id: str) -> Path:
    """Remove the file of a DAG and return where it was.

    Raises:
        DeployError: there is none, it is not ours, or it can't be removed.
    """
    path = check_removable(dags_folder, dag_id)
    with _told_as(f"cannot remove the DAG file {path}"):
        path.unlink()
    return path


def generated_files(folder: Path) -> list[GeneratedFile]:
    """Return the DAG files in ``folder`` that are ours, in the order of their names."""
    found = []
    for path in sorted(folder.glob("*.py")):
        with contextlib.suppress(OSError):
            if path.is_file() and (marker := read_marker(_head(path))):
                found.append(GeneratedFile(path, marker))
    return found


def _replaceable(path: Path, text: str) -> bytes | None:
    """Return the bytes that ``text`` may replace, or None where there is no file."""
    current = _read(path)
    if current is None:
        return None
    ours, theirs = read_marker(text), _marker_of(path)
    if ours and ours.source != theirs.source:
        raise DeployError(
            f"{path} is the DAG file of the pipeline {theirs.source}, and {ours.source} would replace it: "
            "give one of them another DAG id, or remove the file with `pipes undeploy`"
        )
    return current


def _read(path: Path) -> bytes | None:
    with _told_as(f"cannot read {path}"):
        if path.is_symlink():
            raise DeployError(f"{path} is a symbolic link, not ours: remove it, or use another DAG id")
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _marker_of(path: Path) -> Marker:
    with _told_as(f"cannot read {path}"):
        marker = read_marker(_head(path))
    if marker is None:
        raise DeployError(
            f"{path} is not ours: it does not begin with our marker, so it is neither replaced nor removed; "
            "move it away, or use another DAG id"
        )
    return marker


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MARKER_MAX_BYTES).decode(errors="replace")


def _write(path: Path, data: bytes) -> None:
    # The dag-processor reads what ends in ".py", so the file must not have that name before it is whole.
    temporary = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _told_as(failure: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        cure = _CURES.get(error.errno or 0, "check the folder")
        raise DeployError(f"{failure}: {reason[:1].lower()}{reason[1:]}; {cure}") from None


def _lines(text: str) -> list[str]:
    # Not splitlines, which splits at other characters than the end of a line too.
    return re.findall(r"[^\n]*\n|[^\n]+", text)
