"""The base of every component's configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StackComponentConfig(BaseModel):
    """Base of the configurations of stack components: frozen, and a field that does not exist is an error.

    A field declared with ``Field(exclude=True)`` concerns one machine, as the folder that DAG files
    are written to; it stays out of the deployment, whose id is the same on every machine.
    Credentials never stand in a config: name an Airflow connection.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
