"""Steps in pods that the triggerer waits for: a whole Airflow on PostgreSQL, on a real node.

Most pipelines start at once, before the first test, and their tests find them at work.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.harness import AirflowHome, wait_until
from tests.airflow.rest import RestError
from tests.engines.api_proxy import ApiProxy, api_proxy
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.shared_airflow import SharedAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.postgres]

LATE_SECONDS = 40
STEPS = """
    import time
    from datetime import timedelta
    from pathlib import Path

    from arguments import ARGUMENTS
    from notes import note

    from airflow_provider_pipes import DockerSettings, pipeline, step


    def pods(name):
        return {"orchestrator.airflow": {"operator_args": ARGUMENTS.get(name, {})}}


    UNPULLABLE = DockerSettings(skip_build=True, image="127.0.0.1:9/nothing/here:1")


    @step
    def quick(number: int) -> int:
        print("said by the step: ä", number)
        note("quick", number)
        return number + 1


    @step
    def broken() -> None:
        print("the last words")
        raise ValueError("no such thing")


    @step(cache=False)
    def slow(name: str) -> None:
        note(name)
        print("the slow step began")
        time.sleep(900)
        note(name, "ended")


    @step(cache=False, retries=1, retry_delay=timedelta(seconds=0.1))
    def patient(name: str) -> None:
        note(name)
        for _ in range(9000):
            if Path(WORDS, name).exists():
                return
            time.sleep(0.1)
        raise TimeoutError


    @step(cache=False)
    def greedy() -> None:
        note("greedy")


    @pipeline
    def deferred_again(number: int = 1) -> None:
        quick(number)


    @pipeline(docker=UNPULLABLE)
    def deferred_unpullable(number: int = 7) -> None:
        quick(number)


    @pipeline(settings=pods("no_secret"))
    def deferred_no_secret(number: int = 8) -> None:
        quick(number)


    @pipeline
    def deferred_broken() -> None:
        broken()


    @pipeline(settings=pods("greedy"))
    def deferred_greedy() -> None:
        greedy()


    @pipeline
    def deferred_late(name: str = "") -> None:
        slow.with_options(execution_timeout=timedelta(seconds=LATE))(name)
"""
PIPELINE = """

    @pipeline(settings=pods("{name}"))
    def deferred_{name}(name: str = "") -> None:
        {step}(name)
"""
# The step of each pipeline; those at work note their own name, which is their argument.
AT_WORK = {
    "marked_failed": "slow",
    "marked_success": "slow",
    "deleted": "slow",
    "cleared": "slow",
    "drained": "slow",
    "unreached": "patient",
    "collected": "patient",
    "moved": "patient",
}
AT_ONCE = {
    "again": "quick",
    "unpullable": "quick",
    "no_secret": "quick",
    "broken": "broken",
    "greedy": "greedy",
    "dying": "patient",
}
LATE = {"late": "slow"}
# At the end of a DAG file: lets its first worker die between the pod's mark and the deferral.
DYING = """

import os
import signal
from pathlib import Path

_defer = StepKubernetesPodOperator.defer


def _die_once(self, **arguments):
    marker = Path("{marker}")
    if marker.exists():
        marker.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    _defer(self, **arguments)


