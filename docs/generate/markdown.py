"""Markdown, as the reference pages need it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_SPAN = re.compile(r"(`+[^`]+`+)")


def code(text: str) -> str:
    """Return ``text`` as a code span."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def fenced(language: str, text: str) -> str:
    """Return ``text`` as a fenced block."""
    return f"```{language}\n{text.strip()}\n```"


def plain(text: str) -> str:
    """Return prose in which nothing outside of code is taken for HTML or emphasis.

    What a docstring indents after "::" becomes a block of code.
    """
    prose, literal, rest = text.partition("::\n\n    ")
    if literal:
        lines = f"    {rest}".split("\n")
        end = next((number for number, line in enumerate(lines) if line[:1].strip()), len(lines))
        block = fenced("python", inspect.cleandoc("\n" + "\n".join(lines[:end])))
        return f"{plain(prose)}:\n\n{block}\n\n{plain(chr(10).join(lines[end:]))}".strip()
    parts = _SPAN.split(text.replace("``", "`"))
    return "".join(
        part if number % 2 else re.sub(r"([<>*\[\]])", r"\\\1", part) for number, part in enumerate(parts)
    )


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar in a cell does not end it."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def page(title: str, source: str, *sections: str) -> str:
    """Return a whole page, with a note for who would edit it.

    Args:
        title: The page's heading.
        source: Where what it says comes from.
        sections: What follows, in order; empty ones are left out.
    """
    note = f"<!-- Written by `python -m docs.generate` from {source}; change that and run it again. -->"
    return "\n\n".join([note, f"# {title}", *(each.strip() for each in sections if each.strip())]) + "\n"
