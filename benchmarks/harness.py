"""Measuring: interleaved runs, medians, one table."""

from __future__ import annotations

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

PIPES = (sys.executable, "-m", "airflow_provider_pipes.cli.main")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        compared: What stands beside it, measured in the same run unless it says otherwise.
        figure: The ratio or difference that the bar is about.
    """

    what: str
    ours: str
    compared: str
    figure: str
    bar: str
    met: bool


@dataclass(frozen=True)
class Spent:
    """What a process and its children took, in seconds."""

    cpu: float
    wall: float


def environment(**extra: str) -> dict[str, str]:
    """Return the caller's variables, less those that keep imports from being compiled."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith(("AIRFLOW", "PIPES_"))
    }
    return {**kept, **extra}


def spent(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> Spent:
    """Run a command to its end and return what it took, its children included.

    Raises:
        RuntimeError: it failed; a figure of a failed command says nothing.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=env or environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, said = process.stderr.read() if process.stderr else b"", b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stderr:
        process.stderr.close()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}: {_.decode()[-2000:]}{said!r}")
    return Spent(usage.ru_utime + usage.ru_stime, time.perf_counter() - began)


def cpu_of(function: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that a call takes."""
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


def at_most(
    what: str, ours: float, bar: float, unit: str = "CPU s", compared: str = "", figure: str = ""
) -> Row:
    """Return the row of a figure that must not pass a bar."""
    return Row(what, f"{ours:.3f} {unit}", compared, figure or f"{ours / bar:.2f} × bar", f"≤ {bar:g} {unit}", ours <= bar)


def print_table(rows: Sequence[Row], title: str) -> None:
    """Print the rows."""
    table = Table(title=title, title_justify="left")
    for heading in ("what", "ours", "compared with", "figure", "bar", "met"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.what, row.ours, row.compared, row.figure, row.bar, "yes" if row.met else "NO")
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def write_pipeline(folder: Path, steps: int, cache: bool = True) -> Path:
    """Write a project with one chain of no-op steps and return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").touch()
    file = folder / f"chain_{steps}.py"
    file.write_text(
        "from airflow_provider_pipes import pipeline, step\n\n\n"
        f"@step(cache={cache})\ndef noop(x: int) -> int:\n    return x\n\n\n"
        f"@pipeline\ndef chain_{steps}(x: int = 1):\n"
        "    value = noop(x)\n"
        f"    for _ in range({steps - 1}):\n        value = noop(value)\n"
    )
    return file
