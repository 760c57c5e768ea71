"""Who we are in a registry: an Airflow connection, or the docker config file."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import ConfigurationError, ImageError
from airflow_provider_pipes.images.registry import TOKEN_USER

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.connections import ConnectionResolver

Login = tuple[str | None, str | None, str]
"""Username, password, and where they are from."""


def connection_login(server: str, connection_id: str, resolver: ConnectionResolver | None) -> Login:
    """Return the login of an Airflow connection.

    Raises:
        ConfigurationError: it is missing, incomplete, or of another registry.
    """
    if resolver is None:
        from airflow_provider_pipes.stack.connections import EnvironmentConnections

        resolver = EnvironmentConnections()
    found = resolver.resolve(connection_id)
    if not found.login or not found.password:
        raise ConfigurationError(
            f"connection {connection_id!r} has no login and password for registry {server}; a connection of "
            "type docker has both"
        )
    host = (found.host or "").rpartition("://")[2].partition("/")[0]
    if found.port and ":" not in host:
        host = f"{host}:{found.port}"
    if host and host != server:
        # Sent to another server than it is for, a password is lost.
        raise ConfigurationError(
            f"connection {connection_id!r} is for registry {host}, and the container registry's uri "
            f"begins with {server}; correct one of them"
        )
    return found.login, found.password, f"connection {connection_id!r}"


def docker_config_login(server: str) -> Login:
    """Return what ``docker login`` keeps for a registry, credential helpers included; nobody if nothing.

    Raises:
        ImageError: a credential helper fails.
    """
    from docker import auth, errors
    from docker.utils import config

    path = config.find_config_file()
    if path is None:
        return None, None, f"there is no docker config file; `docker login {server}` makes one"
    try:
        with warnings.catch_warnings():
            # Of a helper that is not installed; the error says so as well.
            warnings.simplefilter("ignore")
            found = auth.load_config(path).resolve_authconfig(server)
    except errors.DockerException as error:
        raise ImageError(
            f"the login for registry {server} can't be read from {path}: {error}; "
            f"run `docker login {server}` again"
        ) from None
    if not found:
        return None, None, f"{path} has no login for it; `docker login {server}` adds one"
    # A credential helper's answer begins its names with capitals.
    login = {str(name).lower(): value for name, value in found.items()}
    if token := login.get("identitytoken"):
        return TOKEN_USER, token, f"from {path}"
    return login.get("username"), login.get("password"), f"from {path}"
