"""The Kubernetes of the tests, one node, as tests see it."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client import ApiException, CoreV1Api

from airflow_provider_pipes.testing.waiting import wait_until
from tests.engines import commands
from tests.engines.image_registry import ImageRegistry


@dataclass(frozen=True)
class KubernetesNode:
    """A running node of Kubernetes 1.20, reached as its administrator.

    Attributes:
        base_image: Name of an image with the Python that runs the tests; it is in no registry.
    """

    kubeconfig: Path
    base_image: str
    _namespaces: list[str] = field(default_factory=list, repr=False)

    def api_client(self) -> client.ApiClient:
        """Return a new client, for an API other than the core's."""
        return config.new_client_from_config(str(self.kubeconfig))

    def client(self) -> CoreV1Api:
        """Return a new client of the core API."""
        return CoreV1Api(self.api_client())

    @cached_property
    def _core(self) -> CoreV1Api:
        return self.client()

    @property
    def host_address(self) -> str:
        """Return where pods reach servers that listen on the node's bridge, or on all addresses."""
        addresses = self._core.read_node("pipes").status.addresses
        found: str = next(each.address for each in addresses if each.type == "InternalIP")
        return found

    def namespace(self, prefix: str = "pipes") -> str:
        """Create a namespace of one's own, ready for pods, and return its name; it goes with the session."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        self._core.create_namespace({"metadata": {"name": name}})
        self._namespaces.append(name)
        # Until it is there, every pod is refused.
        wait_until(lambda: self._exists("default", name), f"the service account of {name}")
        return name

    def _exists(self, account: str, namespace: str) -> bool:
        try:
            self._core.read_namespaced_service_account(account, namespace)
        except ApiException as error:
            if error.status != 404:
                raise
            return False
        return True

    def close(self) -> None:
        """Remove the namespaces that were created by way of this, with all in them; wait for nothing."""
        while self._namespaces:
            name = self._namespaces.pop()
            for pod in self.pods(namespace=name):
                # A pod whose first process ignores signals would take 30 s.
                self._core.delete_namespaced_pod(pod.metadata.name, name, grace_period_seconds=0)
            self._core.delete_namespace(name)

    def pods(self, label: str | None = None, namespace: str | None = None) -> list[Any]:
        """Return the pods with a label selector, finished ones too, of one namespace or of all."""
        options = {"label_selector": label} if label else {}
        if namespace is None:
            found: list[Any] = self._core.list_pod_for_all_namespaces(**options).items
        else:
            found = self._core.list_namespaced_pod(namespace, **options).items
        return found

    def pod_starts(self, namespace: str, container: str | None = None) -> list[str]:
        """Return the name of a pod for each start of a container in it, as the kubelet's own events tell.

        Events outlive the pods for an hour; they come a moment after what they tell of.
        """
        events = self._core.list_namespaced_event(namespace, field_selector="reason=Started").items
        return [
            event.involved_object.name
            for event in events
            if container is None or event.involved_object.field_path == f"spec.containers{{{container}}}"
            for _ in range(event.count or 1)
        ]

    def load(self, *images: str) -> None:
        """Bring images from the Docker engine of the tests, but for those that are here."""
        commands.run("kubernetes", "load", *images)

    def set_gpus(self, count: int) -> None:
        """Let the node have so many (fake) ``nvidia.com/gpu``; 4 is what others count on."""
        commands.run("kubernetes", "gpus", str(count))

    def pull_secret(self, namespace: str, registry: ImageRegistry) -> str:
        """Create a secret for ``imagePullSecrets`` and return its name."""
        name = "pipes-registry"
        data = base64.b64encode(registry.docker_config().encode()).decode()
        self._core.create_namespaced_secret(
            namespace,
            {
                "metadata": {"name": name},
                "type": "kubernetes.io/dockerconfigjson",
                "data": {".dockerconfigjson": data},
            },
        )
        return name
