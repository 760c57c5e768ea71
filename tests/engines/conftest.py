"""Real engines: Docker, an image registry, Kubernetes; left up for the next run."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound

from tests.engines import commands
from tests.engines.docker_engine import DockerEngine
from tests.engines.image_registry import ImageRegistry
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.package_index import index_environment
from tests.engines.shared_airflow import SharedAirflow, shared_airflow

_FOLDER = Path(__file__).parent
# The files that take longest, first: workers of pytest-xdist, which take file by file, end about together.
_FIRST = (
    *("kills", "kubernetes_deferrable", "docs", "modes", "kubernetes_operator", "images", "gpus"),
    *("secrets", "docker_operator", "control", "stores", "registry", "kubernetes_away"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    own = [item for item in items if _FOLDER in item.path.parents]
    for item in own:
        item.add_marker("engines")
        # The first test of a file starts an Airflow and builds images before it begins.
        item.add_marker(pytest.mark.timeout(900))
    if own == items:
        rank = {f"test_{name}": number for number, name in enumerate(_FIRST)}
        items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # From one place, so that the summary has one line for an engine that is missing, not one for each test.
    if report.when == "setup" and report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (commands.__file__, 0, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """The Docker engine that all tests share; label what is yours, and remove no other's."""
    with commands.running("docker"):
        settings = commands.settings("docker")
        engine = DockerEngine(
            url=settings["DOCKER_HOST"],
            base_image=settings["PIPES_BASE_IMAGE"],
            host_address=settings["PIPES_DOCKER_GATEWAY"],
            index=index_environment(),
        )
        with contextlib.closing(engine):
            yield engine


@pytest.fixture(scope="session")
def docker_registry() -> Iterator[ImageRegistry]:
    """The image registry that all tests share; use repositories of your own."""
    with commands.running("registry"):
        settings = commands.settings("registry")
        yield ImageRegistry(
            address=settings["PIPES_REGISTRY"],
            user=settings["PIPES_REGISTRY_USER"],
            password=settings["PIPES_REGISTRY_PASSWORD"],
        )


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[KubernetesNode]:
    """The node that all tests share; work in namespaces of your own."""
    with commands.running("kubernetes"):
        settings = commands.settings("kubernetes")
        node = KubernetesNode(Path(settings["KUBECONFIG"]), settings["PIPES_BASE_IMAGE"])
        with contextlib.closing(node):
            yield node


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory, kubernetes: KubernetesNode) -> Iterator[SharedAirflow]:
    """A whole Airflow, shared; leave it as it was but for what has an id of yours."""
    with shared_airflow(tmp_path_factory.mktemp("shared"), kubernetes.host_address) as running:
        yield running


@pytest.fixture
def docker_client(docker_engine: DockerEngine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker_engine.client()) as made:
        yield made


@pytest.fixture
def container_label(docker_engine: DockerEngine) -> Iterator[str]:
    """A label (``NAME=VALUE``) of one's own; its containers are removed."""
    name = f"pipes.test={uuid.uuid4().hex}"
    yield name
    docker_engine.remove(name)


@pytest.fixture
def host_server() -> Iterator[int]:
    """The port of a server on all addresses of this machine, which answers "hello from the host"."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello from the host")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def pushed_image(
    docker_engine: DockerEngine, docker_registry: ImageRegistry, docker_client: docker.DockerClient
) -> Iterator[tuple[str, str]]:
    """The base image's name in the registry, and its digest there; no more in the engine under that name."""
    name = f"{docker_registry.address}/pushed-{uuid.uuid4().hex[:8]}"
    docker_client.images.get(docker_engine.base_image).tag(name, "1")
    lines = docker_client.images.push(
        name, tag="1", auth_config=docker_registry.credentials, stream=True, decode=True
    )
    digests = [line["aux"]["Digest"] for line in lines if "aux" in line]
    docker_client.images.remove(f"{name}:1")
    assert len(digests) == 1
    yield name, digests[0]
    with contextlib.suppress(ImageNotFound):
        docker_client.images.remove(f"{name}@{digests[0]}")
