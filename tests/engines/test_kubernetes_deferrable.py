"""Steps in pods that the triggerer waits for: a whole Airflow on PostgreSQL, on a real node."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.harness import AirflowHome, PostgresDatabase, wait_until
from tests.airflow.rest import RestError
from tests.airflow.running import RunningAirflow, run_airflow
from tests.engines.api_proxy import api_proxy
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.step_image import KubernetesProject, kubernetes_step_image
from tests.postgres import postgres_server

pytestmark = [pytest.mark.airflow, pytest.mark.postgres]

# A triggerer that says nothing for this long is taken for dead.
_HEALTH_SECONDS = 15
_SETTINGS = {
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(_HEALTH_SECONDS),
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
}

STEPS = """
    import time
    from datetime import timedelta
    from pathlib import Path

    from notes import note

    from airflow_provider_pipes import pipeline, step


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
    def slow(seconds: int) -> int:
        note("slow")
        print("the slow step began")
        time.sleep(seconds)
        note("slow ended")
        return seconds


    @step(cache=False, retries=1, retry_delay=timedelta(seconds=0.1))
    def patient(file: str) -> None:
        note("patient")
        for _ in range(3000):
            if Path(file).exists():
                return
            time.sleep(0.1)
        raise TimeoutError


    @step(cache=False)
    def greedy() -> None:
        note("greedy")


    @pipeline
    def {prefix}_quick(number: int = 1) -> None:
        quick(number)


    @pipeline
    def {prefix}_broken() -> None:
        broken()


    @pipeline
    def {prefix}_slow(seconds: int = 300) -> None:
        slow(seconds)


    @pipeline
    def {prefix}_patient(file: str = "") -> None:
        patient(file)


    @pipeline
    def {prefix}_greedy() -> None:
        greedy()
"""

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


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAirflow]:
    with postgres_server() as server:
        server.create_database("airflow")
        folder = tmp_path_factory.mktemp("deferrable") / "airflow"
        home = AirflowHome(folder, PostgresDatabase(server, "airflow"), _SETTINGS)
        home.migrate()
        with run_airflow(home) as running:
            yield running


@pytest.fixture(scope="module")
def image(docker_engine: DockerEngine, kubernetes: KubernetesNode) -> str:
    return kubernetes_step_image(docker_engine, kubernetes)


class Flow:
    """A pipeline of the project, deployed by itself, to be run and looked at."""

    def __init__(self, steps: KubernetesProject, airflow: RunningAirflow, dag_id: str, task: str) -> None:
        self.steps = steps
        self.airflow = airflow
        self.dag_id = dag_id
        self.task = task
        self.run_id = ""

    def start(self, conf: dict[str, Any] | None = None) -> None:
        self.airflow.api.unpause(self.dag_id)
        self.run_id = self.airflow.trigger(self.dag_id, conf)

    def wait_until_deferred(self) -> None:
        self.airflow.api.wait_for_task(self.dag_id, self.run_id, self.task, ["deferred"], 90)

    def end(self, state: str) -> None:
        self.airflow.wait(self.dag_id, self.run_id, state, 120)

    def log(self, try_number: int = 1) -> str:
        return self.airflow.log(self.dag_id, self.run_id, self.task, try_number)

    def triggerer(self) -> int | None:
        """Return the number of the triggerer that has the task's trigger."""
        query = "select triggerer_id from trigger join task_instance as task on task.trigger_id = trigger.id"
        found = self.airflow.home.rows(f"{query} where task.dag_id = '{self.dag_id}'")
        return found[0]["triggerer_id"] if found else None

    def log_of(self, *triggerers: int) -> str:
        """Return what some triggerers say of the task, and all of them of nothing in particular."""
        home = self.airflow.home.path
        files = [
            file for each in triggerers for file in home.glob(f"logs/dag_id={self.dag_id}/**/*.{each}.log")
        ]
        return "".join(file.read_text() for file in [*files, *home.glob("triggerer-*.log")])

    def wait_for_log(self, *words: str) -> str:
        """Wait until the log has some words, and return it; it comes in pieces, from two processes."""
        for each in words:
            wait_until(lambda said=each: said in self.log(), f"{each!r} in the log", 30)  # type: ignore[misc]
        return self.log()

    def wait_until_pods_end(self) -> None:
        """Wait until pods are gone that never started; the node takes its time while it pulls an image."""
        wait_until(lambda: all(each.metadata.deletion_timestamp for each in self.steps.pods()), "it", 15)
        self.steps.wait_until_nothing_is_left(120)

    def run_slowly(self) -> Any:
        """Start the slow step and return its pod once it is deferred and at work."""
        self.start()
        self.wait_until_deferred()
        self.steps.wait_for_note("slow")
        return self.steps.wait_for_running_pod()


