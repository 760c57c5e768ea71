"""The base of container registries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.config import StackComponentConfig
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.connections import ConnectionResolver
    from airflow_provider_pipes.stack.stack import Stack

    # Named here, since inside the flavor below "type" is a property.
    ConfigClass = type["BaseContainerRegistryConfig"]
    ImplementationClass = type["BaseContainerRegistry"]


TOKEN_USER = "<token>"
"""In place of a name, where the password is a token that stands for the whole login."""


@dataclass(frozen=True)
class RegistryAccess:
    """A registry and who we are there.

    Attributes:
        server: Host, with its port if it has one.
        source: Where the login came from, for messages.
        username: Who logs in; None for nobody.
        password: Their password or token.
        insecure: Whether it is spoken to without TLS.
        from_connection: Whether the login is an Airflow connection's, which no other program knows of.
    """

    server: str
    source: str = ""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    insecure: bool = False
    from_connection: bool = False

    @property
    def who(self) -> str:
        """The login and where it is from, in words."""
        name = f"user {self.username!r}" if self.username else "no user"
        return f"{name} ({self.source})" if self.source else name


class BaseContainerRegistryConfig(StackComponentConfig):
    """Base of the configurations of container registries."""


class BaseContainerRegistry(StackComponent, ABC):
    """Where images are kept for the machines that run them."""

    type: ClassVar[StackComponentType] = StackComponentType.CONTAINER_REGISTRY

    @property
    def config(self) -> BaseContainerRegistryConfig:
        """The validated configuration."""
        return cast(BaseContainerRegistryConfig, self._config)

    @abstractmethod
    def image_name(self, repository: str, tag: str) -> str:
        """Return the whole name of an image."""

    @abstractmethod
    def access(self, resolver: ConnectionResolver | None = None) -> RegistryAccess | None:
        """Return where images are pushed to and as whom; None where they stay with who built them.

        Args:
            resolver: Finds the Airflow connection with the login; the environment does where
                nothing is given.
        """

    @abstractmethod
    def find(self, image: str, access: RegistryAccess | None) -> str | None:
        """Return the reference of an image by digest, or None where there is no such image.

        Raises:
            ImageError: the registry does not answer, or does not let us in.
        """


class BaseContainerRegistryFlavor(Flavor):
    """Base of the flavors of container registries."""

    @property
    def type(self) -> StackComponentType:
        """The kind of component."""
        return StackComponentType.CONTAINER_REGISTRY

    @property
    def config_class(self) -> ConfigClass:
        """The class of the configuration."""
        return BaseContainerRegistryConfig

    @property
    @abstractmethod
    def implementation_class(self) -> ImplementationClass:
        """The class of the container registry."""


def container_registry_of(stack: Stack) -> BaseContainerRegistry:
    """Return a stack's container registry: none but the engine where it names none.

    Raises:
        ConfigurationError: the component does not derive from ``BaseContainerRegistry``.
    """
    found = stack.container_registry
    if found is None:
        from airflow_provider_pipes.images.flavors import LocalContainerRegistryConfig
        from airflow_provider_pipes.images.registries import LocalContainerRegistry

        return LocalContainerRegistry("local", LocalContainerRegistryConfig(), "local")
    if not isinstance(found, BaseContainerRegistry):
        raise ConfigurationError(
            f"container registry {found.name!r} is a {found.__class__.__name__}, which does not derive from "
            "BaseContainerRegistry"
        )
    return found
