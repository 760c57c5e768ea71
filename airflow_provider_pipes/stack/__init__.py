"""Stacks, their components and flavors; the names below load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _HOME)
