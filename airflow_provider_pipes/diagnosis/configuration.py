"""Checks of pipes.toml, the flavors and the stack."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_pipes.diagnosis.findings import NotCheckableError, Observation, ok, problem, warning
from airflow_provider_pipes.errors import ConfigurationError, FlavorError, PipesError

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.examination import Examination
    from airflow_provider_pipes.stack.component import StackComponent
    from airflow_provider_pipes.stack.enums import StackComponentType
    from airflow_provider_pipes.stack.project import Project
    from airflow_provider_pipes.stack.projectfile import ComponentTable

_ITEM = "\n  - "
_MISSING = re.compile(r"there is no module '([\w.]+)'")
_LINE = re.compile(r"line (\d+)")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "abfs", "abfss": "abfs", "az": "abfs"}


def check_project(examination: Examination) -> Iterator[Observation]:
    """Whether there is a pipes.toml, and whether it is valid."""
    try:
        project = examination.load_project()
    except ConfigurationError as error:
        for sentence in sentences(error):
            yield problem(sentence, _edit(examination, sentence))
        return
    path = project.source.path
    if path is None:
        yield ok(f"there is none, so the built-in stack counts; the project is {project.root}")
    else:
        count = len(project.source.variables)
        given = f"; from PIPES_… variables: {count}" if count else ""
        yield ok(f"{path}{given}")
    from airflow_provider_pipes.stack.project import foreign_variables

    if foreign := foreign_variables():
        yield ok(f"no variables of ours, and left alone: {', '.join(foreign)}")


def check_flavors(examination: Examination) -> Iterator[Observation]:
    """Whether what the flavors of the stack's components need can be imported."""
    names = []
    components = list(_components(examination))
    if not components:
        raise NotCheckableError("the stack names no component that is configured")
    for kind, name, table in components:
        error = _import_problem(examination.project, kind, table)
        if error:
            yield problem(f"{kind.label} {name!r}: {error}", _install(error, examination))
        else:
            names.append(table.flavor)
    if names:
        yield ok(f"importable: {', '.join(dict.fromkeys(names))}")
    for kind, flavor in dict.fromkeys((kind, table.flavor) for kind, _, table in components):
        for sentence in examination.project.registry.hidden(kind, flavor):
            yield warning(sentence, _edit(examination, sentence))


def check_stack(examination: Examination) -> Iterator[Observation]:
    """Whether the stack can be built and its components work together."""
    project = examination.project
    flavors = [
        error
        for kind, _, table in _components(examination)
        if (error := _import_problem(project, kind, table))
    ]
    found: dict[str, str] = {}
    for build in (project.stack_for_run, project.stack_for_deploy):
        try:
            stack = build(examination.stack_name)
            stack.validate()
        except ConfigurationError as error:
            found |= {each: _stack_fix(examination, each) for each in sentences(error)}
    left = {each: fix for each, fix in found.items() if not any(each.endswith(known) for known in flavors)}
    for sentence, fix in left.items():
        yield problem(sentence, fix)
    if found and not left:
        raise NotCheckableError("flavors of it can't be imported")
    if not found:
        yield ok(f"{stack.name!r}: {', '.join(map(_described, stack.components))}")


def _stack_fix(examination: Examination, sentence: str) -> str:
    if examination.stack_name and examination.stack_name not in examination.project.stack_names:
        # The option is wrong, and not the file.
        return "pipes stack list"
    return _edit(examination, sentence)


def sentences(error: PipesError) -> list[str]:
    """Return an error's problems one by one, where it lists several."""
    headline, *items = str(error).split(_ITEM)
    return items or [headline]


def install_command(text: str) -> str:
    """Return the `pip install …` that a message names, or nothing."""
    found = re.search(r"pip install '[^']+'", text)
    return found[0] if found else ""


def _described(component: StackComponent) -> str:
    flavor = component.flavor
    return f"{component.type.label} {component.name}" + (f" ({flavor})" if flavor != component.name else "")


def _components(examination: Examination) -> Iterator[tuple[StackComponentType, str, ComponentTable]]:
    from airflow_provider_pipes.stack.enums import StackComponentType

    project = examination.project
    try:
        table = project.file.stacks.get(examination.stack_name or project.active_stack)
    except ConfigurationError:
        table = None
    if table is None:
        return
    named: dict[StackComponentType, list[str | None]] = {
        StackComponentType.ORCHESTRATOR: [table.orchestrator],
        StackComponentType.ARTIFACT_STORE: [table.artifact_store],
        StackComponentType.STEP_OPERATOR: [*table.step_operators],
        StackComponentType.IMAGE_BUILDER: [table.image_builder],
        StackComponentType.CONTAINER_REGISTRY: [table.container_registry],
    }
    for kind, names in named.items():
        for name in names:
            component = project.file.components(kind).get(name or "")
            if name and component:
                yield kind, name, component


def _import_problem(project: Project, kind: StackComponentType, table: ComponentTable) -> str:
    try:
        flavor = project.registry.load(kind, table.flavor)
        project.registry.implementation(flavor)
    except FlavorError as error:
        return str(error)
    uri = table.values.get("uri")
    remote = isinstance(uri, str) and kind.value == "artifact_store"
    return _filesystem_problem(str(uri).partition("://")[0]) if remote else ""


def _filesystem_problem(scheme: str) -> str:
    """Return what a store's scheme needs that is not installed; the store imports it when it is opened."""
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        return f"{scheme}:// needs a package: " + (
            f"pip install 'airflow-provider-pipes[{extra}]'" if extra else str(error)
        )
    except ValueError as error:
        return f"{scheme}:// is unknown to fsspec: {error}"
    return ""


def _install(error: str, examination: Examination) -> str:
    if command := install_command(error):
        return command
    if missing := _MISSING.search(error):
        return f"pip install {missing[1].partition('.')[0].replace('_', '-')}"
    return _edit(examination, error)


def _edit(examination: Examination, sentence: str) -> str:
    if variable := re.search(r"environment variable (PIPES_\w+)", sentence):
        return f"unset {variable[1]}"
    line = _LINE.search(sentence)
    return edit_command(examination, line[1] if line else "")


def edit_command(examination: Examination, line: str = "") -> str:
    """Return the command that opens pipes.toml, at a line if one is known."""
    from airflow_provider_pipes.stack.projectfile import FILE_NAME, find_file

    path = find_file(examination.start) or examination.root / FILE_NAME
    return f"${{EDITOR:-vi}} {f'+{line} ' if line else ''}{shlex.quote(str(path))}"
