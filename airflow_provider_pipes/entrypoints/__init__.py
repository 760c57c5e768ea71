"""Entrypoints: what runs in a step's process; the names below load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _HOME)
