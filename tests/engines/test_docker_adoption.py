"""Which container an attempt starts, goes on with or removes: on a real engine, without Airflow."""

from __future__ import annotations

import gc
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL, TOKEN_LABEL, ContainerJob
from airflow_provider_pipes.operators.docker import StepDockerOperator
from airflow_provider_pipes.operators.docker_arguments import container_name
from airflow_provider_pipes.operators.secrets import StepSecrets
from tests.engines.docker_engine import DockerEngine

# The docker package closes no socket that it took output from.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <socket\.socket:pytest.PytestUnraisableExceptionWarning"
)


@dataclass(frozen=True)
class StepRun:
    """A step run of one's own on the engine.

    Attributes:
        id: Its label's value.
    """

    engine: DockerEngine
    client: docker.DockerClient
    id: str

    @property
    def label(self) -> str:
        return f"{STEP_RUN_LABEL}={self.id}"

    def attempt(self, command: str, token: str = "t1", **arguments: Any) -> None:
        """Do what a task does that has the step to run."""
        job = self.job(command, token)
        values = {
            "task_id": "train",
            "image": self.engine.base_image,
            "docker_url": self.engine.url,
            "network_mode": "none",
            "deployment_id": "0" * 64,
            "pipeline": "p",
            "store": "s3://bucket",
            **arguments,
        }
        StepDockerOperator(**values).run_container(job, cast("Any", {}))

    def job(self, command: str, token: str) -> ContainerJob:
        """Return a job that runs a command of the shell, and leaves neither manifest nor failure."""
        tried = SimpleNamespace(last_failure=lambda known: None)
        plan = SimpleNamespace(name="train")
        launch = SimpleNamespace(plan=plan, token=token, finished=lambda: None, tried=tried)
        return ContainerJob(
            delegation=cast("Any", SimpleNamespace(launch=launch, known=frozenset())),
            command=["sh", "-c", command],
            environment={},
            secrets=StepSecrets({"SECRET": "s3cr3t"}),
            labels={TOKEN_LABEL: f"{self.id}-{token}", STEP_RUN_LABEL: self.id},
            image=None,
            resources={},
            user=None,
            store_folder=None,
        )

    def leave(
        self, command: str, token: str = "t1", start: bool = True
    ) -> docker.models.containers.Container:
        """Leave a container as a worker does that dies."""
        job = self.job(command, token)
        made = self.client.containers.create(
            self.engine.base_image, job.command, name=container_name(job), labels=dict(job.labels)
        )
        if start:
            made.start()
        return made

    def starts(self, since: str) -> int:
        return len(self.engine.events(since, "start", self.label))

    def left(self) -> list[docker.models.containers.Container]:
        return self.engine.containers(self.label)


@pytest.fixture
def step_run(docker_engine: DockerEngine, docker_client: docker.DockerClient) -> Iterator[StepRun]:
    made = StepRun(docker_engine, docker_client, uuid.uuid4().hex[:12])
    yield made
    docker_engine.remove(made.label)
    gc.collect()  # Those sockets, while it is this test that they warn in.


@pytest.mark.parametrize("removal", ["force", "success"])
def test_a_container_that_succeeds_is_removed(step_run: StepRun, removal: str) -> None:
    step_run.attempt('test "$SECRET" = s3cr3t', auto_remove=removal)
    assert step_run.left() == []


def test_a_container_that_never_started_is_replaced(step_run: StepRun) -> None:
    old = step_run.leave("exit 1", start=False)
    step_run.attempt("exit 0")
    assert step_run.left() == []
    assert [each["id"] for each in step_run.engine.events("0", "start", step_run.label)] != [old.id]


def test_a_running_container_is_gone_on_with_and_its_exit_code_is_the_attempts(step_run: StepRun) -> None:
    since = step_run.engine.moment()
    step_run.leave("sleep 1; exit 7")
    with pytest.raises(ContainerError, match="exited with 7") as raised:
        step_run.attempt("exit 0")
    assert raised.value.job_exit_code == 7
    assert step_run.starts(since) == 1
    assert step_run.left() == []


