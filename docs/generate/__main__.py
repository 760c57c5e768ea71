"""Write the reference pages, or say which are not what the code says."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generate.api import api_page
from docs.generate.commands import commands_page
from docs.generate.configuration import configuration_page
from docs.generate.errors import errors_page
from docs.generate.settings import settings_page

PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": commands_page,
    "settings.md": settings_page,
    "configuration.md": configuration_page,
    "errors.md": errors_page,
    "api.md": api_page,
}
FOLDER = Path(__file__).parents[1] / "reference"
_SHOWN_LINES = 20


def stale_pages(folder: Path) -> dict[str, str]:
    """Return the pages that differ from what is written now, with their new text."""
    found = {}
    for name, write in PAGES.items():
        text, file = write(), folder / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            found[name] = text
    return found


def _difference(folder: Path, name: str, text: str) -> str:
    file = folder / name
    before = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    lines = list(difflib.unified_diff(before, text.splitlines(), lineterm="", n=0))[2:]
    return "\n".join(f"    {line}" for line in lines[:_SHOWN_LINES])


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a page is stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pages are")
    given = parser.parse_args(arguments)
    stale = stale_pages(given.folder)
    for name, text in stale.items():
        if given.check:
            print(f"stale: {given.folder / name}\n{_difference(given.folder, name, text)}", file=sys.stderr)
        else:
            given.folder.mkdir(parents=True, exist_ok=True)
            (given.folder / name).write_text(text, encoding="utf-8")
            print(f"wrote {given.folder / name}")
    if stale and given.check:
        print("run `python -m docs.generate`, and commit what it writes", file=sys.stderr)
    if not stale:
        print(f"{len(PAGES)} reference pages are current")
    return int(bool(stale) and given.check)


if __name__ == "__main__":
    sys.exit(main())
