"""Small questions to Airflow's REST API, each within a few seconds."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 4
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status; 0 where nothing answered.
        body: The decoded JSON; None where it was none.
        date: The answer's Date header.
        error: Why nothing answered.
    """

    status: int
    body: Any = None
    date: str | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status == 200 and self.body is not None


def get(url: str, token: str | None = None) -> Answer:
    """Return what GET gives; it never raises."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return _send(url, headers, None)


def log_in(url: str, user: str, password: str) -> str | None:
    """Return a token, or None where the login is refused."""
    body = json.dumps({"username": user, "password": password}).encode()
    answer = _send(f"{url}/auth/token", {"Content-Type": "application/json"}, body)
    found = answer.body.get("access_token") if isinstance(answer.body, dict) else None
    return found if isinstance(found, str) else None


def _send(url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return Answer(0, error=f"{url} is no http address")
        # No proxy is asked for an address of this machine.
        proxies: dict[str, str] | None = {} if parts.hostname in _LOCAL else None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        request = urllib.request.Request(url, body, {"Accept": "application/json", **headers})
        with opener.open(request, timeout=_SECONDS) as response:
            return Answer(response.status, _decoded(response.read()), response.headers.get("Date"))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _decoded(error.read()), error.headers.get("Date"))
    except urllib.error.URLError as error:
        return Answer(0, error=_reason(error.reason))
    except (OSError, HTTPException, ValueError) as error:
        return Answer(0, error=_reason(error))


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_SECONDS} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
