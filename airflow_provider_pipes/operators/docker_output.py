"""What a container prints, in the task's log."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable

# Without a limit, output that has no line ends would pile up in memory.
_LINE_LIMIT = 16_384
# A carriage return ends a line too, so that a progress bar shows while it runs; but not at the
# end of what has come so far, where its line feed may follow.
_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")


class OutputLog:
    """Logs output line by line as it comes, and keeps none of it but the last line.

    Args:
        write: Takes each line.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self.last_line = ""
        self._write = write

    def follow(self, output: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Log standard output and standard error, which come piece by piece, until they end."""
        streams = (_Lines(self._line), _Lines(self._line))
        try:
            for pieces in output:
                for stream, piece in zip(streams, pieces, strict=True):
                    if piece:
                        stream.take(piece)
        finally:
            for stream in streams:
                stream.end()

    def _line(self, text: str) -> None:
        self._write(text)
        if text.strip():
            self.last_line = text


class _Lines:
    """Pieces of bytes, cut where lines end."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        # Pieces may end in the middle of a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def take(self, piece: bytes) -> None:
        *lines, self._rest = _LINE_END.split(self._rest + self._decoder.decode(piece))
        for line in lines:
            self._line(line)
        while len(self._rest) > _LINE_LIMIT:
            self._line(self._rest[:_LINE_LIMIT])
            self._rest = self._rest[_LINE_LIMIT:]

    def end(self) -> None:
        last = (self._rest + self._decoder.decode(b"", final=True)).rstrip("\r")
        self._rest = ""
        if last:
            self._line(last)
