"""Projects that `pipes deploy` deploys for the engines: images are built, DAG files stay as they are."""

from __future__ import annotations

import contextlib
import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from docker.errors import ImageNotFound

from tests.airflow.harness import AirflowHome, PostgresDatabase
from tests.airflow.projects import Project
from tests.airflow.running import RunningAirflow, run_airflow
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.postgres import PostgresServer, postgres_server

_IMAGE = re.compile(r'(?:IMAGE\w* = |image=)"([^"]+)"')

# Many tasks that start at once on a machine with other work make the API server slow.
_API_SECONDS = "60"


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

    @classmethod
    @contextlib.contextmanager
    def new(
        cls, folder: Path, home: AirflowHome, docker: DockerEngine, node: KubernetesNode
    ) -> Iterator[EngineProject]:
        """Make an empty one; what a failed test left of its containers is removed in the end."""
        label = uuid.uuid4().hex
        made = cls(Project(folder, home), docker, node, label, node.namespace("deployed"))
        try:
            yield made
        finally:
            docker.remove(f"pipes.test={label}")

    def configure(
        self,
        orchestrator: Mapping[str, Any] | None = None,
        docker: Mapping[str, Any] | None = None,
        kubernetes: Mapping[str, Any] | None = None,
        **tables: Any,
    ) -> None:
        """Write pipes.toml.

        Args:
            orchestrator: More of the orchestrator's configuration.
            docker: More arguments for all Docker steps.
            kubernetes: More arguments for all Kubernetes steps.
            tables: More at the top level.
        """
        of_docker = {"docker_url": self.docker.url, "labels": {"pipes.test": self.label}}
        of_kubernetes = {"namespace": self.namespace, "config_file": str(self.node.kubeconfig)}
        operators = {
            "docker": {"args": {**of_docker, **(docker or {})}},
            "kubernetes": {"args": {**of_kubernetes, **(kubernetes or {})}},
        }
        airflow = {"flavor": "airflow", **(orchestrator or {}), "operators": operators}
        parent = {"docker": {"parent_image": self.docker.base_image}}
        config = {**tables, "orchestrators": {"airflow": airflow}, "settings": parent}
        self.project.write("pipes.toml", tomlkit.dumps(config))
        self.project.store.mkdir(parents=True, exist_ok=True)

    def deploy(self, *targets: str, **variables: str) -> None:
        """Run `pipes deploy TARGETS…`, which must succeed."""
        done = self.try_to_deploy(*targets, **variables)
        assert done.returncode == 0, done.stdout + done.stderr

    def try_to_deploy(self, *targets: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `pipes deploy TARGETS…` with the engine and its package index at hand."""
        given = {"DOCKER_HOST": self.docker.url, **self.docker.index, **variables}
        return self.project.try_to_deploy(*targets, **given)

    def dag(self, dag_id: str) -> str:
        """Return the text of a DAG file."""
        return (self.project.home.dags_folder / f"{dag_id}.py").read_text(encoding="utf-8")

    def images(self, dag_id: str) -> set[str]:
        """Return the images that a DAG file names."""
        return set(_IMAGE.findall(self.dag(dag_id)))

    def load_images(self, dag_id: str) -> None:
        """Bring the images of a DAG file to the Kubernetes node, which pulls none of them."""
        for image in self.images(dag_id):
            self.node.load(image)

    def forget_images(self, repository: str) -> None:
        """Take an image's names in a repository from the engine, not those that it has elsewhere."""
        with contextlib.closing(self.docker.client()) as client:
            for image in client.api.images():
                for name in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())):
                    if name.startswith(repository):
                        with contextlib.suppress(ImageNotFound):
                            client.images.remove(name)


@contextlib.contextmanager
def airflow_on_postgres(folder: Path, **variables: str) -> Iterator[tuple[RunningAirflow, PostgresServer]]:
    """Run an Airflow on a database server of its own, so that many tasks run at once."""
    with postgres_server() as server:
        server.create_database("airflow")
        settings = {"AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": _API_SECONDS, **variables}
        home = AirflowHome(folder, PostgresDatabase(server, "airflow"), settings)
        home.migrate()
        with run_airflow(home) as running:
            yield running, server
