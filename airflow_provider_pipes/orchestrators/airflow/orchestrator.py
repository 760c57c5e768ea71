"""The airflow orchestrator: turns a deployment into a DAG file in Airflow's dags folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.errors import CompileError
from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
from airflow_provider_pipes.orchestrators.airflow.limits import airflow_problems
from airflow_provider_pipes.orchestrators.airflow.location import store_location
from airflow_provider_pipes.orchestrators.airflow.publish import Published, dag_file_path, publish
from airflow_provider_pipes.orchestrators.airflow.render import render_dag_file
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import PipelineDeployment
    from airflow_provider_pipes.stack.stack import Stack


@dataclass(frozen=True)
class DagFile:
    """A rendered DAG file and where it belongs.

    Attributes:
        published: What writing it did; None while it is not written.
    """

    dag_id: str
    path: Path
    text: str
    published: Published | None = None


class AirflowOrchestrator(BaseOrchestrator):
    """Writes one DAG file for a pipeline; Airflow schedules, retries and shows it."""

    @property
    def config(self) -> AirflowOrchestratorConfig:
        """The validated configuration."""
        return cast("AirflowOrchestratorConfig", self._config)

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> DagFile:
        """Render the DAG file and write it, whole or not at all.

        Raises:
            CompileError: Airflow would not take the pipeline.
            DeployError: the file can't be written.
        """
        folder = self.dags_folder(self.submission.project_root, self.submission.dags_folder)
        file = self.dag_file(deployment, stack, self.submission.project_root, folder)
        return DagFile(file.dag_id, file.path, file.text, publish(file.path, file.text))

    def dag_file(
        self, deployment: PipelineDeployment, stack: Stack, project_root: Path, dags_folder: Path
    ) -> DagFile:
        """Render the DAG file without writing anything.

        Raises:
            CompileError: Airflow would not take the pipeline.
        """
        dag_id = self.config.dag_id_for(deployment.pipeline.name)
        problems = airflow_problems(deployment, dag_id)
        if problems:
            raise CompileError(f"pipeline {deployment.pipeline.name!r} for Airflow", problems)
        store = artifact_store_of(stack)
        templates = self.config.dags_templates_dir
        text = render_dag_file(
            deployment,
            dag_id,
            store_location(store.uri(project_root), project_root, dags_folder),
            store.connection_id,
            project_root / templates if templates else None,
        )
        return DagFile(dag_id, dag_file_path(dags_folder, dag_id), text)

    def dags_folder(
        self, project_root: Path, chosen: Path | None = None, environment: Mapping[str, str] = os.environ
    ) -> Path:
        """Return the folder for DAG files.

        The one chosen on the command line, else that of pipes.toml, else Airflow's own if the
        environment tells it, else ``dags`` in the project.
        """
        if chosen is not None:
            return chosen.absolute()
        if self.config.dags_folder is not None:
            return project_root / self.config.dags_folder
        if environment.get("AIRFLOW__CORE__DAGS_FOLDER"):
            return Path(environment["AIRFLOW__CORE__DAGS_FOLDER"])
        if environment.get("AIRFLOW_HOME"):
            return Path(environment["AIRFLOW_HOME"]) / "dags"
        return project_root / "dags"
