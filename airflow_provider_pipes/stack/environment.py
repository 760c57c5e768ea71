"""``PIPES_…`` variables, which override pipes.toml.

Imported only where such a variable is set: pydantic-settings costs as much as pydantic itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.validation import FieldPath

PREFIX = "PIPES_"
DELIMITER = "__"

Tables = dict[str, dict[str, Any]]


class EnvironmentOverrides(BaseSettings):
    """What the variables say, in the shape of pipes.toml but not yet validated as such."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="ignore")

    active_stack: str | None = None
    stacks: Tables = {}
    orchestrators: Tables = {}
    artifact_stores: Tables = {}
    step_operators: Tables = {}
    image_builders: Tables = {}
    container_registries: Tables = {}
    flavors: Tables = {}
    settings: Tables = {}

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *args: Any, **sources: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read variables whose prefix is in capitals, and nothing else."""
        source = EnvSettingsSource(settings_cls)
        source.env_vars = {
            name.lower(): value for name, value in os.environ.items() if name.startswith(PREFIX)
        }
        return (source,)


def override(values: dict[str, Any], variables: list[str]) -> dict[FieldPath, str]:
    """Write the variables' values over ``values``, in place, and return which variable gave which.

    Args:
        values: pipes.toml's content.
        variables: Names of the variables to take account of.

    Raises:
        ConfigurationError: a variable does not have the form of a setting.
    """
    try:
        overrides = EnvironmentOverrides().model_dump(exclude_unset=True)
    except SettingsError as error:
        raise ConfigurationError(f"{error.__cause__ or error}: {_form(variables)}") from None
    except ValidationError as error:
        names = {DELIMITER.join(map(str, each["loc"])).upper() for each in error.errors()}
        raise ConfigurationError(
            f"environment variable {', '.join(PREFIX + name for name in sorted(names))}: {_form(variables)}"
        ) from None
    _merge(values, overrides)
    return dict(_places(values, variables))


def _form(variables: list[str]) -> str:
    return (
        "write PIPES_ACTIVE_STACK=name or PIPES_<SECTION>__<NAME>__<FIELD>=value, "
        f"as PIPES_ORCHESTRATORS__AIRFLOW__DAGS_FOLDER=dags; set here: {', '.join(variables)}"
    )


def _merge(values: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    for key, given in overrides.items():
        name = _existing(values, key)
        if isinstance(given, dict):
            inner = values.get(name)
            copy = dict(inner) if isinstance(inner, Mapping) else {}
            _merge(copy, given)
            values[name] = copy
        else:
            values[name] = _decoded(given)


def _existing(values: Mapping[str, Any], key: str) -> str:
    """Return the name that a variable means: variables know neither case nor dashes."""
    return next((name for name in values if _folded(name) == _folded(key)), key)


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


def _decoded(value: Any) -> Any:
    """Return a JSON list or object as what it says, and any other text as it is."""
    if not (isinstance(value, str) and value[:1] in ("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _places(values: Mapping[str, Any], variables: list[str]) -> list[tuple[FieldPath, str]]:
    found: list[tuple[FieldPath, str]] = []
    for variable in variables:
        path: list[str] = []
        inner: Any = values
        for key in variable[len(PREFIX) :].lower().split(DELIMITER):
            name = _existing(inner, key) if isinstance(inner, Mapping) else key
            path.append(name)
            inner = inner.get(name) if isinstance(inner, Mapping) else None
        found.append((tuple(path), variable))
    return found
