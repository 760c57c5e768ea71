"""What a python-mode task does once it is clear that the step must run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_pipes.environments import has_own_python
from airflow_provider_pipes.errors import ConfigurationError, StepOperatorError
from airflow_provider_pipes.operators import configuration
from airflow_provider_pipes.orchestrators.execution import run_by_step_operator, run_in_process
from airflow_provider_pipes.runtime.code import activate_code
from airflow_provider_pipes.runtime.snapshot import CACHE_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_pipes.models.documents import Manifest
    from airflow_provider_pipes.operators.launch import AirflowLaunch
    from airflow_provider_pipes.operators.secrets import StepSecrets
    from airflow_provider_pipes.runtime.plan import StepPlan
    from airflow_provider_pipes.step_operators.base import BaseStepOperator


def run_launched_step(launch: AirflowLaunch) -> None:
    """Run a prepared step in this process, another Python's, or by its step operator; keep its manifest."""
    step, cache_dir = launch.step_launch, configuration.cache_dir()
    if step.plan.step_operator is None and has_own_python(step.plan):
        launch.manifest = _run_in_own_python(launch, cache_dir)
        return
    with step.tried.failure_kept():
        activate_code(step.storage, step.plan.deployment, cache_dir, configuration.cached_snapshots())
        operator = _step_operator(step.plan)
    if operator is None:
        launch.manifest = run_in_process(step, _secret_variables(launch))
    else:
        with _told_to_children(cache_dir):
            launch.manifest = run_by_step_operator(step, operator, launch.task.store_connection_id)


def _run_in_own_python(launch: AirflowLaunch, cache_dir: Path | None) -> Manifest:
    # Here, since most tasks have no need of it and start faster without.
    from airflow_provider_pipes.environments.step_process import run_in_python, step_python
    from airflow_provider_pipes.operators.secrets import step_secrets

    step, connection_id = launch.step_launch, launch.task.store_connection_id
    with step.tried.failure_kept():
        secrets = step_secrets(step.plan.secrets, connection_id, f"step {step.plan.name!r}")
        if secrets.kubernetes:
            raise _kubernetes_only(step.plan, secrets)
        keep = configuration.cached_environments()
        python = step_python(step.plan, launch.task.store, cache_dir, keep)
    launch.task.log.info("Running step %r in a process of %s", step.plan.name, python)
    variables = {**secrets.names, **step.plan.variables, **secrets.values}
    return run_in_python(step, python, variables, connection_id, cache_dir)


def _secret_variables(launch: AirflowLaunch) -> Mapping[str, str]:
    plan = launch.step_launch.plan
    if not plan.secrets:
        return {}
    from airflow_provider_pipes.operators.secrets import step_secrets

    with launch.step_launch.tried.failure_kept():
        secrets = step_secrets(plan.secrets, None, f"step {plan.name!r}")
        if secrets.kubernetes:
            raise _kubernetes_only(plan, secrets)
    return secrets.values


def _kubernetes_only(plan: StepPlan, secrets: StepSecrets) -> ConfigurationError:
    return ConfigurationError(
        f"step {plan.name!r}: {', '.join(sorted(secrets.kubernetes))} would come from a Kubernetes secret, "
        "which only a step in a pod has; name an Airflow connection or variable"
    )


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
