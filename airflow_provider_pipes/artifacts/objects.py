"""A store on S3 through obstore, whose client is ready in a tenth of the time that s3fs takes.

A step container pays for the client before the user's function runs: importing s3fs and making its
client took 450 ms where this takes 35 (docs/decisions/0006). What obstore does not know, the
profiles in ``~/.aws``, stays with s3fs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from airflow_provider_pipes.artifacts.storage import Storage, checked_folder, checked_path, explain
from airflow_provider_pipes.errors import ArtifactError, ArtifactNotFoundError, PipesError

SCHEMES = frozenset({"s3", "s3a"})

_CREDENTIALS = {"key": "access_key_id", "secret": "secret_access_key", "token": "session_token"}
_KNOWN_OPTIONS = frozenset({*_CREDENTIALS, "endpoint_url", "client_kwargs"})
_KNOWN_CLIENT_OPTIONS = frozenset({"region_name"})
_PROFILE_FILES = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
_CHUNK = 8 * 1024 * 1024

# How long nothing may come before a request is tried again. There is no limit for a whole request, or an
# object that takes longer could never be read; a part of an upload has to be sent within it.
_SILENCE = timedelta(seconds=60)
_RETRIES = 5
_RETRYING = timedelta(minutes=3)
_NO_LIMIT = timedelta(days=7)
# Parts under way at a time: with more, each is too slow on a slow line.
_PARALLEL_PARTS = 4
_LISTING_TRIES = 5

# Named here, since inside the class "list" is a method.
Names = list[str]

_Answer = TypeVar("_Answer")

# The process that made obstore's threads; they do not survive a fork.
_started_in: int | None = None


def suits(uri: str, options: Mapping[str, Any] | None) -> bool:
    """Whether this kind of storage can open a store; s3fs opens what it can't."""
    options = options or {}
    if uri.partition("://")[0] not in SCHEMES or not _KNOWN_OPTIONS.issuperset(options):
        return False
    if not _KNOWN_CLIENT_OPTIONS.issuperset(options.get("client_kwargs", {})):
        return False
    if _started_in not in (None, os.getpid()):
        return False
    return "key" in options or "AWS_ACCESS_KEY_ID" in os.environ or not _has_profiles()


def _has_profiles() -> bool:
    if "AWS_PROFILE" in os.environ:
        return True
    return any(
        Path(os.environ.get(name, default)).expanduser().exists() for name, default in _PROFILE_FILES.items()
    )


