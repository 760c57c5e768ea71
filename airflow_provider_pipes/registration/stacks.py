"""Stacks in pipes.toml: registered, changed, copied, made the active one and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.registration.checks import refuse, stack_problems
from airflow_provider_pipes.registration.names import name_problem, quoted, unknown
from airflow_provider_pipes.registration.pipesfile import Change, Draft, edited, overridden_by
from airflow_provider_pipes.stack.builtin import BUILT_IN_STACK
from airflow_provider_pipes.stack.classpath import nearest
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.project import Project

_OPTIONAL = ("image_builder", "container_registry")


@dataclass(frozen=True)
class StackParts:
    """The components that a command names; None where it says nothing."""

    orchestrator: str | None = None
    artifact_store: str | None = None
    step_operators: tuple[str, ...] | None = None
    image_builder: str | None = None
    container_registry: str | None = None

    def table(self) -> dict[str, Any]:
        """Return what is said, as pipes.toml has it."""
        said = {field: value for field, value in vars(self).items() if value}
        return {field: list(value) if isinstance(value, tuple) else value for field, value in said.items()}


def register_stack(start: Path, name: str, parts: StackParts, activate: bool = False) -> Change:
    """Write a new stack into pipes.toml.

    Args:
        start: Folder whose project it is for.
        name: Its name.
        parts: Its components.
        activate: Whether it becomes the active stack.

    Raises:
        ConfigurationError: lists all that is wrong with it; nothing is written.
    """
    with edited(start) as draft:
        problems = _new_name_problems(draft, name)
        problems += _component_problems(draft.before, parts.table())
        _add(draft, name, parts.table(), activate, problems, f"can't register stack {name!r}")
        return draft.outcome()


def copy_stack(start: Path, source: str, name: str) -> Change:
    """Write a copy of a stack into pipes.toml.

    Raises:
        ConfigurationError: there is no such stack, or the new name can't be used.
    """
    with edited(start) as draft:
        _known(draft.before, source)
        table = draft.before.file.stacks[source].model_dump(mode="json", exclude_defaults=True)
        headline = f"can't copy stack {source!r} to {name!r}"
        _add(draft, name, table, False, _new_name_problems(draft, name), headline)
        return draft.outcome()


def update_stack(
    start: Path,
    name: str,
    parts: StackParts,
    add: Sequence[str] = (),
    take: Sequence[str] = (),
    unset: Sequence[str] = (),
) -> Change:
    """Change the components of a stack in pipes.toml.

    Args:
        start: Folder whose project it is in.
        name: Its name.
        parts: The components to put in the place of others.
        add: Step operators to add.
        take: Step operators to take out.
        unset: Kinds that it is to have no component of.

    Raises:
        ConfigurationError: lists all that would be wrong with it; nothing is written.
    """
    with edited(start) as draft:
        old = _own_table(draft, name)
        changes = parts.table()
        operators, problems = _step_operators(draft, name, add, take)
        if add or take:
            changes["step_operators"] = operators
        gone, more = _unset_kinds(old, unset)
        problems += [*more, *_component_problems(draft.before, {**parts.table(), "step_operators": add})]
        if not (changes or gone or problems):
            raise ConfigurationError(f"nothing to change of stack {name!r}; see: pipes stack update --help")
        refuse(f"can't update stack {name!r}", problems)
        for field in gone:
            draft.remove(("stacks", name, field))
        for field, value in changes.items():
            if old.get(field) != value:
                draft.set(("stacks", name, field), value)
        _check(draft, name, f"can't update stack {name!r}")
        return draft.outcome()


def activate_stack(start: Path, name: str) -> Change:
    """Make a stack the active one.

    Raises:
        ConfigurationError: there is no such stack, or it can't be built.
    """
    with edited(start) as draft:
        _known(draft.before, name)
        _check(draft, name, f"can't make stack {name!r} the active one")
        if draft.own("active_stack") != name:
            draft.set(("active_stack",), name)
        if variable := draft.before.source.variables.get(("active_stack",)):
            draft.warnings.append(overridden_by(variable))
        return draft.outcome()


def delete_stack(start: Path, name: str) -> Change:
    """Take a stack out of pipes.toml.

    Raises:
        ConfigurationError: it is not there, is built in, or is the active one.
    """
    with edited(start) as draft:
        _own_table(draft, name)
        if name in (draft.own("active_stack"), active_stack(draft.before)):
            others = [each for each in draft.before.stack_names if each != name]
            raise ConfigurationError(
                f"stack {name!r} is the active one; make another one active first: pipes stack set "
                f"{others[0] if len(others) == 1 else f'NAME (there are: {quoted(others)})'}"
            )
        draft.remove(("stacks", name))
        draft.after()
        return draft.outcome()


def active_stack(project: Project) -> str | None:
    """Return the name of the active stack, or None where the project does not say which it is."""
    try:
        return project.active_stack
    except ConfigurationError:
        return None


def _add(
    draft: Draft, name: str, table: Mapping[str, Any], activate: bool, problems: list[str], headline: str
) -> None:
    refuse(headline, problems)
    active = active_stack(draft.before)
    draft.add_table(("stacks", name), table)
    _check(draft, name, headline)
    if activate:
        draft.set(("active_stack",), name)
    elif draft.own("active_stack") is None:
        _settle_active(draft, name, active)


def _settle_active(draft: Draft, name: str, active: str | None) -> None:
    """Keep a second stack from leaving open which one is active."""
    if active_stack(draft.after()) == name:
        draft.notes.append("it is the active stack, being the only one in pipes.toml")
    elif active is not None and active != BUILT_IN_STACK:
        draft.set(("active_stack",), active)
        draft.notes.append(f"{active!r} stays the active stack; change it with `pipes stack set {name}`")


def _check(draft: Draft, name: str, headline: str) -> None:
    problems, missing = stack_problems(draft.after(), name)
    refuse(headline, problems)
    draft.warnings += missing


def _new_name_problems(draft: Draft, name: str) -> list[str]:
    if problem := name_problem(name):
        return [problem]
    if draft.own("stacks", name) is not None:
        advice = f"change it with `pipes stack update {name}`, or choose another name"
        return [f"{draft.path} has a stack of this name; {advice}"]
    if name == BUILT_IN_STACK:
        return [f"{name!r} is the built-in stack; choose another name"]
    return []


def _own_table(draft: Draft, name: str) -> Mapping[str, Any]:
    own = draft.own("stacks", name)
    if isinstance(own, Mapping):
        return own
    _known(draft.before, name)
    if name == BUILT_IN_STACK:
        raise ConfigurationError(
            f"stack {name!r} is built in and can't be changed; copy it and change the copy: "
            f"pipes stack copy {name} NAME"
        )
    raise ConfigurationError(
        f"stack {name!r} is not in {draft.path}: environment variables give it, so change those"
    )


def _known(project: Project, name: str) -> None:
    if name not in project.file.stacks:
        raise unknown("stack", name, project.stack_names)


def _component_problems(project: Project, table: Mapping[str, Any]) -> list[str]:
    problems = []
    for kind in StackComponentType:
        given = table.get(kind.plural if kind is StackComponentType.STEP_OPERATOR else kind.value) or ()
        names = (given,) if isinstance(given, str) else given
        known = sorted(project.file.components(kind))
        problems += [_missing(project, kind, each, known) for each in names if each not in known]
        twice = sorted({each for each in names if list(names).count(each) > 1})
        problems += [f"{kind.label} {each!r} is given more than once" for each in twice]
    return problems


def _missing(project: Project, kind: StackComponentType, name: str, known: Sequence[str]) -> str:
    others = [each.label for each in StackComponentType if name in project.file.components(each)]
    there = f"there are: {', '.join(known)}" if known else "there are none yet"
    other = f" (there is one as {others[0]})" if others else nearest(name, known)
    command = f"pipes {kind.value.replace('_', '-')} register {name} --flavor FLAVOR"
    return f"there is no {kind.label} {name!r}{other}; {there}; register it first: {command}"


def _step_operators(
    draft: Draft, name: str, add: Sequence[str], take: Sequence[str]
) -> tuple[list[str], list[str]]:
    present = list(draft.before.file.stacks[name].step_operators)
    problems = [f"step operator {each!r} is in it already" for each in add if each in present]
    problems += [
        f"step operator {each!r} is not in it{nearest(each, present)}; it has: {', '.join(present) or 'none'}"
        for each in take
        if each not in present
    ]
    return [*(each for each in present if each not in take), *add], problems


def _unset_kinds(old: Mapping[str, Any], unset: Sequence[str]) -> tuple[list[str], list[str]]:
    gone, problems = [], []
    for each in unset:
        field = each.removeprefix("--").replace("-", "_")
        if field not in _OPTIONAL:
            known = ", ".join(name.replace("_", "-") for name in _OPTIONAL)
            problems.append(f"--unset {each}: a stack can be without: {known}")
        elif field not in old:
            problems.append(f"--unset {each}: it has no {field.replace('_', ' ')}")
        else:
            gone.append(field)
    return gone, problems
