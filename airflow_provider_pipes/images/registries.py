"""The container registries that are built in."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

from airflow_provider_pipes.images.registry import BaseContainerRegistry, RegistryAccess

if TYPE_CHECKING:
    from airflow_provider_pipes.images.flavors import DockerContainerRegistryConfig
    from airflow_provider_pipes.stack.connections import ConnectionResolver


class LocalContainerRegistry(BaseContainerRegistry):
    """Images stay where they were built: for containers on the same engine, or on nodes that share it."""

    def image_name(self, repository: str, tag: str) -> str:
        """Return the name as it stands."""
        return f"{repository}:{tag}"

    def access(self, resolver: ConnectionResolver | None = None) -> RegistryAccess | None:
        """Return None: nothing is pushed."""
        return None

    def find(self, image: str, access: RegistryAccess | None) -> str | None:
        """Return None: whoever built images is asked for them."""
        return None


class DockerContainerRegistry(BaseContainerRegistry):
    """Any registry that speaks the registry API, version 2."""

    @property
    def config(self) -> DockerContainerRegistryConfig:
        """The validated configuration."""
        return cast("DockerContainerRegistryConfig", self._config)

    def image_name(self, repository: str, tag: str) -> str:
        """Return the name below the registry's address."""
        return f"{self.config.uri}/{repository}:{tag}"

    def access(self, resolver: ConnectionResolver | None = None) -> RegistryAccess | None:
        """Return the registry, with the login of the Airflow connection or of the docker config file."""
        from airflow_provider_pipes.images.logins import connection_login, docker_config_login

        server, connection_id = self.config.uri.partition("/")[0], self.config.connection_id
        if connection_id is not None:
            username, password, source = connection_login(server, connection_id, resolver)
        else:
            username, password, source = docker_config_login(server)
        insecure = self.config.insecure or _is_here(server)
        return RegistryAccess(server, source, username, password, insecure, connection_id is not None)

    def find(self, image: str, access: RegistryAccess | None) -> str | None:
        """Return the reference by the digest that the registry tells for the tag."""
        from airflow_provider_pipes.images.registry_client import manifest_digest

        if access is None:
            return None
        name, _, tag = image.rpartition(":")
        digest = manifest_digest(access, name.partition("/")[2], tag)
        return None if digest is None else f"{name}@{digest}"


def _is_here(server: str) -> bool:
    # As engines have it: on the loopback address, a registry may do without TLS.
    host = re.sub(r":\d+\Z", "", server)
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