def test_a_container_that_an_earlier_attempt_is_just_ending_is_not_the_result(step_run: StepRun) -> None:
    since = step_run.engine.moment()
    old = step_run.leave("trap 'exit 143' TERM; sleep 60 & wait")
    timer = threading.Timer(1, lambda: old.stop(timeout=3))
    timer.start()
    step_run.attempt("exit 0")
    timer.join()
    assert step_run.starts(since) == 2
    assert step_run.left() == []


@pytest.mark.parametrize("code", [98, 99])
def test_what_a_step_decided_while_no_worker_watched_stays_decided(step_run: StepRun, code: int) -> None:
    since = step_run.engine.moment()
    step_run.leave(f"echo the reason; exit {code}").wait()
    with pytest.raises(ContainerError, match="its last line: the reason") as raised:
        step_run.attempt("exit 0")
    assert raised.value.job_exit_code == code
    assert step_run.starts(since) == 1
    assert step_run.left() == []


def test_a_failure_that_no_worker_watched_does_not_cost_the_attempt(step_run: StepRun) -> None:
    since = step_run.engine.moment()
    step_run.leave("exit 1").wait()
    step_run.attempt("exit 0")
    assert step_run.starts(since) == 2
    assert step_run.left() == []


def test_what_works_on_a_cleared_token_is_ended_first(step_run: StepRun) -> None:
    old = step_run.leave("sleep 60", token="t0")
    step_run.attempt("exit 0", token="t1")
    assert old.id not in [each.id for each in step_run.left()]


def test_two_attempts_at_once_start_one_container(step_run: StepRun) -> None:
    since, errors = step_run.engine.moment(), list[BaseException]()

    def attempt() -> None:
        try:
            step_run.attempt("sleep 2")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert step_run.starts(since) == 1
    assert step_run.left() == []


def test_a_container_that_is_kept_is_in_no_attempts_way(step_run: StepRun) -> None:
    for _ in range(2):
        with pytest.raises(ContainerError, match="exited with 5"):
            step_run.attempt("exit 5", auto_remove="never")
    step_run.attempt("exit 0", auto_remove="never")
    assert len(step_run.left()) == 3


def test_a_name_that_another_container_has_is_told(step_run: StepRun) -> None:
    other = step_run.client.containers.create(step_run.engine.base_image, "true", name=f"mine-{step_run.id}")
    try:
        with pytest.raises(
            ContainerError, match=r"has a container 'mine-.*' that is not this step's; remove it"
        ):
            step_run.attempt("exit 0", container_name=f"mine-{step_run.id}")
        other.reload()
    finally:
        other.remove(force=True)


def test_a_container_that_is_removed_under_a_waiting_task_is_told(step_run: StepRun) -> None:
    def remove() -> None:
        api, label = step_run.client.api, {"label": step_run.label}
        while not (found := api.containers(filters=label)):
            time.sleep(0.05)
        api.remove_container(found[0]["Id"], force=True)

    remover = threading.Thread(target=remove)
    remover.start()
    with pytest.raises(ContainerError, match="exited with 137: it was ended by SIGKILL"):
        step_run.attempt("sleep 60")
    remover.join()


def test_a_connection_that_is_not_there_is_told_as_such(
    step_run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise AirflowNotFoundException("The conn_id `nope` isn't defined")

    monkeypatch.setattr("airflow.sdk.BaseHook.get_connection", missing)
    with pytest.raises(ContainerError) as raised:
        step_run.attempt("exit 0", docker_conn_id="nope")
    assert str(raised.value) == (
        "step 'train': there is no usable connection 'nope' (The conn_id `nope` isn't defined); "
        "docker_conn_id names an Airflow connection of type docker with the registry as host, "
        "a login and a password: add it, or correct docker_conn_id"
    )
    assert step_run.left() == []
