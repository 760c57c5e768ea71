"""What all commands have in common: how they read the command line, and options that several have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from airflow_provider_pipes.cli.completion import complete_stacks
from airflow_provider_pipes.cli.failures import tell_interrupted

TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="The pipeline: path/to/file.py:name or module:name.")
]
StackOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Stack of pipes.toml to use instead of the active one.",
        autocompletion=complete_stacks,
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
DagsFolderOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Airflow's dags folder, instead of the one that pipes.toml or Airflow names."
    ),
]


class Usage:
    """For commands: a help text that looks the same whichever typer is installed."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters; a flag has no value that would be named."""
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for each in found:
            if getattr(each, "is_flag", False) and each.metavar is None:
                each.metavar = ""
        return found

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line: brackets where one can be left out, dots where repeated."""
        found: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        arguments = [each for each in self.get_params(ctx) if each.param_type_name == "argument"]
        for each in arguments:
            piece = each.get_usage_pieces(ctx)[0]
            found[found.index(piece)] = _usage_of(each)
        return found


def _usage_of(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()).strip("[]").removesuffix("...")
    shown = name + ("..." if argument.nargs != 1 else "")
    return shown if argument.required else f"[{shown}]"


class Command(Usage, TyperCommand):
    """A command that takes no empty text for a value, and no option twice that has one value.

    Attributes:
        may_be_empty: Parameters that take empty text too.
    """

    may_be_empty: ClassVar[frozenset[str]] = frozenset()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line.

        Raises:
            typer.BadParameter: a value is empty, as that of a variable of the shell that is not set; or one
                of two values would count.
        """
        if not ctx.resilient_parsing:
            given, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for each in self.get_params(ctx):
                value = given.get(each.name)
                empty = value == "" or (isinstance(value, list | tuple) and "" in value)
                if empty and each.name not in self.may_be_empty:
                    raise typer.BadParameter("it is empty; give a value", ctx=ctx, param=each)
                if order.count(each) > 1 and _has_one_value(each):
                    raise typer.BadParameter("it is given more than once; give it once", ctx=ctx, param=each)
        return super().parse_args(ctx, args)


def _has_one_value(parameter: Any) -> bool:
    return parameter.param_type_name == "option" and not (parameter.multiple or parameter.is_flag)


class Group(Usage, TyperGroup):
    """A group of commands that says so when the user ends one of them."""

    def invoke(self, ctx: Any) -> Any:
        """Carry out a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(tell_interrupted()) from None
