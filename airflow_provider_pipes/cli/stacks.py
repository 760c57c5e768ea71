"""`pipes stack …`: sets of components that run pipelines together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_pipes.cli.completion import (
    complete_artifact_stores,
    complete_container_registries,
    complete_image_builders,
    complete_orchestrators,
    complete_stacks,
    complete_step_operators,
)
from airflow_provider_pipes.cli.components import (
    component_document,
    from_origin,
    origin_of,
    print_config,
    tell_change,
)
from airflow_provider_pipes.cli.options import Command, Group, JsonFlag
from airflow_provider_pipes.cli.terminal import OUT, Part, print_json, stdout_kept_clean, warn
from airflow_provider_pipes.stack.enums import StackComponentType

if TYPE_CHECKING:
    from airflow_provider_pipes.stack.project import Project

stack_app = typer.Typer(
    cls=Group, help="Put components together, and choose the stack that is used.", no_args_is_help=True
)

StackArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the stack.", autocompletion=complete_stacks)
]
ImageBuilderOption = Annotated[
    str | None,
    typer.Option(
        "--image-builder", "-i", metavar="NAME", help="Image builder.", autocompletion=complete_image_builders
    ),
]
ContainerRegistryOption = Annotated[
    str | None,
    typer.Option(
        "--container-registry",
        "-c",
        metavar="NAME",
        help="Container registry.",
        autocompletion=complete_container_registries,
    ),
]


@stack_app.command("register", cls=Command)
def register(
    name: StackArgument,
    orchestrator: Annotated[
        str,
        typer.Option(
            "--orchestrator",
            "-o",
            metavar="NAME",
            help="Orchestrator.",
            autocompletion=complete_orchestrators,
        ),
    ],
    artifact_store: Annotated[
        str,
        typer.Option(
            "--artifact-store",
            "-a",
            metavar="NAME",
            help="Artifact store.",
            autocompletion=complete_artifact_stores,
        ),
    ],
    step_operator: Annotated[
        list[str] | None,
        typer.Option(
            "--step-operator",
            "-s",
            metavar="NAME",
            help="Step operator; may be repeated.",
            autocompletion=complete_step_operators,
        ),
    ] = None,
    image_builder: ImageBuilderOption = None,
    container_registry: ContainerRegistryOption = None,
    activate: Annotated[bool, typer.Option("--set", help="Make it the active stack.")] = False,
) -> None:
    """Write a new stack into pipes.toml."""
    from airflow_provider_pipes.registration.stacks import StackParts, register_stack

    operators = tuple(step_operator or ())
    parts = StackParts(orchestrator, artifact_store, operators, image_builder, container_registry)
    change = register_stack(Path.cwd(), name, parts, activate)
    tell_change("registered stack ", name, change)
    if activate:
        OUT.line("  it is the active stack now")


@stack_app.command("update", cls=Command)
def update(
    name: StackArgument,
    orchestrator: Annotated[
        str | None,
        typer.Option(
            "--orchestrator",
            "-o",
            metavar="NAME",
            help="Orchestrator.",
            autocompletion=complete_orchestrators,
        ),
    ] = None,
    artifact_store: Annotated[
        str | None,
        typer.Option(
            "--artifact-store",
            "-a",
            metavar="NAME",
            help="Artifact store.",
            autocompletion=complete_artifact_stores,
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            "--add-step-operator",
            "-s",
            metavar="NAME",
            help="Step operator to add; may be repeated.",
            autocompletion=complete_step_operators,
        ),
    ] = None,
    take: Annotated[
        list[str] | None,
        typer.Option(
            "--remove-step-operator",
            metavar="NAME",
            help="Step operator to take out; may be repeated.",
            autocompletion=complete_step_operators,
        ),
    ] = None,
    image_builder: ImageBuilderOption = None,
    container_registry: ContainerRegistryOption = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="image-builder or container-registry: to be without one.",
            autocompletion=lambda: ["image-builder", "container-registry"],
        ),
    ] = None,
) -> None:
    """Change the components of a stack in pipes.toml."""
    from airflow_provider_pipes.registration.stacks import StackParts, update_stack

    parts = StackParts(orchestrator, artifact_store, None, image_builder, container_registry)
    change = update_stack(Path.cwd(), name, parts, add or [], take or [], unset or [])
    tell_change("updated stack ", name, change)


@stack_app.command("set", cls=Command)
def activate(name: StackArgument) -> None:
    """Make a stack the active one."""
    from airflow_provider_pipes.registration.stacks import activate_stack

    tell_change("the active stack is now ", name, activate_stack(Path.cwd(), name))


@stack_app.command("copy", cls=Command)
def copy(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="Stack to copy.", autocompletion=complete_stacks)
    ],
    name: Annotated[str, typer.Argument(metavar="DST", help="Name of the copy.")],
) -> None:
    """Write a copy of a stack into pipes.toml."""
    from airflow_provider_pipes.registration.stacks import copy_stack

    tell_change(f"copied stack {source} to ", name, copy_stack(Path.cwd(), source, name))


@stack_app.command("delete", cls=Command)
def delete(name: StackArgument) -> None:
    """Take a stack out of pipes.toml; its components stay."""
    from airflow_provider_pipes.registration.stacks import delete_stack

    tell_change("deleted stack ", name, delete_stack(Path.cwd(), name), "from")


@stack_app.command("list", cls=Command)
def list_stacks(as_json: JsonFlag = False) -> None:
    """List the stacks; the active one is marked."""
    from airflow_provider_pipes.cli.session import project_here
    from airflow_provider_pipes.registration.stacks import active_stack

    project = project_here()
    active = active_stack(project)
    found = [_summary(project, name, active) for name in project.stack_names]
    if as_json:
        print_json(found)
    else:
        _print_list(found)
    if active not in project.stack_names:
        warn([f"{_no_active(project, active)}; choose one: pipes stack set NAME"])


def _no_active(project: Project, active: str | None) -> str:
    by = project.source.variables.get(("active_stack",), "pipes.toml")
    return f"{by} says that stack {active!r} is active, and there is none" if active else "no stack is active"


@stack_app.command("describe", cls=Command)
def describe(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="The stack; the active one by default.", autocompletion=complete_stacks
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a stack's components with their configurations."""
    from airflow_provider_pipes.cli.session import project_here
    from airflow_provider_pipes.registration.names import unknown
    from airflow_provider_pipes.registration.stacks import active_stack

    project = project_here()
    if name is None:
        name = project.active_stack
    if name not in project.file.stacks:
        raise unknown("stack", name, project.stack_names)
    with stdout_kept_clean():
        document = _document(project, name, active_stack(project))
    if as_json:
        print_json(document)
        return
    _print_document(document)


