"""What a build printed last, and the line of the Dockerfile that it was at."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from airflow_provider_pipes.errors import ImageError, listing
from airflow_provider_pipes.images.builder import BuildRequest
from airflow_provider_pipes.images.masking import Mask
from airflow_provider_pipes.images.recipe import NO_APT, NO_PYTHON

_KEPT = 20
_STEP = re.compile(r"(?:\[\d+/\d+\] )?step (\d+)/(\d+)\s*: (.*)", re.IGNORECASE | re.DOTALL)
# What an engine says of its own doings after each step.
_NOISE = re.compile(r" ?--->|Removing intermediate container ")
_ADVICE = {
    NO_PYTHON: "the parent image has no `python`: choose one that has it and pip, as python:3.12-slim",
    NO_APT: (
        "apt_packages need a parent image of Debian or Ubuntu, and this one has no `apt-get`; choose one "
        "that has it, as python:3.12-slim, or install them by a dockerfile"
    ),
}
_EXIT_CODE = re.compile(r"The command .* returned a non-zero code: (\d+)\Z", re.DOTALL)
_COLOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class BuildOutput:
    """Passes on what a build prints, and keeps what its failure needs.

    Args:
        request: The build.
    """

    def __init__(self, request: BuildRequest) -> None:
        self._request = request
        self._mask: Callable[[str], str] = Mask(request.arguments)
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._at = ""
        self._pending = ""

    def hear(self, text: str) -> None:
        """Take a piece of output, of any number of lines; it may end within one."""
        *lines, self._pending = re.split(r"\r?\n|\r", self._pending + text)
        for line in lines:
            self._line(self._mask(_COLOR.sub("", line)).rstrip())

    def _line(self, line: str) -> None:
        step = _STEP.match(line)
        if step is not None:
            self._last.clear()
            number, total, instruction = int(step[1]), int(step[2]), step[3]
            self._at = f"{instruction} (step {number} of {total} of its Dockerfile)"
            self._request.listener.build_step(self._request.image, number, total, instruction)
        elif line and not _NOISE.match(line):
            self._last.append(line)
            self._request.listener.build_output(self._request.image, line)

    @property
    def last(self) -> tuple[str, ...]:
        """What was printed last."""
        return tuple(self._last)

    def failure(self, said: str) -> ImageError:
        """Return the error for a build that failed."""
        self.hear("\n")
        # The command is in the line of the Dockerfile already.
        said = self._mask(_EXIT_CODE.sub(r"exit code \1", " ".join(said.split())))
        headline = f"image {self._request.image} can't be built: {said}"
        if self._at:
            headline = f"image {self._request.image} can't be built; it failed at {self._at}: {said}"
        if self._at.startswith("FROM "):
            headline += (
                "; correct parent_image, or the FROM of the dockerfile, or see that the builder reaches its "
                "registry and may pull from it"
            )
        headline += "".join(f"; {advice}" for told, advice in _ADVICE.items() if told in self._last)
        if not self._last:
            return ImageError(headline)
        return ImageError(
            listing(f"{headline}; the end of its output", list(self._last)).replace("  - ", "  | ")
        )
