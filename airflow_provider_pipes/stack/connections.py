"""Airflow connections, as far as an artifact store or a step operator needs them below Airflow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from airflow_provider_pipes.errors import ConfigurationError

_PREFIX = "AIRFLOW_CONN_"
_EXTRA_KEY = "__extra__"


@dataclass(frozen=True)
class ConnectionFields:
    """The fields of an Airflow connection; what may be secret stays out of its text form."""

    conn_type: str | None = None
    host: str | None = None
    login: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    port: int | None = None
    schema: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


class ConnectionResolver(Protocol):
    """Finds connections: Airflow's hook at the edge, the environment in ``pipes run``."""

    def resolve(self, connection_id: str) -> ConnectionFields:
        """Return the connection's fields.

        Raises:
            ConfigurationError: there is no such connection.
        """


class EnvironmentConnections:
    """Connections from ``AIRFLOW_CONN_<ID>`` variables, in the two forms that Airflow reads.

    Args:
        environment: The variables; those of this process where nothing is given.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def resolve(self, connection_id: str) -> ConnectionFields:
        """Return the connection's fields.

        Raises:
            ConfigurationError: the variable is not there or can't be read; its value is not shown.
        """
        variable = _PREFIX + connection_id.upper()
        text = self._environment.get(variable, "").strip()
        if not text:
            raise ConfigurationError(
                f"there is no connection {connection_id!r} here; define it as Airflow does, by the variable "
                f"{variable} of the environment: a URI as 'TYPE://LOGIN:PASSWORD@HOST:PORT', or JSON as "
                '\'{"conn_type": "TYPE", "login": "LOGIN", "password": "PASSWORD", "host": "HOST"}\''
            )
        try:
            return _from_json(text) if text.startswith("{") else _from_uri(text)
        except ValueError as error:
            raise ConfigurationError(f"{variable} is no Airflow connection: {error}") from None


def _from_json(text: str) -> ConnectionFields:
    try:
        values = json.loads(text)
    except ValueError as error:
        # Not str(error) alone: a JSON error's `doc` holds the whole secret, its text only a place.
        raise ValueError(f"invalid JSON: {error}") from None
    known = {"conn_type", "description", "host", "login", "password", "schema", "port", "extra"}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown fields {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return ConnectionFields(
        conn_type=_normalized(values.get("conn_type")),
        host=values.get("host"),
        login=values.get("login"),
        password=values.get("password"),
        port=_port(values.get("port")),
        schema=values.get("schema"),
        extra=_extra(values.get("extra")),
    )


def _from_uri(uri: str) -> ConnectionFields:
    schemes = uri.count("://")
    conn_type = urlsplit(uri).scheme
    if not conn_type or not 1 <= schemes <= 2:
        raise ValueError("expected '<type>://<login>:<password>@<host>:<port>/<schema>?<extra>'")
    # Airflow allows the host to carry a protocol of its own, as in "http://https://login@example.com".
    rest = uri.replace(f"{conn_type}://", "" if schemes == 2 else "//")
    parts = urlsplit(rest)
    protocol = f"{parts.scheme}://" if schemes == 2 else ""
    host = _host(parts)
    return ConnectionFields(
        conn_type=_normalized(conn_type),
        host=f"{protocol}{host}" if host else host,
        login=_unquoted(parts.username),
        password=_unquoted(parts.password),
        port=_uri_port(parts),
        schema=unquote(parts.path[1:]),
        extra=_query_extra(parts.query),
    )


def _host(parts: SplitResult) -> str:
    host = unquote(parts.hostname or "")
    if "/" not in host:
        return host
    # A quoted path as host keeps its case, which `hostname` lowers.
    return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])


def _query_extra(query: str) -> Mapping[str, Any]:
    values = dict(parse_qsl(query, keep_blank_values=True))
    return _extra(values[_EXTRA_KEY]) if _EXTRA_KEY in values else values


def _extra(value: object) -> Mapping[str, Any]:
    if not value:
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("its extra is no JSON") from None
    if not isinstance(value, dict):
        raise ValueError(f"its extra must be a JSON object, got {type(value).__name__}")
    return value


def _port(value: object) -> int | None:
    if not value:
        return None
    if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()):
        return int(value)
    raise ValueError("its port is no number")


def _uri_port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        # Not the error's own text: with an unquoted "/" in it, that "port" is a piece of the password.
        raise ValueError(
            "its port is no number; are '/', ':' and '@' in login and password quoted?"
        ) from None


def _normalized(conn_type: str | None) -> str | None:
    if not conn_type:
        return None
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else text
