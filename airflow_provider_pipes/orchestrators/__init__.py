"""Orchestrators: how a whole pipeline runs; the names below load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.lazy import lazy_names

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
    from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorConfig, BaseOrchestratorFlavor

__all__ = ["BaseOrchestrator", "BaseOrchestratorConfig", "BaseOrchestratorFlavor"]

_HOME = {
    "BaseOrchestrator": "base",
    "BaseOrchestratorConfig": "flavors",
    "BaseOrchestratorFlavor": "flavors",
}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
