"""Measuring: interleaved runs, medians, one table."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

_HEADINGS = ["what", "ours", "compared with", "ratio or difference", "bar", "met?"]
_CAPTION = "* measured earlier, on the same kind of machine"
_MET = {True: "yes", False: "NO", None: ""}
PIPES = (sys.executable, "-m", "airflow_provider_pipes.cli.main")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        compared: What it stands beside: measured in the same run, or with an asterisk earlier.
        figure: The ratio or difference that the bar is about.
        met: Whether the bar is met; None where there is none.
    """

    what: str
    ours: str
    compared: str
    figure: str
    bar: str
    met: bool | None


@dataclass(frozen=True)
class Peers:
    """What others were measured to take, the best of them first."""

    figures: Mapping[str, float]

    def told(self, ours: float) -> tuple[str, str]:
        """Return the columns "compared with" and "figure"."""
        best, figure = next(iter(self.figures.items()))
        return ", ".join(f"{name} {each:g} *" for name, each in self.figures.items()), _times(
            ours / figure, best
        )


@dataclass(frozen=True)
class Spent:
    """What a process and its children took, in seconds."""

    cpu: float
    wall: float


def spent(command: Sequence[str], cwd: Path, variables: Mapping[str, str] | None = None) -> Spent:
    """Run a command to its end and return what it took, its children included.

    Raises:
        RuntimeError: it failed; a figure of a failed command says nothing.
    """
    with (cwd / "output.log").open("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(variables or {})}, stdout=output, stderr=output
        )
        # Not wait(): the usage of this one child is wanted.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise RuntimeError(
                f"{' '.join(command)} exited with {process.returncode}:\n{output.read()[-2000:]}"
            )
    return Spent(usage.ru_utime + usage.ru_stime, wall)


def cpu_of(function: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that a call takes."""
    # What others left behind is not collected at this one's expense.
    gc.collect()
    began = time.process_time()
    function()
    return time.process_time() - began


def interleaved(runs: int, *measures: Callable[[], float]) -> list[float]:
    """Call each measure ``runs`` times, in turn, and return the median of each."""
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(runs):
        for values, measure in zip(taken, measures, strict=True):
            values.append(measure())
    return [statistics.median(values) for values in taken]


def at_most(what: str, ours: float, bar: float, unit: str = "CPU s", peers: Peers | None = None) -> Row:
    """Return the row of a figure that must not pass a bar."""
    compared, figure = peers.told(ours) if peers else ("", _times(ours / bar, "the bar"))
    return Row(what, f"{ours:.3g} {unit}", compared, figure, f"≤ {bar:g} {unit}", ours <= bar)


def ratio_at_most(what: str, ours: float, other: float, bar: float, unit: str, name: str) -> Row:
    """Return the row of a figure that must not pass a multiple of another."""
    ratio = ours / other
    return Row(
        what,
        f"{ours:.3g} {unit}",
        f"{name} {other:.3g} {unit}",
        f"{ratio:.2f} x",
        f"≤ {bar:.2f} x",
        ratio <= bar,
    )


def more_at_most(
    what: str, ours: float, other: float, bar: float | None, name: str, peers: Peers | None = None
) -> Row:
    """Return the row of seconds that must not pass others by more than ``bar``; they are told in ms."""
    more = (ours - other) * 1000
    compared = f"{name} {other * 1000:.0f} ms"
    if peers:
        compared += f"; {peers.told(more)[0]}"
    told = f"{ours * 1000:.0f} ms", compared, f"{more:+.0f} ms"
    if bar is None:
        return Row(what, *told, bar="", met=None)
    return Row(what, *told, bar=f"≤ {bar * 1000:+.0f} ms", met=ours - other <= bar)


def print_table(rows: Sequence[Row], title: str) -> None:
    """Print the rows for a person at a terminal."""
    table = Table(title=title, title_justify="left", caption=_CAPTION, caption_justify="left")
    for heading in _HEADINGS:
        table.add_column(heading)
    for row in rows:
        table.add_row(*_cells(row))
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def print_markdown(rows: Sequence[Row], title: str) -> None:
    """Print the rows for docs/benchmarks.md."""
    lines = [_HEADINGS, ["---"] * len(_HEADINGS), *map(_cells, rows)]
    print(f"{title[0].upper()}{title[1:]}.\n")
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    print(f"{text}\n\n{_CAPTION}".replace("*", r"\*"))


def _cells(row: Row) -> list[str]:
    return [row.what, row.ours, row.compared, row.figure, row.bar, _MET[row.met]]


def write_pipeline(folder: Path, steps: int, name: str = "", cache: bool = True) -> Path:
    """Write a project with one chain of no-op steps and return its file."""
    name = name or f"chain_{steps}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").touch()
    file = folder / f"{name}.py"
    file.write_text(
        "from airflow_provider_pipes import pipeline, step\n\n\n"
        f"@step(cache={cache})\ndef noop(x: int) -> int:\n    return x\n\n\n"
        f"@pipeline\ndef {name}(x: int = 1) -> None:\n"
        "    value = noop(x)\n"
        f"    for _ in range({steps - 1}):\n        value = noop(value)\n"
    )
    return file


def _times(ratio: float, what: str) -> str:
    return f"{ratio:.2f} x {what}"
