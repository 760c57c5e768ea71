"""A project in a temporary folder."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStore
from airflow_provider_pipes.stack.project import load_project
from airflow_provider_pipes.testing.pipeline_runs import local_store, run_pipeline

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.authoring.pipeline import Pipeline
    from airflow_provider_pipes.stack.stack import Stack
    from airflow_provider_pipes.testing.pipeline_results import PipelineRun


class TemporaryProject:
    """A folder with a pipes.toml, whose stack runs pipelines here and keeps artifacts in the folder.

    Args:
        root: The folder; made if it is not there.
        configuration: The text of pipes.toml; the built-in local stack where it is empty.
    """

    def __init__(self, root: Path, configuration: str = "") -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.write("pipes.toml", configuration)

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project; ``text`` may be indented as a whole."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        self.forget_modules()
        return file

    @property
    def stack(self) -> Stack:
        """The active stack, to run pipelines here."""
        found = load_project(self.root).stack_for_run()
        store = found.artifact_store
        if not isinstance(store, LocalArtifactStore):
            return found
        # A pipeline may be another project's, and a relative path would be taken from that one's folder.
        return replace(found, artifact_store=local_store(Path(store.uri(self.root))))

    @property
    def storage(self) -> Storage:
        """The active stack's artifact store."""
        return artifact_store_of(self.stack).storage(self.root)

    def run(
        self,
        pipeline: Pipeline[...] | str,
        parameters: Mapping[str, Any] | None = None,
        *,
        cache: bool = True,
        run_name: str | None = None,
        stack: Stack | None = None,
    ) -> PipelineRun:
        """Run a pipeline on the project's stack: one run finds in the cache what the one before left.

        Args:
            pipeline: A pipeline, from anywhere, or a TARGET whose path starts in the project.
            parameters: Values of parameters.
            cache: Whether results may come from the cache.
            run_name: The run's name, which must be new.
            stack: Another stack.
        """
        target = pipeline
        if isinstance(pipeline, str) and ".py" in pipeline:
            target = str(self.root / pipeline)
        return run_pipeline(
            target, parameters=parameters, stack=stack or self.stack, cache=cache, run_name=run_name
        )

    def forget_modules(self) -> None:
        """Forget what was imported from the project, so that it is read again."""
        for name, module in list(sys.modules.items()):
            places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", [])]
            if any(place and Path(place).is_relative_to(self.root) for place in places):
                del sys.modules[name]
        importlib.invalidate_caches()


@contextmanager
def temporary_project(root: Path, configuration: str = "") -> Iterator[TemporaryProject]:
    """Make a project for as long as the context lasts; what was imported from it is forgotten then."""
    before = sys.dont_write_bytecode
    # A module that is written and imported twice within a second would come back from its .pyc.
    sys.dont_write_bytecode = True
    project = TemporaryProject(root, configuration)
    try:
        yield project
    finally:
        sys.dont_write_bytecode = before
        project.forget_modules()
