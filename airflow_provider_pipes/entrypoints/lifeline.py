"""Ends a step's process with the process that started it, even where that was killed without a word.

The parent holds one end of a pipe and never writes to it; the kernel closes it when the parent ends,
however it ends. Otherwise a step would run on next to the attempt that takes its place.
"""

from __future__ import annotations

import os
import signal
import time

LIFELINE_VARIABLE = "PIPES_LIFELINE"
"""Tells a step's process the descriptor of its end of the pipe."""

_GRACE_SECONDS = 10.0


def end_with_parent() -> None:
    """Watch the parent from a thread, if it gave this process a lifeline."""
    given = os.environ.pop(LIFELINE_VARIABLE, None)
    if given is None:
        return
    import threading

    threading.Thread(target=_watch, args=(int(given),), daemon=True).start()


def _watch(descriptor: int) -> None:
    try:
        os.read(descriptor, 1)
    except OSError:
        return  # no such pipe: a process in between closed it
    # The parent made this process the leader of a group with all that it starts.
    end = os.killpg if os.getpgrp() == os.getpid() else os.kill
    end(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    end(os.getpid(), signal.SIGKILL)
