"""A store behind any file system that fsspec knows: S3, GCS, Azure, memory and others.

fsspec is imported here inside functions only, since a step container with a local store needs none of it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.storage import Storage, checked_folder, checked_path, explain
from airflow_provider_pipes.errors import ArtifactError, ArtifactNotFoundError, PipesError

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "abfs", "abfss": "abfs", "az": "abfs"}

# File systems whose pipe_file(mode="create") is one conditional request to the server.
_CONDITIONAL_PUT = frozenset(_EXTRAS)

# Two conditional writes that meet: S3 asks the loser to try again, and then tells it that it lost.
_CONFLICT_CODES = frozenset({"ConditionalRequestConflict", "OperationAborted"})
_CONFLICT_TRIES = 5

_create_lock = threading.Lock()


class FsspecStorage(Storage):
    """A folder of a remote file system.

    Listings are not cached, so what another process wrote is seen. Requests are tried again as
    often as the file system's own class does it (s3fs: five times); there is no second layer here.

    ``create`` is one conditional request on S3, GCS and Azure, and exactly one writer wins. Other
    file systems have nothing of the kind: there it looks first and then writes, exact between the
    threads of one process (all there can be for ``memory://``) but not between two processes that
    write within the same milliseconds; don't share such a store between machines.
    """

    def __init__(self, uri: str, options: Mapping[str, Any] | None = None) -> None:
        self._options = {"use_listings_cache": False, **(options or {})}
        protocol, _, rest = uri.partition("://")
        self.uri = f"{protocol}://{rest.rstrip('/')}"
        self._protocol = protocol
        self._connect()

    def _connect(self) -> None:
        import fsspec.core

        try:
            self._filesystem, root = fsspec.core.url_to_fs(self.uri, **self._options)
        except ImportError as error:
            extra = _EXTRAS.get(self._protocol)
            fix = f"pip install 'airflow-provider-pipes[{extra}]'" if extra else str(error)
            raise ArtifactError(
                f"the artifact store {self.uri!r} needs a package that is not installed: {fix}"
            ) from error
        except Exception as error:
            raise explain(error, "open", self.uri) from error
        self._root = root.rstrip("/")
        self._pid = os.getpid()

    @property
    def _fs(self) -> Any:
        # Neither connections nor fsspec's own thread survive a fork, and Airflow's executors fork.
        if self._pid != os.getpid():
            self._connect()
        return self._filesystem

    def _full(self, path: str) -> str:
        return f"{self._root}/{checked_path(path)}"

    @contextlib.contextmanager
    def _explained(self, action: str, path: str) -> Iterator[None]:
        try:
            yield
        except PipesError:
            raise
        except Exception as error:
            where = self.full_uri(path) if path else self.uri
            raise explain(error, action, where) from error

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        full = self._full(path)
        with self._explained("read", path):
            return bytes(self._fs.cat_file(full))

    def write(self, path: str, data: bytes) -> None:
        """Put a file in place of whatever was there; object stores do it in one step."""
        full = self._full(path)
        with self._explained("write", path):
            self._fs.pipe_file(full, data)

    def create(self, path: str, data: bytes) -> bool:
        """Put a file only if none is there; say whether it was this call that did."""
        full = self._full(path)
        with self._explained("write", path):
            if self._protocol in _CONDITIONAL_PUT:
                return self._put_if_absent(full, data)
            with _create_lock:
                if self.exists(path):
                    return False
                self._fs.pipe_file(full, data)
                return True

    def _put_if_absent(self, full: str, data: bytes, tries: int = _CONFLICT_TRIES) -> bool:
        try:
            self._fs.pipe_file(full, data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            code = _service_code(error)
            if code == "PreconditionFailed":
                return False
            if code in _CONFLICT_CODES and tries > 1:
                return self._put_if_absent(full, data, tries - 1)
            raise
        return True

    def exists(self, path: str) -> bool:
        """Say whether a file or folder is there."""
        full = self._full(path)
        with self._explained("look at", path):
            # Not fs.exists, which takes every error for "not there".
            try:
                self._fs.info(full)
            except FileNotFoundError:
                return False
            return True

    def list(self, path: str = "") -> list[str]:
        """Return the sorted names directly under a folder, none where it is missing."""
        full = f"{self._root}/{checked_folder(path)}".rstrip("/")
        with self._explained("list", path):
            try:
                found = self._fs.ls(full, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        # A placeholder of the folder itself, and a file where a folder was meant, list as themselves.
        names = {name.rstrip("/") for name in found} - {full}
        return sorted(name.rpartition("/")[2] for name in names)

    def upload(self, local: Path, path: str) -> None:
        """Copy a local file or tree into the store; a tree goes where nothing is yet."""
        full = self._full(path)
        if local.is_dir():
            files = sorted(each for each in local.rglob("*") if each.is_file())
            targets = [f"{full}/{each.relative_to(local).as_posix()}" for each in files]
        else:
            files, targets = [local], [full]
        with self._explained("write", path):
            # Two lists of the same length: fsspec takes them as they are, with no pattern expanded.
            self._fs.put([str(each) for each in files], targets)

    def download(self, path: str, local: Path) -> None:
        """Copy a file or tree of the store to ``local``, which must not exist yet."""
        full = self._full(path)
        with self._explained("download", path):
            sources = [each for each in self._fs.find(full) if not each.endswith("/")]
            if not sources:
                raise ArtifactNotFoundError(f"nothing is stored at {self.full_uri(path)!r}")
            targets = [self._target_of(source, full, local) for source in sources]
            for folder in {target.parent for target in targets}:
                folder.mkdir(parents=True, exist_ok=True)
            self._fs.get(sources, [str(target) for target in targets])

    def _target_of(self, source: str, full: str, local: Path) -> Path:
        # Keys of an object store may hold "..": the check keeps the copy below ``local``.
        return local if source == full else local / checked_path(source.removeprefix(f"{full}/"))

    def remove(self, path: str) -> None:
        """Remove a file or tree; harmless where nothing is."""
        full = self._full(path)
        if glob.has_magic(full):
            # fsspec would take it for a pattern and remove more than was asked for.
            raise ArtifactError(
                f"can't remove {self.full_uri(path)!r}: a path with '*', '?' or '[' is not removed"
            )
        with self._explained("remove", path), contextlib.suppress(FileNotFoundError):
            self._fs.rm(full, recursive=True)


def _service_code(error: OSError) -> str | None:
    response = getattr(error.__cause__, "response", None)
    details = response.get("Error") if isinstance(response, dict) else None
    code = details.get("Code") if isinstance(details, dict) else None
    return code if isinstance(code, str) else None
