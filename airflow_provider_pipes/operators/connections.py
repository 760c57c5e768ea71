"""Airflow's connections behind the port that the layers below ask."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.connections import ConnectionFields


class HookConnections:
    """Connections wherever Airflow keeps them: environment, secrets backend, database."""

    def resolve(self, connection_id: str) -> ConnectionFields:
        """Return the connection's fields.

        Raises:
            ConfigurationError: Airflow has no such connection.
        """
        try:
            connection = BaseHook.get_connection(connection_id)
        except AirflowException as error:
            raise ConfigurationError(
                f"Airflow has no connection {connection_id!r}: {error}; add it with `airflow connections add`"
            ) from None
        return ConnectionFields(
            conn_type=connection.conn_type,
            host=connection.host,
            login=connection.login,
            password=connection.password,
            port=connection.port,
            schema=connection.schema,
            extra=connection.extra_dejson,
        )
