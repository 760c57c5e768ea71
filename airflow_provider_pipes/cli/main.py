"""The command `pipes`; also `python -m airflow_provider_pipes.cli.main`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from airflow_provider_pipes.cli import components, deploy, doctor, graph, init, run, runs, server, stacks
from airflow_provider_pipes.cli.failures import tell, tell_bug, tell_interrupted
from airflow_provider_pipes.cli.terminal import prepare_streams
from airflow_provider_pipes.errors import PipesError
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.version import __version__

app = typer.Typer(
    name="pipes",
    help="Write a pipeline once, as typed Python functions, and have Airflow run it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
runs_app = typer.Typer(help="Look at runs, local ones and Airflow's.", no_args_is_help=True)

app.command()(init.init)
app.command()(run.run)
app.command()(deploy.deploy)
app.command()(deploy.undeploy)
app.command()(graph.graph)
app.add_typer(runs_app, name="runs")
runs_app.command("list")(runs.list_runs)
runs_app.command("show")(runs.show_run)
app.command()(server.up)
app.command()(server.down)
app.command()(server.status)
app.command()(doctor.doctor)
app.add_typer(stacks.stack_app, name="stack")
for _kind in StackComponentType:
    app.add_typer(components.component_commands(_kind), name=_kind.value.replace("_", "-"))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"airflow-provider-pipes {__version__}")
        raise typer.Exit


@app.callback()
def _pipes(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None, program: str = "pipes") -> int:
    """Run a command and return its exit code; ``program`` is what the user called it."""
    prepare_streams()
    try:
        typer.main.get_command(app).main(args=arguments, prog_name=program)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except PipesError as error:
        return tell(error)
    except KeyboardInterrupt:
        return tell_interrupted()
    except BrokenPipeError:
        return _leave_pipe()
    except Exception as error:
        return tell_bug(error)
    return 0


def _leave_pipe() -> int:
    # Who read our output has left, which is no error; Python's own last flush must not make it one.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    sys.exit(main())
