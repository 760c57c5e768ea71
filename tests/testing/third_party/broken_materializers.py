"""Materializers that each break one promise."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.materializers import Materializer
from airflow_provider_pipes.testing import MaterializerContract

# An author writes plain class attributes; so do these suites.
# ruff: noqa: RUF012


class Ratio:
    def __init__(self, value: float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ratio) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Ratio({self.value})"


class Good(Materializer):
    name = "ratio"

    def can_save(self, value: Any) -> bool:
        return isinstance(value, Ratio)

    def save(self, value: Any, directory: Path) -> None:
        (directory / "ratio.json").write_text(json.dumps({"ratio": value.value}))

    def load(self, directory: Path, expected: Any) -> Any:
        return Ratio(json.loads((directory / "ratio.json").read_text())["ratio"])


class Rounds(Good):
    def load(self, directory: Path, expected: Any) -> Any:
        return Ratio(round(super().load(directory, expected).value))


class ChangesTheType(Good):
    def load(self, directory: Path, expected: Any) -> Any:
        return super().load(directory, expected).value


class NotesTheTime(Good):
    def save(self, value: Any, directory: Path) -> None:
        super().save(value, directory)
        (directory / "written").write_text(str(time.time()))


class ShowsAll(Good):
    def preview(self, value: Any) -> str:
        return "line\n" * 100


class Invents(Good):
    def load(self, directory: Path, expected: Any) -> Any:
        return super().load(directory, expected) if (directory / "ratio.json").exists() else Ratio(0.5)


class TakesHalf(Good):
    def load(self, directory: Path, expected: Any) -> Any:
        text = (directory / "ratio.json").read_text()
        try:
            return Ratio(json.loads(text)["ratio"])
        except ValueError:
            return Ratio(0.5)


class TakesAll(Good):
    def can_save(self, value: Any) -> bool:
        return True

    def save(self, value: Any, directory: Path) -> None:
        (directory / "ratio.json").write_text(json.dumps({"ratio": getattr(value, "value", 0)}))


class AsksForTruth(Good):
    def can_save(self, value: Any) -> bool:
        return bool(value) and isinstance(value, Ratio)


class AnswersNone(Good):
    def can_save(self, value: Any) -> Any:
        return True if isinstance(value, Ratio) else None


class TakesNone(Good):
    def can_save(self, value: Any) -> bool:
        return False


class Grid:
    """Neither __eq__ nor __repr__, as a first try has it."""

    def __init__(self, cells: str) -> None:
        self.cells = cells


class GridAsText(Materializer):
    """Text mode makes other line ends of some."""

    name = "grid"

    def can_save(self, value: Any) -> bool:
        return isinstance(value, Grid)

    def save(self, value: Any, directory: Path) -> None:
        (directory / "cells.txt").write_text(value.cells)

    def load(self, directory: Path, expected: Any) -> Any:
        return Grid((directory / "cells.txt").read_text())


def _hidden() -> type[Materializer]:
    class Hidden(Good):
        pass

    return Hidden


class _Suite(MaterializerContract):
    samples = [Ratio(0.25), Ratio(3.0)]
    strategy = st.builds(Ratio, st.floats(allow_nan=False))


class TestGood(_Suite):
    materializer = Good


class TestRounds(_Suite):
    materializer = Rounds


class TestChangesTheType(_Suite):
    materializer = ChangesTheType


class TestNotesTheTime(_Suite):
    materializer = NotesTheTime


class TestShowsAll(_Suite):
    materializer = ShowsAll


class TestInvents(_Suite):
    materializer = Invents


class TestTakesHalf(_Suite):
    materializer = TakesHalf


class TestTakesAll(_Suite):
    materializer = TakesAll


class TestAsksForTruth(_Suite):
    materializer = AsksForTruth


class TestAnswersNone(_Suite):
    materializer = AnswersNone


class TestTakesNone(_Suite):
    materializer = TakesNone


class TestBareGrid(MaterializerContract):
    materializer = GridAsText
    samples = [Grid("..#.."), Grid("a\r\nb")]


class TestGridAsText(TestBareGrid):
    def equal(self, one: Any, other: Any) -> bool:
        return bool(one.cells == other.cells)


class TestHidden(_Suite):
    materializer = _hidden()


class TestWithoutSamples(MaterializerContract):
    materializer = Good
