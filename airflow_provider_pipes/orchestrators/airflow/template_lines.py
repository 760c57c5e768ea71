"""From a line of rendered text back to the line of the template that gave it.

Jinja knows that of errors while it renders, not of what it rendered. So the text is rendered a second
time, with a mark before each piece that stands in a template; only to explain an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import jinja2
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

# No value that goes into a DAG file holds a NUL as such.
_MARK = re.compile("\0([0-9]+)\0")


class LineMarks(Extension):
    """Puts marks into what the templates of an environment render, and knows what they mean."""

    def __init__(self, environment: jinja2.Environment) -> None:
        super().__init__(environment)
        self.places: list[str] = []

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Put a mark before each line of text and before each expression."""
        file = stream.filename or stream.name or "template"
        for token in stream:
            if token.type == "data":
                lines = enumerate(token.value.split("\n"), start=token.lineno)
                # What an empty piece ends up on the line of comes from elsewhere.
                marked = (self._mark(file, number) + line if line else "" for number, line in lines)
                yield Token(token.lineno, "data", "\n".join(marked))
            else:
                if token.type == "variable_begin":
                    yield Token(token.lineno, "data", self._mark(file, token.lineno))
                yield token

    def origin(self, rendered: str, line: int) -> str | None:
        """Return the place, as "file:line", that a line of the rendered text comes from."""
        first = before = None
        for text in rendered.split("\n")[:line]:
            numbers = _MARK.findall(text)
            first = self.places[int(numbers[0])] if numbers else before
            before = self.places[int(numbers[-1])] if numbers else before
        return first

    def _mark(self, file: str, line: int) -> str:
        self.places.append(f"{file}:{line}")
        return f"\0{len(self.places) - 1}\0"


def origin_of_line(
    environment: jinja2.Environment, template: str, context: Mapping[str, Any], line: int
) -> str | None:
    """Return the place, as "file:line", that a line of what a template gives comes from."""
    environment.add_extension(LineMarks)
    marks = cast("LineMarks", environment.extensions[LineMarks.identifier])
    return marks.origin(environment.get_template(template).render(context), line)
