"""Asking Airflow, from within the triggerer, what became of a task instance.

Airflow promises no way to do that. What is used in its place stands here alone, and a test fails
when it moves.
"""

from __future__ import annotations

import asyncio

from airflow_provider_pipes.triggers.handle import TaskIdentity

DEFERRED = "deferred"
REMOVED = "removed"
"""What is answered for a task instance that is no more: its run was deleted."""
_TIMEOUT = 20.0


async def task_state(task: TaskIdentity) -> str | None:
    """Return the state of a task instance, whichever try it is at; None is a state too.

    Raises:
        Exception: Airflow did not answer, or with an error.
    """
    # A message that the triggerer does not accept is never answered.
    states = await asyncio.wait_for(asyncio.to_thread(_states, task), _TIMEOUT)
    name = task.task_id if task.map_index < 0 else f"{task.task_id}_{task.map_index}"
    found = states.get(task.run_id, {})
    if name not in found:
        return REMOVED
    state = found[name]
    return None if state is None else str(getattr(state, "value", state))


def _states(task: TaskIdentity) -> dict[str, dict[str, object]]:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return RuntimeTaskInstance.get_task_states(
        dag_id=task.dag_id, task_ids=[task.task_id], run_ids=[task.run_id], map_index=task.map_index
    )
