"""`pipes run`: run a pipeline here and now."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_pipes.cli.failures import tell_interrupted
from airflow_provider_pipes.cli.options import JsonFlag, StackOption, TargetArgument
from airflow_provider_pipes.cli.terminal import ERR, OUT, Output, duration, print_json, stdout_kept_clean
from airflow_provider_pipes.errors import ParameterError, PipesError, RunError

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.cli.progress import Progress, StepProgress
    from airflow_provider_pipes.cli.session import Session
    from airflow_provider_pipes.orchestrators.submission import Submission


def run(
    target: TargetArgument,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUE",
            help="A parameter: text as it is, any other type as JSON. Repeat it.",
        ),
    ] = None,
    run_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the run; it must be new.")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Continue this run: steps that have a result are kept."),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Run every step, whatever the cache has.")
    ] = False,
    stack: StackOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a pipeline here and now, with no Airflow process."""
    from airflow_provider_pipes.cli.session import compile_target

    if resume is not None and run_name not in (None, resume):
        raise typer.BadParameter(
            "--resume continues the run of that name; leave out --run-name", param_hint="--run-name"
        )
    with stdout_kept_clean() if as_json else nullcontext():
        session = compile_target(target, stack, "run")
        request = _Request(session, session.storage(), run_name, resume, not no_cache)
        parameters = request.parameters(param or [])
        outcome = _Outcome(session, request, parameters, ERR if as_json else OUT)
        outcome.happen()
    if as_json:
        print_json(outcome.document())
    if outcome.interrupted:
        raise typer.Exit(
            tell_interrupted(f"continue with `{request.resume_command(outcome.submission.run_name)}`")
        )
    if outcome.error is not None:
        raise outcome.error