Deploy = Callable[..., Flow]


@pytest.fixture
def deploy(
    tmp_path: Path,
    airflow: RunningAirflow,
    kubernetes: KubernetesNode,
    image: str,
    request: pytest.FixtureRequest,
) -> Iterator[Deploy]:
    prefix = re.sub(r"\W", "_", request.node.name.removeprefix("test_"))[-40:].strip("_")
    steps = KubernetesProject.new(tmp_path / "project", airflow.home, kubernetes, image)
    steps.project.write("steps.py", STEPS.replace("{prefix}", prefix))

    def deployed(task: str, **arguments: Any) -> Flow:
        steps.deploy(f"steps.py:{prefix}_{task}", deferrable=True, **arguments)
        airflow.api.wait_for_dag(f"{prefix}_{task}")
        return Flow(steps, airflow, f"{prefix}_{task}", task)

    yield deployed
    for pod in steps.pods():
        kubernetes.client().delete_namespaced_pod(pod.metadata.name, steps.namespace, grace_period_seconds=0)


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
def another_triggerer(home: AirflowHome) -> Iterator[int]:
    """Run one more triggerer; give its number."""
    before = last_triggerer(home)
    log = (home.path / f"triggerer-{time.monotonic_ns()}.log").open("w")
    command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"]
    with log, subprocess.Popen(command, env=home.env, stdout=log, stderr=log) as process:
        try:
            wait_until(lambda: last_triggerer(home) > before, "the triggerer", 120)
            yield last_triggerer(home)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def test_a_deferred_step_succeeds_and_its_second_run_starts_no_pod(deploy: Deploy) -> None:
    flow = deploy("quick")
    flow.start()
    flow.end("success")
    log = flow.wait_for_log("Waiting in the triggerer for pod", "ended with exit code 0", "said by the step")
    assert log.count("said by the step: ä 1") == 1
    created = flow.steps.created()
    assert len(created) == 1
    references = flow.airflow.api.xcom(flow.dag_id, flow.run_id, "quick")
    assert references["output"]["sha256"]
    flow.steps.wait_until_nothing_is_left(20)
    flow.start()
    flow.end("success")
    flow.wait_for_log("Cache hit")
    assert flow.steps.created() == created
    assert flow.steps.project.noted("quick") == [[1]]


def test_what_the_step_raised_is_in_the_log_and_its_pod_is_gone(deploy: Deploy) -> None:
    flow = deploy("broken")
    flow.start()
    flow.end("failed")
    flow.wait_for_log("the last words", "ValueError: no such thing")
    flow.steps.wait_until_nothing_is_left(30)


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_the_task_ends_its_pod(deploy: Deploy, state: str) -> None:
    flow = deploy("slow")
    flow.run_slowly()
    flow.airflow.api.set_task_state(flow.dag_id, flow.run_id, "slow", state)
    flow.steps.wait_until_nothing_is_left(30)
    assert not flow.steps.project.noted("slow ended")


def test_deleting_the_run_ends_its_pod(deploy: Deploy) -> None:
    flow = deploy("slow")
    flow.run_slowly()
    run = f"dags/{flow.dag_id}/dagRuns/{flow.run_id.replace('+', '%2B')}"
    with pytest.raises(RestError, match="cannot be deleted in running state"):
        flow.airflow.api.request("DELETE", run)
    # So this is how a user does it; the triggerer sees no more of it than that it is gone.
    flow.airflow.api.request("PATCH", run, {"state": "failed"})
    flow.airflow.api.request("DELETE", run)
    flow.steps.wait_until_nothing_is_left(30)


