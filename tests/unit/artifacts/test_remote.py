from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts import objects
from airflow_provider_pipes.artifacts.objects import ObjectStorage
from airflow_provider_pipes.artifacts.remote import FsspecStorage
from airflow_provider_pipes.artifacts.storage import open_storage
from airflow_provider_pipes.errors import ArtifactError, StoreUnreachableError

RACE = """
import json, sys, time
from airflow_provider_pipes.artifacts.storage import open_storage

uri, name, start, options = sys.argv[1:]
storage = open_storage(uri, json.loads(options))
storage.list()
while time.time() < float(start):
    pass
print(*(i for i in range(20) if storage.create(f"runs/{i}/manifest.json", name.encode())))
"""

ONE_TRY = {"retries": {"max_attempts": 0}}


@pytest.mark.s3
def test_of_many_processes_exactly_one_creates_each_object(s3_options: dict[str, Any]) -> None:
    uri = f"s3://bucket/{uuid.uuid4().hex}"
    start = str(time.time() + 4.0)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, uri, name, start, json.dumps(s3_options)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ABC"
    ]
    won = {name: writer.communicate()[0].split() for name, writer in zip("ABC", writers, strict=True)}
    assert sorted(int(each) for names in won.values() for each in names) == list(range(20))
    storage = open_storage(uri, s3_options)
    for name, numbers in won.items():
        for number in numbers:
            assert storage.read(f"runs/{number}/manifest.json") == name.encode()


def test_of_many_threads_exactly_one_creates_a_file_in_memory() -> None:
    storage = open_storage(f"memory://{uuid.uuid4().hex}")
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda number: storage.create("manifest", b"%d" % number), range(200)))
    assert won.count(True) == 1
    assert storage.read("manifest") == b"%d" % won.index(True)


