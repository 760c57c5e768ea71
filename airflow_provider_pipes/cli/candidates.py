"""Pipelines as they would be deployed: with their images and their DAG files, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.cli.terminal import ERR, OUT
from airflow_provider_pipes.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_pipes.cli.session import Session
    from airflow_provider_pipes.models.deployment import PipelineDeployment
    from airflow_provider_pipes.orchestrators.airflow.orchestrator import DagFile
    from airflow_provider_pipes.orchestrators.airflow.step_images import StepImages
    from airflow_provider_pipes.stack.stack import Stack


@dataclass(frozen=True)
class Candidate:
    """A pipeline as it would be deployed.

    Attributes:
        session: With the images of its steps.
        compiled: Without them.
        file: Its DAG file; None for an orchestrator of a user's own, which knows what it writes.
        unbuilt: Its images that are not there, without which the DAG file is not what it would be.
    """

    session: Session
    compiled: Session
    file: DagFile | None
    unbuilt: tuple[str, ...] = ()

    @property
    def place(self) -> Path | None:
        """The folder of its DAG file."""
        return self.file.path.parent if self.file else None

    def difference(self) -> str:
        """Return a unified diff from the DAG file that is there to the one that would be written."""
        from airflow_provider_pipes.orchestrators.airflow.publish import diff

        if self.file is None:
            raise not_airflow(self.session.stack)
        return diff(self.file.path, self.file.text)

    def document(self, **further: Any) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "target": self.session.text,
            "dag_id": self.file and self.file.dag_id,
            "path": self.file and str(self.file.path),
            "deployment_id": self.session.deployment.id,
            "warnings": list(self.session.compilation.warnings),
            **further,
        }


def planned(session: Session, dags_folder: Path | None) -> Candidate:
    """Return what a pipeline would be with its images under their tags, whether they are there or not."""
    images = _images(session)
    return _candidate(session, session.deployment if images is None else images.planned(), dags_folder)


def found(session: Session, dags_folder: Path | None) -> Candidate:
    """Return what a pipeline would be with the images that are there; none is built."""
    images = _images(session)
    if images is None:
        return _candidate(session, session.deployment, dags_folder)
    found = images.found()
    if found.unchecked:
        ERR.line(("warning: ", "yellow"), f"images not checked: {found.unchecked}")
    return _candidate(session, found.deployment, dags_folder, found.missing)


def built(candidate: Candidate, as_json: bool) -> Candidate:
    """Return a pipeline with its images, those built that are not there."""
    from airflow_provider_pipes.cli.image_progress import ImageProgress

    session = candidate.compiled
    images = _images(session)
    if images is None or not images.steps:
        return candidate
    progress = ImageProgress(ERR if as_json else OUT)
    built = images.built(lambda: session.code.snapshot().data, progress)
    return _candidate(session, built, candidate.place)


def _images(session: Session) -> StepImages | None:
    from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator

    orchestrator = session.orchestrator
    if not isinstance(orchestrator, AirflowOrchestrator):
        return None
    return orchestrator.images(session.deployment, session.stack, session.root)


def _candidate(
    compiled: Session,
    deployment: PipelineDeployment,
    dags_folder: Path | None,
    unbuilt: tuple[str, ...] = (),
) -> Candidate:
    from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator

    session = compiled.with_deployment(deployment)
    orchestrator = session.orchestrator
    if not isinstance(orchestrator, AirflowOrchestrator):
        if dags_folder is not None:
            raise not_airflow(
                session.stack, f"it has no use for --dags-folder {dags_folder}: leave that out, or "
            )
        return Candidate(session, compiled, None)
    folder = orchestrator.dags_folder(session.root, dags_folder)
    file = orchestrator.dag_file(session.deployment, session.stack, session.root, folder)
    return Candidate(session, compiled, file, unbuilt)


def not_airflow(stack: Stack, consequence: str = "") -> ConfigurationError:
    """Return the error for a stack whose orchestrator writes no DAG files."""
    return ConfigurationError(
        f"orchestrator {stack.orchestrator.name!r} of stack {stack.name!r} is of flavor "
        f"{stack.orchestrator.flavor!r}, which writes no DAG file; {consequence}choose a stack with an "
        "airflow orchestrator by --stack"
    )
