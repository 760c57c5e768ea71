"""Why a Docker engine does not answer, in the few words of the system, and what to do about it."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

_TLS = re.compile(r"\[SSL: \w+\] ([^'\"()]+)")
# Of an operating system's error inside the text of another, as a socket file's or a TCP connection's.
_SYSTEM_ERRORS = (re.compile(r"Error\(\d+, '([^']+)'\)"), re.compile(r"\[Errno -?\d+\] ([^'\"()]+)"))
_TIMED_OUT = re.compile(r"timed out|timeout=", re.IGNORECASE)
_NO_JSON = "Expecting value:"
_CERTIFICATES = "tls_ca_cert, tls_client_cert and tls_client_key"


def engine_answer(
    url: str, certificates: tuple[str | None, str | None, str | None], verify: bool, seconds: float
) -> tuple[str, str]:
    """Ask a Docker engine once and return its version, or "" and why there is no answer.

    Args:
        url: Its address.
        certificates: Files: the authority's, the client's, the client's key; without all three, no TLS.
        verify: Whether the engine's certificate is checked.
        seconds: How long to wait.
    """
    from docker import APIClient
    from docker.constants import DEFAULT_DOCKER_API_VERSION
    from docker.errors import DockerException
    from docker.tls import TLSConfig
    from requests.exceptions import RequestException

    authority, certificate, key = certificates
    tls: Any = False
    try:
        if authority and certificate and key:
            tls = TLSConfig(client_cert=(certificate, key), ca_cert=authority, verify=verify)
        # With a version, the client asks nothing when it is made, and leaves no connection open.
        with closing(APIClient(url, DEFAULT_DOCKER_API_VERSION, seconds, tls)) as client:
            return str(client.version(api_version=False).get("Version")), ""
    except (DockerException, RequestException) as error:
        return "", silence_of(error)


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
