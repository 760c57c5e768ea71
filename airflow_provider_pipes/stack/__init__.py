"""Stacks, their components and flavors; the names below load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.component import StackComponent
    from airflow_provider_pipes.stack.config import StackComponentConfig
    from airflow_provider_pipes.stack.enums import StackComponentType
    from airflow_provider_pipes.stack.flavor import Flavor
    from airflow_provider_pipes.stack.project import Project, load_project
    from airflow_provider_pipes.stack.registry import FlavorRegistry
    from airflow_provider_pipes.stack.stack import Stack

__all__ = [
    "Flavor",
    "FlavorRegistry",
    "Project",
    "Stack",
    "StackComponent",
    "StackComponentConfig",
    "StackComponentType",
    "load_project",
]

_HOME = {
    "Flavor": "flavor",
    "FlavorRegistry": "registry",
    "Project": "project",
    "Stack": "stack",
    "StackComponent": "component",
    "StackComponentConfig": "config",
    "StackComponentType": "enums",
    "load_project": "project",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
