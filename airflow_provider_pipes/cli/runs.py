"""`pipes runs list` and `pipes runs show`: runs read back from the artifact store."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_pipes.cli.completion import complete_runs
from airflow_provider_pipes.cli.options import JsonFlag, StackOption
from airflow_provider_pipes.cli.terminal import OUT, Part, duration, one_line, print_json, size

if TYPE_CHECKING:
    from airflow_provider_pipes.runtime.history import History, RunHistory, StepHistory

_STYLES = {
    "success": "green",
    "failed": "red",
    "running": "cyan",
    "skipped": "yellow",
    "interrupted": "yellow",
    "unfinished": "yellow",
}
_PREVIEW_LENGTH = 60

PipelineOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only runs of the pipeline of this name.")
]


def list_runs(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[TARGET]", help="Only runs of this pipeline: path/to/file.py:name or module:name."
        ),
    ] = None,
    pipeline: PipelineOption = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Show the newest N.")] = 20,
    stack: StackOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List runs, the newest first."""
    if target is not None and pipeline is not None:
        raise typer.BadParameter("give either a TARGET or --pipeline", param_hint="--pipeline")
    history, name = _history(target, pipeline, stack)
    found = history.runs(name, limit)
    if as_json:
        print_json([_summary(run) for run in found])
    elif not found:
        _print_none(history, name)
    else:
        rows = [_row(run) for run in found]
        OUT.table(["RUN", "PIPELINE", "STATE", "STARTED", "TIME", "ORIGIN"], rows, right=["TIME"])


def _print_none(history: History, pipeline: str | None) -> None:
    others = history.pipelines()
    if pipeline is None or not others:
        OUT.line("there are no runs yet; start one with `pipes run`")
    else:
        OUT.line(f"there are no runs of pipeline {pipeline!r}; there are runs of: {', '.join(others)}")


def show_run(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Name of the run; Airflow's run id for a DAG run.",
            autocompletion=complete_runs,
        ),
    ],
    pipeline: PipelineOption = None,
    stack: StackOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the steps of a run and what they left."""
    history, name = _history(None, pipeline, stack)
    found = history.run(run, name)
    if as_json:
        print_json({**_summary(found), "steps": [_step_document(step) for step in found.steps]})
        return
    _print_head(found)
    rows = [_step_row(step) for step in found.steps]
    OUT.table(["STEP", "STATE", "ATTEMPTS", "TIME", "CACHE"], rows, right=["ATTEMPTS", "TIME"])
    _print_outputs(found)
    _print_metadata(found)
    _print_failures(found)


def _history(target: str | None, pipeline: str | None, stack_name: str | None) -> tuple[History, str | None]:
    from airflow_provider_pipes.artifacts.component import as_artifact_store
    from airflow_provider_pipes.cli.session import project_here, project_of
    from airflow_provider_pipes.runtime.history import History

    if target is None:
        project = project_here()
        root = project.root
    else:
        from airflow_provider_pipes.compiler.target import load_target

        loaded = load_target(target)
        pipeline = loaded.pipeline.name
        root, project = project_of(loaded.layout)
    return History(as_artifact_store(project.artifact_store(stack_name)).storage(root)), pipeline


def _row(run: RunHistory) -> list[Part]:
    record = run.record
    return [
        (record.run_name, "bold"),
        record.pipeline,
        _state(run.state),
        _moment(record.started),
        duration(run.seconds),
        record.origin,
    ]


def _state(state: str) -> Part:
    return state.replace("_", " "), _STYLES.get(state, "dim")


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"


def _print_head(run: RunHistory) -> None:
    record = run.record
    took = f" in {duration(run.seconds)}" if run.seconds is not None else ""
    OUT.line(
        "run ", (record.run_name, "bold"), f" of pipeline {record.pipeline!r}: ", _state(run.state), took
    )
    OUT.line(f"  started     {_moment(record.started)} ({record.origin}, host {record.host})")
    OUT.line(f"  deployment  {record.deployment_id}")
    for name, value in record.parameters.items():
        OUT.line(f"  parameter   {name} = {json.dumps(value, ensure_ascii=False)}")
    OUT.line()


def _step_row(step: StepHistory) -> list[Part]:
    manifest = step.manifest
    return [
        (step.name, "bold"),
        _state(step.state),
        str(step.attempts or ""),
        duration(manifest.seconds if manifest else step.failures[-1].seconds if step.failures else None),
        "hit" if manifest and manifest.cached_from else "",
    ]


def _print_outputs(run: RunHistory) -> None:
    rows: list[list[Part]] = [
        [
            step.name,
            (name, "bold"),
            reference.type,
            size(reference.size),
            reference.materializer,
            one_line(reference.preview, _PREVIEW_LENGTH),
        ]
        for step in run.steps
        if step.manifest
        for name, reference in step.manifest.references().items()
    ]
    if rows:
        OUT.line()
        OUT.table(["STEP", "OUTPUT", "TYPE", "SIZE", "MATERIALIZER", "PREVIEW"], rows, right=["SIZE"])


def _print_metadata(run: RunHistory) -> None:
    rows: list[list[Part]] = [
        [step.name, (name, "bold"), one_line(json.dumps(value, ensure_ascii=False), _PREVIEW_LENGTH * 2)]
        for step in run.steps
        if step.manifest
        for name, value in step.manifest.metadata.items()
    ]
    if rows:
        OUT.line()
        OUT.table(["STEP", "METADATA", "VALUE"], rows)


def _print_failures(run: RunHistory) -> None:
    for step in run.steps:
        if step.why:
            OUT.line()
            OUT.line((f"step {step.name!r} was skipped: ", "yellow"), step.why)
        for failure in step.failures:
            if failure.reason == "skipped":
                continue
            OUT.line()
            said = f"{failure.type}: {failure.message}" if failure.message else failure.type
            OUT.line((f"step {step.name!r}, attempt {failure.attempt}: ", "red"), said)
            # The traceback of what failed for good; one that a retry got over is in --json.
            if failure.traceback and step.manifest is None and failure is step.failures[-1]:
                OUT.line(failure.traceback.rstrip("\n"))


def _summary(run: RunHistory) -> dict[str, Any]:
    record = run.record
    return {
        "pipeline": record.pipeline,
        "run_name": record.run_name,
        "origin": record.origin,
        "state": run.state,
        "started": record.started,
        "ended": run.ended,
        "seconds": run.seconds,
        "deployment_id": record.deployment_id,
        "parameters": record.parameters,
        "host": record.host,
    }


def _step_document(step: StepHistory) -> dict[str, Any]:
    from dataclasses import asdict

    manifest = step.manifest
    return {
        "name": step.name,
        "state": step.state,
        "token": step.token,
        "attempts": step.attempts,
        "seconds": manifest.seconds if manifest else None,
        "cached": bool(manifest and manifest.cached_from),
        "outputs": manifest.outputs if manifest else {},
        "metadata": manifest.metadata if manifest else {},
        "failures": [asdict(failure) for failure in step.failures],
        "message": step.why or None,
    }
