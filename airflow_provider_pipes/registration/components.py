"""Components in pipes.toml: registered, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_pipes.errors import ConfigurationError, FlavorError
from airflow_provider_pipes.registration.checks import (
    component_problems,
    refuse,
    stack_problems,
    stacks_with,
    unwritable_fields,
)
from airflow_provider_pipes.registration.names import article, command_of, name_problem, quoted, unknown
from airflow_provider_pipes.registration.options import (
    Given,
    given_options,
    typed_values,
    unknown_option,
)
from airflow_provider_pipes.registration.pipesfile import Change, Draft, edited
from airflow_provider_pipes.stack.builtin import BUILT_IN_TABLES
from airflow_provider_pipes.stack.config import field_names, former_fields
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor
from airflow_provider_pipes.stack.project import values_from_variables


def register_component(
    start: Path, kind: StackComponentType, name: str, flavor_name: str, words: Sequence[str]
) -> Change:
    """Write a new component into pipes.toml.

    Args:
        start: Folder whose project it is for.
        kind: The component's kind.
        name: Its name.
        flavor_name: A flavor's name or class path.
        words: The fields of its configuration, as ``--field value`` words.

    Raises:
        ConfigurationError: lists all that is wrong with it; nothing is written.
    """
    with edited(start) as draft:
        problems = _new_name_problems(draft, kind, name)
        given, more = given_options(words)
        problems += more
        flavor = _flavor(draft, kind, flavor_name, problems)
        values = _checked_values(draft, kind, name, flavor, ({}, given, []), problems)
        refuse(f"can't register {kind.label} {name!r}", problems)
        draft.add_table((kind.plural, name), {"flavor": flavor_name, **values})
        draft.after()
        draft.warnings += draft.before.registry.hidden(kind, flavor_name)
        draft.warnings += unwritable_fields(flavor) if flavor else []
        if name in BUILT_IN_TABLES.get(kind.plural, {}):
            draft.notes.append(f"it takes the place of the built-in {kind.label} {name!r}")
        return draft.outcome()


def update_component(
    start: Path, kind: StackComponentType, name: str, words: Sequence[str], unset: Sequence[str] = ()
) -> Change:
    """Change fields of a component in pipes.toml.

    Args:
        start: Folder whose project it is in.
        kind: The component's kind.
        name: Its name.
        words: The fields to change, as ``--field value`` words.
        unset: The fields to take out.

    Raises:
        ConfigurationError: lists all that would be wrong with it; nothing is written.
    """
    with edited(start) as draft:
        table = _own_table(draft, kind, name)
        given, problems = given_options(words)
        if not given and not unset and not problems:
            raise ConfigurationError(
                f"nothing to change of {kind.label} {name!r}; give --field value, or --unset field"
            )
        flavor = _flavor(draft, kind, _flavor_name(draft, kind, name), problems)
        old = {key: value for key, value in table.items() if key != "flavor"}
        gone = _unset_fields(old, unset, flavor, problems)
        values = _checked_values(draft, kind, name, flavor, (old, given, gone), problems)
        refuse(f"can't update {kind.label} {name!r}", problems)
        broken = _broken_stacks(draft, kind, name)
        for field in gone:
            draft.remove((kind.plural, name, field))
        for field, value in values.items():
            if field not in old or old[field] != value or type(old[field]) is not type(value):
                draft.set((kind.plural, name, field), value)
        _refuse_newly_broken(draft, kind, name, broken)
        return draft.outcome()


def delete_component(start: Path, kind: StackComponentType, name: str) -> Change:
    """Take a component out of pipes.toml.

    Raises:
        ConfigurationError: it is not there, is built in, or a stack uses it.
    """
    with edited(start) as draft:
        _own_table(draft, kind, name)
        using = stacks_with(draft.before, kind, name)
        users = [each for each in using if draft.own("stacks", each) is not None]
        if users:
            raise ConfigurationError(
                f"{kind.label} {name!r} is used by stack{'s' if len(users) > 1 else ''} {quoted(users)}; "
                "take it out there first (pipes stack update) or delete what uses it (pipes stack delete)"
            )
        variables = _variables_of(draft, kind, name)
        if variables and name not in BUILT_IN_TABLES.get(kind.plural, {}):
            raise ConfigurationError(
                f"{kind.label} {name!r} is also given by {', '.join(variables)}; unset that first"
            )
        draft.remove((kind.plural, name))
        draft.after()
        return draft.outcome()


def _new_name_problems(draft: Draft, kind: StackComponentType, name: str) -> list[str]:
    if problem := name_problem(name):
        return [problem]
    if draft.own(kind.plural, name) is None:
        return []
    advice = f"change it with `pipes {command_of(kind)} update {name}`, or choose another name"
    return [f"{draft.path} has {article(kind)} of this name; {advice}"]


def _own_table(draft: Draft, kind: StackComponentType, name: str) -> Mapping[str, Any]:
    """Return a component's table of the file itself."""
    own = draft.own(kind.plural, name)
    if isinstance(own, Mapping):
        return own
    known = draft.before.file.components(kind)
    if name not in known:
        raise unknown(kind.label, name, known)
    if name in BUILT_IN_TABLES.get(kind.plural, {}):
        raise ConfigurationError(
            f"{kind.label} {name!r} is built in and can't be changed; register one of your own, under this "
            f"name or another: pipes {command_of(kind)} register {name} --flavor {known[name].flavor} …"
        )
    raise ConfigurationError(
        f"{kind.label} {name!r} is not in {draft.path}: environment variables give it, so change those"
    )


