"""One process of this machine makes an environment; the others wait, and see how far it is."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from airflow_provider_pipes.errors import PythonEnvironmentError

_LOOK_SECONDS = 0.2
_TELL_SECONDS = 10.0


@dataclass(frozen=True)
class Progress:
    """Tells how the making goes: this process's log, and those that wait.

    Attributes:
        log: This process's.
        file: Read by those that wait; the lock is on it.
    """

    log: logging.Logger
    file: IO[str]

    def say(self, line: str) -> None:
        """Tell a line."""
        self.log.info("%s", line)
        with suppress(OSError, ValueError):  # a full disk shows itself in what is being made
            self.file.write(f"{line}\n")
            self.file.flush()


@contextmanager
def building_lock(folder: Path, key: str, log: logging.Logger) -> Iterator[Progress]:
    """Wait until no other process makes the environment of this key, and keep others from it meanwhile.

    The kernel gives the lock back when a process ends, however it ends. Where the file system has no locks
    two processes may make the same; the one that is ready last finds the other's.
    """
    path = folder / f"{key}.lock"
    try:
        file = path.open("a+", encoding="utf-8", errors="replace")
    except OSError as error:
        raise PythonEnvironmentError(f"no environment can be made in {folder}: {error}") from None
    with file:
        _wait(file, path, log)
        with suppress(OSError):
            os.ftruncate(file.fileno(), 0)
        yield Progress(log, file)


def _wait(file: IO[str], path: Path, log: logging.Logger) -> None:
    started = told = time.monotonic()
    shown = 0
    while not _locked(file):
        now = time.monotonic()
        if not shown or now - told >= _TELL_SECONDS:
            lines = _lines(path)
            last = f": {lines[-1]}" if lines else ""
            log.info(
                "Another task makes this environment; waiting for it, %d s so far%s", now - started, last
            )
            told, shown = now, 1
        time.sleep(_LOOK_SECONDS)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no locks on this file system
    return True


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    except OSError:
        return []
