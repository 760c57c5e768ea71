"""Components to and from the form that a deployment carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import PydanticSerializationError

from airflow_provider_pipes.errors import ConfigurationError, listing
from airflow_provider_pipes.models.deployment import ComponentSpec
from airflow_provider_pipes.stack.classpath import class_path, import_class
from airflow_provider_pipes.stack.component import StackComponent, overrides_step_hooks
from airflow_provider_pipes.stack.config import StackComponentConfig
from airflow_provider_pipes.stack.validation import field_problems, names_a_secret


def component_spec(component: StackComponent) -> ComponentSpec:
    """Return a component as the deployment carries it: its config as the user wrote it, no secret in it.

    Raises:
        ConfigurationError: it holds a secret, or another process could not build it again.
    """
    what = f"{component.type.label} {component.name!r}"
    secrets = [*_secrets(component.config)]
    if secrets:
        raise ConfigurationError(
            f"{what} holds a secret in {', '.join(secrets)}, and a deployment carries none: name an "
            "Airflow connection instead, or declare the field with Field(exclude=True)"
        )
    try:
        config = component.config.model_dump(mode="json", exclude_unset=True)
    except PydanticSerializationError as error:
        raise ConfigurationError(f"{what}: its config can't be written as JSON: {error}") from None
    return ComponentSpec(
        type=component.type.value,
        name=component.name,
        flavor=component.flavor,
        implementation=class_path(type(component)),
        config_class=class_path(type(component.config)),
        config=config,
        hooks=overrides_step_hooks(type(component)),
    )


def component_from_spec(spec: ComponentSpec | Mapping[str, Any]) -> StackComponent:
    """Build a component again, on a worker or in a container.

    Raises:
        ConfigurationError: its classes can't be imported here, or do not take its config.
    """
    values = spec if isinstance(spec, Mapping) else spec.model_dump()
    what = f"{values['type'].replace('_', ' ')} {values['name']!r}"
    try:
        implementation = import_class(values["implementation"])
        config_class = import_class(values["config_class"])
    except ConfigurationError as error:
        raise ConfigurationError(f"{what} can't be built here: {error}") from error
    if not issubclass(implementation, StackComponent):
        raise ConfigurationError(f"{what}: {values['implementation']} is no StackComponent")
    if not issubclass(config_class, StackComponentConfig):
        raise ConfigurationError(f"{what}: {values['config_class']} is no StackComponentConfig")
    return implementation(
        name=values["name"],
        config=_validated(config_class, values.get("config", {}), what),
        flavor=values["flavor"],
    )


def _validated(
    config_class: type[StackComponentConfig], values: Mapping[str, Any], what: str
) -> StackComponentConfig:
    try:
        return config_class.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, path))}: {sentence}"
            for path, sentence in field_problems(error, config_class)
        ]
        raise ConfigurationError(listing(f"{what} does not take its config", problems)) from None


def _secrets(config: BaseModel, prefix: str = "") -> list[str]:
    found = []
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if field.exclude:
            continue
        if isinstance(value, BaseModel):
            found += _secrets(value, f"{prefix}{name}.")
        elif _is_secret(name, value):
            found.append(f"{prefix}{name}")
    return found


def _is_secret(name: str, value: object) -> bool:
    if isinstance(value, SecretStr | SecretBytes):
        return True
    return isinstance(value, str) and bool(value) and (names_a_secret(name) or has_password(value))


def has_password(url: str) -> bool:
    """Return whether a text is a URL with a password in it."""
    try:
        return "://" in url and bool(urlsplit(url).password)
    except ValueError:
        return False
