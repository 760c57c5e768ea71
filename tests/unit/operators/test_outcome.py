from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_pipes.errors import AuthoringError, FailWithoutRetry, RunError, SkipStep, UserCodeError
from airflow_provider_pipes.operators.outcome import for_airflow

LOG = logging.getLogger("test of outcomes")

# A function as one of ours, between Airflow's call and the user's function.
_ours: dict[str, Any] = {"__name__": "airflow_provider_pipes.runtime.runner"}
exec("def call(function):\n    return function()\ndef fail(error):\n    raise error", _ours)


def raised_by(function: Callable[[], None]) -> BaseException:
    """Return what Airflow is told when ``function`` is called through ours."""
    try:
        _ours["call"](function)
    except BaseException as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # without this one's frame
        return for_airflow(error, LOG)
    raise AssertionError("nothing was raised")


def frames(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def users_function() -> None:
    users_helper()


def users_helper() -> None:
    raise ValueError("theirs")


def skips() -> None:
    raise SkipStep("nothing new")


def refuses() -> None:
    try:
        users_helper()
    except ValueError as error:
        raise FailWithoutRetry("no use") from error


def interrupted() -> None:
    raise KeyboardInterrupt


def misuses() -> None:
    _ours["fail"](AuthoringError("log_metadata takes JSON values"))


def test_a_users_exception_stays_itself_with_their_frames_only() -> None:
    told = raised_by(users_function)
    assert isinstance(told, ValueError)
    assert frames(told) == ["users_function", "users_helper"]


def test_an_interruption_stays_itself_with_their_frames_only() -> None:
    told = raised_by(interrupted)
    assert isinstance(told, KeyboardInterrupt)
    assert frames(told) == ["interrupted"]


def test_a_skip_is_airflows_skip() -> None:
    told = raised_by(skips)
    assert isinstance(told, AirflowSkipException)
    assert str(told) == "nothing new"


def test_a_refusal_is_airflows_with_their_frames_and_their_reason() -> None:
    told = raised_by(refuses)
    assert isinstance(told, AirflowFailException)
    assert str(told) == "no use"
    assert frames(told) == ["refuses"]
    assert isinstance(told.__cause__, ValueError)


@pytest.mark.parametrize(
    ("kind", "said"),
    [(SkipStep, "the step asked to be skipped"), (FailWithoutRetry, "the step asked to fail without retry")],
)
def test_without_a_message_it_says_what_the_step_asked_for(kind: type[Exception], said: str) -> None:
    assert str(for_airflow(kind(), LOG)) == said


def test_an_error_of_ours_is_one_message_without_a_traceback() -> None:
    told = for_airflow(_caught(RunError("no such step")), LOG)
    assert type(told) is AirflowException
    assert str(told) == "no such step"
    assert told.__traceback__ is None
    assert told.__suppress_context__


def test_an_error_of_ours_that_their_code_caused_shows_where() -> None:
    told = raised_by(misuses)
    assert isinstance(told, AuthoringError)
    assert frames(told) == ["misuses", "fail"]


def test_a_module_that_does_not_import_is_told_with_their_traceback(caplog: pytest.LogCaptureFixture) -> None:
    told = for_airflow(_caught(UserCodeError("module 'm' raised KeyError", "  File m.py, line 3")), LOG)
    assert type(told) is AirflowException
    assert "File m.py, line 3" in caplog.text


def _caught(error: Exception) -> BaseException:
    try:
        _ours["fail"](error)
    except Exception as caught:
        caught.__traceback__ = caught.__traceback__ and caught.__traceback__.tb_next
        return caught
    raise AssertionError("nothing was raised")
