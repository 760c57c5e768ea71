"""Checks of the container registry and of the image builder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_pipes.diagnosis.configuration import edit_command
from airflow_provider_pipes.diagnosis.docker_engine import DEFAULT_ENGINE, engine_fix
from airflow_provider_pipes.diagnosis.findings import NotCheckableError, Observation, not_checked, ok, problem
from airflow_provider_pipes.diagnosis.server import connection_command
from airflow_provider_pipes.diagnosis.store import require_connection
from airflow_provider_pipes.errors import ConfigurationError, ImageError

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.examination import Examination
    from airflow_provider_pipes.images.builder import BaseImageBuilder
    from airflow_provider_pipes.images.registry import BaseContainerRegistry, RegistryAccess

_SECONDS = 4.0


def check_registry(examination: Examination) -> Iterator[Observation]:
    """Whether the stack's container registry answers and lets us in; nothing where the stack has none."""
    from airflow_provider_pipes.images.registry import container_registry_of
    from airflow_provider_pipes.images.registry_client import lets_in, refused

    if not _of_stack(examination, "container_registry"):
        return
    registry = container_registry_of(examination.stack)
    connection_id = getattr(registry.config, "connection_id", None)
    if connection_id is not None:
        require_connection(connection_id)
    try:
        access = registry.access()
        if access is None:
            yield ok(f"{registry.name!r}: images stay where they are built")
            return
        allowed = lets_in(access, _SECONDS)
    except ConfigurationError as error:
        yield problem(str(error), edit_command(examination))
        return
    except ImageError as error:
        yield problem(str(error), _silence_fix(registry))
        return
    if allowed:
        yield ok(f"{access.server} answers and lets in {access.who}")
    else:
        yield problem(str(refused(access)), _login_fix(examination, access, connection_id))


def _of_stack(examination: Examination, component: str) -> bool:
    try:
        return getattr(examination.stack, component) is not None
    except NotCheckableError:
        return False  # what is wrong with the stack, its own check says


def _login_fix(examination: Examination, access: RegistryAccess, connection_id: str | None) -> str:
    if connection_id is not None:
        return connection_command(examination, connection_id)
    return f"docker login {shlex.quote(access.server)}"


def _silence_fix(registry: BaseContainerRegistry) -> str:
    server = registry.image_name("x", "y").partition("/")[0]
    insecure = getattr(registry.config, "insecure", False)
    return f"curl -i --max-time 5 {'http' if insecure else 'https'}://{shlex.quote(server)}/v2/"


def check_image_builder(examination: Examination) -> Iterator[Observation]:
    """Whether the image builder works; nothing where no image is built."""
    from airflow_provider_pipes.images.builder import image_builder_of

    if not (_of_stack(examination, "image_builder") or examination.container_use.builds):
        return
    builder = image_builder_of(examination.stack)
    try:
        said = builder.check(_SECONDS)
    except (ConfigurationError, ImageError) as error:
        yield problem(str(error), _builder_fix(examination, builder, str(error)))
        return
    if said:
        yield ok(f"{said} builds images here")
    else:
        yield not_checked(f"image builder {builder.name!r} does not tell whether it works")


def _builder_fix(examination: Examination, builder: BaseImageBuilder, said: str) -> str:
    if builder.flavor == "docker":
        host = getattr(builder.config, "host", None)
        return engine_fix(examination, host or os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE, said)
    if "'buildah'" in said and "not on PATH" in said:
        return "sudo apt-get install buildah"
    return edit_command(examination)
