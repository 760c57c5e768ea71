"""Why a Docker engine does not answer, in the few words of the system."""

from __future__ import annotations

import re

# Of an operating system's error inside the text of another, as a socket file's or a TCP connection's.
_SYSTEM_ERRORS = (re.compile(r"Error\(\d+, '([^']+)'\)"), re.compile(r"\[Errno -?\d+\] ([^'\"()]+)"))
_TIMED_OUT = re.compile(r"timed out|timeout=", re.IGNORECASE)


def silence_of(error: Exception) -> str:
    """Return why an engine does not answer, or else what the client's libraries say."""
    said = str(error)
    for pattern in _SYSTEM_ERRORS:
        if found := pattern.search(said):
            return found[1].strip()
    if _TIMED_OUT.search(said):
        return "no answer in time"
    return said.removeprefix("Error while fetching server API version: ")
