"""The rows of the table: what is measured of every peer, in turn."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers.home import PeersHome
from benchmarks.peers.outcome import CannotRunError, Cell, Figure, Reason, first_line
from benchmarks.peers.peer import Kind, Measure, Peer
from benchmarks.peers.processor import Parser

_FEW, _MANY = 10, 500
_CACHED = 110
# All: what goes wrong in one cell must not cost the others.
_FAILURES = Exception


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        cells: By the name of the peer.
    """

    what: str
    unit: str
    cells: Mapping[str, Cell]


def importing(peers: Sequence[Peer], folder: Path, runs: int) -> Iterator[Row]:
    """What the first lines of a user's file take."""
    yield Row("import", "CPU s", _measured(peers, runs, lambda peer: peer.importing()))


def producing(peers: Sequence[Peer], folder: Path, runs: int) -> Iterator[Row]:
    """The whole process that makes the DAG."""
    for steps in (_FEW, _MANY):
        cells = _measured(peers, runs, lambda peer: peer.producing(steps))  # noqa: B023
        yield Row(f"produce the DAG, {steps} steps", "CPU s", cells)


def parsing(peers: Sequence[Peer], folder: Path, runs: int) -> Iterator[Row]:
    """The dag-processor's own figure."""
    ready = PeersHome(folder / "ready")
    for kind in Kind:
        place = folder / kind.name.lower()
        parsers = {peer.name: Parser(peer, kind, place / peer.name, ready) for peer in peers}
        try:
            for tasks in (_FEW, 100, _MANY):
                yield Row(f"dag-processor, {tasks} tasks {_said(kind)}", "s", _parsed(parsers, runs, tasks))
        finally:
            for parser in parsers.values():
                parser.close()


def sizing(peers: Sequence[Peer], folder: Path, runs: int) -> Iterator[Row]:
    """What Airflow reads of the DAG of the first kind that a peer offers."""
    cells: dict[str, Cell] = {}
    for peer in peers:
        try:
            cells[peer.name] = _size(peer, folder / peer.name)
        except _FAILURES as failure:
            cells[peer.name] = _reason(failure)
    yield Row(f"size, {_MANY} steps", "kB", cells)


def running(peers: Sequence[Peer], folder: Path, runs: int) -> Iterator[Row]:
    """The whole process of a run on this machine, nothing cached."""
    cells = _measured(peers, runs, lambda peer: peer.running(_FEW))
    yield Row(f"run {_FEW} steps here", "CPU s", cells)


def starting(peers: Sequence[Peer], folder: Path, runs: int) -> Iterator[Row]:
    """From the start of a step's process to the user's function."""
    yield Row("cold start to the function", "ms", _measured(peers, runs, lambda peer: peer.starting()))


def hitting(peers: Sequence[Peer], folder: Path, runs: int) -> Iterator[Row]:
    """A run where all is cached, less a shorter one."""
    few = _measured(peers, runs, lambda peer: _per_step(peer.hitting(_FEW), peer.hitting(_CACHED)))
    yield Row("cache hit, a step", "ms", few)


ROWS: dict[str, Callable[[Sequence[Peer], Path, int], Iterator[Row]]] = {
    each.__name__: each for each in (importing, producing, parsing, sizing, running, starting, hitting)
}


def _per_step(few: Measure, many: Measure) -> Measure:
    # Fills the cache.
    few(), many()
    return lambda: (many() - few()) / (_CACHED - _FEW) * 1000


def _measured(peers: Sequence[Peer], runs: int, made: Callable[[Peer], Measure]) -> dict[str, Cell]:
    """Make each peer's measure, try it once, then call all of them in turn."""
    measures: dict[str, Measure] = {}
    cells: dict[str, Cell] = {}
    for peer in peers:
        try:
            measure = made(peer)
            measure()
        except _FAILURES as failure:
            cells[peer.name] = _reason(failure)
        else:
            measures[peer.name] = measure
    return cells | _in_turn(measures, runs)


def _in_turn(measures: Mapping[str, Measure], runs: int) -> dict[str, Cell]:
    taken: dict[str, list[float]] = {name: [] for name in measures}
    failed: dict[str, Cell] = {}
    for _ in range(runs):
        for name in [name for name in taken if name not in failed]:
            gc.collect()
            try:
                taken[name].append(measures[name]())
            except _FAILURES as failure:
                failed[name] = _reason(failure)
    return {name: _figure(values) for name, values in taken.items() if name not in failed} | failed


def _figure(values: Sequence[float]) -> Figure:
    median = statistics.median(values)
    if len(values) < 2:
        return Figure(median)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(median, spread=(high - low) / median)


def _parsed(parsers: Mapping[str, Parser], runs: int, tasks: int) -> dict[str, Cell]:
    measures: dict[str, Measure] = {}
    cells: dict[str, Cell] = {}
    notes: dict[str, str] = {}
    for name, parser in parsers.items():
        try:
            measures[name], notes[name] = parser.runtime(tasks)
        except _FAILURES as failure:
            cells[name] = _reason(failure)
    cells |= _in_turn(measures, runs)
    for name, note in notes.items():
        if isinstance(figure := cells[name], Figure):
            cells[name] = replace(figure, note=note)
    return cells


def _size(peer: Peer, folder: Path) -> Cell:
    for kind in Kind:
        dags = folder / kind.name.lower()
        dags.mkdir(parents=True)
        try:
            dag = peer.dag(kind, _MANY, dags)
        except CannotRunError as failure:
            refused = failure
        else:
            names = ", ".join(file.suffix.lstrip(".") for file in dag.files)
            size = sum(file.stat().st_size for file in dag.files) / 1000
            return Figure(size, note="" if names == "py" else f"{peer.title}: {names}")
    raise refused


def _said(kind: Kind) -> str:
    return kind.value if kind is Kind.WORKER else f"in {kind.value}"


def _reason(failure: Exception) -> Reason:
    return Reason(str(failure) if isinstance(failure, CannotRunError) else first_line(str(failure)))
