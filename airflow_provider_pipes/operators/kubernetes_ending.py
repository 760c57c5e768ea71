"""How a step's pod ended, in a sentence that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.utils.container import get_container_status

from airflow_provider_pipes.entrypoints.exit_codes import exit_meaning
from airflow_provider_pipes.errors import ContainerError

if TYPE_CHECKING:
    from kubernetes.client import V1Pod

    from airflow_provider_pipes.operators.container_job import ContainerJob

# Reasons that a pod's status gives for the whole pod.
_OF_POD = {
    "Evicted": "its node evicted it",
    "DeadlineExceeded": "it ran longer than its active_deadline_seconds (by default somewhat more than the "
    "step's execution_timeout)",
    "NodeLost": "its node was lost",
    "NodeShutdown": "its node was shut down",
    "Terminated": "its node was shut down",
    "Preempting": "a pod of higher priority took its place",
    "Preempted": "a pod of higher priority took its place",
}
# Of a container that is none of ours.
_LAST_LINES = 5


def failure_of(pod: V1Pod | None, job: ContainerJob, container: str) -> ContainerError | None:
    """Return how a pod failed; None where it did not, or the step itself told how.

    Args:
        pod: As last seen; None if it was gone before anybody saw its end.
        job: What it ran.
        container: The container that runs the step.
    """
    if pod is None:
        return ContainerError(
            f"step {job.step!r}: its pod is gone and left no result; something else than its task deleted "
            "it, as draining its node does"
        )
    if pod.status.phase == "Succeeded":
        return None
    subject = f"step {job.step!r}, pod {pod.metadata.name}"
    ended = _terminated(pod, container)
    if pod.status.reason not in _OF_POD and ended is None:
        before = _failed_before(pod)
        if before is not None:
            return ContainerError(f"{subject}: {_of_init_container(before, job)}")
    if pod.status.reason in _OF_POD or ended is None:
        return ContainerError(f"{subject}: {_of_pod(pod)}")
    if ended.exit_code == 0:
        return None
    return _of_container(subject, ended, job)


def _terminated(pod: V1Pod, container: str) -> Any:
    status = get_container_status(pod, container)
    return status.state.terminated if status is not None and status.state is not None else None


def _failed_before(pod: V1Pod) -> Any:
    """Return the status of the init container that failed, if one did: the step's own did not start then."""
    for status in pod.status.init_container_statuses or ():
        ended = status.state.terminated if status.state is not None else None
        if ended is not None and ended.exit_code != 0:
            return status
    return None


def _of_init_container(status: Any, job: ContainerJob) -> str:
    ended = status.state.terminated
    reason = f" ({ended.reason})" if ended.reason not in (None, "Error") else ""
    lines = [line.rstrip() for line in (ended.message or "").splitlines() if line.strip()]
    last = "\n".join(lines[-_LAST_LINES:])
    said = f"; its last lines:\n{job.secrets.masked(last)}" if last else ""
    code = f"it exited with {ended.exit_code}{reason}"
    return f"init container {status.name!r} failed before the step: {code}{said}"


def _of_pod(pod: V1Pod) -> str:
    status = pod.status
    told = _OF_POD.get(status.reason)
    if told is None:
        if status.phase in ("Pending", "Running", "Unknown"):
            return f"its end was not awaited (phase {status.phase})"
        told = f"it failed ({status.reason})" if status.reason else "it failed before its container started"
    said = status.message and status.message.strip().rstrip(".")
    return f"{told}: {said}" if said else told


def _of_container(subject: str, ended: Any, job: ContainerJob) -> ContainerError | None:
    code: int = ended.exit_code
    if ended.reason == "OOMKilled":
        error = ContainerError(f"{subject}: {_of_memory(job)}")
    elif ended.reason in ("ContainerCannotRun", "StartError"):
        error = ContainerError(f"{subject}: its container can't start: {ended.message}")
    elif job.delegation.launch.tried.last_failure(job.delegation.known) is not None:
        return None
    else:
        line = job.secrets.masked(_last_line(ended.message))
        said = f"; its last line: {line}" if line else ""
        error = ContainerError(f"{subject}: it exited with {code}: {exit_meaning(code, line)}{said}")
    error.job_exit_code = code
    return error


def _of_memory(job: ContainerJob) -> str:
    asked = job.resources.get("memory")
    if asked is None:
        return (
            "it was killed for using more memory than it may have (OOMKilled), and the step asked for none: "
            "give it resources=ResourceSettings(memory=…), or raise the operator argument container_resources"
        )
    return (
        f"it was killed for using more memory than it may have (OOMKilled): the step asked for {asked}, "
        "which is its limit too; raise memory in its ResourceSettings, or let it use less"
    )


def _last_line(text: str | None) -> str:
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""
