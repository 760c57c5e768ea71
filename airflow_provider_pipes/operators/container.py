"""What the operators share that run a step in a container. Imported at every parse, as ``mixin`` is."""

from __future__ import annotations

from abc import abstractmethod
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
        from airflow.sdk.exceptions import TaskDeferred

        from airflow_provider_pipes.operators.container_job import container_job

        job = container_job(launch, self.container_kind, surely_waits=self.surely_waits)
        noticed: Exception | None = None
        try:
            self.run_container(job, context)
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
