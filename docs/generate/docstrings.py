"""Docstrings in Google's style, taken apart."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):\s*$")
_ENTRY = re.compile(r"(\w[\w.*]*):\s+(.*)$")


@dataclass
class Docstring:
    """A docstring's prose, and its sections' entries by name."""

    prose: str = ""
    sections: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The first paragraph."""
        return " ".join(self.prose.split("\n\n")[0].split())


def docstring_of(found: object) -> Docstring:
    """Return what an object says about itself; nothing that it inherits from ``object``."""
    text = inspect.getdoc(found) or ""
    return parsed(text) if not isinstance(found, type) or found.__doc__ else Docstring()


def parsed(text: str) -> Docstring:
    """Take a docstring apart."""
    made = Docstring()
    prose: list[str] = []
    entries: dict[str, str] | None = None
    name = ""
    for line in inspect.cleandoc(text).splitlines():
        if heading := _SECTION.match(line):
            entries, name = made.sections.setdefault(heading[1], {}), ""
        elif entries is None or (line and not line.startswith(" ")):
            entries = None
            prose.append(line)
        elif entry := _ENTRY.match(line.removeprefix("    ")):
            name = entry[1]
            entries[name] = entry[2]
        elif name and line:
            entries[name] += f" {line.strip()}"
    made.prose = "\n".join(prose).strip()
    return made


def attributes_of(owner: type) -> dict[str, str]:
    """Return what a class and its bases say about their attributes."""
    found: dict[str, str] = {}
    for base in reversed(owner.__mro__):
        if base.__module__.startswith("airflow_provider_pipes"):
            found |= parsed(base.__doc__ or "").sections.get("Attributes", {})
    return found
