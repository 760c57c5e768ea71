"""Kills, deaths and clears of tasks whose step runs in a Docker container, as a running Airflow does them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_pipes.testing.dag_files import new_home
from tests.airflow.harness import wait_until
from tests.airflow.running import RunningAirflow, run_airflow
from tests.engines.docker_engine import DockerEngine
from tests.engines.docker_steps import DockerProject
from tests.engines.workers import DEATHS_NOTICED_SOON, kill_worker, log_so_far

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]

# Each step waits for a word of the test, longer than any test takes.
SECRET = "s3cr3t-of-the-kills-tests"
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
            for word in Path(WORDS).read_text().split():
                if word.startswith(f"{name}:"):
                    return word.partition(":")[2]
            time.sleep(0.1)
        raise TimeoutError


    @step
    def knows() -> None:
        print("the secret is", os.environ["TOKEN"])


    @pipeline(docker=DockerSettings(secrets={"TOKEN": "environment:TEST_SECRET"}))
    def docker_knows() -> None:
        knows()


    @step(retries=0)
    def killed(name: str) -> None:
        note(name, "started")
        try:
            wait_to_go(name)
        finally:
            note(name, "finally")


    @step
    def deaf(name: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note(name, "started")
        wait_to_go(name)


    @step(retries=1, **SOON)
    def survives(name: str) -> str:
        note(name, "started")
        print("printed before the worker died")
        word = wait_to_go(name)
        print("printed after the worker died")
        if word == "fail":
            raise ValueError("it fails as it would have")
        if word == "die":
            os._exit(9)
        note(name, "done")
        return word


    @pipeline
    def docker_killed(name: str = "") -> None:
        killed(name)


    @pipeline
    def docker_deaf(name: str = "") -> None:
        deaf(name)


    @pipeline
    def docker_survives(name: str = "") -> None:
        survives(name)
"""


class Kills:
    """A running Airflow with the project."""

    def __init__(self, airflow: RunningAirflow, made: DockerProject) -> None:
        self.airflow = airflow
        self.api = airflow.api
        self.made = made

    def start(self, dag_id: str, name: str) -> str:
        """Start a run whose step notes as ``name``; return its id when it has begun."""
        run = self.api.trigger(dag_id, {"name": name})
        wait_until(lambda: self.noted(name), f"{name} to start", 240)
        assert len(self.containers(name)) == 1
        return run

    def noted(self, name: str) -> list[str]:
        return [what for (what,) in self.made.project.noted(name)]

    def go(self, name: str, word: str = "on") -> None:
        """Let the step ``name`` go on."""
        with self.made.words_file.open("a") as file:
            file.write(f"{name}:{word}\n")

    def containers(self, name: str) -> list[Any]:
        """Return the containers there are; tests run one after another, each with its own."""
        return self.made.containers()

    def wait_until_none_is_left(self, seconds: float = 30) -> None:
        wait_until(lambda: not self.made.containers(), "the containers to be gone", seconds)


@pytest.fixture(scope="module")
def kills(docker_engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kills]:
    folder = tmp_path_factory.mktemp("docker-kills")
    home = new_home(folder / "airflow", {**DEATHS_NOTICED_SOON, "TEST_SECRET": SECRET})
    with DockerProject.new(folder / "project", home, docker_engine) as made:
        names = ("docker_knows", "docker_killed", "docker_deaf", "docker_survives")
        made.project.write("steps.py", STEPS.replace("WORDS", repr(str(made.words_file))))
        made.deploy(*(f"steps.py:{name}" for name in names))
        with run_airflow(home) as airflow:
            for name in names:
                airflow.api.unpause(name)
            yield Kills(airflow, made)


def test_a_secret_is_masked_in_what_the_container_prints(kills: Kills) -> None:
    run = kills.api.run("docker_knows")
    log = kills.api.log("docker_knows", run, "knows")
    assert "the secret is ***" in log
    assert SECRET not in log


