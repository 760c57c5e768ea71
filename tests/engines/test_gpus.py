"""Steps that ask for GPUs, on a node that has four (fake ones): a whole Airflow, images by `pipes deploy`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.testing.waiting import wait_until
from tests.airflow.running import RunningAirflow
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.shared_airflow import SharedAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.postgres, pytest.mark.timeout(600)]

GPUS = 4
STEPS = """
    import time
    from pathlib import Path

    from notes import note

    from airflow_provider_pipes import ResourceSettings, pipeline, step

    # A device that every machine has, in the place of a GPU's.
    DEVICES = {
        "volumes": [
            {"name": "shared", "hostPath": {"path": FOLDER}},
            {"name": "gpu", "hostPath": {"path": "/dev/null", "type": "CharDevice"}},
        ],
        "volume_mounts": [
            {"name": "shared", "mountPath": FOLDER},
            {"name": "gpu", "mountPath": "/dev/nvidia0"},
        ],
    }
    SHARED_MOUNT = {"Type": "bind", "Source": FOLDER, "Target": FOLDER}
    DEVICE_MOUNT = {"Type": "bind", "Source": "/dev/null", "Target": "/dev/nvidia0"}


    def pods(**arguments):
        return {"orchestrator.airflow": {"operator": "kubernetes", "operator_args": arguments}}


    # The engine of the tests has no driver for GPUs, so it is asked for none; the step still looks for them.
    def containers(**arguments):
        arguments = {"device_requests": [], **arguments}
        return {"orchestrator.airflow": {"operator": "docker", "operator_args": arguments}}


    @step(cache=False, resources=ResourceSettings(gpu_count=1))
    def train(number: int, word: str) -> int:
        note(word, "began", number, time.time())
        for _ in range(3000):
            if Path(FOLDER, "words", word).exists():
                break
            time.sleep(0.1)
        note(word, "ended", number, time.time())
        return number


    @pipeline(settings=pods(**DEVICES))
    def gpus_awaited(word: str = "") -> None:
        for number in range(6):
            train.with_options(name=f"train_{number}")(number, word)


    @pipeline(settings=pods(**DEVICES, deferrable=True))
    def gpus_deferred(word: str = "") -> None:
        for number in range(6):
            train.with_options(name=f"train_{number}")(number, word)


    @step(cache=False, resources=ResourceSettings(gpu_count=1))
    def one() -> None:
        note("ran", "one")


    @step(cache=False, resources=ResourceSettings(gpu_count=8))
    def eight() -> None:
        note("ran", "eight")


    SOON = {"schedule_timeout_seconds": 6, "startup_timeout_seconds": 6}


    @pipeline
    def gpus_missing() -> None:
        eight.with_options(name="too_many", settings=pods(**DEVICES, **SOON))()
        eight.with_options(name="too_many_deferred", settings=pods(**DEVICES, **SOON, deferrable=True))()
        one.with_options(name="none_in_pod", settings=pods())()
        one.with_options(name="none_in_container", settings=containers())()
        one.with_options(name="one_in_container", settings=containers(mounts=[SHARED_MOUNT, DEVICE_MOUNT]))()
