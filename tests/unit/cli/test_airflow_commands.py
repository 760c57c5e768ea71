"""`airflow pipes …`: the commands are ours, and argparse leaves their arguments alone."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping

import click
import pytest
import typer
from airflow.cli import cli_parser
from airflow.cli.cli_config import GroupCommand
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.cli import airflow_commands, application, main

pytestmark = pytest.mark.airflow


def airflow_parser() -> argparse.ArgumentParser:
    """Return Airflow's own parser of a command line with our commands in it."""
    made = argparse.ArgumentParser(prog="airflow")
    subparsers = made.add_subparsers(dest="subcommand")
    for command in airflow_commands.get_pipes_commands():
        cli_parser._add_command(subparsers, command)
    return made


PARSER = airflow_parser()


def commands() -> Mapping[str, click.Command]:
    group = typer.main.get_command(application.app)
    return {name: each for name, each in vars(group)["commands"].items() if not each.hidden}


def test_each_command_is_listed_with_its_own_help() -> None:
    summaries = {
        name: " ".join((each.help or "").split("\n\n")[0].split()) for name, each in commands().items()
    }
    lines = "".join(f'    "{name}": "{summary}",\n' for name, summary in sorted(summaries.items()))
    assert summaries == airflow_commands.COMMANDS, f"COMMANDS in airflow_commands.py should be\n{lines}"


def test_they_are_listed_in_order() -> None:
    assert list(airflow_commands.COMMANDS) == sorted(airflow_commands.COMMANDS)


def test_the_group_has_all_of_them() -> None:
    (group,) = airflow_commands.get_pipes_commands()
    assert isinstance(group, GroupCommand)
    assert [each.name for each in group.subcommands] == list(airflow_commands.COMMANDS)


tokens = st.text(st.characters(exclude_characters="\0", codec="utf-8")) | st.sampled_from(
    [
        "-",
        "--",
        "-h",
        "--help",
        "--he",
        "-x",
        "--subcommand",
        "--json=1",
        "-5",
        "a b",
        "-a b",
        "@file",
        "+x",
        "=",
    ]
)


@given(st.sampled_from(sorted(airflow_commands.COMMANDS)), st.lists(tokens, max_size=6))
def test_argparse_hands_on_whatever_follows_the_command(command: str, arguments: list[str]) -> None:
    found = PARSER.parse_args(["pipes", command, *arguments])
    assert found.pipes_arguments == arguments
    # Airflow asks for these after it has parsed.
    assert found.subcommand
    assert not hasattr(found, "output")


@pytest.mark.parametrize("code", [0, 1, 2, 70])
def test_the_commands_exit_code_is_airflows(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[list[str], str]] = []

    def fake(arguments: list[str], program: str) -> int:
        called.append((arguments, program))
        return code

    monkeypatch.setattr(main, "main", fake)
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)
    found = PARSER.parse_args(["pipes", "runs", "show", "--json", "x"])
    with pytest.raises(SystemExit) as ended:
        found.func(found)
    assert ended.value.code == code
    assert called == [(["runs", "show", "--json", "x"], "airflow pipes")]


def test_a_percent_sign_in_a_help_text_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_commands, "COMMANDS", {"run": "Run 100% of it."})
    with pytest.raises(SystemExit):
        airflow_parser().parse_args(["pipes", "--help"])


def test_the_module_brings_nothing_but_itself() -> None:
    code = (
        "import sys, airflow.cli.cli_parser\nbefore = set(sys.modules)\n"
        "from airflow_provider_pipes.cli.airflow_commands import get_pipes_commands\nget_pipes_commands()\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    new = {
        name for name in done.stdout.splitlines()[-1].split() if not name.startswith("airflow_provider_pipes")
    }
    assert new == set()
    ours = set(done.stdout.splitlines()[-1].split()) - new
    package = "airflow_provider_pipes"
    modules = ("lazy", "version", "cli", "cli.airflow_commands")
    allowed = {package, *(f"{package}.{module}" for module in modules)}
    assert ours <= allowed, "a module more for every `airflow` command"
