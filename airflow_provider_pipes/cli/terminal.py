"""What the commands print: plain text, and colour and tables only where a person looks at it.

rich is imported for a terminal alone; a script that reads our output should not wait for it.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

Part = str | tuple[str, str]

# What a terminal would obey instead of showing it: C0 without tab and newline, DEL, C1.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """Return ``text`` with control characters made visible, so that no text can command the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def one_line(text: str, limit: int = 0) -> str:
    """Return ``text`` on one line, cut off after ``limit`` characters if there is a limit."""
    flat = visible(" ".join(text.split()))
    return flat if not limit or len(flat) <= limit else f"{flat[: limit - 1]}…"


class OutputError(OSError):
    """What a command says can't be written to where its output goes."""


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.errno, error.strerror) from None


class Output:
    """One of the standard streams, as the commands write to it."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def stream(self) -> TextIO:
        """The stream as it is now: a live display puts another in its place for a while."""
        found: TextIO = getattr(sys, self._name)
        return found

    @cached_property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        return self.stream.isatty() and os.environ.get("TERM") != "dumb"

    @cached_property
    def console(self) -> Console:
        """The rich console on the stream; for terminals."""
        from rich.console import Console

        return Console(stderr=self._name == "stderr", highlight=False, markup=False, emoji=False)

    def can_show(self, text: str) -> bool:
        """Return whether the stream's encoding has all characters of ``text``."""
        try:
            text.encode(self.stream.encoding or "ascii")
        except (UnicodeError, LookupError):
            return False
        return True

    def write(self, text: str) -> None:
        """Write text as it is.

        Raises:
            OutputError: it can't be written.
        """
        # Flushed, since whoever follows a pipe wants to see a step when it ends.
        with _writing():
            print(text, end="", file=self.stream, flush=True)

    def line(self, *parts: Part) -> None:
        """Print one line; a part may be a pair of its text and rich's style for it."""
        if self.is_terminal:
            from rich.text import Text

            pieces = [
                visible(each) if isinstance(each, str) else (visible(each[0]), each[1]) for each in parts
            ]
            self.console.print(Text.assemble(*pieces), soft_wrap=True)
            return
        text = "".join(each if isinstance(each, str) else each[0] for each in parts)
        self.write(f"{visible(text)}\n")

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[Part]], right: Sequence[str] = ()
    ) -> None:
        """Print a table; the columns named in ``right`` are flush right."""
        if self.is_terminal:
            self.console.print(_rich_table(headings, rows, right))
            return
        texts = [
            list(headings),
            *([each if isinstance(each, str) else each[0] for each in row] for row in rows),
        ]
        shown = [[one_line(text) for text in row] for row in texts]
        widths = [max(len(row[column]) for row in shown) for column in range(len(headings))]
        for row in shown:
            cells = [
                text.rjust(width) if heading in right else text.ljust(width)
                for text, width, heading in zip(row, widths, headings, strict=True)
            ]
            self.write("  ".join(cells).rstrip() + "\n")


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[Part]], right: Sequence[str]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        cells = [(each, "") if isinstance(each, str) else each for each in row]
        table.add_row(*(Text(one_line(text), style) for text, style in cells))
    return table


OUT = Output("stdout")
ERR = Output("stderr")


def prepare_streams() -> None:
    """Let no character end a command: what a stream can't encode is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Write out what was printed.

    Raises:
        OutputError: it can't be.
    """
    with _writing():
        sys.stdout.flush()


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Send to stderr whatever is printed inside the block, also by child processes and libraries in C.

    So that the JSON document that follows is all there is on stdout.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def warn(sentences: Iterable[str]) -> None:
    """Print warnings on stderr."""
    for each in sentences:
        ERR.line(("warning: ", "yellow"), each)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    OUT.write(json.dumps(_strict(document), indent=2, allow_nan=False) + "\n")


def _strict(value: Any) -> Any:
    # NaN and the infinities are no JSON, though Python writes them: a step's metadata may have them.
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _strict(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(each) for each in value]
    return value


def duration(seconds: float | None) -> str:
    """Return a duration as people write it."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def size(count: int) -> str:
    """Return a number of bytes as people write it."""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{count} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"
