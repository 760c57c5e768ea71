"""What keeps a pod from its start, told alike by who waits for it here and by who waits in the triggerer."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiClient

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators.kubernetes_deferral import _end
from airflow_provider_pipes.operators.kubernetes_waiting import PodWait
from airflow_provider_pipes.triggers.backend import JobPhase
from airflow_provider_pipes.triggers.job import HINDERED
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
        job=SimpleNamespace(step="train"),
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


def test_what_hinders_a_container_is_the_same_sentence_deferred_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("airflow_provider_pipes.operators.kubernetes_waiting.HINDRANCE_SECONDS", 0.0)
    cluster = Cluster(("base", "CreateContainerConfigError", 'secret "s" not found'))
    sentence = "step 'train', pod p: its container can't start: secret \"s\" not found"
    assert _told_here(cluster) == sentence
    assert _told_after_the_triggerer(cluster, HINDERED) == sentence
