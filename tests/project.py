"""A user's project in a folder, compiled, run and deployed in this process."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.artifacts.payloads import load_artifact
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.compiler.code import ProjectCode
from airflow_provider_pipes.compiler.compile import StackView, compile_pipeline
from airflow_provider_pipes.compiler.parameters import run_parameters
from airflow_provider_pipes.compiler.target import load_target
from airflow_provider_pipes.errors import CompileError
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator, DagFile
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
from airflow_provider_pipes.orchestrators.submission import Submission, new_run_name
from airflow_provider_pipes.stack.project import load_project
from airflow_provider_pipes.stack.stack import Stack

HEADER = """\
from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from airflow_provider_pipes import *
from airflow_provider_pipes import FailWithoutRetry, SkipStep, get_step_context, pipeline, step
"""


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline and what it was compiled with."""

    deployment: PipelineDeployment
    warnings: tuple[str, ...]
    code: ProjectCode
    stack: Stack


@dataclass
class Recorder:
    """A listener that keeps what it hears, as (event, step)."""

    events: list[tuple[str, str]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def step_started(self, step: str, attempt: int) -> None:
        self.events.append((f"started {attempt}", step))

    def step_finished(self, step: str, manifest: Manifest) -> None:
        self.events.append(("cached" if manifest.cached_from else "finished", step))

    def step_retried(self, step: str, error: BaseException, wait: float) -> None:
        self.events.append(("retried", step))
        self.waits.append(wait)
        self.errors.append(error)

    def step_failed(self, step: str, error: BaseException) -> None:
        self.events.append(("failed", step))
        self.errors.append(error)

    def step_skipped(self, step: str, why: str) -> None:
        self.events.append(("skipped", step))

    def ran(self) -> list[str]:
        """Return the steps that were really run, once for each attempt."""
        return [step for event, step in self.events if event.startswith("started")]

    def cached(self) -> list[str]:
        """Return the steps whose result came from the cache."""
        return [step for event, step in self.events if event == "cached"]


@dataclass
class Run:
    """A local run that is over."""

    name: str
    results: Any
    listener: Recorder
    storage: Storage

    def value(self, step: str, output: str = "output") -> Any:
        return load_artifact(self.storage, self.results[step].references()[output])


class UserProject:
    """A project with a pipes.toml, so that nothing above it counts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.listener = Recorder()
        if not (root / "pipes.toml").exists():
            self.write("pipes.toml", "")

    def write(self, path: str, text: str, header: bool = False) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((HEADER if header else "") + textwrap.dedent(text), encoding="utf-8")
        return file

    def pipeline(self, text: str) -> UserProject:
        """Write pipeline.py: the usual imports, and ``text``."""
        self.write("pipeline.py", text, header=True)
        return self

    def forget_modules(self) -> None:
        for name, module in list(sys.modules.items()):
            places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", [])]
            ours = (self.root, self.root.with_name("cache"))  # snapshots are extracted to the second
            if any(Path(place).is_relative_to(folder) for place in places if place for folder in ours):
                del sys.modules[name]
        importlib.invalidate_caches()

    def compile(
        self, target: str = "pipeline.py", stack: str | None = None, deploy: bool = False
    ) -> Compiled:
        self.forget_modules()
        found = load_target(target, self.root)
        project = load_project(self.root)
        made = project.stack_for_deploy(stack) if deploy else project.stack_for_run(stack)
        made.validate()
        code = ProjectCode(found.layout)
        compilation = compile_pipeline(
            found.pipeline, StackView.of(made, project.defaults, self.root, project.registry), code
        )
        return Compiled(compilation.deployment, compilation.warnings, code, made)

    def deployment(self, target: str = "pipeline.py") -> PipelineDeployment:
        return self.compile(target).deployment

    def problems(self, target: str = "pipeline.py") -> tuple[str, ...]:
        """Return what keeps the pipeline from being compiled."""
        with pytest.raises(CompileError) as caught:
            self.compile(target)
        return caught.value.problems

    def problem(self, target: str = "pipeline.py") -> str:
        """Return the one thing that keeps the pipeline from being compiled."""
        found = self.problems(target)
        assert len(found) == 1, found
        return found[0]

    def submission(self, compiled: Compiled, parameters: Mapping[str, Any], **options: Any) -> Submission:
        settings: dict[str, Any] = {
            "storage": self.storage,
            "snapshot": lambda: compiled.code.snapshot().data,
            "run_name": new_run_name(compiled.deployment.pipeline.name),
            "parameters": run_parameters(compiled.deployment.pipeline.parameters, parameters),
            "project_root": self.root,
            "listener": self.listener,
            **options,
        }
        return Submission(**settings)

    def run(
        self, target: str = "pipeline.py", parameters: Mapping[str, Any] | None = None, **options: Any
    ) -> Run:
        """Run a pipeline with the local orchestrator; ``options`` are the submission's."""
        self.listener = Recorder()
        orchestrator = options.pop("orchestrator", None)
        compiled = self.compile(target, options.pop("stack", None))
        submission = self.submission(compiled, parameters or {}, **options)
        runner = orchestrator or compiled.stack.orchestrator
        assert isinstance(runner, BaseOrchestrator)
        results = runner.submit(compiled.deployment, compiled.stack, submission)
        return Run(submission.run_name, results, self.listener, self.storage)

    def dag_file(self, target: str = "pipeline.py", dags_folder: Path | None = None) -> DagFile:
        """Render the DAG file of a pipeline without writing it."""
        compiled = self.compile(target, deploy=True)
        orchestrator = compiled.stack.orchestrator
        assert isinstance(orchestrator, AirflowOrchestrator)
        folder = dags_folder or self.root / "dags"
        deployment = orchestrator.images(compiled.deployment, compiled.stack, self.root).planned()
        return orchestrator.dag_file(deployment, compiled.stack, self.root, folder)

    def stored(self, compiled: Compiled, parameters: Mapping[str, Any] | None = None) -> None:
        """Put deployment and code into the store, as deploying does."""
        orchestrator = compiled.stack.orchestrator
        assert isinstance(orchestrator, BaseOrchestrator)
        orchestrator._submission = self.submission(compiled, parameters or {})
        orchestrator.prepare_pipeline_deployment(compiled.deployment, compiled.stack)

    @property
    def storage(self) -> Storage:
        return artifact_store_of(load_project(self.root).stack_for_run()).storage(self.root)

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run this Python in the project's folder."""
        import os

        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
