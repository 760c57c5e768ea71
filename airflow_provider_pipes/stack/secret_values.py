"""The values that references to secrets stand for, outside of Airflow and of what a connection holds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from airflow_provider_pipes.errors import ConfigurationError, listing
from airflow_provider_pipes.models.secret_references import SecretReference, parse_secret
from airflow_provider_pipes.stack.connections import ConnectionFields, EnvironmentConnections

_VARIABLE_PREFIX = "AIRFLOW_VAR_"


def connection_value(reference: SecretReference, connection: ConnectionFields) -> str | None:
    """Return what a reference names of a connection; None where the connection has no such field."""
    wanted = str(reference.field)
    if wanted.startswith("extra."):
        value = connection.extra.get(wanted.removeprefix("extra."))
    else:
        value = getattr(connection, wanted)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def local_secrets(
    references: Mapping[str, str], whose: str, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the secret variables of a step that runs on this machine without Airflow.

    A variable that this process has already is taken as it is: that is how a developer gives one that
    is kept elsewhere. Connections and variables of Airflow come from ``AIRFLOW_CONN_…`` and
    ``AIRFLOW_VAR_…``, as Airflow itself reads them.

    Args:
        references: By the variable that each goes to.
        whose: How messages name the step.
        environment: The variables of this process, where others are given.

    Raises:
        ConfigurationError: some have no value here; all of them are told.
    """
    found = os.environ if environment is None else environment
    values, problems = {}, []
    for variable, text in references.items():
        try:
            values[variable] = found[variable] if variable in found else _value(parse_secret(text), found)
        except (ValueError, ConfigurationError) as error:
            problems.append(f"{variable}: {error}; or set {variable} itself")
    if problems:
        raise ConfigurationError(listing(f"{whose}: its secrets can't be resolved here", problems))
    return values


def _value(reference: SecretReference, environment: Mapping[str, str]) -> str:
    if reference.source == "kubernetes-secret":
        raise ConfigurationError(f"the Kubernetes secret {reference.name!r} is not to be had here")
    if reference.source == "airflow-connection":
        value = connection_value(reference, EnvironmentConnections(environment).resolve(reference.name))
        missing = f"connection {reference.name!r} has no {reference.field}"
    else:
        prefix = _VARIABLE_PREFIX if reference.source == "airflow-variable" else ""
        name = f"{prefix}{reference.name.upper()}" if prefix else reference.name
        value, missing = environment.get(name), f"the environment has no variable {name}"
    if value is None:
        raise ConfigurationError(missing)
    return value
