"""The images of the steps that run in containers: planned, found and built before there is a DAG file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.orchestrators.airflow.modes import mode_of

if TYPE_CHECKING:
    from airflow_provider_pipes.images.listener import BuildListener
    from airflow_provider_pipes.images.plan import ImagePlan, PlannedImage
    from airflow_provider_pipes.images.prepare import ImageReference
    from airflow_provider_pipes.models.deployment import PipelineDeployment
    from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
    from airflow_provider_pipes.stack.stack import Stack


@dataclass(frozen=True)
class FoundDeployment:
    """A deployment with its images as far as they are there.

    Attributes:
        deployment: It names the others by their tags.
        missing: Names of those that are not there.
        unchecked: Why nobody could say whether they are.
    """

    deployment: PipelineDeployment
    missing: tuple[str, ...] = ()
    unchecked: str = ""


@dataclass(frozen=True)
class StepImages:
    """The images that one deployment needs.

    Attributes:
        deployment: The compiled pipeline.
        stack: The stack with the image builder and the container registry.
        project_root: The project's folder.
        config: The configuration of the orchestrator.
    """

    deployment: PipelineDeployment
    stack: Stack
    project_root: Path
    config: AirflowOrchestratorConfig

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """The steps that need an image and have none yet."""
        return tuple(
            step.name
            for step in self.deployment.step_specs
            if step.image is None and mode_of(step, self.config).in_container
        )

    @cached_property
    def plan(self) -> ImagePlan:
        """What there is to find or build.

        Raises:
            ImageError: what is said of an image can't be built.
        """
        from airflow_provider_pipes.images.plan import plan_images

        scheme, found, _ = artifact_store_of(self.stack).uri(self.project_root).partition("://")
        return plan_images(self.deployment, self.steps, self.project_root, scheme if found else "")

    def planned(self) -> PipelineDeployment:
        """Return the deployment with each image under its tag, whether it is there or not.

        Not to be deployed: where an image was pushed, its digest is what counts.
        """
        return self._with({}, self.plan.images) if self.steps else self.deployment

    def found(self) -> FoundDeployment:
        """Return the deployment with its images as they are; build nothing.

        Raises:
            ImageError: the container registry does not answer.
        """
        if not self.steps:
            return FoundDeployment(self.deployment)
        from airflow_provider_pipes.images.prepare import find_images

        unchecked = ""
        try:
            found = find_images(self.plan, self.stack)
        except ImageError as error:
            # An engine need not run to look at DAG files; a registry that does not answer is told again.
            found = find_images(self.plan, self.stack, ask_engine=False)
            unchecked = str(error)
        missing = tuple(self._name(image) for image in found.missing)
        return FoundDeployment(self._with(found.references, found.missing), missing, unchecked)

    def built(self, snapshot: Callable[[], bytes], tell: BuildListener | None = None) -> PipelineDeployment:
        """Return the deployment with its images, those built and pushed that are not there.

        Raises:
            ImageError: one can't be built or pushed.
        """
        if not self.steps:
            return self.deployment
        from airflow_provider_pipes.images.prepare import build_images, with_images

        references = build_images(self.plan, self.stack, snapshot, self.project_root, tell=tell)
        return with_images(self.deployment, references)

    def _with(
        self, found: Mapping[str, ImageReference], missing: tuple[PlannedImage, ...]
    ) -> PipelineDeployment:
        from airflow_provider_pipes.images.prepare import ImageReference, with_images

        unbuilt = {
            step: ImageReference(self._name(image), image.build) for image in missing for step in image.steps
        }
        return with_images(self.deployment, {**self.plan.given, **unbuilt, **found})

    def _name(self, image: PlannedImage) -> str:
        from airflow_provider_pipes.images.registry import container_registry_of

        return container_registry_of(self.stack).image_name(image.repository, image.tag)