class ObjectStorage(Storage):
    """A folder of a bucket.

    ``create`` is one conditional request, and exactly one writer wins. Requests that fail, or hear
    nothing for a minute, are tried again up to five times, for at most three minutes.
    """

    def __init__(self, uri: str, options: Mapping[str, Any] | None = None) -> None:
        protocol, _, rest = uri.partition("://")
        self.uri = f"{protocol}://{rest.rstrip('/')}"
        self._options = dict(options or {})
        bucket, _, prefix = rest.strip("/").partition("/")
        try:
            self._store = _connect(bucket, prefix, self._options)
        except ImportError as error:
            raise ArtifactError(
                f"the artifact store {self.uri!r} needs a package that is not installed: "
                "pip install 'airflow-provider-pipes[s3]'"
            ) from error
        except Exception as error:
            raise explain(error, "open", self.uri) from error
        self._pid = os.getpid()

    @property
    def _client(self) -> Any:
        if self._pid != os.getpid():
            # Without the threads of its first process a request would wait for ever.
            raise ArtifactError(
                f"the artifact store {self.uri!r} was opened before this process was forked: open it again"
            )
        return self._store

    @contextlib.contextmanager
    def _explained(self, action: str, path: str) -> Iterator[None]:
        where = self.full_uri(path) if path else self.uri
        try:
            yield
        except PipesError:
            raise
        except Exception as error:
            # obstore adds the structure behind an error, as Rust prints it: forty lines.
            error.args = (str(error).partition("\n\nDebug source:")[0],)
            if type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError"):
                raise explain(PermissionError(str(error)), action, where) from error
            raise explain(error, action, where) from error

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        import obstore

        checked_path(path)
        with self._explained("read", path):
            return bytes(obstore.get(self._client, path).bytes())

    def write(self, path: str, data: bytes) -> None:
        """Put a file in place of whatever was there, in one step."""
        import obstore

        checked_path(path)
        with self._explained("write", path):
            obstore.put(self._client, path, data, max_concurrency=_PARALLEL_PARTS)

    def create(self, path: str, data: bytes) -> bool:
        """Put a file only if none is there; say whether it was this call that did."""
        from obstore.exceptions import GenericError

        checked_path(path)
        with self._explained("write", path):
            try:
                return self._put_if_absent(path, data)
            except GenericError:
                # Not tried again by obstore where the server may have heard it, so what is there may be ours.
                return self._put_if_absent(path, data) or self.read(path) == data

    def _put_if_absent(self, path: str, data: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            obstore.put(self._client, path, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def exists(self, path: str) -> bool:
        """Say whether a file or folder is there."""
        import obstore

        checked_path(path)
        with self._explained("look at", path):
            try:
                obstore.head(self._client, path)
            except FileNotFoundError:
                return bool(self._listed(path))
            return True

    def list(self, path: str = "") -> list[str]:
        """Return the sorted names directly under a folder, none where it is missing."""
        checked_folder(path)
        with self._explained("list", path):
            return self._listed(path)

    def _listed(self, path: str) -> Names:
        import obstore

        folder = f"{path}/" if path else None
        found = _asked_again(lambda: obstore.list_with_delimiter(self._client, folder))
        names = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return sorted({name.rstrip("/").rpartition("/")[2] for name in names} - {""})

    def upload(self, local: Path, path: str) -> None:
        """Copy a local file or tree into the store; a tree goes where nothing is yet."""
        import obstore

        checked_path(path)
        files = sorted(each for each in local.rglob("*") if each.is_file()) if local.is_dir() else [local]
        with self._explained("write", path):
            for each in files:
                name = path if each == local else f"{path}/{each.relative_to(local).as_posix()}"
                obstore.put(self._client, name, each, max_concurrency=_PARALLEL_PARTS)

    def download(self, path: str, local: Path) -> None:
        """Copy a file or tree of the store to ``local``, which must not exist yet."""
        checked_path(path)
        with self._explained("download", path):
            names = self._below(path)
            for name in names or [path]:
                # Keys may hold "..": the check keeps the copy below ``local``.
                below = local / checked_path(name.removeprefix(f"{path}/")) if name != path else local
                self._fetch(name, below)

    def _fetch(self, name: str, target: Path) -> None:
        import obstore

        try:
            found = obstore.get(self._client, name)
        except FileNotFoundError:
            raise ArtifactNotFoundError(f"nothing is stored at {self.full_uri(name)!r}") from None
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for chunk in found.stream(min_chunk_size=_CHUNK):
                file.write(chunk)

    def _below(self, path: str) -> Names:
        import obstore

        pages = _asked_again(lambda: [*obstore.list(self._client, f"{path}/")])
        return [each["path"] for page in pages for each in page]

    def remove(self, path: str) -> None:
        """Remove a file or tree; harmless where nothing is."""
        import obstore

        checked_path(path)
        with self._explained("remove", path), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._client, [path, *self._below(path)])


def _asked_again(ask: Callable[[], _Answer]) -> _Answer:
    """Ask for a listing, again if it was cut off; obstore does so for objects only."""
    from obstore.exceptions import GenericError

    for _ in range(_LISTING_TRIES - 1):
        with contextlib.suppress(GenericError):
            return ask()
    return ask()


def _connect(bucket: str, prefix: str, options: Mapping[str, Any]) -> Any:
    from obstore.store import S3Store

    global _started_in
    _started_in = os.getpid()
    config = {ours: options[theirs] for theirs, ours in _CREDENTIALS.items() if theirs in options}
    named = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    endpoint = options.get("endpoint_url") or next(filter(None, named), None)
    if endpoint:
        config["endpoint"] = endpoint
    region = options.get("client_kwargs", {}).get("region_name")
    if region or not ({"AWS_REGION", "AWS_DEFAULT_REGION"} & os.environ.keys()):
        config["region"] = region or "us-east-1"
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options={"allow_http": True, "timeout": _NO_LIMIT, "read_timeout": _SILENCE},
        retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRYING},
        **config,
    )