class _Request:
    """What the options ask for."""

    def __init__(
        self, session: Session, storage: Storage, run_name: str | None, resume: str | None, use_cache: bool
    ) -> None:
        from airflow_provider_pipes.orchestrators.submission import new_run_name
        from airflow_provider_pipes.runtime import runs

        self.session, self.storage, self.use_cache = session, storage, use_cache
        self.pipeline = session.deployment.pipeline
        self.run_name = resume or run_name or new_run_name(self.pipeline.name)
        # Both are looked up before anything is written.
        self.record = runs.read_local_run(storage, self.pipeline.name, resume) if resume else None
        if resume:
            _refuse_running(storage, self.pipeline.name, resume)
        if self.record is None:
            runs.check_run_name(storage, self.pipeline.name, self.run_name)

    def parameters(self, texts: list[str]) -> Mapping[str, Any]:
        """Return the value of every parameter.

        Raises:
            ParameterError: those given do not fit, or differ from those of the run to be resumed.
        """
        from airflow_provider_pipes.cli.parameters import given_parameters
        from airflow_provider_pipes.compiler.parameters import run_parameters

        specs = self.pipeline.parameters
        read, unreadable = given_parameters(texts, specs)
        given = run_parameters(specs, self._given(read), unreadable)
        if self.record is None:
            return given
        changed = [
            name for name, value in given.items() if not _same(self.record.parameters.get(name, value), value)
        ]
        if changed:
            raise ParameterError(
                f"run {self.run_name!r} began with other values of {', '.join(changed)}; --resume keeps its "
                "parameters: leave out --param, or start a new run"
            )
        return given

    def _given(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.record is None:
            return given
        known = {spec.name for spec in self.pipeline.parameters}
        return {name: value for name, value in self.record.parameters.items() if name in known} | given

    def submission(self, parameters: Mapping[str, Any], progress: Progress) -> Submission:
        """Return the request as orchestrators take it."""
        from airflow_provider_pipes.orchestrators.submission import Submission

        return Submission(
            storage=self.storage,
            snapshot=lambda: self.session.code.snapshot().data,
            run_name=self.run_name,
            parameters=parameters,
            use_cache=self.use_cache,
            resume=self.record is not None,
            store_connection_id=self.session.store_connection_id,
            project_root=self.session.root,
            listener=progress,
        )

    def resume_command(self, run_name: str) -> str:
        """Return the command that continues the run."""
        return f"pipes run {shlex.quote(self.session.text)} --resume {shlex.quote(run_name)}"


def _refuse_running(storage: Storage, pipeline: str, run_name: str) -> None:
    from airflow_provider_pipes.runtime.history import History

    found = History(storage).run(run_name, pipeline)
    if found.state == "running":
        raise RunError(
            f"run {run_name!r} is still running in process {found.record.pid}: wait for it or end it, "
            "then --resume"
        )


def _same(one: Any, other: Any) -> bool:
    # As JSON, in which 1, 1.0 and true are three values.
    from airflow_provider_pipes.models.canonical import canonical_json

    return canonical_json(one) == canonical_json(other)


class _Outcome:
    """A run, from its first line to how it ended."""

    def __init__(
        self, session: Session, request: _Request, parameters: Mapping[str, Any], output: Output
    ) -> None:
        from airflow_provider_pipes.cli.progress import Progress

        self.session = session
        self.output = output
        self.progress = Progress(output, session.deployment.steps)
        self.submission = request.submission(parameters, self.progress)
        self.error: PipesError | None = None
        self.interrupted = False
        self.seconds = 0.0

    @property
    def state(self) -> str:
        """How the run ended."""
        if self.interrupted:
            return "interrupted"
        return "failed" if self.error is not None else "success"

    def happen(self) -> None:
        """Run the pipeline and print how it goes."""
        self.session.warn()
        self._announce()
        self.session.keep_memo()
        try:
            with _log_shown(), self.progress.display():
                self.session.submit(self.submission)
        except KeyboardInterrupt:
            self.interrupted = True
        except PipesError as error:
            self.error = error
        self.seconds = time.time() - self.progress.begun
        self.progress.end(self.interrupted)
        self._conclude()

    def _announce(self) -> None:
        count = len(self.progress.steps)
        steps = "1 step" if count == 1 else f"{count} steps"
        self.output.line(
            "resumes run " if self.submission.resume else "run ",
            (self.submission.run_name, "bold"),
            f" of pipeline {self.session.deployment.pipeline.name!r}: {steps}",
        )

    def _conclude(self) -> None:
        style = {"success": "bold green", "failed": "bold red", "interrupted": "bold yellow"}[self.state]
        self.output.line((self.state, style), f" in {duration(self.seconds)}: {self.progress.counts()}")
        if self.progress.anything_happened:
            self.output.line(f"  look at it with `{self.session.look_command(self.submission.run_name)}`")

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "pipeline": self.session.deployment.pipeline.name,
            "run_name": self.submission.run_name,
            "state": self.state,
            "seconds": self.seconds,
            "error": str(self.error) if self.error is not None else None,
            "deployment_id": self.session.deployment.id,
            "parameters": dict(self.submission.parameters),
            "store": self.submission.storage.uri,
            "steps": [_step_document(step) for step in self.progress.steps.values()],
        }


def _step_document(step: StepProgress) -> dict[str, Any]:
    from airflow_provider_pipes.cli.progress import Origin

    return {
        "name": step.name,
        "state": step.state,
        "origin": step.origin,
        "cached": step.origin is Origin.CACHE,
        "attempts": step.attempts,
        "seconds": step.seconds,
        "message": step.message or None,
        "outputs": step.manifest.outputs if step.manifest else {},
        "metadata": step.manifest.metadata if step.manifest else {},
    }


class _LogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        ERR.line(self.format(record))


@contextmanager
def _log_shown() -> Iterator[None]:
    """Show what this package logs, as the output of a step operator's child process."""
    logger = logging.getLogger("airflow_provider_pipes")
    handler, level, propagate = _LogHandler(), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    # The user's module may have configured logging, and a line should not come twice.
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
