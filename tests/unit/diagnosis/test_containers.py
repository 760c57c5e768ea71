"""What `pipes doctor` says of engines, clusters, registries and builders; tests/engines has real ones."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from airflow_provider_pipes.diagnosis.container_use import Place
from airflow_provider_pipes.diagnosis.docker_engine import check_docker_engines, engine_fix
from airflow_provider_pipes.diagnosis.examination import Examination
from airflow_provider_pipes.diagnosis.findings import Observation, Status
from airflow_provider_pipes.diagnosis.images import check_image_builder, check_registry
from airflow_provider_pipes.diagnosis.kubernetes_cluster import check_kubernetes

STACK = """
    active_stack = "team"

    [stacks.team]
    orchestrator = "airflow"
    artifact_store = "data"
    MORE

    [artifact_stores.data]
    flavor = "local"
    path = "artifacts"

    [orchestrators.airflow]
    flavor = "airflow"
"""
WHOSE = "steps of stack 'team'"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", raising=False)


def examination(folder: Path, orchestrator: str = "", stack: str = "", more: str = "") -> Examination:
    text = "\n".join([STACK.replace("MORE", stack), orchestrator, more])
    (folder / "pyproject.toml").touch()
    (folder / "pipes.toml").write_text(text)
    return Examination(folder)


def test_the_places_are_those_that_the_configuration_names(tmp_path: Path) -> None:
    found = examination(
        tmp_path,
        'operator = "docker"\noperator_args = {docker_url = "tcp://a:1", network_mode = "host"}\n'
        "operators = {docker = {args = {tls_verify = false}}}",
    ).container_use
    assert found.docker == (Place({"docker_url": "tcp://a:1", "tls_verify": False}, WHOSE),)
    assert (found.kubernetes, found.builds) == ((), True)


def test_nothing_is_used_where_steps_run_in_the_worker_or_the_stack_is_broken(tmp_path: Path) -> None:
    for orchestrator in ("", 'operator = "nope"'):
        looked = examination(tmp_path, orchestrator)
        assert (looked.container_use.docker, looked.container_use.kubernetes) == ((), ())
        for check in (check_docker_engines, check_kubernetes, check_registry, check_image_builder):
            assert list(check(looked)) == []


def test_images_that_are_given_need_no_builder(tmp_path: Path) -> None:
    given = '[settings.docker]\nskip_build = true\nimage = "i:1"'
    assert not examination(tmp_path, 'operator = "docker"', more=given).container_use.builds


@pytest.mark.parametrize(
    ("url", "reason", "fix"),
    [
        ("unix:///var/run/docker.sock", "No such file or directory", "sudo systemctl start docker"),
        ("unix:///x.sock", "Permission denied", 'sudo usermod -aG docker "$USER" && newgrp docker'),
        ("tcp://e:2375", "Connection refused", "curl -i --max-time 5 http://e:2375/_ping"),
        ("tcp://e:2376", "TLS: wrong version number", "${EDITOR:-vi} "),
        ("tcp://e.invalid:2376", "Name or service not known", "${EDITOR:-vi} "),
    ],
)
def test_an_engine_that_is_silent_comes_with_what_to_type(
    tmp_path: Path, url: str, reason: str, fix: str
) -> None:
    assert engine_fix(examination(tmp_path), url, reason).startswith(fix)


def test_each_engine_of_a_list_is_told(tmp_path: Path) -> None:
    arguments = 'operator_args = {docker_url = ["tcp://127.0.0.1:9", "tcp://127.0.0.1:10"]}'
    (found,) = check_docker_engines(examination(tmp_path, f'operator = "docker"\n{arguments}'))
    assert found.seen == (
        "no Docker engine answers at tcp://127.0.0.1:9 (Connection refused), nor at "
        f"tcp://127.0.0.1:10 (Connection refused), for {WHOSE}"
    )


class Api(BaseHTTPRequestHandler):
    """Plays an API server for one who may run pods and nothing else."""

    def do_GET(self) -> None:
        version = {f"{each}": "" for each in ("buildDate", "compiler", "gitCommit", "gitTreeState")}
        version |= {"goVersion": "", "major": "1", "minor": "30", "platform": "", "gitVersion": "v1.30"}
        self._send(*((200, version) if self.path == "/version/" else (403, {"message": "no"})))

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        attributes = review["spec"]["resourceAttributes"]
        allowed = attributes["resource"] == "pods" and attributes["namespace"] == "ml"
        self._send(201, {"spec": {}, "status": {"allowed": allowed}})

    def _send(self, code: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def connection(api: str) -> str:
    """Return an Airflow connection with a kubeconfig in it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": api}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
    }
    return json.dumps({"conn_type": "kubernetes", "extra": {"kube_config": config, "namespace": "ml"}})


