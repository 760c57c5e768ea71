"""A project: its folder, its pipes.toml and the stacks that can be built from it."""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.assembly import Assembly
from airflow_provider_pipes.stack.builtin import (
    AIRFLOW_ORCHESTRATOR,
    BUILT_IN_STACK,
    BUILT_IN_TABLES,
    LOCAL_ORCHESTRATOR,
)
from airflow_provider_pipes.stack.classpath import nearest
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.location import FILE_NAME, find_file
from airflow_provider_pipes.stack.projectfile import (
    ComponentTable,
    ProjectDefaults,
    ProjectFile,
    ProjectSource,
    StackTable,
    parse,
    read_file,
)
from airflow_provider_pipes.stack.registry import FlavorRef, FlavorRegistry
from airflow_provider_pipes.stack.stack import Stack

# Variables of this package that are no settings of the project.
RESERVED_VARIABLES = frozenset({"PIPES_CACHE_DIR", "PIPES_DEBUG", "PIPES_LOCAL_AIRFLOW"})

_PREFIX = "PIPES_"


@dataclass(frozen=True)
class Project:
    """What a project's configuration says.

    Attributes:
        root: The folder that relative paths of the configuration start from.
        file: The configuration, validated in its shape; a component's own fields are validated
            when a stack that uses it is built.
        source: Where the configuration comes from.
        registry: The flavors.
    """

    root: Path
    file: ProjectFile
    source: ProjectSource
    registry: FlavorRegistry

    @property
    def defaults(self) -> ProjectDefaults:
        """The project-wide defaults of settings."""
        return self.file.settings

    @property
    def stack_names(self) -> tuple[str, ...]:
        """The names of all stacks, the built-in one among them."""
        return tuple(sorted(self.file.stacks))

    @property
    def active_stack(self) -> str:
        """The name of the stack that is used where none is named.

        Raises:
            ConfigurationError: the project has several and does not say which.
        """
        if self.file.active_stack is not None:
            return self.file.active_stack
        own = [name for name in self.stack_names if self.source.mentions(("stacks", name))]
        if not own or BUILT_IN_STACK in own:
            return BUILT_IN_STACK
        if len(own) == 1:
            return own[0]
        raise ConfigurationError(
            f"{self.source.path or 'the environment'} has several stacks and no active_stack: "
            f"{', '.join(own)}; "
            f'add active_stack = "{own[0]}" at its top, or name one with --stack'
        )

    def stack(self, name: str | None = None) -> Stack:
        """Build a stack.

        Args:
            name: Its name; the active one where nothing is given.

        Raises:
            ConfigurationError: there is no such stack, or its components can't be built; lists every problem.
        """
        return self._build(name, None)

    def artifact_store(self, name: str | None = None) -> StackComponent:
        """Build a stack's artifact store, for which nothing else of the stack has to be there.

        Args:
            name: The stack's name; the active one where nothing is given.

        Raises:
            ConfigurationError: there is no such stack, or its store can't be built; lists every problem.
        """
        found = name or self.active_stack
        return Assembly(self.file, self.source, self.registry).artifact_store(found, self._table(found))

    def stack_for_run(self, name: str | None = None) -> Stack:
        """Build a stack to run pipelines here and now.

        An orchestrator that deploys is replaced by the built-in local one.
        """
        if self._deploys(self._orchestrator_table(name)):
            return self._build(name, (LOCAL_ORCHESTRATOR, self._fitting(LOCAL_ORCHESTRATOR, deploys=False)))
        return self._build(name, None)

    def stack_for_deploy(self, name: str | None = None) -> Stack:
        """Build a stack to deploy pipelines with.

        An orchestrator that does not deploy is replaced by the built-in airflow one.
        """
        if self._deploys(self._orchestrator_table(name)) is False:
            return self._build(
                name, (AIRFLOW_ORCHESTRATOR, self._fitting(AIRFLOW_ORCHESTRATOR, deploys=True))
            )
        return self._build(name, None)

    def replaced_for_deploy(self, name: str | None = None) -> str | None:
        """Return the name of a stack's orchestrator where another one deploys in its place.

        The built-in local one is not told: that Airflow's takes its place is what it is for.
        """
        found = name or self.active_stack
        table = self._orchestrator_table(found)
        if table is None or table.flavor == LOCAL_ORCHESTRATOR or self._deploys(table) is not False:
            return None
        return self._table(found).orchestrator

    def _build(self, name: str | None, orchestrator: tuple[str, ComponentTable] | None) -> Stack:
        found = name or self.active_stack
        return Assembly(self.file, self.source, self.registry).stack(found, self._table(found), orchestrator)

    def _table(self, name: str) -> StackTable:
        if name not in self.file.stacks:
            known = ", ".join(self.stack_names)
            raise ConfigurationError(
                f"there is no stack {name!r}{nearest(name, self.stack_names)}; "
                f"{self.source.path or 'without a ' + FILE_NAME + ', there'} has: {known}"
            )
        return self.file.stacks[name]

    def _orchestrator_table(self, name: str | None) -> ComponentTable | None:
        table = self._table(name or self.active_stack)
        return self.file.orchestrators.get(table.orchestrator)

    def _deploys(self, table: ComponentTable | None) -> bool | None:
        """Return whether an orchestrator deploys, or None where it can't be told: building it says why."""
        if table is None:
            return None
        try:
            flavor = self.registry.load(StackComponentType.ORCHESTRATOR, table.flavor)
        except ConfigurationError:
            return None
        return bool(getattr(flavor, "deploys", False))

    def _fitting(self, name: str, *, deploys: bool) -> ComponentTable:
        """Return the project's own configuration of a built-in orchestrator, unless it is something else."""
        table = self.file.orchestrators[name]
        return table if self._deploys(table) is deploys else ComponentTable(flavor=name)


