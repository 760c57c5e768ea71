"""What an orchestrator is given beside the deployment and the stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.models.documents import Manifest

if TYPE_CHECKING:
    from airflow_provider_pipes.images.listener import BuildListener


class ProgressListener(Protocol):
    """Is told what a run does, as it does it."""

    def step_started(self, step: str, attempt: int) -> None:
        """Hear that a step begins to run."""

    def step_finished(self, step: str, manifest: Manifest) -> None:
        """Hear that a step has a result: new, from the cache, or from before ``--resume``."""

    def step_retried(self, step: str, error: BaseException, wait: float) -> None:
        """Hear that a step failed and will be tried again in ``wait`` seconds."""

    def step_failed(self, step: str, error: BaseException) -> None:
        """Hear that a step failed for good."""

    def step_skipped(self, step: str, why: str) -> None:
        """Hear that a step is skipped."""


class Silent:
    """A listener that does nothing."""

    def step_started(self, step: str, attempt: int) -> None:
        """Ignore it."""

    def step_finished(self, step: str, manifest: Manifest) -> None:
        """Ignore it."""

    def step_retried(self, step: str, error: BaseException, wait: float) -> None:
        """Ignore it."""

    def step_failed(self, step: str, error: BaseException) -> None:
        """Ignore it."""

    def step_skipped(self, step: str, why: str) -> None:
        """Ignore it."""


@dataclass(frozen=True)
class Submission:
    """One request to run or deploy a compiled pipeline.

    Attributes:
        storage: The stack's artifact store, open.
        snapshot: Returns the zip of the code.
        run_name: Name of the run.
        parameters: Values for every parameter.
        use_cache: Whether results may come from the cache.
        may_prepare: Whether a run may be left to another system without a word, as a test of an
            orchestrator that deploys does; else each step must have been run, or skipped, in the end.
        resume: Whether to continue the run of that name instead of starting one.
        store_connection_id: Airflow connection with the store's credentials.
        project_root: The project's folder, which relative paths of its configuration start from.
        dags_folder: Folder for DAG files, where the user chose one.
        listener: Is told what a run does.
        build_listener: Is told of images that are built.
    """

    storage: Storage
    snapshot: Callable[[], bytes]
    run_name: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    use_cache: bool = True
    may_prepare: bool = False
    resume: bool = False
    store_connection_id: str | None = None
    project_root: Path = field(default_factory=Path.cwd)
    dags_folder: Path | None = None
    listener: ProgressListener = field(default_factory=Silent)
    build_listener: BuildListener | None = None


def new_run_name(pipeline: str) -> str:
    """Return a name that tells when the run began, to the microsecond."""
    return f"{pipeline}-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}"
