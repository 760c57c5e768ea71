"""The example of the README: it compiles, it is right, and README shows what it really prints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.examples.conftest import Workplace, shown
from tests.examples.documents import README, ROOT, blocks

EXAMPLE = "docs/examples/digits.py"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
STEPS = [
    *(
        "load",
        "split",
        "train_smooth",
        "train_sharp",
        "evaluate_smooth",
        "evaluate_sharp",
        "choose",
        "report",
    ),
]


@pytest.fixture(scope="module")
def first_run(workplace: Workplace) -> dict[str, Any]:
    workplace.example()
    workplace.pipes("run", EXAMPLE, "--run-name", "first")
    return steps_of(workplace, "first")


def steps_of(workplace: Workplace, run: str) -> dict[str, Any]:
    return {step["name"]: step for step in workplace.answer("runs", "show", run)["steps"]}


def test_every_step_of_the_first_run_does_its_work(first_run: dict[str, Any]) -> None:
    assert list(first_run) == STEPS
    assert {(step["state"], step["cached"]) for step in first_run.values()} == {("success", False)}


def test_the_chosen_model_is_the_better_one_and_right_nine_times_of_ten(first_run: dict[str, Any]) -> None:
    smooth, sharp, chosen = (
        float(first_run[name]["outputs"]["accuracy"]["preview"])
        for name in ("evaluate_smooth", "evaluate_sharp", "choose")
    )
    assert chosen == max(smooth, sharp) > 0.9


def test_an_evaluation_logs_what_it_evaluated(first_run: dict[str, Any]) -> None:
    assert first_run["evaluate_sharp"]["metadata"]["gamma"] == 0.001
    assert first_run["evaluate_smooth"]["metadata"]["gamma"] == 0.0001


def test_the_report_is_a_picture(first_run: dict[str, Any]) -> None:
    uri = first_run["report"]["outputs"]["confusion_matrix"]["uri"]
    (picture,) = Path(unquote(urlsplit(uri).path)).rglob("*.png")
    assert picture.read_bytes().startswith(PNG_SIGNATURE)


@pytest.mark.usefixtures("first_run")
def test_a_second_run_takes_every_result_from_the_cache(workplace: Workplace) -> None:
    workplace.pipes("run", EXAMPLE, "--run-name", "second")
    assert {step["cached"] for step in steps_of(workplace, "second").values()} == {True}


@pytest.mark.usefixtures("first_run")
def test_readme_shows_what_a_run_with_another_parameter_prints(workplace: Workplace) -> None:
    (block,) = [each for each in blocks("console", documents=(README,)) if "$ pipes run" in each.text]
    command, _, output = block.text.partition("\n")
    printed = workplace.pipes(*command.removeprefix("$ pipes ").split())
    assert shown(printed) == shown(output)


@pytest.mark.usefixtures("first_run")
def test_readme_shows_parts_of_the_example_and_of_its_dag_file(workplace: Workplace) -> None:
    workplace.pipes("deploy", EXAMPLE, "--dags-folder", "dags")
    dag_file = (workplace.root / "dags" / "digits.py").read_text(encoding="utf-8")
    compile(dag_file, "digits.py", "exec")
    sources = [(ROOT / EXAMPLE).read_text(encoding="utf-8"), re.sub(r'"[0-9a-f]{64}"', '"…"', dag_file)]
    python = blocks("python", documents=(README,))
    assert python
    for block in python:
        assert any(f"\n{block.text}" in source for source in sources), f"{block} is in no file"


@pytest.mark.usefixtures("first_run")
def test_readme_shows_the_graph_that_the_command_draws(workplace: Workplace) -> None:
    picture = (ROOT / "docs/images/digits.svg").read_text(encoding="utf-8")
    drawn = workplace.pipes("graph", EXAMPLE, "--format", "svg")
    assert picture == drawn, f"run `pipes graph {EXAMPLE} --output docs/images/digits.svg`"
