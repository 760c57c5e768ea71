"""The images that `pipes deploy` finds, builds and pushes, as they are made."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_pipes.cli.terminal import Output, duration, size

_PERCENT_TOLD = 25


class ImageProgress:
    """Prints how the building of images goes on; a ``BuildListener``."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._told = 0

    def image_found(self, image: str, steps: Sequence[str]) -> None:
        """Say nothing: what is there need not be looked at."""

    def build_started(self, image: str, steps: Sequence[str]) -> None:
        """Say what is built and for whom."""
        whose = "step" if len(steps) == 1 else "steps"
        self._output.line(("building", "bold"), f"   {image}  for {whose} {', '.join(steps)}")

    def build_step(self, image: str, number: int, total: int, instruction: str) -> None:
        """Say which line of the Dockerfile is next."""
        self._output.line(f"  {number} of {total}: ", (instruction, "cyan"))

    def build_output(self, image: str, line: str) -> None:
        """Pass on what the build prints."""
        self._output.line((f"    {line}", "dim"))

    def push_started(self, image: str, registry: str) -> None:
        """Say where an image goes."""
        self._told = 0
        self._output.line(("pushing", "bold"), f"    {image}  to {registry}")

    def push_progress(self, image: str, done: int, total: int) -> None:
        """Say now and then how far a push is."""
        percent = 100 * done // total if total else 0
        if percent >= self._told + _PERCENT_TOLD:
            self._told = percent
            self._output.line(f"  {percent} %: {size(done)} of {size(total)}")

    def image_ready(self, image: str, reference: str, seconds: float) -> None:
        """Say under which name an image can be run."""
        self._output.line(("built", "green"), f"      {reference}  in {duration(seconds)}")
