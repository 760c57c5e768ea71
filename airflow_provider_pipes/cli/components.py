"""`pipes orchestrator`, `pipes step-operator` and so on: one group of commands for each kind of component."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_pipes.cli import flavors
from airflow_provider_pipes.cli.completion import (
    complete_components,
    complete_fields,
    complete_flavors,
)
from airflow_provider_pipes.cli.fields_command import FieldsCommand
from airflow_provider_pipes.cli.options import Command, Group, JsonFlag
from airflow_provider_pipes.cli.terminal import OUT, Part, one_line, print_json, stdout_kept_clean, warn
from airflow_provider_pipes.stack.enums import StackComponentType

if TYPE_CHECKING:
    from airflow_provider_pipes.registration.pipesfile import Change
    from airflow_provider_pipes.stack.project import Project
    from airflow_provider_pipes.stack.projectfile import ComponentTable

_FIELDS = {"ignore_unknown_options": True}

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the component.", autocompletion=complete_components)
]
FieldsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="--FIELD VALUE",
        show_default=False,
        help="Fields of the configuration, as `flavor describe` shows them: repeat one for a list, or give "
        "lists and tables as JSON.",
    ),
]


def component_commands(kind: StackComponentType) -> typer.Typer:
    """Return the group of commands for a kind of components."""
    label, many = kind.label, kind.plural.replace("_", " ")
    group = typer.Typer(cls=Group, help=f"Register, show and change {many}.", no_args_is_help=True)
    group.command(
        "register", help=f"Write a new {label} into pipes.toml.", cls=FieldsCommand, context_settings=_FIELDS
    )(register)
    group.command("list", help=f"List the {many}.", cls=Command)(list_components)
    group.command("describe", help=f"Show one {label} with its configuration.", cls=Command)(describe)
    group.command(
        "update",
        help=f"Change fields of one {label} in pipes.toml.",
        cls=FieldsCommand,
        context_settings=_FIELDS,
    )(update)
    group.command("delete", help=f"Take one {label} out of pipes.toml.", cls=Command)(delete)
    group.add_typer(flavors.flavor_commands(kind), name="flavor")
    return group


def kind_of(context: typer.Context) -> StackComponentType:
    """Return the kind whose group of commands a command was called in."""
    names = {kind.value.replace("_", "-"): kind for kind in StackComponentType}
    inner: Any = context
    while inner.info_name not in names:
        inner = inner.parent
    return names[inner.info_name]


def register(
    context: typer.Context,
    name: NameArgument,
    flavor: Annotated[
        str,
        typer.Option(
            "--flavor",
            "-f",
            metavar="FLAVOR",
            help="Its flavor: a name of `flavor list`, or module:Class.",
            autocompletion=complete_flavors,
        ),
    ],
    fields: FieldsArgument = None,
) -> None:
    """Write a new component into pipes.toml."""
    from airflow_provider_pipes.registration.components import register_component

    kind = kind_of(context)
    change = register_component(Path.cwd(), kind, _name(context, name), flavor, fields or [])
    tell_change(f"registered {kind.label} ", name, change)


def update(
    context: typer.Context,
    name: NameArgument,
    fields: FieldsArgument = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Field to take out, so that its default counts; may be repeated.",
            autocompletion=complete_fields,
        ),
    ] = None,
) -> None:
    """Change fields of a component in pipes.toml."""
    from airflow_provider_pipes.registration.components import update_component

    kind = kind_of(context)
    change = update_component(Path.cwd(), kind, _name(context, name), fields or [], unset or [])
    tell_change(f"updated {kind.label} ", name, change)


def delete(context: typer.Context, name: NameArgument) -> None:
    """Take a component out of pipes.toml."""
    from airflow_provider_pipes.registration.components import delete_component

    kind = kind_of(context)
    tell_change(f"deleted {kind.label} ", name, delete_component(Path.cwd(), kind, name), "from")


def list_components(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the components of a kind."""
    from airflow_provider_pipes.cli.session import project_here

    kind = kind_of(context)
    project = project_here()
    found = [_summary(project, kind, name) for name in sorted(project.file.components(kind))]
    if as_json:
        print_json(found)
    elif not found:
        group = kind.value.replace("_", "-")
        OUT.line(
            f"there are no {kind.plural.replace('_', ' ')} yet; register one with `pipes {group} register`"
        )
    else:
        OUT.table(
            ["NAME", "FLAVOR", "STACKS", "FROM"],
            [
                [(each["name"], "bold"), each["flavor"], ", ".join(each["stacks"]), (each["origin"], "dim")]
                for each in found
            ],
        )


