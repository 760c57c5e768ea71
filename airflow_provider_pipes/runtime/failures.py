"""What a failed attempt leaves in the store, whoever noticed it: the step's process or its launcher."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import ContainerError, FailWithoutRetry, PipesError, SkipStep, message_of
from airflow_provider_pipes.models.documents import Failure
from airflow_provider_pipes.runtime.masking import masked
from airflow_provider_pipes.runtime.sources import has_user_frames, user_traceback

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.models.documents import ExecutionInfo

_FAILURE_FILE = re.compile(r"failure-(\d+)\.json\Z")


@dataclass(frozen=True)
class Attempt:
    """One try at a step run, as far as its failure is concerned.

    Attributes:
        prefix: Folder of the token in the store.
        number: 1 for the first try.
    """

    storage: Storage
    prefix: str
    step: str
    token: str
    number: int

    @classmethod
    def of(cls, storage: Storage, info: ExecutionInfo) -> Attempt:
        """Return the attempt that an execution info is of."""
        return cls(storage, info.prefix, info.step, info.token, info.attempt)

    @contextmanager
    def failure_kept(self) -> Iterator[None]:
        """Write down what ends the block, and let it pass."""
        started = time.time()
        try:
            yield
        except BaseException as error:
            self.record_failure(error, started)
            raise

    def record_failure(self, error: BaseException, started: float) -> None:
        """Write down why the attempt failed; nothing that is there already is replaced."""
        failure = Failure(
            step=self.step,
            token=self.token,
            attempt=self.number,
            type=type(error).__name__,
            message=masked(message_of(error)),
            traceback=masked(_traceback(error)),
            reason=failure_reason(error),
            started=started,
            seconds=time.time() - started,
            host=socket.gethostname(),
        )
        number = self.number
        try:
            while not self.storage.create(f"{self.prefix}/failure-{number}.json", failure.to_json()):
                number += 1
        except PipesError:
            return  # the store is what failed: the error itself says so, and must not be replaced

    def failure_numbers(self) -> set[int]:
        """Return the numbers of the failures that the token has: of earlier attempts, or before a resume."""
        names = self.storage.list(self.prefix)
        return {int(found[1]) for name in names if (found := _FAILURE_FILE.match(name))}

    def last_failure(self, known: frozenset[int] | set[int] = frozenset()) -> Failure | None:
        """Return the last failure that the token has, unless it is a known one or can't be read."""
        try:
            last = max(self.failure_numbers(), default=None)
            if last is None or last in known:
                return None
            return Failure.from_json(self.storage.read(f"{self.prefix}/failure-{last}.json"))
        except (PipesError, ValueError, TypeError):
            return None  # what went wrong is told by the caller; this could only have told it better


def _traceback(error: BaseException) -> str:
    """Return the part of a traceback that tells a user something about their own code."""
    if not isinstance(error, PipesError):
        return user_traceback(error)
    if error.traceback_text:
        return error.traceback_text
    if isinstance(error, ContainerError):
        # Raised far from any code of the user's, in the middle of Airflow's; the message is all there is.
        return ""
    theirs = error if has_user_frames(error) else _told_by_us(error)
    return user_traceback(theirs) if has_user_frames(theirs) else ""


def _told_by_us(error: BaseException) -> BaseException:
    """Return what an error of ours tells the user about: its message is there already."""
    while isinstance(error, PipesError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def failure_reason(error: BaseException) -> str:
    """Return in one word why a step ended: skipped, refused, memory, exception or interrupted."""
    kinds: list[tuple[type[BaseException], str]] = [
        (SkipStep, "skipped"),
        (FailWithoutRetry, "refused"),
        (MemoryError, "memory"),
        (Exception, "exception"),
    ]
    return next((reason for kind, reason in kinds if isinstance(error, kind)), "interrupted")
