"""Pods as the API server describes them, in words."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pipes.triggers.backend import JobPhase
from airflow_provider_pipes.triggers.pod_status import pod_status


def pod(phase: str, state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    statuses = [] if state is None else [{"name": "base", "image": "r/i:1", "state": state}]
    return {
        "metadata": {"name": "p"},
        "spec": {"nodeName": "n1", "restartPolicy": "Never"},
        "status": {"phase": phase, "containerStatuses": statuses, **status},
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Completed") -> dict[str, Any]:
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}
    return {"terminated": {"exitCode": code, "reason": reason, **times}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
}


@pytest.mark.parametrize(
    ("found", "phase", "told"),
    [
        (pod("Pending"), "queued", ""),
        (pod("Pending", waiting("ContainerCreating")), "queued", ""),
        (
            pod("Pending", conditions=[UNSCHEDULABLE]),
            "queued",
            "can't be scheduled yet: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
        ),
        (
            pod("Pending", waiting("CreateContainerConfigError", 'secret "s" not found')),
            "queued",
            'waits: CreateContainerConfigError: secret "s" not found',
        ),
        (
            pod("Pending", waiting("ErrImagePull", "not found")),
            "refused",
            "can't start: image r/i:1 can't be pulled: not found",
        ),
        (
            pod("Pending", waiting("ErrImagePull", "429 too many requests")),
            "queued",
            "waits: ErrImagePull: 429 too many requests",
        ),
        (pod("Running", {"running": {"startedAt": "2026-01-01T00:00:00Z"}}), "running", "runs on node n1"),
        (pod("Succeeded", ended(0)), "succeeded", "ended with exit code 0"),
        (pod("Failed", ended(137, "OOMKilled")), "failed", "ended with exit code 137 (OOMKilled)"),
        (
            pod("Failed", reason="Evicted", message="low on memory"),
            "failed",
            "ended (Evicted: low on memory)",
        ),
        # A sidecar goes on after the step's container.
        (pod("Running", ended(0)), "succeeded", "ended with exit code 0"),
        (pod("Running", ended(3, "Error")), "failed", "ended with exit code 3"),
    ],
)
def test_a_pod_in_words(found: dict[str, Any], phase: str, told: str) -> None:
    status = pod_status(found, "base")
    assert (status.phase.value, status.told) == (phase, told)
    assert (status.patience is not None) is ("CreateContainerConfigError" in told)


def test_times_are_those_of_the_steps_container() -> None:
    status = pod_status(pod("Succeeded", ended(0)), "base")
    assert status.started is not None
    assert status.ended == status.started + 9


def test_a_pod_on_its_way_out_is_waited_for() -> None:
    found = pod("Running", {"running": {"startedAt": "2026-01-01T00:00:00Z"}})
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:05Z"
    status = pod_status(found, "base")
    assert (status.phase, status.told) == (JobPhase.RUNNING, "is being deleted")
