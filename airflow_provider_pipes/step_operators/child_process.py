"""A child process of this machine: its output goes to the log, and an end reaches all that it started."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from airflow_provider_pipes.entrypoints.entrypoint import Terminated
from airflow_provider_pipes.entrypoints.exit_codes import exit_meaning
from airflow_provider_pipes.entrypoints.lifeline import LIFELINE_VARIABLE
from airflow_provider_pipes.errors import StepOperatorError

logger = logging.getLogger(__name__)

GRACE_SECONDS = 10.0
"""Time that a child has between SIGTERM and SIGKILL, where nobody says another."""

_DRAIN_SECONDS = 5.0
_LINE_LIMIT = 16_384
_LAST_LINES = 40


@dataclass(frozen=True)
class ChildEnd:
    """How a child process ended.

    Attributes:
        status: What it exited with, or a signal's number below zero.
        last_lines: The last that it printed, without empty lines.
    """

    status: int
    last_lines: tuple[str, ...]

    @property
    def code(self) -> int:
        """The exit code, as a shell tells it."""
        return self.status if self.status >= 0 else 128 - self.status

    def error_of_step(self, step: str) -> StepOperatorError:
        """Return the error that tells it of a step's process."""
        meaning = exit_meaning(self.code)
        said = f"; its last line: {self.last_lines[-1]}" if self.last_lines else ""
        error = StepOperatorError(
            f"step {step!r}: the child process exited with {self.code}: {meaning}{said}"
        )
        error.job_exit_code = self.code
        return error


def run_child(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    grace: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> ChildEnd:
    """Run a command and wait for it; whatever ends the wait ends the child and all that it started.

    Args:
        command: The command.
        environment: All of its variables, instead of this process's.
        folder: Where it runs.
        grace: Seconds between SIGTERM and SIGKILL.
        on_line: Gets each line of output, instead of the log.

    Raises:
        OSError: it can't be started.
        ValueError: it is no command.
    """
    reading, writing = os.pipe()
    try:
        with _sigterm_as_exit():
            process = _start(command, {**(environment or os.environ)}, folder, reading)
            return _follow(process, GRACE_SECONDS if grace is None else grace, on_line or _log)
    finally:
        os.close(reading)
        os.close(writing)


def _log(line: str) -> None:
    logger.info("%s", line)


def _start(
    command: Sequence[str], environment: dict[str, str], folder: Path | None, lifeline: int
) -> subprocess.Popen[str]:
    # A session of its own, so that an end reaches all that the child started, and a Ctrl-C in
    # the terminal reaches only us, who then end the child in order.
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**environment, "PYTHONUNBUFFERED": "1", LIFELINE_VARIABLE: str(lifeline)},
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        pass_fds=[lifeline],
    )


def _follow(process: subprocess.Popen[str], grace: float, on_line: Callable[[str], None]) -> ChildEnd:
    last_lines = deque[str](maxlen=_LAST_LINES)
    # In a thread, since what the child leaves running may keep the pipe open after it has ended.
    reader = threading.Thread(target=_read_lines, args=(process.stdout, last_lines, on_line), daemon=True)
    try:
        reader.start()
        status = process.wait()
    except BaseException:
        _end(process, grace)
        raise
    finally:
        reader.join(_DRAIN_SECONDS)
    return ChildEnd(status, tuple(last_lines))


def _read_lines(stream: IO[str], last_lines: deque[str], on_line: Callable[[str], None]) -> None:
    with stream:
        # A limit, or output without line ends would pile up in memory.
        for line in iter(lambda: stream.readline(_LINE_LIMIT), ""):
            text = line.rstrip("\r\n")
            on_line(text)
            if text.strip():
                last_lines.append(text)


def _end(process: subprocess.Popen[str], grace: float) -> None:
    """End the child and all that it started: SIGTERM first, SIGKILL after a while."""
    _signal_group(process, signal.SIGTERM)
    # Whoever interrupts once more wants no more patience.
    with suppress(BaseException):
        process.wait(grace)
    # Also where the child ended in order: what it started may not have.
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    # The group has the child's id as long as anything in it lives; on a Mac, one of zombies is denied.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM raise, so that the child is ended; a handler that somebody else set stays."""
    unhandled = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if threading.current_thread() is not threading.main_thread() or not unhandled:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated(128 + number)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
