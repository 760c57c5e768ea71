"""The base of image builders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_provider_pipes.errors import ConfigurationError, ImageError
from airflow_provider_pipes.images.listener import BuildListener, SilentListener
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.config import StackComponentConfig
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor

if TYPE_CHECKING:
    from airflow_provider_pipes.images.registry import RegistryAccess
    from airflow_provider_pipes.stack.stack import Stack

    # Named here, since inside the flavor below "type" is a property.
    ConfigClass = type["BaseImageBuilderConfig"]
    ImplementationClass = type["BaseImageBuilder"]


@dataclass(frozen=True)
class BuildRequest:
    """One image to build.

    Attributes:
        image: Its name, with repository and tag.
        dockerfile: Text of the Dockerfile.
        files: What it may copy, by path in the build context: contents, or the file that has them.
        platform: Platform of the image, where one was chosen.
        arguments: Build arguments; they may be secret, so they go into no argument list and no log.
        options: What the user said to the builder.
        listener: Is told what the build prints.
    """

    image: str
    dockerfile: str
    files: Mapping[str, bytes | Path] = field(repr=False)
    platform: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    listener: BuildListener = field(default_factory=SilentListener, repr=False)


class BaseImageBuilderConfig(StackComponentConfig):
    """Base of the configurations of image builders."""


class BaseImageBuilder(StackComponent, ABC):
    """Builds images, where ``pipes deploy`` runs or elsewhere."""

    type: ClassVar[StackComponentType] = StackComponentType.IMAGE_BUILDER

    @property
    def config(self) -> BaseImageBuilderConfig:
        """The validated configuration."""
        return cast(BaseImageBuilderConfig, self._config)

    @property
    def keeps_images(self) -> bool:
        """Whether a later build can use an image as its parent that was not pushed."""
        return True

    @abstractmethod
    def build(self, request: BuildRequest, registry: RegistryAccess | None = None) -> str:
        """Build an image and return its reference.

        Args:
            request: What to build.
            registry: Where to push it; the reference is by digest then.

        Raises:
            ImageError: it can't be built or pushed.
        """

    def check(self, seconds: float) -> str:
        """Return in a few words what builds images, if it works; "" where nothing can tell.

        Args:
            seconds: How long an answer may take.

        Raises:
            ImageError: it does not work.
        """
        return ""

    def find(self, image: str) -> bool:
        """Return whether the builder keeps an image of this name.

        Raises:
            ImageError: nobody answers.
        """
        return False

    def push(self, image: str, registry: RegistryAccess, listener: BuildListener) -> str:
        """Push an image that ``find`` found, and return its reference by digest.

        Raises:
            ImageError: the registry does not take it, or a builder that overrides ``find`` has no push.
        """
        raise ImageError(
            f"image builder {self.name!r} keeps {image} and can't push it: {type(self).__name__} defines "
            "`find` and no `push`; define both or neither"
        )


class BaseImageBuilderFlavor(Flavor):
    """Base of the flavors of image builders."""

    @property
    def type(self) -> StackComponentType:
        """The kind of component."""
        return StackComponentType.IMAGE_BUILDER

    @property
    def config_class(self) -> ConfigClass:
        """The class of the configuration."""
        return BaseImageBuilderConfig

    @property
    @abstractmethod
    def implementation_class(self) -> ImplementationClass:
        """The class of the image builder."""


def image_builder_of(stack: Stack) -> BaseImageBuilder:
    """Return a stack's image builder: the Docker engine where it names none.

    Raises:
        ConfigurationError: the component does not derive from ``BaseImageBuilder``.
    """
    found = stack.image_builder
    if found is None:
        from airflow_provider_pipes.images.docker_builder import DockerImageBuilder
        from airflow_provider_pipes.images.flavors import DockerImageBuilderConfig

        return DockerImageBuilder("docker", DockerImageBuilderConfig(), "docker")
    if not isinstance(found, BaseImageBuilder):
        raise ConfigurationError(
            f"image builder {found.name!r} is a {found.__class__.__name__}, which does not derive from "
            "BaseImageBuilder"
        )
    return found
