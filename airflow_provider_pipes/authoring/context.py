"""What a step may ask about itself while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_pipes.errors import AuthoringError


@dataclass(frozen=True)
class StepContext:
    """The step run that is going on.

    Attributes:
        pipeline_name: Name of the pipeline.
        run_name: Airflow's run id, or the local run's name.
        step_name: Name of the step in the pipeline.
        attempt: 1 for the first try.
        deployment_id: The deployment that the run is pinned to.
        token: Names this step run's result; stays the same over retries.
        scratch_dir: A folder of this attempt's own, removed when it ends.
        metadata: What was logged so far.
    """

    pipeline_name: str
    run_name: str
    step_name: str
    attempt: int
    deployment_id: str
    token: str
    scratch_dir: Path
    metadata: dict[str, Any] = field(default_factory=dict)

    def log_metadata(self, values: Mapping[str, Any]) -> None:
        """Keep JSON values beside the step's result, in its manifest.

        Raises:
            AuthoringError: a value is not JSON.
        """
        try:
            kept = json.loads(json.dumps(dict(values)))
        except (TypeError, ValueError, RecursionError) as error:
            raise AuthoringError(
                f"step {self.step_name!r}: log_metadata takes JSON values (numbers, text, lists, dicts): "
                f"{error}"
            ) from None
        self.metadata.update(kept)


_current: ContextVar[StepContext | None] = ContextVar("airflow_provider_pipes_step", default=None)


def get_step_context() -> StepContext:
    """Return the context of the step that is running.

    Raises:
        AuthoringError: no step is running here.
    """
    context = _current.get()
    if context is None:
        raise AuthoringError(
            "get_step_context() was called outside of a running step; call it in a step's function"
        )
    return context


@contextmanager
def step_context(context: StepContext) -> Iterator[StepContext]:
    """Make ``context`` what ``get_step_context()`` returns inside the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
