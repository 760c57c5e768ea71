"""The artifact store as a component of a stack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.config import StackComponentConfig
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.stack.connections import ConnectionResolver
    from airflow_provider_pipes.stack.stack import Stack

    # Named here, since inside the flavor below "type" is a property.
    ConfigClass = type["BaseArtifactStoreConfig"]
    ImplementationClass = type["BaseArtifactStore"]


class BaseArtifactStoreConfig(StackComponentConfig):
    """Base of the configurations of artifact stores."""


class BaseArtifactStore(StackComponent, ABC):
    """A place for artifacts, told by its URI and a connection.

    Workers and containers open the store by these two alone: a DAG file carries nothing else of it.
    """

    type: ClassVar[StackComponentType] = StackComponentType.ARTIFACT_STORE

    @abstractmethod
    def uri(self, root: Path) -> str:
        """Return the store's absolute address.

        Args:
            root: The project's folder, which relative paths start from.
        """

    @property
    def connection_id(self) -> str | None:
        """The Airflow connection with the store's credentials; None for those of the surroundings."""
        found: str | None = getattr(self.config, "connection_id", None)
        return found

    def storage(self, root: Path, resolver: ConnectionResolver | None = None) -> Storage:
        """Open the store.

        Args:
            root: The project's folder.
            resolver: Finds the connection; the environment does where nothing is given.
        """
        return open_store(self.uri(root), self.connection_id, resolver)


class BaseArtifactStoreFlavor(Flavor):
    """Base of the flavors of artifact stores."""

    @property
    def type(self) -> StackComponentType:
        """The kind of component."""
        return StackComponentType.ARTIFACT_STORE

    @property
    def config_class(self) -> ConfigClass:
        """The class of the configuration."""
        return BaseArtifactStoreConfig

    @property
    @abstractmethod
    def implementation_class(self) -> ImplementationClass:
        """The class of the artifact store."""


def artifact_store_of(stack: Stack) -> BaseArtifactStore:
    """Return a stack's artifact store.

    Raises:
        ConfigurationError: the component does not derive from ``BaseArtifactStore``.
    """
    return as_artifact_store(stack.artifact_store)


def as_artifact_store(store: StackComponent) -> BaseArtifactStore:
    """Return a component as the artifact store that it is.

    Raises:
        ConfigurationError: it does not derive from ``BaseArtifactStore``.
    """
    if not isinstance(store, BaseArtifactStore):
        raise ConfigurationError(
            f"artifact store {store.name!r} is a {store.__class__.__name__}, which does not derive from "
            "BaseArtifactStore"
        )
    return store
