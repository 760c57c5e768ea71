"""That the engines are real: what other tests find out about steps on them would hold elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from airflow_provider_pipes.testing.waiting import wait_until
from tests.engines import commands
from tests.engines.docker_engine import DockerEngine
from tests.engines.image_registry import ImageRegistry
from tests.engines.programs import EAT_MEMORY, fetch

Start = Callable[..., Container]


@pytest.fixture
def start(docker_engine: DockerEngine, docker_client: docker.DockerClient, container_label: str) -> Start:
    """Start a container of the base image; takes a command, and the client's options."""
    key, _, value = container_label.partition("=")

    def run(*command: str, **options: Any) -> Container:
        image = docker_engine.base_image
        return docker_client.containers.run(image, list(command), detach=True, labels={key: value}, **options)

    return run


# --- Docker


def test_a_container_exits_with_the_code_of_its_process(start: Start) -> None:
    container = start("python3", "-c", "print('out'); raise SystemExit(7)")
    assert container.wait(timeout=60)["StatusCode"] == 7
    assert container.logs() == b"out\n"


def test_memory_above_the_limit_ends_a_container(start: Start) -> None:
    container = start("python3", "-c", EAT_MEMORY, mem_limit="64m")
    assert container.wait(timeout=60)["StatusCode"] == 137
    container.reload()
    assert container.attrs["State"]["OOMKilled"] is True


def test_the_engine_counts_the_starts_of_containers(
    docker_engine: DockerEngine, start: Start, container_label: str
) -> None:
    moment = docker_engine.moment()
    assert docker_engine.events(moment, label=container_label) == []
    started = [start("true") for _ in range(2)]
    started[0].wait(timeout=60)
    started[0].remove()
    counted = [event["Actor"]["ID"] for event in docker_engine.events(moment, label=container_label)]
    assert counted == [container.id for container in started]
    assert [container.id for container in docker_engine.containers(container_label)] == [started[1].id]


def test_an_interrupt_reaches_a_container(start: Start) -> None:
    container = start("python3", "-c", "import time; print('ready', flush=True); time.sleep(60)")
    wait_until(lambda: container.logs() == b"ready\n", "the process in the container")
    container.kill("SIGINT")
    assert container.wait(timeout=30)["StatusCode"] == 130


def test_a_container_reaches_a_server_on_the_host(
    docker_engine: DockerEngine, start: Start, host_server: int
) -> None:
    container = start(*fetch(docker_engine.host_address, host_server))
    assert container.wait(timeout=60)["StatusCode"] == 0, container.logs()
    assert container.logs() == b"hello from the host\n"


def test_a_build_installs_from_the_package_index(
    docker_engine: DockerEngine, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    arguments = "".join(f"ARG {name}\n" for name in docker_engine.index)
    tmp_path.joinpath("Dockerfile").write_text(
        f"FROM {docker_engine.base_image}\n{arguments}RUN pip install --quiet iniconfig\n"
    )
    image, _ = docker_client.images.build(
        path=str(tmp_path), buildargs=docker_engine.index, rm=True, nocache=True
    )
    try:
        command = ["python3", "-c", "import iniconfig; print(iniconfig.__name__)"]
        assert docker_client.containers.run(image.id, command, remove=True) == b"iniconfig\n"
    finally:
        docker_client.images.remove(image.id, force=True)


# --- The registry


def test_the_registry_gives_a_digest_and_the_image_by_it(
    docker_registry: ImageRegistry, docker_client: docker.DockerClient, pushed_image: tuple[str, str]
) -> None:
    name, digest = pushed_image
    assert digest.startswith("sha256:")
    assert docker_registry.tags(name.partition("/")[2]) == ["1"]
    image = docker_client.images.pull(f"{name}@{digest}", auth_config=docker_registry.credentials)
    assert f"{name}@{digest}" in image.attrs["RepoDigests"]


def test_the_registry_refuses_a_wrong_password(
    docker_registry: ImageRegistry, docker_client: docker.DockerClient, pushed_image: tuple[str, str]
) -> None:
    wrong = {"username": docker_registry.user, "password": "wrong"}
    with pytest.raises(APIError, match=r"unauthorized|no basic auth credentials"):
        docker_client.images.pull(pushed_image[0], tag="1", auth_config=wrong)


# --- The commands


@pytest.mark.parametrize(
    ("engine", "fixture"),
    [("docker", "docker_engine"), ("registry", "docker_registry"), ("kubernetes", "kubernetes")],
)
def test_an_engine_that_is_up_is_left_alone(
    engine: str, fixture: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(fixture)
    before = commands.run(engine, "env").stdout
    started = time.monotonic()
    assert "already up" in commands.run(engine, "up").stderr
    assert time.monotonic() - started < 10
    assert commands.run(engine, "status").stdout.startswith(f"{engine}: up")
    assert commands.run(engine, "env").stdout == before


def test_two_at_once_start_one_registry(tmp_path: Path, docker_registry: ImageRegistry) -> None:
    environment = {**os.environ, "PIPES_ENGINES": str(tmp_path)}
    command = str(commands.FOLDER / "registry")
    try:
        both = [
            subprocess.Popen([command, "up"], env=environment, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        told = sorted(each.communicate(timeout=120)[1].count("already up") for each in both)
        assert told == [0, 1]
        assert len(list(tmp_path.joinpath("registry", "pids").iterdir())) == 1
    finally:
        subprocess.run([command, "down"], env=environment, check=True, capture_output=True, timeout=60)
    assert not tmp_path.joinpath("registry").exists()


def test_tests_leave_an_engine_up_unless_they_are_told_to_stop_it(tmp_path: Path) -> None:
    target = (
        "tests/engines/test_engines.py::test_an_engine_that_is_up_is_left_alone[registry-docker_registry]"
    )
    registry = [str(commands.FOLDER / "registry")]
    environment = {**os.environ, "PIPES_ENGINES": str(tmp_path)}
    environment.pop("PIPES_ENGINES_DOWN", None)
    try:
        assert "1 passed" in _pytest(target, environment)
        assert subprocess.run([*registry, "status"], env=environment, timeout=60).returncode == 0
        assert "1 passed" in _pytest(target, {**environment, "PIPES_ENGINES_DOWN": "1"})
        assert subprocess.run([*registry, "status"], env=environment, timeout=60).returncode == 1
    finally:
        subprocess.run([*registry, "down"], env=environment, check=True, timeout=60)


def test_tests_of_an_engine_that_takes_minutes_are_left_out_and_say_how_to_have_them(tmp_path: Path) -> None:
    environment = {**os.environ, "PIPES_ENGINES": str(tmp_path)}
    environment.pop("PIPES_REQUIRE_ENGINES", None)
    target = "tests/engines/test_engines_kubernetes.py::test_a_pod_exits_with_the_code_of_its_process"
    told = _pytest(target, environment)
    assert "1 skipped" in told
    assert "the engine 'kubernetes' is not" in told
    assert "run as root: tests/engines/kubernetes up" in told


def _pytest(target: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", target]
    root = commands.FOLDER.parents[1]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
