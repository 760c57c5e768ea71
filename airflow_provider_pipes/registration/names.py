"""Names that users give to components, flavors and stacks, and names that do not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.classpath import nearest
from airflow_provider_pipes.stack.enums import StackComponentType

_NAME = re.compile(r"[^\W_][\w.-]*")
_LONGEST = 100


def name_problem(name: str) -> str | None:
    """Return why something can't have a name, or None."""
    if not name:
        return "the name is empty; give it one"
    if len(name) > _LONGEST:
        return f"the name has {len(name)} characters; shorten it to {_LONGEST} at most"
    if not _NAME.fullmatch(name):
        return f"{name!r} is no name; write letters, digits, '-', '_' and '.', and a letter or a digit first"
    return None


def unknown(what: str, name: str, known: Iterable[str], section: str = "") -> ConfigurationError:
    """Return the error for a name that does not exist."""
    names = sorted(known)
    place = f" in [{section}]" if section else ""
    return ConfigurationError(
        f"there is no {what} {name!r}{place}{nearest(name, names)}; there are: {', '.join(names) or 'none'}"
    )


def quoted(names: Sequence[str]) -> str:
    """Return names as a sentence lists them."""
    return ", ".join(map(repr, names))


def article(kind: StackComponentType) -> str:
    """Return the kind with its article."""
    return f"{'an' if kind.label[0] in 'aeiou' else 'a'} {kind.label}"


def command_of(kind: StackComponentType) -> str:
    """Return the command group of a kind."""
    return kind.value.replace("_", "-")
