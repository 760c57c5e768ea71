"""A pod as the API server's JSON has it, read as the status of a job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from airflow_provider_pipes.triggers.backend import JobPhase, JobStatus

HINDRANCES = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
"""What keeps a container from its start and may still come right, as a Secret that is made later."""
HINDRANCE_SECONDS = 15.0
"""How long that may take."""
CANNOT_START = "can't start: "
"""Begin of what is told of a pod that never starts."""
WAITS = "waits: "
"""The same of one that may start yet."""
BACKED_OFF = "Back-off pulling image"
"""Begin of what a node says once it has told why it can't pull an image, and tries again."""

# Between being scheduled and running, every pod is in these; that is no news.
_PREPARING = frozenset({"", "ContainerCreating", "PodInitializing"})


def pod_status(pod: Mapping[str, Any], container: str) -> JobStatus:
    """Return how far a pod is.

    Args:
        pod: Its JSON.
        container: The container that does the work; others may outlive it.
    """
    status = pod.get("status", {})
    state = _state(status, container)
    started = _time((state.get("running") or state.get("terminated") or {}).get("startedAt"))
    ended = _ended(pod, state)
    if ended is not None:
        finished = _time((state.get("terminated") or {}).get("finishedAt"))
        return JobStatus(ended, _ending(pod, state), started, finished)
    if pod["metadata"].get("deletionTimestamp"):
        return JobStatus(_waiting_phase(started), "is being deleted", started)
    if started is not None:
        return JobStatus(JobPhase.RUNNING, f"runs on node {pod['spec'].get('nodeName')}", started)
    problem = image_problem(status)
    if problem:
        return JobStatus(JobPhase.REFUSED, f"{CANNOT_START}{problem}")
    hindered = (_state(status, container).get("waiting") or {}).get("reason") in HINDRANCES
    return JobStatus(JobPhase.QUEUED, _why_waiting(status), patience=HINDRANCE_SECONDS if hindered else None)


def image_problem(status: Mapping[str, Any]) -> str:
    """Return which image keeps a pod from ever starting, by the rule of the stock operator; "" if none.

    Args:
        status: The pod's status as the API server's JSON has it.
    """
    for each in status.get("containerStatuses") or ():
        waiting = each.get("state", {}).get("waiting") or {}
        if "Image" in str(waiting.get("reason")) and _is_final(waiting):
            said = " ".join((waiting.get("message") or waiting["reason"]).split())
            return f"image {each.get('image')} can't be pulled: {said}"
    return ""


def _is_final(waiting: Mapping[str, Any]) -> bool:
    # Here, since it is a heavy import that most pods need not.
    from airflow.providers.cncf.kubernetes.utils.pod_manager import detect_pod_terminate_early_issues

    reason = SimpleNamespace(reason=waiting.get("reason"), message=waiting.get("message"))
    container = SimpleNamespace(state=SimpleNamespace(waiting=reason))
    shaped: Any = SimpleNamespace(status=SimpleNamespace(container_statuses=[container]))
    return bool(detect_pod_terminate_early_issues(shaped))


def _state(status: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    for each in status.get("containerStatuses") or ():
        if each["name"] == container:
            state: Mapping[str, Any] = each.get("state", {})
            return state
    return {}


def _ended(pod: Mapping[str, Any], state: Mapping[str, Any]) -> JobPhase | None:
    phase = pod.get("status", {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        return JobPhase.SUCCEEDED if phase == "Succeeded" else JobPhase.FAILED
    if "terminated" in state and pod["spec"].get("restartPolicy") == "Never":
        return JobPhase.FAILED if state["terminated"].get("exitCode") else JobPhase.SUCCEEDED
    return None


def _ending(pod: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    status = pod["status"]
    told = ["ended"]
    if "terminated" in state:
        told.append(f"with exit code {state['terminated'].get('exitCode')}")
    reasons = [state.get("terminated", {}).get("reason"), status.get("reason"), status.get("message")]
    said = ": ".join(each for each in reasons if each and each not in ("Completed", "Error"))
    return " ".join(told) + (f" ({said})" if said else "")


def _waiting_phase(started: float | None) -> JobPhase:
    return JobPhase.QUEUED if started is None else JobPhase.RUNNING


def _why_waiting(status: Mapping[str, Any]) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"can't be scheduled yet: {condition.get('message') or condition.get('reason')}"
    for each in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = each.get("state", {}).get("waiting") or {}
        if waiting.get("reason", "") not in _PREPARING:
            return f"{WAITS}{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    return ""


def _time(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
