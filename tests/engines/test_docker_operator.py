"""Steps in Docker containers, run by Airflow's own ``dag.test()`` on a real engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.airflow.harness import AirflowHome, DagRunRequest, DagRunResult
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.parallel_runs import logs_by_dag, run_in_parallel

pytestmark = [pytest.mark.airflow]

SECRET = "s3cr3t-of-the-docker-tests"
STEPS = """
    import os
    import signal
    import sys
    import time
    from datetime import timedelta
    from pathlib import Path

    from notes import note

    from airflow_provider_pipes import (
        DockerSettings,
        FailWithoutRetry,
        ResourceSettings,
        SkipStep,
        pipeline,
        step,
    )

    SOON = {"retries": 2, "retry_delay": timedelta(seconds=0.1)}


    @step
    def load() -> int:
        note("load", os.getpid(), os.getuid())
        return 41


    @step
    def add(number: int) -> int:
        note("add", number)
        return number + 1


    @pipeline
    def chain() -> None:
        add(load())


    @step(resources=ResourceSettings(memory="100MB"))
    def hungry() -> None:
        print("the last words")
        kept = [bytearray(10_000_000) for _ in range(30)]
        note("hungry", len(kept))


    @step
    def exits() -> None:
        os._exit(3)


    @step
    def raises() -> None:
        raise ValueError("the table is empty")


    @step(**SOON)
    def skips() -> None:
        raise SkipStep("nothing new since yesterday")


    @step(**SOON)
    def refuses() -> None:
        note("refuses")
        raise FailWithoutRetry("there is no such table")


    @step(resources=ResourceSettings(gpu_count=1))
    def wants_a_gpu() -> None:
        note("wants_a_gpu")


    @step(resources=ResourceSettings(cpu_count=1000))
    def wants_too_many() -> None:
        note("wants_too_many")


    @pipeline
    def endings() -> None:
        hungry()
        exits()
        raises()
        skips()
        refuses()
        wants_a_gpu()
        wants_too_many()


    @step(execution_timeout=timedelta(seconds=4))
    def is_slow() -> None:
        note("is_slow", "started")
        try:
            time.sleep(120)
        finally:
            note("is_slow", "finally")


    @step(execution_timeout=timedelta(seconds=4))
    def is_deaf() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("is_deaf", "started")
        time.sleep(120)


    @pipeline
    def late() -> None:
        is_slow()
        is_deaf()


    @step
    def talks(lines: int = 100_000) -> None:
        for number in range(lines):
            print("line", number, "of the long output")


    @pipeline
    def talking() -> None:
        talks()


    def read(*paths: str) -> str:
        return next(Path(each).read_text().strip() for each in paths if Path(each).exists())


    @step(resources=ResourceSettings(cpu_count=0.5, memory="256MiB", shm_size="32MiB"))
    def is_limited() -> None:
        shm = os.statvfs("/dev/shm")
        note(
            "is_limited",
            read("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
            int(read("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")),
            shm.f_blocks * shm.f_frsize,
        )


    @step(
        docker=DockerSettings(
            environment={"PLAIN": "{{ 7 * 7 }} $(HOME)"}, secrets={"TOKEN": "environment:TEST_SECRET"}
        )
    )
    def knows() -> None:
        note("knows", os.environ["PLAIN"], len(os.environ["TOKEN"]))


    @pipeline
    def given() -> None:
        is_limited()
        knows()


    @step(**SOON)
    def fails_once() -> int:
        from notes import count

        note("fails_once", count("fails_once"))
        if count("fails_once") == 1:
            sys.exit(17)
        return 1


    def engine(**arguments):
        return {"orchestrator.airflow": {"operator_args": arguments}}


    @pipeline(settings=engine(auto_remove="success"))
    def kept() -> None:
        fails_once()


    @step
    def simple() -> None:
        note("simple")


    @pipeline(docker=DockerSettings(skip_build=True, image="127.0.0.1:9/no/such:image"))
    def unpullable() -> None:
        simple()


    @pipeline(settings=engine(docker_url="unix:///nowhere/docker.sock"))
    def unreachable() -> None:
        simple()


    @pipeline(settings=engine(entrypoint="pithon"))
    def without_python() -> None:
        simple()


    @pipeline(settings=engine(mounts=[{"Type": "bind", "Source": "/no/such/folder", "Target": "/data"}]))
    def unmountable() -> None:
        simple()


    @pipeline(settings=engine(entrypoint=["sh", "-c", "exit 42"], skip_on_exit_code=42))
    def skipped_by_code() -> None:
        simple()
"""
REFUSED = ("unpullable", "unreachable", "without_python", "unmountable", "skipped_by_code")
# Those of a group run one after another, the groups beside each other.
GROUPS = (("chain", "given", "endings", "chain"), ("late", "talking", "kept", *REFUSED))


@dataclass(frozen=True)
class Finished:
    """Runs of all pipelines of ``STEPS``.

    Attributes:
        runs: The first of each.
        again: The second of "chain".
    """

    made: EngineProject
    home: AirflowHome
    runs: dict[str, DagRunResult]
    again: DagRunResult

    def failure(self, pipeline: str, step: str) -> dict[str, Any]:
        (found,) = self.made.project.documents(f"runs/{pipeline}/*/{step}/*/failure-*.json")
        return found

    def noted(self, first: str) -> list[list[Any]]:
        return self.made.project.noted(first)

    def lifetime(self, step: str) -> float:
        """Return the seconds between the start of a step's container and its removal."""
        moments = []
        for action in ("start", "destroy"):
            named = [
                each["timeNano"]
                for each in self.made.events(action)
                if f"-{step}-" in each["Actor"]["Attributes"]["name"]
            ]
            assert len(named) == 1, f"{action} of {step}: {named}"
            moments += named
        return float(moments[1] - moments[0]) / 1e9


@pytest.fixture(scope="module")
def finished(
    docker_engine: DockerEngine, kubernetes: KubernetesNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("docker")
    home = AirflowHome.ready(folder / "airflow").with_environment({"TEST_SECRET": SECRET})
    with EngineProject.new(folder / "project", home, docker_engine, kubernetes) as made:
        made.project.write("steps.py", STEPS)
        made.configure({"operator": "docker"}, {"network_mode": "none"})
        made.deploy(*(f"steps.py:{name}" for name in {*GROUPS[0], *GROUPS[1]}))
        runs = run_in_parallel(home, [[DagRunRequest(name) for name in group] for group in GROUPS])
        again = [each for each in runs if each.dag_id == "chain"][1]
        yield Finished(made, home, {each.dag_id: each for each in reversed(runs)}, again)


def test_a_step_gets_what_the_step_before_it_gave(finished: Finished) -> None:
    run = finished.runs["chain"].check()
    assert run.output("add") == 42
    ((_, user),) = finished.noted("load")
    assert user == finished.made.project.store.stat().st_uid
    assert finished.noted("add") == [[41]]


def test_a_second_run_takes_all_from_the_cache_and_starts_no_container(finished: Finished) -> None:
    assert finished.again.check().output("add") == 42
    assert logs_by_dag([finished.again])["chain"].count("Cache hit") == 2
    names = [each["Actor"]["Attributes"]["name"] for each in finished.made.events()]
    started = [name for name in names if name.startswith(("pipes-load-", "pipes-add-"))]
    assert len(started) == 2, "those of the first run"


def test_no_container_is_left_but_one_that_shall_be_kept(finished: Finished) -> None:
    names = [str(each.name) for each in finished.made.containers()]
    assert [re.sub("-[0-9a-f]{20}-[0-9a-f]{12}$", "", name) for name in names] == ["pipes-fails_once"]
    assert finished.runs["kept"].tasks["fails_once"].try_number == 2
    assert finished.noted("fails_once") == [[0], [1]]


def test_a_step_killed_for_memory_says_what_it_asked_for_and_what_to_raise(finished: Finished) -> None:
    failure = finished.failure("endings", "hungry")
    assert failure["message"] == (
        "step 'hungry': its Docker container exited with 137: the kernel killed it for memory: it asked for "
        "memory='100MB' and may use 100 MB; raise it: @step(resources=ResourceSettings(memory=…)); "
        "its last line: the last words"
    )
    assert failure["message"] in finished.runs["endings"].log
    assert finished.noted("hungry") == []


def test_an_exit_code_is_told(finished: Finished) -> None:
    said = "container exited with 3: something in the process ended it, as os._exit does"
    assert finished.failure("endings", "exits")["message"].endswith(said)
    assert finished.failure("endings", "exits")["traceback"] == ""


def test_what_the_step_raised_is_told(finished: Finished) -> None:
    assert finished.failure("endings", "raises")["message"] == "the table is empty"
    said = "step 'raises', run by a Docker container, raised ValueError: the table is empty"
    assert said in finished.runs["endings"].log


def test_a_skip_and_a_failure_without_retry_are_airflows(finished: Finished) -> None:
    tasks = finished.runs["endings"].tasks
    assert (tasks["skips"].state, tasks["skips"].try_number) == ("skipped", 1)
    assert (tasks["refuses"].state, tasks["refuses"].try_number) == ("failed", 1)
    assert finished.noted("refuses") == [[]]
    assert "there is no such table" in finished.runs["endings"].log


def test_a_missing_gpu_driver_is_told_with_what_to_do(finished: Finished) -> None:
    message = finished.failure("endings", "wants_a_gpu")["message"]
    assert message.startswith("step 'wants_a_gpu': it asks for gpu_count=1, and the Docker engine at unix://")
    assert "install the NVIDIA Container Toolkit" in message
    assert finished.noted("wants_a_gpu") == []


def test_what_the_engine_refuses_is_told_in_its_words(finished: Finished) -> None:
    message = finished.failure("endings", "wants_too_many")["message"]
    assert "the Docker engine refused its container: Range of CPUs is from 0.01" in message


def test_the_execution_timeout_ends_the_container_and_its_finally_blocks_run(finished: Finished) -> None:
    assert finished.noted("is_slow") == [["started"], ["finally"]]
    assert finished.runs["late"].tasks["is_slow"].state == "failed"
    assert finished.lifetime("is_slow") < 4 + 10


def test_a_command_that_ignores_sigterm_is_ended_all_the_same(finished: Finished) -> None:
    assert finished.noted("is_deaf") == [["started"]]
    assert finished.lifetime("is_deaf") < 4 + 10


def test_all_of_a_long_output_is_in_the_log(finished: Finished) -> None:
    run = finished.runs["talking"].check()
    found = re.findall(r"line (\d+) of the long output", run.log)
    assert found == [str(number) for number in range(100_000)]


def test_the_steps_resources_are_limits_of_its_container(finished: Finished) -> None:
    finished.runs["given"].check()
    ((cpu, memory, shm),) = finished.noted("is_limited")
    assert cpu.split()[0] == "50000"
    assert memory == 256 * 1024**2
    assert shm == 32 * 1024**2


def test_variables_arrive_as_they_were_written(finished: Finished) -> None:
    assert finished.noted("knows") == [["{{ 7 * 7 }} $(HOME)", len(SECRET)]]


def test_a_secret_reaches_the_step_and_nothing_that_airflow_keeps(finished: Finished) -> None:
    home = finished.home
    for table in ("rendered_task_instance_fields", "xcom", "serialized_dag", "task_instance"):
        rows = home.rows(f"SELECT * FROM {table}")
        assert rows
        assert SECRET not in json.dumps(rows, default=str)
    files = [each for each in finished.made.project.root.rglob("*") if each.is_file()]
    assert [each for each in files if SECRET.encode() in each.read_bytes()] == []


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (
            "unpullable",
            r"^step 'simple': image '127\.0\.0\.1:9/no/such:image' is not on the Docker engine and ",
        ),
        (
            "unreachable",
            r"^step 'simple': no Docker engine answers at unix:///nowhere/docker.sock \(.*\); is it",
        ),
        ("without_python", r"^step 'simple': image 'airflow-pipes/\S+' has no `python` on its PATH \("),
        ("unmountable", r"^step 'simple': the Docker engine at \S+ has no such folder \(.*/no/such/folder"),
    ],
)
def test_a_container_that_cannot_start_is_one_sentence(finished: Finished, pipeline: str, said: str) -> None:
    assert finished.runs[pipeline].states == {"simple": "failed"}
    message = finished.failure(pipeline, "simple")["message"]
    assert re.search(said, message), message
    assert "\n" not in message


def test_an_exit_code_that_the_user_names_skips_the_task(finished: Finished) -> None:
    assert finished.runs["skipped_by_code"].states == {"simple": "skipped"}
