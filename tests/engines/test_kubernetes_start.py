"""Attempts that start a step's pod at the same time, or after each other, on a real node."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from kubernetes.client import V1ObjectMeta, V1Pod

from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL, TOKEN_LABEL
from airflow_provider_pipes.operators.kubernetes import StepKubernetesPodOperator
from airflow_provider_pipes.operators.kubernetes_arguments import pod_of
from airflow_provider_pipes.operators.kubernetes_pod import pod_name
from airflow_provider_pipes.operators.kubernetes_secrets import secret_variables
from airflow_provider_pipes.operators.kubernetes_start import PodStart
from airflow_provider_pipes.operators.mixin import TaskKilled
from airflow_provider_pipes.operators.secrets import StepSecrets
from tests.airflow.harness import wait_until
from tests.engines.kubernetes_node import KubernetesNode

pytestmark = pytest.mark.airflow

SLEEP = ["python3", "-c", "import signal, time; signal.signal(15, lambda *_: exit(0)); time.sleep(120)"]
FAIL = ["python3", "-c", "raise SystemExit(3)"]


class Attempts:
    """Attempts at one step run."""

    def __init__(self, node: KubernetesNode) -> None:
        self.node = node
        self.namespace = node.namespace("starts")
        self.step_run = uuid.uuid4().hex[:20]

    def start(self, token: str, command: list[str] = SLEEP, killed: bool = False) -> V1Pod:
        """Start the pod of a token, or take over what is there."""
        with DAG("d"):
            operator = StepKubernetesPodOperator(
                task_id="t",
                deployment_id="",
                pipeline="p",
                store="",
                config_file=str(self.node.kubeconfig),
            )
        operator.killed = killed
        job = SimpleNamespace(
            step="s",
            token=token,
            labels={TOKEN_LABEL: token, STEP_RUN_LABEL: self.step_run},
            secrets=StepSecrets({"SECRET": "value"}),
            delegation=SimpleNamespace(
                known=frozenset(),
                launch=SimpleNamespace(
                    finished=lambda: None, tried=SimpleNamespace(last_failure=lambda known: None)
                ),
            ),
        )

        def stop_if_killed() -> None:
            if operator.killed:
                raise TaskKilled

        run: Any = SimpleNamespace(
            operator=operator,
            job=job,
            prefix="p-s",
            first_name=pod_name("p-s", token, 1),
            stop_if_killed=stop_if_killed,
        )
        return PodStart(run, self._request(run, command)).pod()

    def _request(self, run: Any, command: list[str]) -> V1Pod:
        container = {"name": "base", "image": self.node.base_image, "command": command}
        pod = pod_of({"spec": {"restartPolicy": "Never", "containers": [container]}}, "the pod")
        pod.metadata = V1ObjectMeta(name=run.first_name, namespace=self.namespace, labels=run.job.labels)
        pod.spec.containers[0].env = secret_variables(run.job.secrets, run.first_name)
        return pod

    def pods(self) -> list[str]:
        return sorted(each.metadata.name for each in self.node.pods(namespace=self.namespace))

    def secrets(self) -> list[Any]:
        found: list[Any] = (
            self.node.client().list_namespaced_secret(self.namespace, label_selector=STEP_RUN_LABEL).items
        )
        return found

    def wait_for_phase(self, pod: V1Pod, phase: str) -> None:
        api = self.node.client()
        wait_until(
            lambda: api.read_namespaced_pod(pod.metadata.name, self.namespace).status.phase == phase,
            phase,
            60,
        )


def is_live(pod: V1Pod) -> bool:
    return pod.status.phase in ("Pending", "Running")


@pytest.fixture
def attempts(kubernetes: KubernetesNode) -> Attempts:
    return Attempts(kubernetes)


def test_attempts_that_start_at_once_share_one_pod(attempts: Attempts) -> None:
    with ThreadPoolExecutor(8) as pool:
        pods = list(pool.map(attempts.start, ["token"] * 8))
    assert {each.metadata.uid for each in pods} == {pods[0].metadata.uid}
    assert attempts.pods() == ["p-s-token-1"]
    (secret,) = attempts.secrets()
    assert secret.metadata.owner_references[0].uid == pods[0].metadata.uid
    attempts.wait_for_phase(pods[0], "Running")


def test_a_pod_that_failed_is_followed_by_the_next_number(attempts: Attempts) -> None:
    first = attempts.start("token", FAIL)
    attempts.wait_for_phase(first, "Failed")
    second = attempts.start("token")
    assert second.metadata.name == "p-s-token-2"
    attempts.wait_for_phase(second, "Running")
    assert attempts.pods() == ["p-s-token-2"]
    wait_until(
        lambda: [each.metadata.name for each in attempts.secrets()] == ["p-s-token-2"], "one Secret", 30
    )


def test_a_pod_of_another_token_is_ended_before_the_new_one_starts(attempts: Attempts) -> None:
    first = attempts.start("before")
    attempts.wait_for_phase(first, "Running")
    second = attempts.start("after")
    live = [each for each in attempts.node.pods(namespace=attempts.namespace) if is_live(each)]
    assert [each.metadata.name for each in live] == ["p-s-after-1"]
    attempts.wait_for_phase(second, "Running")


def test_a_task_that_was_ended_meanwhile_leaves_no_pod(attempts: Attempts) -> None:
    with pytest.raises(TaskKilled):
        attempts.start("token", killed=True)
    assert attempts.pods() == []
    assert attempts.secrets() == []
