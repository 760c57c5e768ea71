"""What a build is given that nobody may read in its output or in its image."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

ENVIRONMENT_ARGUMENT = "PIPES_BUILD_ENVIRONMENT"
"""The one build argument that carries what the installation of requirements needs from this machine."""

_INDEX = re.compile(
    r"(PIP|UV)_(\w*INDEX\w*|TRUSTED_HOST|INSECURE_HOST|DEFAULT_TIMEOUT|HTTP_TIMEOUT|RETRIES)\Z"
)
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
_CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_LOGIN = re.compile(r"(?<=://)[^/\s@'\"]+(?=@)")
_MASK = "***"


def index_settings(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables by which pip and uv find packages, and proxies."""
    values = os.environ if environment is None else environment
    return {
        name: value
        for name, value in sorted(values.items())
        if value and (_INDEX.match(name) or name.lower() in _PROXIES)
    }


def certificates(environment: Mapping[str, str] | None = None) -> bytes:
    """Return the certificates that this machine trusts in place of its usual ones, if any."""
    values = os.environ if environment is None else environment
    for name in _CERTIFICATES:
        try:
            return Path(values[name]).read_bytes()
        except (KeyError, OSError):
            continue
    return b""


def build_arguments(
    options: Mapping[str, object], environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the build arguments of an image that we write the Dockerfile of.

    Args:
        options: The user's ``build_options``; among its ``buildargs``, index settings count here too.
        environment: The variables; those of this process where nothing is given.
    """
    given = given_arguments(options)
    settings = index_settings(environment) | index_settings(given)
    proxies = {name: value for name, value in settings.items() if name.lower() in _PROXIES}
    # The engine knows the proxies' names itself, and keeps their values out of the image.
    return {**given, **proxies, ENVIRONMENT_ARGUMENT: json.dumps(settings, sort_keys=True)}


def given_arguments(options: Mapping[str, object]) -> dict[str, str]:
    """Return the ``buildargs`` of the user's ``build_options``."""
    found = options.get("buildargs")
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


class Mask:
    """Hides logins in text.

    Args:
        arguments: Build arguments whose secret parts must not show.
    """

    def __init__(self, arguments: Mapping[str, str]) -> None:
        found = set(_secrets(arguments))
        # As they are, as JSON has them, and as a URL does not.
        texts = {form for each in found for form in (each, json.dumps(each)[1:-1], unquote(each))}
        pattern = "|".join(re.escape(each) for each in sorted(texts, key=len, reverse=True))
        self._known = re.compile(pattern) if pattern else None

    def __call__(self, text: str) -> str:
        """Return ``text`` without them."""
        hidden = self._known.sub(_MASK, text) if self._known else text
        return _LOGIN.sub(_MASK, hidden)


def _secrets(arguments: Mapping[str, str]) -> Iterable[str]:
    for name, value in arguments.items():
        if name == ENVIRONMENT_ARGUMENT:
            yield from _secrets(json.loads(value))
        elif re.search(r"PASSWORD|TOKEN|SECRET", name, re.IGNORECASE):
            yield value
        for login in _LOGIN.findall(value):
            yield from (part for part in (login, login.partition(":")[2]) if part)
