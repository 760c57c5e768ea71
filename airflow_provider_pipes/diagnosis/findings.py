"""What a check says, and how a check is run so that it always says something."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import message_of
from airflow_provider_pipes.version import __version__

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.examination import Examination

_UPGRADE = "pip install --upgrade airflow-provider-pipes"
_SLOW_FIX = "pipes doctor"


class Status(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Observation:
    """One thing that a check saw.

    Attributes:
        seen: One sentence.
        fix: What to type or paste; empty where there is nothing to mend.
    """

    status: Status
    seen: str
    fix: str = ""


@dataclass(frozen=True)
class Finding:
    """An observation and the check that made it.

    Attributes:
        check: The check's id.
        seconds: How long the whole check took.
    """

    check: str
    title: str
    observation: Observation
    seconds: float


@dataclass(frozen=True)
class Check:
    """One question about the surroundings.

    Attributes:
        id: Names it in JSON.
        title: Names it for people.
        ask: Answers it; whatever it raises is a finding, too.
        limit: Seconds that it may take.
        slow_fix: Returns what to do where it took longer.
        remote: Whether it waits for other machines, and is made beside its like.
    """

    id: str
    title: str
    ask: Callable[[Examination], Iterable[Observation]]
    limit: float = 8.0
    slow_fix: Callable[[Examination], str] = field(default=lambda examination: _SLOW_FIX)
    remote: bool = False


class NotCheckableError(Exception):
    """Raised inside a check that something else keeps from being made; nobody else sees it."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.fix = fix


def ok(seen: str) -> Observation:
    """Return that something is as it should be."""
    return Observation(Status.OK, seen)


def warning(seen: str, fix: str) -> Observation:
    """Return that something may well go wrong."""
    return Observation(Status.WARNING, seen, fix)


def problem(seen: str, fix: str) -> Observation:
    """Return that something does not work."""
    return Observation(Status.PROBLEM, seen, fix)


def not_checked(why: str, fix: str = "") -> Observation:
    """Return that something could not be looked at."""
    return Observation(Status.NOT_CHECKED, why, fix)


class Round:
    """Makes checks one after the other; those of other machines begin together.

    Args:
        checks: The checks, in the order in which they are asked for.
        examination: What they look at.
    """

    def __init__(self, checks: Sequence[Check], examination: Examination) -> None:
        self._checks = checks
        self._examination = examination
        self._begun: dict[str, _Made] = {}

    def findings(self, check: Check) -> list[Finding]:
        """Make a check within its time and return what it found; it never raises."""
        if check.remote and check.id not in self._begun:
            beside = (each for each in self._checks if each.remote)
            self._begun = {each.id: _Made(each, self._examination) for each in beside}
        return (self._begun.get(check.id) or _Made(check, self._examination)).findings()


class _Made:
    """A check that is being made."""

    def __init__(self, check: Check, examination: Examination) -> None:
        self._check = check
        self._examination = examination
        self._begun = time.monotonic()
        self._seconds = 0.0
        self._seen: list[Observation] = []
        # Not joined for ever, and no executor: what hangs must not keep the command from ending.
        self._worker = threading.Thread(target=self._ask, daemon=True)
        self._worker.start()

    def _ask(self) -> None:
        self._seen.extend(_answers(self._check.ask, self._examination))
        self._seconds = time.monotonic() - self._begun

    def findings(self) -> list[Finding]:
        check = self._check
        self._worker.join(max(self._begun + check.limit - time.monotonic(), 0))
        found, seconds = list(self._seen), self._seconds
        if self._worker.is_alive():
            found += _answers(lambda _: [_slow(check, self._examination)], self._examination)
            seconds = time.monotonic() - self._begun
        return [Finding(check.id, check.title, each, seconds) for each in found]


def run_check(check: Check, examination: Examination) -> list[Finding]:
    """Make one check within its time and return what it found; it never raises."""
    return Round([check], examination).findings(check)


def _slow(check: Check, examination: Examination) -> Observation:
    return problem(f"no answer within {check.limit:g} s", check.slow_fix(examination))


def _answers(
    ask: Callable[[Examination], Iterable[Observation]], examination: Examination
) -> Iterator[Observation]:
    try:
        yield from ask(examination)
    except NotCheckableError as error:
        yield not_checked(error.why, error.fix)
    except BaseException as error:
        # A SystemExit of a user's module, too.
        last = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {message_of(error)} ({Path(last.filename).name}:{last.lineno})"
        yield problem(f"a bug in airflow-provider-pipes {__version__}: {said}", _UPGRADE)
