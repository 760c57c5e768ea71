"""The tutorial, done word for word with a real Airflow.

The reader's environment is replaced by the one that the tests run in: `python -m venv`, its activation and
`pip install …` are the only commands of the page that are not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow.running import free_port
from tests.docs.reader import Reader, commands_of
from tests.examples.documents import ROOT, blocks

TUTORIAL = ROOT / "docs" / "tutorial.md"
# The port that the page names may be taken here.
PORT = "8080"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    port = free_port()

    def adapt(command: str) -> str:
        if command != "pipes up":
            return command
        back = f"sed s/localhost:{port}/localhost:{PORT}/"
        return f"set -o pipefail; pipes up --port {port} 2>&1 | {back}"

    made = Reader(tmp_path / "reader", adapt)
    yield made
    made.run("pipes down")


@pytest.mark.airflow
@pytest.mark.timeout(600)
def test_the_tutorial_leads_from_nothing_to_a_scheduled_dag(reader: Reader) -> None:
    reader.follow(TUTORIAL)
    named = [
        command
        for block in blocks("console", documents=(TUTORIAL,))
        for command, _ in commands_of(block.text)
    ]
    assert reader.done == [command for command in named if command not in reader.replaced]
    assert reader.replaced == [
        "python -m venv .venv",
        ". .venv/bin/activate",
        "pip install airflow-provider-pipes",
        "pip install pytest",
    ]
    programs = {" ".join(command.split()[:2]) for command in reader.done}
    assert {f"pipes {name}" for name in ("init", "run", "deploy", "up", "runs", "doctor", "down")} <= programs


def test_every_block_of_the_tutorial_is_followed() -> None:
    for block in blocks(documents=(TUTORIAL,)):
        assert block.title or block.language in ("console", "python"), f"{block} is read by no test"


def test_the_tutorial_shows_the_graph_that_the_command_draws(tmp_path: Path) -> None:
    made = Reader(tmp_path / "reader")
    drawn = made.run(
        "pipes init weather >/dev/null && cd weather && pipes graph pipelines.py --format svg"
    ).stdout
    picture = (ROOT / "docs" / "images" / "weather.svg").read_text(encoding="utf-8")
    assert picture == drawn, (
        "run `pipes graph pipelines.py --output docs/images/weather.svg` in the starter project"
    )
