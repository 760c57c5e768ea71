"""What a step says by SkipStep and FailWithoutRetry, deployed to containers and pods, awaited or deferred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.airflow.harness import DagRunResult
from tests.airflow.running import RunningAirflow
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.shared_airflow import SharedAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.postgres, pytest.mark.timeout(600)]

MODES = ("docker", "kubernetes", "deferred")
STEPS = """
    from datetime import timedelta

    from airflow_provider_pipes import FailWithoutRetry, SkipStep, pipeline, step

    RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=0.1)}
    MODES = {
        "docker": {"operator": "docker"},
        "kubernetes": {"operator": "kubernetes"},
        "deferred": {"operator": "kubernetes", "operator_args": {"deferrable": True}},
    }


    @step(cache=False, **RETRIES)
    def skips() -> int:
        raise SkipStep("nothing new since yesterday")


    @step(cache=False, **RETRIES)
    def refuses() -> int:
        raise FailWithoutRetry("there is no such table")


    @step(cache=False)
    def after(number: int) -> int:
        return number


    @pipeline
    def controlled() -> None:
        for mode, chosen in MODES.items():
            settings = {"orchestrator.airflow": chosen}
            number = skips.with_options(name=f"skips_{mode}", settings=settings)()
            after.with_options(name=f"after_{mode}")(number)
            refuses.with_options(name=f"refuses_{mode}", settings=settings)()
"""


@dataclass(frozen=True)
class Controlled:
    """A run of the pipeline."""

    airflow: RunningAirflow
    made: EngineProject
    run: DagRunResult


@pytest.fixture(scope="module")
def controlled(
    tmp_path_factory: pytest.TempPathFactory,
    docker_engine: DockerEngine,
    kubernetes: KubernetesNode,
    airflow: SharedAirflow,
) -> Iterator[Controlled]:
    folder = tmp_path_factory.mktemp("control")
    # A real one: `dag.test()` forgets what a task says to itself when it is deferred.
    with EngineProject.new(folder / "project", airflow.home, docker_engine, kubernetes) as made:
        made.project.write("steps.py", STEPS)
        made.configure(kubernetes={"image_pull_policy": "Never"})
        made.deploy("steps.py:controlled")
        running = airflow.running
        running.api.unpause("controlled")
        run = running.wait("controlled", running.trigger("controlled"), "failed", 400)
        yield Controlled(running, made, run)


@pytest.mark.parametrize("mode", MODES)
def test_a_step_that_skips_is_skipped_and_so_is_what_needs_it(controlled: Controlled, mode: str) -> None:
    tasks = controlled.run.tasks
    assert (tasks[f"skips_{mode}"].state, tasks[f"skips_{mode}"].try_number) == ("skipped", 1)
    assert tasks[f"after_{mode}"].state == "skipped"
    (told,) = controlled.made.project.documents(f"runs/controlled/*/skips_{mode}/*/failure-*.json")
    assert (told["reason"], told["message"]) == ("skipped", "nothing new since yesterday")


@pytest.mark.parametrize("mode", MODES)
def test_a_step_that_refuses_a_retry_gets_none(controlled: Controlled, mode: str) -> None:
    task = controlled.run.tasks[f"refuses_{mode}"]
    assert (task.state, task.try_number) == ("failed", 1)
    # One failure, so the step's code ran once.
    (told,) = controlled.made.project.documents(f"runs/controlled/*/refuses_{mode}/*/failure-*.json")
    assert told["message"] == "there is no such table"
    log = controlled.airflow.log("controlled", controlled.run.run_id, f"refuses_{mode}")
    assert "there is no such table" in log
