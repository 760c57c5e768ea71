"""Entrypoints: what runs in a step's process; the names below load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import BaseEntrypointConfiguration
    from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import (
        STEP_NAME_OPTION,
        StepEntrypointConfiguration,
    )
    from airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration import (
        EXECUTION_INFO_PATH_OPTION,
        StepOperatorEntrypointConfiguration,
    )

__all__ = [
    "EXECUTION_INFO_PATH_OPTION",
    "STEP_NAME_OPTION",
    "BaseEntrypointConfiguration",
    "StepEntrypointConfiguration",
    "StepOperatorEntrypointConfiguration",
]

_HOME = {
    "EXECUTION_INFO_PATH_OPTION": "step_operator_entrypoint_configuration",
    "STEP_NAME_OPTION": "step_entrypoint_configuration",
    "BaseEntrypointConfiguration": "base_entrypoint_configuration",
    "StepEntrypointConfiguration": "step_entrypoint_configuration",
    "StepOperatorEntrypointConfiguration": "step_operator_entrypoint_configuration",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
