"""Takes secret values out of texts that are kept: an error's message may hold what its step was given."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SECRET_VARIABLES = "PIPES_SECRET_VARIABLES"
"""Names the variables of a step's process whose values are secret, with commas between them."""

_MASK = "***"
# As Airflow does: shorter ones are parts of too many words.
_SHORTEST = 5
_SHORTEST_LINE = 8
_SENSITIVE = ("secret", "password", "passwd", "passphrase", "token", "key", "credential", "connection_string")


def names_of_secrets(variables: Iterable[str]) -> dict[str, str]:
    """Return the plain variable that tells a step's process which of its variables are secret."""
    names = sorted({*variables})
    return {SECRET_VARIABLES: ",".join(names)} if names else {}


def masked(text: str, values: Iterable[str] | None = None) -> str:
    """Return a text with ``***`` in the place of secret values.

    Args:
        text: May hold some.
        values: The secret values; those of this process's variables by default.
    """
    secrets = _of_process(os.environ) if values is None else values
    found = {part for value in secrets for part in secret_parts(value)}
    # The longest first: one may be part of another.
    for each in sorted(found, key=len, reverse=True):
        text = text.replace(each, _MASK)
    return text


def secret_parts(value: str) -> set[str]:
    """Return what is secret of a value: itself, each of its lines, and what is secret in a connection."""
    parts = {line.strip() for line in value.splitlines() if len(line.strip()) >= _SHORTEST_LINE}
    return {each for each in {value, *parts, *_of_connection(value)} if len(each) >= _SHORTEST}


def _of_process(environment: Mapping[str, str]) -> list[str]:
    names = environment.get(SECRET_VARIABLES, "").split(",")
    return [environment[name] for name in names if environment.get(name)]


def _of_connection(value: str) -> Iterator[str]:
    if not value.startswith("{"):
        return
    try:
        fields = json.loads(value)
    except ValueError:
        return
    yield from _sensitive(fields)


def _sensitive(fields: Any, inside: bool = False) -> Iterator[str]:
    if isinstance(fields, str):
        if inside:
            yield fields
    elif isinstance(fields, Mapping):
        for name, each in fields.items():
            yield from _sensitive(each, inside or any(word in name.lower() for word in _SENSITIVE))
    elif isinstance(fields, list):
        for each in fields:
            yield from _sensitive(each, inside)