StepKubernetesPodOperator.defer = _die_once
"""


@dataclass
class Flow:
    """A run of a pipeline of one step.

    Attributes:
        pod: Of a step that is at work.
    """

    shared: SharedAirflow
    made: EngineProject
    name: str
    step: str
    run_id: str = field(default="", init=False)
    pod: Any = field(default=None, init=False)

    @property
    def dag_id(self) -> str:
        return f"deferred_{self.name}"

    def start(self) -> None:
        at_work = self.step in ("slow", "patient")
        self.run_id = self.shared.running.trigger(self.dag_id, {"name": self.name} if at_work else None)

    def wait_until_at_work(self) -> None:
        """Wait until the task is deferred and the step at work."""
        self.shared.running.api.wait_for_task(self.dag_id, self.run_id, self.step, ["deferred"], 400)
        self.made.wait_for_note(self.name, 400)
        self.pod = wait_until(self._running_pod, f"the pod of {self.name} to run")

    def _running_pod(self) -> Any:
        return next((each for each in self.made.pods(self.dag_id) if each.status.phase == "Running"), None)

    def noted(self) -> list[list[Any]]:
        return self.made.project.noted(self.name)

    def go(self) -> None:
        """Let a patient step end."""
        (words(self.made) / self.name).touch()

    def end(self, state: str) -> None:
        self.shared.running.wait(self.dag_id, self.run_id, state, 240)

    def mark(self, state: str) -> None:
        self.shared.running.api.set_task_state(self.dag_id, self.run_id, self.step, state)

    def log(self, try_number: int = 1) -> str:
        return self.shared.running.log(self.dag_id, self.run_id, self.step, try_number)

    def wait_for_log(self, *words: str) -> str:
        """Wait until the log has some words, and return it; it comes in pieces, from two processes."""
        for each in words:
            wait_until(lambda said=each: said in self.log(), f"{each!r} in the log", 120)  # type: ignore[misc]
        return self.log()

    def wait_until_nothing_is_left(self) -> None:
        self.made.wait_until_nothing_is_left(self.dag_id)

    def triggerer(self) -> int | None:
        """Return the number of the triggerer that has the task's trigger."""
        query = "select triggerer_id from trigger join task_instance as task on task.trigger_id = trigger.id"
        found = self.shared.home.rows(f"{query} where task.dag_id = '{self.dag_id}'")
        return found[0]["triggerer_id"] if found else None

    def log_of(self, *triggerers: int) -> str:
        """Return what some triggerers say of the task, and all of them of nothing in particular."""
        home = self.shared.home.path
        files = [
            file for each in triggerers for file in home.glob(f"logs/dag_id={self.dag_id}/**/*.{each}.log")
        ]
        return "".join(file.read_text() for file in [*files, *home.glob("triggerer-*.log")])


def words(made: EngineProject) -> Path:
    # Below the store, which the pods see.
    return made.project.store / "words"


@dataclass(frozen=True)
class Flows:
    """The flows, all begun; those of ``AT_WORK`` are at work.

    Attributes:
        proxy: The way to the API server of "unreached".
    """

    shared: SharedAirflow
    made: EngineProject
    proxy: ApiProxy
    by_name: Mapping[str, Flow]
    marker: Path

    def __getitem__(self, name: str) -> Flow:
        return self.by_name[name]


@pytest.fixture(scope="module")
def flows(
    tmp_path_factory: pytest.TempPathFactory,
    docker_engine: DockerEngine,
    kubernetes: KubernetesNode,
    airflow: SharedAirflow,
) -> Iterator[Flows]:
    folder = tmp_path_factory.mktemp("deferrable")
    pipelines = {**AT_WORK, **AT_ONCE, **LATE}
    with (
        EngineProject.new(folder / "project", airflow.home, docker_engine, kubernetes) as made,
        api_proxy(kubernetes.kubeconfig, folder) as proxy,
    ):
        marker = folder / "die"
        marker.touch()
        _write(made, proxy)
        made.deploy(*(f"steps.py:deferred_{name}" for name in pipelines))
        with (airflow.home.dags_folder / "deferred_dying.py").open("a") as file:
            file.write(DYING.replace("{marker}", str(marker)))
        for name in pipelines:
            airflow.running.api.unpause(f"deferred_{name}")
        found = {name: Flow(airflow, made, name, step) for name, step in pipelines.items()}
        _start(found, [*AT_WORK, *AT_ONCE], AT_WORK)
        # By itself, so that it begins well within its time.
        _start(found, LATE, LATE)
        yield Flows(airflow, made, proxy, found, marker)
        _end_pods(made)


def _write(made: EngineProject, proxy: ApiProxy) -> None:
    arguments = {
        "no_secret": {"env_from": [{"secretRef": {"name": "absent"}}]},
        "greedy": {"container_resources": {"limits": {"nvidia.com/gpu": "99"}}},
        "unreached": {"config_file": str(proxy.kubeconfig)},
    }
    made.project.write("arguments.py", f"ARGUMENTS = {arguments!r}\n")
    named = {**AT_WORK, "dying": AT_ONCE["dying"]}
    text = STEPS + "".join(PIPELINE.format(name=name, step=step) for name, step in named.items())
    text = text.replace("seconds=LATE", f"seconds={LATE_SECONDS}").replace("WORDS", repr(str(words(made))))
    made.project.write("steps.py", text)
    made.configure({"operator": "kubernetes"}, kubernetes={"deferrable": True})
    words(made).mkdir()


def _start(flows: Mapping[str, Flow], names: Iterable[str], at_work: Iterable[str]) -> None:
    for name in names:
        flows[name].start()
    for name in at_work:
        flows[name].wait_until_at_work()


def _end_pods(made: EngineProject) -> None:
    core = made.node.client()
    for pod in made.pods():
        core.delete_namespaced_pod(pod.metadata.name, made.namespace, grace_period_seconds=0)


