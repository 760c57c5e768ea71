"""Asks a registry for the digest of a tag, over HTTP: no engine takes part."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage

from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.images.registry import TOKEN_USER, RegistryAccess

_SECONDS = 15.0
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


def manifest_digest(access: RegistryAccess, repository: str, tag: str) -> str | None:
    """Return the digest of the image that a tag names, or None where there is none.

    Raises:
        ImageError: the registry does not answer, or does not let us in.
    """
    url = f"{_scheme(access)}://{access.server}/v2/{urllib.parse.quote(repository)}/manifests/{tag}"
    try:
        headers = _asked_as(url, access)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            return None
        if error.code in (401, 403):
            raise refused(access) from None
        raise ImageError(
            f"registry {access.server} answered {error.code} {error.reason} when asked for "
            f"{repository}:{tag}; is its address right, and is it a registry of API version 2?"
        ) from None
    except (OSError, HTTPException, ValueError) as error:
        raise _silent(access, error) from None
    digest = headers.get("Docker-Content-Digest", "")
    if not _DIGEST.match(digest):
        raise ImageError(
            f"registry {access.server} tells no digest of {repository}:{tag}; it is no v2 registry"
        )
    return str(digest)


def lets_in(access: RegistryAccess, seconds: float = _SECONDS) -> bool:
    """Return whether a registry takes our login, or wants none; it is asked for no repository.

    Raises:
        ImageError: it does not answer, or is no registry of API version 2.
    """
    url = f"{_scheme(access)}://{access.server}/v2/"
    try:
        _asked_as(url, access, "GET", seconds)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            return False
        raise ImageError(
            f"registry {access.server} answered {error.code} {error.reason} when asked for its API; is its "
            "address right, and is it a registry of API version 2?"
        ) from None
    except (OSError, HTTPException, ValueError) as error:
        raise _silent(access, error) from None
    return True


def refused(access: RegistryAccess) -> ImageError:
    """Return the error for a registry that does not let us in."""
    if access.username is None:
        what = f"wants a login, and there is none: {access.source}"
        advice = "name an Airflow connection by connection_id of the container registry"
    else:
        what = f"refuses {access.who}"
        advice = "correct the password there, or give this user the right to the repository"
    return ImageError(f"registry {access.server} {what}; {advice}")


def _scheme(access: RegistryAccess) -> str:
    return "http" if access.insecure else "https"


def _silent(access: RegistryAccess, error: Exception) -> ImageError:
    said = getattr(error, "reason", None) or error
    return ImageError(
        f"registry {access.server} does not answer over {_scheme(access)}: {said}; is it up, and is the "
        "address in the container registry's uri right?"
    )


def _asked_as(
    url: str, access: RegistryAccess, method: str = "HEAD", seconds: float = _SECONDS
) -> HTTPMessage:
    """Ask without a login first, then with the one that the answer calls for."""
    try:
        return _asked(url, None, method, seconds)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        error.close()
        challenges = error.headers.get_all("WWW-Authenticate") or []
        authorization = _authorization(challenges, access, seconds)
        if authorization is None:
            raise
    return _asked(url, authorization, method, seconds)


def _authorization(challenges: list[str], access: RegistryAccess, seconds: float) -> str | None:
    """Return the header that answers a challenge, or None where we have no answer."""
    for challenge in challenges:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and access.username is not None:
            return _basic(access)
        if scheme.lower() == "bearer":
            return f"Bearer {_token(dict(_PARAMETER.findall(rest)), access, seconds)}"
    return None


def _basic(access: RegistryAccess) -> str:
    text = f"{access.username}:{access.password}"
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def _token(challenge: Mapping[str, str], access: RegistryAccess, seconds: float) -> str:
    """Return the token that the registry's own service gives out."""
    realm = challenge.get("realm", "")
    if not realm.startswith(("https://", "http://" if access.insecure else "https://")):
        raise ValueError("it sends logins to a service without TLS")
    values = {name: challenge[name] for name in ("service", "scope") if name in challenge}
    request = urllib.request.Request(f"{realm}?{urllib.parse.urlencode(values)}")
    if access.username == TOKEN_USER:
        # What `docker login` keeps for services that give out tokens in place of passwords.
        values |= {"grant_type": "refresh_token", "refresh_token": access.password or ""}
        request = urllib.request.Request(realm, data=urllib.parse.urlencode(values).encode())
    elif access.username is not None:
        request.add_unredirected_header("Authorization", _basic(access))
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        found = json.load(answer)
    return str(found.get("token") or found.get("access_token") or "")


def _asked(url: str, authorization: str | None, method: str, seconds: float) -> HTTPMessage:
    request = urllib.request.Request(url, method=method, headers={"Accept": _MANIFESTS})
    if authorization is not None:
        # A registry may send us elsewhere, which must not learn the login.
        request.add_unredirected_header("Authorization", authorization)
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        found: HTTPMessage = answer.headers
        return found
