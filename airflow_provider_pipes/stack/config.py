"""The base of every component's configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from airflow_provider_pipes.stack.enums import StackComponentType

logger = logging.getLogger(__name__)

FLAVOR_KEY = "flavor"
"""The key of a component's table in pipes.toml that is no field of its configuration."""


# Written for older step operators, which chose the image themselves.
_FORMER_FIELDS: Mapping[StackComponentType, Mapping[str, str]] = {
    StackComponentType.STEP_OPERATOR: {
        "base_image": (
            "The 'base_image' field is ignored. To use a custom base image with a step operator, set "
            "parent_image in the DockerSettings of the step or the pipeline."
        )
    }
}


class StackComponentConfig(BaseModel):
    """Base of the configurations of stack components: frozen, and a field that does not exist is an error.

    A field declared with ``Field(exclude=True)`` concerns one machine, as the folder that DAG files
    are written to; it stays out of the deployment, whose id is the same on every machine.
    Credentials never stand in a config: name an Airflow connection.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


def field_names(config_class: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a configuration by the names that pipes.toml gives them."""
    by_name = config_class.model_config.get("populate_by_name") or config_class.model_config.get(
        "validate_by_name"
    )
    return {
        name if by_name or not isinstance(each.validation_alias, str) else each.validation_alias: each
        for name, each in config_class.model_fields.items()
    }


def former_fields(kind: StackComponentType) -> frozenset[str]:
    """Return the fields that configurations of a kind may have had, which are ignored with a warning."""
    return frozenset(_FORMER_FIELDS.get(kind, {}))


def without_former_fields(
    kind: StackComponentType, config_class: type[BaseModel], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of a configuration without those of former fields, with a warning for each.

    This goes by the kind of component and not by the class, since a flavor may have a
    configuration that derives from another kind's base.
    """
    ignored = {
        name: warning
        for name, warning in _FORMER_FIELDS.get(kind, {}).items()
        if name in values and name not in config_class.model_fields
    }
    for name, warning in ignored.items():
        if values[name]:
            logger.warning(warning)
    return {name: value for name, value in values.items() if name not in ignored}