"""


@dataclass(frozen=True)
class Trainings:
    """A running Airflow with the project.

    Attributes:
        words: Folder of the words that let steps end.
    """

    airflow: RunningAirflow
    made: EngineProject
    words: Path

    def noted(self, word: str, event: str) -> dict[int, float]:
        """Return when the steps of a run began, or ended, by their numbers."""
        return {number: moment for what, number, moment in self.made.project.noted(word) if what == event}

    def pods(self, phase: str) -> list[Any]:
        return [
            each for each in self.made.node.pods(namespace=self.made.namespace) if each.status.phase == phase
        ]


@pytest.fixture(scope="module")
def trainings(
    tmp_path_factory: pytest.TempPathFactory,
    docker_engine: DockerEngine,
    kubernetes: KubernetesNode,
    airflow: SharedAirflow,
) -> Iterator[Trainings]:
    folder = tmp_path_factory.mktemp("gpus")
    words = folder / "words"
    words.mkdir()
    with EngineProject.new(folder / "project", airflow.home, docker_engine, kubernetes) as made:
        made.project.write("steps.py", STEPS.replace("FOLDER", f'"{folder}"'))
        made.configure(kubernetes={"image_pull_policy": "Never"})
        names = ("gpus_awaited", "gpus_deferred", "gpus_missing")
        made.deploy(*(f"steps.py:{name}" for name in names))
        for name in names:
            airflow.running.api.unpause(name)
        yield Trainings(airflow.running, made, words)


@pytest.mark.parametrize("dag_id", ["gpus_awaited", "gpus_deferred"])
def test_steps_run_on_the_gpus_there_are_and_the_others_wait(trainings: Trainings, dag_id: str) -> None:
    api, made = trainings.airflow.api, trainings.made
    run_id = api.trigger(dag_id, {"word": dag_id})
    wait_until(lambda: len(trainings.noted(dag_id, "began")) == GPUS, "steps on all GPUs", 180)
    wait_until(lambda: len(trainings.pods("Pending")) == 6 - GPUS, "pods that wait", 60)
    assert len(trainings.pods("Running")) == GPUS
    waiting = {f"train_{number}" for number in set(range(6)) - trainings.noted(dag_id, "began").keys()}
    for task in waiting:
        wait_until(
            lambda task=task: "Insufficient nvidia.com/gpu" in api.log(dag_id, run_id, task),  # type: ignore[misc]
            f"the scheduler's words in the log of {task}",
            60,
        )
    assert len(trainings.noted(dag_id, "began")) == GPUS

    (trainings.words / dag_id).touch()
    run = trainings.airflow.wait(dag_id, run_id, "success", 180)

    began, ended = trainings.noted(dag_id, "began"), trainings.noted(dag_id, "ended")
    assert began.keys() == ended.keys() == set(range(6))
    at_once = [sum(began[each] <= moment < ended[each] for each in began) for moment in began.values()]
    assert max(at_once) == GPUS
    assert [task.try_number for task in run.tasks.values()] == [1] * 6
    pods = [
        name for name in made.node.pod_starts(made.namespace) if name.startswith(dag_id.replace("_", "-"))
    ]
    assert len(pods) == 6


@pytest.fixture(scope="module")
def missing(trainings: Trainings) -> dict[str, tuple[str | None, str]]:
    """State and log of each task of the pipeline whose steps find no GPUs but one."""
    api, dag_id = trainings.airflow.api, "gpus_missing"
    run_id = api.trigger(dag_id)
    api.wait_for_run(dag_id, run_id, "failed", 180)
    return {
        name: (state, api.log(dag_id, run_id, name)) for name, state in api.states(dag_id, run_id).items()
    }


def test_a_step_that_asks_for_more_gpus_than_any_node_has_fails_in_the_schedulers_words(
    missing: dict[str, tuple[str | None, str]], trainings: Trainings
) -> None:
    state, log = missing["too_many"]
    assert state == "failed"
    assert re.search(
        r"step 'too_many', pod \S+: it found no node in 6 s: 0/1 nodes are available: 1 Insufficient "
        r"nvidia.com/gpu; ask for less, make room, or raise the operator argument schedule_timeout_seconds",
        log,
    ), log


def test_a_deferred_step_that_asks_for_too_many_gpus_fails_so_too(
    missing: dict[str, tuple[str | None, str]],
) -> None:
    state, log = missing["too_many_deferred"]
    assert state == "failed"
    assert re.search(
        r"step 'too_many_deferred', pod \S+: it did not start in 12 s .*: 0/1 nodes are available: 1 "
        r"Insufficient nvidia.com/gpu",
        log,
    ), log


@pytest.mark.parametrize("name", ["none_in_pod", "none_in_container"])
def test_a_step_that_finds_no_gpu_fails_before_its_own_code(
    missing: dict[str, tuple[str | None, str]], name: str
) -> None:
    state, log = missing[name]
    assert state == "failed"
    assert f"step '{name}' asked for 1 GPU and finds none: looked for /dev/nvidia0, " in log
    assert "this host has: device files: none" in log


def test_only_the_step_that_finds_its_gpu_runs(
    missing: dict[str, tuple[str | None, str]], trainings: Trainings
) -> None:
    assert missing["one_in_container"][0] == "success"
    assert trainings.made.project.noted("ran") == [["one"]]


def test_nothing_is_left_of_steps_that_found_no_gpu(
    missing: dict[str, tuple[str | None, str]], trainings: Trainings
) -> None:
    wait_until(
        lambda: not trainings.made.node.pods(namespace=trainings.made.namespace), "the end of pods", 40
    )
    assert trainings.made.docker.containers(f"pipes.test={trainings.made.label}") == []