class _RecordingHandler(http.server.BaseHTTPRequestHandler):
    """Plays an S3 endpoint: answers with the next code it was given, and notes the request's headers."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server: Any = self.server
        server.seen.append((self.command, dict(self.headers)))
        status, code = server.answers.pop(0) if server.answers else (200, "")
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _RecordingHandler)
    server.seen, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _store_at(port: int) -> FsspecStorage:
    options = {
        "key": "k",
        "secret": "s",
        "endpoint_url": f"http://127.0.0.1:{port}",
        "client_kwargs": {"region_name": "us-east-1"},
        "config_kwargs": ONE_TRY,
    }
    return FsspecStorage("s3://bucket/store", options)


@pytest.mark.s3
def test_create_on_s3_is_one_conditional_request(endpoint: Any) -> None:
    assert _store_at(endpoint.server_port).create("x", b"data")
    assert [method for method, _ in endpoint.seen] == ["PUT"]
    assert endpoint.seen[0][1]["If-None-Match"] == "*"


@pytest.mark.s3
def test_a_write_on_s3_replaces_without_a_condition(endpoint: Any) -> None:
    _store_at(endpoint.server_port).write("x", b"data")
    assert "If-None-Match" not in endpoint.seen[0][1]


@pytest.mark.s3
def test_create_that_meets_another_asks_again_and_learns_that_it_lost(endpoint: Any) -> None:
    endpoint.answers = [(409, "ConditionalRequestConflict"), (412, "PreconditionFailed")]
    assert not _store_at(endpoint.server_port).create("x", b"data")
    assert len(endpoint.seen) == 2


@pytest.mark.s3
def test_a_server_error_is_an_unreachable_store_and_not_a_missing_file(endpoint: Any) -> None:
    storage = _store_at(endpoint.server_port)
    endpoint.answers = [(500, "InternalError")] * 10
    with pytest.raises(StoreUnreachableError, match="did not answer: check that it is up"):
        storage.exists("x")
    endpoint.answers = [(500, "InternalError")] * 10
    with pytest.raises(StoreUnreachableError):
        storage.read("x")
    endpoint.answers = [(500, "InternalError")] * 10
    with pytest.raises(StoreUnreachableError):
        storage.create("x", b"")


@pytest.mark.s3
def test_denied_access_says_so(endpoint: Any) -> None:
    endpoint.answers = [(403, "AccessDenied")] * 10
    with pytest.raises(ArtifactError, match="can't read 's3://bucket/store/x': access is denied: give"):
        _store_at(endpoint.server_port).read("x")


@pytest.mark.s3
def test_a_store_that_nothing_listens_for_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        storage = _store_at(unused.getsockname()[1])
        with pytest.raises(StoreUnreachableError, match="then try again"):
            storage.read("x")
        with pytest.raises(StoreUnreachableError, match="then try again"):
            storage.list("x")


@pytest.mark.s3
def test_a_bucket_that_does_not_exist_says_so(s3_options: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match=r"can't write 's3://no-such-bucket/x'.*create the bucket"):
        open_storage("s3://no-such-bucket", s3_options).write("x", b"")


@pytest.mark.s3
def test_a_store_works_on_after_a_fork(s3_options: dict[str, Any]) -> None:
    # In a process of its own: the test process has threads, with which forking is not safe.
    script = (
        "import json, os, sys\n"
        "from airflow_provider_pipes.artifacts.remote import FsspecStorage\n"
        "storage = FsspecStorage(sys.argv[1], json.loads(sys.argv[2]))\n"
        "storage.write('x', b'1')\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(0 if storage.read('x') == b'1' else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, "s3://bucket/fork", json.dumps(s3_options)]
    assert subprocess.run(command, timeout=60).returncode == 0


@pytest.mark.s3
def test_a_store_opened_before_a_fork_says_so_and_opens_again(s3_options: dict[str, Any]) -> None:
    script = (
        "import json, os, sys\n"
        "from airflow_provider_pipes.artifacts.storage import open_storage\n"
        "from airflow_provider_pipes.errors import ArtifactError\n"
        "uri, options = sys.argv[1], json.loads(sys.argv[2])\n"
        "storage = open_storage(uri, options)\n"
        "storage.write('x', b'1')\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    try:\n"
        "        storage.read('x')\n"
        "    except ArtifactError as error:\n"
        "        assert 'forked' in str(error)\n"
        "        os._exit(0 if open_storage(uri, options).read('x') == b'1' else 1)\n"
        "    os._exit(2)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, "s3://bucket/fork-again", json.dumps(s3_options)]
    assert subprocess.run(command, timeout=60).returncode == 0


def test_an_unknown_protocol_and_a_missing_package_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArtifactError, match=r"can't open 'nonsense://x'.*Protocol not known"):
        open_storage("nonsense://x")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ArtifactError, match=r"pip install 'airflow-provider-pipes\[gcs\]'"):
        open_storage("gs://bucket")


def test_a_pattern_is_not_removed() -> None:
    storage = open_storage(f"memory://{uuid.uuid4().hex}")
    storage.write("runs/a", b"")
    with pytest.raises(ArtifactError, match="is not removed"):
        storage.remove("runs/*")
    assert storage.exists("runs/a")


def test_a_key_that_leads_upwards_is_not_downloaded(tmp_path: Path) -> None:
    import fsspec

    root = uuid.uuid4().hex
    fsspec.filesystem("memory").store[f"/{root}/tree/../../evil"] = _memory_file()
    with pytest.raises(ArtifactError, match="is no path in an artifact store"):
        open_storage(f"memory://{root}").download("tree", tmp_path / "copy")
    assert os.listdir(tmp_path) == []


def _memory_file() -> Any:
    import fsspec
    from fsspec.implementations.memory import MemoryFile

    return MemoryFile(fsspec.filesystem("memory"), "x", b"evil")


def _objects_at(port: int) -> ObjectStorage:
    options = {
        "key": "k",
        "secret": "s",
        "endpoint_url": f"http://127.0.0.1:{port}",
        "client_kwargs": {"region_name": "us-east-1"},
    }
    return ObjectStorage("s3://bucket/store", options)


@pytest.mark.s3
def test_create_of_an_object_is_one_conditional_request_and_a_write_is_not(endpoint: Any) -> None:
    storage = _objects_at(endpoint.server_port)
    assert storage.create("x", b"data")
    storage.write("x", b"data")
    assert [method for method, _ in endpoint.seen] == ["PUT", "PUT"]
    first, second = ({name.lower(): value for name, value in headers.items()} for _, headers in endpoint.seen)
    assert first["if-none-match"] == "*"
    assert "if-none-match" not in second


@pytest.mark.s3
@pytest.mark.parametrize(
    "answers",
    [[(412, "PreconditionFailed")], [(409, "ConditionalRequestConflict"), (412, "PreconditionFailed")]],
)
def test_an_object_that_another_created_is_left_to_it(endpoint: Any, answers: list[tuple[int, str]]) -> None:
    endpoint.answers = answers
    assert not _objects_at(endpoint.server_port).create("x", b"data")


@pytest.mark.s3
def test_errors_of_an_object_store_are_told_apart(endpoint: Any) -> None:
    storage = _objects_at(endpoint.server_port)
    endpoint.answers = [(500, "InternalError")] * 20
    with pytest.raises(StoreUnreachableError, match="did not answer: check that it is up"):
        storage.read("x")
    endpoint.answers = [(403, "AccessDenied")] * 20
    with pytest.raises(ArtifactError, match="can't read 's3://bucket/store/x': access is denied: give"):
        storage.read("x")
    endpoint.answers = [(500, "InternalError"), (200, "")]
    storage.write("x", b"data")


@pytest.mark.parametrize(
    ("options", "environment", "suits"),
    [
        ({"key": "k", "secret": "s"}, {}, True),
        ({}, {"AWS_ACCESS_KEY_ID": "k"}, True),
        ({"profile": "team"}, {}, False),
        ({}, {"AWS_PROFILE": "team"}, False),
        ({"key": "k", "client_kwargs": {"verify": False}}, {}, False),
    ],
)
def test_s3fs_opens_what_needs_a_profile(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], environment: dict[str, str], suits: bool
) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert objects.suits("s3://bucket/store", options) is suits
