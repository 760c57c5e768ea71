"""That the Kubernetes of the tests is real, as far as steps can see."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path
from typing import Any

import docker
import pytest
from kubernetes.client import ApiClient, ApiException, CoreV1Api

from airflow_provider_pipes.testing.waiting import wait_until
from tests.engines.docker_engine import DockerEngine
from tests.engines.image_registry import ImageRegistry
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.programs import EAT_MEMORY, fetch


@pytest.fixture
def namespace(kubernetes: KubernetesNode) -> str:
    return kubernetes.namespace("engines")


def _pod(node: KubernetesNode, namespace: str, *command: str, **spec: Any) -> str:
    """Create a pod of one container, ``base``, and return its name."""
    name = f"pod-{uuid.uuid4().hex[:8]}"
    container = {
        "name": "base",
        "image": spec.pop("image", node.base_image),
        "imagePullPolicy": spec.pop("policy", "Never"),
        "command": list(command),
        "resources": {"limits": spec.pop("limits", {})},
    }
    node.client().create_namespaced_pod(
        namespace,
        {
            "metadata": {"name": name, "labels": {"pipes-test": "engines"}},
            "spec": {"restartPolicy": "Never", "containers": [container], **spec},
        },
    )
    return name


def _finished(node: KubernetesNode, namespace: str, name: str) -> Any:
    """Wait for a pod's end and return what became of its container."""

    def probe() -> Any:
        status = node.client().read_namespaced_pod(name, namespace).status
        return status.phase in ("Succeeded", "Failed") and status.container_statuses[0].state.terminated

    return wait_until(probe, f"the end of pod {name}")


def _logs(node: KubernetesNode, namespace: str, name: str) -> str:
    answer = node.client().read_namespaced_pod_log(name, namespace, _preload_content=False)
    return bytes(answer.data).decode()


def test_a_pod_exits_with_the_code_of_its_process(kubernetes: KubernetesNode, namespace: str) -> None:
    name = _pod(kubernetes, namespace, "python3", "-c", "print('out'); raise SystemExit(7)")
    assert _finished(kubernetes, namespace, name).exit_code == 7
    assert _logs(kubernetes, namespace, name) == "out\n"
    assert [pod.metadata.name for pod in kubernetes.pods("pipes-test=engines", namespace)] == [name]


def test_memory_above_the_limit_ends_a_pod(kubernetes: KubernetesNode, namespace: str) -> None:
    name = _pod(kubernetes, namespace, "python3", "-c", EAT_MEMORY, limits={"memory": "64Mi"})
    ended = _finished(kubernetes, namespace, name)
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")


def test_the_kubelet_counts_the_starts_of_containers(kubernetes: KubernetesNode, namespace: str) -> None:
    assert kubernetes.pod_starts(namespace) == []
    names = [_pod(kubernetes, namespace, "true") for _ in range(2)]
    for name in names:
        _finished(kubernetes, namespace, name)
    kubernetes.client().delete_namespaced_pod(names[0], namespace, grace_period_seconds=0)
    wait_until(lambda: len(kubernetes.pod_starts(namespace)) == 2, "an event for each start")
    assert sorted(kubernetes.pod_starts(namespace, "base")) == sorted(names)
    assert kubernetes.pod_starts(namespace, "other") == []


