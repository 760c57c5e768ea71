"""One table of all peers, with what could not run and why below it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.peers.outcome import Cell, Figure
from benchmarks.peers.peer import Peer
from benchmarks.peers.rows import Row

_OURS = "ours"


class _Notes:
    """What is told below the table, each thing once."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def number(self, text: str) -> int:
        """Return the number of a note, a new one if it was not told yet."""
        if text not in self._texts:
            self._texts.append(text)
        return self._texts.index(text) + 1

    def lines(self) -> list[str]:
        """Return them in order."""
        return [f"{number}. {text}" for number, text in enumerate(self._texts, 1)]


def print_table(rows: Sequence[Row], peers: Sequence[Peer], about: Sequence[str]) -> None:
    """Print the table for a person at a terminal."""
    notes = _Notes()
    table = Table()
    for heading in _headings(peers):
        table.add_column(heading)
    for row in rows:
        table.add_row(*_line(row, peers, notes))
    # Markup off: a note's number stands in brackets.
    console = Console(width=None if sys.stdout.isatty() else 150, markup=False)
    for line in about:
        console.print(line)
    console.print(table)
    for line in notes.lines():
        console.print(line)


def print_markdown(rows: Sequence[Row], peers: Sequence[Peer], about: Sequence[str]) -> None:
    """Print the table for docs/benchmarks.md."""
    notes = _Notes()
    headings = _headings(peers)
    lines = [headings, ["---"] * len(headings), *(_line(row, peers, notes) for row in rows)]
    print(" ".join(about), end="\n\n")
    print("\n".join(f"| {' | '.join(cells)} |" for cells in lines), end="\n\n")
    print("\n".join(notes.lines()).replace("<", "\\<").replace("*", "\\*"))


def _headings(peers: Sequence[Peer]) -> list[str]:
    return ["what", *(peer.title for peer in peers)]


def _line(row: Row, peers: Sequence[Peer], notes: _Notes) -> list[str]:
    ours = row.cells.get(_OURS)
    return [f"{row.what} ({row.unit})", *(_told(row.cells[peer.name], ours, notes) for peer in peers)]


def _told(cell: Cell, ours: Cell | None, notes: _Notes) -> str:
    if not isinstance(cell, Figure):
        return f"no [{notes.number(cell.text)}]"
    text = _number(cell.value)
    if isinstance(ours, Figure) and cell is not ours:
        text += f" ({_number(cell.value / ours.value)} x)"
    return f"{text} [{notes.number(cell.note)}]" if cell.note else text


def _number(value: float) -> str:
    """Return two or three digits that count, never in powers of ten."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
