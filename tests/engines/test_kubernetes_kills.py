"""Kills, deaths and clears of tasks whose step runs in a pod, as a running Airflow does them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.testing.dag_files import new_home
from tests.airflow.harness import wait_until
from tests.airflow.running import RunningAirflow, run_airflow
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.step_image import KubernetesProject, kubernetes_step_image
from tests.engines.workers import DEATHS_NOTICED_SOON, kill_worker, log_so_far

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]

# Each step waits until the test writes its name beside the artifact store, or for longer than any test.
STEPS = """
    import os
    import signal
    import time
    from datetime import timedelta
    from pathlib import Path

    from notes import note

    from airflow_provider_pipes import DockerSettings, pipeline, step

    SOON = {"retry_delay": timedelta(seconds=0.1)}


    def wait_to_go(name: str) -> str:
        for _ in range(1200):
            file = Path(WORDS) / name
            if file.exists():
                return file.read_text()
            time.sleep(0.1)
        raise TimeoutError


    @step(cache=False)
    def killed(name: str) -> None:
        note(name, "started")
        try:
            wait_to_go(name)
        finally:
            note(name, "finally")


    @step(cache=False, execution_timeout=timedelta(seconds=15))
    def slow(name: str) -> None:
        note(name, "started")
        wait_to_go(name)


    @step(cache=False)
    def deaf(name: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note(name, "started")
        wait_to_go(name)


    @step(cache=False, retries=1, **SOON)
    def survives(name: str) -> str:
        note(name, "started")
        print("printed before the worker died")
        word = wait_to_go(name)
        print("printed after the worker died")
        if word == "die":
            os._exit(9)
        note(name, "done")
        return word


    @step(cache=False, docker=DockerSettings(secrets={"SECRET": "environment:THE_SECRET"}))
    def tells(name: str) -> None:
        print("the secret is", os.environ["SECRET"])
        note(name, os.environ["SECRET"])


    @pipeline
    def pod_tells(name: str = "") -> None:
        tells(name)


    @pipeline
    def pod_killed(name: str = "") -> None:
        killed(name)


    @pipeline
    def pod_slow(name: str = "") -> None:
        slow(name)


    @pipeline
    def pod_deaf(name: str = "") -> None:
        deaf(name)


    @pipeline
    def pod_survives(name: str = "") -> None:
        survives(name)
"""
NAMES = ("pod_killed", "pod_slow", "pod_deaf", "pod_survives", "pod_tells")
_RUN = "airflow-provider-pipes/run"
SECRET = "s3cret-value-of-the-worker"


class Kills:
    """A running Airflow with the project."""

    def __init__(self, airflow: RunningAirflow, steps: KubernetesProject) -> None:
        self.airflow = airflow
        self.api = airflow.api
        self.steps = steps

    def start(self, dag_id: str, name: str) -> tuple[str, Any]:
        """Start a run whose step notes as ``name``; return its id and its pod when it has begun."""
        run = self.api.trigger(dag_id, {"name": name})
        try:
            wait_until(lambda: self.noted(name), f"{name} to start", 240)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.api.report(dag_id, run)}") from None
        (pod,) = (each for each in self.steps.pods() if each.metadata.annotations[_RUN] == run)
        return run, pod

    def noted(self, name: str) -> list[str]:
        return [what for (what,) in self.steps.project.noted(name)]

    def go(self, name: str, word: str = "on") -> None:
        """Let the step ``name`` go on."""
        draft = words(self.steps) / f".{name}"
        draft.write_text(word)
        draft.replace(words(self.steps) / name)

    def log(self, dag_id: str, run: str, attempt: int) -> str:
        return log_so_far(self.airflow, dag_id, run, dag_id.removeprefix("pod_"), attempt)

    def created_since(self, before: set[str]) -> set[str]:
        return self.steps.created() - before


def words(steps: KubernetesProject) -> Path:
    # Below the store, which the pods see.
    return steps.project.store / "words"


@pytest.fixture(scope="module")
def kills(
    docker_engine: DockerEngine, kubernetes: KubernetesNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kills]:
    folder = tmp_path_factory.mktemp("pod-kills")
    home = new_home(folder / "airflow", {**DEATHS_NOTICED_SOON, "THE_SECRET": SECRET})
    image = kubernetes_step_image(docker_engine, kubernetes)
    steps = KubernetesProject.new(folder / "project", home, kubernetes, image)
    steps.project.write("steps.py", STEPS.replace("WORDS", repr(str(words(steps)))))
    steps.deploy(*(f"steps.py:{name}" for name in NAMES))
    words(steps).mkdir()
    with run_airflow(home) as airflow:
        for name in NAMES:
            airflow.api.unpause(name)
        yield Kills(airflow, steps)


def test_a_task_marked_failed_leaves_no_pod_and_runs_finally_blocks(kills: Kills) -> None:
    run, _ = kills.start("pod_killed", "marked")

    kills.api.set_task_state("pod_killed", run, "killed", "failed")

    kills.steps.wait_until_nothing_is_left(30)
    assert kills.noted("marked") == ["started", "finally"]


def test_a_deleted_run_leaves_no_pod(kills: Kills) -> None:
    run, _ = kills.start("pod_killed", "deleted")

    # Airflow deletes no run that goes on; the interface fails it first.
    kills.api.request("PATCH", f"dags/pod_killed/dagRuns/{run}", {"state": "failed"})
    kills.api.request("DELETE", f"dags/pod_killed/dagRuns/{run}")

    kills.steps.wait_until_nothing_is_left(30)
    assert kills.noted("deleted") == ["started", "finally"]


def test_a_first_process_that_ignores_sigterm_is_ended_too(kills: Kills) -> None:
    run, _ = kills.start("pod_deaf", "ignoring")

    kills.api.set_task_state("pod_deaf", run, "deaf", "failed")
    wait_until(
        lambda: any(each.metadata.deletion_timestamp for each in kills.steps.pods()), "the deletion", 15
    )
    began = time.monotonic()

    wait_until(lambda: _is_dead(kills.steps), "the end of the process", 15)
    assert time.monotonic() - began < 15
    kills.steps.wait_until_nothing_is_left(30)


def _is_dead(steps: KubernetesProject) -> bool:
    notes = str(steps.notes_file)
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
            if b"step_operator_entrypoint" in command and notes in (folder / "mountinfo").read_text():
                return False
    return True


def test_a_step_that_outlives_its_timeout_leaves_no_pod(kills: Kills) -> None:
    run, _ = kills.start("pod_slow", "late")

    kills.api.wait_for_task("pod_slow", run, "slow", ["failed"], 60)

    kills.steps.wait_until_nothing_is_left(30)
    assert kills.noted("late") == ["started"]


def test_a_task_cleared_while_it_runs_starts_anew_and_leaves_nothing(kills: Kills) -> None:
    run, first = kills.start("pod_killed", "cleared")

    kills.api.clear("pod_killed", run)

    wait_until(lambda: kills.noted("cleared").count("started") == 2, "the second attempt", 180)
    live = [each for each in kills.steps.pods() if each.status.phase in ("Pending", "Running")]
    assert first.metadata.uid not in [each.metadata.uid for each in live]
    kills.go("cleared")
    kills.api.wait_for_run("pod_killed", run)
    kills.steps.wait_until_nothing_is_left(30)
    assert kills.noted("cleared") == ["started", "finally", "started", "finally"]


def test_a_retry_goes_on_with_the_pod_of_a_worker_that_died(kills: Kills) -> None:
    before = kills.steps.created()
    run, pod = kills.start("pod_survives", "adopted")

    kill_worker(kills.airflow, "pod_survives", run, "survives")

    wait_until(lambda: "going on with it" in kills.log("pod_survives", run, 2), "the retry to adopt it", 90)
    kills.go("adopted")
    kills.api.wait_for_run("pod_survives", run)
    assert kills.noted("adopted") == ["started", "done"]
    assert kills.created_since(before) == {pod.metadata.name}
    log = kills.log("pod_survives", run, 2)
    assert "printed before the worker died" in log
    assert "printed after the worker died" in log
    kills.steps.wait_until_nothing_is_left(30)


def test_a_pod_that_succeeded_while_no_worker_watched_is_not_run_again(kills: Kills) -> None:
    before = kills.steps.created()
    run, pod = kills.start("pod_survives", "finished")

    kill_worker(kills.airflow, "pod_survives", run, "survives")
    kills.go("finished")

    kills.api.wait_for_run("pod_survives", run)
    assert kills.noted("finished") == ["started", "done"]
    assert kills.created_since(before) == {pod.metadata.name}
    kills.steps.wait_until_nothing_is_left(30)


def test_a_pod_that_succeeded_and_is_gone_is_not_run_again(kills: Kills) -> None:
    before = kills.steps.created()
    run, pod = kills.start("pod_survives", "collected")

    kill_worker(kills.airflow, "pod_survives", run, "survives")
    kills.go("collected")
    wait_until(lambda: "done" in kills.noted("collected"), "the end of the step", 30)
    wait_until(lambda: kills.steps.pods()[0].status.phase == "Succeeded", "the end of the pod", 30)
    kills.steps.node.client().delete_namespaced_pod(pod.metadata.name, kills.steps.namespace)

    kills.api.wait_for_run("pod_survives", run)
    assert kills.noted("collected") == ["started", "done"]
    assert kills.created_since(before) == {pod.metadata.name}


def test_a_pod_that_failed_while_no_worker_watched_is_followed_by_another(kills: Kills) -> None:
    before = kills.steps.created()
    run, _ = kills.start("pod_survives", "failed")

    kill_worker(kills.airflow, "pod_survives", run, "survives")
    kills.go("failed", "die")

    kills.api.wait_for_run("pod_survives", run, "failed")
    assert kills.noted("failed") == ["started", "started"]
    assert len(kills.created_since(before)) == 2
    assert "it exited with 9" in kills.log("pod_survives", run, 2)
    kills.steps.wait_until_nothing_is_left(30)


def test_a_pod_that_somebody_deletes_fails_the_attempt_and_the_retry_succeeds(kills: Kills) -> None:
    run, pod = kills.start("pod_survives", "drained")

    kills.steps.node.client().delete_namespaced_pod(pod.metadata.name, kills.steps.namespace)

    wait_until(lambda: kills.noted("drained") == ["started", "started"], "the retry", 180)
    kills.go("drained")
    kills.api.wait_for_run("pod_survives", run)
    # Its end may be seen before it is gone.
    log = kills.log("pod_survives", run, 1)
    assert "something else than its task" in log or "143" in log
    kills.steps.wait_until_nothing_is_left(30)


def test_a_secret_that_a_step_prints_is_masked_in_the_log(kills: Kills) -> None:
    run = kills.api.run("pod_tells", {"name": "tells"})

    assert kills.noted("tells") == [SECRET]
    log = kills.log("pod_tells", run, 1)
    assert "the secret is ***" in log
    assert SECRET not in log
    kills.steps.wait_until_nothing_is_left(30)
