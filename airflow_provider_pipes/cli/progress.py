"""What a run is doing, shown as it does it: a live line on a terminal, one line an event elsewhere."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.cli.terminal import Output, Part, duration, one_line
from airflow_provider_pipes.errors import message_of
from airflow_provider_pipes.models.documents import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

_MESSAGE_LENGTH = 200
_REFRESH_PER_SECOND = 8
_STYLES = {"done": "green", "cached": "cyan", "kept": "cyan", "failed": "red", "skipped": "yellow"}


class StepState(StrEnum):
    """How a step of a run is."""

    NOT_RUN = "not_run"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


class Origin(StrEnum):
    """Where a step's result comes from."""

    RUN = "run"
    CACHE = "cache"
    KEPT = "kept"
    """From before ``--resume``."""


@dataclass
class StepProgress:
    """What is known of one step."""

    name: str
    state: StepState = StepState.NOT_RUN
    origin: Origin | None = None
    attempts: int = 0
    started: float = 0.0
    seconds: float | None = None
    manifest: Manifest | None = None
    message: str = ""


class Progress:
    """Listens to a run, remembers how its steps are, and prints it.

    Args:
        output: Where to print.
        steps: Names of the steps, in order.
    """

    def __init__(self, output: Output, steps: Iterable[str]) -> None:
        self.output = output
        self.steps = {name: StepProgress(name) for name in steps}
        self.begun = time.time()
        self._width = max((len(name) for name in self.steps), default=0)
        self._spinner = "line"

    def display(self) -> AbstractContextManager[Any]:
        """Return a context in which a terminal shows the step that runs."""
        if not self.output.is_terminal:
            return nullcontext()
        from rich.live import Live

        # Asked for now: a live display hides the stream, and its encoding with it.
        self._spinner = "dots" if self.output.can_show("⠋") else "line"
        return Live(
            console=self.output.console,
            get_renderable=self._running_line,
            refresh_per_second=_REFRESH_PER_SECOND,
            transient=True,
        )

    def step_started(self, step: str, attempt: int) -> None:
        """Hear that a step begins to run."""
        progress = self.steps[step]
        progress.state, progress.attempts, progress.started = StepState.RUNNING, attempt, time.time()
        if not self.output.is_terminal:
            self._event(progress, "running", f"attempt {attempt}" if attempt > 1 else "")

    def step_finished(self, step: str, manifest: Manifest) -> None:
        """Hear that a step has a result: new, from the cache, or from before ``--resume``."""
        progress = self.steps[step]
        progress.origin = self._origin(progress, manifest)
        progress.state, progress.manifest, progress.seconds = StepState.SUCCESS, manifest, manifest.seconds
        word = {Origin.RUN: "done", Origin.CACHE: "cached", Origin.KEPT: "kept"}[progress.origin]
        self._event(progress, word, duration(manifest.seconds) if progress.origin is Origin.RUN else "")

    def step_retried(self, step: str, error: BaseException, wait: float) -> None:
        """Hear that a step failed and will be tried again in ``wait`` seconds."""
        when = f"; again in {duration(wait)}" if wait else "; again now"
        self._event(self.steps[step], "failed", _said(error) + when, "yellow")

    def step_failed(self, step: str, error: BaseException) -> None:
        """Hear that a step failed for good."""
        progress = self.steps[step]
        progress.state, progress.message = StepState.FAILED, _said(error)
        progress.seconds = time.time() - progress.started if progress.started else None
        self._event(progress, "failed", progress.message)

    def step_skipped(self, step: str, why: str) -> None:
        """Hear that a step is skipped."""
        progress = self.steps[step]
        progress.state, progress.message = StepState.SKIPPED, why
        self._event(progress, "skipped", why)

    def end(self, interrupted: bool) -> None:
        """Hear that the run is over, whatever a step was doing."""
        for step in self.steps.values():
            if step.state is StepState.RUNNING:
                step.state = StepState.INTERRUPTED if interrupted else StepState.FAILED

    @property
    def anything_happened(self) -> bool:
        """Whether any step was so much as begun."""
        return self._count(state=StepState.NOT_RUN) < len(self.steps)

    def counts(self) -> str:
        """Return in words how many steps there were of which kind."""
        words = {
            "run": self._count(origin=Origin.RUN),
            "from the cache": self._count(origin=Origin.CACHE),
            "kept": self._count(origin=Origin.KEPT),
            "skipped": self._count(state=StepState.SKIPPED),
            "failed": self._count(state=StepState.FAILED),
            "interrupted": self._count(state=StepState.INTERRUPTED),
            "not run": self._count(state=StepState.NOT_RUN),
        }
        return ", ".join(f"{count} {word}" for word, count in words.items() if count)

    def _count(self, **wanted: Any) -> int:
        return sum(
            all(getattr(step, name) is value for name, value in wanted.items())
            for step in self.steps.values()
        )

    def _origin(self, progress: StepProgress, manifest: Manifest) -> Origin:
        if progress.attempts:
            return Origin.RUN
        # A result that nobody made or looked up since we began is one of the resumed run's own.
        return Origin.KEPT if manifest.started < self.begun else Origin.CACHE

    def _event(self, progress: StepProgress, word: str, detail: str, style: str = "") -> None:
        shown: list[Part] = [
            f"  {progress.name.ljust(self._width)}  ",
            (word, style or _STYLES.get(word, "")),
        ]
        if detail:
            shown.append(f"{' ' * (7 - len(word))}  {one_line(detail)}")
        self.output.line(*shown)

    def _running_line(self) -> Any:
        from rich.spinner import Spinner
        from rich.text import Text

        running = [step for step in self.steps.values() if step.state is StepState.RUNNING]
        if not running:
            return Text("")
        step = running[-1]
        done = len(self.steps) - self._count(state=StepState.NOT_RUN)
        again = f", attempt {step.attempts}" if step.attempts > 1 else ""
        took = duration(time.time() - step.started)
        text = f"{one_line(step.name)}  {took}{again}  ({done} of {len(self.steps)})"
        spinner = Spinner(self._spinner, Text(text, "bold"), style="cyan")
        spinner.start_time = self.begun
        return spinner


def _said(error: BaseException) -> str:
    text = message_of(error)
    return one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__, _MESSAGE_LENGTH)