def _print_list(found: list[dict[str, Any]]) -> None:
    # Few stacks have these; a terminal of 80 columns is full without them.
    optional = {"BUILDER": "image_builder", "REGISTRY": "container_registry"}
    used = {heading: field for heading, field in optional.items() if any(each[field] for each in found)}
    rows: list[list[Part]] = [
        [
            ("*", "green") if each["active"] else "",
            (each["name"], "bold"),
            each["orchestrator"],
            each["artifact_store"],
            ", ".join(each["step_operators"]),
            *(each[field] or "" for field in used.values()),
            (each["origin"], "dim"),
        ]
        for each in found
    ]
    OUT.table(["", "NAME", "ORCHESTRATOR", "STORE", "STEP OPERATORS", *used, "FROM"], rows)


def _summary(project: Project, name: str, active: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "active": name == active,
        **project.file.stacks[name].model_dump(mode="json"),
        "origin": origin_of(project, "stacks", name),
    }


def _document(project: Project, name: str, active: str | None) -> dict[str, Any]:
    from airflow_provider_pipes.registration.checks import names_in_stack, stack_problems

    components = [
        component_document(project, kind, each)
        for kind, names in names_in_stack(project, name).items()
        for each in names
        if each in project.file.components(kind)
    ]
    problems, missing = stack_problems(project, name)
    summary = _summary(project, name, active)
    return {
        **{key: summary[key] for key in ("name", "active", "origin")},
        "components": components,
        "problems": [*problems, *missing],
    }


def _print_document(document: dict[str, Any]) -> None:
    mark = " (active)" if document["active"] else ""
    OUT.line("stack ", (document["name"], "bold"), f"{mark}, {from_origin(document)}")
    for each in document["components"]:
        OUT.line()
        kind = StackComponentType(each["kind"])
        where = from_origin(each)
        OUT.line(f"{kind.label} ", (each["name"], "bold"), f", flavor {each['flavor']}, {where}")
        print_config(each["config"], indent=False)
    warn(document["problems"])
