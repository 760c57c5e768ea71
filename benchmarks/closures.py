"""The code closure of a large project, with and without what the last command noted down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_pipes.compiler.closure import ClosureIndex
from airflow_provider_pipes.compiler.project import ProjectLayout
from benchmarks.harness import Row, at_most, cpu_of, interleaved

MODULES = 500
_FUNCTIONS = 25


def closures(folder: Path, runs: int) -> Iterator[Row]:
    """The closure of a project of 500 modules: cold under 2 s, warm under 0.1 s."""
    write_modules(folder)
    memo = folder / ".pipes" / "closure.json"

    def measured() -> None:
        index = ClosureIndex(ProjectLayout(folder, ("",)), memo)
        if len(index.closure("app.m0").files) != MODULES + 1:
            raise RuntimeError("the closure misses modules")
        index.save()

    def cold() -> float:
        memo.unlink(missing_ok=True)
        return cpu_of(measured)

    # A file written a moment ago is not noted down: it may be written again within the clock's tick.
    time.sleep(2.5)
    first, again = interleaved(runs, cold, lambda: cpu_of(measured))
    yield at_most(f"closure of {MODULES} modules, cold", first, 2.0)
    yield at_most(f"closure of {MODULES} modules, warm", again, 0.1)


def write_modules(root: Path) -> None:
    """Write a package whose modules import each other, at the top and inside functions."""
    package = root / "app"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    body = "\n\n".join(
        f"def function_{n}(a, b=None):\n    return [a for _ in range({n})] or b" for n in range(_FUNCTIONS)
    )
    for n in range(MODULES):
        following = f"from app import m{n + 1}\n" if n + 1 < MODULES else ""
        lazy = f"def lazy():\n    from app import m{n * 7 % MODULES}\n"
        (package / f"m{n}.py").write_text(f"{following}import json\n\n\n{body}\n\n\n{lazy}")
