"""What a watcher needs of the thing that runs jobs, and what it says of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class JobPhase(StrEnum):
    """How far a job is."""

    UNKNOWN = "unknown"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    GONE = "gone"
    UNREACHABLE = "unreachable"


_WAITING = frozenset({JobPhase.UNKNOWN, JobPhase.QUEUED, JobPhase.RUNNING})


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What is known of a job; two that are equal are no news.

    Attributes:
        phase: How far it is. REFUSED: it can never start as it is. GONE: the backend knows it no more.
            UNREACHABLE: the backend did not answer for too long.
        told: What to write into the task's log, in the backend's own words; "" for nothing.
        started: When it began to run, in seconds since the epoch.
        ended: When it ended, likewise.
        patience: Seconds for which it may be as it is; what hinders its start may still come right.
    """

    phase: JobPhase
    told: str = ""
    started: float | None = None
    ended: float | None = None
    patience: float | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.phase not in _WAITING


class Board(Protocol):
    """Where a backend writes down what it sees."""

    def replace(self, found: Mapping[str, JobStatus]) -> None:
        """Take this for everything that there is."""

    def put(self, job_id: str, status: JobStatus) -> None:
        """Note how far a job is."""

    def remove(self, job_id: str) -> None:
        """Note that a job is gone."""


class JobBackend(ABC):
    """What runs jobs, as far as waiting for them goes.

    Args:
        config: As ``JobHandle.config`` has it.
    """

    unreachable_timeout: float = 600.0
    """Seconds that the backend may not answer before the jobs on it are given up."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    @abstractmethod
    def name_of(self, job_id: str) -> str:
        """Return how messages name a job, as "pod 'train-x1' in namespace 'ml'"."""

    @abstractmethod
    async def follow(self, board: Board) -> None:
        """Write every change of every job down until the connection ends; raise where it breaks.

        One request, or one stream, for all jobs. It begins with all that there is (``replace``).
        """

    @abstractmethod
    async def status(self, job_id: str) -> JobStatus:
        """Return how far one job is; asked only where ``follow`` never saw it."""

    @abstractmethod
    async def cancel(self, job_id: str, attempt: str | None = None) -> None:
        """End a job that is active; harmless for one that is over, and when repeated.

        Args:
            job_id: The job.
            attempt: End it only if it is still this attempt's: a later one may have taken it over.
        """

    async def last_words(self, job_id: str) -> str:
        """Return the end of what a job wrote, which is lost once it is cancelled; "" where that is kept."""
        return ""
