from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from airflow_provider_pipes.testing.waiting import wait_until
from tests.cli.conftest import Project
from tests.unit.diagnosis.examining import S3, examine, the


@pytest.fixture
def s3() -> Iterator[str]:
    """The address of a server that speaks S3 and checks who asks, with one bucket.

    In a process of its own: what it is told about access would count for every server of this one.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _made(url), "the S3 server", 60)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def _made(url: str) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT")).close()
    except urllib.error.URLError:
        return False
    return True


def connection(url: str, **more: str) -> str:
    extra = {"endpoint_url": url, "region_name": "us-east-1"}
    return json.dumps({"conn_type": "aws", "login": "KEY", "password": "s3cr3t", "extra": extra, **more})


def objects(url: str, bucket: str = "bucket") -> bytes:
    with urllib.request.urlopen(f"{url}/{bucket}?list-type=2") as answer:
        listed: bytes = answer.read()
        return listed


@pytest.mark.s3
def test_a_bucket_is_written_read_and_left_as_it_was(project: Project, s3: str) -> None:
    project.write("pipes.toml", S3)

    found = examine(project, code=0, AIRFLOW_CONN_TEAM_STORE=connection(s3))

    seen = the(found, "artifact-store")["seen"]
    assert seen.startswith("s3://bucket/pipes: written, read, listed, deleted in ")
    assert b"<Key>" not in objects(s3)
    assert "by AIRFLOW_CONN_TEAM_STORE here" in the(found, "connections")["seen"]
    assert the(found, "disk-space")["status"] == "not checked"


@pytest.mark.s3
def test_a_bucket_that_is_not_there_can_be_made(project: Project, s3: str) -> None:
    project.write("pipes.toml", S3.replace("s3://bucket", "s3://absent"))
    found = examine(project, code=1, AIRFLOW_CONN_TEAM_STORE=connection(s3))
    assert the(found, "artifact-store")["fix"] == "aws s3 mb s3://absent"


@pytest.mark.s3
def test_credentials_that_are_refused_are_told_as_such(project: Project, s3: str) -> None:
    project.write("pipes.toml", S3)
    request = urllib.request.Request(f"{s3}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
    urllib.request.urlopen(request).close()

    found = examine(project, code=1, AIRFLOW_CONN_TEAM_STORE=connection(s3))

    finding = the(found, "artifact-store")
    assert "access is denied" in finding["seen"]
    assert finding["fix"] == "export AIRFLOW_CONN_TEAM_STORE='aws://KEY:SECRET@/?region_name=REGION'"
    assert "s3cr3t" not in json.dumps(found)


def test_a_connection_that_is_missing_is_named_with_the_variable(project: Project) -> None:
    project.write("pipes.toml", S3)

    found = examine(project, code=1)

    finding = the(found, "connections")
    assert "team_store, for artifact store 'bucket': not here" in finding["seen"]
    assert finding["fix"].startswith("export AIRFLOW_CONN_TEAM_STORE='aws://")
    store = the(found, "artifact-store")
    assert (store["status"], store["seen"]) == (
        "not checked",
        "the variable of its connection 'team_store' can't be read here",
    )


def test_a_connection_that_can_not_be_read_keeps_its_secret(project: Project) -> None:
    project.write("pipes.toml", S3)

    found = examine(project, code=1, AIRFLOW_CONN_TEAM_STORE='{"password": "s3cr3t", "pass": 1}')

    assert "AIRFLOW_CONN_TEAM_STORE is no Airflow connection" in the(found, "connections")["seen"]
    assert "s3cr3t" not in json.dumps(found)


def test_a_store_that_never_answers_ends_within_its_time(project: Project) -> None:
    project.write("pipes.toml", S3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        found = examine(project, code=1, AIRFLOW_CONN_TEAM_STORE=connection(url))

    assert time.monotonic() - begun < 20
    finding = the(found, "artifact-store")
    assert finding["seen"] == "no answer within 8 s"
    assert finding["fix"] == f"curl -I {url}"


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a file system read-only")
def test_folders_that_can_not_be_written_are_found(project: Project) -> None:
    frozen = project.root / "frozen"
    frozen.mkdir()
    project.write(
        "pipes.toml",
        """
        [stacks.team]
        orchestrator = "airflow"
        artifact_store = "data"
        [orchestrators.airflow]
        dags_folder = "frozen/dags"
        [artifact_stores.data]
        flavor = "local"
        path = "frozen/artifacts"
        """,
    )
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(frozen)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount here")
    try:
        found = examine(project, code=1)
    finally:
        subprocess.run(["umount", str(frozen)], check=True)

    assert "read-only" in the(found, "artifact-store")["seen"]
    assert the(found, "dags-folder")["seen"] == f"{frozen} can't be written: read-only file system"


def test_a_file_where_a_folder_should_be_is_moved_away(project: Project) -> None:
    project.write("dags", "")
    project.write(".pipes", "")

    found = examine(project, code=1)

    for check, name in (("dags-folder", "dags"), ("artifact-store", ".pipes")):
        fix = the(found, check)["fix"]
        assert fix == f"mv {project.root / name} {project.root / name}.old"
        subprocess.run(shlex.split(fix), check=True)
    examine(project, code=0)


def test_a_store_where_no_folder_can_be_is_to_be_named_elsewhere(project: Project) -> None:
    text = '[stacks.team]\norchestrator = "local"\nartifact_store = "data"\n'
    file = project.write(
        "pipes.toml", f'{text}[artifact_stores.data]\nflavor = "local"\npath = "/proc/nope"\n'
    )

    found = examine(project, "--stack", "team", code=1)

    assert the(found, "artifact-store")["fix"] == f"${{EDITOR:-vi}} {file}"
    assert the(found, "disk-space")["status"] == "not checked"
    assert the(found, "disk-space")["seen"] == "there is no /proc/nope"
