"""`pipes doctor` beside real engines: a Docker engine, a registry and a Kubernetes, up and down."""

from __future__ import annotations

import base64
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml  # type: ignore[import-untyped]

from airflow_provider_pipes.testing.waiting import wait_until
from tests.cli.conftest import Project
from tests.engines.docker_engine import DockerEngine
from tests.engines.image_registry import ImageRegistry
from tests.engines.kubernetes_node import KubernetesNode
from tests.unit.diagnosis.examining import examine, statuses, the

REMOTE = ("docker", "kubernetes", "container-registry", "image-builder")
SKIPPED = {"docker": {"skip_build": True, "image": "i:1"}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", tmp_path / "cache")


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def configure(
    project: Project, operator: str, arguments: dict[str, Any] | None = None, **tables: Any
) -> None:
    airflow = {"flavor": "airflow", "operator": operator, "operator_args": arguments or {}}
    volume = {"store_volume": {"hostPath": {"path": "/data"}}} if operator == "kubernetes" else {}
    stack = {"orchestrator": "airflow", "artifact_store": "data", **tables.pop("stack", {})}
    document = {
        "active_stack": "team",
        "stacks": {"team": stack},
        "orchestrators": {"airflow": {**airflow, **volume}},
        "artifact_stores": {"data": {"flavor": "local", "path": "artifacts"}},
        **tables,
    }
    project.write("pipes.toml", tomlkit.dumps(document))


def with_registry(project: Project, address: str, **more: Any) -> None:
    table = {"flavor": "docker", "uri": f"{address}/team", "insecure": True, **more}
    configure(project, "python", stack={"container_registry": "team"}, container_registries={"team": table})


def test_engines_that_nobody_uses_are_not_asked(project: Project) -> None:
    assert not set(REMOTE) & set(statuses(examine(project, code=0)))


def test_a_docker_engine_that_answers_is_fine_and_builds_images(
    project: Project, docker_engine: DockerEngine
) -> None:
    configure(project, "docker", {"docker_url": docker_engine.url})
    found = examine(project, code=0, DOCKER_HOST=docker_engine.url)
    assert the(found, "docker")["seen"].endswith(
        f" at {docker_engine.url} answers here, for steps of stack 'team'; workers need it, too"
    )
    assert the(found, "image-builder")["status"] == "ok"


def test_a_docker_engine_that_is_down_is_a_problem_of_each_who_needs_it(
    project: Project, closed_port: int
) -> None:
    url = f"tcp://127.0.0.1:{closed_port}"
    configure(project, "docker")
    found = examine(project, code=1, DOCKER_HOST=url, NO_PROXY="*")
    assert the(found, "docker")["seen"] == (
        f"no Docker engine answers at {url} (Connection refused), for steps of stack 'team'"
    )
    assert the(found, "docker")["fix"] == f"curl -i --max-time 5 http://127.0.0.1:{closed_port}/_ping"
    assert "no Docker engine answers" in the(found, "image-builder")["seen"]


def test_what_is_deployed_is_asked_for_where_the_stack_says_nothing(
    project: Project, docker_engine: DockerEngine
) -> None:
    project.write(
        "steps.py",
        f"""
        from airflow_provider_pipes import DockerSettings, pipeline, step

        @step(docker=DockerSettings(skip_build=True, image="i:1"))
        def one() -> None:
            pass

        @pipeline(settings={{"orchestrator.airflow": {{
            "operator": "docker", "operator_args": {{"docker_url": "{docker_engine.url}"}}}}}})
        def inside() -> None:
            one()
        """,
    )
    assert project.pipes("deploy", "steps.py").code == 0
    found = examine(project)
    assert the(found, "docker")["seen"].endswith("answers here, for DAG 'inside'; workers need it, too")
    assert "image-builder" not in found


def test_a_registry_lets_in_who_has_the_password(project: Project, docker_registry: ImageRegistry) -> None:
    with_registry(project, docker_registry.address, connection_id="images")
    login = f"docker://{docker_registry.user}:{docker_registry.password}@{docker_registry.address}"
    found = the(examine(project, AIRFLOW_CONN_IMAGES=login), "container-registry")
    assert found["status"] == "ok"
    assert found["seen"] == (
        f"{docker_registry.address} answers and lets in user {docker_registry.user!r} (connection 'images')"
    )
    assert docker_registry.password not in json.dumps(found)


def test_a_wrong_password_of_a_connection_is_found(project: Project, docker_registry: ImageRegistry) -> None:
    with_registry(project, docker_registry.address, connection_id="images")
    login = f"docker://{docker_registry.user}:wr0ng@{docker_registry.address}"
    found = the(examine(project, code=1, AIRFLOW_CONN_IMAGES=login), "container-registry")
    assert found["seen"] == (
        f"registry {docker_registry.address} refuses user {docker_registry.user!r} (connection 'images'); "
        "correct the password there, or give this user the right to the repository"
    )
    assert found["fix"] == "export AIRFLOW_CONN_IMAGES='docker://USER:PASSWORD@REGISTRY'"


def test_a_wrong_password_of_the_docker_config_file_is_found(
    project: Project, docker_registry: ImageRegistry, tmp_path: Path
) -> None:
    with_registry(project, docker_registry.address)
    auth = base64.b64encode(f"{docker_registry.user}:wr0ng".encode()).decode()
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {docker_registry.address: {"auth": auth}}}))
    found = the(examine(project, code=1, DOCKER_CONFIG=str(folder)), "container-registry")
    assert "refuses user" in found["seen"]
    assert found["fix"] == f"docker login {docker_registry.address}"


