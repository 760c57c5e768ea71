"""Step operators: where a single step runs; the names below load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_pipes.step_operators.base import (
        BaseStepOperator,
        BaseStepOperatorConfig,
        BaseStepOperatorFlavor,
    )

__all__ = ["BaseStepOperator", "BaseStepOperatorConfig", "BaseStepOperatorFlavor"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.base"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
