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

from airflow_provider_pipes.stack.builtin import BUILT_IN_FLAVORS, BUILT_IN_TABLES
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.location import find_file

Found = Iterator[tuple[str, str]]

_NEWEST = 50


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
    yield from matching(names.items(), incomplete)


def complete_stacks(incomplete: str) -> Found:
    """Yield the stacks."""
    return _named("stacks", incomplete)


def complete_runs(context: typer.Context, incomplete: str) -> Found:
    """Yield the newest runs."""
    with _quiet():
        return matching(_runs(context.params.get("stack"), context.params.get("pipeline")), incomplete)
    return iter(())


def complete_dags(context: typer.Context, incomplete: str) -> Found:
    """Yield the DAGs whose files `pipes deploy` wrote, where no path is typed."""
    with _quiet():
        return matching(_dags(context.params.get("stack"), context.params.get("dags_folder")), incomplete)
    return iter(())


def complete_fields(context: typer.Context, incomplete: str) -> Found:
    """Yield the fields of the configuration of the component that is being typed."""
    return matching(component_fields(context), incomplete)


def component_fields(context: Any) -> list[tuple[str, str]]:
    """Return names and meanings of the fields of the component that the command line names so far."""
    kind = _kind(context)
    if kind is None:
        return []
    with _quiet():
        # An option that still waits for its value leaves the words before it unassigned.
        name = context.params.get("name") or next(iter(context.args), "")
        return _loaded_fields(kind, context.params.get("flavor"), name)
    return []


def matching(pairs: Iterable[tuple[str, str]], incomplete: str) -> Found:
    """Yield the pairs whose name begins as what is typed."""
    return ((name, text) for name, text in pairs if name.startswith(incomplete))


def _completer(kind: StackComponentType) -> Callable[[str], Found]:
    def complete(incomplete: str) -> Found:
        return _named(kind.plural, incomplete)

    return complete


complete_orchestrators = _completer(StackComponentType.ORCHESTRATOR)
complete_artifact_stores = _completer(StackComponentType.ARTIFACT_STORE)
complete_step_operators = _completer(StackComponentType.STEP_OPERATOR)
complete_image_builders = _completer(StackComponentType.IMAGE_BUILDER)
complete_container_registries = _completer(StackComponentType.CONTAINER_REGISTRY)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # What a flavor's module prints while it is imported is no completion.
    said = io.StringIO()
    with contextlib.suppress(Exception), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield


def _runs(stack: str | None, pipeline: str | None) -> list[tuple[str, str]]:
    from airflow_provider_pipes.artifacts.component import as_artifact_store
    from airflow_provider_pipes.cli.session import project_here
    from airflow_provider_pipes.runtime.history import History

    project = project_here()
    storage = as_artifact_store(project.artifact_store(stack)).storage(project.root)
    return [(name, f"pipeline {of}") for name, of in History(storage).newest(pipeline, _NEWEST)]


def _dags(stack: str | None, dags_folder: str | Path | None) -> list[tuple[str, str]]:
    from airflow_provider_pipes.cli.deploy import airflow_orchestrator
    from airflow_provider_pipes.cli.session import project_here
    from airflow_provider_pipes.orchestrators.airflow.publish import generated_files

    project = project_here()
    orchestrator = airflow_orchestrator(project.stack_for_deploy(stack))
    folder = orchestrator.dags_folder(project.root, Path(dags_folder) if dags_folder else None)
    return sorted((each.path.stem, each.marker.source) for each in generated_files(folder))


def _kind(context: Any) -> StackComponentType | None:
    kinds = {kind.value.replace("_", "-"): kind for kind in StackComponentType}
    while context is not None:
        if context.info_name in kinds:
            return kinds[context.info_name]
        context = context.parent
    return None


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
    return matching(names.items(), incomplete)


def _values() -> dict[str, Any]:
    try:
        path = find_file(Path.cwd())
        return tomllib.loads(path.read_text("utf-8-sig")) if path else {}
    except (OSError, ValueError):
        return {}


def _table(values: Any, name: str) -> dict[str, Any]:
    found = values.get(name) if isinstance(values, dict) else None
    return found if isinstance(found, dict) else {}