def load_project(start: Path, root: Path | None = None) -> Project:
    """Read the nearest pipes.toml in ``start`` or above it, with ``PIPES_…`` variables over it.

    Args:
        start: Folder to begin at.
        root: The project's folder where there is no pipes.toml; ``start`` if nothing is given.

    Raises:
        ConfigurationError: the file can't be read or is not valid; lists every problem.
    """
    path = find_file(start)
    text, values = read_file(path) if path else ("", {})
    return _project(path, text, values, path.parent if path else (root or start).absolute())


def project_from_text(path: Path | None, text: str, root: Path, variables: bool = True) -> Project:
    """Return the project that a pipes.toml with this text would give.

    Args:
        path: Where the text is meant to stand.
        text: Valid TOML.
        root: The project's folder.
        variables: Whether ``PIPES_…`` variables go over it.

    Raises:
        ConfigurationError: it is not valid; lists every problem.
    """
    return _project(path, text, tomllib.loads(text.removeprefix("\ufeff")), root, variables)


def values_from_variables(section: str, name: str) -> dict[str, Any]:
    """Return what ``PIPES_…`` variables say of a component, whether or not pipes.toml has it."""
    variables = _variables(os.environ)
    if not variables:
        return {}
    from airflow_provider_pipes.stack.environment import override

    values: dict[str, Any] = {section: {name: {}}}
    override(values, variables)
    found: dict[str, Any] = values[section][name]
    return found


def _project(
    path: Path | None, text: str, values: dict[str, Any], folder: Path, with_variables: bool = True
) -> Project:
    _add_built_ins(values)
    variables = _variables(os.environ) if with_variables else []
    places = {}
    if variables:
        from airflow_provider_pipes.stack.environment import override

        places = override(values, variables)
    source = ProjectSource(path, text, places)
    file = parse(values, source)
    return Project(folder, file, source, _registry(file, folder))


def _add_built_ins(values: dict[str, Any]) -> None:
    for section, tables in BUILT_IN_TABLES.items():
        own = values.setdefault(section, {})
        if not isinstance(own, dict):
            continue
        for name, table in tables.items():
            given = own.get(name, {})
            own[name] = {**copy.deepcopy(table), **given} if isinstance(given, dict) else given


def _variables(environment: Iterable[str]) -> list[str]:
    """Return the names of the variables that override pipes.toml.

    Other programs may have variables of this prefix; what looks like a slip in one of ours is an error.
    """
    sections = list(ProjectFile.model_fields)
    found = []
    for name, section in _prefixed(environment):
        if section in sections:
            found.append(name)
        elif hint := nearest(section, sections):
            raise ConfigurationError(
                f"environment variable {name}: there is no setting {section!r}{hint}; "
                f"write it as {_PREFIX}<SECTION>__<NAME>__<FIELD>, with a section of: {', '.join(sections)}; "
                "a name that is like none of these is left to other programs"
            )
    return found


def foreign_variables() -> list[str]:
    """Return the names of the variables of our prefix that are like none of ours, and left alone."""
    sections = list(ProjectFile.model_fields)
    return [name for name, section in _prefixed(os.environ) if section not in sections]


def _prefixed(environment: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each variable with our prefix, in capitals, and the section of pipes.toml that it names."""
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in RESERVED_VARIABLES:
            yield name, name[len(_PREFIX) :].lower().split("__")[0]


def _registry(file: ProjectFile, folder: Path) -> FlavorRegistry:
    registry = FlavorRegistry((folder, folder / "src"))
    for kind, flavors in file.flavors.items():
        for name, source in flavors.items():
            registry.register(kind, name, FlavorRef(source, None, f"[flavors.{kind.value}] of {FILE_NAME}"))
    return registry
