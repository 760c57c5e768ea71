"""The stack's hooks around a step run: ``prepare_step_run`` and ``cleanup_step_run``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import StepFailedError
from airflow_provider_pipes.runtime.plan import StepPlan
from airflow_provider_pipes.runtime.sources import user_traceback

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepRunInfo


@contextmanager
def step_hooks(plan: StepPlan, run_name: str) -> Iterator[None]:
    """Let every component that asked for it prepare the step run, and clean up after it.

    Only components whose class overrides a hook are imported: most stacks have none, and a step
    process should not pay for them.
    """
    specs = [
        spec
        for spec in plan.deployment.components
        if spec.get("hooks") and (spec["type"] != "step_operator" or spec["name"] == plan.step_operator)
    ]
    if not specs:
        yield
        return
    from airflow_provider_pipes.stack.spec import component_from_spec
    from airflow_provider_pipes.stack.stack import clean_up_after_failure, cleanup_step_run, prepare_step_run

    info = step_run_info(plan, run_name)
    components = [component_from_spec(spec) for spec in specs]
    with _traceback_kept():
        prepare_step_run(components, info)
    try:
        yield
    except BaseException:
        clean_up_after_failure(components, info)
        raise
    with _traceback_kept():
        cleanup_step_run(components, info, step_failed=False)


@contextmanager
def _traceback_kept() -> Iterator[None]:
    """Let an error that tells what a component raised show where in its code that was."""
    try:
        yield
    except StepFailedError as error:
        if error.__cause__ is not None:
            error.traceback_text = user_traceback(error.__cause__)
        raise


def step_run_info(plan: StepPlan, run_name: str) -> StepRunInfo:
    """Return what hooks and step operators are told about a step run."""
    from airflow_provider_pipes.models.deployment import PipelineConfig, StepRunInfo, StepSpec

    return StepRunInfo(
        config=StepSpec.model_validate(plan.values),
        pipeline=PipelineConfig.model_validate(plan.deployment.values["pipeline"]),
        run_name=run_name,
    )