def test_a_task_marked_failed_leaves_no_container_and_runs_finally_blocks(kills: Kills) -> None:
    run = kills.start("docker_killed", "marked")

    kills.api.set_task_state("docker_killed", run, "killed", "failed")

    kills.wait_until_none_is_left()
    assert kills.noted("marked") == ["started", "finally"]


def test_a_deleted_run_leaves_no_container(kills: Kills) -> None:
    run = kills.start("docker_killed", "deleted")

    # Airflow deletes no run that still runs.
    path = f"dags/docker_killed/dagRuns/{run}"
    kills.api.request("PATCH", path, {"state": "failed"})
    kills.api.request("DELETE", path)

    kills.wait_until_none_is_left()
    assert kills.noted("deleted") == ["started", "finally"]


def test_a_command_that_ignores_sigterm_is_ended_too(kills: Kills) -> None:
    since = kills.made.engine.moment()
    run = kills.start("docker_deaf", "ignoring")

    kills.api.set_task_state("docker_deaf", run, "deaf", "failed")

    kills.wait_until_none_is_left()
    asked, gone = (
        kills.made.engine.events(since, action, kills.made.label)[0]["timeNano"]
        for action in ("kill", "destroy")
    )
    assert (gone - asked) / 1e9 < 15
    assert kills.noted("ignoring") == ["started"]


def test_a_task_cleared_while_it_runs_starts_anew_and_leaves_nothing(kills: Kills) -> None:
    run = kills.start("docker_killed", "cleared")
    (first,) = kills.containers("cleared")

    kills.api.clear("docker_killed", run)

    wait_until(lambda: kills.noted("cleared").count("started") == 2, "the second attempt", 180)
    assert first.id not in [each.id for each in kills.made.containers()]
    kills.go("cleared")
    kills.api.wait_for_run("docker_killed", run)
    kills.wait_until_none_is_left()
    assert kills.noted("cleared") == ["started", "finally", "started", "finally"]


def test_a_retry_goes_on_with_the_container_of_a_worker_that_died(kills: Kills) -> None:
    since = kills.made.engine.moment()
    run = kills.start("docker_survives", "adopted")

    kill_worker(kills.airflow, "docker_survives", run, "survives")

    kills.api.wait_for_task("docker_survives", run, "survives", ["up_for_retry", "queued"], 60)
    wait_until(lambda: "going on with it" in _log(kills, run, 2), "the retry to adopt it")
    kills.go("adopted")
    kills.api.wait_for_run("docker_survives", run)
    assert kills.noted("adopted") == ["started", "done"]
    assert kills.made.starts(since) == 1
    log = _log(kills, run, 2)
    assert "printed before the worker died" in log
    assert "printed after the worker died" in log
    kills.wait_until_none_is_left(5)


def test_a_container_that_succeeded_while_no_worker_watched_is_not_run_again(kills: Kills) -> None:
    since = kills.made.engine.moment()
    run = kills.start("docker_survives", "finished")

    kill_worker(kills.airflow, "docker_survives", run, "survives")
    kills.go("finished")

    kills.api.wait_for_run("docker_survives", run)
    assert kills.noted("finished") == ["started", "done"]
    assert kills.made.starts(since) == 1
    kills.wait_until_none_is_left(5)


def test_a_container_that_failed_while_no_worker_watched_is_read_and_started_anew(kills: Kills) -> None:
    run = kills.start("docker_survives", "failed")

    kill_worker(kills.airflow, "docker_survives", run, "survives")
    kills.go("failed", "die")

    wait_until(lambda: kills.noted("failed") == ["started", "started"], "the retry", 180)
    kills.api.wait_for_run("docker_survives", run, "failed")
    log = _log(kills, run, 2)
    assert "ended while no worker watched it: step 'survives': its Docker container exited with 9" in log
    kills.wait_until_none_is_left(5)


def _log(kills: Kills, run: str, attempt: int) -> str:
    return log_so_far(kills.airflow, "docker_survives", run, "survives", attempt)
