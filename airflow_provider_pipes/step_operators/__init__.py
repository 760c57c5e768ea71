"""Step operators: where a single step runs; the names below load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.lazy import lazy_names

if TYPE_CHECKING:
    from airflow_provider_pipes.step_operators.base import (
        BaseStepOperator,
        BaseStepOperatorConfig,
        BaseStepOperatorFlavor,
    )

__all__ = ["BaseStepOperator", "BaseStepOperatorConfig", "BaseStepOperatorFlavor"]

__getattr__, __dir__ = lazy_names(__name__, dict.fromkeys(__all__, "base"))
