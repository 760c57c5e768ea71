"""Projects whose steps run in Kubernetes pods, and the image that they run in."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL
from airflow_provider_pipes.testing.waiting import wait_until
from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project
from tests.engines.docker_engine import DockerEngine
from tests.engines.docker_steps import step_image
from tests.engines.kubernetes_node import KubernetesNode

_REPLACED = (
    ("airflow.providers.standard.operators.python", "airflow.providers.cncf.kubernetes.operators.pod"),
    ("airflow_provider_pipes.operators.python", "airflow_provider_pipes.operators.kubernetes"),
)


def kubernetes_step_image(engine: DockerEngine, node: KubernetesNode) -> str:
    """Build an image that steps can run in, bring it to the node, and return its name."""
    made = step_image(engine)
    name = f"pipes.test/kubernetes-steps:{made.removeprefix('sha256:')[:12]}"
    with contextlib.closing(engine.client()) as client:
        client.images.get(made).tag(name)
    node.load(name)
    return name


@dataclass(frozen=True)
class KubernetesProject:
    """A user's project whose DAG files run its steps in pods.

    Attributes:
        project: The project; what its steps note reaches the test from the pods.
        node: Where the pods run.
        image: What they run in.
        namespace: A namespace of its own.
    """

    project: Project
    node: KubernetesNode
    image: str
    namespace: str

    @classmethod
    def new(cls, folder: Path, home: AirflowHome, node: KubernetesNode, image: str) -> KubernetesProject:
        """Make an empty one."""
        return cls(Project(folder, home), node, image, node.namespace("steps"))

    @property
    def notes_file(self) -> Path:
        """Where the steps note what they do."""
        return self.project.root.with_name(f"{self.project.root.name}-notes.jsonl")

    def deploy(
        self, *targets: str, each: Mapping[str, Mapping[str, Any]] | None = None, **arguments: Any
    ) -> None:
        """Deploy pipelines to run in pods.

        Args:
            targets: As for `pipes deploy`.
            each: More arguments of the operator, by the id of a DAG.
            arguments: Arguments of the operator, for all steps.
        """
        self.notes_file.touch()
        self.project.store.mkdir(parents=True, exist_ok=True)
        folder = self.project.home.dags_folder
        before = set(folder.glob("*.py"))
        self.project.deploy(*targets)
        for file in sorted(set(folder.glob("*.py")) - before):
            chosen = {**arguments, **(each or {}).get(file.stem, {})}
            file.write_text(self._in_pods(file.read_text(), chosen))

    def _in_pods(self, dag: str, arguments: Mapping[str, Any]) -> str:
        notes = str(self.notes_file)
        given = {
            "image": self.image,
            "namespace": self.namespace,
            "config_file": str(self.node.kubeconfig),
            "store_volume": {"hostPath": {"path": str(self.project.store)}},
            "volumes": [{"name": "notes", "hostPath": {"path": notes, "type": "File"}}],
            "volume_mounts": [{"name": "notes", "mountPath": notes}],
            **arguments,
        }
        operator = f"StepKubernetesPodOperator(**{given!r}, "
        replaced = (
            *_REPLACED,
            ("StepPythonOperator(", operator),
            ("StepPythonOperator", "StepKubernetesPodOperator"),
        )
        for name, other in replaced:
            assert name in dag, f"no {name!r} in the DAG file:\n{dag}"
            dag = dag.replace(name, other)
        return dag

    def pods(self) -> list[Any]:
        """Return the pods of this project's steps, finished ones too."""
        return self.node.pods(STEP_RUN_LABEL, self.namespace)

    def starts(self) -> int:
        """Return how many pods ever started in the namespace, by the kubelet's own events."""
        return len(self.node.pod_starts(self.namespace))

    def created(self) -> set[str]:
        """Return the names of all pods that the scheduler ever saw in the namespace."""
        events = self.node.client().list_namespaced_event(self.namespace).items
        return {each.involved_object.name for each in events if each.involved_object.kind == "Pod"}

    def secrets(self) -> list[Any]:
        """Return the Secrets of this project's steps."""
        found: list[Any] = (
            self.node.client().list_namespaced_secret(self.namespace, label_selector=STEP_RUN_LABEL).items
        )
        return found

    def wait_for_running_pod(self, seconds: float = 60) -> Any:
        """Return the one pod of the steps, once it runs."""

        def running() -> list[Any]:
            return [each for each in self.pods() if each.status.phase == "Running"]

        wait_until(lambda: bool(running()), "a running pod", seconds)
        return running()[0]

    def wait_for_note(self, first: str, seconds: float = 60) -> None:
        """Wait until a step noted something."""
        wait_until(lambda: bool(self.project.noted(first)), f"the note {first!r}", seconds)

    def wait_until_nothing_is_left(self, seconds: float) -> None:
        """Wait until the namespace has no pod and no Secret of a step."""
        wait_until(lambda: not self.pods() and not self.secrets(), "the end of all pods", seconds)
