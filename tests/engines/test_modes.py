"""One pipeline on the worker, in Docker, in Kubernetes and in a mix: the same results."""

from __future__ import annotations

import pickle
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pytest

from airflow_provider_pipes.testing.dag_files import new_home
from tests.airflow.harness import AirflowHome, DagRunRequest, DagRunResult
from tests.airflow.projects import Project
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.examples.documents import ROOT

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

NO_CACHE = {"pipes_cache": False}
MODES = ("python", "docker", "kubernetes", "mixed")
# Of the mixed pipeline; what is not named runs on the worker.
MIXED = {"split": "docker", "train_smooth": "kubernetes", "evaluate_sharp": "docker", "choose": "kubernetes"}
PIPES_TOML = """
[orchestrators.airflow]
flavor = "airflow"
dag_id = "{{pipeline}}_{mode}"
operator = "{operator}"

[orchestrators.airflow.operators.docker.args]
docker_url = "{docker_url}"
network_mode = "none"
labels = {{ "pipes.test" = "{label}" }}

[orchestrators.airflow.operators.kubernetes.args]
namespace = "{namespace}"
config_file = "{kubeconfig}"
image_pull_policy = "Never"

[orchestrators.airflow.store_volume.hostPath]
path = "{store}"

[settings.docker]
parent_image = "{parent}"
requirements = [{requirements}]
"""


@dataclass(frozen=True)
class Modes:
    """The digits example, deployed once for each mode.

    Attributes:
        label: Of all its containers.
        namespace: Of all its pods.
    """

    project: Project
    home: AirflowHome
    docker: DockerEngine
    node: KubernetesNode
    label: str
    namespace: str

    def run(self, modes: Sequence[str], conf: dict[str, Any] | None = None) -> dict[str, DagRunResult]:
        results = self.home.run_dags([DagRunRequest(f"digits_{mode}", conf) for mode in modes], timeout=600)
        for each in results:
            assert each.state == "success", each.log[-6000:]
        return {each.dag_id.removeprefix("digits_"): each for each in results}

    def started(self, since: str) -> tuple[int, int]:
        """Return how many containers, and how many pods since ever, the engines have started."""
        containers = self.docker.events(since, label=f"pipes.test={self.label}")
        return len(containers), len(self.node.pod_starts(self.namespace))

    def hashes(self, run: DagRunResult) -> dict[tuple[str, str], str]:
        """Return the hash of each output of a run."""
        manifests = self.project.documents(f"runs/digits/{run.run_id}/**/manifest.json")
        return {
            (each["step"], name): output["sha256"]
            for each in manifests
            for name, output in each["outputs"].items()
        }


@pytest.fixture(scope="module")
def modes(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerEngine, kubernetes: KubernetesNode
) -> Iterator[Modes]:
    folder = tmp_path_factory.mktemp("modes")
    home = new_home(folder / "airflow")
    label, namespace = uuid.uuid4().hex, kubernetes.namespace("modes")
    made = Modes(Project(folder / "project", home), home, docker_engine, kubernetes, label, namespace)
    try:
        for mode in MODES:
            _deploy(made, mode)
        yield made
    finally:
        docker_engine.remove(f"pipes.test={label}")


def _deploy(modes: Modes, mode: str) -> None:
    """Deploy the example for a mode: nothing of the pipeline is another, only pipes.toml is."""
    project = modes.project
    text = (ROOT / "docs/examples/digits.py").read_text(encoding="utf-8")
    if mode == "mixed":
        text = _mixed(text)
    project.write("digits.py", text)
    packages = ("numpy", "scikit-learn", "matplotlib")
    project.write(
        "pipes.toml",
        PIPES_TOML.format(
            mode=mode,
            operator="python" if mode == "mixed" else mode,
            docker_url=modes.docker.url,
            label=modes.label,
            namespace=modes.namespace,
            kubeconfig=modes.node.kubeconfig,
            store=project.store,
            parent=modes.docker.base_image,
            requirements=", ".join(f'"{name}=={version(name)}"' for name in packages),
        ),
    )
    project.store.mkdir(parents=True, exist_ok=True)
    project.deploy("digits.py", DOCKER_HOST=modes.docker.url, **modes.docker.index)
    if mode in ("kubernetes", "mixed"):
        for image in set(re.findall(r'^\w*IMAGE\w* = "(.+)"$', _dag(modes, mode), re.MULTILINE)):
            modes.node.load(image)


def _dag(modes: Modes, mode: str) -> str:
    return (modes.home.dags_folder / f"digits_{mode}.py").read_text()


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
    return modes.run(MODES, NO_CACHE)


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
        mode: {
            each["step"]: each["host"]
            for each in modes.project.documents(f"runs/digits/{run.run_id}/**/manifest.json")
        }
        for mode, run in first.items()
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
    since = modes.docker.moment()
    _, pods = modes.started(since)
    assert pods >= 8 + sum(operator == "kubernetes" for operator in MIXED.values())

    runs = modes.run(MODES)

    assert modes.started(since) == (0, pods)
    for mode, run in runs.items():
        manifests = modes.project.documents(f"runs/digits/{run.run_id}/**/manifest.json")
        assert len(manifests) == 8
        assert all(each["cached_from"] for each in manifests), mode


def test_one_image_serves_all_steps_of_both_engines(modes: Modes) -> None:
    images = {
        mode: set(re.findall(r'^\w*IMAGE\w* = "(.+)"$', _dag(modes, mode), re.MULTILINE)) for mode in MODES
    }
    assert images["python"] == set()
    assert len(images["docker"]) == 1
    assert images["docker"] == images["kubernetes"] == images["mixed"]


def test_the_mixed_file_imports_what_its_own_tasks_need(modes: Modes) -> None:
    mixed, docker = _dag(modes, "mixed"), _dag(modes, "docker")
    for operator in ("StepPythonOperator", "StepDockerOperator", "StepKubernetesPodOperator"):
        assert operator in mixed
    assert "kubernetes" not in docker.replace("store_volume", "")
