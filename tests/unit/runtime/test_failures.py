"""The traceback that a failed attempt keeps: the user's own, and no message twice."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.errors import ConfigurationError, StepFailedError
from airflow_provider_pipes.models.documents import Failure
from airflow_provider_pipes.runtime.failures import Attempt


def _kept(folder: Path, error: BaseException) -> Failure:
    attempt = Attempt(LocalStorage(folder), "runs/r/t", "train", "t", 1)
    attempt.record_failure(error, 0.0)
    found = attempt.last_failure()
    assert found is not None
    return found


def _raised_by_user(folder: Path, text: str) -> BaseException:
    """Return what a function of the user's raises."""
    module = ModuleType("theirs")
    exec(compile(f"def work():\n    {text}\n", str(folder / "theirs.py"), "exec"), module.__dict__)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - of any class
        module.work()
    error = caught.value
    assert error.__traceback__ is not None
    return error.with_traceback(error.__traceback__.tb_next)


def test_what_we_say_by_ourselves_has_no_traceback(tmp_path: Path) -> None:
    error = ConfigurationError("step 'train': its secrets can't be resolved:\n  - A: no such variable")
    kept = _kept(tmp_path, error)
    assert (kept.message, kept.traceback) == (str(error), "")


def test_of_what_we_say_of_an_error_only_that_of_the_user_is_kept(tmp_path: Path) -> None:
    error = StepFailedError("step 'train' called sys.exit(3); return from the function")
    error.__cause__ = _raised_by_user(tmp_path, "raise SystemExit(3)")
    kept = _kept(tmp_path, error)
    assert "theirs.py" in kept.traceback
    assert kept.traceback.endswith("SystemExit: 3\n")
    assert "direct cause" not in kept.traceback
    assert "airflow_provider_pipes" not in kept.traceback


def test_an_error_of_ours_that_the_users_code_caused_shows_where(tmp_path: Path) -> None:
    error = _raised_by_user(
        tmp_path,
        "from airflow_provider_pipes.errors import ArtifactError; raise ArtifactError('no such thing')",
    )
    assert "theirs.py" in _kept(tmp_path, error).traceback
