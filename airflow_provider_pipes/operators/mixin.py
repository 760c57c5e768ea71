"""What every one of our operators adds to the stock one, over two public methods.

Imported at every parse of a generated DAG file, so it imports next to nothing: what it needs it imports
in ``execute``. It has no ``__init__`` either, which would break mapped tasks and
``default_args``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.operators.links import CachedResultLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context

    from airflow_provider_pipes.operators.launch import AirflowLaunch


class TaskKilled(BaseException):
    """Airflow asked the task to end; raised inside what runs so that its ``finally`` blocks run."""


class StepTaskMixin:
    """Runs a step as an Airflow task: its result is looked up first, and references go to XCom.

    Attributes:
        deployment_id: The compiled pipeline that the DAG file was made from.
        pipeline: Its name.
        store: Address of the artifact store.
        store_connection_id: Airflow connection with the store's credentials.
        step_name: The step; the task's id by default.
        operator_extra_links: What the serialized DAG names; while a task runs, those that it has.
        result_made_by: Address of the task that made a cached result.
    """

    deployment_id: str
    pipeline: str
    store: str
    store_connection_id: str | None
    step_name: str
    do_xcom_push: bool
    log: Any
    operator_extra_links: Collection[BaseOperatorLink] = (CachedResultLink(),)
    result_made_by: str = ""

    def run_for(
        self, deployment_id: str, pipeline: str, store: str, store_connection_id: str | None, step_name: str
    ) -> None:
        """Note the step that this task runs; what ``__init__`` of each operator is told of it."""
        self.deployment_id = deployment_id
        self.pipeline = pipeline
        self.store = store
        self.store_connection_id = store_connection_id
        self.step_name = step_name

    def execute(self, context: Context) -> Any:
        """Return the references of the step's outputs, running it only if nothing has them yet."""
        # Airflow stores each link at the task's end, by a request for each, empty ones too.
        self.operator_extra_links = ()
        try:
            return self._result(context)
        except BaseException as error:
            from airflow_provider_pipes.operators.outcome import for_airflow

            raise for_airflow(error, self.log)  # noqa: B904 - what it was raised from is in it

    def _result(self, context: Context) -> Any:
        from airflow_provider_pipes.operators.launch import AirflowLaunch

        launch = AirflowLaunch.of(self, context)
        if launch.prepare():
            self.accept_result(launch)
            return launch.references()
        with self._own_xcom():
            self.execute_step(launch, context)
        launch.tell_result()
        return launch.references()

    def accept_result(self, launch: AirflowLaunch) -> None:
        """Do what remains where an earlier attempt left the result, or the cache had it."""
        from airflow_provider_pipes.operators.maker import maker_of

        self.result_made_by = maker_of(launch)
        if self.result_made_by:
            del self.operator_extra_links  # Those of the class again.

    def execute_step(self, launch: AirflowLaunch, context: Context) -> None:
        """Let the stock operator run the prepared step; subclasses give it its command here."""
        super().execute(context)  # type: ignore[misc]

    @contextmanager
    def _own_xcom(self) -> Iterator[None]:
        """Keep the stock operator from pushing an XCom of its own while ours still is."""
        before, self.do_xcom_push = self.do_xcom_push, False
        try:
            yield
        finally:
            self.do_xcom_push = before
