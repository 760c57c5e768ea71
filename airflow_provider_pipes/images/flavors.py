"""The flavors of image builders and container registries; nothing here needs docker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from airflow_provider_pipes.images.builder import BaseImageBuilderConfig, BaseImageBuilderFlavor
from airflow_provider_pipes.images.registry import BaseContainerRegistryConfig, BaseContainerRegistryFlavor
from airflow_provider_pipes.models.images import registry_problem

if TYPE_CHECKING:
    from airflow_provider_pipes.images.command_builder import CommandImageBuilder
    from airflow_provider_pipes.images.docker_builder import DockerImageBuilder
    from airflow_provider_pipes.images.registries import DockerContainerRegistry, LocalContainerRegistry


def _registry_address(value: str) -> str:
    problem = registry_problem(value)
    if problem is not None:
        # Without the value, which may hold a login.
        raise ValueError(problem)
    return value


class DockerImageBuilderConfig(BaseImageBuilderConfig):
    """Configuration of an image builder that is a Docker engine.

    Attributes:
        host: Address of the engine, as "unix:///var/run/docker.sock"; what DOCKER_HOST says by default.
        pull: Whether the parent image is looked for anew with each build.
    """

    host: Annotated[str, Field(min_length=1)] | None = Field(default=None, exclude=True)
    pull: bool = False


class CommandImageBuilderConfig(BaseImageBuilderConfig):
    """Configuration of an image builder that is a command, as buildah or kaniko.

    In arguments, {context} is a folder with what the Dockerfile copies, {dockerfile} its path,
    {image} the image's name, and {digest_file} a file that the command writes the pushed image's
    digest to. An argument that is nothing but {platform}, {build_args}, {options} or {insecure}
    stands for none or several.

    Attributes:
        preset: Whose arguments count where none are given here.
        build: Program and arguments that build an image; without ``push``, they push it as well.
        push: Program and arguments that push an image that was built.
        find: Program and arguments that succeed if an image was built before.
        platform: What {platform} stands for, with {value}.
        insecure: What {insecure} stands for, for a registry without TLS.
        environment: Variables of the commands, beside those of this process.
    """

    preset: Literal["buildah", "kaniko"] | None = "buildah"
    build: tuple[str, ...] | None = None
    push: tuple[str, ...] | None = None
    find: tuple[str, ...] | None = None
    platform: tuple[str, ...] | None = None
    insecure: tuple[str, ...] | None = None
    environment: dict[str, str] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="after")
    def _some_build(self) -> Self:
        if self.preset is None and not self.build:
            raise ValueError("give build, the program and arguments that build an image, or a preset")
        if self.build == ():
            raise ValueError("build is empty; give the program and arguments that build an image")
        return self


class LocalContainerRegistryConfig(BaseContainerRegistryConfig):
    """Configuration of no registry: images stay where they were built."""


class DockerContainerRegistryConfig(BaseContainerRegistryConfig):
    """Configuration of a container registry that speaks the registry API, version 2.

    Attributes:
        uri: Host of the registry, with the path that repositories begin with, as
            "registry.example.com/ml".
        connection_id: Airflow connection of type docker with login and password; without one, what
            `docker login` wrote counts.
        insecure: Whether it is spoken to without TLS.
    """

    # What was given may hold a login, so no message of pydantic repeats it.
    model_config = ConfigDict(hide_input_in_errors=True)

    uri: Annotated[str, AfterValidator(_registry_address)]
    connection_id: Annotated[str, Field(min_length=1)] | None = None
    insecure: bool = False


class DockerImageBuilderFlavor(BaseImageBuilderFlavor):
    """Flavor of image builders that are a Docker engine."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "docker"

    @property
    def config_class(self) -> type[DockerImageBuilderConfig]:
        """The class of the configuration."""
        return DockerImageBuilderConfig

    @property
    def implementation_class(self) -> type[DockerImageBuilder]:
        """The class of the image builder."""
        from airflow_provider_pipes.images.docker_builder import DockerImageBuilder

        return DockerImageBuilder


class CommandImageBuilderFlavor(BaseImageBuilderFlavor):
    """Flavor of image builders that are a command."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "command"

    @property
    def config_class(self) -> type[CommandImageBuilderConfig]:
        """The class of the configuration."""
        return CommandImageBuilderConfig

    @property
    def implementation_class(self) -> type[CommandImageBuilder]:
        """The class of the image builder."""
        from airflow_provider_pipes.images.command_builder import CommandImageBuilder

        return CommandImageBuilder


class LocalContainerRegistryFlavor(BaseContainerRegistryFlavor):
    """Flavor of no registry: images stay where they were built."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "local"

    @property
    def config_class(self) -> type[LocalContainerRegistryConfig]:
        """The class of the configuration."""
        return LocalContainerRegistryConfig

    @property
    def implementation_class(self) -> type[LocalContainerRegistry]:
        """The class of the container registry."""
        from airflow_provider_pipes.images.registries import LocalContainerRegistry

        return LocalContainerRegistry


class DockerContainerRegistryFlavor(BaseContainerRegistryFlavor):
    """Flavor of registries that speak the registry API, version 2."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "docker"

    @property
    def config_class(self) -> type[DockerContainerRegistryConfig]:
        """The class of the configuration."""
        return DockerContainerRegistryConfig

    @property
    def implementation_class(self) -> type[DockerContainerRegistry]:
        """The class of the container registry."""
        from airflow_provider_pipes.images.registries import DockerContainerRegistry

        return DockerContainerRegistry
