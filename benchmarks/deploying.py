"""`pipes deploy` as a whole process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import PIPES, Peers, Row, at_most, interleaved, spent, write_pipeline

_BARS = {
    10: (0.8, Peers({"Metaflow": 1.47, "ZenML": 6.2})),
    500: (1.2, Peers({"Metaflow": 2.35, "ZenML": 9.4})),
}


def deploying(folder: Path, runs: int) -> Iterator[Row]:
    """10 / 500 steps in under 0.8 / 1.2 CPU s; new code is imported in a process of its own first."""
    for steps, (bar, peers) in _BARS.items():
        project, cache = folder / f"steps_{steps}", folder / "cache"
        file = write_pipeline(project, steps)

        def known(file: Path = file, cache: Path = cache) -> float:
            command = [*PIPES, "deploy", f"{file}:{file.stem}", "--dags-folder", "dags"]
            return spent(command, file.parent, {"PIPES_CACHE_DIR": str(cache)}).cpu

        def new(project: Path = project, cache: Path = cache) -> float:
            for each in (project / ".pipes", project / "dags", cache):
                shutil.rmtree(each, ignore_errors=True)
            return known()

        known()
        first, again = interleaved(runs, new, known)
        yield at_most(f"pipes deploy, {steps} steps, new code", first, bar, peers=peers)
        yield at_most(f"pipes deploy, {steps} steps, again", again, bar, peers=peers)
