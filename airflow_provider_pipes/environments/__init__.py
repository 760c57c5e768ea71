"""Python environments of steps that can't live in the worker's own: another interpreter, or requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_pipes.runtime.plan import StepPlan

KEPT_ENVIRONMENTS = 20
"""How many environments a worker keeps where nobody says another number."""


def has_own_python(plan: StepPlan) -> bool:
    """Whether a step asks for another Python than the worker's."""
    chosen = plan.orchestrator_settings
    return bool(chosen.get("python") or chosen.get("requirements"))
