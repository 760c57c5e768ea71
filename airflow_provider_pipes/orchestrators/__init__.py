"""Orchestrators: how a whole pipeline runs; the names below load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
    from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorConfig, BaseOrchestratorFlavor

__all__ = ["BaseOrchestrator", "BaseOrchestratorConfig", "BaseOrchestratorFlavor"]

_HOME = {
    "BaseOrchestrator": "base",
    "BaseOrchestratorConfig": "flavors",
    "BaseOrchestratorFlavor": "flavors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
