"""Measure what others take for the same pipeline: ``python -m benchmarks.peers [NAME …]``."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.cosmos import Cosmos
from benchmarks.peers.dagfactory import DagFactory
from benchmarks.peers.environments import environment, lock
from benchmarks.peers.hand import Hand
from benchmarks.peers.kedro import Kedro
from benchmarks.peers.load import Load
from benchmarks.peers.metaflow import Metaflow
from benchmarks.peers.ours import Ours
from benchmarks.peers.outcome import CannotRunError, Cell, Figure, first_line
from benchmarks.peers.peer import Absent, Peer
from benchmarks.peers.rows import ROWS, Row
from benchmarks.peers.table import print_markdown, print_table
from benchmarks.peers.zenml import ZenML

_PEERS: dict[str, type[Peer]] = {
    each.name: each for each in (Ours, Hand, ZenML, Metaflow, Kedro, DagFactory, Cosmos)
}
_QUICK = 2
_KEPT = ("LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")


def main() -> int:
    """Set the peers up, measure them in turn, and print the table."""
    asked = _arguments()
    if asked.lock:
        lock()
        return 0
    # So that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runs, load, rows = _QUICK if asked.quick else asked.runs, Load(), list[Row]()
    with tempfile.TemporaryDirectory(prefix="pipes-peers-", ignore_cleanup_errors=True) as folder:
        peers = _set_up(_chosen(_PEERS, [Ours.name, *asked.names]), Path(folder) / "peers")
        try:
            for name in _chosen(ROWS, asked.names):
                rows += _measured(name, peers, Path(folder) / name, runs, load)
        finally:
            for peer in peers:
                peer.close()
    show = print_markdown if asked.markdown else print_table
    show(rows, peers, _about(peers, rows, runs, load))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.peers", description="Measure what others take for the same pipeline."
    )
    known = [*ROWS, *_PEERS]
    told = f"rows ({', '.join(ROWS)}) and peers ({', '.join(_PEERS)}) to measure; all by default"
    parser.add_argument("names", nargs="*", metavar="NAME", help=told)
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs of each (default: 5)")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK} runs: a look, not a measurement")
    parser.add_argument(
        "--markdown", action="store_true", help="print the table as docs/benchmarks.md has it"
    )
    parser.add_argument("--lock", action="store_true", help="resolve requirements/peers-*.txt again instead")
    # Names and options in any order.
    asked = parser.parse_intermixed_args()
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"no row or peer {', '.join(unknown)}; there are: {', '.join(known)}")
    if asked.runs < 1:
        parser.error("--runs must be at least 1")
    return asked


def _chosen(known: Mapping[str, object], names: Sequence[str]) -> list[str]:
    """Return those that were named, in their own order; all where none but ours was."""
    named = [name for name in known if name in names]
    return named if set(named) - {Ours.name} else list(known)


def _set_up(names: Sequence[str], folder: Path) -> list[Peer]:
    failures: dict[str, CannotRunError] = {}
    for name in names:
        try:
            for each in (name, *_PEERS[name].needs):
                environment(each)
        except CannotRunError as failure:
            failures[name] = failure
    _isolate()
    peers: list[Peer] = []
    for name in names:
        try:
            if name in failures:
                raise failures[name]
            peers.append(_PEERS[name](folder / name))
        except (CannotRunError, RuntimeError) as failure:
            peers.append(Absent(_PEERS[name], CannotRunError(first_line(str(failure)))))
    return peers


def _isolate() -> None:
    """Take away what the caller's shell would add to the figures, once everything is installed."""
    for name in os.environ.keys() - set(_KEPT):
        del os.environ[name]
    sys.dont_write_bytecode = False


def _measured(name: str, peers: Sequence[Peer], folder: Path, runs: int, load: Load) -> list[Row]:
    folder.mkdir()
    began = time.monotonic()
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    load.look()
    rows = []
    for row in ROWS[name](peers, folder, runs):
        notes = {peer.name: peer.notes.get(name, "") for peer in peers}
        rows.append(replace(row, cells={key: _noted(cell, notes[key]) for key, cell in row.cells.items()}))
        print(f"\n  {row.what}: {_brief(row)}", end=" ", file=sys.stderr, flush=True)
        load.look()
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows


def _brief(row: Row) -> str:
    told = {
        name: f"{cell.value:.3g}" if isinstance(cell, Figure) else "-" for name, cell in row.cells.items()
    }
    return ", ".join(f"{name} {text}" for name, text in told.items())


def _noted(cell: Cell, note: str) -> Cell:
    return replace(cell, note=note) if note and isinstance(cell, Figure) else cell


def _about(peers: Sequence[Peer], rows: Sequence[Row], runs: int, load: Load) -> list[str]:
    """Return the sentences above the table."""
    versions = [
        f"{package} {peer.environment.version_of(package)}" for peer in peers for package in peer.packages
    ]
    spreads = [cell.spread for row in rows for cell in row.cells.values() if isinstance(cell, Figure)]
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {machine}, Python {platform.python_version()}:",
        f"medians of {runs} interleaved runs, in parentheses the ratio to ours in the same runs.",
        f"Versions: {', '.join(versions)}.",
        load.told(),
    ]
    if spreads:
        middle, most = statistics.median(spreads), max(spreads)
        lines.append(
            f"The middle half of a cell's runs lay within {middle:.0%} of its median (at worst {most:.0%})."
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