def test_pods_wait_for_a_gpu_that_is_free(kubernetes: KubernetesNode, namespace: str) -> None:
    gpus = int(kubernetes.client().read_node("pipes").status.allocatable["nvidia.com/gpu"])
    assert gpus >= 2
    # Others may hold some: no two of these fit at once.
    limits = {"nvidia.com/gpu": str(gpus // 2 + 1)}
    first = _pod(kubernetes, namespace, "sleep", "600", limits=limits)
    api = kubernetes.client()
    wait_until(lambda: api.read_namespaced_pod(first, namespace).status.phase == "Running", "the first pod")
    second = _pod(kubernetes, namespace, "true", limits=limits)

    def unschedulable() -> str | None:
        conditions = api.read_namespaced_pod(second, namespace).status.conditions or []
        return next((each.message for each in conditions if each.reason == "Unschedulable"), None)

    assert "Insufficient nvidia.com/gpu" in wait_until(
        unschedulable, "the scheduler's word on the second pod"
    )
    api.delete_namespaced_pod(first, namespace, grace_period_seconds=0)
    assert _finished(kubernetes, namespace, second).exit_code == 0


def test_a_pod_reaches_a_server_on_the_host(
    kubernetes: KubernetesNode, namespace: str, host_server: int
) -> None:
    name = _pod(kubernetes, namespace, *fetch(kubernetes.host_address, host_server))
    assert _finished(kubernetes, namespace, name).exit_code == 0, _logs(kubernetes, namespace, name)
    assert _logs(kubernetes, namespace, name) == "hello from the host\n"


def test_a_pod_pulls_from_the_registry_with_its_secret(
    kubernetes: KubernetesNode, docker_registry: ImageRegistry, namespace: str, pushed_image: tuple[str, str]
) -> None:
    image = "@".join(pushed_image)
    refused = _pod(kubernetes, namespace, "true", image=image, policy="Always")

    def reason() -> bool:
        statuses = kubernetes.client().read_namespaced_pod(refused, namespace).status.container_statuses
        waiting = statuses and statuses[0].state.waiting
        return bool(waiting) and waiting.reason in ("ErrImagePull", "ImagePullBackOff")

    wait_until(reason, "the registry's refusal of a pod without the secret")
    secret = kubernetes.pull_secret(namespace, docker_registry)
    name = _pod(
        kubernetes, namespace, "true", image=image, policy="Always", imagePullSecrets=[{"name": secret}]
    )
    assert _finished(kubernetes, namespace, name).exit_code == 0


def test_an_image_of_the_engine_is_loaded_into_the_node(
    docker_engine: DockerEngine,
    kubernetes: KubernetesNode,
    docker_client: docker.DockerClient,
    namespace: str,
    tmp_path: Path,
) -> None:
    image = f"pipes.local/engines-{uuid.uuid4().hex[:8]}:1"
    tmp_path.joinpath("Dockerfile").write_text(
        f"FROM {docker_engine.base_image}\nRUN echo of the engine >/made\n"
    )
    docker_client.images.build(path=str(tmp_path), tag=image, rm=True)
    try:
        kubernetes.load(image)
        name = _pod(kubernetes, namespace, "cat", "/made", image=image)
        assert _finished(kubernetes, namespace, name).exit_code == 0
        assert _logs(kubernetes, namespace, name) == "of the engine\n"
    finally:
        docker_client.images.remove(image, force=True)


def test_one_who_is_not_the_administrator_is_refused(kubernetes: KubernetesNode, namespace: str) -> None:
    api = kubernetes.client()
    secrets = wait_until(lambda: api.list_namespaced_secret(namespace).items, "the service account's token")
    token = base64.b64decode(secrets[0].data["token"]).decode()
    configuration = api.api_client.configuration
    configuration.cert_file = configuration.key_file = None
    stranger = CoreV1Api(ApiClient(configuration, "Authorization", f"Bearer {token}"))
    with pytest.raises(ApiException, match="Forbidden"):
        stranger.list_namespaced_pod(namespace)


def test_the_hosts_address_does_not_move_as_pods_come_and_go(kubernetes: KubernetesNode) -> None:
    (bridge,) = (
        link
        for link in Path("/sys/class/net").iterdir()
        if kubernetes.host_address in _run("ip", "-4", "-o", "address", "show", "dev", link.name)
    )
    # 3: it was chosen. One that is not is that of a pod, and pods reach nothing while they know an old one.
    assert (bridge / "addr_assign_type").read_text().strip() == "3"


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
