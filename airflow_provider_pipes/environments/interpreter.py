"""The interpreter that a step runs on, looked at before anything relies on it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pipes.errors import PythonEnvironmentError

OLDEST = (3, 11)
"""The first version of Python that runs steps."""

_SECONDS = 60
_PROBE = (
    "import json, platform, sys; print(json.dumps([sys.version_info[:3], platform.python_implementation()]))"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that can run steps.

    Attributes:
        path: Its absolute path.
        version: As "3.12.4".
        implementation: As "CPython".
    """

    path: str
    version: str
    implementation: str


def find_interpreter(given: str | None) -> Interpreter:
    """Return the interpreter at a path, or of a name on PATH; this process's own for None.

    Raises:
        PythonEnvironmentError: there is none, it does not run, or is too old.
    """
    if given is None:
        return Interpreter(
            sys.executable, "{}.{}.{}".format(*sys.version_info[:3]), platform.python_implementation()
        )
    path = _located(given)
    version, implementation = _asked(path)
    if tuple(version) < OLDEST:
        raise PythonEnvironmentError(
            f"python={given!r} is Python {_dotted(version)}; a step needs {_dotted(list(OLDEST))} or newer: "
            "name a newer interpreter"
        )
    return Interpreter(path, _dotted(version), implementation)


def _located(given: str) -> str:
    expanded = os.path.expanduser(given)
    if os.sep not in expanded:
        found = shutil.which(expanded)
        if found is None:
            raise PythonEnvironmentError(
                f"python={given!r} is not on the PATH of this worker; give the interpreter's whole path"
            )
        return os.path.abspath(found)
    path = Path(expanded)
    if not path.is_absolute():
        raise PythonEnvironmentError(
            f"python={given!r} is a relative path, which each worker would take for another file; give the "
            "whole path"
        )
    if not path.exists():
        raise PythonEnvironmentError(
            f"python={given!r} does not exist on this worker; install it there, or give its path there"
        )
    if path.is_dir() or not os.access(path, os.X_OK):
        kind = "is a folder" if path.is_dir() else "may not be executed by this user"
        raise PythonEnvironmentError(
            f"python={given!r} {kind}; give the path of an interpreter, as /opt/ml/bin/python"
        )
    return str(path)


def _asked(path: str) -> tuple[list[int], str]:
    try:
        # Isolated, since what the worker's variables name belongs to the worker's Python.
        done = subprocess.run(
            [path, "-I", "-S", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        )
        version, implementation = json.loads(done.stdout)
        return [int(each) for each in version], str(implementation)
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    except (ValueError, TypeError):
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = f"it exited with {done.returncode} and said: {lines[-1] if lines else 'nothing'}"
    raise PythonEnvironmentError(
        f"{path} does not work as a Python interpreter: {said}; try `{path} --version` on the worker"
    )


def _dotted(version: list[int]) -> str:
    return ".".join(map(str, version))
