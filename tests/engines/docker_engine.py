"""The Docker engine of the tests, as tests see it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
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

    @contextlib.contextmanager
    def event_log(self, label: str, file: Path) -> Iterator[EventLog]:
        """Keep what happens to the containers with a label, in a file.

        The engine itself remembers but the last 256 events, of all who use it.
        """
        command = ["docker", "--host", self.url, "events", "--since", self.moment()]
        filters = ["--filter", "type=container", "--filter", f"label={label}", "--format", "{{json .}}"]
        with file.open("wb") as output, subprocess.Popen([*command, *filters], stdout=output) as process:
            try:
                yield EventLog(self, label, file)
            finally:
                process.terminate()

    def remove(self, label: str) -> None:
        """Remove the containers with a label, running or not."""
        for container in self.containers(label):
            container.remove(force=True, v=True)


@dataclass(frozen=True)
class EventLog:
    """What has happened to the containers with a label.

    Attributes:
        file: With a line of JSON for each event, but for one that is being written.
    """

    engine: DockerEngine
    label: str
    file: Path

    def of(self, action: str) -> list[dict[str, Any]]:
        """Return the events of an action, the oldest first."""
        written = self.file.read_text(encoding="utf-8").split("\n")[:-1]
        # The newest may not be written yet.
        found = [*map(json.loads, written), *self.engine.events("0", action, self.label)]
        by_moment = {each["timeNano"]: each for each in found if each["Action"] == action}
        return [by_moment[moment] for moment in sorted(by_moment)]
