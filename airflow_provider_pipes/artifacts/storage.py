"""The store that artifacts and documents live in, as one small interface over paths.

Paths are relative to the store, in POSIX form. What a name means on another machine is decided by
the store's address alone, so a document names artifacts by path.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_pipes.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ConfigurationError,
    PipesError,
    StoreUnreachableError,
)

# Trying again does not help with these; any other error number is taken for a store that does not answer.
_ADVICE = {
    errno.ENOSPC: "no space is left there: free some, or move the artifact store",
    errno.EDQUOT: "the disk quota is used up: free some space, or move the artifact store",
    errno.EROFS: "the file system is mounted read-only: mount it writable, or move the artifact store",
    errno.EACCES: "access is denied: give this user or these credentials the right to it",
    errno.EPERM: "access is denied: give this user or these credentials the right to it",
    errno.ENOTDIR: "a folder on the way to it is a file: move that file away",
    errno.EISDIR: "it is a folder where a file was expected: move it away",
    errno.EEXIST: "something else is there already: move it away",
    errno.ENOTEMPTY: "something else is there already: move it away",
    errno.ENOENT: "the place it should go to does not exist: create the bucket or folder",
    errno.ENAMETOOLONG: "the path is too long for the store: shorten the store's own path",
    errno.EINVAL: "the store refused the request: check its address and options",
    errno.EFBIG: "it is larger than the file system or a limit of this process allows: split the output",
    errno.EMSGSIZE: "it is too large for the store: split the output",
    errno.ENOSYS: "the store can't do that: use another kind of store",
    errno.ELOOP: "a symbolic link on the way leads to itself: remove it",
}

_MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class Storage(ABC):
    """Files under one root, wherever that is.

    Attributes:
        uri: Address of the root, without a slash at its end.
    """

    uri: str

    @abstractmethod
    def read(self, path: str) -> bytes:
        """Return the content of a file.

        Raises:
            ArtifactNotFoundError: nothing is there.
            StoreUnreachableError: the store did not answer.
        """

    @abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """Put a file in place of whatever was there; a reader sees the old one or the new one."""

    @abstractmethod
    def create(self, path: str, data: bytes) -> bool:
        """Put a file only if none is there, in one step; say whether it was this call that did."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Say whether a file or folder is there."""

    @abstractmethod
    def list(self, path: str = "") -> list[str]:
        """Return the sorted names directly under a folder, none where it is missing."""

    @abstractmethod
    def upload(self, local: Path, path: str) -> None:
        """Copy a local file or tree into the store; a tree goes where nothing is yet."""

    @abstractmethod
    def download(self, path: str, local: Path) -> None:
        """Copy a file or tree of the store to ``local``, which must not exist yet.

        Raises:
            ArtifactNotFoundError: nothing is there.
        """

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove a file or tree; harmless where nothing is."""

    def local_path(self, path: str) -> Path | None:
        """Return where ``path`` lies on this machine, or None for a store that is elsewhere."""
        checked_path(path)
        return None

    def full_uri(self, path: str) -> str:
        """Return the whole address of ``path``, for people and other tools."""
        separator = "" if self.uri.endswith("/") else "/"
        return f"{self.uri}{separator}{checked_path(path)}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"


def open_storage(uri: str, options: Mapping[str, Any] | None = None) -> Storage:
    """Return the storage at an address: a plain path, file:// or any URL that fsspec knows.

    Args:
        uri: The store's root. It holds no password: those come through ``options``.
        options: What the file system's class takes, as credentials and an endpoint.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme == "file":
        from airflow_provider_pipes.artifacts.local import LocalStorage

        if options:
            raise ConfigurationError(
                f"the artifact store {uri!r} is a local directory and takes no options; "
                f"got {', '.join(sorted(options))}: remove them"
            )
        return LocalStorage(Path(rest if separator else uri))
    _check_remote_uri(scheme, rest)
    from airflow_provider_pipes.artifacts import objects

    if objects.suits(uri, options):
        return objects.ObjectStorage(uri, options)
    from airflow_provider_pipes.artifacts.remote import FsspecStorage

    return FsspecStorage(uri, options)


def _check_remote_uri(scheme: str, rest: str) -> None:
    if "::" in scheme or "::" in rest:
        raise ConfigurationError(
            f"the artifact store '{scheme}://…' chains file systems with '::'; caches in between would show "
            "old content: give the address of the store itself"
        )
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if at and ":" in user:
        # The address goes into references and manifests, so the message does not repeat it either.
        raise ConfigurationError(
            f"the address '{scheme}://…' of the artifact store holds a password: name an Airflow connection "
            "or an environment variable instead"
        )
    if not rest.strip("/") and scheme != "memory":
        raise ConfigurationError(
            f"the artifact store '{scheme}://' names no bucket: write it as '{scheme}://bucket/folder'"
        )


def checked_path(path: str) -> str:
    """Return ``path`` if it can't leave the store, and refuse it otherwise."""
    if "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise ArtifactError(
            f"{path!r} is no path in an artifact store: expected names separated by single slashes, "
            "without '.', '..' or a slash at either end"
        )
    return path


def checked_folder(path: str) -> str:
    """Return ``path`` as ``checked_path`` does, taking an empty one for the root."""
    return checked_path(path) if path else path


def explain(error: Exception, action: str, where: str) -> PipesError:
    """Return our error for one that a file system raised.

    Args:
        error: What the operating system, fsspec or a client library raised.
        action: What was tried, as in "can't {action} 's3://bucket/path'".
        where: The address or path that it was tried on.
    """
    said = f"can't {action} {where!r}"
    cause = str(error) or type(error).__name__
    if isinstance(error, _MISSING) and action in ("read", "download"):
        return ArtifactNotFoundError(f"nothing is stored at {where!r}")
    number = _error_number(error)
    if number in _ADVICE:
        return ArtifactError(f"{said}: {_ADVICE[number]} ({cause})")
    if isinstance(error, ValueError | TypeError | NotImplementedError | ImportError):
        return ArtifactError(
            f"{said}: the store refused the request: check its address and options ({cause})"
        )
    if "Credential" in type(error).__name__:
        return ArtifactError(f"{said}: the credentials are missing or incomplete: give them ({cause})")
    return StoreUnreachableError(
        f"{said}: the artifact store did not answer: check that it is up and reachable from here, "
        f"then try again ({type(error).__name__}: {cause})"
    )


def _error_number(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    # Clients of remote stores raise these classes with a message and no number.
    named = (
        (PermissionError, errno.EACCES),
        (FileNotFoundError, errno.ENOENT),
        (FileExistsError, errno.EEXIST),
    )
    return next((number for kind, number in named if isinstance(error, kind)), None)
