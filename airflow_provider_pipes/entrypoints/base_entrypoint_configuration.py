"""The part of an entrypoint configuration that all have: options, arguments, command."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NoReturn

from airflow_provider_pipes.errors import SkipStep

ENTRYPOINT_CONFIG_SOURCE_OPTION = "entrypoint_config_source"
EXIT_USAGE = 2


class SkippedBefore(SkipStep):
    """A step is skipped since one that it needs was.

    Args:
        before: That one.
    """

    def __init__(self, before: str) -> None:
        super().__init__(f"step {before!r} before it was skipped")
        self.before = before


class BaseEntrypointConfiguration(ABC):
    """Turns what a launcher knows into a command line, and the command line back into a run.

    Subclass it, or one of its subclasses, to add options (document 000).

    Args:
        arguments: The command line, less the command itself.

    Attributes:
        entrypoint_args: The values of the options, by name.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.entrypoint_args = self._parse_arguments(arguments)

    @classmethod
    def get_entrypoint_command(cls) -> list[str]:
        """Return the command that runs an entrypoint; the arguments follow it."""
        return ["python", "-m", "airflow_provider_pipes.entrypoints.entrypoint"]

    @classmethod
    def get_entrypoint_options(cls) -> set[str]:
        """Return the options that the command line must give."""
        return {ENTRYPOINT_CONFIG_SOURCE_OPTION}

    @classmethod
    def get_optional_entrypoint_options(cls) -> set[str]:
        """Return the options that it may leave out; ``entrypoint_args`` then holds None for them."""
        return set()

    @classmethod
    def get_entrypoint_arguments(cls, **kwargs: Any) -> list[str]:
        """Return the arguments of the command: a value for each option, from ``kwargs``.

        Only values that we made (names that are safe, paths, hashes) belong here; what a user wrote
        travels in the execution info.
        """
        arguments = [f"--{ENTRYPOINT_CONFIG_SOURCE_OPTION}", f"{cls.__module__}.{cls.__qualname__}"]
        for name in sorted(cls.get_optional_entrypoint_options()):
            if kwargs.get(name) is not None:
                arguments += option_with_value(name, kwargs[name])
        return arguments

    @classmethod
    def _parse_arguments(cls, arguments: Sequence[str]) -> dict[str, Any]:
        parser = _Parser(prog=f"entrypoint {cls.__qualname__}", allow_abbrev=False)
        for name in sorted(cls.get_entrypoint_options()):
            parser.add_argument(f"--{name}", required=True)
        for name in sorted(cls.get_optional_entrypoint_options()):
            parser.add_argument(f"--{name}")
        known, _ = parser.parse_known_args(arguments)
        return vars(known)

    @abstractmethod
    def run(self) -> None:
        """Do what the entrypoint is for."""


def option_with_value(name: str, value: object) -> list[str]:
    """Return an option and its value as arguments, in one where the value would pass for an option itself."""
    text = str(value)
    return [f"--{name}={text}"] if text.startswith("-") else [f"--{name}", text]


class _Parser(argparse.ArgumentParser):
    """A parser whose error is one sentence on the last line of stderr."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")
