"""What `run`, `deploy` and `graph` begin with: target imported, stack built, pipeline compiled."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_pipes.cli.terminal import ERR
from airflow_provider_pipes.errors import ConfigurationError, PipesError

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.compiler.code import ProjectCode
    from airflow_provider_pipes.compiler.compile import Compilation
    from airflow_provider_pipes.compiler.project import ProjectLayout
    from airflow_provider_pipes.compiler.target import Target
    from airflow_provider_pipes.models.deployment import PipelineDeployment
    from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
    from airflow_provider_pipes.orchestrators.submission import Submission
    from airflow_provider_pipes.stack.project import Project
    from airflow_provider_pipes.stack.stack import Stack

OWN_FOLDER = ".pipes"
Purpose = Literal["run", "deploy"]


@dataclass(frozen=True)
class Session:
    """A compiled pipeline with all that it was compiled from and for.

    Attributes:
        text: The TARGET as the user wrote it.
        root: The project's folder.
        replaced: The stack's own orchestrator, where another one deploys in its place.
        chosen_stack: What ``--stack`` says.
    """

    text: str
    root: Path
    target: Target
    stack: Stack
    code: ProjectCode
    compilation: Compilation
    replaced: str | None = None
    chosen_stack: str | None = None

    @property
    def deployment(self) -> PipelineDeployment:
        """The compiled pipeline."""
        return self.compilation.deployment

    @property
    def orchestrator(self) -> BaseOrchestrator:
        """The stack's orchestrator."""
        return orchestrator_of(self.stack)

    def with_deployment(self, deployment: PipelineDeployment) -> Session:
        """Return the session with another deployment of the same pipeline, as one with images."""
        return replace(self, compilation=replace(self.compilation, deployment=deployment))

    def storage(self) -> Storage:
        """Open the stack's artifact store."""
        from airflow_provider_pipes.artifacts.component import artifact_store_of

        return artifact_store_of(self.stack).storage(self.root)

    @property
    def store_connection_id(self) -> str | None:
        """The Airflow connection of the artifact store."""
        from airflow_provider_pipes.artifacts.component import artifact_store_of

        return artifact_store_of(self.stack).connection_id

    def look_command(self, run_name: str) -> str:
        """Return the command that shows a run, as it works in the working directory."""
        words = ["pipes", "runs", "show", run_name]
        if self.chosen_stack is not None:
            words += ["--stack", self.chosen_stack]
        command = shlex.join(words)
        here = Path.cwd()
        if folder_of_project(here).resolve() == self.root.resolve():
            return command
        return f"(cd {shlex.quote(os.path.relpath(self.root, here))} && {command})"

    def submit(self, submission: Submission) -> Any:
        """Let the orchestrator get ready, then run or prepare the pipeline; return what it returns."""
        from airflow_provider_pipes.orchestrators.telling import errors_told

        pipeline = self.target.pipeline
        with errors_told(self.orchestrator, "pre_run"):
            self.orchestrator.pre_run(pipeline, pipeline.function.__code__.co_filename)
        return self.orchestrator.submit(self.deployment, self.stack, submission)

    def keep_memo(self) -> None:
        """Write down what was learned of the code, once it is clear that the command goes on to write."""
        make_own_folder(self.root)
        self.code.keep_memo()

    def warn(self) -> None:
        """Print what a person should know about the pipeline although it works."""
        for warning in self.compilation.warnings:
            ERR.line(("warning: ", "yellow"), warning)
        if self.replaced is not None:
            ERR.line(
                ("note: ", "cyan"),
                f"orchestrator {self.replaced!r} only runs pipelines here; {self.orchestrator.name!r} writes "
                "the DAG file in its place",
            )


def compile_target(text: str, stack_name: str | None, purpose: Purpose) -> Session:
    """Import what TARGET names and compile it; nothing is written.

    Raises:
        PipesError: what is wrong with the target, the configuration or the pipeline.
    """
    from airflow_provider_pipes.compiler.code import ProjectCode
    from airflow_provider_pipes.compiler.compile import StackView, compile_pipeline
    from airflow_provider_pipes.compiler.target import load_target

    target = load_target(text)
    root, project = project_of(target.layout)
    stack = project.stack_for_run(stack_name) if purpose == "run" else project.stack_for_deploy(stack_name)
    stack.validate()
    code = ProjectCode(target.layout, root / OWN_FOLDER / "cache" / "closure.json")
    compilation = compile_pipeline(
        target.pipeline, StackView.of(stack, project.defaults, root, project.registry), code
    )
    replaced = project.replaced_for_deploy(stack_name) if purpose == "deploy" else None
    return Session(text, root, target, stack, code, compilation, replaced, stack_name)


def compile_targets(
    texts: Sequence[str], stack_name: str | None, purpose: Purpose
) -> tuple[list[Session], list[PipesError]]:
    """Compile several targets; what is wrong with one does not hide what is wrong with another."""
    sessions, errors = [], []
    for text in dict.fromkeys(texts):
        try:
            sessions.append(compile_target(text, stack_name, purpose))
        except PipesError as error:
            errors.append(error)
    return sessions, errors


def project_of(layout: ProjectLayout) -> tuple[Path, Project]:
    """Return the folder and the configuration of the project that a target is from."""
    from airflow_provider_pipes.stack.project import load_project

    # An installed pipeline belongs to no project; what it leaves belongs where the command was given.
    start = layout.root if layout.only_package is None else Path.cwd()
    project = load_project(start, start)
    return project.root, project


def project_here() -> Project:
    """Return the project of the current directory."""
    from airflow_provider_pipes.compiler.project import project_root
    from airflow_provider_pipes.stack.project import load_project

    here = Path.cwd()
    return load_project(here, project_root(here))


def folder_of_project(folder: Path) -> Path:
    """Return the folder of the project that commands given in ``folder`` are for."""
    from airflow_provider_pipes.compiler.project import project_root
    from airflow_provider_pipes.stack.location import find_file

    file = find_file(folder)
    return file.parent if file else project_root(folder)


def orchestrator_of(stack: Stack) -> BaseOrchestrator:
    """Return a stack's orchestrator.

    Raises:
        ConfigurationError: the component does not derive from ``BaseOrchestrator``.
    """
    from airflow_provider_pipes.orchestrators.base import BaseOrchestrator

    found = stack.orchestrator
    if not isinstance(found, BaseOrchestrator):
        raise ConfigurationError(
            f"orchestrator {found.name!r} of stack {stack.name!r} is a {type(found).__name__}, which does "
            "not derive from BaseOrchestrator"
        )
    return found


def make_own_folder(root: Path) -> None:
    """Make the project's .pipes with a .gitignore of its own, if it is not there."""
    folder = root / OWN_FOLDER
    # Where it can't be made, the store says so if it is in there, and if not, nothing is lost.
    with contextlib.suppress(OSError):
        if not folder.exists():
            folder.mkdir()
            (folder / ".gitignore").write_text("*\n", encoding="ascii")