def cluster(folder: Path, arguments: str = "") -> list[Observation]:
    volume = 'store_volume = {hostPath = {path = "/data"}}'
    text = f'operator = "kubernetes"\noperator_args = {{{arguments}}}\n{volume}'
    return list(check_kubernetes(examination(folder, text)))


def test_the_rights_that_some_steps_need_are_a_warning(
    tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", connection(api))
    fine, warned = cluster(tmp_path, 'kubernetes_conn_id = "team"')
    assert fine.seen == f"{api} answers (v1.30), and pods may be run in namespace 'ml', for {WHOSE}"
    assert warned.status is Status.WARNING
    assert warned.seen == (
        "this account may not create, patch, delete secrets and list events in namespace 'ml', for secrets "
        "of steps and to tell why a pod does not start"
    )
    assert "create role pipes-worker-secrets --verb=create,patch,delete,list --resource=secrets,events" in (
        warned.fix
    )


def test_the_namespace_of_the_arguments_goes_before_that_of_the_connection(
    tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", connection(api))
    (found,) = cluster(tmp_path, 'namespace = "other"')
    assert found.status is Status.PROBLEM
    assert "may not create, get, list, patch, delete pods and get pods/log in namespace 'other'" in found.seen
    assert "t0ken" not in f"{found}"


def test_what_counts_elsewhere_only_is_not_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (inside,) = cluster(tmp_path, "in_cluster = true")
    assert (inside.status, inside.seen) == (
        Status.NOT_CHECKED,
        "in_cluster counts inside the cluster, and here is not",
    )
    (unknown,) = cluster(tmp_path, 'kubernetes_conn_id = "team"')
    assert unknown.status is Status.NOT_CHECKED
    assert unknown.fix.startswith("export AIRFLOW_CONN_TEAM='kubernetes://")


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (found,) = cluster(tmp_path, 'config_file = "/nowhere/kubeconfig"')
    assert found.seen.startswith(f"no access to Kubernetes here, for {WHOSE}: Invalid kube-config file")
    assert found.fix.startswith("${EDITOR:-vi} ")


def registry(folder: Path, more: str) -> list[Observation]:
    table = f'[container_registries.team]\nflavor = "docker"\n{more}'
    return list(check_registry(examination(folder, stack='container_registry = "team"', more=table)))


def test_a_registry_is_told_with_what_to_type(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    (found,) = registry(tmp_path, f'uri = "{address}/ml"\ninsecure = true')
    assert found.status is Status.PROBLEM
    assert found.seen.startswith(f"registry {address} does not answer over http: ")
    assert found.fix == f"curl -i --max-time 5 http://{address}/v2/"


def test_a_registry_that_is_none_is_fine(tmp_path: Path) -> None:
    table = '[container_registries.team]\nflavor = "local"'
    looked = examination(tmp_path, stack='container_registry = "team"', more=table)
    assert [each.seen for each in check_registry(looked)] == ["'team': images stay where they are built"]


def test_an_image_builder_without_its_program_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    table = '[image_builders.own]\nflavor = "command"'
    (found,) = check_image_builder(examination(tmp_path, stack='image_builder = "own"', more=table))
    assert (found.status, found.fix) == (Status.PROBLEM, "sudo apt-get install buildah")
    assert found.seen.startswith("image builder 'own' needs the program 'buildah', which is not on PATH")


def test_an_image_builder_that_is_an_engine_is_asked(tmp_path: Path) -> None:
    table = '[image_builders.own]\nflavor = "docker"\nhost = "tcp://127.0.0.1:9"'
    (found,) = check_image_builder(examination(tmp_path, stack='image_builder = "own"', more=table))
    assert found.status is Status.PROBLEM
    assert "no Docker engine answers at tcp://127.0.0.1:9 (Connection refused)" in found.seen
