"""The engine's client as the stock operator uses it while it runs a step's container."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.operators.docker_containers import CONFLICT
from airflow_provider_pipes.operators.docker_errors import engine_says, not_pulled

if TYPE_CHECKING:
    from docker import APIClient

    from airflow_provider_pipes.operators.docker_run import DockerRun


# What the engine says of a container that is gone, or going.
_REMOVED = ("No such container", "marked for removal")


class NameTaken(Exception):  # noqa: N818 - it says what to do next, and nobody else sees it
    """Another attempt has the container of the step's token."""


class StepContainerClient:
    """Passes the stock operator's calls on to the engine, with what they leave out.

    The stock operator has no argument for a limit of CPUs, keeps its private environment to itself, holds all
    output in memory, and looks at nothing but an exit code; so these calls go through here.

    Args:
        client: The engine's client.
        run: The run of the container.
        host_config: More arguments of the host config.
    """

    def __init__(self, client: APIClient, run: DockerRun, host_config: dict[str, Any]) -> None:
        self._client = client
        self._run = run
        self._host_config = host_config

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def images(self, name: str) -> list[Any]:
        """Return the image if it is there, also where it is named by digest or by id."""
        from docker.errors import NotFound

        try:
            return [self._client.inspect_image(name)]
        except NotFound:
            return []

    def pull(self, repository: str, **arguments: Any) -> Iterator[Any]:
        """Pull an image, and raise what the engine says in the middle of its progress."""
        from docker.errors import APIError

        try:
            for progress in self._client.pull(repository, **arguments):
                if isinstance(progress, dict) and progress.get("error"):
                    raise not_pulled(self._run.job, repository, progress["error"])
                yield progress
        except APIError as error:
            raise not_pulled(self._run.job, repository, engine_says(error)) from None

    def create_host_config(self, **arguments: Any) -> Any:
        """Return the host config with the limits that the stock operator does not know."""
        return self._client.create_host_config(**{**arguments, **self._host_config})

    def create_container(self, **arguments: Any) -> Any:
        """Create the container with the step's secrets in its environment.

        Raises:
            NameTaken: another attempt has it.
        """
        from docker.errors import APIError

        environment = {**self._run.job.secrets.values, **arguments.pop("environment")}
        self._run.mine = arguments["name"]
        try:
            created = self._client.create_container(environment=environment, **arguments)
        except APIError as error:
            if error.status_code != CONFLICT:
                raise
            self._run.mine = None
            raise NameTaken from None
        self._run.mine = created["Id"]
        return created

    def attach(self, container: str, **arguments: Any) -> Iterator[bytes]:
        """Return no output to the stock operator, which would keep all of it; it is logged on the way."""
        output = self._client.attach(container, **{**arguments, "demux": True})
        return self._run.logged(output)

    def start(self, container: str) -> None:
        """Start the container, unless another attempt removed it since.

        Raises:
            NameTaken: it did, and has one of its own.
        """
        from docker.errors import APIError

        try:
            self._client.start(container)
        except APIError as error:
            if not any(each in engine_says(error) for each in _REMOVED):
                raise
            self._run.mine = None
            raise NameTaken from None

    def wait(self, container: str) -> dict[str, int]:
        """Wait for the end, and raise if it is no good one."""
        self._run.wait(container)
        return {"StatusCode": 0}
