"""One attempt at a step in a Docker container: start it, or go on with what an earlier attempt left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from airflow_provider_pipes.entrypoints.entrypoint import EXIT_FAIL_WITHOUT_RETRY, EXIT_SKIP
from airflow_provider_pipes.errors import ContainerError, PipesError, SkipStep
from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL, TOKEN_LABEL
from airflow_provider_pipes.operators.docker_arguments import give_arguments
from airflow_provider_pipes.operators.docker_client import NameTaken, StepContainerClient
from airflow_provider_pipes.operators.docker_containers import StepContainers
from airflow_provider_pipes.operators.docker_errors import (
    ContainerEnd,
    ended_badly,
    engine_errors,
    incomplete_login,
    login_refused,
    unreachable,
)
from airflow_provider_pipes.operators.docker_output import OutputLog

if TYPE_CHECKING:
    from docker import APIClient

    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.docker import StepDockerOperator
    from airflow_provider_pipes.operators.launch import AirflowLaunch

# What a container printed while no worker listened is shown as far as this many lines.
_LINES_SHOWN_AGAIN = 10_000
# Two attempts that run at once may take the container from each other, but not for ever.
_MOST_STARTS = 25
_DECIDED = (EXIT_SKIP, EXIT_FAIL_WITHOUT_RETRY)


class DockerRun:
    """Sees to it that one container works on the token, and that none is left.

    Args:
        operator: The task's operator, given all it needs.
        job: The step.
        containers: The step run's containers on the engine.

    Attributes:
        mine: Name or id of the container that this attempt answers for.
    """

    def __init__(self, operator: StepDockerOperator, job: ContainerJob, containers: StepContainers) -> None:
        self.job = job
        self.mine: str | None = None
        self._operator = operator
        self._containers = containers
        self._output = OutputLog(lambda line: operator.log.info("%s", line))
        self._end: ContainerEnd | None = None

    @classmethod
    def of(cls, operator: StepDockerOperator, job: ContainerJob) -> DockerRun:
        """Give the operator what the job needs, and reach the engine.

        Raises:
            ContainerError: no engine answers, or its registry refuses the login.
        """
        client = _connected(operator, job)
        removal = operator.auto_remove
        run = cls(operator, job, StepContainers(client, job.labels, removal, operator.log))
        host_config = give_arguments(operator, job)
        # The container is read before it is removed; see ``leave``.
        operator.auto_remove = "never"
        operator.use_client(StepContainerClient(client, run, host_config))
        return run

    def until_the_end(self, start: Callable[[], object]) -> None:
        """Run the container to its end.

        Args:
            start: Lets the stock operator run it.

        Raises:
            ContainerError: it could not be started, or did not exit with 0 and the step did not tell why.
            SkipStep: its exit code is one of ``skip_on_exit_code``.
        """
        try:
            self._run(start)
        except ContainerError:
            if self._end is None or self._end.out_of_memory or not self.job.told_by_step:
                raise

    def _run(self, start: Callable[[], object]) -> None:
        with engine_errors(self._operator, self.job):
            self._containers.end_outdated()
            for _ in range(_MOST_STARTS):
                if self._adopted():
                    return
                try:
                    start()
                    return
                except NameTaken:
                    if self._containers.is_foreign(str(self._operator.container_name)):
                        break
        raise ContainerError(
            f"step {self.job.step!r}: the Docker engine has a container {self._operator.container_name!r} "
            "that is not this step's; remove it, or choose another container_name"
        )

    def logged(self, output: Iterator[Any]) -> Iterator[bytes]:
        """Log what a container prints; yield none of it."""
        self._output.follow(output)
        yield from ()

    def wait(self, container: str) -> None:
        """Wait for a container's end, read it, and raise if it is no good one."""
        self._end = end = self._containers.wait(container)
        if end.exit_code in self._operator.skip_on_exit_code:
            raise SkipStep(f"the step exited with {end.exit_code}, which skip_on_exit_code names")
        if end.exit_code:
            raise ended_badly(self.job, end, self._output.last_line)

    def leave(self) -> None:
        """End the container if it still runs, and remove it; say so where that can't be done."""
        try:
            self._leave()
        except BaseException:
            # What interrupts this interrupts it once.
            self._leave()
            raise
        finally:
            self._containers.close()

    def _leave(self) -> None:
        if self.mine is not None:
            self._containers.leave(self.mine, self._end)
        self.mine = self._end = None

    def _adopted(self) -> bool:
        """Go on with the container that an earlier attempt left, if it is of use."""
        found = self._containers.started(str(self._operator.container_name))
        if found is None:
            return False
        self.mine = found.id
        if found.running:
            return self._followed(found.id)
        self._output.last_line = self._containers.last_line(found.id)
        return self._settled(found.id, watched=False)

    def _followed(self, container: str) -> bool:
        log = self._operator.log
        log.info("An earlier attempt left container %s running: going on with it.", container[:12])
        log.info("What it prints follows, from at most %d lines ago on.", _LINES_SHOWN_AGAIN)
        self._output.follow(self._containers.output(container, _LINES_SHOWN_AGAIN))
        return self._settled(container, watched=True)

    def _settled(self, container: str, watched: bool) -> bool:
        """Return whether the end of another attempt's container settles this one too, and not badly."""
        try:
            self.wait(container)
        except ContainerError as error:
            if self._end is not None and _is_final(self._end, watched):
                raise
            how = "was ended from outside" if watched else "ended while no worker watched it"
            self._operator.log.warning("An earlier attempt's container %s: %s. Starting anew.", how, error)
        else:
            return True
        self._leave()
        return self.job.delegation.launch.finished() is not None


def _is_final(end: ContainerEnd, watched: bool) -> bool:
    """Return whether a bad end of another attempt's container is this attempt's end too.

    It is where the step itself decided it, and where this attempt watched it, unless the other one was just
    being killed. What nobody watched has cost the attempt whose worker died, and need not cost this one.
    """
    return end.exit_code in _DECIDED or (watched and not end.from_outside)


def remove_leftovers(operator: StepDockerOperator, launch: AirflowLaunch) -> None:
    """Remove the containers of a step run whose result is there, as far as the engine answers."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    token = launch.step_launch.token
    labels = {STEP_RUN_LABEL: launch.step_run_id, TOKEN_LABEL: token}
    try:
        client = operator.hook.api_client
        with closing(StepContainers(client, labels, operator.auto_remove, operator.log)) as containers:
            containers.remove_ended()
    except (AirflowException, DockerException, RequestException) as error:
        operator.log.warning("Can't look for containers of earlier attempts: %s", error)


def _connected(operator: StepDockerOperator, job: ContainerJob) -> APIClient:
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        return operator.hook.api_client
    except PipesError:
        raise
    except APIError as error:
        raise login_refused(operator, job, error) from None
    except AirflowNotFoundException as error:
        raise incomplete_login(operator, job, error) from None
    except AirflowException:
        raise unreachable(operator, job) from None
    except (DockerException, RequestException) as error:
        raise unreachable(operator, job, error) from None
