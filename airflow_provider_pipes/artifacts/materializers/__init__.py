"""How values become files and come back: one materializer for each kind of value."""

from __future__ import annotations

from airflow_provider_pipes.artifacts.materializers.base import Materializer
from airflow_provider_pipes.artifacts.materializers.registry import (
    materializer_for,
    materializer_key,
    materializer_named,
    materializer_versions,
)

__all__ = [
    "Materializer",
    "materializer_for",
    "materializer_key",
    "materializer_named",
    "materializer_versions",
]
