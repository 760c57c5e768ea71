"""Run records: what pins a run to the deployment that it began with."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.errors import ArtifactNotFoundError, DuplicateRunNameError, RunNotFoundError
from airflow_provider_pipes.models.canonical import sha256_hex
from airflow_provider_pipes.models.documents import RunRecord
from airflow_provider_pipes.models.paths import run_folder

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage


def local_run_path(pipeline: str, run_name: str) -> str:
    """Return where the record of a local run is."""
    return f"{run_folder(pipeline, run_name)}/run.json"


def airflow_run_path(pipeline: str, run_name: str, start: str) -> str:
    """Return where the record of an Airflow run is.

    ``start`` is the moment at which the run last started, with microseconds. It keeps two Airflows
    on one store apart, whose run ids are often equal; and a run that a user clears after it ended
    starts anew, so that it takes the code that is deployed now (docs/decisions).
    """
    return f"{run_folder(pipeline, run_name)}/run-{sha256_hex(start.encode())[:16]}.json"


def new_record(
    pipeline: str, run_name: str, deployment_id: str, origin: str, parameters: Mapping[str, Any]
) -> RunRecord:
    """Return a record of a run that starts now."""
    return RunRecord(
        pipeline=pipeline,
        run_name=run_name,
        deployment_id=deployment_id,
        started=time.time(),
        origin=origin,
        nonce=secrets.token_hex(10),
        parameters=dict(parameters),
        host=socket.gethostname(),
        pid=os.getpid(),
    )


def start_local_run(storage: Storage, record: RunRecord) -> None:
    """Claim a run name.

    Raises:
        DuplicateRunNameError: another local run of the pipeline has it.
    """
    path, document = local_run_path(record.pipeline, record.run_name), record.to_json()
    # The answer to the first request may be lost, and that to its repetition says that something is there.
    if not storage.create(path, document) and storage.read(path) != document:
        raise _duplicate(record.pipeline, record.run_name)


def check_run_name(storage: Storage, pipeline: str, run_name: str) -> None:
    """Make sure that a run name is free, for who wants to know before anything is written.

    Raises:
        DuplicateRunNameError: another local run of the pipeline has it.
    """
    if storage.exists(local_run_path(pipeline, run_name)):
        raise _duplicate(pipeline, run_name)


def _duplicate(pipeline: str, run_name: str) -> DuplicateRunNameError:
    return DuplicateRunNameError(
        f"pipeline {pipeline!r} already has a run named {run_name!r}; choose another --run-name, "
        f"or continue that one with --resume {run_name}"
    )


def read_local_run(storage: Storage, pipeline: str, run_name: str) -> RunRecord:
    """Return the record of a local run.

    Raises:
        RunNotFoundError: there is none.
    """
    try:
        return RunRecord.from_json(storage.read(local_run_path(pipeline, run_name)))
    except ArtifactNotFoundError:
        raise RunNotFoundError(
            f"pipeline {pipeline!r} has no local run named {run_name!r}; "
            "`pipes runs list` shows those there are"
        ) from None


def find_airflow_run(storage: Storage, path: str) -> RunRecord | None:
    """Return the record that pins the run, or None before its first step."""
    try:
        return RunRecord.from_json(storage.read(path))
    except ArtifactNotFoundError:
        return None


def pin_airflow_run(storage: Storage, path: str, record: RunRecord) -> RunRecord:
    """Return the record that pins the run: ``record``, or that of a step which came first."""
    if storage.create(path, record.to_json()):
        return record
    return RunRecord.from_json(storage.read(path))


def local_token(record: RunRecord, step: str) -> str:
    """Return the token of a step in a local run: the same for each attempt and after ``--resume``."""
    return sha256_hex(f"{record.nonce}/{step}".encode("utf-8", "surrogatepass"))[:20]
