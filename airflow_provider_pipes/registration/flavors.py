"""Flavors in pipes.toml: registered and deleted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from airflow_provider_pipes.errors import ConfigurationError, FlavorError
from airflow_provider_pipes.registration.checks import implementation_of, refuse, unwritable_fields
from airflow_provider_pipes.registration.names import command_of, name_problem, quoted, unknown
from airflow_provider_pipes.registration.pipesfile import Change, Draft, edited
from airflow_provider_pipes.stack.classpath import import_class, importable_from
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor
from airflow_provider_pipes.stack.project import Project


@dataclasses.dataclass(frozen=True)
class RegisteredFlavor(Change):
    """What `flavor register` did.

    Attributes:
        name: The name that the flavor gives itself.
    """

    name: str = ""


def register_flavor(start: Path, kind: StackComponentType, source: str) -> RegisteredFlavor:
    """Write a flavor's class path into pipes.toml, under the flavor's own name.

    Args:
        start: Folder whose project it is for.
        kind: The kind of components that it is for.
        source: Its class, as "module:Class" or "module.Class".

    Raises:
        ConfigurationError: the class is not there, or is no flavor of the kind; nothing is written.
    """
    with edited(start) as draft:
        path = normalized(source)
        flavor = _loaded(draft.before, kind, path)
        what = f"{kind.label} flavor {flavor.name!r}"
        problems = [problem] if (problem := name_problem(flavor.name)) else []
        problems += _taken(draft.before, kind, flavor.name, path)
        try:
            missing = implementation_of(draft.before.registry, flavor).missing
        except FlavorError as error:
            problems.append(str(error).removeprefix(f"{what}: "))
            missing = ""
        problems += unwritable_fields(flavor)
        refuse(f"can't register {what}", problems)
        draft.set(("flavors", kind.value, flavor.name), path)
        draft.after()
        if missing:
            draft.warnings.append(f"it can't be used here yet: {missing}")
        return RegisteredFlavor(**vars(draft.outcome()), name=flavor.name)


def delete_flavor(start: Path, kind: StackComponentType, name: str) -> Change:
    """Take a flavor out of pipes.toml.

    Raises:
        ConfigurationError: it is not there, or a component uses it.
    """
    with edited(start) as draft:
        _check_own(draft, kind, name)
        components = draft.before.file.components(kind)
        users = sorted(each for each, table in components.items() if table.flavor == name)
        # Of a name with two sources, one has to go, whoever uses it.
        if users and len(draft.before.registry.sources(kind, name)) == 1:
            many = len(users) > 1
            raise ConfigurationError(
                f"{kind.label} flavor {name!r} is used by {kind.label}{'s' if many else ''} {quoted(users)}; "
                f"first delete {'them' if many else 'it'}: pipes {command_of(kind)} delete {users[0]}"
            )
        draft.remove(("flavors", kind.value, name))
        if not draft.own("flavors", kind.value):
            draft.remove_if_bare(("flavors", kind.value))
        draft.after()
        return draft.outcome()


def normalized(source: str) -> str:
    """Return a class path as "module:Class"."""
    if ":" in source or "." not in source:
        return source
    module, _, name = source.rpartition(".")
    return f"{module}:{name}"


def _loaded(project: Project, kind: StackComponentType, path: str) -> Flavor:
    if ":" not in path:
        raise ConfigurationError(f"{path!r} is no class path; write it as 'package.module:Class'")
    try:
        return project.registry.load(kind, path)
    except FlavorError as error:
        other = _kind_of(project, path)
        if other is None or other is kind:
            raise
        raise FlavorError(
            f"{path!r} is a flavor of the kind {other.label!r}, not {kind.label!r}; register it with "
            f"`pipes {command_of(other)} flavor register {path}`"
        ) from error


def _kind_of(project: Project, path: str) -> StackComponentType | None:
    """Return the kind of the flavor that a class path names, where that can be told."""
    with importable_from((project.root, project.root / "src")):
        try:
            cls = import_class(path)
            found = cls().type if issubclass(cls, Flavor) else None
        except Exception:
            return None
    return found if isinstance(found, StackComponentType) else None


def _taken(project: Project, kind: StackComponentType, name: str, path: str) -> list[str]:
    return [
        f"there is one of this name already: {ref}; "
        + ("there is nothing to register" if ref.source == path else "let the class give itself another name")
        for ref in project.registry.sources(kind, name)
    ]


def _check_own(draft: Draft, kind: StackComponentType, name: str) -> None:
    if draft.own("flavors", kind.value, name) is not None:
        return
    registry = draft.before.registry
    known = registry.names(kind)
    if name not in known:
        raise unknown(f"{kind.label} flavor", name, known)
    origin = registry.sources(kind, name)[0].origin
    reason = "it is built in" if origin == "built in" else f"it comes from {origin}"
    raise ConfigurationError(f"{kind.label} flavor {name!r} can't be deleted: {reason}")
