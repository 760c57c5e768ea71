"""Who is told how the building of images goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class BuildListener(Protocol):
    """Hears of images, one after the other, in the thread that builds them."""

    def image_found(self, image: str, steps: Sequence[str]) -> None:
        """Hear that the image of some steps is there already."""

    def build_started(self, image: str, steps: Sequence[str]) -> None:
        """Hear that the image of some steps is being built."""

    def build_step(self, image: str, number: int, total: int, instruction: str) -> None:
        """Hear which line of the Dockerfile is next."""

    def build_output(self, image: str, line: str) -> None:
        """Hear a line that the build printed; logins in it are masked."""

    def push_started(self, image: str, registry: str) -> None:
        """Hear that an image goes to its registry."""

    def push_progress(self, image: str, done: int, total: int) -> None:
        """Hear how many bytes of those known so far are in the registry."""

    def image_ready(self, image: str, reference: str, seconds: float) -> None:
        """Hear that an image that was not there now is."""


class SilentListener:
    """Hears everything and says nothing."""

    def image_found(self, image: str, steps: Sequence[str]) -> None:
        """Ignore it."""

    def build_started(self, image: str, steps: Sequence[str]) -> None:
        """Ignore it."""

    def build_step(self, image: str, number: int, total: int, instruction: str) -> None:
        """Ignore it."""

    def build_output(self, image: str, line: str) -> None:
        """Ignore it."""

    def push_started(self, image: str, registry: str) -> None:
        """Ignore it."""

    def push_progress(self, image: str, done: int, total: int) -> None:
        """Ignore it."""

    def image_ready(self, image: str, reference: str, seconds: float) -> None:
        """Ignore it."""
