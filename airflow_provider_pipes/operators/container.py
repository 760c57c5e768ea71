"""What the operators share that run a step in a container. Imported at every parse, as ``mixin`` is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_pipes.operators.mixin import StepTaskMixin

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.launch import AirflowLaunch


class ContainerStepMixin(StepTaskMixin):
    """Runs a prepared step in a container, and takes its result from the artifact store.

    Attributes:
        container_kind: What runs the step, as messages name it.
        surely_waits: Whether nothing but the step's end lets ``run_container`` return.
    """

    container_kind: ClassVar[str] = "a container"
    surely_waits: ClassVar[bool] = True

    def execute_step(self, launch: AirflowLaunch, context: Context) -> None:
        """Start the container, or go on with the one that an earlier attempt left."""
        from airflow_provider_pipes.operators.container_job import container_job

        job = container_job(launch, self.container_kind, surely_waits=self.surely_waits)
        self.take_result(launch, job, lambda: self.run_container(job, context))

    def take_result(self, launch: AirflowLaunch, job: ContainerJob, wait: Callable[[], None]) -> None:
        """Wait for a container's end, and give the launch the result that its step left.

        Args:
            launch: The prepared step.
            job: What the container runs.
            wait: Waits; what it raises is how the end looks from here, and the step itself is believed first.
        """
        from airflow.sdk.exceptions import TaskDeferred

        noticed: Exception | None = None
        try:
            wait()
        except TaskDeferred:
            raise
        except Exception as error:
            noticed = error
        except BaseException as interruption:
            job.delegation.interrupted(interruption)
            raise
        launch.manifest = job.delegation.result(noticed)

    @abstractmethod
    def run_container(self, job: ContainerJob, context: Context) -> None:
        """Run the container through the stock operator and wait for its end, or defer.

        Raises:
            ContainerError: it could not be started, or did not end with 0; ``job_exit_code`` is set
                where it is known.
        """
