"""Values into a store and back: a folder of files, described by a reference with their SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from airflow_provider_pipes.artifacts.materializers.base import Materializer, type_name
from airflow_provider_pipes.artifacts.materializers.registry import (
    materializer_for,
    materializer_key,
    materializer_named,
)
from airflow_provider_pipes.artifacts.storage import Storage, explain
from airflow_provider_pipes.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    IntegrityError,
    PipesError,
    StoreUnreachableError,
)
from airflow_provider_pipes.models.documents import OutputReference

_SCRATCH_PREFIX = "pipes-artifact-"


class Payload(NamedTuple):
    """What a folder of files amounts to."""

    size: int
    sha256: str


def save_artifact(
    storage: Storage,
    path: str,
    value: Any,
    materializer: Materializer | type[Materializer] | str | None = None,
) -> OutputReference:
    """Store ``value`` as files in a new folder at ``path``, and return what names it.

    Nothing of the folder counts until a document holds the reference; on any failure it is removed.

    Args:
        storage: Where to.
        path: Folder of its own for this value; it must not exist yet.
        value: What a step returned.
        materializer: How to store it; without one it is chosen by the value's type.

    Raises:
        ArtifactError: the value can't be stored, with what to do about it.
        StoreUnreachableError: the store did not answer.
    """
    chosen = _chosen(value, materializer)
    key = materializer_key(chosen)
    said = f"can't store {path!r}, a value of type {type_name(type(value))}, as {key!r}"
    with _described_errors(said, "write", storage.full_uri(path)):
        payload = _write_payload(storage, path, value, chosen)
    return OutputReference(
        path=path,
        uri=storage.full_uri(path),
        materializer=key,
        type=type_name(type(value)),
        size=payload.size,
        sha256=payload.sha256,
        preview=chosen.preview(value),
    )


def load_artifact(
    storage: Storage, reference: OutputReference, expected: Any = None, scratch: Path | None = None
) -> Any:
    """Return the value behind a reference, its files checked before anything reads them.

    Args:
        storage: Where from.
        reference: What ``save_artifact`` returned.
        expected: The type that the consumer declares, where it does.
        scratch: Folder for copies of files, which the caller removes when the value is no longer
            used. Without it a value that needs its files keeps them in the system's temporary folder.

    Raises:
        IntegrityError: the files are not what was stored.
        ArtifactNotFoundError: they are gone.
        ArtifactError: they can't be turned into a value here.
    """
    materializer = materializer_named(reference.materializer)
    said = f"can't load {reference.path!r}, stored as {reference.materializer!r}"
    with (
        _described_errors(said, "read", storage.full_uri(reference.path)),
        _files(storage, reference.path, materializer.hands_out_files, scratch) as directory,
    ):
        _verify(storage, reference, directory)
        return materializer.load(directory, expected)


def measure(directory: Path) -> Payload:
    """Return the size of all files in a folder, and one SHA-256 over their names and contents.

    Raises:
        ArtifactError: it holds something else than files and folders.
    """
    size = 0
    digest = hashlib.sha256()
    for name, path in sorted(_walk(directory, "")):
        with open(path, "rb", buffering=0) as file:
            size += os.fstat(file.fileno()).st_size
            content = hashlib.file_digest(file, "sha256").hexdigest()
        # No name holds a NUL, so no two folders make the same text.
        digest.update(b"%b\0%b\0" % (name, content.encode("ascii")))
    return Payload(size, digest.hexdigest())


def _walk(directory: str | Path, prefix: str) -> Iterator[tuple[bytes, str]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            relative = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{relative}/")
            elif entry.is_file(follow_symlinks=False):
                yield os.fsencode(relative), entry.path
            else:
                raise ArtifactError(f"{relative!r} is neither a file nor a folder: stores hold nothing else")


def _chosen(value: Any, materializer: Materializer | type[Materializer] | str | None) -> Materializer:
    if materializer is None:
        return materializer_for(value)
    if isinstance(materializer, str):
        chosen = materializer_named(materializer)
    else:
        chosen = materializer() if isinstance(materializer, type) else materializer
    if not chosen.can_save(value):
        raise ArtifactError(
            f"the materializer {chosen.name!r} does not take this value of type {type_name(type(value))}: "
            "name another one, or none to have it chosen"
        )
    return chosen


def _write_payload(storage: Storage, path: str, value: Any, materializer: Materializer) -> Payload:
    place = storage.local_path(path)
    if place is None:
        import tempfile

        with tempfile.TemporaryDirectory(prefix=_SCRATCH_PREFIX) as scratch:
            payload = _fill(Path(scratch), value, materializer)
            storage.upload(Path(scratch), path)
            return payload
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir()
    try:
        return _fill(place, value, materializer)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _fill(directory: Path, value: Any, materializer: Materializer) -> Payload:
    materializer.save(value, directory)
    payload = measure(directory)
    if not any(directory.iterdir()):
        raise ArtifactError(f"the materializer {materializer.name!r} wrote no file: write at least one")
    return payload


@contextlib.contextmanager
def _files(storage: Storage, path: str, own_copy: bool, scratch: Path | None) -> Iterator[Path]:
    """Give the folder of a payload: in place where that is safe, else a copy in a scratch folder."""
    place = storage.local_path(path)
    if place is not None and not own_copy:
        yield place
        return
    import tempfile

    holder = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=scratch))
    try:
        storage.download(path, holder / "payload")
        yield holder / "payload"
    except BaseException:
        shutil.rmtree(holder, ignore_errors=True)
        raise
    if not own_copy:
        shutil.rmtree(holder, ignore_errors=True)


def _verify(storage: Storage, reference: OutputReference, directory: Path) -> None:
    where = storage.full_uri(reference.path)
    try:
        found = measure(directory)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtifactNotFoundError(
            f"nothing is stored at {where!r}: it was removed; run the step again"
        ) from error
    if found != (reference.size, reference.sha256):
        raise IntegrityError(
            f"the artifact {where!r} is not what was stored: expected {reference.size} bytes with SHA-256 "
            f"{reference.sha256}, got {found.size} bytes with {found.sha256}; something changed or damaged "
            "it: run the step that made it again"
        )


@contextlib.contextmanager
def _described_errors(said: str, action: str, where: str) -> Iterator[None]:
    """Say which artifact an error is about, whoever raised it."""
    try:
        yield
    except (ArtifactError, StoreUnreachableError) as error:
        raise type(error)(f"{said}: {error}") from error
    except (PipesError, MemoryError):
        raise
    except OSError as error:
        explained = explain(error, action, where)
        raise type(explained)(f"{said}: {explained}") from error
    except Exception as error:
        raise ArtifactError(
            f"{said}: {type(error).__name__}: {error}; check that the packages and classes it needs are "
            "there in the same version"
        ) from error
