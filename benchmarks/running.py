"""`pipes run`, the cache, and how fast `pipes` answers at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import PIPES, Peers, Row, at_most, interleaved, spent, write_pipeline

_FEW, _MANY = 10, 110


def running(folder: Path, runs: int) -> Iterator[Row]:
    """10 no-op steps in under 0.6 CPU s, a cache hit in under 5 ms, `--help` in under 0.3 s."""
    few, many = (write_pipeline(folder / "project", steps) for steps in (_FEW, _MANY))

    def run(file: Path, *options: str) -> float:
        return spent([*PIPES, "run", f"{file}:{file.stem}", *options], file.parent).wall

    def run_cpu(file: Path, *options: str) -> float:
        return spent([*PIPES, "run", f"{file}:{file.stem}", *options], file.parent).cpu

    # Fills the cache.
    run(few), run(many)
    fresh, hits, usage = interleaved(
        runs,
        lambda: run_cpu(few, "--no-cache"),
        lambda: run(many) - run(few),
        lambda: spent([*PIPES, "--help"], folder).wall,
    )
    yield at_most(f"pipes run, {_FEW} steps", fresh, 0.6, peers=Peers({"kedro": 1.24, "ZenML": 6.3}))
    yield at_most("a cache hit", hits / (_MANY - _FEW) * 1000, 5, "ms a step", Peers({"ZenML": 46}))
    yield at_most("pipes --help", usage, 0.3, "s")
