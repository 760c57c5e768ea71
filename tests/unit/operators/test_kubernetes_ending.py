"""How the ends of pods are told, without a cluster."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from kubernetes.client import (
    ApiException,
    V1ContainerState,
    V1ContainerStateTerminated,
    V1ContainerStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodStatus,
)
from kubernetes.config import ConfigException
from urllib3.exceptions import ProtocolError

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators.kubernetes_api import refusal, told_by_kubernetes
from airflow_provider_pipes.operators.kubernetes_ending import failure_of
from airflow_provider_pipes.operators.secrets import StepSecrets

pytestmark = pytest.mark.airflow


def job(memory: str | None = None, told: bool = False) -> Any:
    """Return a job whose step left a failure, or did not."""
    tried = SimpleNamespace(last_failure=lambda known: "a failure" if told else None)
    delegation = SimpleNamespace(launch=SimpleNamespace(tried=tried), known=frozenset())
    resources = {"memory": memory}
    return SimpleNamespace(step="train", resources=resources, delegation=delegation, secrets=StepSecrets())


def pod(
    phase: str = "Failed",
    ended: dict[str, Any] | None = None,
    status_of_init: V1ContainerStateTerminated | None = None,
    **status: Any,
) -> V1Pod:
    """Return a pod, whose container ended as ``ended`` says."""
    containers = None
    if ended is not None:
        containers = [_status("base", V1ContainerStateTerminated(**ended))]
    if status_of_init is not None:
        status["init_container_statuses"] = [
            _status("done", V1ContainerStateTerminated(exit_code=0)),
            _status("prepare", status_of_init),
        ]
    return V1Pod(
        metadata=V1ObjectMeta(name="p"),
        status=V1PodStatus(phase=phase, container_statuses=containers, **status),
    )


def _status(name: str, ended: V1ContainerStateTerminated) -> V1ContainerStatus:
    state = V1ContainerState(terminated=ended)
    return V1ContainerStatus(name=name, image="i", image_id="", ready=False, restart_count=0, state=state)


def told(found: V1Pod | None, work: Any = None) -> str:
    error = failure_of(found, work or job(), "base")
    assert error is not None
    return str(error)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Evicted", "its node evicted it: The node was low on memory"),
        (
            "DeadlineExceeded",
            (
                "it ran longer than its active_deadline_seconds (by default somewhat more than the step's "
                "execution_timeout): The node was low on memory"
            ),
        ),
        ("NodeLost", "its node was lost: The node was low on memory"),
        ("Preempting", "a pod of higher priority took its place: The node was low on memory"),
        ("UnexpectedAdmissionError", "it failed (UnexpectedAdmissionError): The node was low on memory"),
    ],
)
def test_the_end_of_a_whole_pod_is_told(reason: str, expected: str) -> None:
    found = pod(reason=reason, message="The node was low on memory. ")
    assert told(found) == f"step 'train', pod p: {expected}"


def test_a_whole_pods_end_goes_before_the_exit_code_that_it_caused() -> None:
    found = pod(reason="Evicted", message="low on disk", ended={"exit_code": 137})
    assert "evicted" in told(found)


def test_a_pod_that_is_gone_is_told() -> None:
    assert "its pod is gone and left no result" in told(None)


def test_memory_is_told_with_what_was_asked_for() -> None:
    found = pod(ended={"exit_code": 137, "reason": "OOMKilled"})
    assert "the step asked for 2GB, which is its limit too; raise memory" in told(found, job("2GB"))
    assert "the step asked for none: give it resources=" in told(found)


def test_memory_is_told_even_where_the_step_told_something_too() -> None:
    found = pod(ended={"exit_code": 1, "reason": "OOMKilled"})
    assert "OOMKilled" in told(found, job("2GB", told=True))


def test_what_the_step_told_itself_is_not_told_again() -> None:
    assert failure_of(pod(ended={"exit_code": 1, "reason": "Error"}), job(told=True), "base") is None


def test_an_exit_code_comes_with_its_meaning_and_the_last_line() -> None:
    found = pod(ended={"exit_code": 75, "reason": "Error", "message": "first\nthe store is away\n\n"})
    error = failure_of(found, job(), "base")
    assert error is not None
    assert error.job_exit_code == 75
    assert str(error) == (
        "step 'train', pod p: it exited with 75: the artifact store is unreachable; trying again may help; "
        "its last line: the store is away"
    )


def test_an_image_without_our_package_is_told_by_its_last_line() -> None:
    message = "Traceback\nModuleNotFoundError: No module named 'airflow_provider_pipes'\n"
    found = pod(ended={"exit_code": 1, "reason": "Error", "message": message})
    assert "its image has not all that a step needs to start; an image with skip_build=True" in told(found)


@pytest.mark.parametrize(
    ("message", "said"),
    [("", ""), ("1\n2\n\n3\n4\n5\nno disk: s3cret\n", "; its last lines:\n2\n3\n4\n5\nno disk: ***")],
)
def test_an_init_container_that_failed_is_told_by_name(message: str, said: str) -> None:
    found = pod(status_of_init=V1ContainerStateTerminated(exit_code=3, reason="Error", message=message))
    work = job()
    work.secrets = StepSecrets({"KEY": "s3cret"})
    assert told(found, work) == (
        f"step 'train', pod p: init container 'prepare' failed before the step: it exited with 3{said}"
    )


def test_a_success_is_no_failure_even_where_another_container_failed() -> None:
    assert failure_of(pod("Succeeded", {"exit_code": 0}), job(), "base") is None
    assert failure_of(pod("Failed", {"exit_code": 0}), job(), "base") is None


def test_a_refusal_says_which_right_is_missing() -> None:
    error = ApiException(status=403, reason="Forbidden")
    error.body = json.dumps({"message": 'pods is forbidden: User "x" cannot create resource "pods"'})
    assert str(refusal("train", error)) == (
        "step 'train': Kubernetes refused (403 Forbidden): pods is forbidden: "
        'User "x" cannot create resource "pods"; let a role allow it to the account that the worker uses'
    )


def test_a_missing_service_account_is_no_missing_right() -> None:
    error = ApiException(status=403, reason="Forbidden")
    said = 'error looking up service account ml/steps: serviceaccount "steps" not found'
    error.body = json.dumps({"message": f'pods "p" is forbidden: {said}'})
    assert str(refusal("train", error)) == (
        "step 'train': there is no service account 'steps' in namespace 'ml'; create it, or correct the "
        "operator argument service_account_name"
    )


def test_a_missing_connection_is_told_with_the_step() -> None:
    told_as = r"step 'train': this worker has no access to Kubernetes: The conn_id `nope` isn't defined; add"
    with pytest.raises(ContainerError, match=told_as), told_by_kubernetes("train"):
        raise AirflowNotFoundException("The conn_id `nope` isn't defined")


def test_an_answer_that_is_no_json_is_shown_as_it_is() -> None:
    error = ApiException(status=502, reason="Bad Gateway")
    error.body = "<html>"
    assert str(refusal("train", error)) == "step 'train': Kubernetes refused (502 Bad Gateway): <html>"


def test_an_api_out_of_reach_is_told() -> None:
    assert "does not answer: gone; a pod that runs goes on" in str(refusal("train", ProtocolError("gone")))
    assert "no access to Kubernetes: no configuration" in str(
        refusal("train", ConfigException("no configuration"))
    )
