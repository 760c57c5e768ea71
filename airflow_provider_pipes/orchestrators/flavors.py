"""The base of the flavors of orchestrators, and of their configurations."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from airflow_provider_pipes.stack.config import StackComponentConfig
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.base import BaseOrchestrator

    # Named here, since inside the flavor below "type" is a property.
    ConfigClass = type["BaseOrchestratorConfig"]
    ImplementationClass = type[BaseOrchestrator]


class BaseOrchestratorConfig(StackComponentConfig):
    """Base of the configurations of orchestrators."""


class BaseOrchestratorFlavor(Flavor):
    """Base of the flavors of orchestrators."""

    @property
    def type(self) -> StackComponentType:
        """The kind of component."""
        return StackComponentType.ORCHESTRATOR

    @property
    def deploys(self) -> bool:
        """Whether it prepares pipelines for another system: for `pipes deploy`, and not for `pipes run`."""
        return False

    @property
    def config_class(self) -> ConfigClass:
        """The class of the configuration."""
        return BaseOrchestratorConfig

    @property
    @abstractmethod
    def implementation_class(self) -> ImplementationClass:
        """The class of the orchestrator."""
