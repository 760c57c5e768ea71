"""``StepPythonOperator``: a step in the worker's own process, or run by the stack's step operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator

from airflow_provider_pipes.operators.mixin import StepTaskMixin, TaskKilled

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_pipes.operators.launch import AirflowLaunch


def _step_callable(launch: AirflowLaunch) -> None:
    """Run a prepared step; what the stock operator calls (document 000)."""
    from airflow_provider_pipes.operators.step_callable import run_launched_step

    run_launched_step(launch)


class StepPythonOperator(StepTaskMixin, PythonOperator):
    """Runs a step of a compiled pipeline as an Airflow task.

    Args:
        deployment_id: The compiled pipeline that the DAG file was made from.
        pipeline: Its name.
        store: Address of the artifact store.
        store_connection_id: Airflow connection with the store's credentials.
        step_name: The step; the task's id by default.
    """

    _running = False

    def __init__(
        self,
        *,
        deployment_id: str,
        pipeline: str,
        store: str,
        store_connection_id: str | None = None,
        step_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        # Airflow wraps each __init__ on the way up, and each wrapper copies the DAG's parameters to merge
        # defaults: what ours has merged needs no second time (a tenth of what a large file takes to load).
        stock = getattr(PythonOperator.__init__, "__wrapped__", PythonOperator.__init__)
        stock(self, python_callable=_step_callable, show_return_value_in_logs=False, **kwargs)
        self.run_for(deployment_id, pipeline, store, store_connection_id, step_name or kwargs["task_id"])

    def execute_step(self, launch: AirflowLaunch, context: Context) -> None:
        """Run the step through the stock operator."""
        self.op_kwargs = {"launch": launch}
        self._running = True
        try:
            super().execute_step(launch, context)
        finally:
            self._running = False

    def on_kill(self) -> None:
        """Interrupt the user's function.

        Airflow calls this in its SIGTERM handler, in the thread that runs the function, and kills the
        process some seconds later; nothing else would tell the function.
        """
        if self._running:
            self._running = False
            raise TaskKilled(f"Airflow ended task {self.task_id!r}")
