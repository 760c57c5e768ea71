"""Which pods of a step run are there, and which of them an attempt goes on with."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import generic_api_retry
from kubernetes.client import ApiException  # noqa: TID253 - no DAG file imports this

from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL, TOKEN_LABEL

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api, V1Pod

    from airflow_provider_pipes.operators.container_job import ContainerJob

_P = ParamSpec("_P")
_R = TypeVar("_R")

_GONE_SECONDS = 60.0
_POLL_SECONDS = 0.5
_FINISHED = ("Succeeded", "Failed")


def retried(call: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a call of the API be tried again where it may help; the provider's decorator has no types."""
    return cast("Callable[_P, _R]", generic_api_retry(call))  # type: ignore[no-untyped-call]


def pods_of(api: CoreV1Api, namespace: str, job: ContainerJob) -> list[V1Pod]:
    """Return the pods of a job's step run, of all tokens, the newest first."""
    return pods_of_step_run(api, namespace, job.labels[STEP_RUN_LABEL])


@retried
def pods_of_step_run(api: CoreV1Api, namespace: str, step_run_id: str) -> list[V1Pod]:
    """Return the pods of a step run, of all tokens, the newest first."""
    label = f"{STEP_RUN_LABEL}={step_run_id}"
    found: list[V1Pod] = api.list_namespaced_pod(namespace, label_selector=label).items
    return sorted(found, key=lambda pod: pod.metadata.creation_timestamp, reverse=True)


@retried
def read_pod(api: CoreV1Api, pod: V1Pod) -> V1Pod | None:
    """Return a pod as it is now; None if it is gone, or another one has its name."""
    try:
        found: V1Pod = api.read_namespaced_pod(pod.metadata.name, pod.metadata.namespace)
    except ApiException as error:
        if error.status == 404:
            return None
        raise
    same = pod.metadata.uid is None or pod.metadata.uid == found.metadata.uid
    return found if same else None


@retried
def delete_pod(api: CoreV1Api, pod: V1Pod, grace_seconds: int | None = None) -> None:
    """Delete a pod; harmless where it is gone."""
    options = {} if grace_seconds is None else {"grace_period_seconds": grace_seconds}
    try:
        api.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace, **options)
    except ApiException as error:
        if error.status != 404:
            raise


def is_of(pod: V1Pod, job: ContainerJob) -> bool:
    """Return whether a pod works on a job's token."""
    return bool((pod.metadata.labels or {}).get(TOKEN_LABEL) == job.token)


def is_finished(pod: V1Pod) -> bool:
    """Return whether a pod has run to its end."""
    return pod.status is not None and pod.status.phase in _FINISHED


def is_ending(pod: V1Pod) -> bool:
    """Return whether a pod was deleted and is not gone yet."""
    return pod.metadata.deletion_timestamp is not None


def number_of(pod: V1Pod) -> int:
    """Return the number at the end of a pod's name; see ``kubernetes_pod.pod_name``."""
    end = pod.metadata.name.rpartition("-")[2]
    return int(end) if end.isdecimal() else 0


def wait_until_gone(api: CoreV1Api, pods: list[V1Pod], seconds: float = _GONE_SECONDS) -> list[V1Pod]:
    """Wait for the end of deleted pods; return those that are still there."""
    until = time.monotonic() + seconds
    while pods := [pod for pod in pods if not _is_over(read_pod(api, pod))]:
        if time.monotonic() > until:
            break
        time.sleep(_POLL_SECONDS)
    return pods


def _is_over(pod: V1Pod | None) -> bool:
    return pod is None or is_finished(pod)
