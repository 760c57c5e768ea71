"""What is told of a pod that did not do its work: in the same words whether the task was deferred or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from airflow_provider_pipes.testing.airflow_results import DagRunResult
from tests.airflow.harness import AirflowHome, DagRunRequest
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.parallel_runs import logs_by_dag, run_in_parallel

pytestmark = pytest.mark.airflow

PIPELINES = """
    from airflow_provider_pipes import DockerSettings, pipeline, step


    def deferrable(whether):
        return {"orchestrator.airflow": {"operator_args": {"deferrable": whether}}}


    def image(name):
        return DockerSettings(skip_build=True, image=name)


    @step(cache=False)
    def fine() -> int:
        return 1


    @step(cache=False)
    def broken() -> None:
        raise ValueError("no such thing")


    @step(cache=False, docker=image("127.0.0.1:9/nothing/here:1"))
    def imageless() -> None:
        pass


    @step(cache=False, docker=image("BASE"))
    def bare() -> None:
        pass
"""
PIPELINE = """
    @pipeline(settings=deferrable({deferrable}))
    def {name}() -> None:
        {step}()
"""
STEPS = ("fine", "broken", "imageless", "bare")
WAYS = {"here": False, "deferred": True}


@dataclass(frozen=True)
class Runs:
    """What came of each pipeline, by step and way, and its log."""

    results: dict[str, DagRunResult]
    logs: dict[str, str]

    def sentence(self, name: str, about: str) -> str:
        """Return the sentence that a task failed with, without the pod's name."""
        found = re.search(rf"step '\w+', pod \S+: ({about}.*)", self.logs[name])
        assert found, self.logs[name]
        return found[1]


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerEngine, kubernetes: KubernetesNode
) -> Iterator[Runs]:
    """All pipelines run by ``dag.test()``."""
    folder = tmp_path_factory.mktemp("words")
    names = {f"{step}_{way}": (step, deferrable) for step in STEPS for way, deferrable in WAYS.items()}
    written = (
        PIPELINE.format(name=name, step=step, deferrable=deferrable)
        for name, (step, deferrable) in names.items()
    )
    home = AirflowHome.ready(folder / "airflow")
    with EngineProject.new(folder / "project", home, docker_engine, kubernetes) as steps:
        steps.project.write(
            "steps.py", "\n".join([PIPELINES.replace("BASE", kubernetes.base_image), *written])
        )
        steps.configure({"operator": "kubernetes"})
        steps.deploy(*(f"steps.py:{name}" for name in names))
        groups = [[DagRunRequest(f"{step}_{way}") for step in STEPS] for way in WAYS]
        found = run_in_parallel(home, groups)
        yield Runs({each.dag_id: each for each in found}, logs_by_dag(found))


def test_a_deferrable_step_succeeds_without_a_triggerer(runs: Runs) -> None:
    for way in WAYS:
        runs.results[f"fine_{way}"].check()
        assert "The trigger failed" not in runs.logs[f"fine_{way}"]


def test_what_a_deferrable_step_raised_is_told_under_dag_test(runs: Runs) -> None:
    for way in WAYS:
        assert runs.results[f"broken_{way}"].states == {"broken": "failed"}
        assert "ValueError: no such thing" in runs.logs[f"broken_{way}"]
        assert "The trigger failed" not in runs.logs[f"broken_{way}"]


def test_an_image_that_cannot_be_pulled_is_told_alike(runs: Runs) -> None:
    for way in WAYS:
        said = runs.sentence(f"imageless_{way}", "image 127")
        assert said.startswith("image 127.0.0.1:9/nothing/here:1 can't be pulled: ")
        assert "check its name, that the cluster reaches its registry, and image_pull_secrets" in said
        assert "can't start" not in said


def test_an_image_without_our_package_is_told_alike(runs: Runs) -> None:
    said = {runs.sentence(f"bare_{way}", "it exited") for way in WAYS}
    assert len(said) == 1
    assert "its image has not all that a step needs to start; an image with skip_build=True" in said.pop()
