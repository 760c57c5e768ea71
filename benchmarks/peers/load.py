"""How much other work is on the machine while something is measured."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_LOOK = 1.0


class Load:
    """Looks at the machine between measurements, when nothing of ours runs."""

    def __init__(self) -> None:
        self._busy: list[float] = []

    def look(self) -> None:
        """Note how many cores others keep busy for a second."""
        if not _STAT.exists():
            return
        before, began = _busy_seconds(), time.monotonic()
        time.sleep(_LOOK)
        self._busy.append((_busy_seconds() - before) / (time.monotonic() - began))

    def told(self) -> str:
        """Return a sentence on what was seen."""
        if not self._busy:
            return "Other work on the machine was not looked at."
        middle, most = statistics.median(self._busy), max(self._busy)
        looks = f"median of {len(self._busy)} looks between the rows; at most {most:.1f}"
        return f"Other work kept {middle:.1f} of {os.cpu_count()} cores busy ({looks})."


def _busy_seconds() -> float:
    user, nice, system = map(int, _STAT.read_text().split(maxsplit=4)[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")
