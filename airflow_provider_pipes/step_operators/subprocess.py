"""Runs steps in a child process of this machine."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO, TYPE_CHECKING

from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import EXIT_USAGE
from airflow_provider_pipes.entrypoints.entrypoint import (
    EXIT_FAIL_WITHOUT_RETRY,
    EXIT_SKIP,
    EXIT_STEP_FAILED,
    EXIT_STORE_UNREACHABLE,
    Terminated,
)
from airflow_provider_pipes.errors import StepOperatorError
from airflow_provider_pipes.step_operators.base import BaseStepOperator

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepRunInfo

logger = logging.getLogger(__name__)

GRACE_SECONDS = 10.0
"""Time that a child has between SIGTERM and SIGKILL."""

_DRAIN_SECONDS = 5.0
_LINE_LIMIT = 16_384

_MEANING = {
    EXIT_STEP_FAILED: "the step failed",
    EXIT_USAGE: "the entrypoint did not take its arguments",
    EXIT_STORE_UNREACHABLE: "the artifact store is unreachable; trying again may help",
    EXIT_FAIL_WITHOUT_RETRY: "the step asked to fail without retry",
    EXIT_SKIP: "the step asked to be skipped",
}


class SubprocessStepOperator(BaseStepOperator):
    """Runs the entrypoint command as a child process and passes its output on to the log."""

    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        """Run the command here and wait for it.

        Raises:
            StepOperatorError: it could not be started, or did not exit with 0.
        """
        step = info.config.name
        command = _with_this_python(entrypoint_command)
        with _sigterm_as_exit():
            code, last_line = _follow(_start(step, command))
        if code:
            raise _failure(step, code, last_line)


def _with_this_python(command: list[str]) -> list[str]:
    # "python" is what images call it; here it may be missing, or be another environment's.
    if command and command[0] in ("python", "python3"):
        return [sys.executable, *command[1:]]
    return command


def _start(step: str, command: list[str]) -> subprocess.Popen[str]:
    try:
        # A session of its own, so that an end reaches all that the child started, and a Ctrl-C in
        # the terminal reaches only us, who then end the child in order.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as error:
        raise StepOperatorError(f"step {step!r}: can't start {command[:1]}: {error}") from None


def _follow(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Log the child's output until it ends; return its exit code and its last line."""
    last_line = deque([""], maxlen=1)
    # In a thread, since what the child leaves running may keep the pipe open after it has ended.
    reader = threading.Thread(target=_log_lines, args=(process.stdout, last_line), daemon=True)
    try:
        reader.start()
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        reader.join(_DRAIN_SECONDS)
    return code, last_line[0]


def _log_lines(stream: IO[str], last_line: deque[str]) -> None:
    with stream:
        # A limit, or output without line ends would pile up in memory.
        for line in iter(lambda: stream.readline(_LINE_LIMIT), ""):
            text = line.rstrip("\r\n")
            logger.info("%s", text)
            if text.strip():
                last_line.append(text)


def _end(process: subprocess.Popen[str]) -> None:
    """End the child and all that it started: SIGTERM first, SIGKILL after a while."""
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except BaseException:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    if process.poll() is None:
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


def _failure(step: str, code: int, last_line: str) -> StepOperatorError:
    if code < 0:
        meaning = f"it was ended by {_signal_name(-code)}"
        code = 128 - code
    else:
        meaning = _MEANING.get(code, "it failed")
    said = f"; its last line: {last_line}" if last_line else ""
    error = StepOperatorError(f"step {step!r}: the child process exited with {code}: {meaning}{said}")
    error.job_exit_code = code
    return error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
