"""The containers of one step run on a Docker engine."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL, TOKEN_LABEL
from airflow_provider_pipes.operators.docker_errors import ContainerEnd, engine_says

if TYPE_CHECKING:
    from docker import APIClient

GRACE_SECONDS = 3
"""Between SIGTERM and SIGKILL: Airflow kills the task's own process 5 seconds after its SIGTERM."""

CONFLICT = 409
_RUNNING = ("running", "paused", "restarting")
_BETWEEN = ("created", "removing")
_LOOKS = 15
_LOOK_SECONDS = 0.2
# Of a container that somebody else removed, nothing is known but that it ended.
_GONE = ContainerEnd(exit_code=137, said="it was removed")


@dataclass(frozen=True)
class FoundContainer:
    """A container of the step run.

    Attributes:
        token: What it works on.
        names: Its names.
        state: As the engine names it.
    """

    id: str
    token: str
    names: tuple[str, ...]
    state: str

    @property
    def running(self) -> bool:
        """Whether its command still runs."""
        return self.state in _RUNNING


class StepContainers:
    """Finds, watches and removes the containers that carry the labels of a step run.

    Args:
        client: The engine's client.
        labels: Step run and token.
        removal: When a container is removed at its end: "force" (always), "success" or "never".
        log: The task's log.
    """

    def __init__(
        self, client: APIClient, labels: Mapping[str, str], removal: str, log: logging.Logger
    ) -> None:
        self._client = client
        self._step_run = labels[STEP_RUN_LABEL]
        self._token = labels[TOKEN_LABEL]
        self._removal = removal
        self._log = log
        self._found: list[FoundContainer] | None = None

    def close(self) -> None:
        """Close the connections to the engine."""
        self._client.close()

    def end_outdated(self) -> None:
        """End what works on another token of the step run: on what was cleared since."""
        for each in self._all():
            if each.token != self._token and (each.running or each.state == "created"):
                self._log.info("Ending container %s, whose task was cleared since.", each.id[:12])
                self.leave(each.id, None)

    def remove_ended(self) -> None:
        """End and remove all containers of the step run; its result is there."""
        for each in self._all():
            if each.running or self._removal != "never":
                self._log.info("Removing container %s of an earlier attempt.", each.id[:12])
                self.leave(each.id, None if each.running else ContainerEnd(0))

    def of_token(self, name: str) -> FoundContainer | None:
        """Return the container that works, or worked, on the token; none that was read and kept."""
        mine = [each for each in self._all() if each.token == self._token]
        running = [each for each in mine if each.running]
        return next(iter(running or [each for each in mine if name in each.names]), None)

    def started(self, name: str) -> FoundContainer | None:
        """Return the container that works, or worked, on the token, as ``of_token`` does.

        One that was created only is another attempt's that is about to start it; if that does not happen,
        its worker died in between, and it is removed.
        """
        found = self.of_token(name)
        for _ in range(_LOOKS):
            if found is None or found.state not in _BETWEEN:
                return found
            time.sleep(_LOOK_SECONDS)
            self._found = None
            found = self.of_token(name)
        if found is not None:
            self._discard(found)
        return None

    def is_foreign(self, name: str) -> bool:
        """Return whether a container has a name without working on the token."""
        from docker.errors import NotFound

        try:
            labels = self._client.inspect_container(name)["Config"].get("Labels") or {}
        except NotFound:
            # Another attempt is creating it.
            time.sleep(_LOOK_SECONDS)
            return False
        finally:
            self._found = None
        return bool(labels.get(TOKEN_LABEL) != self._token)

    def _discard(self, unstarted: FoundContainer) -> None:
        from docker.errors import APIError

        try:
            # Without force, so that it stays if it was started since.
            self._client.remove_container(unstarted.id, v=True)
        except APIError as error:
            self._log.info("Container %s was not removed: %s", unstarted.id[:12], engine_says(error))

    def output(self, container: str, lines: int) -> Iterator[tuple[bytes | None, bytes | None]]:
        """Return what a container prints, from some lines ago until it ends."""
        from docker.errors import NotFound

        try:
            for piece in self._client.logs(container, stream=True, follow=True, tail=lines):
                yield piece, None
        except NotFound:
            return

    def last_line(self, container: str) -> str:
        """Return the last line that an ended container printed."""
        from docker.errors import APIError

        try:
            text: bytes = self._client.logs(container, tail=1)
        except APIError:
            return ""
        return text.decode(errors="replace").strip()

    def wait(self, container: str) -> ContainerEnd:
        """Wait until a container ends, and read how."""
        from docker.errors import NotFound

        end = _GONE
        try:
            end = ContainerEnd(int(self._client.wait(container)["StatusCode"]))
            return ContainerEnd.of(self._client.inspect_container(container))
        except NotFound:
            return end

    def leave(self, container: str, end: ContainerEnd | None) -> None:
        """End a container if it runs, and remove it unless it shall be kept.

        Nothing is raised: what brought us here is to be told, and the next attempt finds the container.

        Args:
            container: Its id or name.
            end: How it ended, if that is known.
        """
        from docker.errors import DockerException, NotFound
        from requests.exceptions import RequestException

        try:
            self._leave(container, end)
        except NotFound:
            return
        except (DockerException, RequestException) as error:
            if getattr(error, "status_code", None) == CONFLICT:
                return  # Somebody else is removing it.
            self._log.warning("Container %s could not be removed: %s", container, error)

    def _leave(self, container: str, end: ContainerEnd | None) -> None:
        self._found = None
        started = True
        if end is None:
            inspected = self._client.inspect_container(container)
            started = inspected["State"]["Status"] != "created"
            if inspected["State"]["Status"] in _RUNNING:
                self._client.stop(container, timeout=GRACE_SECONDS)
        succeeded = end is not None and end.exit_code == 0
        if not started or self._removal == "force" or (self._removal == "success" and succeeded):
            self._client.remove_container(container, force=True, v=True)
        else:
            self._keep(container)

    def _keep(self, container: str) -> None:
        """Give a container that stays another name, so that its own is free for the next attempt."""
        inspected = self._client.inspect_container(container)
        name, identifier = inspected["Name"].lstrip("/"), inspected["Id"][:12]
        if not name.endswith(identifier):
            self._client.rename(container, f"{name}-{identifier}")

    def _all(self) -> list[FoundContainer]:
        if self._found is None:
            listed = self._client.containers(
                all=True, filters={"label": [f"{STEP_RUN_LABEL}={self._step_run}"]}
            )
            self._found = [_found(each) for each in listed]
        return self._found


def _found(listed: Mapping[str, object]) -> FoundContainer:
    labels, names = listed.get("Labels"), listed.get("Names")
    return FoundContainer(
        id=str(listed["Id"]),
        token=str(labels.get(TOKEN_LABEL)) if isinstance(labels, dict) else "",
        names=tuple(str(each).lstrip("/") for each in names) if isinstance(names, list) else (),
        state=str(listed["State"]),
    )
