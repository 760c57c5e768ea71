"""The Docker engine of the tests, as tests see it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import docker
from docker.models.containers import Container


@dataclass(frozen=True)
class DockerEngine:
    """A running engine.

    Attributes:
        url: Value of ``DOCKER_HOST``.
        base_image: Name of an image with the Python that runs the tests, pip and a shell.
        host_address: Where containers reach servers of this machine that listen on all addresses.
        index: Environment with which pip and uv in a container find the package index of this machine.
    """

    url: str
    base_image: str
    host_address: str
    index: dict[str, str] = field(repr=False)

    def client(self) -> docker.DockerClient:
        """Return a new client, for who closes it."""
        return docker.DockerClient(base_url=self.url, timeout=120)

    @cached_property
    def _own(self) -> docker.DockerClient:
        return self.client()

    def close(self) -> None:
        """Close the connection that the methods here share."""
        self._own.close()

    def containers(self, label: str) -> list[Container]:
        """Return the containers with a label (``NAME`` or ``NAME=VALUE``), stopped ones too."""
        found: list[Container] = self._own.containers.list(all=True, filters={"label": label})
        return found

    def moment(self) -> str:
        """Return now, for ``events``."""
        return f"{time.time():.9f}"

    def events(self, since: str, action: str = "start", label: str | None = None) -> list[dict[str, Any]]:
        """Return what the engine itself says has happened to containers; each start of one is an event."""
        filters = {"type": "container", "event": action} | ({"label": label} if label else {})
        return list(self._own.events(since=since, until=self.moment(), filters=filters, decode=True))

    def remove(self, label: str) -> None:
        """Remove the containers with a label, running or not."""
        for container in self.containers(label):
            container.remove(force=True, v=True)
