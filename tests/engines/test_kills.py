"""Kills, deaths and clears of tasks whose step runs in a container or a pod, as a running Airflow does them.

All steps start at once, each under a name of its own, and wait for a word of their test.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL
from airflow_provider_pipes.testing.airflow_api import RestError
from tests.airflow.harness import wait_until
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.shared_airflow import TOKEN, SharedAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.postgres]

DOCKER, POD = ENGINES = ("docker", "pod")
# By the name of each run, its step; all of them begin before the first test.
RUNS = {
    "marked": "killed",
    "deleted": "killed",
    "cleared": "killed",
    "ignoring": "deaf",
    "adopted": "survives",
    "finished": "survives",
    "failed": "survives",
}
RUNS_OF_PODS = {"collected": "survives", "drained": "survives"}
PIPELINES = ("killed", "deaf", "survives", "tells", "slow")
STEPS = """
    import os
    import signal
    import socket
    import time
    from datetime import timedelta
    from pathlib import Path

    from notes import note

    from airflow_provider_pipes import DockerSettings, pipeline, step

    SOON = {"retry_delay": timedelta(seconds=0.1)}
    SECRETS = DockerSettings(secrets={"TOKEN": "environment:TEST_TOKEN"})


    def on(operator):
        return {"orchestrator.airflow": {"operator": operator}}


    def started(name: str) -> None:
        note(name, "started", socket.gethostname())


    def wait_to_go(name: str) -> str:
        for _ in range(6000):
            file = Path(WORDS) / name
            if file.exists():
                return file.read_text()
            time.sleep(0.1)
        raise TimeoutError


    @step(cache=False)
    def killed(name: str) -> None:
        started(name)
        try:
            wait_to_go(name)
        finally:
            note(name, "finally", "")


    @step(cache=False)
    def deaf(name: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        started(name)
        wait_to_go(name)


    @step(cache=False, retries=1, **SOON)
    def survives(name: str) -> str:
        started(name)
        print("printed before the worker died")
        word = wait_to_go(name)
        print("printed after the worker died")
        if word == "die":
            os._exit(9)
        note(name, "done", "")
        return word


    @step(cache=False, docker=SECRETS)
    def tells(name: str) -> None:
        print("the secret is", os.environ["TOKEN"])
        note(name, os.environ["TOKEN"], "")


    @step(cache=False, execution_timeout=timedelta(seconds=45))
    def slow(name: str) -> None:
        started(name)
        wait_to_go(name)
"""
PIPELINE = """

    @pipeline(settings=on("{operator}"))
    def {engine}_{step}(name: str = "") -> None:
        {step}(name)
"""


@dataclass
class Run:
    """A run of a pipeline with one step, which notes under the run's own name.

    Attributes:
        engine: That the step runs on.
        step: Its name.
        label: Of its containers or pods, as NAME=VALUE, once it is at work.
        first: The id of its first container, or the name of its first pod.
    """

    airflow: SharedAirflow
    made: EngineProject
    engine: str
    step: str
    name: str
    run_id: str = ""
    label: str = field(default="", init=False)
    first: str = field(default="", init=False)

    @property
    def dag_id(self) -> str:
        return f"{self.engine}_{self.step}"

    def start(self) -> None:
        self.run_id = self.airflow.running.api.trigger(self.dag_id, {"name": self.name})

    def wait_until_at_work(self) -> None:
        api = self.airflow.running.api
        try:
            wait_until(lambda: self.noted(), f"{self.name} to start", 400)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{api.report(self.dag_id, self.run_id)}") from None
        if self.engine == DOCKER:
            (found,) = (each for each in self.made.containers() if each.id.startswith(self.hosts()[0]))
            self.first, labels = str(found.id), found.labels
        else:
            (pod,) = (each for each in self.made.pods() if each.metadata.name.startswith(self.hosts()[0]))
            self.first, labels = pod.metadata.name, pod.metadata.labels
        self.label = f"{STEP_RUN_LABEL}={labels[STEP_RUN_LABEL]}"

    def noted(self) -> list[str]:
        return [what for what, _ in self.made.project.noted(self.name)]

    def hosts(self) -> list[str]:
        """Return the name of each container or pod that the step began in."""
        return [host for what, host in self.made.project.noted(self.name) if what == "started"]

    def go(self, word: str = "on") -> None:
        """Let the step go on."""
        draft = words(self.made) / f".{self.name}"
        draft.write_text(word)
        draft.replace(words(self.made) / self.name)

    def log(self, attempt: int) -> str:
        """Return the log of an attempt, or nothing where there is none yet."""
        try:
            return self.airflow.running.log(self.dag_id, self.run_id, self.step, attempt)
        except RestError:
            return ""

    def wait(self, state: str = "success") -> None:
        """Wait for the end of the run."""
        self.airflow.running.wait(self.dag_id, self.run_id, state, 240)

    def live(self) -> list[str]:
        """Return the containers or pods that have not ended."""
        if self.engine == DOCKER:
            return [
                str(each.id) for each in self.made.docker.containers(self.label) if each.status == "running"
            ]
        return [each.metadata.name for each in self._pods() if each.status.phase in ("Pending", "Running")]

    def started(self) -> set[str]:
        """Return the containers that the engine started, or the pods that the scheduler saw."""
        if self.engine == DOCKER:
            name, _, value = self.label.partition("=")
            events = self.made.events("start")
            return {each["id"] for each in events if each["Actor"]["Attributes"].get(name) == value}
        # Every attempt at one execution has the same name but for the number.
        stem = self.first.rpartition("-")[0]
        return {each for each in self.made.created(self.dag_id) if each.rpartition("-")[0] == stem}

    def left(self) -> Sequence[Any]:
        if self.engine == DOCKER:
            return self.made.docker.containers(self.label)
        core = self.made.node.client()
        secrets: Any = core.list_namespaced_secret(self.made.namespace, label_selector=self.label)
        return [*self._pods(), *secrets.items]

    def wait_until_nothing_is_left(self) -> None:
        wait_until(lambda: not self.left(), f"the end of what {self.name} left", 120)

    def _pods(self) -> list[Any]:
        return self.made.node.pods(self.label, self.made.namespace)

    def kill_worker(self) -> str:
        """SIGKILL the process that runs the task, and the one that watches it; return the task instance."""
        instance = str(self.airflow.running.api.task(self.dag_id, self.run_id, self.step)["id"])
        child = wait_until(lambda: _process_titled(f"airflow worker -- {instance}"), "the task's process")
        parent = int(Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[1])
        for process in (parent, child):
            os.kill(process, signal.SIGKILL)
        return instance

    def end_while_no_worker_watches(self, word: str) -> str:
        """Kill the worker and let the step end; return the task instance, whose worker nobody misses yet."""
        instance = self.kill_worker()
        self.go(word)
        wait_until(lambda: not self.live(), f"the end of {self.name}", 120)
        return instance


def _process_titled(title: str) -> int | None:
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and (folder / "cmdline").read_bytes().decode().startswith(title):
                return int(folder.name)
    return None


def words(made: EngineProject) -> Path:
    # Below the store, which the containers and pods see.
    return made.project.store / "words"


@dataclass(frozen=True)
class Kills:
    """A running Airflow with the project.

    Attributes:
        runs: By name and engine; all are at work but the slow ones.
    """

    airflow: SharedAirflow
    made: EngineProject
    runs: dict[tuple[str, str], Run]

    def both(self, name: str) -> list[Run]:
        """Return a run on each engine."""
        return [self.runs[name, engine] for engine in ENGINES]


@pytest.fixture(scope="module")
def kills(
    tmp_path_factory: pytest.TempPathFactory,
    docker_engine: DockerEngine,
    kubernetes: KubernetesNode,
    airflow: SharedAirflow,
) -> Iterator[Kills]:
    folder = tmp_path_factory.mktemp("kills")
    with EngineProject.new(folder / "project", airflow.home, docker_engine, kubernetes) as made:
        operators = {DOCKER: "docker", POD: "kubernetes"}
        named = [(step, engine) for step in PIPELINES for engine in ENGINES]
        text = STEPS.replace("WORDS", repr(str(words(made))))
        text += "".join(PIPELINE.format(step=step, engine=of, operator=operators[of]) for step, of in named)
        made.project.write("steps.py", text)
        made.configure(docker={"network_mode": "none"}, kubernetes={"image_pull_policy": "Never"})
        words(made).mkdir()
        made.deploy(*(f"steps.py:{of}_{step}" for step, of in named))
        for step, of in named:
            airflow.running.api.unpause(f"{of}_{step}")
        first = _started(airflow, made, {**RUNS, "told": "tells"}, ENGINES)
        pods = _started(airflow, made, RUNS_OF_PODS, [POD])
        runs = {**first, **pods}
        _wait_until_at_work(runs)
        # By themselves, so that they begin well within their time.
        late = _started(airflow, made, {"late": "slow"}, ENGINES)
        _wait_until_at_work(late)
        yield Kills(airflow, made, {**runs, **late})


def _started(
    airflow: SharedAirflow, made: EngineProject, pipelines: Mapping[str, str], engines: Sequence[str]
) -> dict[tuple[str, str], Run]:
    found = {}
    for name, step in pipelines.items():
        for engine in engines:
            run = found[name, engine] = Run(airflow, made, engine, step, f"{name}-{engine}")
            run.start()
    return found


def _wait_until_at_work(runs: Mapping[tuple[str, str], Run]) -> None:
    for run in runs.values():
        if run.step == "tells":
            run.wait()
        else:
            run.wait_until_at_work()


def test_a_secret_is_masked_in_what_a_step_prints(kills: Kills) -> None:
    for run in kills.both("told"):
        assert run.noted() == [TOKEN]
        log = run.log(1)
        assert "the secret is ***" in log
        assert TOKEN not in log


def test_a_task_marked_failed_leaves_nothing_and_runs_finally_blocks(kills: Kills) -> None:
    runs = kills.both("marked")
    for run in runs:
        kills.airflow.running.api.set_task_state(run.dag_id, run.run_id, run.step, "failed")
    for run in runs:
        run.wait_until_nothing_is_left()
        assert run.noted() == ["started", "finally"]


def test_a_deleted_run_leaves_nothing(kills: Kills) -> None:
    runs = kills.both("deleted")
    for run in runs:
        # Airflow deletes no run that goes on; the interface fails it first.
        path = f"dags/{run.dag_id}/dagRuns/{run.run_id}"
        kills.airflow.running.api.request("PATCH", path, {"state": "failed"})
        kills.airflow.running.api.request("DELETE", path)
    for run in runs:
        run.wait_until_nothing_is_left()
        assert run.noted() == ["started", "finally"]


def test_a_container_that_ignores_sigterm_is_ended_too(kills: Kills) -> None:
    run = kills.runs["ignoring", DOCKER]
    kills.airflow.running.api.set_task_state(run.dag_id, run.run_id, "deaf", "failed")
    run.wait_until_nothing_is_left()
    asked, gone = (
        next(each["timeNano"] for each in kills.made.events(action) if each["id"] == run.first)
        for action in ("kill", "destroy")
    )
    assert (gone - asked) / 1e9 < 15
    assert run.noted() == ["started"]


def test_the_first_process_of_a_pod_that_ignores_sigterm_is_ended_too(kills: Kills) -> None:
    run = kills.runs["ignoring", POD]
    process = _process_in(run.first)
    kills.airflow.running.api.set_task_state(run.dag_id, run.run_id, "deaf", "failed")
    core, namespace = kills.made.node.client(), kills.made.namespace
    wait_until(
        lambda: core.read_namespaced_pod(run.first, namespace).metadata.deletion_timestamp, "the deletion", 60
    )
    began = time.monotonic()
    wait_until(lambda: not process.exists(), "the end of the process", 60)
    # Kubernetes itself would give it 30 s.
    assert time.monotonic() - began < 20
    run.wait_until_nothing_is_left()
    assert run.noted() == ["started"]


def _process_in(host: str) -> Path:
    """Return the folder in /proc of the step's process in a pod."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
            if b"step_operator_entrypoint" not in command:
                continue
            if f"HOSTNAME={host}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                return folder
    raise AssertionError(f"no process runs in {host}")


def test_a_task_cleared_while_it_runs_starts_anew_and_leaves_nothing(kills: Kills) -> None:
    runs = kills.both("cleared")
    for run in runs:
        kills.airflow.running.api.clear(run.dag_id, run.run_id)
    for run in runs:
        wait_until(lambda of=run: len(of.hosts()) == 2, f"the second attempt of {run.name}", 240)  # type: ignore[misc]
        assert run.first not in run.live()
        run.go()
    for run in runs:
        run.wait()
        run.wait_until_nothing_is_left()
        assert run.noted() == ["started", "finally", "started", "finally"]


def test_a_retry_goes_on_with_what_a_worker_left_that_died(kills: Kills) -> None:
    runs = kills.both("adopted")
    for run in runs:
        kills.airflow.forget_worker(run.kill_worker())
    for run in runs:
        wait_until(lambda of=run: "going on with it" in of.log(2), f"the retry of {run.name}", 240)  # type: ignore[misc]
        run.go()
    for run in runs:
        run.wait()
        assert run.noted() == ["started", "done"]
        assert run.started() == {run.first}
        log = run.log(2)
        assert "printed before the worker died" in log
        assert "printed after the worker died" in log
        run.wait_until_nothing_is_left()


def test_what_succeeded_while_no_worker_watched_is_not_run_again(kills: Kills) -> None:
    runs = kills.both("finished")
    for run in runs:
        kills.airflow.forget_worker(run.end_while_no_worker_watches("on"))
    for run in runs:
        run.wait()
        assert run.noted() == ["started", "done"]
        assert run.started() == {run.first}
        run.wait_until_nothing_is_left()


def test_a_pod_that_succeeded_and_is_gone_is_not_run_again(kills: Kills) -> None:
    run = kills.runs["collected", POD]
    instance = run.end_while_no_worker_watches("on")
    core = kills.made.node.client()
    assert core.read_namespaced_pod(run.first, kills.made.namespace).status.phase == "Succeeded"
    core.delete_namespaced_pod(run.first, kills.made.namespace)
    wait_until(lambda: not run.left(), "the end of the pod", 120)
    kills.airflow.forget_worker(instance)
    run.wait()
    assert run.noted() == ["started", "done"]
    assert run.started() == {run.first}


def test_what_failed_while_no_worker_watched_is_followed_by_another(kills: Kills) -> None:
    runs = kills.both("failed")
    for run in runs:
        kills.airflow.forget_worker(run.end_while_no_worker_watches("die"))
    told = {
        DOCKER: "ended while no worker watched it: step 'survives': its Docker container exited with 9",
        POD: "it exited with 9",
    }
    for run in runs:
        run.wait("failed")
        assert run.noted() == ["started", "started"]
        assert len(run.started()) == 2
        assert told[run.engine] in run.log(2)
        run.wait_until_nothing_is_left()


def test_a_pod_that_somebody_deletes_fails_the_attempt_and_the_retry_succeeds(kills: Kills) -> None:
    run = kills.runs["drained", POD]
    kills.made.node.client().delete_namespaced_pod(run.first, kills.made.namespace)
    wait_until(lambda: run.noted() == ["started", "started"], "the retry", 240)
    run.go()
    run.wait()
    # Its end may be seen before it is gone.
    log = run.log(1)
    assert "something else than its task" in log or "143" in log
    run.wait_until_nothing_is_left()


def test_a_step_that_outlives_its_timeout_leaves_nothing(kills: Kills) -> None:
    for run in kills.both("late"):
        run.wait("failed")
        run.wait_until_nothing_is_left()
        assert run.noted() == ["started"]