def _variables_of(draft: Draft, kind: StackComponentType, name: str) -> list[str]:
    places = draft.before.source.variables
    return sorted(variable for place, variable in places.items() if place[:2] == (kind.plural, name))


def _flavor_name(draft: Draft, kind: StackComponentType, name: str) -> str:
    return draft.before.file.components(kind)[name].flavor


def _flavor(draft: Draft, kind: StackComponentType, name: str, problems: list[str]) -> Flavor | None:
    try:
        return draft.before.registry.load(kind, name)
    except FlavorError as error:
        problems.append(str(error))
        return None


def _checked_values(
    draft: Draft,
    kind: StackComponentType,
    name: str,
    flavor: Flavor | None,
    change: tuple[Mapping[str, Any], Given, Sequence[str]],
    problems: list[str],
) -> dict[str, Any]:
    """Return the values that options give; what is wrong with the component then goes to ``problems``."""
    if flavor is None:
        return {}
    old, given, gone = change
    values, unreadable = typed_values(given, flavor.config_class, former_fields(kind))
    kept = {field: value for field, value in old.items() if field not in gone}
    # What environment variables give need not stand in the file too.
    given_outside = values_from_variables(kind.plural, name)
    given_outside.pop("flavor", None)
    found, missing = component_problems(
        draft.before.registry, kind, name, flavor, {**given_outside, **kept, **values}
    )
    # An option that can't be read is told once, not also as a field that is missing.
    silent = {line.split(":")[0] for line in unreadable}
    problems += [*unreadable, *(line for line in found if line.split(" is missing")[0] not in silent)]
    draft.warnings += [f"it can't be used here yet: {each}" for each in missing]
    return values


def _unset_fields(
    old: Mapping[str, Any], unset: Sequence[str], flavor: Flavor | None, problems: list[str]
) -> list[str]:
    written = {field.replace("-", "_"): field for field in old}
    gone = []
    for each in unset:
        field = each.removeprefix("--").replace("-", "_")
        if field in written:
            gone.append(written[field])
        elif flavor is not None and field not in map(_plain, field_names(flavor.config_class)):
            problems.append(unknown_option(field, list(field_names(flavor.config_class)), f"--unset {each}"))
        else:
            problems.append(f"--unset {each}: the field is not set; set are: {', '.join(old) or 'none'}")
    return gone


def _plain(field: str) -> str:
    return field.replace("-", "_")


def _broken_stacks(draft: Draft, kind: StackComponentType, name: str) -> dict[str, list[str]]:
    project = draft.after()
    return {stack: stack_problems(project, stack)[0] for stack in stacks_with(project, kind, name)}


def _refuse_newly_broken(
    draft: Draft, kind: StackComponentType, name: str, before: Mapping[str, list[str]]
) -> None:
    """Refuse a change that would break a stack; one that was broken before must not stop its mending."""
    after = _broken_stacks(draft, kind, name)
    new = [each for stack, found in after.items() if not before.get(stack) for each in found]
    refuse(f"can't update {kind.label} {name!r}", new)
