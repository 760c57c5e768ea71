"""Whether what a command is about to write would work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from airflow_provider_pipes.errors import ConfigurationError, FlavorError, PipesError, listing
from airflow_provider_pipes.registration.options import shown
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.config import StackComponentConfig, field_names, without_former_fields
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor
from airflow_provider_pipes.stack.project import Project
from airflow_provider_pipes.stack.registry import FlavorRegistry
from airflow_provider_pipes.stack.spec import component_spec
from airflow_provider_pipes.stack.validation import field_problems

OWN_OPTIONS = frozenset({"flavor", "help", "unset"})
"""The options of the commands that the fields of a configuration are given to."""


@dataclass(frozen=True)
class Implementation:
    """A flavor's implementation, or what keeps it from being imported here."""

    found: type[StackComponent] | None
    missing: str = ""


def implementation_of(registry: FlavorRegistry, flavor: Flavor) -> Implementation:
    """Return a flavor's implementation, which need not be installed where it is registered.

    Raises:
        FlavorError: it is there, and is no component of the flavor's kind.
    """
    try:
        return Implementation(registry.implementation(flavor))
    except FlavorError as error:
        if isinstance(error.__cause__, ImportError | OSError):
            return Implementation(None, str(error))
        raise


def unwritable_fields(flavor: Flavor) -> list[str]:
    """Return a sentence for each field of a flavor's configuration that no command can give."""
    return [
        f"{flavor.config_class.__name__} has a field {name!r}, and `register` and `update` have an option "
        f"{shown(name)} of their own; give the field another name"
        for name in field_names(flavor.config_class)
        if name.replace("-", "_") in OWN_OPTIONS
    ]


def config_problems(
    flavor: Flavor, values: Mapping[str, Any]
) -> tuple[StackComponentConfig | None, list[str]]:
    """Return the configuration that values give, or what is wrong with them."""
    config_class = flavor.config_class
    try:
        return config_class.model_validate(without_former_fields(flavor.type, config_class, values)), []
    except ValidationError as error:
        return None, [_problem(path, said) for path, said in field_problems(error, config_class)]
    except Exception as error:
        # pydantic passes on what a validator raises that is no ValueError: a mistake in the flavor's code.
        return None, [f"a validator of {config_class.__name__} raised {type(error).__name__}: {error}"]


def _problem(path: tuple[str | int, ...], sentence: str) -> str:
    if not path:
        return sentence
    rest = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[1:])
    option = shown(str(path[0]))
    if sentence.startswith("missing"):
        return f"{option}{rest} is missing; give it a value"
    return f"{option}{rest}: {sentence}"


def component_problems(
    registry: FlavorRegistry, kind: StackComponentType, name: str, flavor: Flavor, values: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """Return what is wrong with a component, and what keeps it from being used on this machine."""
    config, problems = config_problems(flavor, values)
    try:
        implementation = implementation_of(registry, flavor)
    except FlavorError as error:
        return [*problems, str(error)], []
    if config is None or implementation.found is None:
        return problems, [implementation.missing] if implementation.missing else []
    try:
        component = implementation.found(name=name, config=config, flavor=flavor.name)
        component_spec(component)
    except PipesError as error:
        return [str(error)], []
    except Exception as error:
        return [f"{implementation.found.__name__}() raised {type(error).__name__}: {error}"], []
    return [], []


def stack_problems(project: Project, name: str) -> tuple[list[str], list[str]]:
    """Return what is wrong with a stack, and what keeps it from being used on this machine."""
    missing = _missing(project, name)
    try:
        stack = project.stack(name)
        stack.validate()
    except FlavorError as error:
        # Nothing else is wrong with it, and what is not installed here may be where it is used.
        return ([], missing) if missing else ([str(error)], [])
    except ConfigurationError as error:
        return [str(error)], missing
    return [], []


def _missing(project: Project, name: str) -> list[str]:
    found = []
    for kind, names in names_in_stack(project, name).items():
        for each in names:
            table = project.file.components(kind).get(each)
            if table is None:
                continue
            try:
                flavor = project.registry.load(kind, table.flavor)
                implementation = implementation_of(project.registry, flavor)
            except FlavorError:
                continue
            if implementation.missing:
                found.append(f"{kind.label} {each!r} can't be used here yet: {implementation.missing}")
    return found


def names_in_stack(project: Project, name: str) -> dict[StackComponentType, tuple[str, ...]]:
    """Return the names of a stack's components by kind."""
    table = project.file.stacks[name]
    kinds = StackComponentType
    return {
        kinds.ORCHESTRATOR: (table.orchestrator,),
        kinds.ARTIFACT_STORE: (table.artifact_store,),
        kinds.STEP_OPERATOR: table.step_operators,
        kinds.IMAGE_BUILDER: (table.image_builder,) if table.image_builder else (),
        kinds.CONTAINER_REGISTRY: (table.container_registry,) if table.container_registry else (),
    }


def stacks_with(project: Project, kind: StackComponentType, name: str) -> list[str]:
    """Return the stacks that a component is in."""
    return [stack for stack in project.stack_names if name in names_in_stack(project, stack)[kind]]


def refuse(headline: str, problems: list[str]) -> None:
    """Raise the error that lists problems, if there are any.

    Raises:
        ConfigurationError: there are.
    """
    if problems:
        first, *more = [problem.replace("\n", "\n    ") for problem in dict.fromkeys(problems)]
        raise ConfigurationError(listing(headline, [first, *more]) if more else f"{headline}: {first}")
