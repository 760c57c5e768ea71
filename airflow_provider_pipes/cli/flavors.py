"""`pipes <kind> flavor …`: the flavors that components can be of."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_pipes.cli.completion import complete_flavors
from airflow_provider_pipes.cli.options import Command, Group, JsonFlag
from airflow_provider_pipes.cli.terminal import OUT, Part, print_json, stdout_kept_clean, warn
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.location import FILE_NAME

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.project import Project
    from airflow_provider_pipes.stack.registry import FlavorRef

FlavorArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the flavor.", autocompletion=complete_flavors)
]


def flavor_commands(kind: StackComponentType) -> typer.Typer:
    """Return the group of commands for the flavors of a kind."""
    label, many = kind.label, kind.plural.replace("_", " ")
    group = typer.Typer(cls=Group, help=f"Register and show flavors of {many}.", no_args_is_help=True)
    group.command("register", help=f"Write a flavor of your own for {many} into pipes.toml.", cls=Command)(
        register
    )
    group.command("list", help=f"List the {label} flavors.", cls=Command)(list_flavors)
    group.command(
        "describe", help=f"Show one {label} flavor and the fields of its configuration.", cls=Command
    )(describe)
    group.command("delete", help=f"Take one {label} flavor out of pipes.toml.", cls=Command)(delete)
    return group


def register(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="CLASS", help="The flavor's class: package.module:Class, or package.module.Class."
        ),
    ],
) -> None:
    """Write a flavor's class path into pipes.toml."""
    from airflow_provider_pipes.cli.components import kind_of, tell_change
    from airflow_provider_pipes.registration.flavors import register_flavor

    kind = kind_of(context)
    change = register_flavor(Path.cwd(), kind, source)
    tell_change(f"registered {kind.label} flavor ", change.name, change)


def delete(context: typer.Context, name: FlavorArgument) -> None:
    """Take a flavor out of pipes.toml."""
    from airflow_provider_pipes.cli.components import kind_of, tell_change
    from airflow_provider_pipes.registration.flavors import delete_flavor

    kind = kind_of(context)
    tell_change(f"deleted {kind.label} flavor ", name, delete_flavor(Path.cwd(), kind, name), "from")


def list_flavors(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the flavors of a kind."""
    from airflow_provider_pipes.cli.components import kind_of
    from airflow_provider_pipes.cli.session import project_here

    kind = kind_of(context)
    project = project_here()
    found = [_summary(project, kind, name) for name in project.registry.names(kind)]
    if as_json:
        print_json(found)
    elif not found:
        group = kind.value.replace("_", "-")
        OUT.line(f"there are no {kind.label} flavors yet; register one with `pipes {group} flavor register`")
    else:
        _print_list(found)
    warn(project.registry.hidden(kind))


def _print_list(found: list[dict[str, Any]]) -> None:
    # The classes of the built-in ones are long, and nobody has to know them.
    own = {each["name"]: each["class"] for each in found if each["origin"] != "built in"}
    rows: list[list[Part]] = [
        [(each["name"], "bold"), each["origin"], *([own.get(each["name"], "")] if own else [])]
        for each in found
    ]
    OUT.table(["NAME", "FROM", *(["CLASS"] if own else [])], rows)


def describe(context: typer.Context, name: FlavorArgument, as_json: JsonFlag = False) -> None:
    """Show one flavor and the fields of its configuration."""
    from airflow_provider_pipes.cli.components import kind_of
    from airflow_provider_pipes.cli.session import project_here

    kind = kind_of(context)
    with stdout_kept_clean():
        document = _document(project_here(), kind, name)
    if as_json:
        print_json(document)
        return
    OUT.line(f"{kind.label} flavor ", (name, "bold"))
    if document["description"]:
        OUT.line(f"  {document['description']}")
    OUT.line(f"  class  {document['class']}")
    OUT.line(f"  from   {document['origin']}")
    if document["install"]:
        OUT.line(f"  needs  pip install '{document['install']}'")
    _print_fields(document["config"])
    problem = document["problem"]
    warn([*document["warnings"], *([f"it can't be used here yet: {problem}"] if problem else [])])


def _print_fields(fields: list[dict[str, Any]]) -> None:
    OUT.line()
    if not fields:
        OUT.line("its configuration has no fields")
        return
    rows: list[list[Part]] = [
        [
            (each["name"], "bold"),
            each["type"],
            ("required", "yellow") if each["required"] else each["default"],
            each["description"],
        ]
        for each in fields
    ]
    OUT.table(["FIELD", "TYPE", "DEFAULT", "MEANING"], rows)


def _document(project: Project, kind: StackComponentType, name: str) -> dict[str, Any]:
    from airflow_provider_pipes.registration.checks import implementation_of, unwritable_fields
    from airflow_provider_pipes.registration.fields import config_fields
    from airflow_provider_pipes.stack.builtin import BUILT_IN_FLAVORS

    flavor = project.registry.load(kind, name)
    hint = flavor.install_hint or BUILT_IN_FLAVORS[kind].get(name, ("", None))[1]
    words = (type(flavor).__doc__ or "").strip().partition("\n\n")[0]
    return {
        **_summary(project, kind, name),
        "description": " ".join(words.split()),
        "install": hint,
        "config": [
            {**asdict(each), "required": each.required} for each in config_fields(flavor.config_class)
        ],
        "problem": implementation_of(project.registry, flavor).missing,
        "warnings": [*project.registry.hidden(kind, name), *unwritable_fields(flavor)],
    }


def _origin(source: FlavorRef) -> str:
    # The table of pipes.toml that a message names says no more here than the file does.
    return "pipes.toml" if source.origin.endswith(FILE_NAME) else source.origin


def _summary(project: Project, kind: StackComponentType, name: str) -> dict[str, Any]:
    sources = project.registry.sources(kind, name)
    return {
        "name": name,
        "kind": kind.value,
        "class": " and ".join(each.source for each in sources) or name,
        "origin": " and ".join(map(_origin, sources)) or "a class path",
    }
