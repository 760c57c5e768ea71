"""What the tests read out of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = (README, *sorted((ROOT / "docs").rglob("*.md")))

REFERENCE = ROOT / "docs" / "reference"

_FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document; ``title`` is the file that it goes into, if it says so."""

    document: Path
    line: int
    language: str
    text: str
    title: str | None = None

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str, documents: tuple[Path, ...] = DOCUMENTS) -> list[Block]:
    """Return the blocks in one of ``languages``, or all."""
    found = []
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            if not languages or match[1] in languages:
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(document, line, match[1], match[3], match[2]))
    return found


def commands() -> list[tuple[str, str]]:
    """Return each command line that the documents name, and the document."""
    found = [
        (block.document, line.removeprefix("$ "))
        for block in blocks("console")
        for line in block.text.splitlines()
        if line.startswith("$ ")
    ]
    for document in DOCUMENTS:
        prose = _FENCE.sub("", document.read_text(encoding="utf-8"))
        found += [(document, " ".join(span.split())) for span in _SPAN.findall(prose)]
    return [(str(document.relative_to(ROOT)), text) for document, text in found]


def links(document: Path) -> Iterator[str]:
    """Yield where a document's links lead that stay in the repository."""
    prose = _FENCE.sub("", document.read_text(encoding="utf-8"))
    yield from (link for link in _LINK.findall(prose) if "://" not in link)


def anchors(document: Path) -> set[str]:
    """Return the anchors that a document's headings make on the usual hosts."""
    headings = _HEADING.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}
