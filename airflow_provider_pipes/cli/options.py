"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="The pipeline: path/to/file.py:name or module:name.")
]
StackOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Stack of pipes.toml to use instead of the active one.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
DagsFolderOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Airflow's dags folder, instead of the one that pipes.toml or Airflow names."
    ),
]
