"""The short table of exit codes in running.md has every code that a command ends with."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_pipes import errors
from airflow_provider_pipes.cli import failures

PAGE = Path(__file__).parents[2] / "docs" / "running.md"


def test_running_has_every_exit_code() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {each.exit_code for each in classes if issubclass(each, errors.PipesError)}
    codes |= {value for name, value in vars(failures).items() if name.startswith("EXIT_")}
    table = PAGE.read_text(encoding="utf-8").partition("## Exit codes")[2]
    told: set[int] = set()
    for first, last in re.findall(r"^\| (\d+)(?: to (\d+))? \|", table, re.MULTILINE):
        told |= set(range(int(first), int(last or first) + 1))
    assert codes <= told
