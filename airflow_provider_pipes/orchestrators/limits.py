"""The time limit of a step that runs in this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import NoReturn


class StepTimeout(BaseException):
    """A step took longer than its ``execution_timeout``.

    No ``Exception``: the user's own ``except Exception`` must not swallow it.
    """


@contextmanager
def time_limit(step: str, limit: timedelta | None) -> Iterator[None]:
    """Raise ``StepTimeout`` inside the block once ``limit`` is over.

    By SIGALRM, as Airflow does it; outside of the main thread, where no signal arrives, nothing is
    enforced.
    """
    if limit is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: FrameType | None) -> NoReturn:
        raise StepTimeout(f"step {step!r} took longer than its execution_timeout of {limit}")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
