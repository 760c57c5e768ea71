"""Whether a local artifact store is there, and this user's to use, where a step's process runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import ArtifactError, ArtifactNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_pipes.artifacts.storage import Storage

_MOUNT = (
    "with Docker, mount that folder of the worker's machine at the same path (a step in docker mode has it "
    "by itself: does the engine run on the worker's machine?); in Kubernetes, set store_volume in the "
    "airflow orchestrator's config to a volume that the worker has too; elsewhere, share the folder at this "
    "path or use a store behind a URL (s3, gcs, abfs)"
)


@contextmanager
def mounted(storage: Storage, path: str) -> Iterator[None]:
    """Say what is amiss with a local store where ``path``, which its launcher wrote, can't be read.

    Raises:
        ArtifactError: the store's folder is not mounted here, or is another one, or is closed to this user.
    """
    try:
        yield
    except ArtifactError as error:
        place = storage.local_path(path)
        if place is None:
            raise
        folder = str(place)[: -len(path) - 1]
        if not os.path.isdir(folder):
            raise ArtifactNotFoundError(
                f"the artifact store {folder} is not mounted here, so step and code can't be read: {_MOUNT}"
            ) from None
        if isinstance(error, ArtifactNotFoundError):
            raise ArtifactNotFoundError(
                f"the artifact store {folder} as it is mounted here has no {path}, which was just written: "
                f"another folder is mounted at this path, or none; {_MOUNT}"
            ) from None
        raise ArtifactError(
            f"the artifact store {folder} can't be read: {error}; {_as_whom(place)}"
        ) from None


def check_writable(storage: Storage, path: str) -> None:
    """Fail now, and not when the step's work is done, if the result can't be written.

    Args:
        storage: The store; nothing is checked of a remote one.
        path: The folder of the step run, which its launcher made.

    Raises:
        ArtifactError: this user may not write there, or the folder is mounted read-only.
    """
    place = storage.local_path(path)
    if place is None or os.access(place, os.W_OK | os.X_OK):
        return
    read_only = bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    reason = "it is mounted read-only: mount it writable" if read_only else _as_whom(place)
    raise ArtifactError(f"the step's result can't be written to {place} in the artifact store: {reason}")


def _as_whom(place: Path) -> str:
    me = f"this process runs as user {os.geteuid()} with group {os.getegid()}"
    found = _nearest(place)
    try:
        status = os.stat(found)
    except OSError:
        return f"{me}, which may not look into {found}"
    return (
        f"{me}, and {found} belongs to user {status.st_uid} with group {status.st_gid} (mode "
        f"{status.st_mode & 0o7777:o}): run the container as a user that may write there "
        "(DockerSettings(user=…), in Kubernetes runAsUser or fsGroup of the security context), or give this "
        "one the right to"
    )


def _nearest(place: Path) -> Path:
    """Return the last folder on the way that this user can look at."""
    return next((each for each in (place, *place.parents) if os.access(each, os.F_OK)), place)
