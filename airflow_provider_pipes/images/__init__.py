"""Images: planned from a deployment, built, pushed and pinned; the names below load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.lazy import lazy_names

if TYPE_CHECKING:
    from airflow_provider_pipes.images.builder import (
        BaseImageBuilder,
        BaseImageBuilderConfig,
        BaseImageBuilderFlavor,
        BuildRequest,
    )
    from airflow_provider_pipes.images.registry import (
        BaseContainerRegistry,
        BaseContainerRegistryConfig,
        BaseContainerRegistryFlavor,
        RegistryAccess,
    )

__all__ = [
    "BaseContainerRegistry",
    "BaseContainerRegistryConfig",
    "BaseContainerRegistryFlavor",
    "BaseImageBuilder",
    "BaseImageBuilderConfig",
    "BaseImageBuilderFlavor",
    "BuildRequest",
    "RegistryAccess",
]

_HOME = {name: "registry" if "Registry" in name else "builder" for name in __all__}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
