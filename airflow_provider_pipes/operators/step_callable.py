"""What a python-mode task does once it is clear that the step must run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import StepOperatorError
from airflow_provider_pipes.operators import configuration
from airflow_provider_pipes.orchestrators.execution import run_by_step_operator, run_in_process
from airflow_provider_pipes.runtime.code import activate_code
from airflow_provider_pipes.runtime.snapshot import CACHE_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_pipes.operators.launch import AirflowLaunch
    from airflow_provider_pipes.runtime.plan import StepPlan
    from airflow_provider_pipes.step_operators.base import BaseStepOperator


def run_launched_step(launch: AirflowLaunch) -> None:
    """Run a prepared step in this process, or through its step operator; keep its manifest."""
    step, cache_dir = launch.step_launch, configuration.cache_dir()
    with step.tried.failure_kept():
        activate_code(step.storage, step.plan.deployment, cache_dir, configuration.cached_snapshots())
        operator = _step_operator(step.plan)
    if operator is None:
        launch.manifest = run_in_process(step)
    else:
        with _told_to_children(cache_dir):
            launch.manifest = run_by_step_operator(step, operator, launch.task.store_connection_id)


@contextmanager
def _told_to_children(cache_dir: Path | None) -> Iterator[None]:
    """Let a process that a step operator starts on this worker find the code where it was extracted."""
    if cache_dir is None:
        yield
        return
    os.environ[CACHE_VARIABLE] = str(cache_dir)
    try:
        yield
    finally:
        os.environ.pop(CACHE_VARIABLE, None)


def _step_operator(plan: StepPlan) -> BaseStepOperator | None:
    if plan.step_operator is None:
        return None
    from airflow_provider_pipes.stack.spec import component_from_spec
    from airflow_provider_pipes.step_operators.base import BaseStepOperator

    for spec in plan.deployment.components:
        if spec["type"] == "step_operator" and spec["name"] == plan.step_operator:
            component = component_from_spec(spec)
            if isinstance(component, BaseStepOperator):
                return component
    raise StepOperatorError(f"step {plan.name!r}: its deployment has no step operator {plan.step_operator!r}")
