"""The flavor of the local orchestrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorConfig, BaseOrchestratorFlavor

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.local import LocalOrchestrator


class LocalOrchestratorConfig(BaseOrchestratorConfig):
    """Configuration of the local orchestrator: there is nothing to say."""


class LocalOrchestratorFlavor(BaseOrchestratorFlavor):
    """Flavor of the orchestrator that runs the steps here and now."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "local"

    @property
    def config_class(self) -> type[LocalOrchestratorConfig]:
        """The class of the configuration."""
        return LocalOrchestratorConfig

    @property
    def implementation_class(self) -> type[LocalOrchestrator]:
        """The class of the orchestrator."""
        from airflow_provider_pipes.orchestrators.local import LocalOrchestrator

        return LocalOrchestrator
