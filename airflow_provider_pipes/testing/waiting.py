"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.2


def wait_until(probe: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """Ask ``probe`` until its answer is true and return that.

    Args:
        probe: Asked several times a second.
        what: What is waited for, as the error says it.
        seconds: The longest time to wait.

    Raises:
        AssertionError: the time is over, which fails a test.
    """
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still waiting after {seconds:g} s: {what}")
        time.sleep(_PAUSE_SECONDS)
    return answer