def test_a_deferred_step_succeeds_and_its_second_run_starts_no_pod(flows: Flows) -> None:
    flow = flows["again"]
    flow.end("success")
    log = flow.wait_for_log("Waiting in the triggerer for pod", "ended with exit code 0", "said by the step")
    assert log.count("said by the step: ä 1") == 1
    created = flow.made.created(flow.dag_id)
    assert len(created) == 1
    references = flow.shared.running.api.xcom(flow.dag_id, flow.run_id, "quick")
    assert references["output"]["sha256"]
    flow.wait_until_nothing_is_left()
    flow.start()
    flow.end("success")
    flow.wait_for_log("Cache hit")
    assert flow.made.created(flow.dag_id) == created
    assert flow.made.project.noted("quick") == [[1]]


def test_what_the_step_raised_is_in_the_log_and_its_pod_is_gone(flows: Flows) -> None:
    flow = flows["broken"]
    flow.end("failed")
    flow.wait_for_log("the last words", "ValueError: no such thing")
    flow.wait_until_nothing_is_left()


def test_marking_the_task_ends_its_pod(flows: Flows) -> None:
    for state in ("failed", "success"):
        flows[f"marked_{state}"].mark(state)
    for state in ("failed", "success"):
        flows[f"marked_{state}"].wait_until_nothing_is_left()
        assert flows[f"marked_{state}"].noted() == [[]]


def test_deleting_the_run_ends_its_pod(flows: Flows) -> None:
    flow, api = flows["deleted"], flows.shared.running.api
    run = f"dags/{flow.dag_id}/dagRuns/{flow.run_id.replace('+', '%2B')}"
    with pytest.raises(RestError, match="cannot be deleted in running state"):
        api.request("DELETE", run)
    # So this is how a user does it; the triggerer sees no more of it than that it is gone.
    api.request("PATCH", run, {"state": "failed"})
    api.request("DELETE", run)
    flow.wait_until_nothing_is_left()


def test_clearing_the_task_ends_its_pod_and_runs_the_step_again(flows: Flows) -> None:
    flow, first = flows["cleared"], flows["cleared"].pod.metadata.uid
    flow.shared.running.api.clear(flow.dag_id, flow.run_id, ["slow"])
    wait_until(lambda: len(flow.noted()) == 2, "the second run of the step", 240)
    wait_until(lambda: first not in [pod.metadata.uid for pod in flow.made.pods(flow.dag_id)], "its end", 120)
    time.sleep(5)  # A late end of the first attempt must not reach the second's pod.
    (pod,) = flow.made.pods(flow.dag_id)
    assert pod.status.phase == "Running"
    assert pod.metadata.deletion_timestamp is None
    flow.mark("failed")
    flow.wait_until_nothing_is_left()


def test_the_schedulers_own_words_reach_the_log_while_the_task_is_deferred(flows: Flows) -> None:
    flow = flows["greedy"]
    flow.wait_for_log("Insufficient nvidia.com/gpu")
    assert flow.shared.running.api.task(flow.dag_id, flow.run_id, "greedy")["state"] == "deferred"
    flow.mark("failed")
    flow.wait_until_nothing_is_left()


def test_an_image_that_cannot_be_pulled_fails_the_task(flows: Flows) -> None:
    flow = flows["unpullable"]
    flow.end("failed")
    flow.wait_for_log("can't be pulled")
    flow.wait_until_nothing_is_left()


def test_a_secret_of_the_cluster_that_is_missing_fails_the_task_soon(flows: Flows) -> None:
    flow = flows["no_secret"]
    flow.end("failed")
    log = flow.wait_for_log("its container can't start", 'secret "absent" not found')
    # As what waits until the time to start is over is told.
    assert "did not start in" not in log
    flow.wait_until_nothing_is_left()


def test_a_retry_goes_on_with_the_pod_of_a_worker_that_died_as_it_was_about_to_defer(flows: Flows) -> None:
    flow = flows["dying"]
    wait_until(lambda: not flows.marker.exists(), "the worker's death", 240)
    flow.wait_until_at_work()
    flow.go()
    flow.end("success")
    assert flow.shared.running.api.task(flow.dag_id, flow.run_id, "patient")["try_number"] == 2
    assert "going on with it" in flow.log(2)
    assert flow.noted() == [[]]
    assert len(flow.made.created(flow.dag_id)) == 1


def test_an_api_server_that_is_away_for_a_while_fails_no_deferred_step(flows: Flows) -> None:
    flow = flows["unreached"]
    flows.proxy.refuse()
    try:
        flow.wait_for_log("does not answer, trying on for 600 s")
    finally:
        flows.proxy.return_()
    flow.go()
    flow.end("success")
    assert flow.noted() == [[]]
    assert len(flow.made.created(flow.dag_id)) == 1


