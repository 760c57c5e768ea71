"""What a cell of the table holds: a figure, or why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EXCEPTION = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Failed|Failure|NotFound)\b.*")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 200


class CannotRunError(Exception):
    """Raised where a peer cannot do what a row measures; says why."""


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Attributes:
        value: The median.
        spread: How far the middle half of the runs lies apart, as a part of the median.
        note: What a reader has to know about it.
    """

    value: float
    spread: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Reason:
    """Why nothing was measured."""

    text: str


Cell = Figure | Reason


def first_line(output: str) -> str:
    """Return the first line of the error that an output ends with."""
    lines = [_COLOUR.sub("", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    told = [line for line in lines if _EXCEPTION.match(line)] or lines or ["no output"]
    return told[-1].removeprefix("- ")[:_LONGEST]
