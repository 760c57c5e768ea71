"""What an image, and what goes into one, may be named."""

from __future__ import annotations

import re

# As image registries and engines have it: a host, a path in lower case, a tag, a digest.
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = rf"{_PART}(?:/{_PART})*"
_IMAGE = re.compile(
    rf"(?:{_HOST}/)?{_PATH}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?\Z"
)
_REPOSITORY = re.compile(rf"{_PATH}\Z")
_REGISTRY = re.compile(rf"{_HOST}(?:/{_PATH})?\Z")
_APT = re.compile(r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+:~-]+)?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?\Z")
_USER = re.compile(r"(?:[a-z_][a-z0-9_-]{0,31}|\d{1,10})(?::(?:[a-z_][a-z0-9_-]{0,31}|\d{1,10}))?\Z")
_MAX_REPOSITORY = 200


def image_problem(text: str) -> str | None:
    """Return why ``text`` names no image, or None."""
    if _IMAGE.match(text):
        return None
    return f"{text!r} names no image; write it as 'python:3.12-slim' or 'registry.example.com/ml/image:tag'"


def repository_problem(text: str) -> str | None:
    """Return why ``text`` names no repository in a registry, or None."""
    if _REPOSITORY.match(text) and len(text) <= _MAX_REPOSITORY:
        return None
    return f"{text!r} names no repository; write it in lower case, without registry and tag, as 'ml/training'"


def registry_problem(text: str) -> str | None:
    """Return why ``text`` is no address of an image registry, or None."""
    if "://" in text:
        return "write a registry's address without 'https://', as 'registry.example.com/ml'"
    if _REGISTRY.match(text):
        return None
    return "this is no address of an image registry; write it as 'registry.example.com/ml'"


def apt_package_problem(text: str) -> str | None:
    """Return why ``text`` names no Debian package, or None."""
    if _APT.match(text):
        return None
    return f"{text!r} names no Debian package; write it as 'libgomp1' or 'git=1:2.39.5-0+deb12u1'"


def variable_problem(text: str) -> str | None:
    """Return why ``text`` names no environment variable, or None."""
    if _VARIABLE.match(text):
        return None
    return f"{text!r} names no variable; use letters, digits and '_', with no digit first"


def platform_problem(text: str) -> str | None:
    """Return why ``text`` names no platform, or None."""
    if _PLATFORM.match(text):
        return None
    return f"{text!r} names no platform; write it as 'linux/amd64' or 'linux/arm64/v8'"


def user_problem(text: str) -> str | None:
    """Return why ``text`` names no user of a container, or None."""
    if _USER.match(text):
        return None
    return f"{text!r} names no user; write a name or an id, as 'app', '1000' or '1000:1000'"


def project_path_problem(text: str) -> str | None:
    """Return why ``text`` is no path inside a project, or None."""
    if "\0" in text or "\n" in text or not text.strip():
        return "expected the path of a file or folder"
    if text.startswith(("/", "~", "\\")) or ".." in re.split(r"[/\\]", text):
        return f"{text!r} leaves the project; write it relative to the project's root, without '..'"
    return None


def server_of(image: str) -> str | None:
    """Return the registry in an image's name, as an engine understands it; None for the engine's default."""
    first, slash, _ = image.partition("/")
    is_server = slash and ("." in first or ":" in first or first == "localhost")
    return first if is_server else None
