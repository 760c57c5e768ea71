"""Check of the artifact store: a small object is written, read, listed and deleted."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.diagnosis.configuration import edit_command, install_command
from airflow_provider_pipes.diagnosis.environment import can_be_opened
from airflow_provider_pipes.diagnosis.findings import NotCheckableError, Observation, ok, problem
from airflow_provider_pipes.diagnosis.server import connection_command
from airflow_provider_pipes.errors import ArtifactError, ConfigurationError, PipesError, StoreUnreachableError

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.diagnosis.examination import Examination

_NAME = "probe"
_SURROUNDINGS = {
    "s3": "export AWS_ACCESS_KEY_ID=KEY AWS_SECRET_ACCESS_KEY=SECRET",
    "gs": "gcloud auth application-default login",
    "abfs": "export AZURE_STORAGE_ACCOUNT_NAME=ACCOUNT AZURE_STORAGE_ACCOUNT_KEY=KEY",
}
_MAKE = {
    "s3": "aws s3 mb s3://{bucket}",
    "gs": "gcloud storage buckets create gs://{bucket}",
    "abfs": "az storage container create --name {bucket}",
}
_ENDPOINTS = {"gs": "https://storage.googleapis.com", "abfs": "https://login.microsoftonline.com"}
_FAMILIES = {"s3a": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs"}


def check_store(examination: Examination) -> Iterator[Observation]:
    """Whether the artifact store takes an object, gives it back, lists it and lets go of it."""
    examination.store_works = False
    store = examination.store
    if store.connection_id is not None:
        require_connection(store.connection_id)
    begun = time.monotonic()
    try:
        storage = store.storage(examination.project.root)
        with _no_new_folders(storage):
            _round_trip(storage)
    except PipesError as error:
        yield problem(str(error), store_fix(examination, error))
        return
    examination.store_works = True
    milliseconds = (time.monotonic() - begun) * 1000
    yield ok(f"{storage.uri}: written, read, listed, deleted in {milliseconds:.0f} ms")


def require_connection(name: str) -> None:
    """Raise NotCheckableError where the variable of a connection can't be read."""
    from airflow_provider_pipes.stack.connections import EnvironmentConnections

    try:
        EnvironmentConnections().resolve(name)
    except ConfigurationError:
        # What is wrong with it, the check of connections says.
        raise NotCheckableError(f"the variable of its connection {name!r} can't be read here") from None


def working_storage(examination: Examination) -> Storage:
    """Return the open artifact store.

    Raises:
        NotCheckableError: it was asked and did not work.
    """
    if examination.store_works is False:
        raise NotCheckableError("the artifact store does not work")
    try:
        return examination.store.storage(examination.project.root)
    except PipesError:
        raise NotCheckableError("the artifact store can't be opened") from None


def _round_trip(storage: Storage) -> None:
    folder = f"doctor-{uuid.uuid4().hex}"
    path, data = f"{folder}/{_NAME}", os.urandom(64)
    try:
        storage.write(path, data)
        if storage.read(path) != data:
            raise ArtifactError(f"{storage.full_uri(path)} holds something else than was written into it")
        if storage.list(folder) != [_NAME]:
            raise ArtifactError(f"{storage.full_uri(folder)} does not list what was written into it")
        storage.remove(folder)
        if storage.exists(path):
            raise ArtifactError(f"{storage.full_uri(path)} is still there after it was deleted")
    except BaseException:
        with contextlib.suppress(Exception):
            storage.remove(folder)
        raise


@contextlib.contextmanager
def _no_new_folders(storage: Storage) -> Iterator[None]:
    """Take away the folders of a local store that only the check made."""
    probe = storage.local_path(_NAME)
    folders = () if probe is None else probe.parents
    new = [each for each in folders if not each.exists()]
    try:
        yield
    finally:
        for folder in new:
            with contextlib.suppress(OSError):
                folder.rmdir()


def store_fix(examination: Examination, error: PipesError | None = None) -> str:
    """Return what to do about a store that failed, or did not answer where there is no error."""
    text = str(error or "")
    if command := install_command(text):
        return command
    uri = examination.store.uri(examination.project.root)
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return _local_fix(examination, Path(uri), text)
    family, bucket = _FAMILIES.get(scheme, scheme), rest.partition("/")[0]
    if "create the bucket" in text and family in _MAKE:
        return _MAKE[family].format(bucket=shlex.quote(bucket))
    if error is None or isinstance(error, StoreUnreachableError):
        return f"curl -I {shlex.quote(_endpoint(examination, family, bucket))}"
    if examination.store.connection_id is not None:
        return connection_command(examination, examination.store.connection_id)
    if isinstance(error, ConfigurationError):
        return "pipes stack describe"
    return _SURROUNDINGS.get(family, f"python -m pip show fsspec; curl -I {shlex.quote(uri)}")


def _endpoint(examination: Examination, family: str, bucket: str) -> str:
    from airflow_provider_pipes.stack.connections import EnvironmentConnections

    name = examination.store.connection_id
    if family == "s3":
        given = None
        if name is not None:
            with contextlib.suppress(ConfigurationError):
                given = EnvironmentConnections().resolve(name).extra.get("endpoint_url")
        given = given or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return str(given or f"https://{bucket}.s3.amazonaws.com")
    return _ENDPOINTS.get(family, f"https://{bucket}")


def _local_fix(examination: Examination, folder: Path, text: str) -> str:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if "no space" in text or "quota" in text:
        return f"du -xh --max-depth=2 {shlex.quote(str(there))} | sort -h | tail"
    if not there.is_dir():
        return f"mv {shlex.quote(str(there))} {shlex.quote(f'{there}.old')}"
    if not can_be_opened(there):
        variable = f"PIPES_ARTIFACT_STORES__{examination.store.name}__PATH".upper().replace("-", "_")
        return f"unset {variable}" if variable in os.environ else edit_command(examination)
    return f"chmod u+rwx {shlex.quote(str(there))}"
