"""Projects that `pipes deploy` deploys for the engines: images are built, DAG files stay as they are."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from docker.errors import ImageNotFound
from docker.models.containers import Container

from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL
from airflow_provider_pipes.testing.waiting import wait_until
from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project
from tests.engines import commands
from tests.engines.docker_engine import DockerEngine, EventLog
from tests.engines.kubernetes_node import KubernetesNode

_IMAGE = re.compile(r'(?:IMAGE\w* = |image=)"([^"]+)"')
# Where `pipes deploy` keeps images that it built and pushed nowhere.
_BUILT = "airflow-pipes/"
_PIPELINE = "airflow-provider-pipes/pipeline"


@dataclass(frozen=True)
class EngineProject:
    """A user's project that is deployed to run on the engines.

    Attributes:
        label: Value of the label "pipes.test" of its containers.
        namespace: Of its pods.
    """

    project: Project
    docker: DockerEngine
    node: KubernetesNode
    label: str
    namespace: str
    _events: EventLog

    @classmethod
    @contextlib.contextmanager
    def new(
        cls, folder: Path, home: AirflowHome, docker: DockerEngine, node: KubernetesNode
    ) -> Iterator[EngineProject]:
        """Make an empty one; what a failed test left of its containers is removed in the end."""
        label = uuid.uuid4().hex
        folder.parent.mkdir(parents=True, exist_ok=True)
        with docker.event_log(f"pipes.test={label}", folder.with_name(f"{folder.name}-events")) as events:
            try:
                yield cls(Project(folder, home), docker, node, label, node.namespace("deployed"), events)
            finally:
                docker.remove(f"pipes.test={label}")

    @property
    def notes_file(self) -> Path:
        """Where steps note what they do, in containers and pods too."""
        return self.project.root.with_name(f"{self.project.root.name}-notes.jsonl")

    def configure(
        self,
        orchestrator: Mapping[str, Any] | None = None,
        docker: Mapping[str, Any] | None = None,
        kubernetes: Mapping[str, Any] | None = None,
        **tables: Any,
    ) -> None:
        """Write pipes.toml; where the store is a folder, containers and pods have it.

        Args:
            orchestrator: More of the orchestrator's configuration.
            docker: More arguments for all Docker steps.
            kubernetes: More arguments for all Kubernetes steps.
            tables: More at the top level.
        """
        self.project.store.mkdir(parents=True, exist_ok=True)
        self.notes_file.touch()
        operators = {
            **(orchestrator or {}).get("operators", {}),
            "docker": {"args": {**self._of_docker(), **(docker or {})}},
            "kubernetes": {"args": {**self._of_kubernetes(), **(kubernetes or {})}},
        }
        volume = {"store_volume": {"hostPath": {"path": str(self.project.store)}}}
        own = {} if "artifact_stores" in tables else volume
        airflow = {"flavor": "airflow", **own, **(orchestrator or {}), "operators": operators}
        parent = {"docker": {"parent_image": self.docker.base_image}}
        config = {"settings": parent, **tables, "orchestrators": {"airflow": airflow}}
        self.project.write("pipes.toml", tomlkit.dumps(config))

    def _of_docker(self) -> dict[str, Any]:
        notes = str(self.notes_file)
        return {
            "docker_url": self.docker.url,
            "labels": {"pipes.test": self.label},
            "mounts": [{"Type": "bind", "Source": notes, "Target": notes}],
        }

    def _of_kubernetes(self) -> dict[str, Any]:
        notes = str(self.notes_file)
        return {
            "namespace": self.namespace,
            "config_file": str(self.node.kubeconfig),
            "volumes": [{"name": "notes", "hostPath": {"path": notes, "type": "File"}}],
            "volume_mounts": [{"name": "notes", "mountPath": notes}],
        }

    def deploy(self, *targets: str, **variables: str) -> None:
        """Run `pipes deploy TARGETS…`, which must succeed; the node gets the images of pods.

        Images of a registry are not brought to the node, which pulls them.
        """
        done = self.try_to_deploy(*targets, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        texts = [file.read_text(encoding="utf-8") for file in self.project.home.dags_folder.glob("*.py")]
        images = {each for text in texts if "StepKubernetesPodOperator" in text for each in _images(text)}
        built = sorted(each for each in images if each.startswith(_BUILT))
        if built:
            self.node.load(*built)

    def try_to_deploy(self, *targets: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `pipes deploy TARGETS…` with the engine and its package index at hand."""
        given = {"DOCKER_HOST": self.docker.url, **self.docker.index, **variables}
        with self._no_other_builds_this():
            return self.project.try_to_deploy(*targets, **given)

    @contextlib.contextmanager
    def _no_other_builds_this(self) -> Iterator[None]:
        """Let the process that comes second find what the first one builds."""
        config = tomlkit.parse((self.project.root / "pipes.toml").read_text()).unwrap()
        settings = json.dumps([config.get("settings"), config.get("artifact_stores")], sort_keys=True)
        name = hashlib.sha256(settings.encode()).hexdigest()[:16]
        with (commands.KEPT_IN / f"build-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def dag(self, dag_id: str) -> str:
        """Return the text of a DAG file."""
        return (self.project.home.dags_folder / f"{dag_id}.py").read_text(encoding="utf-8")

    def images(self, dag_id: str) -> set[str]:
        """Return the images that a DAG file names."""
        return _images(self.dag(dag_id))

    def containers(self) -> list[Container]:
        """Return the containers of this project's steps, stopped ones too."""
        return self.docker.containers(f"pipes.test={self.label}")

    def events(self, action: str = "start") -> list[dict[str, Any]]:
        """Return what the Docker engine says has happened to this project's containers, since ever."""
        return self._events.of(action)

    def pods(self, dag_id: str | None = None) -> list[Any]:
        """Return the pods of this project's steps, or of one DAG's, finished ones too."""
        found = self.node.pods(STEP_RUN_LABEL, self.namespace)
        return [each for each in found if dag_id in (None, each.metadata.annotations[_PIPELINE])]

    def created(self, dag_id: str | None = None) -> set[str]:
        """Return the names of all pods that the scheduler ever saw, of one DAG or of all."""
        events = self.node.client().list_namespaced_event(self.namespace).items
        names = {each.involved_object.name for each in events if each.involved_object.kind == "Pod"}
        prefix = "" if dag_id is None else f"{dag_id.replace('_', '-')}-"
        return {each for each in names if each.startswith(prefix)}

    def secrets(self) -> list[Any]:
        """Return the Secrets of this project's steps."""
        core = self.node.client()
        found: list[Any] = core.list_namespaced_secret(self.namespace, label_selector=STEP_RUN_LABEL).items
        return found

    def wait_for_note(self, first: str, seconds: float = 180) -> None:
        """Wait until a step noted something."""
        wait_until(lambda: bool(self.project.noted(first)), f"the note {first!r}", seconds)

    def wait_until_nothing_is_left(self, dag_id: str | None = None, seconds: float = 120) -> None:
        """Wait until there is no container, no pod and no Secret of a step; of one DAG's, no pod."""

        def left() -> list[Any]:
            return self.pods(dag_id) if dag_id else [*self.containers(), *self.pods(), *self.secrets()]

        wait_until(lambda: not left(), "the end of all containers and pods", seconds)

    def forget_images(self, repository: str) -> None:
        """Take an image's names in a repository from the engine, not those that it has elsewhere."""
        with contextlib.closing(self.docker.client()) as client:
            for image in client.api.images():
                for name in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())):
                    if name.startswith(repository):
                        with contextlib.suppress(ImageNotFound):
                            client.images.remove(name)


def _images(dag: str) -> set[str]:
    return set(_IMAGE.findall(dag))
