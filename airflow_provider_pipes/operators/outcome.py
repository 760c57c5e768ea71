"""How a step's end is said to Airflow: in its own exceptions, with tracebacks of the user's code."""

from __future__ import annotations

import logging
from types import TracebackType

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_pipes.errors import FailWithoutRetry, PipesError, SkipStep

# Between Airflow's call and the user's function there is nothing that a user could mend.
_MACHINERY = frozenset({"airflow", "airflow_provider_pipes", "asyncio", "contextlib"})


def for_airflow(error: BaseException, log: logging.Logger) -> BaseException:
    """Return what to raise in the place of ``error``; a user's own exception stays what it is."""
    theirs = _from_the_user_on(error.__traceback__)
    if isinstance(error, SkipStep):
        return _told(AirflowSkipException(str(error) or "the step asked to be skipped"), error)
    if isinstance(error, FailWithoutRetry):
        failure = AirflowFailException(str(error) or "the step asked to fail without retry")
        return _told(failure, error).with_traceback(theirs)
    if isinstance(error, PipesError) and error.traceback_text:
        log.error("%s\n%s", error, error.traceback_text)
        return _told(AirflowException(str(error)))
    if isinstance(error, PipesError) and theirs is None:
        return _told(AirflowException(str(error)))
    return error.with_traceback(theirs or error.__traceback__)


def _told(to_airflow: Exception, error: BaseException | None = None) -> Exception:
    # What the user raised it from is the reason that they want to read; setting it hides our own error.
    to_airflow.__cause__ = error.__cause__ if error else None
    return to_airflow


def _from_the_user_on(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and _package(traceback) in _MACHINERY:
        traceback = traceback.tb_next
    return traceback


def _package(traceback: TracebackType) -> str:
    return str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
