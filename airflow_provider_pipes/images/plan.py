"""Which images the steps of a deployment need: a pure look at settings and the project's files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_pipes.images.context import UserBuild, user_build
from airflow_provider_pipes.images.light_core import core_requirements
from airflow_provider_pipes.images.recipe import ImageRecipe
from airflow_provider_pipes.models.canonical import content_hash
from airflow_provider_pipes.models.deployment import PipelineDeployment, StepSpec
from airflow_provider_pipes.models.docker_settings import DockerSettings
from airflow_provider_pipes.models.images import repository_problem

_TAG_LENGTH = 24
_REPOSITORIES = "airflow-pipes"
# The same for every image, and the environment of a step is set when its container starts.
_NOT_OF_THE_IMAGE = {"environment", "secrets", "target_repository", "skip_build", "image"}


@dataclass(frozen=True)
class ImageReference:
    """An image that a step runs in.

    Attributes:
        reference: Its name; by digest if it was pushed.
        build: Hash of what built it; None where it was not built here.
    """

    reference: str
    build: str | None = None


@dataclass(frozen=True)
class PlannedImage:
    """An image that steps with equal settings share.

    Attributes:
        repository: Where it is in the container registry.
        steps: Names of the steps, in order.
        recipe: How it is made.
    """

    repository: str
    steps: tuple[str, ...]
    recipe: ImageRecipe

    @property
    def build(self) -> str:
        """Hash of what builds it."""
        return self.recipe.build

    @property
    def tag(self) -> str:
        """Its tag: what is built of the same has the same everywhere."""
        return self.build[:_TAG_LENGTH]

    @property
    def parent_tag(self) -> str:
        """The tag of the parent image, where it is built."""
        return f"parent-{self.recipe.parent_build[:_TAG_LENGTH]}"


@dataclass(frozen=True)
class ImagePlan:
    """The images of a deployment.

    Attributes:
        images: Those to find or build.
        given: For steps with ``skip_build``, the image that they name.
    """

    images: tuple[PlannedImage, ...] = ()
    given: Mapping[str, ImageReference] = field(default_factory=dict)


def plan_images(
    deployment: PipelineDeployment, steps: Collection[str], project_root: Path, store_scheme: str = ""
) -> ImagePlan:
    """Return the images that steps need.

    Args:
        deployment: The compiled pipeline.
        steps: Names of the steps that run in containers.
        project_root: The project's folder.
        store_scheme: Scheme of the artifact store's URI; empty for a folder.

    Raises:
        ImageError: a Dockerfile or its context can't be read.
    """
    planner = _Planner(deployment, project_root, core_requirements(store_scheme))
    given: dict[str, ImageReference] = {}
    images: dict[tuple[str, str], PlannedImage] = {}
    for name, spec in deployment.steps.items():
        if name not in steps:
            continue
        if spec.docker_settings.skip_build:
            given[name] = ImageReference(str(spec.docker_settings.image))
            continue
        recipe = planner.recipe(spec)
        repository = spec.docker_settings.target_repository or planner.repository
        others = images.get((repository, recipe.build))
        sharing = (*others.steps, name) if others else (name,)
        images[repository, recipe.build] = PlannedImage(repository, sharing, recipe)
    return ImagePlan(tuple(images.values()), given)


@dataclass
class _Planner:
    deployment: PipelineDeployment
    root: Path
    core: tuple[str, ...]
    _recipes: dict[str, ImageRecipe] = field(default_factory=dict)
    _builds: dict[tuple[str, str | None], UserBuild] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        """One for each project, so that its pipelines share what is equal.

        By the name that the project gives itself: its folder has another name on each machine.
        """
        return f"{_REPOSITORIES}/{_project_name(self.root) or 'steps'}"

    def recipe(self, spec: StepSpec) -> ImageRecipe:
        settings = spec.docker_settings
        # Thousands of steps have the same few settings.
        key = content_hash(settings.model_dump(mode="json", exclude=_NOT_OF_THE_IMAGE))
        if key not in self._recipes:
            self._recipes[key] = ImageRecipe(
                settings=settings,
                core_requirements=self.core,
                user_build=self._user_build(settings),
                code_hash=self.deployment.code.hash if settings.copy_code else None,
            )
        return self._recipes[key]

    def _user_build(self, settings: DockerSettings) -> UserBuild | None:
        if settings.dockerfile is None:
            return None
        key = (settings.dockerfile, settings.build_context)
        if key not in self._builds:
            self._builds[key] = user_build(self.root, *key)
        return self._builds[key]


def _project_name(root: Path) -> str | None:
    try:
        name = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    plain = re.sub(r"[-_.]+", "-", str(name)).lower()
    return None if repository_problem(plain) else plain


def with_images(
    deployment: PipelineDeployment, references: Mapping[str, ImageReference]
) -> PipelineDeployment:
    """Return a deployment whose steps name their images; its id covers them."""
    if not references:
        return deployment
    specs = tuple(_with_image(spec, references.get(spec.name)) for spec in deployment.step_specs)
    # Made anew: a copy would keep the id of the deployment without images.
    return PipelineDeployment(
        pipeline=deployment.pipeline, step_specs=specs, code=deployment.code, stack=deployment.stack
    )


def _with_image(spec: StepSpec, image: ImageReference | None) -> StepSpec:
    if image is None:
        return spec
    return spec.model_copy(update={"image": image.reference, "image_build": image.build})
