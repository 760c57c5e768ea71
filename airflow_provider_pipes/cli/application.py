"""The commands together, and how one of them is carried out."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from airflow_provider_pipes.cli import components, deploy, doctor, graph, init, run, runs, server, stacks
from airflow_provider_pipes.cli.failures import tell, tell_bug, tell_unwritten
from airflow_provider_pipes.cli.options import Command, Group
from airflow_provider_pipes.cli.terminal import ERR, OUT, OutputError, flush_output, prepare_streams
from airflow_provider_pipes.errors import PipesError
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.version import __version__

app = typer.Typer(
    name="pipes",
    cls=Group,
    help="Write a pipeline once, as typed Python functions, and have Airflow run it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
runs_app = typer.Typer(cls=Group, help="Look at runs, local ones and Airflow's.", no_args_is_help=True)

app.command(cls=Command)(init.init)
app.command(cls=Command)(run.run)
app.command(cls=Command)(deploy.deploy)
app.command(cls=Command)(deploy.undeploy)
app.command(cls=Command)(graph.graph)
app.add_typer(runs_app, name="runs")
runs_app.command("list", cls=Command)(runs.list_runs)
runs_app.command("show", cls=Command)(runs.show_run)
app.command(cls=Command)(server.up)
app.command(cls=Command)(server.down)
app.command(cls=Command)(server.status)
app.command(cls=Command)(doctor.doctor)
app.add_typer(stacks.stack_app, name="stack")
for _kind in StackComponentType:
    app.add_typer(components.component_commands(_kind), name=_kind.value.replace("_", "-"))


def _print_version(wanted: bool) -> None:
    if wanted:
        OUT.write(f"airflow-provider-pipes {__version__}\n")
        raise typer.Exit


@app.callback()
def _pipes(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


class _Warnings(logging.Handler):
    """Shows what is logged where nobody has configured logging, as the other warnings are shown."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = "warning: " if record.levelno < logging.ERROR else "error: "
        ERR.line((kind, "yellow" if record.levelno < logging.ERROR else "bold red"), self.format(record))


def execute(arguments: Sequence[str] | None, program: str) -> int:
    """Run a command and return its exit code; see ``main``."""
    prepare_streams()
    logging.lastResort = _Warnings(logging.WARNING)
    try:
        code = _ended(arguments, program)
        flush_output()
        return code
    except BrokenPipeError:
        # Who read our output has left, which is no error.
        _give_up_stdout()
        return 1
    except OutputError as error:
        _give_up_stdout()
        return tell_unwritten(error)


def _ended(arguments: Sequence[str] | None, program: str) -> int:
    try:
        typer.main.get_command(app).main(args=arguments, prog_name=program)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except PipesError as error:
        return tell(error)
    except (BrokenPipeError, OutputError):
        raise
    except Exception as error:
        return tell_bug(error)
    return 0


def _give_up_stdout() -> None:
    # Python's own last flush must not fail a second time.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
