"""What the shell completes: names from pipes.toml, read without the models that check it.

A person waits for the answer while typing, so only the fields of a configuration, which its class
knows, cost more than reading the file. Nothing here may fail or print: the shell would show it.
"""

from __future__ import annotations

import contextlib
import io
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from airflow_provider_pipes.stack.builtin import BUILT_IN_FLAVORS, BUILT_IN_TABLES
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.location import find_file

Found = Iterator[tuple[str, str]]


def complete_components(context: typer.Context, incomplete: str) -> Found:
    """Yield the components of the kind whose group of commands is being typed."""
    kind = _kind(context)
    return _named(kind.plural, incomplete) if kind else iter(())


def complete_flavors(context: typer.Context, incomplete: str) -> Found:
    """Yield the flavors of the kind whose group of commands is being typed."""
    kind = _kind(context)
    if kind is None:
        return
    own = _table(_values().get("flavors"), kind.value)
    names = {**dict.fromkeys(BUILT_IN_FLAVORS[kind], "built in"), **{name: str(own[name]) for name in own}}
    yield from _matching(names.items(), incomplete)


def complete_stacks(incomplete: str) -> Found:
    """Yield the stacks."""
    return _named("stacks", incomplete)


def complete_fields(context: typer.Context, incomplete: str) -> Found:
    """Yield the fields of the configuration of the component that is being typed."""
    return _matching(_fields(context), incomplete)


def _completer(kind: StackComponentType) -> Callable[[str], Found]:
    def complete(incomplete: str) -> Found:
        return _named(kind.plural, incomplete)

    return complete


complete_orchestrators = _completer(StackComponentType.ORCHESTRATOR)
complete_artifact_stores = _completer(StackComponentType.ARTIFACT_STORE)
complete_step_operators = _completer(StackComponentType.STEP_OPERATOR)
complete_image_builders = _completer(StackComponentType.IMAGE_BUILDER)
complete_container_registries = _completer(StackComponentType.CONTAINER_REGISTRY)


class FieldsCommand(TyperCommand):
    """A command whose further options are the fields of a configuration."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the command's own options and the fields."""
        found = super().shell_complete(ctx, incomplete)
        # The class of an item is click's or typer's own, by typer's version; every command has --help.
        item = type(super().shell_complete(ctx, "--help")[0])
        options = ((f"--{name.replace('_', '-')}", text) for name, text in _fields(ctx))
        return [*found, *(item(name, help=text or None) for name, text in _matching(options, incomplete))]


def _kind(context: Any) -> StackComponentType | None:
    kinds = {kind.value.replace("_", "-"): kind for kind in StackComponentType}
    while context is not None:
        if context.info_name in kinds:
            return kinds[context.info_name]
        context = context.parent
    return None


def _fields(context: Any) -> list[tuple[str, str]]:
    """Return names and meanings of the fields of the component that the command line names so far."""
    kind = _kind(context)
    if kind is None:
        return []
    # What a flavor's module prints while it is imported is no completion.
    said = io.StringIO()
    with contextlib.suppress(Exception), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        # An option that still waits for its value leaves the words before it unassigned.
        name = context.params.get("name") or next(iter(context.args), "")
        return _loaded_fields(kind, context.params.get("flavor"), name)
    return []


def _loaded_fields(kind: StackComponentType, flavor: str | None, name: str) -> list[tuple[str, str]]:
    from airflow_provider_pipes.registration.fields import config_fields
    from airflow_provider_pipes.stack.project import load_project

    project = load_project(Path.cwd())
    found = project.registry.load(kind, flavor or project.file.components(kind)[name].flavor)
    fields = config_fields(found.config_class)
    return [(each.name, each.description) for each in fields]


def _named(section: str, incomplete: str) -> Found:
    own = _table(_values(), section)
    names = {
        name: f"flavor {table['flavor']}" if isinstance(table, dict) and "flavor" in table else ""
        for name, table in {**BUILT_IN_TABLES.get(section, {}), **own}.items()
    }
    return _matching(names.items(), incomplete)


def _matching(pairs: Iterable[tuple[str, str]], incomplete: str) -> Found:
    return ((name, text) for name, text in pairs if name.startswith(incomplete))


def _values() -> dict[str, Any]:
    try:
        path = find_file(Path.cwd())
        return tomllib.loads(path.read_text("utf-8-sig")) if path else {}
    except (OSError, ValueError):
        return {}


def _table(values: Any, name: str) -> dict[str, Any]:
    found = values.get(name) if isinstance(values, dict) else None
    return found if isinstance(found, dict) else {}
