"""The code snapshot: the files that a pipeline's steps need, in one zip."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_pipes.compiler.project import ProjectLayout
from airflow_provider_pipes.errors import SnapshotError
from airflow_provider_pipes.models.canonical import sha256_hex
from airflow_provider_pipes.runtime.snapshot import contents_hash

_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_UNIX = 3
# Most of the gain for a third of the time that the default level takes.
_LEVEL = 1


@dataclass(frozen=True)
class Snapshot:
    """Code to run elsewhere.

    Attributes:
        data: The zip.
        hash: SHA-256 over the paths and contents of its files. Not over ``data``, which differs with
            the zlib that compressed it, and the same code must have the same hash everywhere;
            whoever extracts it computes it again from what came out.
        roots: Folders inside it that go on ``sys.path``, first one first.
    """

    data: bytes
    hash: str
    roots: tuple[str, ...]


def build_snapshot(
    layout: ProjectLayout, files: Iterable[str], digests: Mapping[str, str] | None = None
) -> Snapshot:
    """Return the snapshot of some of a project's files.

    Args:
        layout: The project.
        files: Paths relative to its root, as closures have them.
        digests: SHA-256 of the files as their closures saw them.

    Raises:
        SnapshotError: a file can't be read, or is no longer what its closure saw.
    """
    contents = {file: _read(layout, file) for file in sorted(set(files))}
    found = {file: sha256_hex(data) for file, data in contents.items()}
    changed = next(
        (file for file, digest in (digests or {}).items() if found.get(file, digest) != digest), None
    )
    if changed is not None:
        raise SnapshotError(f"{changed} was changed while the pipeline was compiled; do it again")
    # A root that holds none of the files is left out: an empty folder beside them changes nothing.
    roots = [
        root for root in layout.roots if any(file.startswith(f"{root}/" if root else "") for file in contents)
    ]
    return Snapshot(_zip(contents), contents_hash(found.items()), tuple(roots))


def _read(layout: ProjectLayout, file: str) -> bytes:
    try:
        return (layout.root / file).read_bytes()
    except OSError as error:
        raise SnapshotError(
            f"{file} can't be read for the code snapshot: {error.strerror or error}"
        ) from None


def _zip(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, data in contents.items():
            info = zipfile.ZipInfo(file, _DATE)
            info.create_system = _UNIX
            info.external_attr = _MODE << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, _LEVEL)
    return buffer.getvalue()
