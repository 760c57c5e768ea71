from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from airflow_provider_pipes.environments.interpreter import find_interpreter
from airflow_provider_pipes.errors import PythonEnvironmentError


def _script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_nothing_said_means_the_python_that_asks() -> None:
    assert find_interpreter(None) == find_interpreter(sys.executable)
    assert find_interpreter(None).version == platform.python_version().rstrip("+")


def test_a_name_is_looked_up_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my-python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_interpreter("my-python").path == str(tmp_path / "my-python")
    with pytest.raises(
        PythonEnvironmentError, match="python='other-python' is not on the PATH of this worker"
    ):
        find_interpreter("other-python")


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_interpreter("~/python").path == str(tmp_path / "python")


def test_variables_of_the_worker_do_not_reach_the_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('of the worker')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert find_interpreter(sys.executable).version == platform.python_version().rstrip("+")


def test_a_path_that_is_no_interpreter_says_why(tmp_path: Path) -> None:
    missing, plain = tmp_path / "missing", tmp_path / "plain"
    plain.write_text("")
    for given, said in [
        (str(missing), r"python='.*missing' does not exist on this worker; install it there"),
        (str(tmp_path), "is a folder; give the path of an interpreter"),
        (str(plain), "may not be executed by this user"),
        ("bin/python", "is a relative path, which each worker would take for another file"),
    ]:
        with pytest.raises(PythonEnvironmentError, match=said):
            find_interpreter(given)


def test_what_runs_but_is_no_python_is_told_with_its_own_words(tmp_path: Path) -> None:
    other = _script(tmp_path / "other", "echo unknown option -I >&2; exit 3")
    with pytest.raises(
        PythonEnvironmentError,
        match="does not work as a Python interpreter: it exited with 3 and said: unknown option",
    ):
        find_interpreter(other)
    garbage = tmp_path / "garbage"
    garbage.write_bytes(os.urandom(64))
    garbage.chmod(0o755)
    with pytest.raises(PythonEnvironmentError, match="Exec format error"):
        find_interpreter(str(garbage))


def test_a_python_that_is_too_old_is_refused(tmp_path: Path) -> None:
    old = _script(tmp_path / "python3.8", """echo '[[3, 8, 20], "CPython"]'""")
    with pytest.raises(
        PythonEnvironmentError,
        match=r"is Python 3\.8\.20; a step needs 3\.11 or newer: name a newer interpreter",
    ):
        find_interpreter(old)
