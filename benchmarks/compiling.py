"""Compile and render, the closure, and the commands around them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_pipes.compiler.closure import ClosureIndex
from airflow_provider_pipes.compiler.code import ProjectCode
from airflow_provider_pipes.compiler.compile import compile_pipeline
from airflow_provider_pipes.compiler.project import ProjectLayout
from airflow_provider_pipes.compiler.stackview import StackView
from airflow_provider_pipes.compiler.target import load_target
from airflow_provider_pipes.orchestrators.airflow.location import StoreLocation
from airflow_provider_pipes.orchestrators.airflow.render import render_dag_file
from airflow_provider_pipes.stack.project import load_project
from benchmarks.harness import PIPES, Row, at_most, cpu_of, interleaved, spent, write_pipeline

MODULES = 500


def compile_and_render(folder: Path, runs: int) -> Iterator[Row]:
    """1,000 steps in under 1 s; 10,000 in at most 11 times that."""
    small, large = (_compile_and_render(write_pipeline(folder / "chains", steps)) for steps in (1_000, 10_000))
    small(), large()  # the memo is warm from here on
    one, ten = interleaved(runs, lambda: cpu_of(small), lambda: cpu_of(large))
    yield at_most("compile + render, 1,000 steps", one, 1.0)
    ratio = ten / one
    yield Row("compile + render, 10,000 steps", f"{ten:.3f} CPU s", "1,000 steps", f"{ratio:.1f} ×", "≤ 11 ×", ratio <= 11)


def _compile_and_render(file: Path):  # type: ignore[no-untyped-def]
    target = load_target(f"{file}:{file.stem}")
    stack = load_project(target.layout.root).stack_for_deploy()
    view = StackView(spec=stack.spec())
    memo = file.parent / ".pipes" / "cache" / "closure.json"

    def measured() -> None:
        code = ProjectCode(target.layout, memo)
        deployment = compile_pipeline(target.pipeline, view, code).deployment
        render_dag_file(deployment, deployment.pipeline.name, StoreLocation("/srv/artifacts"))
        code.keep_memo()

    return measured


def closure(folder: Path, runs: int) -> Iterator[Row]:
    """The closure of a project of 500 modules: cold under 2 s, warm under 0.1 s."""
    root = folder / "modules"
    _write_modules(root)
    memo = root / ".pipes" / "closure.json"

    def measured() -> None:
        index = ClosureIndex(ProjectLayout(root, ("",)), memo)
        assert len(index.closure("app.m0").files) > MODULES
        index.save()

    def cold() -> float:
        memo.unlink(missing_ok=True)
        return cpu_of(measured)

    time.sleep(3)  # what was written a moment ago is not trusted: its time could hide a second change
    measured()
    first, again = interleaved(runs, cold, lambda: cpu_of(measured))
    yield at_most(f"closure of {MODULES} modules, cold", first, 2.0)
    yield at_most(f"closure of {MODULES} modules, warm", again, 0.1, figure=f"{first / again:.0f} × faster than cold")


def _write_modules(root: Path) -> None:
    package = root / "app"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    body = "\n\n".join(f"def function_{n}(a, b=None):\n    return [a for _ in range({n})] or b" for n in range(25))
    for n in range(MODULES):
        imports = f"from app import m{n + 1}\nimport json\n" if n + 1 < MODULES else ""
        (package / f"m{n}.py").write_text(f"{imports}\n\n{body}\n\n\ndef lazy():\n    from app import m{(n * 7) % MODULES}\n")


def deploy(folder: Path, runs: int) -> Iterator[Row]:
    """`pipes deploy`, whole process: new code with its check in a process of its own, and unchanged."""
    peers = {10: (0.8, "Metaflow 1.47, ZenML 6.2 (earlier)"), 500: (1.2, "Metaflow 2.35, ZenML 9.4 (earlier)")}
    for steps, (bar, peer) in peers.items():
        file = write_pipeline(folder / f"deploy_{steps}", steps)

        def again(file: Path = file) -> float:
            return spent([*PIPES, "deploy", f"{file}:{file.stem}", "--dags-folder", "dags"], file.parent).cpu

        def new(file: Path = file) -> float:
            shutil.rmtree(file.parent / ".pipes", ignore_errors=True)
            return again(file)

        again()
        fresh, unchanged = interleaved(runs, new, again)
        yield at_most(f"pipes deploy, {steps} steps, new code", fresh, bar, compared=peer)
        yield at_most(f"pipes deploy, {steps} steps, unchanged", unchanged, bar, compared=peer)
