"""Which pod an attempt waits for that is about to be deferred, or was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException  # noqa: TID253 - no DAG file imports this

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators import kubernetes_adoption as adoption
from airflow_provider_pipes.operators.kubernetes import KILL_GRACE_SECONDS
from airflow_provider_pipes.operators.kubernetes_run import PodRun
from airflow_provider_pipes.triggers.pods import ATTEMPT_ANNOTATION, TRY_ANNOTATION

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api, V1Pod

_MOST_TRIES = 5


class DeferredRun(PodRun):
    """Starts the pod of an attempt that will be deferred.

    Attributes:
        queue_timeout: Seconds that the pod may take to start.
    """

    queue_timeout = 0.0

    def start(self, request: V1Pod) -> V1Pod:
        """Return the job's pod; what a user's clear left is ended before."""
        # Here, while the operator's arguments are those of the step.
        self.queue_timeout = float(
            self.operator.schedule_timeout_seconds + self.operator.startup_timeout_seconds
        )
        self._end_left(request.metadata.namespace)
        return super().start(request)

    def _end_left(self, namespace: str) -> None:
        """End the pod of an attempt that a user cleared while it was deferred.

        The token is the same then, and the triggerer ends the old pod too, a moment later or before:
        who cleared the task wants it run again, whoever comes first. What an attempt after the last
        clear left, whose worker died or whose event was lost, is gone on with.
        """
        cleared, api = self._cleared_tries(), self.operator.client
        if cleared <= 0:
            return
        left = [
            pod
            for pod in adoption.pods_of(api, namespace, self.job)
            if 0 < _try_of(pod) <= cleared and not adoption.is_finished(pod)
        ]
        for pod in left:
            self.operator.log.info("Ending pod %s of the attempt that was cleared.", pod.metadata.name)
            if not adoption.is_ending(pod):
                adoption.delete_pod(api, pod, KILL_GRACE_SECONDS)
        if left:
            adoption.wait_until_gone(api, left)

    def _cleared_tries(self) -> int:
        """Return the number of the last try that a user cleared; 0 or less for none."""
        # A clear gives a task all its retries again, counted from the try that it was at.
        return int(self.context["ti"].max_tries) - int(self.operator.retries or 0)

    def own_pod(self) -> V1Pod:
        """Return the job's pod once it is marked as this attempt's; what ends another's spares it then.

        Marked only now, just before the task is deferred: what a worker left that died before is adopted.
        """
        for _ in range(_MOST_TRIES):
            pod = _marked(self.operator.client, self.submit(), self.context["ti"])
            if pod is not None and not adoption.is_ending(pod):
                return pod
        raise ContainerError(
            f"step {self.job.step!r}: its pods are being deleted, again and again, by something else than "
            "its task"
        )


class SearchRun(PodRun):
    """Finds the pod of an attempt whose trigger failed, which left no word of it."""

    def start(self, request: V1Pod) -> V1Pod:
        """Return the job's newest pod."""
        for pod in adoption.pods_of(self.operator.client, request.metadata.namespace, self.job):
            if adoption.is_of(pod, self.job):
                return pod
        raise ContainerError(f"step {self.job.step!r}: its pod is gone and left no result")


def _try_of(pod: V1Pod) -> int:
    """Return the try of the task that waited for a pod, deferred; 0 if none did."""
    return int((pod.metadata.annotations or {}).get(TRY_ANNOTATION, 0))


def _marked(api: CoreV1Api, pod: V1Pod, instance: Any) -> V1Pod | None:
    marks = {ATTEMPT_ANNOTATION: str(instance.id), TRY_ANNOTATION: str(instance.try_number)}
    body = {"metadata": {"annotations": marks}}
    try:
        return api.patch_namespaced_pod(pod.metadata.name, pod.metadata.namespace, body)
    except ApiException as error:
        if error.status == 404:
            return None
        raise