def test_clearing_the_task_ends_its_pod_and_runs_the_step_again(deploy: Deploy) -> None:
    flow = deploy("slow")
    before = flow.run_slowly()
    flow.airflow.api.clear(flow.dag_id, flow.run_id, ["slow"])
    wait_until(lambda: len(flow.steps.project.noted("slow")) == 2, "the second run of the step", 60)
    wait_until(
        lambda: before.metadata.uid not in [pod.metadata.uid for pod in flow.steps.pods()], "its end", 30
    )
    time.sleep(5)  # A late end of the first attempt must not reach the second's pod.
    (pod,) = flow.steps.pods()
    assert pod.status.phase == "Running"
    assert pod.metadata.deletion_timestamp is None
    flow.airflow.api.set_task_state(flow.dag_id, flow.run_id, "slow", "failed")
    flow.steps.wait_until_nothing_is_left(30)


def test_a_step_beyond_its_time_is_ended_and_says_how_long_it_queued_and_ran(deploy: Deploy) -> None:
    flow = deploy("slow", execution_timeout=_Code("__import__('datetime').timedelta(seconds=15)"))
    pod = flow.run_slowly()
    # For when nobody is there to end it.
    assert pod.spec.active_deadline_seconds == 15 + 120 + 60
    flow.end("failed")
    flow.wait_for_log("execution_timeout 0:00:15", "it was queued for", "the slow step began")
    flow.steps.wait_until_nothing_is_left(30)
    assert not flow.steps.project.noted("slow ended")


def test_the_schedulers_own_words_reach_the_log_while_the_task_is_deferred(deploy: Deploy) -> None:
    flow = deploy("greedy", container_resources={"limits": {"nvidia.com/gpu": "99"}})
    flow.start()
    flow.wait_until_deferred()
    flow.wait_for_log("Insufficient nvidia.com/gpu")
    assert flow.airflow.api.task(flow.dag_id, flow.run_id, "greedy")["state"] == "deferred"
    flow.airflow.api.set_task_state(flow.dag_id, flow.run_id, "greedy", "failed")
    flow.steps.wait_until_nothing_is_left(30)


def test_an_image_that_cannot_be_pulled_fails_the_task(deploy: Deploy) -> None:
    flow = deploy("quick", image="nowhere.invalid/none:1")
    flow.start({"number": 7})
    flow.end("failed")
    flow.wait_for_log("can't be pulled")
    flow.wait_until_pods_end()


def test_a_secret_of_the_cluster_that_is_missing_fails_the_task_soon(deploy: Deploy) -> None:
    flow = deploy("quick", env_from=[{"secretRef": {"name": "absent"}}])
    began = time.monotonic()
    flow.start({"number": 8})
    flow.end("failed")
    assert time.monotonic() - began < 60
    flow.wait_for_log("its container can't start", 'secret "absent" not found')
    flow.wait_until_pods_end()


def test_a_retry_goes_on_with_the_pod_of_a_worker_that_died_as_it_was_about_to_defer(
    deploy: Deploy, airflow: RunningAirflow, tmp_path: Path
) -> None:
    flow = deploy("patient")
    go = flow.steps.project.store / "go"
    marker = tmp_path / "die"
    marker.touch()
    with (airflow.home.dags_folder / f"{flow.dag_id}.py").open("a") as file:
        file.write(DYING.replace("{marker}", str(marker)))
    flow.start({"file": str(go)})
    wait_until(lambda: not marker.exists(), "the worker's death", 60)
    flow.wait_until_deferred()
    go.touch()
    flow.end("success")
    assert flow.airflow.api.task(flow.dag_id, flow.run_id, "patient")["try_number"] == 2
    assert "going on with it" in flow.log(2)
    assert len(flow.steps.project.noted("patient")) == 1
    assert len(flow.steps.created()) == 1


def test_an_api_server_that_is_away_for_a_while_fails_no_deferred_step(
    deploy: Deploy, kubernetes: KubernetesNode, tmp_path: Path
) -> None:
    with api_proxy(kubernetes.kubeconfig, tmp_path) as proxy:
        flow = deploy("slow", config_file=str(proxy.kubeconfig))
        flow.start({"seconds": 25})
        flow.wait_until_deferred()
        flow.steps.wait_for_note("slow")
        proxy.refuse()
        time.sleep(12)
        proxy.return_()
        flow.end("success")
        flow.wait_for_log("does not answer, trying on for 600 s")
    assert len(flow.steps.project.noted("slow")) == 1
    assert len(flow.steps.created()) == 1


