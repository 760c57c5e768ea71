"""The start of a step's pod: never two live ones for a step run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubernetes.client import ApiException  # noqa: TID253 - no DAG file imports this

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators import kubernetes_adoption as adoption
from airflow_provider_pipes.operators.kubernetes import KILL_GRACE_SECONDS
from airflow_provider_pipes.operators.kubernetes_pod import pod_name
from airflow_provider_pipes.operators.kubernetes_secrets import (
    create_secret,
    give_secret_to,
    remove_secret,
    rename_secret,
)

if TYPE_CHECKING:
    from kubernetes.client import V1Pod

    from airflow_provider_pipes.operators.kubernetes_run import PodRun

# Each time, another attempt's pod took the name and was on its way out.
_MOST_TRIES = 5


class PodStart:
    """Finds or creates the pod of a job.

    Args:
        run: Whose pod it is.
        request: The pod to create; its Secret is named as it is defined.
    """

    def __init__(self, run: PodRun, request: V1Pod) -> None:
        self.run = run
        self.operator = run.operator
        self.job = run.job
        self.request = request
        self.secret = run.first_name
        self.api = run.operator.client
        self.namespace: str = request.metadata.namespace

    def pod(self) -> V1Pod:
        """Return the pod that works on the job's token, or a new one; others of the step run are ended."""
        found = adoption.pods_of(self.api, self.namespace, self.job)
        mine = [pod for pod in found if adoption.is_of(pod, self.job)]
        self._end([pod for pod in found if not adoption.is_of(pod, self.job)])
        adopted = self._adopted(mine)
        if adopted is not None:
            return adopted
        self._end([pod for pod in mine if adoption.is_ending(pod)])
        for pod in mine:
            if adoption.is_finished(pod):
                self.operator.process_pod_deletion(pod, reraise=False)
        return self._created(1 + max(map(adoption.number_of, mine), default=0))

    def _adopted(self, pods: list[V1Pod]) -> V1Pod | None:
        live = [pod for pod in pods if not adoption.is_finished(pod) and not adoption.is_ending(pod)]
        # One that ended since this attempt looked for a result tells what came of it.
        over = pods if pods and self._has_ended_since() else []
        for pod in [*live, *over]:
            self.operator.log.info(
                "Pod %s works on this step already (%s): going on with it.",
                pod.metadata.name,
                pod.status.phase,
            )
            if self.job.secrets.values:
                give_secret_to(self.api, pod)
            return pod
        return None

    def _has_ended_since(self) -> bool:
        delegation = self.job.delegation
        launch = delegation.launch
        return launch.finished() is not None or launch.tried.last_failure(delegation.known) is not None

    def _end(self, pods: list[V1Pod]) -> None:
        """End pods that nothing waits for any more, before another one does the same work."""
        for pod in pods:
            if adoption.is_finished(pod):
                self.operator.process_pod_deletion(pod, reraise=False)
            elif not adoption.is_ending(pod):
                self.operator.log.info("Ending pod %s, which was replaced.", pod.metadata.name)
                adoption.delete_pod(self.api, pod, KILL_GRACE_SECONDS)
        active = [pod for pod in pods if not adoption.is_finished(pod)]
        for pod in adoption.wait_until_gone(self.api, active) if active else ():
            self.operator.log.warning(
                "Pod %s was deleted a minute ago and is not gone; its node may be lost. Going on.",
                pod.metadata.name,
            )

    def _created(self, first: int) -> V1Pod:
        for number in range(first, first + _MOST_TRIES):
            self._stop_if_killed()
            self._name(number)
            pod = self._create()
            if pod is not None:
                self.operator.pod = pod
                self._stop_if_killed(pod)
                return pod
        raise ContainerError(
            f"step {self.job.step!r}: its pods to {self.request.metadata.name} are being deleted; try again"
        )

    def _name(self, number: int) -> None:
        name = pod_name(self.run.prefix, self.job.token, number)
        rename_secret(self.request, self.secret, name)
        self.request.metadata.name = self.secret = name

    def _create(self) -> V1Pod | None:
        """Create the pod; return None if its name belongs to one that is over or about to be."""
        name, values = self.request.metadata.name, self.job.secrets.values
        if values:
            create_secret(self.api, self.namespace, name, values, self.job.labels)
        try:
            pod: V1Pod = self.api.create_namespaced_pod(
                self.namespace, self.api.api_client.sanitize_for_serialization(self.request)
            )
        except ApiException as error:
            adopted = self._of_another_attempt() if error.status == 409 else None
            if adopted is None and values:
                remove_secret(self.api, self.namespace, name)
            if error.status == 409:
                return adopted
            raise
        if values:
            give_secret_to(self.api, pod)
        self.operator.log.info("Created pod %s in namespace %s.", name, self.namespace)
        return pod

    def _of_another_attempt(self) -> V1Pod | None:
        pod = adoption.read_pod(self.api, self.request)
        if pod is None or not adoption.is_of(pod, self.job):
            return None
        return self._adopted([pod])

    def _stop_if_killed(self, pod: V1Pod | None = None) -> None:
        if self.operator.killed and pod is not None:
            adoption.delete_pod(self.api, pod, KILL_GRACE_SECONDS)
        self.run.stop_if_killed()
