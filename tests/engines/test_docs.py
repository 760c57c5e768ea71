"""The pages about containers, done word for word with real engines and a real Airflow.

A reader's own machine has Docker's and Kubernetes' usual addresses, and a registry with a name. Here they are
others, so the reader says them by environment variables, which go before the files of the page; nothing of
the page itself is changed.
"""

from __future__ import annotations

import json
import shlex
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest

from airflow_provider_pipes.testing.dag_files import new_home
from tests.airflow.running import free_port
from tests.docs.reader import Reader
from tests.docs.test_pages import WITH_ENGINE
from tests.engines.docker_engine import DockerEngine
from tests.engines.image_registry import ImageRegistry
from tests.engines.kubernetes_node import KubernetesNode
from tests.examples.documents import ROOT

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

HOW_TO = ROOT / "docs" / "how-to"
# What steps start from where nothing else is said.
PYTHON_IMAGE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"


@pytest.fixture
def reader(
    tmp_path: Path,
    docker_engine: DockerEngine,
    docker_client: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Reader]:
    """A reader whose machine has a Docker engine and an Airflow with its database."""
    docker_client.images.get(docker_engine.base_image).tag(PYTHON_IMAGE)
    home = new_home(tmp_path / "airflow")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
    for name, value in docker_engine.index.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    # So that what the page builds was built by nobody before, and is found again.
    label = f"pipes.test.docs={uuid.uuid4().hex}"

    def adapt(command: str) -> str:
        if command.startswith("docker login "):
            return "true"
        return f"pipes up --port {port}" if command == "pipes up" else command

    made = Reader(tmp_path / "reader", adapt)
    variables = {
        "DOCKER_HOST": docker_engine.url,
        "AIRFLOW_HOME": str(home.path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PIPES_SETTINGS__DOCKER__BUILD_OPTIONS": json.dumps({"labels": dict([label.split("=")])}),
    }
    export(made, variables)
    yield made
    made.run("pipes down")
    for image in docker_client.images.list(filters={"label": label}):
        docker_client.images.remove(image.id, force=True)


def export(reader: Reader, variables: Mapping[str, str]) -> None:
    text = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    done = reader.run(f"export {text}")
    assert done.returncode == 0, done.stdout


def test_steps_run_in_docker_as_the_page_says(reader: Reader) -> None:
    reader.follow(HOW_TO / "docker.md")


def test_steps_run_in_pods_as_the_page_says(
    reader: Reader, kubernetes: KubernetesNode, docker_registry: ImageRegistry, tmp_path: Path
) -> None:
    namespace = kubernetes.namespace("pipes-docs")
    secret = kubernetes.pull_secret(namespace, docker_registry)
    _log_in(docker_registry, tmp_path)
    store = tmp_path / "store"
    store.mkdir()
    arguments = {"namespace": namespace, "image_pull_secrets": [secret]}
    export(
        reader,
        {
            "KUBECONFIG": str(kubernetes.kubeconfig),
            "PIPES_CONTAINER_REGISTRIES__TEAM__URI": f"{docker_registry.address}/{namespace}",
            "PIPES_ARTIFACT_STORES__SHARED__PATH": str(store),
            "PIPES_ORCHESTRATORS__CLUSTER__STORE_VOLUME": json.dumps({"hostPath": {"path": str(store)}}),
            "PIPES_ORCHESTRATORS__CLUSTER__OPERATOR_ARGS": json.dumps(arguments),
        },
    )
    reader.follow(HOW_TO / "kubernetes.md")
    assert len(kubernetes.pod_starts(namespace)) == 2


def test_images_are_built_when_the_page_says(reader: Reader) -> None:
    reader.follow(HOW_TO / "images.md")


def test_a_secret_shows_nowhere_as_the_page_says(reader: Reader) -> None:
    # The page has an Airflow of its own.
    assert reader.run("unset AIRFLOW_HOME").returncode == 0
    reader.follow(HOW_TO / "secrets.md")


def test_a_missing_gpu_is_told_as_the_page_says(reader: Reader) -> None:
    reader.follow(HOW_TO / "gpus.md")


def _log_in(registry: ImageRegistry, folder: Path) -> None:
    config = folder / "docker-config"
    config.mkdir()
    (config / "config.json").write_text(registry.docker_config(), encoding="utf-8")


def test_every_page_that_needs_an_engine_is_followed_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [page.name for page in WITH_ENGINE if f'HOW_TO / "{page.name}"' not in source] == []