def test_a_pod_deleted_behind_the_tasks_back_says_so(deploy: Deploy) -> None:
    flow = deploy("slow")
    pod = flow.run_slowly()
    client = flow.steps.node.client()
    client.delete_namespaced_pod(pod.metadata.name, flow.steps.namespace, grace_period_seconds=0)
    flow.end("failed")
    flow.wait_for_log("something else than its task deleted it")


def test_a_pod_collected_after_its_success_before_the_task_resumes_is_no_failure(
    deploy: Deploy, airflow: RunningAirflow
) -> None:
    flow = deploy("slow")
    flow.start({"seconds": 6})
    flow.wait_until_deferred()
    flow.steps.wait_for_note("slow")
    triggerers = processes_of(airflow.home, "triggerer")
    signal_all(triggerers, signal.SIGSTOP)
    try:
        wait_until(lambda: [each.status.phase for each in flow.steps.pods()] == ["Succeeded"], "the end", 40)
        (pod,) = flow.steps.pods()
        client = flow.steps.node.client()
        client.delete_namespaced_pod(pod.metadata.name, flow.steps.namespace, grace_period_seconds=0)
    finally:
        signal_all(triggerers, signal.SIGCONT)
    flow.end("success")
    assert len(flow.steps.project.noted("slow")) == 1


def test_airflows_database_has_no_secret_of_the_cluster(deploy: Deploy, airflow: RunningAirflow) -> None:
    flow = deploy("slow")
    flow.run_slowly()
    code = """
        import json
        from airflow.models.trigger import Trigger
        from airflow.utils.session import create_session
        with create_session() as session:
            print("KWARGS" + json.dumps([each.kwargs for each in session.query(Trigger)]))
    """
    answer = airflow.home.python(code).stdout
    (text,) = [line[6:] for line in answer.splitlines() if line.startswith("KWARGS")]
    assert len(json.loads(text)) == 1
    assert len(text) < 1200
    for word in ("key-data", "BEGIN", "LS0t", "password", "clusters"):
        assert word not in text
    flow.airflow.api.set_task_state(flow.dag_id, flow.run_id, "slow", "failed")
    flow.steps.wait_until_nothing_is_left(30)


def test_a_triggerer_killed_in_mid_job_is_replaced_by_another(
    deploy: Deploy, airflow: RunningAirflow
) -> None:
    # The last two tests: the Airflow's own triggerer ends here.
    flow = deploy("patient")
    go = flow.steps.project.store / "go"
    flow.start({"file": str(go)})
    flow.wait_until_deferred()
    flow.steps.wait_for_note("patient")
    signal_all(processes_of(airflow.home, "triggerer"), signal.SIGKILL)
    with another_triggerer(airflow.home) as second:
        wait_until(lambda: flow.triggerer() == second, "the move", 120)
        go.touch()
        flow.end("success")
    assert len(flow.steps.project.noted("patient")) == 1
    assert len(flow.steps.created()) == 1


def test_a_triggerer_that_stalled_ends_nothing_that_moved_to_another(
    deploy: Deploy, airflow: RunningAirflow
) -> None:
    flow = deploy("patient")
    go = flow.steps.project.store / "go"
    with another_triggerer(airflow.home) as first:
        flow.start({"file": str(go)})
        flow.steps.wait_for_note("patient")
        wait_until(lambda: "runs on node" in flow.log_of(first), "the first triggerer at work", 120)
        stalled = processes_of(airflow.home, "triggerer")
        signal_all(stalled, signal.SIGSTOP)
        with another_triggerer(airflow.home) as second:
            wait_until(lambda: "runs on node" in flow.log_of(second), "the second triggerer at work", 120)
            signal_all(stalled, signal.SIGCONT)
            # Whichever of them is told that the trigger is no longer its own.
            told = "its task still waits for it, in another triggerer"
            wait_until(lambda: told in flow.log_of(first, second), "the guard", 120)
            go.touch()
            flow.end("success")
    assert len(flow.steps.project.noted("patient")) == 1
    assert len(flow.steps.created()) == 1


class _Code:
    """An expression in a DAG file."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text