def test_a_pod_deleted_behind_the_tasks_back_says_so(flows: Flows) -> None:
    flow = flows["drained"]
    core = flow.made.node.client()
    core.delete_namespaced_pod(flow.pod.metadata.name, flow.made.namespace, grace_period_seconds=0)
    flow.end("failed")
    flow.wait_for_log("something else than its task deleted it")


def test_a_pod_collected_after_its_success_before_the_task_resumes_is_no_failure(flows: Flows) -> None:
    flow = flows["collected"]
    name, namespace, core = flow.pod.metadata.name, flow.made.namespace, flow.made.node.client()
    triggerers = processes_of(flow.shared.home, "triggerer")
    signal_all(triggerers, signal.SIGSTOP)
    try:
        flow.go()
        ended = f"the end of {name}"
        wait_until(lambda: core.read_namespaced_pod(name, namespace).status.phase == "Succeeded", ended, 60)
        core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
    finally:
        signal_all(triggerers, signal.SIGCONT)
    flow.end("success")
    assert flow.noted() == [[]]


def test_airflows_database_has_no_secret_of_the_cluster(flows: Flows) -> None:
    code = """
        import json
        from airflow.models.trigger import Trigger
        from airflow.utils.session import create_session
        with create_session() as session:
            for each in session.query(Trigger):
                print("KWARGS" + json.dumps(each.kwargs))
    """
    answer = flows.shared.home.python(code).stdout
    texts = [line[6:] for line in answer.splitlines() if line.startswith("KWARGS")]
    assert any(flows["moved"].pod.metadata.name in text for text in texts), texts
    for text in texts:
        assert len(text) < 1200
        for word in ("key-data", "BEGIN", "LS0t", "password", "clusters"):
            assert word not in text


def test_a_step_beyond_its_time_is_ended_and_says_how_long_it_queued_and_ran(flows: Flows) -> None:
    flow = flows["late"]
    # For when nobody is there to end it.
    assert flow.pod.spec.active_deadline_seconds == LATE_SECONDS + 120 + 60
    flow.end("failed")
    flow.wait_for_log(f"execution_timeout 0:00:{LATE_SECONDS}", "it was queued for", "the slow step began")
    flow.wait_until_nothing_is_left()
    assert flow.noted() == [[]]


def test_a_step_moves_between_triggerers_that_stall_and_die_and_none_ends_it(flows: Flows) -> None:
    flow, home = flows["moved"], flows.shared.home
    first = wait_until(flow.triggerer, "the first triggerer")
    stalled = processes_of(home, "triggerer")
    signal_all(stalled, signal.SIGSTOP)
    try:
        with another_triggerer(home) as (second, process):
            wait_until(lambda: "runs on node" in flow.log_of(second), "the second triggerer at work", 180)
            signal_all(stalled, signal.SIGCONT)
            # Whichever of them is told that the trigger is no longer its own.
            told = "its task still waits for it, in another triggerer"
            wait_until(lambda: told in flow.log_of(first, second), "the guard", 180)
            assert flow.triggerer() == second
            os.killpg(process.pid, signal.SIGKILL)
            wait_until(lambda: flow.triggerer() == first, "the move back", 180)
            flow.go()
            flow.end("success")
    finally:
        signal_all(stalled, signal.SIGCONT)
    assert flow.noted() == [[]]
    assert len(flow.made.created(flow.dag_id)) == 1


def processes_of(home: AirflowHome, what: str) -> list[int]:
    """Return the processes of an Airflow whose title or command has a word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"AIRFLOW_HOME={home.path}".encode() in environment.split(b"\0") and what.encode() in command:
            found.append(int(folder.name))
    return found


def signal_all(processes: list[int], number: int) -> None:
    for process in processes:
        os.kill(process, number)


def last_triggerer(home: AirflowHome) -> int:
    (row,) = home.rows("select max(id) as id from job where job_type = 'TriggererJob'")
    return int(row["id"])


@contextmanager
def another_triggerer(home: AirflowHome) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run one more triggerer; give its number, and its process, which leads a group."""
    before = last_triggerer(home)
    log = (home.path / f"triggerer-{time.monotonic_ns()}.log").open("w")
    command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"]
    with (
        log,
        subprocess.Popen(command, env=home.env, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        try:
            wait_until(lambda: last_triggerer(home) > before, "the triggerer", 180)
            yield last_triggerer(home), process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
