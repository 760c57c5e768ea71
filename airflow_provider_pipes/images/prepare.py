"""Images found, built and pushed, so that each step has one by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.images.builder import BaseImageBuilder, BuildRequest, image_builder_of
from airflow_provider_pipes.images.listener import BuildListener, SilentListener
from airflow_provider_pipes.images.masking import (
    build_arguments,
    certificates,
    given_arguments,
    index_settings,
)
from airflow_provider_pipes.images.plan import ImagePlan, ImageReference, PlannedImage, with_images
from airflow_provider_pipes.images.registry import (
    BaseContainerRegistry,
    RegistryAccess,
    container_registry_of,
)

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.connections import ConnectionResolver
    from airflow_provider_pipes.stack.stack import Stack

__all__ = ["FoundImages", "ImageReference", "build_images", "find_images", "with_images"]


@dataclass(frozen=True)
class FoundImages:
    """What there is of a plan.

    Attributes:
        references: The images that are there, by step.
        missing: Those that are not.
    """

    references: Mapping[str, ImageReference]
    missing: tuple[PlannedImage, ...] = ()


def find_images(
    plan: ImagePlan, stack: Stack, resolver: ConnectionResolver | None = None, *, ask_engine: bool = True
) -> FoundImages:
    """Look for the images of a plan, and build none.

    Args:
        plan: The plan.
        stack: Whose image builder and container registry are asked.
        resolver: Finds the Airflow connection of the registry.
        ask_engine: Whether images that are not pushed are looked for; without, they count as
            found, since their names are known.

    Raises:
        ImageError: the registry or the engine does not answer.
        ConfigurationError: the registry's connection is missing or does not fit.
    """
    references = dict(plan.given)
    if not plan.images:
        return FoundImages(references)
    places = _Places.of(stack, resolver)
    missing = []
    for image in plan.images:
        found = places.find(image, ask_engine)
        if found is None:
            missing.append(image)
        else:
            references |= dict.fromkeys(image.steps, ImageReference(found, image.build))
    return FoundImages(references, tuple(missing))


def build_images(
    plan: ImagePlan,
    stack: Stack,
    snapshot: Callable[[], bytes],
    project_root: Path,
    resolver: ConnectionResolver | None = None,
    tell: BuildListener | None = None,
) -> Mapping[str, ImageReference]:
    """Find the images of a plan, build and push those that are missing, and return all by step.

    Args:
        plan: The plan.
        stack: Whose image builder and container registry are used.
        snapshot: Returns the code, where an image holds it.
        project_root: The project's folder.
        resolver: Finds the Airflow connection of the registry.
        tell: Is told how it goes on.

    Raises:
        ImageError: an image can't be built or pushed.
        ConfigurationError: the stack's components do not fit.
    """
    references = dict(plan.given)
    if not plan.images:
        return references
    listener = tell or SilentListener()
    places = _Places.of(stack, resolver)
    for image in plan.images:
        name = places.name(image)
        found = places.find(image)
        if found is not None:
            listener.image_found(name, image.steps)
        else:
            began = time.monotonic()
            found = places.make(image, snapshot, listener)
            listener.image_ready(name, found, time.monotonic() - began)
        references |= dict.fromkeys(image.steps, ImageReference(found, image.build))
    return references


@dataclass(frozen=True)
class _Places:
    """Where images are built and kept."""

    builder: BaseImageBuilder
    registry: BaseContainerRegistry
    access: RegistryAccess | None = field(repr=False)

    @classmethod
    def of(cls, stack: Stack, resolver: ConnectionResolver | None) -> _Places:
        registry = container_registry_of(stack)
        return cls(image_builder_of(stack), registry, registry.access(resolver))

    def name(self, image: PlannedImage) -> str:
        return self.registry.image_name(image.repository, image.tag)

    def find(self, image: PlannedImage, ask_engine: bool = True) -> str | None:
        name = self.name(image)
        if self.access is not None:
            return self.registry.find(name, self.access)
        return name if not ask_engine or self.builder.find(name) else None

    def make(self, image: PlannedImage, snapshot: Callable[[], bytes], listener: BuildListener) -> str:
        name, recipe = self.name(image), image.recipe
        if self.access is not None and self.builder.find(name):
            # Built before, by a deploy that ended before it was pushed.
            return self.builder.push(name, self.access, listener)
        listener.build_started(name, image.steps)
        parent = self._parent(image, listener) if recipe.user_build else recipe.parent_image
        code = snapshot() if recipe.code_hash is not None else None
        request = BuildRequest(
            image=name,
            dockerfile=recipe.dockerfile(parent),
            files={**recipe.files(code), "certificates.pem": certificates()},
            platform=recipe.settings.platform,
            arguments=build_arguments(recipe.settings.build_options),
            options=recipe.settings.build_options,
            listener=listener,
        )
        return self.builder.build(request, self.access)

    def _parent(self, image: PlannedImage, listener: BuildListener) -> str:
        """Build what the user's Dockerfile says, unless that is there, and return its name."""
        recipe = image.recipe
        given = recipe.user_build
        if given is None:
            return recipe.parent_image
        # Pushed only where the builder forgets it otherwise.
        pushed = None if self.builder.keeps_images else self.access
        name = self.registry.image_name(image.repository, image.parent_tag)
        found = self.registry.find(name, pushed) if pushed else name if self.builder.find(name) else None
        if found is not None:
            return found
        options = recipe.settings.build_options
        request = BuildRequest(
            image=name,
            dockerfile=given.dockerfile,
            files=dict(given.files),
            platform=recipe.settings.platform,
            arguments={**index_settings(), **given_arguments(options)},
            options=options,
            listener=listener,
        )
        return self.builder.build(request, pushed)
