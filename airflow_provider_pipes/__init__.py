"""Write a pipeline once, as typed Python functions, and have Airflow run it.

The names below load on first use, so that importing the package costs nothing in a step container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.lazy import lazy_names
from airflow_provider_pipes.version import __version__

if TYPE_CHECKING:
    from airflow_provider_pipes.authoring.context import StepContext, get_step_context
    from airflow_provider_pipes.authoring.pipeline import Pipeline, pipeline
    from airflow_provider_pipes.authoring.step import Step, step
    from airflow_provider_pipes.errors import FailWithoutRetry, PipesError, SkipStep
    from airflow_provider_pipes.models.settings import (
        AirflowSettings,
        DockerSettings,
        ResourceSettings,
        Schedule,
    )

__all__ = [
    "AirflowSettings",
    "DockerSettings",
    "FailWithoutRetry",
    "Pipeline",
    "PipesError",
    "ResourceSettings",
    "Schedule",
    "SkipStep",
    "Step",
    "StepContext",
    "__version__",
    "get_step_context",
    "pipeline",
    "step",
]

_HOME = {
    "AirflowSettings": "models.settings",
    "DockerSettings": "models.settings",
    "FailWithoutRetry": "errors",
    "Pipeline": "authoring.pipeline",
    "PipesError": "errors",
    "ResourceSettings": "models.settings",
    "Schedule": "models.settings",
    "SkipStep": "errors",
    "Step": "authoring.step",
    "StepContext": "authoring.context",
    "get_step_context": "authoring.context",
    "pipeline": "authoring.pipeline",
    "step": "authoring.step",
}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
