"""The image builder that is a Docker engine."""

from __future__ import annotations

import io
import os
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.images.builder import BaseImageBuilder, BuildRequest
from airflow_provider_pipes.images.engine_silence import silence_of
from airflow_provider_pipes.images.failures import BuildOutput
from airflow_provider_pipes.images.listener import BuildListener
from airflow_provider_pipes.images.registry import TOKEN_USER, RegistryAccess
from airflow_provider_pipes.images.registry_client import refused

if TYPE_CHECKING:
    from docker.client import DockerClient

    from airflow_provider_pipes.images.flavors import DockerImageBuilderConfig

DOCKERFILE = "Dockerfile.airflow-provider-pipes"
# A build, a pull or a push is silent for as long as one file takes.
_SECONDS = 3600
_REFUSED = re.compile(
    r"unauthorized|authentication required|denied|no basic auth|incorrect username", re.IGNORECASE
)
# Ours to say, so a user's options can't.
_OURS = frozenset(
    {"fileobj", "path", "custom_context", "tag", "dockerfile", "decode", "buildargs", "platform"}
)


class DockerImageBuilder(BaseImageBuilder):
    """Builds images by a Docker engine, which keeps them and pushes them."""

    @property
    def config(self) -> DockerImageBuilderConfig:
        """The validated configuration."""
        return cast("DockerImageBuilderConfig", self._config)

    def check(self, seconds: float) -> str:
        """Return the engine with its version, if it answers."""
        with self._engine(seconds) as client:
            return f"Docker {client.version()['Version']} at {client.api.base_url}"

    def find(self, image: str) -> bool:
        """Return whether the engine has an image of this name."""
        from docker.errors import ImageNotFound

        with self._engine() as client:
            try:
                client.images.get(image)
            except ImageNotFound:
                return False
        return True

    def build(self, request: BuildRequest, registry: RegistryAccess | None = None) -> str:
        """Build an image in the engine, and push it if there is a registry."""
        with self._engine() as client:
            if registry is not None:
                _log_in(client, registry)
            _build(client, request, {"pull": self.config.pull, **request.options})
        return request.image if registry is None else self.push(request.image, registry, request.listener)

    def push(self, image: str, registry: RegistryAccess, listener: BuildListener) -> str:
        """Push an image that the engine has, and return its reference by digest."""
        listener.push_started(image, registry.server)
        name, _, tag = image.rpartition(":")
        digest, failed = None, ""
        sizes: dict[str, tuple[int, int]] = {}
        with self._engine() as client:
            for event in client.api.push(name, tag, stream=True, decode=True, auth_config=_auth(registry)):
                failed = str(event["error"]) if "error" in event else failed
                digest = event.get("aux", {}).get("Digest", digest)
                _tell_progress(image, event, sizes, listener)
        if failed:
            raise _registry_error(registry, failed, f"image {image}")
        if digest is None:
            raise ImageError(
                f"registry {registry.server} took image {image} and told no digest; deploy again"
            )
        return f"{name}@{digest}"

    @contextmanager
    def _engine(self, seconds: float = _SECONDS) -> Iterator[DockerClient]:
        """Give a client of the engine; what it says goes on as an ImageError."""
        import docker
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException

        where = self.config.host or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        try:
            made = docker.DockerClient(base_url=where, timeout=seconds) if self.config.host else None
            client = made or docker.from_env(timeout=seconds)
            client.ping()
        except (DockerException, RequestException) as error:
            raise _unreachable(where, error) from None
        try:
            yield client
        except APIError as error:
            raise ImageError(f"the Docker engine at {where} refused: {error.explanation or error}") from None
        except RequestException as error:
            raise ImageError(
                f"the Docker engine at {where} stopped answering ({silence_of(error)}); is it up?"
            ) from None
        finally:
            client.close()


def _unreachable(where: str, error: Exception) -> ImageError:
    return ImageError(
        f"no Docker engine answers at {where} ({silence_of(error)}); start one, or name it by DOCKER_HOST or "
        "host in [image_builders.…]; images are also built by a command as buildah: an image builder with "
        'flavor = "command"'
    )


def _build(client: DockerClient, request: BuildRequest, options: Mapping[str, Any]) -> None:
    from docker.errors import APIError

    output = BuildOutput(request)
    failed = ""
    with tempfile.TemporaryFile() as archive:
        _write_context(archive, request)
        archive.seek(0)
        try:
            events = client.api.build(
                **{name: value for name, value in options.items() if name not in _OURS},
                rm=True,
                forcerm=True,
                fileobj=archive,
                custom_context=True,
                dockerfile=DOCKERFILE,
                tag=request.image,
                platform=request.platform,
                buildargs=dict(request.arguments),
                decode=True,
            )
            for event in events:
                # Read to its end in any case, or the connection would stay open.
                failed = str(event["error"]) if "error" in event else failed
                output.hear(_text(event))
        except APIError as error:
            raise output.failure(str(error.explanation or error)) from None
        except TypeError as error:
            raise ImageError(f"build_options: the docker image builder does not take them: {error}") from None
    if failed:
        raise output.failure(failed)


def _log_in(client: DockerClient, registry: RegistryAccess) -> None:
    """Let the engine try the login, before it builds for minutes; the parent image may be there as well."""
    from docker.errors import APIError

    if registry.username in (None, TOKEN_USER):
        return
    try:
        client.login(registry.username, registry.password, registry=registry.server, reauth=True)
    except APIError as error:
        raise _registry_error(registry, str(error.explanation or error), "the login") from None


def _text(event: Mapping[str, Any]) -> str:
    if "stream" in event:
        return str(event["stream"])
    # Of a pull: one line for each state of a layer, and none for each of its bytes.
    return "" if event.get("progressDetail") else f"{event.get('id', '')} {event.get('status', '')}".strip()


def _write_context(archive: IO[bytes], request: BuildRequest) -> None:
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in sorted({**request.files, DOCKERFILE: request.dockerfile.encode()}.items()):
            entry = tarfile.TarInfo(name)
            entry.mode = 0o644
            if isinstance(content, bytes):
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                _add_file(tar, name, content)


def _add_file(tar: tarfile.TarFile, name: str, path: Path) -> None:
    entry = tar.gettarinfo(path, name)
    # Whose they are, and when they were written, is different on each machine.
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    if entry.isfile():
        with path.open("rb") as file:
            tar.addfile(entry, file)
    else:
        tar.addfile(entry)


def _auth(registry: RegistryAccess) -> dict[str, str] | None:
    if registry.username is None:
        return None
    if registry.username == TOKEN_USER:
        return {"identitytoken": registry.password or "", "serveraddress": registry.server}
    return {
        "username": registry.username,
        "password": registry.password or "",
        "serveraddress": registry.server,
    }


def _registry_error(registry: RegistryAccess, said: str, what: str) -> ImageError:
    if _REFUSED.search(said):
        return refused(registry)
    return ImageError(f"registry {registry.server} does not take {what}: {said}")


def _tell_progress(
    image: str, event: Mapping[str, Any], sizes: dict[str, tuple[int, int]], listener: BuildListener
) -> None:
    detail = event.get("progressDetail") or {}
    if event.get("status") in ("Pushing", "Pushed") and "id" in event:
        total = int(detail.get("total", sizes.get(event["id"], (0, 0))[1]))
        done = int(detail.get("current", total))
        sizes[event["id"]] = (min(done, total), total)
        listener.push_progress(image, *map(sum, zip(*sizes.values(), strict=True)))
