"""Compile and render: how much, and how it grows with the number of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from airflow_provider_pipes.compiler.code import ProjectCode
from airflow_provider_pipes.compiler.compile import compile_pipeline
from airflow_provider_pipes.compiler.stackview import StackView
from airflow_provider_pipes.compiler.target import load_target
from airflow_provider_pipes.orchestrators.airflow.location import StoreLocation
from airflow_provider_pipes.orchestrators.airflow.render import render_dag_file
from airflow_provider_pipes.stack.project import load_project
from benchmarks.harness import Row, at_most, cpu_of, interleaved, ratio_at_most, write_pipeline


def compiling(folder: Path, runs: int) -> Iterator[Row]:
    """1,000 steps in under 1 s, 10,000 in at most 11 times that; the memo of the closure is warm."""
    small, large = (_compiles(write_pipeline(folder, steps)) for steps in (1_000, 10_000))
    small(), large()
    one, ten = interleaved(runs, lambda: cpu_of(small), lambda: cpu_of(large))
    yield at_most("compile + render 1,000 steps", one, 1.0)
    yield ratio_at_most("compile + render 10,000 steps", ten, one, 11, "CPU s", "1,000 steps")


def _compiles(file: Path) -> Callable[[], None]:
    target = load_target(f"{file}:{file.stem}")
    view = StackView(spec=load_project(target.layout.root).stack_for_deploy().spec())
    memo = file.parent / ".pipes" / "cache" / "closure.json"

    def measured() -> None:
        code = ProjectCode(target.layout, memo)
        deployment = compile_pipeline(target.pipeline, view, code).deployment
        render_dag_file(deployment, deployment.pipeline.name, StoreLocation("/srv/artifacts"))
        code.keep_memo()

    return measured
