"""Where a secret value is kept, as users write it: ``airflow-connection:huggingface.password``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SecretSource = Literal["airflow-connection", "airflow-variable", "environment", "kubernetes-secret"]

_FIELDS = ("password", "login", "host", "port", "schema")
_EXAMPLES = (
    "'airflow-connection:ID.password' (or .login, .host, .port, .schema, .extra.KEY), "
    "'airflow-variable:NAME', 'environment:NAME' of the worker, or 'kubernetes-secret:NAME.KEY'"
)


@dataclass(frozen=True)
class SecretReference:
    """Names a secret value without holding it.

    Attributes:
        name: Id of the connection, or name of the variable or the Kubernetes secret.
        field: What of it; "extra.KEY" for an entry of a connection's extra.
    """

    source: SecretSource
    name: str
    field: str | None = None


def parse_secret(text: str) -> SecretReference:
    """Read a reference as users write it.

    Raises:
        ValueError: it is none; what was written is not repeated, since it may be the secret itself.
    """
    source, _, rest = text.partition(":")
    if source == "airflow-connection":
        found = _connection(rest)
    elif source == "airflow-variable" and rest:
        found = SecretReference("airflow-variable", rest)
    elif source == "environment" and rest:
        found = SecretReference("environment", rest)
    elif source == "kubernetes-secret":
        name, _, key = rest.partition(".")
        found = SecretReference("kubernetes-secret", name, key) if name and key else None
    else:
        found = None
    if found is None:
        raise ValueError(f"expected a reference to a secret: {_EXAMPLES}")
    return found


def _connection(rest: str) -> SecretReference | None:
    name, _, field = rest.rpartition(".")
    if name and field in _FIELDS:
        return SecretReference("airflow-connection", name, field)
    name, _, key = rest.partition(".extra.")
    return SecretReference("airflow-connection", name, f"extra.{key}") if name and key else None
