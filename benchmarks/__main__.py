"""Run the benchmarks: ``python -m benchmarks [NAME …] [--runs N]``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import compiling, in_airflow, running
from benchmarks.harness import Row, print_table

BENCHMARKS: dict[str, Callable[[Path, int], Iterator[Row]]] = {
    "compile": compiling.compile_and_render,
    "closure": compiling.closure,
    "deploy": compiling.deploy,
    "run": running.run,
    "entrypoint": running.entrypoint,
    "parsing": in_airflow.parsing,
    "task": in_airflow.no_op_task,
}


def main() -> int:
    """Run what was asked for, print the table, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--runs", type=int, default=15, help="interleaved runs of each measure (default: 15)")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    # A user's own settings must not decide what is measured.
    for name in [each for each in os.environ if each.startswith(("AIRFLOW", "PIPES_"))]:
        del os.environ[name]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="pipes-bench-") as folder:
        os.environ["PIPES_CACHE_DIR"] = str(Path(folder) / "user-cache")
        for name in asked.names or BENCHMARKS:
            rows += _measured(name, Path(folder) / name, asked.runs)
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}"
    print_table(rows, f"medians of {asked.runs} interleaved runs; {where}")
    return 0 if all(row.met for row in rows) else 1


def _measured(name: str, folder: Path, runs: int) -> list[Row]:
    folder.mkdir(parents=True)
    began = time.monotonic()
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    rows = list(BENCHMARKS[name](folder, runs))
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows


if __name__ == "__main__":
    sys.exit(main())
