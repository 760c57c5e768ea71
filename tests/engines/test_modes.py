"""One pipeline on the worker, in Docker, in Kubernetes and in a mix: the same results."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pytest

from tests.airflow.harness import AirflowHome, DagRunRequest, DagRunResult
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.parallel_runs import run_in_parallel
from tests.examples.documents import ROOT

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

NO_CACHE = {"pipes_cache": False}
MODES = ("python", "docker", "kubernetes", "mixed")
# Of the mixed pipeline; what is not named runs on the worker.
MIXED = {"split": "docker", "train_smooth": "kubernetes", "evaluate_sharp": "docker", "choose": "kubernetes"}
PACKAGES = ("numpy", "scikit-learn", "matplotlib")
# Those of a group run one after another, the groups beside each other.
GROUPS = (("python", "docker"), ("kubernetes", "mixed"))


@dataclass(frozen=True)
class Modes:
    """The digits example, deployed once for each mode."""

    made: EngineProject

    def run(self, conf: dict[str, Any] | None = None) -> dict[str, DagRunResult]:
        groups = [[DagRunRequest(f"digits_{mode}", conf) for mode in group] for group in GROUPS]
        results = run_in_parallel(self.made.project.home, groups)
        for each in results:
            assert each.state == "success", each.log[-6000:]
        return {each.dag_id.removeprefix("digits_"): each for each in results}

    def started(self) -> tuple[int, int]:
        """Return how many containers and how many pods the engines have started since ever."""
        return len(self.made.events("start")), len(self.made.node.pod_starts(self.made.namespace))

    def hashes(self, run: DagRunResult) -> dict[tuple[str, str], str]:
        """Return the hash of each output of a run."""
        return {
            (each["step"], name): output["sha256"]
            for each in self.manifests(run)
            for name, output in each["outputs"].items()
        }

    def manifests(self, run: DagRunResult) -> list[dict[str, Any]]:
        """Return what was kept of each step of a run."""
        return self.made.project.documents(f"runs/digits/{run.run_id}/**/manifest.json")


@pytest.fixture(scope="module")
def modes(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerEngine, kubernetes: KubernetesNode
) -> Iterator[Modes]:
    folder = tmp_path_factory.mktemp("modes")
    home = AirflowHome.ready(folder / "airflow")
    with EngineProject.new(folder / "project", home, docker_engine, kubernetes) as made:
        for mode in MODES:
            _deploy(made, mode)
        yield Modes(made)


def _deploy(made: EngineProject, mode: str) -> None:
    """Deploy the example for a mode: nothing of the pipeline is another, only pipes.toml is."""
    text = (ROOT / "docs/examples/digits.py").read_text(encoding="utf-8")
    made.project.write("digits.py", _mixed(text) if mode == "mixed" else text)
    requirements = [f"{name}=={version(name)}" for name in PACKAGES]
    made.configure(
        {"dag_id": f"{{pipeline}}_{mode}", "operator": "python" if mode == "mixed" else mode},
        {"network_mode": "none"},
        {"image_pull_policy": "Never"},
        settings={"docker": {"parent_image": made.docker.base_image, "requirements": requirements}},
    )
    made.deploy("digits.py")


def _mixed(text: str) -> str:
    """Return the example with the operator of some steps named beside them."""
    for step, operator in MIXED.items():
        settings = f'settings={{"orchestrator.airflow": {{"operator": "{operator}"}}}}'
        named = f'.with_options(name="{step}")('
        if named in text:
            text = text.replace(named, f'.with_options(name="{step}", {settings})(')
        else:
            text = text.replace(f"@step\ndef {step}(", f"@step({settings})\ndef {step}(")
    assert text.count("orchestrator.airflow") == len(MIXED)
    return text


@pytest.fixture(scope="module")
def first(modes: Modes) -> dict[str, DagRunResult]:
    """A run of each mode that takes nothing from the cache."""
    return modes.run(NO_CACHE)


def test_every_mode_gives_the_same_accuracy_and_the_same_artifacts(
    modes: Modes, first: dict[str, DagRunResult]
) -> None:
    accuracies = {mode: run.output("choose", "accuracy") for mode, run in first.items()}
    assert len(set(accuracies.values())) == 1, accuracies
    assert accuracies["docker"] > 0.9

    hashes = {mode: modes.hashes(run) for mode, run in first.items()}
    assert {step for step, _ in hashes["python"]} >= {"load", "split", "train_smooth", "report"}
    # The bytes of a pickle of what was unpickled depend on which of its texts are one object in the process;
    # what they hold does not.
    for each in hashes.values():
        del each["choose", "model"]
    assert all(each == hashes["python"] for each in hashes.values())
    assert len({pickle.dumps(run.output("choose", "model")) for run in first.values()}) == 1


def test_the_steps_ran_where_they_should(modes: Modes, first: dict[str, DagRunResult]) -> None:
    hosts = {
        mode: {each["step"]: each["host"] for each in modes.manifests(run)} for mode, run in first.items()
    }
    here = hosts["python"]["load"]
    assert set(hosts["python"].values()) == {here}
    for mode in ("docker", "kubernetes"):
        assert here not in hosts[mode].values()
        assert len(set(hosts[mode].values())) == len(hosts[mode]), "each step has a container of its own"
    elsewhere = {step for step, host in hosts["mixed"].items() if host != here}
    assert elsewhere == set(MIXED)


def test_a_second_run_is_all_from_the_cache_and_starts_nothing(
    modes: Modes, first: dict[str, DagRunResult]
) -> None:
    containers, pods = modes.started()
    assert containers >= 8 + sum(operator == "docker" for operator in MIXED.values())
    assert pods >= 8 + sum(operator == "kubernetes" for operator in MIXED.values())

    runs = modes.run()

    assert modes.started() == (containers, pods)
    for mode, run in runs.items():
        manifests = modes.manifests(run)
        assert len(manifests) == 8
        assert all(each["cached_from"] for each in manifests), mode


def test_one_image_serves_all_steps_of_both_engines(modes: Modes) -> None:
    images = {mode: modes.made.images(f"digits_{mode}") for mode in MODES}
    assert images["python"] == set()
    assert len(images["docker"]) == 1
    assert images["docker"] == images["kubernetes"] == images["mixed"]


def test_the_mixed_file_imports_what_its_own_tasks_need(modes: Modes) -> None:
    mixed, docker = modes.made.dag("digits_mixed"), modes.made.dag("digits_docker")
    for operator in ("StepPythonOperator", "StepDockerOperator", "StepKubernetesPodOperator"):
        assert operator in mixed
    assert "kubernetes" not in docker.replace("store_volume", "")
