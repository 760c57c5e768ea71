"""The commands beside this file, which start the engines, as tests use them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
# Read here, since other tests clear the environment of our settings.
_REQUIRED = os.environ.get("PIPES_REQUIRE_ENGINES") == "1"
_STOP = os.environ.get("PIPES_ENGINES_DOWN") == "1"
KEPT_IN = Path(os.environ.get("PIPES_ENGINES") or "/var/cache/pipes-engines")
"""The folder of all that engines keep."""


def run(engine: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of an engine; the base image holds the Python that runs the tests."""
    command = [str(FOLDER / engine), *arguments]
    environment = {**os.environ, "PYTHON": sys.executable, "PIPES_ENGINES": str(KEPT_IN)}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800
    )
    assert not check or done.returncode == 0, f"{' '.join(command)} failed:\n{done.stderr}"
    return done


def settings(engine: str) -> dict[str, str]:
    """Return what an engine's ``env`` prints, by name."""
    return dict(re.findall(r"^export (\w+)=(.*)$", run(engine, "env").stdout, re.MULTILINE))


@contextlib.contextmanager
def running(engine: str) -> Iterator[None]:
    """Let an engine be up for as long as the context lasts, and leave it up, since the next run wants it too.

    Skips the test where the engine is down and starting it takes more than seconds; with
    PIPES_REQUIRE_ENGINES=1 it takes what it takes. With PIPES_ENGINES_DOWN=1 the last of the
    processes that use an engine that tests started stops it.
    """
    _start(engine)
    with (KEPT_IN / f"{engine}.users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield
        if _STOP and _started_by_tests(engine).exists():
            # Refused while another process still has its share of the lock.
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                run(engine, "down")


def _start(engine: str) -> None:
    if os.geteuid() != 0:
        _leave_out(engine, "needs root")
    was_up = run(engine, "status", check=False).returncode == 0
    if not was_up and not _REQUIRED and run(engine, "ready", check=False).returncode != 0:
        _leave_out(engine, "is not built or installed on this machine")
    done = run(engine, "up", check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        _leave_out(engine, f"does not start: {lines[-1].removeprefix('error: ')}")
    if not was_up:
        _started_by_tests(engine).touch()


def _started_by_tests(engine: str) -> Path:
    # In the folder that `down` removes.
    return KEPT_IN / engine / "started-by-tests"


def _leave_out(engine: str, why: str) -> None:
    message = (
        f"the engine '{engine}' {why}; to have it, run as root: tests/engines/{engine} up (minutes, once)"
    )
    if _REQUIRED:
        pytest.fail(f"{message} (PIPES_REQUIRE_ENGINES=1 makes this a failure)", pytrace=False)
    pytest.skip(message)
