"""Run the benchmarks: ``python -m benchmarks [NAME …] [--runs N] [--quick] [--markdown]``."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.closures import closures
from benchmarks.commands import commands
from benchmarks.compiling import compiling
from benchmarks.containers import containers
from benchmarks.deploying import deploying
from benchmarks.harness import Row, print_markdown, print_table
from benchmarks.mixed import mixed
from benchmarks.parsing import parsing
from benchmarks.running import running
from benchmarks.starting import starting
from benchmarks.tasks import tasks
from benchmarks.waiting import waiting

BENCHMARKS: dict[str, Callable[[Path, int], Iterator[Row]]] = {
    each.__name__: each
    for each in (
        compiling,
        closures,
        deploying,
        running,
        starting,
        commands,
        parsing,
        tasks,
        containers,
        mixed,
        waiting,
    )
}
_QUICK = 3


def main() -> int:
    """Run what was asked for, print the table, and return 1 where a bar is missed."""
    asked = _arguments()
    # So that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runs = _QUICK if asked.quick else asked.runs
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="pipes-benchmarks-") as folder:
        _isolate(Path(folder))
        for name in asked.names or BENCHMARKS:
            rows += _measured(name, Path(folder) / name, runs)
    show = print_markdown if asked.markdown else print_table
    show(rows, f"medians of {runs} interleaved runs; {_machine()}")
    return 1 if any(row.met is False for row in rows) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure speed against the targets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--runs", type=int, default=15, help="interleaved runs of each (default: 15)")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK} runs: a look, not a measurement")
    parser.add_argument(
        "--markdown", action="store_true", help="print the table as docs/benchmarks.md has it"
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    if asked.runs < 1:
        parser.error("--runs must be at least 1")
    return asked


def _isolate(folder: Path) -> None:
    """Take away what the caller's shell would add to the figures; the commands inherit the rest."""
    for name in list(os.environ):
        if name.startswith(("AIRFLOW", "AWS_", "PIPES_")) or name == "PYTHONDONTWRITEBYTECODE":
            del os.environ[name]
    sys.dont_write_bytecode = False
    os.environ["PIPES_CACHE_DIR"] = str(folder / "cache")


def _measured(name: str, folder: Path, runs: int) -> list[Row]:
    folder.mkdir()
    began = time.monotonic()
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    rows = list(BENCHMARKS[name](folder, runs))
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows


def _machine() -> str:
    python, airflow = platform.python_version(), importlib.metadata.version("apache-airflow")
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{machine}, Python {python}, Airflow {airflow}, {datetime.now(UTC):%Y-%m-%d}"


if __name__ == "__main__":
    sys.exit(main())
