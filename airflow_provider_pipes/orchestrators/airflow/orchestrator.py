"""The airflow orchestrator: turns a deployment into a DAG file in Airflow's dags folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.errors import CompileError
from airflow_provider_pipes.models.settings import AirflowSettings, Settings
from airflow_provider_pipes.orchestrators.airflow import modes
from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
from airflow_provider_pipes.orchestrators.airflow.limits import airflow_problems
from airflow_provider_pipes.orchestrators.airflow.location import store_location
from airflow_provider_pipes.orchestrators.airflow.publish import Published, dag_file_path, publish
from airflow_provider_pipes.orchestrators.airflow.render import render_dag_file
from airflow_provider_pipes.orchestrators.airflow.server_home import is_own_home
from airflow_provider_pipes.orchestrators.airflow.step_checks import StepChecks
from airflow_provider_pipes.orchestrators.airflow.step_images import StepImages
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator, SettingsClass

if TYPE_CHECKING:
    from airflow_provider_pipes.compiler.orchestrator_view import Findings
    from airflow_provider_pipes.models.deployment import PipelineDeployment, StepSpec
    from airflow_provider_pipes.orchestrators.submission import Submission
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

    settings_class: ClassVar[SettingsClass | None] = AirflowSettings

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

    def settings_problems(self, own: Settings, defaults: Settings) -> list[str]:
        """Return what is wrong with the settings of a pipeline or step."""
        return modes.settings_problems(_airflow(own), _airflow(defaults), self.config)

    def resolved_settings(self, own: Settings, defaults: Settings) -> Settings:
        """Return the settings in force; arguments stay with the operator that they were given for."""
        return modes.resolved(_airflow(own), _airflow(defaults), self.config)

    def settings_document(self, settings: Settings) -> dict[str, Any]:
        """Return what a step's deployment holds of its settings."""
        return modes.settings_document(_airflow(settings), self.config)

    def check_steps(self, steps: Sequence[StepSpec], stack: Stack, project_root: Path) -> Findings:
        """Return what a person must or should know of how steps run."""
        return StepChecks(self.config, stack, project_root).findings(steps)

    def images(self, deployment: PipelineDeployment, stack: Stack, project_root: Path) -> StepImages:
        """Return the images that a deployment needs, to plan, find or build them."""
        return StepImages(deployment, stack, project_root, self.config)

    def prepare_images(
        self, deployment: PipelineDeployment, stack: Stack, submission: Submission
    ) -> PipelineDeployment:
        """Return the deployment with the images of its container steps, found or built.

        Raises:
            ImageError: one can't be built or pushed.
        """
        images = self.images(deployment, stack, submission.project_root)
        return images.built(submission.snapshot, submission.build_listener)

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
            self.config,
        )
        return DagFile(dag_id, dag_file_path(dags_folder, dag_id), text)

    def dags_folder(
        self, project_root: Path, chosen: Path | None = None, environment: Mapping[str, str] = os.environ
    ) -> Path:
        """Return the folder for DAG files.

        The one chosen on the command line, else that of pipes.toml, else Airflow's own if the
        environment tells it, else ``dags`` in the project. The Airflow that `pipes up` starts reads this
        folder wherever its home is, so naming that home is no choice of a folder.
        """
        if chosen is not None:
            return chosen.absolute()
        if self.config.dags_folder is not None:
            return project_root / self.config.dags_folder
        if environment.get("AIRFLOW__CORE__DAGS_FOLDER"):
            return Path(environment["AIRFLOW__CORE__DAGS_FOLDER"])
        home = environment.get("AIRFLOW_HOME")
        if home and not is_own_home(Path(home), project_root):
            return Path(home) / "dags"
        return project_root / "dags"


def _airflow(settings: Settings) -> AirflowSettings:
    return cast("AirflowSettings", settings)