def test_a_registry_that_is_down_is_a_problem(project: Project, closed_port: int) -> None:
    with_registry(project, f"127.0.0.1:{closed_port}")
    found = the(examine(project, code=1, NO_PROXY="*"), "container-registry")
    assert f"registry 127.0.0.1:{closed_port} does not answer over http" in found["seen"]
    assert found["fix"] == f"curl -i --max-time 5 http://127.0.0.1:{closed_port}/v2/"


def test_a_registry_whose_connection_is_not_here_is_not_checked(
    project: Project, docker_registry: ImageRegistry
) -> None:
    with_registry(project, docker_registry.address, connection_id="images")
    found = examine(project, code=1)
    assert the(found, "container-registry")["status"] == "not checked"
    assert the(found, "connections")["status"] == "problem"


def test_a_cluster_where_pods_may_be_run_is_fine(project: Project, kubernetes: KubernetesNode) -> None:
    namespace = kubernetes.namespace("doctor")
    configure(
        project,
        "kubernetes",
        {"config_file": str(kubernetes.kubeconfig), "namespace": namespace},
        settings=SKIPPED,
    )
    found = the(examine(project), "kubernetes")
    assert found["status"] == "ok", found
    assert found["seen"].endswith(
        f"and pods may be run in namespace {namespace!r}, for steps of stack 'team'"
    )


def test_a_namespace_without_rights_is_told_with_what_is_missing(
    project: Project, kubernetes: KubernetesNode, tmp_path: Path
) -> None:
    namespace = kubernetes.namespace("doctor")
    file = as_account(kubernetes, namespace, tmp_path)
    configure(project, "kubernetes", {"config_file": str(file), "namespace": namespace}, settings=SKIPPED)
    found = the(examine(project, code=1), "kubernetes")
    assert (
        "this account may not create, get, list, patch, delete pods and get pods/log in namespace "
        f"{namespace!r}, which steps of stack 'team' need"
    ) in found["seen"]
    assert found["fix"].startswith(
        f"kubectl --namespace {namespace} create role pipes-worker-pods "
        "--verb=create,get,list,patch,delete --resource=pods,pods/log && "
    )


def as_account(node: KubernetesNode, namespace: str, folder: Path) -> Path:
    """Return a kubeconfig of a service account, which may do nothing."""
    core = node.client()

    def token() -> str:
        for secret in core.list_namespaced_secret(namespace).items:
            if secret.type == "kubernetes.io/service-account-token" and secret.data:
                return base64.b64decode(secret.data["token"]).decode()
        return ""

    return changed(node, folder, user={"token": wait_until(token, "the token of the service account")})


def changed(node: KubernetesNode, folder: Path, user: Any = None, server: str = "") -> Path:
    """Return the node's kubeconfig with another user, or another address."""
    document = yaml.safe_load(node.kubeconfig.read_text())
    if user:
        document["users"][0]["user"] = user
    if server:
        document["clusters"][0]["cluster"]["server"] = server
    file = folder / "kubeconfig.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def test_a_namespace_that_is_not_there_is_told(project: Project, kubernetes: KubernetesNode) -> None:
    configure(
        project,
        "kubernetes",
        {"config_file": str(kubernetes.kubeconfig), "namespace": "nowhere"},
        settings=SKIPPED,
    )
    found = the(examine(project, code=1), "kubernetes")
    assert "there is no namespace 'nowhere' at https://" in found["seen"]
    assert found["fix"] == f"kubectl --kubeconfig {kubernetes.kubeconfig} create namespace nowhere"


def test_credentials_that_the_cluster_refuses_are_told(
    project: Project, kubernetes: KubernetesNode, tmp_path: Path
) -> None:
    file = changed(kubernetes, tmp_path, user={"token": "no-such-token"})
    configure(project, "kubernetes", {"config_file": str(file)}, settings=SKIPPED)
    found = the(examine(project, code=1), "kubernetes")
    assert "refuses this account (401 Unauthorized), for steps of stack 'team'" in found["seen"]


def test_a_cluster_that_is_down_is_a_problem_and_takes_no_time(
    project: Project, kubernetes: KubernetesNode, tmp_path: Path, closed_port: int
) -> None:
    file = changed(kubernetes, tmp_path, server=f"https://127.0.0.1:{closed_port}")
    configure(project, "kubernetes", {"config_file": str(file)}, settings=SKIPPED)
    found = the(examine(project, code=1), "kubernetes")
    assert found["seen"] == (
        f"no Kubernetes API answers at https://127.0.0.1:{closed_port} (Connection refused), for steps of "
        "stack 'team'"
    )
    assert found["seconds"] < 8


def test_everything_that_is_silent_is_waited_for_at_once(project: Project, tmp_path: Path) -> None:
    # They take connections, and say nothing.
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        table = {"flavor": "docker", "uri": f"{address}/team", "insecure": True}
        configure(
            project,
            "docker",
            {"docker_url": f"tcp://{address}"},
            stack={"container_registry": "team"},
            container_registries={"team": table},
        )
        begun = time.monotonic()
        found = examine(project, code=1, DOCKER_HOST=f"tcp://{address}", NO_PROXY="*")
        seconds = time.monotonic() - begun
    remote = [the(found, each) for each in REMOTE if each != "kubernetes"]
    assert [each["status"] for each in remote] == ["problem"] * 3
    assert "(no answer in time)" in the(found, "docker")["seen"]
    spent = sum(each["seconds"] for findings in found.values() for each in findings[:1])
    assert sum(each["seconds"] for each in remote) > 10
    assert seconds < spent - 5
