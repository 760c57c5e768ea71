"""`airflow pipes …`: our commands among Airflow's.

Airflow imports this at each of its commands, so it imports nothing that Airflow has not. What the
commands are is written down here for that reason; a test compares it with the commands themselves.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

COMMANDS = {
    "artifact-store": "Register, show and change artifact stores.",
    "container-registry": "Register, show and change container registries.",
    "deploy": "Write the Airflow DAG file of each pipeline; all of them or none.",
    "doctor": (
        "Check configuration, store, DAG files and Airflow; a fix for each finding, exit code 1 on a problem."
    ),
    "down": "Stop what `pipes up` started.",
    "graph": "Draw the steps of a pipeline and what flows between them.",
    "image-builder": "Register, show and change image builders.",
    "init": "Write a starter project: pipes.toml, a small pipeline, its test, and what to do next.",
    "orchestrator": "Register, show and change orchestrators.",
    "run": "Run a pipeline here and now, with no Airflow process.",
    "runs": "Look at runs, local ones and Airflow's.",
    "stack": "Put components together, and choose the stack that is used.",
    "status": "Show whether what `pipes up` started is running; exit with 1 if it is not.",
    "step-operator": "Register, show and change step operators.",
    "undeploy": (
        "Remove DAG files that `pipes deploy` wrote, all of them or none; their runs and artifacts stay."
    ),
    "up": "Start an Airflow on this machine that reads the project's dags folder.",
}


class _Untouched(Arg):
    """Everything after the command's name, as it was typed."""

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the argument, and leave no option to argparse, not even ``--help``."""
        # No argument of a process can begin with a NUL, so nothing is taken for an option.
        parser.prefix_chars = "\0"
        super().add_to_parser(parser)


def get_pipes_commands() -> list[GroupCommand]:
    """Return what is added to the command `airflow`; it asks for this at every start."""
    rest = (_Untouched(("pipes_arguments",), nargs=argparse.REMAINDER),)  # type: ignore[no-untyped-call]
    commands = [
        ActionCommand(name=name, help=summary.replace("%", "%%"), func=partial(_run, name), args=rest)
        for name, summary in COMMANDS.items()
    ]
    return [
        GroupCommand(
            name="pipes",
            help="Write a pipeline once, as typed Python functions, and have Airflow run it",
            subcommands=commands,
            epilog="The same commands are there without Airflow's start, as `pipes COMMAND`.",
        )
    ]


def _run(command: str, given: argparse.Namespace) -> None:
    import logging

    from airflow_provider_pipes.cli.main import main

    # Airflow would print our log beside what the command prints.
    logging.basicConfig(level=logging.WARNING, format="%(message)s", force=True)
    sys.exit(main([command, *given.pipes_arguments], program="airflow pipes"))