def describe(context: typer.Context, name: NameArgument, as_json: JsonFlag = False) -> None:
    """Show one component with its configuration."""
    from airflow_provider_pipes.cli.session import project_here
    from airflow_provider_pipes.registration.names import unknown

    kind = kind_of(context)
    project = project_here()
    known = project.file.components(kind)
    if name not in known:
        raise unknown(kind.label, name, known)
    with stdout_kept_clean():
        document = component_document(project, kind, name)
    if as_json:
        print_json(document)
        return
    OUT.line(f"{kind.label} ", (name, "bold"))
    OUT.line(f"  flavor  {document['flavor']}")
    OUT.line(f"  stacks  {', '.join(document['stacks']) or 'none'}")
    OUT.line(f"  from    {document['origin']}")
    print_config(document["config"])
    warn(document["problems"])


def print_config(config: list[dict[str, Any]], indent: bool = True) -> None:
    """Print a component's configuration as a table."""
    if not config:
        return
    if indent:
        OUT.line()
    rows: list[list[Part]] = [
        [
            (field["field"], "bold"),
            one_line(_shown_value(field["value"]), 200),
            (field["origin"], "dim" if field["origin"] == "default" else ""),
        ]
        for field in config
    ]
    OUT.table(["FIELD", "VALUE", "FROM"], rows)


def component_document(project: Project, kind: StackComponentType, name: str) -> dict[str, Any]:
    """Return a component with its configuration, as `describe --json` prints it."""
    from airflow_provider_pipes.errors import FlavorError
    from airflow_provider_pipes.registration.checks import component_problems

    table = project.file.components(kind)[name]
    defaults: dict[str, Any] = {}
    problems: list[str] = []
    try:
        flavor = project.registry.load(kind, table.flavor)
    except FlavorError as error:
        problems = [str(error)]
    else:
        defaults = _defaults(flavor.config_class)
        wrong, missing = component_problems(project.registry, kind, name, flavor, table.values)
        problems = [*wrong, *(f"it can't be used here yet: {each}" for each in missing)]
    return {
        **_summary(project, kind, name),
        "config": _config(project, kind, name, table, defaults),
        "problems": problems,
    }


def _defaults(config_class: Any) -> dict[str, Any]:
    """Return the fields of a configuration with their defaults, in their order; None where one is needed."""
    from airflow_provider_pipes.registration.fields import default_of
    from airflow_provider_pipes.stack.config import field_names

    fields = field_names(config_class)
    return {name: None if each.is_required() else default_of(each) for name, each in fields.items()}


def _config(
    project: Project, kind: StackComponentType, name: str, table: ComponentTable, defaults: dict[str, Any]
) -> list[dict[str, Any]]:
    from pydantic_core import to_jsonable_python

    from airflow_provider_pipes.stack.validation import names_a_secret

    given = table.values
    document = []
    for field, value in {**defaults, **given}.items():
        variable = project.source.variables.get((kind.plural, name, field))
        origin = f"variable {variable}" if variable else "pipes.toml" if field in given else "default"
        # Defaults and TOML's dates are not all JSON.
        said = "****" if names_a_secret(field) and value else to_jsonable_python(value, fallback=str)
        document.append({"field": field, "value": said, "origin": origin})
    return document


def _summary(project: Project, kind: StackComponentType, name: str) -> dict[str, Any]:
    from airflow_provider_pipes.registration.checks import stacks_with

    table = project.file.components(kind)[name]
    return {
        "name": name,
        "kind": kind.value,
        "flavor": table.flavor,
        "stacks": stacks_with(project, kind, name),
        "origin": origin_of(project, kind.plural, name),
    }


def origin_of(project: Project, section: str, name: str) -> str:
    """Return where a component or a stack comes from."""
    from airflow_provider_pipes.registration.edits import values_of
    from airflow_provider_pipes.stack.builtin import BUILT_IN_TABLES

    written = values_of(project.source.text).get(section, {})
    if isinstance(written, Mapping) and name in written:
        return "pipes.toml"
    return "built in" if name in BUILT_IN_TABLES.get(section, {}) else "environment"


def from_origin(document: Mapping[str, Any]) -> str:
    """Return where a component or a stack comes from, as a sentence says it."""
    origin: str = document["origin"]
    return origin if origin == "built in" else f"from {origin}"


def tell_change(did: str, name: str, change: Change, where: str = "in") -> None:
    """Print what a command did to pipes.toml."""
    place = f" {where} {change.path}" + (", a new file" if change.created else "")
    OUT.line(did, (name, "bold"), place)
    for note in change.notes:
        OUT.line(f"  {note}")
    warn(change.warnings)


def _shown_value(value: Any) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _name(context: typer.Context, name: str) -> str:
    if name.startswith("-"):
        raise typer.BadParameter(
            f"write the name first: {context.command_path} NAME {name} …", param_hint="NAME"
        )
    return name
