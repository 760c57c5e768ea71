"""The operator as a DAG file makes it, and what it tells the engine; real containers are in tests/engines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG
from docker.errors import APIError
from docker.types import Mount

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL, TOKEN_LABEL, ContainerJob
from airflow_provider_pipes.operators.docker import StepDockerOperator
from airflow_provider_pipes.operators.docker_arguments import container_name, give_arguments
from airflow_provider_pipes.operators.docker_errors import (
    ContainerEnd,
    ended_badly,
    engine_errors,
    not_pulled,
)
from airflow_provider_pipes.operators.docker_run import DockerRun
from airflow_provider_pipes.operators.mixin import TaskKilled
from airflow_provider_pipes.operators.secrets import StepSecrets

OURS: dict[str, Any] = {"deployment_id": "0" * 64, "pipeline": "p", "store": "/data/artifacts"}


def operator(**arguments: Any) -> StepDockerOperator:
    return StepDockerOperator(**{"task_id": "train", "image": "written:1", **OURS, **arguments})


def by_defaults(**arguments: Any) -> StepDockerOperator:
    """Return a task to which the DAG gives the rest."""
    return StepDockerOperator(**{"task_id": "train", **arguments})


def job(step: str = "train", **fields: Any) -> ContainerJob:
    named = cast("Any", SimpleNamespace(launch=SimpleNamespace(plan=SimpleNamespace(name=step), token="t0")))
    values: dict[str, Any] = {
        "delegation": named,
        "command": ["python", "-m", "x"],
        "environment": {"HOME": "/tmp"},
        "secrets": StepSecrets(),
        "labels": {TOKEN_LABEL: "t0", STEP_RUN_LABEL: "r0"},
        "image": None,
        "resources": {},
        "user": None,
        "store_folder": None,
    }
    return ContainerJob(**{**values, **fields})


def test_the_defaults_of_a_dag_reach_stock_arguments_and_ours() -> None:
    defaults = {**OURS, "image": "default:1", "network_mode": "host", "mem_limit": "1g", "retries": 3}
    with DAG("d", default_args=defaults):
        made = by_defaults(mem_limit="2g")
    assert (made.image, made.network_mode, made.mem_limit, made.retries) == ("default:1", "host", "2g", 3)
    assert (made.pipeline, made.step_name) == ("p", "train")


def test_a_task_without_an_image_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="image"):
        StepDockerOperator(task_id="train", **OURS)


def test_its_container_is_removed_and_has_no_temporary_folder_unless_a_user_says_otherwise() -> None:
    assert (operator().auto_remove, operator().mount_tmp_dir) == ("force", False)
    chosen = operator(auto_remove="never", mount_tmp_dir=True)
    assert (chosen.auto_remove, chosen.mount_tmp_dir) == ("never", True)


def test_a_mapped_task_is_made_with_its_arguments() -> None:
    with DAG("d", default_args=OURS):
        mapped = StepDockerOperator.partial(task_id="train", image="i:1").expand(environment=[{"A": "1"}])
    made = mapped.unmap({"environment": {"A": "1"}})
    assert isinstance(made, StepDockerOperator)
    assert (made.step_name, made.environment, made.auto_remove) == ("train", {"A": "1"}, "force")


def test_every_argument_of_the_stock_operator_is_taken() -> None:
    # What a default_args gives is looked up by the names in the signature of the stock operator.
    import inspect

    stock = inspect.signature(DockerOperator.__init__).parameters.values()
    defaults = {each.name: each.default for each in stock if each.kind is each.KEYWORD_ONLY}
    assert len(defaults) > 40
    defaults |= {"image": "i:1", "auto_remove": "success", "hostname": "known"}
    with DAG("d", default_args={**OURS, **defaults}):
        assert by_defaults().hostname == "known"


def test_a_kill_interrupts_a_running_container_once_and_nothing_else() -> None:
    made = operator()
    made.on_kill()
    made._running = True
    with pytest.raises(TaskKilled, match="Airflow ended task 'train'"):
        made.on_kill()
    made.on_kill()


def test_a_parse_imports_none_of_the_core() -> None:
    code = (
        "import sys, airflow.providers.docker.operators.docker\n"
        "import airflow_provider_pipes.operators.docker\n"
        "print(*sorted(each for each in sys.modules if each.startswith('airflow_provider_pipes')))"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean)
    # Airflow asks installed providers for their description.
    found = [each for each in done.stdout.split() if not each.endswith(".get_provider_info")]
    assert found == [
        "airflow_provider_pipes",
        "airflow_provider_pipes.lazy",
        "airflow_provider_pipes.operators",
        "airflow_provider_pipes.operators.container",
        "airflow_provider_pipes.operators.docker",
        "airflow_provider_pipes.operators.links",
        "airflow_provider_pipes.operators.mixin",
        "airflow_provider_pipes.version",
    ]


def test_the_image_of_the_runs_deployment_goes_before_that_of_the_file() -> None:
    made = operator()
    give_arguments(made, job(image="pinned@sha256:1"))
    assert made.image == "pinned@sha256:1"
    assert made.command == ["python", "-m", "x"]


def test_resources_become_limits() -> None:
    made = operator()
    resources = {"cpu_count": 1.5, "memory": "2GB", "shm_size": "1GiB", "gpu_count": 2}
    host_config = give_arguments(made, job(resources=resources))
    assert host_config == {"nano_cpus": 1_500_000_000, "memswap_limit": 2_000_000_000}
    assert made.mem_limit == 2_000_000_000
    assert made.shm_size == 1024**3
    (request,) = made.device_requests or [{}]
    assert (request["Count"], request["Capabilities"]) == (2, [["gpu"]])
    assert made.environment["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"


def test_what_a_user_gave_the_operator_goes_before_what_follows_from_the_step() -> None:
    made = operator(
        mem_limit="8g",
        shm_size=1,
        device_requests=[],
        user="me",
        environment={"HOME": "/me", "MORE": "1"},
        container_name="mine",
        labels=["team"],
    )
    resources = {"memory": "2GB", "shm_size": "1GiB", "gpu_count": 1}
    host_config = give_arguments(made, job(resources=resources, user="other", store_folder="/data"))
    assert (host_config, made.mem_limit, made.shm_size, made.device_requests) == ({}, "8g", 1, [])
    assert (made.user, made.container_name) == ("me", "mine")
    assert made.environment["HOME"] == "/me"
    assert made.environment["MORE"] == "1"
    assert made.labels == {"team": "", TOKEN_LABEL: "t0", STEP_RUN_LABEL: "r0"}


@pytest.mark.parametrize(
    ("user", "folder", "expected"),
    [
        ("1:2", "/data", "1:2"),
        (None, "/data", f"{os.getuid()}:{os.getgid()}"),
        (None, None, None),
    ],
)
def test_the_worker_shares_its_user_where_it_shares_its_store(
    user: str | None, folder: str | None, expected: str | None
) -> None:
    made = operator()
    give_arguments(made, job(user=user, store_folder=folder))
    assert made.user == expected


def test_the_store_is_mounted_at_its_own_path_unless_a_mount_has_it() -> None:
    made = operator()
    give_arguments(made, job(store_folder="/data/artifacts"))
    (mount,) = made.mounts
    assert (mount["Source"], mount["Target"], mount["Type"]) == ("/data/artifacts", "/data/artifacts", "bind")
    for given in ({"target": "/data", "source": "v"}, Mount(target="/data/artifacts", source="v")):
        made = operator(mounts=[given])
        give_arguments(made, job(store_folder="/data/artifacts"))
        assert len(made.mounts) == 1


@pytest.mark.parametrize("step", ["train", "train 0.1/é", "-", "x" * 300])
def test_a_containers_name_is_one_that_docker_takes(step: str) -> None:
    name = container_name(job(step))
    assert len(name) < 64
    assert Path(name).name == name
    assert name.isascii()
    assert name.endswith("-t0")


@pytest.mark.parametrize(
    ("end", "asked", "said"),
    [
        (ContainerEnd(1), None, r"exited with 1: the step failed; its last line: the last"),
        (ContainerEnd(143), None, r"exited with 143: it was ended by SIGTERM; its"),
        (
            ContainerEnd(127, said="no such file"),
            None,
            r"127: its command was not found there \(no such file\)",
        ),
        (ContainerEnd(137, True, 64_000_000), "64MB", r"memory='64MB' and may use 64 MB; raise it: @step"),
        (ContainerEnd(137, True, 64 * 1024**2), "64MiB", r"memory='64MiB' and may use 64 MiB; raise it"),
        (ContainerEnd(137, True, 64_000_000), None, r"may use 64 MB; raise mem_limit of its operator_args"),
        (ContainerEnd(137, True), "64MB", r"the engine's machine ran out of memory"),
        (ContainerEnd(1, True, 64_000_000), "64MB", r"one of its processes was killed for memory: it asked"),
    ],
)
def test_an_end_is_told_in_words_and_with_its_exit_code(
    end: ContainerEnd, asked: str | None, said: str
) -> None:
    error = ended_badly(job(resources={"memory": asked} if asked else {}), end, "the last")
    assert error.job_exit_code == end.exit_code
    with pytest.raises(type(error), match=said):
        raise error


def test_an_image_that_deploying_built_is_not_looked_for_at_a_public_registry() -> None:
    ours = "airflow-pipes/steps:0123"
    said = str(not_pulled(job(image=ours, image_built=True), ours, "pull access denied, try docker login"))
    assert (
        "run `pipes deploy` again, on an engine that these workers use, or add a container registry" in said
    )
    assert "docker login" not in said
    pushed = "registry.example.com/ml/steps@sha256:" + "0" * 64
    assert "docker login" in str(not_pulled(job(image=pushed, image_built=True), pushed, "try docker login"))
    assert "docker login" in str(not_pulled(job(image="mine:1"), "mine:1", "try docker login"))


def test_a_path_of_the_users_own_is_blamed_and_not_the_image() -> None:
    def refused(chosen: ContainerJob) -> str:
        said = 'exec: "python": executable file not found in $PATH'
        with pytest.raises(ContainerError) as caught, engine_errors(operator(), chosen):
            raise APIError("refused", explanation=said)
        return str(caught.value)

    assert "environment={'PATH': '/mine'} of its docker settings" in refused(
        job(environment={"PATH": "/mine"})
    )
    assert "has no `python` on its PATH" in refused(job())


def test_an_image_that_is_not_found_is_told_with_what_to_check() -> None:
    said = str(not_pulled(job(image="mine:1"), "mine:1", "manifest unknown"))
    assert said.endswith(
        "manifest unknown; check its name and tag, that the engine reaches its registry, and the login in "
        "docker_conn_id"
    )


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ("/data/artifacts", "a local artifact store must be at the same path on the engine's machine"),
        ("/tmp/x", "it is the source of one of its mounts: create it on the engine's machine, or correct"),
        ("/data/artifacts/inner", "it is the source of one of its mounts"),
    ],
)
def test_a_folder_that_the_engine_has_not_is_the_stores_or_that_of_a_mount(missing: str, advice: str) -> None:
    said = f'invalid mount config for type "bind": bind source path does not exist: {missing}'
    made = job(store_folder="/data/artifacts")
    with pytest.raises(ContainerError) as caught, engine_errors(operator(), made):
        raise APIError("refused", explanation=said)
    assert advice in str(caught.value)
    assert ("artifact store" in str(caught.value)) == (missing == "/data/artifacts")


@pytest.mark.parametrize(
    ("reason", "end", "is_told"),
    [
        ("exception", ContainerEnd(1), True),
        ("interrupted", ContainerEnd(143), False),
        ("exception", ContainerEnd(1, out_of_memory=True), False),
        (None, ContainerEnd(1), False),
    ],
)
def test_what_the_step_told_itself_is_not_told_again_by_its_containers_end(
    reason: str | None, end: ContainerEnd, is_told: bool
) -> None:
    told = SimpleNamespace(reason=reason) if reason else None
    tried = SimpleNamespace(last_failure=lambda known: told)
    launch = SimpleNamespace(plan=SimpleNamespace(name="train"), token="t0", tried=tried)
    named = job(delegation=SimpleNamespace(launch=launch, known=frozenset()))
    containers: Any = SimpleNamespace(end_outdated=lambda: None, started=lambda name: None)
    run = DockerRun(operator(), named, containers)

    def start() -> None:
        run._end = end
        raise ended_badly(named, end)

    if is_told:
        run.until_the_end(start)
    else:
        with pytest.raises(ContainerError, match="its Docker container exited with"):
            run.until_the_end(start)


def test_an_image_without_our_package_is_told_by_its_last_line() -> None:
    last = "ModuleNotFoundError: No module named 'airflow_provider_pipes'"
    assert "skip_build=True must have this package" in str(ended_badly(job(), ContainerEnd(1), last))
