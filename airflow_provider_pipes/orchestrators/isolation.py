"""What a step that runs in this process must not leave changed for the next one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def process_kept() -> Iterator[None]:
    """Put back the standard streams, the current folder and the environment after the block.

    On Airflow each step has a process of its own; a step that changes its process must not work
    here because of what the step before it did, nor silence the rest of the run.
    """
    streams = sys.stdin, sys.stdout, sys.stderr
    folder, environment = os.getcwd(), dict(os.environ)
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        with suppress(OSError):  # the step may have removed the folder
            os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
