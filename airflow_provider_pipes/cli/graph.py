"""`pipes graph`: a picture of a pipeline."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_pipes.cli.options import StackOption, TargetArgument
from airflow_provider_pipes.cli.terminal import OUT
from airflow_provider_pipes.errors import DeployError


class GraphFormat(StrEnum):
    """What a graph can be written as."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


_FORMATS = {
    ".mmd": GraphFormat.MERMAID,
    ".mermaid": GraphFormat.MERMAID,
    ".dot": GraphFormat.DOT,
    ".gv": GraphFormat.DOT,
    ".svg": GraphFormat.SVG,
}


def graph(
    target: TargetArgument,
    graph_format: Annotated[
        GraphFormat | None,
        typer.Option("--format", help="What to write; by default what FILE's name says, else mermaid."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write instead of stdout.")
    ] = None,
    stack: StackOption = None,
) -> None:
    """Draw the steps of a pipeline and what flows between them."""
    from airflow_provider_pipes.cli.session import compile_target
    from airflow_provider_pipes.compiler.graph import draw

    chosen = graph_format or _format_of(output)
    session = compile_target(target, stack, "run")
    text = draw(session.deployment, chosen.value)
    if output is None:
        OUT.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DeployError(f"cannot write {output}: {error.strerror}; choose another --output") from None
    OUT.line("wrote ", (str(output), "bold"))


def _format_of(output: Path | None) -> GraphFormat:
    if output is None or not output.suffix:
        return GraphFormat.MERMAID
    found = _FORMATS.get(output.suffix.lower())
    if found is None:
        known = ", ".join(_FORMATS)
        raise typer.BadParameter(
            f"{output.name!r} ends in {output.suffix!r}, and a graph is written as one of {known}; "
            "choose one of these, or say by --format what to write",
            param_hint="--output",
        )
    return found
