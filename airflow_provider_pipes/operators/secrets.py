"""Secret values for a step's process, resolved on the worker and masked in its logs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.log import mask_secret

from airflow_provider_pipes.errors import ConfigurationError, listing
from airflow_provider_pipes.models.secret_references import SecretReference, parse_secret
from airflow_provider_pipes.operators.connections import HookConnections
from airflow_provider_pipes.runtime.masking import masked, names_of_secrets, secret_parts
from airflow_provider_pipes.stack.secret_values import connection_value


@dataclass(frozen=True)
class StepSecrets:
    """What a step's process gets by its engine's private means.

    Attributes:
        values: Variables with their secret values.
        kubernetes: Variables whose value Kubernetes itself has: name and key of the secret.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    kubernetes: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """Return the plain variable that tells the step's process which of its variables are secret."""
        return names_of_secrets([*self.values, *self.kubernetes])

    def masked(self, text: str) -> str:
        """Return a text without the values."""
        return masked(text, self.values.values())


def step_secrets(
    references: Mapping[str, str], store_connection_id: str | None, whose: str = "the step"
) -> StepSecrets:
    """Resolve the secrets of a step, and the connection of its artifact store.

    Args:
        references: By the variable that each goes to.
        store_connection_id: The connection of the artifact store, if it has one.
        whose: How messages name the step.

    Raises:
        ConfigurationError: some can't be resolved; all of them are told.
    """
    values, kubernetes, problems = {}, {}, []
    for variable, text in references.items():
        try:
            reference = parse_secret(text)
            if reference.source == "kubernetes-secret":
                kubernetes[variable] = (reference.name, str(reference.field))
            else:
                values[variable] = _value(reference)
        except (ValueError, ConfigurationError) as error:
            problems.append(f"{variable}: {error}")
    if problems:
        raise ConfigurationError(listing(f"{whose}: its secrets can't be resolved", problems))
    if store_connection_id is not None:
        values[f"AIRFLOW_CONN_{store_connection_id.upper()}"] = _connection_as_json(store_connection_id)
    for part in {part for value in values.values() for part in secret_parts(value)}:
        mask_secret(part)
    return StepSecrets(values, kubernetes)


def _value(reference: SecretReference) -> str:
    if reference.source == "environment":
        found = os.environ.get(reference.name)
        where = f"the worker's environment has no variable {reference.name!r}"
    elif reference.source == "airflow-variable":
        found, where = _variable(reference.name), f"Airflow has no variable {reference.name!r}"
    else:
        found = _of_connection(reference)
        where = f"connection {reference.name!r} has no {reference.field}"
    if found is None:
        raise ConfigurationError(where)
    return found


def _variable(name: str) -> str | None:
    try:
        value = Variable.get(name, default=None)
    except AirflowException as error:
        raise ConfigurationError(f"Airflow's variable {name!r} can't be read: {error}") from None
    return None if value is None else str(value)


def _of_connection(reference: SecretReference) -> str | None:
    return connection_value(reference, HookConnections().resolve(reference.name))


def _connection_as_json(connection_id: str) -> str:
    """Return a connection in a form that a process without Airflow reads from its environment.

    Airflow masks what is secret in it when it is looked up.
    """
    connection = HookConnections().resolve(connection_id)
    fields = {name: value for name, value in asdict(connection).items() if value not in (None, {}, "")}
    return json.dumps(fields)
