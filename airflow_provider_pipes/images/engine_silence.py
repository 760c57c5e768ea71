"""Why a Docker engine does not answer, in the few words of the system, and what to do about it."""

from __future__ import annotations

import re

_TLS = re.compile(r"\[SSL: \w+\] ([^'\"()]+)")
# Of an operating system's error inside the text of another, as a socket file's or a TCP connection's.
_SYSTEM_ERRORS = (re.compile(r"Error\(\d+, '([^']+)'\)"), re.compile(r"\[Errno -?\d+\] ([^'\"()]+)"))
_TIMED_OUT = re.compile(r"timed out|timeout=", re.IGNORECASE)
_NO_JSON = "Expecting value:"
_CERTIFICATES = "tls_ca_cert, tls_client_cert and tls_client_key"


def silence_of(error: Exception) -> str:
    """Return why an engine does not answer, or else what the client's libraries say."""
    said = str(error)
    if found := _TLS.search(said):
        return f"TLS: {found[1].strip()}"
    for pattern in _SYSTEM_ERRORS:
        if found := pattern.search(said):
            return found[1].strip()
    if _TIMED_OUT.search(said):
        return "no answer in time"
    if _NO_JSON in said:
        return "what answers there is no Docker engine"
    return said.removeprefix("Error while fetching server API version: ")


def silence_remedy(url: str, reason: str) -> str:
    """Return what to do about an engine at ``docker_url`` that does not answer.

    Args:
        url: Its address.
        reason: What ``silence_of`` said.
    """
    if "://" not in url or url.startswith(("unix", "http+unix", "npipe")):
        return "is it running, and may the worker's user reach it?"
    if "name" in reason.lower():
        return "correct the host in docker_url"
    if reason.startswith("TLS: ") or "reset by peer" in reason:
        return f"does it speak TLS, and are {_CERTIFICATES} those for it?"
    if reason == "no answer in time":
        return "is its host up, and does a firewall let the worker's machine reach the port?"
    return "is it running, does it listen at this address, and is docker_url right?"
