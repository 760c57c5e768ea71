"""One attempt at a step in a pod: what the operator's methods do once the task runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.container import container_is_completed, get_container_status
from airflow.providers.cncf.kubernetes.utils.pod_manager import OnFinishAction
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import ApiException  # noqa: TID253 - no DAG file imports this
from urllib3.exceptions import HTTPError

from airflow_provider_pipes.errors import ContainerError, SkipStep
from airflow_provider_pipes.operators import kubernetes_adoption as adoption
from airflow_provider_pipes.operators.kubernetes import KILL_GRACE_SECONDS
from airflow_provider_pipes.operators.kubernetes_api import told_by_kubernetes
from airflow_provider_pipes.operators.kubernetes_arguments import take_plain_arguments
from airflow_provider_pipes.operators.kubernetes_ending import failure_of
from airflow_provider_pipes.operators.kubernetes_logs import LogReader
from airflow_provider_pipes.operators.kubernetes_pod import define_pod, pod_name
from airflow_provider_pipes.operators.kubernetes_start import PodStart
from airflow_provider_pipes.operators.kubernetes_waiting import PodWait
from airflow_provider_pipes.operators.mixin import TaskKilled

if TYPE_CHECKING:
    from airflow.sdk import Context
    from kubernetes.client import V1Pod

    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.kubernetes import StepKubernetesPodOperator
    from airflow_provider_pipes.operators.launch import AirflowLaunch

# What the definition of the pod changes.
_ARGUMENTS = (
    "active_deadline_seconds",
    "annotations",
    "arguments",
    "cmds",
    "container_resources",
    "container_security_context",
    "dns_config",
    "env_from",
    "env_vars",
    "full_pod_spec",
    "host_aliases",
    "image",
    "image_pull_secrets",
    "init_containers",
    "labels",
    "name",
    "node_selector",
    "pod_template_dict",
    "pod_template_file",
    "random_name_suffix",
    "secrets",
    "security_context",
    "termination_message_policy",
    "tolerations",
    "volume_mounts",
    "volumes",
)
# A status follows a container's end within a moment.
_STATUS_SECONDS = 5.0
_STATUS_POLL_SECONDS = 0.2
_UNREACHABLE_POLL_SECONDS = 5.0


@contextmanager
def arguments_kept(operator: StepKubernetesPodOperator) -> Iterator[None]:
    """Give an operator its arguments back: in one process it may run more than once."""
    before = {name: getattr(operator, name) for name in _ARGUMENTS}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(operator, name, value)


def remove_leftovers(operator: StepKubernetesPodOperator, launch: AirflowLaunch) -> None:
    """Remove the pods of a step run whose result is there, as far as the cluster answers."""
    step = launch.step_launch.plan.name
    try:
        with told_by_kubernetes(step), arguments_kept(operator):
            take_plain_arguments(operator)
            namespace = operator.build_pod_request_obj(launch.context).metadata.namespace
            for pod in adoption.pods_of_step_run(operator.client, namespace, launch.step_run_id):
                operator.process_pod_deletion(pod, reraise=False)
    except (ContainerError, AirflowException) as error:
        operator.log.warning("Can't look for pods of earlier attempts: %s", error)


class PodRun:
    """A job as a pod of an operator.

    Args:
        operator: The operator.
        job: What the pod runs.
        context: Airflow's context of the task instance.

    Attributes:
        prefix: Begin of the pod's name.
        first_name: Name of the token's first pod.
        seen: The pod as it was last seen.
    """

    def __init__(self, operator: StepKubernetesPodOperator, job: ContainerJob, context: Context) -> None:
        self.operator = operator
        self.job = job
        self.context = context
        self.prefix = operator.name or f"{operator.pipeline}-{job.step}"
        self.first_name = pod_name(self.prefix, job.token, 1)
        self.seen: V1Pod | None = None
        self._is_defined = False
        self._is_refused = False
        operator.pod = operator.pod_request_obj = operator.remote_pod = None

    def execute(self) -> None:
        """Run the pod through the stock operator, and wait for its end.

        Raises:
            ContainerError: it did not start, or did not end with 0.
            SkipStep: its exit code is one of ``skip_on_exit_code``.
        """
        with self.defined(), told_by_kubernetes(self.job.step):
            KubernetesPodOperator.execute(self.operator, self.context)
        self.judge(self.seen)

    def submit(self) -> V1Pod:
        """Return the job's pod, which is there already or is created; who calls waits for it elsewhere."""
        operator = self.operator
        with self.defined(), told_by_kubernetes(self.job.step):
            operator.pod_request_obj = operator.build_pod_request_obj(self.context)
            operator.pod = self.start(operator.pod_request_obj)
        return operator.pod

    def judge(self, pod: V1Pod | None) -> None:
        """Raise how a pod ended, unless it ended well or the step tells it better itself."""
        error = failure_of(pod, self.job, self.operator.base_container_name)
        if error is None:
            return
        if error.job_exit_code in self.operator.skip_on_exit_code:
            raise SkipStep(f"its pod exited with {error.job_exit_code}, one of skip_on_exit_code")
        raise error

    @contextmanager
    def defined(self) -> Iterator[None]:
        """Let the operator's arguments say the job's pod for as long as the context lasts."""
        if self._is_defined:
            yield
            return
        with arguments_kept(self.operator):
            define_pod(self.operator, self.job, self.first_name)
            self._is_defined = True
            try:
                yield
            finally:
                self._is_defined = False

    def start(self, request: V1Pod) -> V1Pod:
        """Return the job's pod: the one that is there, or a new one."""
        self.seen = PodStart(self, request).pod()
        return self.seen

    def current(self, pod: V1Pod, patience: float | None = None) -> V1Pod | None:
        """Return a pod as it is now.

        Args:
            pod: The pod.
            patience: Seconds that the API may not answer; None for what the user allows.
        """
        until = time.monotonic() + (self.operator.unreachable_timeout if patience is None else patience)
        while True:
            self._renew_access()
            try:
                found = adoption.read_pod(self.operator.client, pod)
            except (ApiException, HTTPError) as error:
                self._is_refused = isinstance(error, ApiException) and error.status == 401
                if not _may_pass(error) or time.monotonic() > until:
                    raise
                self.operator.log.warning("The Kubernetes API does not answer: %s", error)
                time.sleep(_UNREACHABLE_POLL_SECONDS)
                self.stop_if_killed()
            else:
                self.seen = found or self.seen
                return found

    def _renew_access(self) -> None:
        """Read the credentials anew once they were refused: a long step may outlive them."""
        if self._is_refused:
            self._is_refused = False
            for name in ("hook", "client", "pod_manager"):
                self.operator.__dict__.pop(name, None)

    def await_start(self, pod: V1Pod) -> None:
        """Wait until a pod runs or has ended."""
        PodWait(self, pod).wait()

    def await_end(self, pod: V1Pod) -> None:
        """Write the log of the step's container into the task's until the container has ended."""
        operator = self.operator
        reader = LogReader(self, pod, operator.base_container_name)
        while not self._has_ended(pod, _STATUS_SECONDS if reader.last else 0):
            if operator.get_logs:
                reader.follow()
            else:
                time.sleep(operator.base_container_status_polling_interval)
        if operator.get_logs and self._has_started():
            reader.follow()

    def _has_started(self) -> bool:
        """Return whether the step's container has a log: not where an init container failed, or its node."""
        seen = self.seen and get_container_status(self.seen, self.operator.base_container_name)
        return not (seen and seen.state is not None and seen.state.waiting is not None)

    def _has_ended(self, pod: V1Pod, patience: float) -> bool:
        until = time.monotonic() + patience
        while True:
            self.stop_if_killed()
            found = self.current(pod)
            if found is None:
                raise ContainerError(
                    f"step {self.job.step!r}: pod {pod.metadata.name} is gone; something else than its task "
                    "deleted it, as draining its node does"
                )
            if adoption.is_finished(found) or container_is_completed(
                found, self.operator.base_container_name
            ):
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(_STATUS_POLL_SECONDS)

    def stop_if_killed(self) -> None:
        """Raise if Airflow ended the task, which goes on after it was told (``on_kill``)."""
        if self.operator.killed:
            raise TaskKilled(f"Airflow ended task {self.operator.task_id!r}")

    def finish(self, pod: V1Pod) -> None:
        """Note how a pod ended and remove it, as the user chose; one that is still live is ended."""
        try:
            found = self.current(pod, patience=0)
            if found is not None and not self.operator.killed:
                self._leave(found)
        except (ApiException, HTTPError) as error:
            # What ended the wait says more, and must not be replaced.
            self.operator.log.warning("Can't remove pod %s: %s", pod.metadata.name, error)

    def _leave(self, pod: V1Pod) -> None:
        operator = self.operator
        # Other containers of the pod may outlive the step's.
        if adoption.is_finished(pod) or container_is_completed(pod, operator.base_container_name):
            operator.process_pod_deletion(pod, reraise=False)
        elif operator.on_finish_action is not OnFinishAction.KEEP_POD:
            adoption.delete_pod(operator.client, pod, KILL_GRACE_SECONDS)


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, ApiException) or error.status in (401, 429) or (error.status or 500) >= 500
