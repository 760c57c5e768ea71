"""What keeps a pod from its start, told alike by who waits for it here and by who waits in the triggerer."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiClient, ApiException

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators.kubernetes_api import refusal
from airflow_provider_pipes.operators.kubernetes_deferral import _end
from airflow_provider_pipes.operators.kubernetes_waiting import PodWait
from airflow_provider_pipes.operators.secrets import StepSecrets
from airflow_provider_pipes.triggers.backend import JobPhase
from airflow_provider_pipes.triggers.job import HINDERED, QUEUE_TIMEOUT
from airflow_provider_pipes.triggers.pod_status import pod_status

pytestmark = pytest.mark.airflow

ADVICE = "check its name, that the cluster reaches its registry, and image_pull_secrets"
EVENT = 'Failed to pull image "r/i:1":\nrpc error: no such host'


class Cluster:
    """A cluster with one pod, and an event about it."""

    def __init__(self, *waiting: tuple[str, str, str]) -> None:
        always = {"image": "r/i:1", "imageID": "", "ready": False, "restartCount": 0}
        statuses = [
            {"name": name, "state": {"waiting": {"reason": reason, "message": message}}, **always}
            for name, reason, message in waiting
        ]
        self.pod = {
            "metadata": {"name": "p", "namespace": "ml"},
            "spec": {"restartPolicy": "Never", "containers": []},
            "status": {"phase": "Pending", "containerStatuses": statuses},
        }
        self.api_client = ApiClient()

    def model(self) -> Any:
        body = SimpleNamespace(data=json.dumps(self.pod))
        return self.api_client.deserialize(body, "V1Pod")

    def list_namespaced_event(self, namespace: str, field_selector: str) -> Any:
        assert (namespace, field_selector) == ("ml", "involvedObject.name=p,type=Warning")
        return SimpleNamespace(items=[SimpleNamespace(message=EVENT)])

    def read_namespaced_pod(self, name: str, namespace: str) -> Any:
        return self.model()


def _run(cluster: Cluster) -> Any:
    operator = SimpleNamespace(
        client=cluster,
        base_container_name="base",
        startup_check_interval_seconds=1,
        log_events_on_startup=False,
        log=SimpleNamespace(warning=lambda *_: None),
        pod=None,
    )
    return SimpleNamespace(
        operator=operator,
        job=SimpleNamespace(step="train", secrets=StepSecrets(kubernetes={"TOKEN": ("s", "key")})),
        current=lambda pod: cluster.model(),
        stop_if_killed=lambda: None,
    )


def _told_here(cluster: Cluster) -> str:
    with pytest.raises(ContainerError) as told:
        PodWait(_run(cluster), cluster.model()).wait()
    return str(told.value)


def _told_after_the_triggerer(cluster: Cluster, status: str) -> str:
    event = {"status": status, "told": pod_status(cluster.pod, "base").told}
    with pytest.raises(ContainerError) as told:
        _end(_run(cluster), {"pod": "p", "namespace": "ml"}, event)
    return str(told.value)


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        ([("base", "ErrImagePull", "rpc error:\n  no such host")], "rpc error: no such host"),
        ([("base", "InvalidImageName", "")], "InvalidImageName"),
        (
            [("base", "ImagePullBackOff", 'Back-off pulling image "r/i:1"')],
            'Failed to pull image "r/i:1": rpc error: no such host',
        ),
        ([("beside", "ContainerCreating", ""), ("base", "ErrImagePull", "not found")], "not found"),
    ],
)
def test_an_image_that_cannot_be_pulled_is_one_sentence_deferred_or_not(
    waiting: list[tuple[str, str, str]], said: str
) -> None:
    cluster = Cluster(*waiting)
    sentence = f"step 'train', pod p: image r/i:1 can't be pulled: {said}; {ADVICE}"
    assert _told_here(cluster) == sentence
    assert _told_after_the_triggerer(cluster, JobPhase.REFUSED) == sentence


FROM_SECRET = (
    ", which TOKEN of its secrets is from; create it in the pod's namespace, or correct "
    "DockerSettings(secrets=…)"
)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ('secret "s" not found', FROM_SECRET),
        ("couldn't find key key in Secret ml/s", FROM_SECRET),
        ("couldn't find key other in Secret ml/s", ""),
        ('secret "of-the-user" not found', ""),
        ('configmap "s" not found', ""),
    ],
)
def test_what_hinders_a_container_is_the_same_sentence_deferred_or_not(
    monkeypatch: pytest.MonkeyPatch, said: str, advice: str
) -> None:
    monkeypatch.setattr("airflow_provider_pipes.operators.kubernetes_waiting.HINDRANCE_SECONDS", 0.0)
    cluster = Cluster(("base", "CreateContainerConfigError", said))
    sentence = f"step 'train', pod p: its container can't start: {said}{advice}"
    assert _told_here(cluster) == sentence
    assert _told_after_the_triggerer(cluster, HINDERED) == sentence


MORE = "ask for less, make room, or raise "
CLAIM = (
    "create the claim 'x' in the pod's namespace, or correct its name in the operator argument volumes, or "
    "in store_volume of the orchestrator"
)


@pytest.mark.parametrize(
    ("said", "here", "deferred"),
    [
        (
            "0/1 nodes are available: 1 Insufficient cpu.",
            f"{MORE}the operator argument schedule_timeout_seconds",
            f"{MORE}these operator arguments",
        ),
        ('0/1 nodes are available: persistentvolumeclaim "x" not found.', CLAIM, CLAIM),
    ],
)
def test_a_pod_that_finds_no_node_is_told_with_the_schedulers_words_deferred_or_not(
    said: str, here: str, deferred: str
) -> None:
    cluster = Cluster()
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}
    cluster.pod["status"] = {"phase": "Pending", "conditions": [unscheduled]}
    run = _run(cluster)
    run.operator.schedule_timeout_seconds = 0
    with pytest.raises(ContainerError) as told:
        PodWait(run, cluster.model()).wait()
    words = said.rstrip(".")
    assert str(told.value) == f"step 'train', pod p: it found no node in 0 s: {words}; {here}"
    event = {
        "status": QUEUE_TIMEOUT,
        "told": pod_status(cluster.pod, "base").told,
        "queued": 20,
        "ran": None,
    }
    run.finish = lambda pod: None
    with pytest.raises(ContainerError) as told:
        _end(run, {"pod": "p", "namespace": "ml", "queue_timeout": 20}, event)
    assert str(told.value).endswith(f"last seen: it can't be scheduled yet: {words}; {deferred}")


def test_a_namespace_that_is_missing_is_named_with_its_argument() -> None:
    error = ApiException(status=404, reason="Not Found")
    error.body = json.dumps({"message": 'namespaces "nope" not found'})
    assert str(refusal("train", error)) == (
        "step 'train': there is no namespace 'nope' in the cluster; create it, or correct the operator "
        "argument namespace"
    )
