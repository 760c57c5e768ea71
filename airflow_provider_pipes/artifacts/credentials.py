"""Opens an artifact store with the credentials of an Airflow connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.stack.connections import ConnectionFields, ConnectionResolver

Options = dict[str, Any]


def open_store(uri: str, connection_id: str | None, resolver: ConnectionResolver | None = None) -> Storage:
    """Open the store at ``uri``.

    Args:
        uri: Absolute path or URL.
        connection_id: Airflow connection with the credentials; None for those of the surroundings.
        resolver: Finds the connection; the environment does where nothing is given.

    Raises:
        ConfigurationError: the connection does not exist or does not fit the store.
    """
    from airflow_provider_pipes.artifacts.storage import open_storage

    if connection_id is None:
        return open_storage(uri)
    if resolver is None:
        from airflow_provider_pipes.stack.connections import EnvironmentConnections

        resolver = EnvironmentConnections()
    connection = resolver.resolve(connection_id)
    return open_storage(uri, filesystem_options(uri, connection))


def filesystem_options(uri: str, connection: ConnectionFields) -> Options:
    """Return a connection's fields as the options of the URL's fsspec file system.

    Raises:
        ConfigurationError: the connection holds something that has no counterpart there.
    """
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme == "file":
        return {}
    try:
        options = _OPTIONS.get(scheme, _generic_options)(connection)
    except ValueError as error:
        raise ConfigurationError(f"the connection does not fit the artifact store {uri}: {error}") from None
    return {name: value for name, value in options.items() if value not in (None, "", {})}


def _s3_options(connection: ConnectionFields) -> Options:
    """The fields of Airflow's connection type "aws"."""
    extra = connection.extra
    if "role_arn" in extra:
        raise ValueError(
            "it assumes a role (role_arn), which is not done here; give keys, or a profile that assumes it"
        )
    service = extra.get("service_config")
    service = service.get("s3", {}) if isinstance(service, Mapping) else {}
    client = {"region_name": extra.get("region_name"), "verify": extra.get("verify")}
    return {
        "key": connection.login or extra.get("aws_access_key_id"),
        "secret": connection.password or extra.get("aws_secret_access_key"),
        "token": extra.get("aws_session_token"),
        "profile": extra.get("profile_name"),
        "endpoint_url": service.get("endpoint_url") or extra.get("endpoint_url"),
        "client_kwargs": {name: value for name, value in client.items() if value not in (None, "")},
    }


def _gcs_options(connection: ConnectionFields) -> Options:
    """The fields of Airflow's connection type "google_cloud_platform"."""
    # Older connections write each field of the extra with this prefix.
    extra = {
        name.removeprefix("extra__google_cloud_platform__"): value for name, value in connection.extra.items()
    }
    key = extra.get("keyfile_dict")
    if isinstance(key, str) and key:
        try:
            key = json.loads(key)
        except ValueError:
            raise ValueError("its keyfile_dict is no JSON") from None
    return {
        "token": key or extra.get("key_path"),
        "project": extra.get("project") or extra.get("project_id"),
    }


def _abfs_options(connection: ConnectionFields) -> Options:
    """The fields of Airflow's connection types "wasb" and "adls"."""
    extra = connection.extra
    options = {
        "connection_string": extra.get("connection_string"),
        "sas_token": extra.get("sas_token"),
        "tenant_id": extra.get("tenant_id"),
    }
    if extra.get("tenant_id"):
        account = extra.get("account_name") or (connection.host or "").split("://")[-1].split(".")[0]
        return options | {
            "account_name": account,
            "client_id": connection.login,
            "client_secret": connection.password,
        }
    return options | {
        "account_name": connection.login or extra.get("account_name"),
        "account_key": connection.password or extra.get("account_key"),
    }


def _generic_options(connection: ConnectionFields) -> Options:
    """The names that most fsspec file systems have for a login, and the extra as it stands."""
    return {
        "host": connection.host,
        "port": connection.port,
        "username": connection.login,
        "password": connection.password,
        **connection.extra,
    }


_OPTIONS: Mapping[str, Callable[[ConnectionFields], Options]] = {
    "s3": _s3_options,
    "s3a": _s3_options,
    "gs": _gcs_options,
    "gcs": _gcs_options,
    "abfs": _abfs_options,
    "abfss": _abfs_options,
    "az": _abfs_options,
}
