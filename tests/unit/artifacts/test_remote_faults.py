"""What a store on S3 makes of errors, silence, slowness, and answers and uploads that are cut off."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts import objects
from airflow_provider_pipes.artifacts.objects import ObjectStorage
from airflow_provider_pipes.artifacts.payloads import load_artifact, save_artifact
from airflow_provider_pipes.artifacts.remote import FsspecStorage
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.errors import StoreUnreachableError
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.runtime import results, runs
from tests.unit.artifacts.faulty_proxy import Fault, FaultyProxy, faulty_proxy

pytestmark = pytest.mark.s3

# More than one part of an upload, and more than fits into the buffers of a connection.
LARGE = random.Random(7).randbytes(12_000_000)
SMALL = b"x" * 1000
KINDS: list[tuple[str, type[ObjectStorage] | type[FsspecStorage]]] = [
    ("obstore", ObjectStorage),
    ("s3fs", FsspecStorage),
]


@dataclass(frozen=True)
class Remote:
    """A store behind a proxy that makes faults, and the same store without it."""

    proxy: FaultyProxy
    faulty: Storage
    direct: Storage


@pytest.fixture(params=[kind for _, kind in KINDS], ids=[name for name, _ in KINDS])
def remote(
    request: pytest.FixtureRequest, s3_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    # As patient as they are, tests that wait for an end would take minutes.
    monkeypatch.setattr(objects, "_SILENCE", timedelta(seconds=1))
    uri = f"s3://bucket/{uuid.uuid4().hex}"
    with faulty_proxy(s3_options["endpoint_url"]) as proxy:
        options = {**s3_options, "endpoint_url": proxy.url}
        if request.param is FsspecStorage:
            options["config_kwargs"] = {"read_timeout": 1, "retries": {"max_attempts": 3}}
        yield Remote(proxy, request.param(uri, options), ObjectStorage(uri, s3_options))


def fetched(storage: Storage, path: str, folder: Path) -> bytes:
    target = folder / uuid.uuid4().hex
    storage.download(path, target)
    return target.read_bytes()


READING: list[Fault] = [
    Fault("status", "GET", status=500),
    Fault("status", "GET", status=503),
    Fault("cut answer", "GET"),
    Fault("lost answer", "GET"),
    Fault("stall", "GET", seconds=3),
    Fault("slow", "GET", seconds=3),
]
WRITING: list[Fault] = [
    Fault("status", "PUT", status=500),
    Fault("status", "PUT", status=503),
    Fault("cut upload", "PUT"),
    Fault("lost answer", "PUT"),
    Fault("stall", "PUT", seconds=3),
]


def named(fault: Fault) -> str:
    return f"{fault.kind} {fault.status}" if fault.kind == "status" else fault.kind


@pytest.mark.parametrize("fault", READING, ids=named)
@pytest.mark.parametrize("how", ["read", "download"])
def test_what_is_read_through_a_fault_is_whole(
    remote: Remote, fault: Fault, how: str, tmp_path: Path
) -> None:
    remote.direct.upload(_file(tmp_path, LARGE), "large")
    remote.proxy.fault(fault)
    read = remote.faulty.read("large") if how == "read" else fetched(remote.faulty, "large", tmp_path)
    assert read == LARGE
    assert not remote.proxy.faults


@pytest.mark.parametrize("fault", WRITING, ids=named)
@pytest.mark.parametrize("how", ["write", "create", "upload"])
def test_what_is_written_through_a_fault_is_whole(
    remote: Remote, fault: Fault, how: str, tmp_path: Path
) -> None:
    remote.proxy.fault(fault)
    if how == "write":
        remote.faulty.write("x", SMALL)
    elif how == "create":
        remote.faulty.create("x", SMALL)
    else:
        remote.faulty.upload(_file(tmp_path, LARGE), "x")
    assert remote.direct.read("x") == (LARGE if how == "upload" else SMALL)
    assert not remote.proxy.faults


@pytest.mark.parametrize(
    "fault", [Fault("status", "GET", "list-type"), Fault("cut answer", "GET", "list-type")]
)
def test_a_listing_through_a_fault_is_whole(remote: Remote, fault: Fault) -> None:
    names = [f"{number:03}" for number in range(30)]
    for name in names:
        remote.direct.write(f"folder/{name}", b"")
    remote.proxy.fault(fault)
    assert remote.faulty.list("folder") == names
    assert not remote.proxy.faults


@pytest.mark.parametrize("kind", ["status", "cut upload", "stall"])
@pytest.mark.parametrize("how", ["write", "create", "upload"])
def test_a_write_that_never_succeeds_leaves_what_was_there_and_a_later_one_succeeds(
    remote: Remote, kind: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = _impatient(remote, monkeypatch)
    before = None if how == "create" else b"before"
    if before is not None:
        remote.direct.write("x", before)
    large = _file(tmp_path, LARGE)
    actions: dict[str, Callable[[], object]] = {
        "write": lambda: faulty.write("x", SMALL),
        "create": lambda: faulty.create("x", SMALL),
        "upload": lambda: faulty.upload(large, "x"),
    }
    remote.proxy.fault(Fault(kind, "PUT", seconds=1.5), times=100)
    with pytest.raises(StoreUnreachableError, match=r"can't write 's3://bucket/.*/x': .*then try again"):
        actions[how]()
    assert (remote.direct.read("x") if remote.direct.exists("x") else None) == before
    remote.proxy.faults.clear()
    actions[how]()
    assert remote.direct.read("x") == (LARGE if how == "upload" else SMALL)


@pytest.mark.parametrize("kind", ["status", "cut answer", "stall"])
def test_a_read_that_never_succeeds_is_an_error_and_a_later_one_succeeds(
    remote: Remote, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = _impatient(remote, monkeypatch)
    remote.direct.upload(_file(tmp_path, LARGE), "large")
    remote.proxy.fault(Fault(kind, "GET", "large", seconds=1.5), times=100)
    with pytest.raises(StoreUnreachableError, match="can't read"):
        faulty.read("large")
    with pytest.raises(StoreUnreachableError, match="can't download"):
        faulty.download("large", tmp_path / "copy")
    remote.proxy.faults.clear()
    assert faulty.read("large") == LARGE
    assert fetched(faulty, "large", tmp_path) == LARGE


def test_an_object_that_takes_longer_than_any_silence_is_read(remote: Remote, tmp_path: Path) -> None:
    remote.direct.upload(_file(tmp_path, LARGE), "large")
    remote.proxy.fault(Fault("slow", "GET", "large", seconds=6))
    before = remote.proxy.requests("GET")
    assert remote.faulty.read("large") == LARGE
    assert remote.proxy.requests("GET") == before + 1


def test_a_manifest_whose_answer_was_lost_is_the_one_that_counts(remote: Remote) -> None:
    manifest = Manifest(
        pipeline="p", run_name="r", step="s", token="t", outputs={}, started=1.0, seconds=1.0, code_hash="c"
    )
    remote.proxy.fault(Fault("lost answer", "PUT", "manifest.json"))
    assert results.commit_manifest(remote.faulty, "runs/p/r/s/t", manifest) == manifest
    assert results.read_manifest(remote.direct, "runs/p/r/s/t") == manifest


def test_a_run_whose_first_answer_was_lost_is_no_duplicate_of_itself(remote: Remote) -> None:
    record = runs.new_record("p", "r", "d", "local", {})
    remote.proxy.fault(Fault("lost answer", "PUT"))
    runs.start_local_run(remote.faulty, record)
    assert runs.read_local_run(remote.direct, "p", "r") == record


def test_an_artifact_survives_a_bad_network(remote: Remote, tmp_path: Path) -> None:
    value = {"weights": os.urandom(3_000_000), "name": "model"}
    for fault in (*WRITING[:4], *READING[:4]):
        remote.proxy.fault(fault)
    reference = save_artifact(remote.faulty, "runs/x/output", value, None)
    assert load_artifact(remote.faulty, reference, scratch=tmp_path) == value
    assert not remote.proxy.faults


def _file(folder: Path, content: bytes) -> Path:
    file = folder / f"source-{uuid.uuid4().hex}"
    file.write_bytes(content)
    return file


def _impatient(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """Return the store behind the proxy, with few tries."""
    if isinstance(remote.faulty, ObjectStorage):
        monkeypatch.setattr(objects, "_RETRIES", 1)
        monkeypatch.setattr(objects, "_RETRYING", timedelta(seconds=4))
        return ObjectStorage(remote.faulty.uri, remote.faulty._options)
    assert isinstance(remote.faulty, FsspecStorage)
    few = {"read_timeout": 1, "retries": {"max_attempts": 0}}
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    return FsspecStorage(remote.faulty.uri, {**remote.faulty._options, "config_kwargs": few})
