"""What mypy says of users' code: a step has the signature of its function."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from mypy import api

SNIPPET = """
from typing import Annotated, Any
from airflow_provider_pipes import (
    DockerSettings, ResourceSettings, Schedule, Step, StepContext, get_step_context, pipeline, step,
)

@step
def load(n: int, *, path: str = "") -> Annotated[list[int], "rows"]:
    return [n]

@step(retries=2, cache=False, resources=ResourceSettings(memory="1GB"))
def split(rows: list[int], share: float = 0.5) -> tuple[Annotated[int, "train"], Annotated[str, "test"]]:
    return 1, ""

@step
def report(score: float) -> None: ...

@pipeline
def bare(lr: float = 0.1) -> None: ...

@pipeline(schedule=Schedule(cron="@daily"), tags=["a"])
def training(lr: float = 0.1, name: str = "x") -> None: ...

reveal_type(load)                                       # R: Step[[n: int, *, path: str =], list[int]]
reveal_type(load(1))                                    # R: list[int]
reveal_type(split)  # R: Step[[rows: list[int], share: float =], tuple[int, str]]
reveal_type(split([1])[1])                              # R: str
reveal_type(load.with_options(name="other", retries=1))  # R: Step[[n: int, *, path: str =], list[int]]
reveal_type(report.after(load(1)))                      # R: Step[[score: float], None]
reveal_type(training)                                   # R: Pipeline[[lr: float =, name: str =]]
reveal_type(bare)                                       # R: Pipeline[[lr: float =]]
reveal_type(get_step_context())                         # R: StepContext
reveal_type(load.function)                              # R: def (n: int, *, path: str =) -> list[int]

load("a")                             # E: [arg-type]
load()                                # E: [call-arg]
load(1, "path")                       # E: [call-arg]
load(n=1, frame=2)                    # E: [call-arg]
split(load(1), share="half")          # E: [arg-type]
split(split([1]))                     # E: [arg-type]
report(split([1])[1])                 # E: [arg-type]
load.with_options(retires=1)          # E: [call-arg]
load.with_options(retries="many")     # E: [arg-type]
report.after(1).after()(1.0)
training(lr="a")                      # E: [arg-type]
ResourceSettings(gpus=1)              # E: [call-arg]
one, two, three = split([1])          # E: [misc]
get_step_context().step               # E: [attr-defined]

@step(retires=1)                      # E: [call-overload]
def misspelt() -> None: ...

@pipeline(shedule=None)               # E: [call-overload]
def misspelt_too() -> None: ...
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """Return what mypy says of each line of the snippet."""
    folder = tmp_path_factory.mktemp("typing")
    file = folder / "snippet.py"
    file.write_text(textwrap.dedent(SNIPPET))
    config = folder / "mypy.ini"
    config.write_text(
        "[mypy]\nstrict = true\nplugins = pydantic.mypy\n[pydantic-mypy]\ninit_forbid_extra = true\n"
    )
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("MYPYPATH", str(Path(__file__).parents[2]))
    arguments = ["--no-error-summary", "--config-file", str(config), f"--cache-dir={folder / 'cache'}"]
    output, errors, _ = api.run([*arguments, "--follow-imports=silent", str(file)])
    monkeypatch.undo()
    assert errors == ""
    found: dict[int, list[str]] = {}
    for line in output.splitlines():
        match = re.match(r".*snippet\.py:(\d+): (error|note): (.*)", line)
        assert match, line
        found.setdefault(int(match[1]), []).append(match[3])
    return found


def expectations(mark: str) -> list[tuple[int, str]]:
    lines = enumerate(SNIPPET.splitlines(), start=1)
    return [(number, line.partition(mark)[2]) for number, line in lines if mark in line]


def plain(revealed: str) -> str:
    text = re.sub(r"\b(?:builtins|airflow_provider_pipes[\w.]*|typing)\.", "", revealed)
    return text.removeprefix('Revealed type is "').removesuffix('"')


@pytest.mark.parametrize(("line", "expected"), expectations("# R: "))
def test_a_step_has_the_type_of_its_function(said: dict[int, list[str]], line: int, expected: str) -> None:
    assert [plain(text) for text in said[line]] == [expected]


@pytest.mark.parametrize(("line", "code"), expectations("# E: "))
def test_a_wrong_call_is_an_error(said: dict[int, list[str]], line: int, code: str) -> None:
    assert any(text.endswith(code) for text in said.get(line, []))


def test_nothing_else_is_said(said: dict[int, list[str]]) -> None:
    expected = {line for mark in ("# R: ", "# E: ") for line, _ in expectations(mark)}
    assert {line: texts for line, texts in said.items() if line not in expected} == {}
