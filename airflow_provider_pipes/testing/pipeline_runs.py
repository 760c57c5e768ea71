"""A pipeline, run in a test as `pipes run` runs it."""

from __future__ import annotations

import inspect
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStore, LocalArtifactStoreConfig
from airflow_provider_pipes.authoring.pipeline import Pipeline
from airflow_provider_pipes.compiler.code import ProjectCode
from airflow_provider_pipes.compiler.compile import StackView, compile_pipeline
from airflow_provider_pipes.compiler.parameters import run_parameters
from airflow_provider_pipes.compiler.project import ProjectLayout, find_layout
from airflow_provider_pipes.compiler.target import Target, load_target
from airflow_provider_pipes.errors import ConfigurationError, RunFailedError, RunNotFoundError
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
from airflow_provider_pipes.orchestrators.local import LocalOrchestrator
from airflow_provider_pipes.orchestrators.local_flavor import LocalOrchestratorConfig
from airflow_provider_pipes.orchestrators.submission import Silent, Submission, new_run_name
from airflow_provider_pipes.runtime.history import History
from airflow_provider_pipes.stack.project import Project, load_project
from airflow_provider_pipes.stack.stack import Stack
from airflow_provider_pipes.testing.pipeline_results import PipelineRun, StepResult

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage


class _AnyName(tuple[str, ...]):
    """Step operators of every name, for a run that replaces them all."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


@dataclass
class _Errors(Silent):
    """A listener that keeps the exceptions which end steps."""

    by_step: dict[str, BaseException] = field(default_factory=dict)

    def step_failed(self, step: str, error: BaseException) -> None:
        """Keep the exception."""
        self.by_step[step] = error


def run_pipeline(
    pipeline: Pipeline[...] | str | Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    stack: Stack | str | None = None,
    store: Path | None = None,
    cache: bool = False,
    run_name: str | None = None,
) -> PipelineRun:
    """Run a pipeline here and now, and return what came of it, values and exceptions included.

    A step that fails raises nothing here: look at ``state`` and ``error``, or call ``check()``. Without
    a stack, every step runs in this process, also one that names a step operator, and what a test
    has patched counts.

    Args:
        pipeline: A pipeline of the test's own module or an imported one, or a TARGET as `pipes run`
            takes it: "path/to/file.py:name" or "module:name".
        parameters: Values of parameters; the others have their defaults.
        stack: A stack, or the name of one in the project's pipes.toml, to run on.
        store: Folder for the artifacts, in place of a temporary one or of the stack's store.
        cache: Whether results may come from the cache, which needs a store that stays.
        run_name: The run's name, which must be new in the store.

    Raises:
        CompileError: what is wrong with the pipeline, all of it.
        ParameterError: the parameters do not fit.
        PipesError: the run could not start.
    """
    with _import_path_kept():
        target = _target(pipeline)
        project = load_project(*_places(target.layout))
        folder = store or (None if stack is not None else Path(tempfile.mkdtemp(prefix="pipes-test-")))
        chosen = _stack(stack, project, folder)
        run = _Request(target, project, chosen, in_process=stack is None).run(parameters, cache, run_name)
    if folder is not None and store is None:
        weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
    return run


@contextmanager
def _import_path_kept() -> Iterator[None]:
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before


def _target(pipeline: Pipeline[...] | str | Path) -> Target:
    if not isinstance(pipeline, Pipeline):
        return load_target(str(pipeline))
    function = pipeline.function
    layout, _ = find_layout(Path(inspect.getfile(function)), function.__module__)
    return Target(pipeline, layout)


def _places(layout: ProjectLayout) -> tuple[Path, Path]:
    # An installed pipeline belongs to no project.
    start = layout.root if layout.only_package is None else Path.cwd()
    return start, start


def _stack(given: Stack | str | None, project: Project, store: Path | None) -> Stack:
    if given is None:
        orchestrator = LocalOrchestrator("local", LocalOrchestratorConfig(), "local")
        return Stack("test", orchestrator, local_store(store or Path.cwd()))
    found = project.stack_for_run(given) if isinstance(given, str) else given
    return found if store is None else replace(found, artifact_store=local_store(store))


def local_store(folder: Path) -> LocalArtifactStore:
    """Return an artifact store in a folder, wherever the project is that uses it."""
    config = LocalArtifactStoreConfig(path=str(folder.absolute()))
    return LocalArtifactStore("local", config, "local")


@dataclass(frozen=True)
class _Request:
    """A pipeline with what it shall run on."""

    target: Target
    project: Project
    stack: Stack
    in_process: bool

    def run(self, given: Mapping[str, Any] | None, cache: bool, run_name: str | None) -> PipelineRun:
        """Compile and run it."""
        self.stack.validate()
        code = ProjectCode(self.target.layout)
        deployment = self._deployment(code)
        parameters = run_parameters(deployment.pipeline.parameters, given or {})
        errors = _Errors()
        submission = Submission(
            storage=artifact_store_of(self.stack).storage(self.project.root),
            snapshot=lambda: code.snapshot().data,
            run_name=run_name or new_run_name(deployment.pipeline.name),
            parameters=parameters,
            use_cache=cache,
            may_prepare=True,
            store_connection_id=artifact_store_of(self.stack).connection_id,
            project_root=self.project.root,
            listener=errors,
        )
        returned, failure = None, None
        try:
            returned = self._orchestrator().submit(deployment, self.stack, submission)
        except RunFailedError as error:
            failure = error
        state, steps = _outcome(submission.storage, deployment, submission.run_name, errors.by_step)
        return PipelineRun(
            submission.run_name,
            "failed" if failure else state,
            parameters,
            steps,
            failure,
            returned,
            deployment,
            submission.storage,
        )

    def _orchestrator(self) -> BaseOrchestrator:
        found = self.stack.orchestrator
        if not isinstance(found, BaseOrchestrator):
            raise ConfigurationError(f"{found!r} does not derive from BaseOrchestrator")
        return found

    def _deployment(self, code: ProjectCode) -> PipelineDeployment:
        view = StackView.of(self.stack, self.project.defaults)
        if self.in_process:
            view = replace(view, step_operators=_AnyName())
        deployment = compile_pipeline(self.target.pipeline, view, code).deployment
        return _without_step_operators(deployment) if self.in_process else deployment


def _without_step_operators(deployment: PipelineDeployment) -> PipelineDeployment:
    return PipelineDeployment(
        pipeline=deployment.pipeline,
        step_specs=tuple(step.model_copy(update={"step_operator": None}) for step in deployment.step_specs),
        code=deployment.code,
        stack=deployment.stack,
    )


def _outcome(
    storage: Storage, deployment: PipelineDeployment, run_name: str, errors: Mapping[str, BaseException]
) -> tuple[str, dict[str, StepResult]]:
    """Return what the store says of the run, and of its steps."""
    try:
        history = History(storage).run(run_name, deployment.pipeline.name)
    except RunNotFoundError:
        return "prepared", {name: StepResult(name, "not_run") for name in deployment.steps}
    steps = {
        step.name: StepResult(
            step.name,
            "failed" if step.name in errors else step.state,
            step.attempts,
            errors.get(step.name),
            step.failures,
            step.why,
            step.manifest,
            storage,
        )
        for step in history.steps
    }
    return history.state, steps
