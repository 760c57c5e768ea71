"""The option ``settings`` of a step or pipeline: docker, resources, and what its orchestrator is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from airflow_provider_pipes.compiler.settings import validation_problems
from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, Settings
from airflow_provider_pipes.stack.classpath import nearest

if TYPE_CHECKING:
    from airflow_provider_pipes.compiler.orchestrator_view import OrchestratorView
    from airflow_provider_pipes.compiler.stackview import StackView

S = TypeVar("S", bound=Settings)

ORCHESTRATOR = "orchestrator"
_OF_FLAVOR = f"{ORCHESTRATOR}."
# These are options as well.
_CLASSES: Mapping[str, type[Settings]] = {"docker": DockerSettings, "resources": ResourceSettings}


def unfolded(where: str, options: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return options with the docker and resource settings among ``settings`` as options of their own."""
    found = dict(options)
    given = _mapping(options)
    for key in _CLASSES.keys() & given.keys():
        if found.get(key) is not None:
            problems.append(f"{where}: {key} is given twice, as {key}=… and as settings[{key!r}]; keep one")
        found[key] = _instance(f"{where}, settings[{key!r}]", _CLASSES[key], given[key], problems)
    return found


def orchestrator_settings(
    where: str, options: Mapping[str, Any], stack: StackView, defaults: Settings | None, problems: list[str]
) -> Settings | None:
    """Return what is said to the stack's orchestrator, over ``defaults``; None where it takes no settings.

    What is said to another flavor is for another stack, and not looked at.
    """
    _check_keys(where, options, stack, problems)
    view, given = stack.orchestrator, _mapping(options)
    if view.settings_class is None:
        return None
    resolved = defaults
    for key in (ORCHESTRATOR, f"{_OF_FLAVOR}{view.flavor}"):
        if key in given or resolved is None:
            place = f"{where}, settings[{key!r}]"
            own = _instance(place, view.settings_class, given.get(key, {}), problems)
            resolved = resolved or view.settings_class()
            resolved = resolved if own is None else view.resolved(place, own, resolved, problems)
    return resolved


def ignored_settings(where: str, options: Mapping[str, Any], stack: StackView) -> list[str]:
    """Return a warning where something is said to an orchestrator that takes no settings."""
    view = stack.orchestrator
    keys = [key for key in (ORCHESTRATOR, f"{_OF_FLAVOR}{view.flavor}") if _mapping(options).get(key)]
    if not keys or view.settings_class is not None:
        return []
    said = (
        f"{where}, settings[{keys[0]!r}]: {view.name} takes no settings and ignores them; give what is meant "
        f"for another one under the name of its flavor, as '{_OF_FLAVOR}airflow'"
    )
    return [said]


def said_to_orchestrator(options: Mapping[str, Any], view: OrchestratorView) -> dict[str, Any]:
    """Return the fields that a step or pipeline itself says to the stack's orchestrator."""
    found: dict[str, Any] = {}
    for key in (ORCHESTRATOR, f"{_OF_FLAVOR}{view.flavor}"):
        given = _mapping(options).get(key)
        if isinstance(given, Settings):
            found |= {name: getattr(given, name) for name in given.model_fields_set}
        elif isinstance(given, Mapping):
            found |= given
    return found


def _mapping(options: Mapping[str, Any]) -> Mapping[str, Any]:
    given = options.get("settings")
    return given if isinstance(given, Mapping) else {}


def _check_keys(where: str, options: Mapping[str, Any], stack: StackView, problems: list[str]) -> None:
    given = options.get("settings")
    if given is not None and not isinstance(given, Mapping):
        problems.append(
            f"{where}, settings: expected a dict, as {{'docker': DockerSettings(…)}}, got {given!r}"
        )
    known = {*_CLASSES, ORCHESTRATOR, f"{_OF_FLAVOR}{stack.orchestrator.flavor}"}
    unknown = [key for key in _mapping(options) if key not in known]
    if unknown:
        known |= {f"{_OF_FLAVOR}{name}" for name in stack.flavors()}
        problems += [_unknown(where, key, sorted(known)) for key in unknown if key not in known]


def _unknown(where: str, key: Any, known: list[str]) -> str:
    known = [each for each in known if each != _OF_FLAVOR]
    return f"{where}, settings: there is no key {key!r}{nearest(str(key), known)}; known: {', '.join(known)}"


def _instance(where: str, model: type[S], value: Any, problems: list[str]) -> S | None:
    if isinstance(value, model):
        return value
    if not isinstance(value, Mapping):
        problems.append(f"{where}: expected {model.__name__}(…) or a dict of its fields, got {value!r}")
        return None
    try:
        return model.model_validate(dict(value))
    except ValidationError as error:
        problems += validation_problems(where, error, model)
        return None
