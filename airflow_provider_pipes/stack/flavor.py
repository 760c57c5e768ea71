"""A flavor: one way to be a component, known by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.component import StackComponent
    from airflow_provider_pipes.stack.config import StackComponentConfig
    from airflow_provider_pipes.stack.enums import StackComponentType

    # Named here, since inside the class below "type" is the property.
    ConfigClass = type[StackComponentConfig]
    ImplementationClass = type[StackComponent]


class Flavor(ABC):
    """A kind of component, the class of its configuration and the class that does the work.

    Keep heavy imports out of the flavor's and the config's modules and inside
    ``implementation_class``: a stack can then be configured and shown where the backend's own
    packages are not installed.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that ``flavor = "…"`` in pipes.toml gives."""

    @property
    @abstractmethod
    def type(self) -> StackComponentType:
        """The kind of component."""

    @property
    @abstractmethod
    def config_class(self) -> ConfigClass:
        """The class of the configuration."""

    @property
    @abstractmethod
    def implementation_class(self) -> ImplementationClass:
        """The class of the component; import it here."""

    @property
    def install_hint(self) -> str | None:
        """What to ``pip install`` where the implementation's imports are missing."""
        return None
