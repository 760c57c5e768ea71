"""What a materializer is, and the few things that all of them share."""

from __future__ import annotations

import importlib
import reprlib
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from airflow_provider_pipes.errors import ArtifactError

PREVIEW_LENGTH = 200

# A value nested deeper is left to cloudpickle; no one writes such a thing as data by hand.
MAX_DEPTH = 100

# Python refuses to turn far larger integers into text and back (sys.set_int_max_str_digits).
_INT_LIMIT = 10**600

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 80
_repr.maxlist = _repr.maxdict = _repr.maxtuple = _repr.maxset = 6


class Materializer(ABC):
    """Turns values of some types into files and back, exactly.

    Derive from it for types of your own, in a module that a step can import::

        class ModelMaterializer(Materializer):
            name = "my-model"

            def can_save(self, value):
                return isinstance(value, Model)

            def save(self, value, directory):
                value.write(directory / "model.bin")

            def load(self, directory, expected):
                return Model.read(directory / "model.bin")

    Attributes:
        name: A short name. Those that come with this package are called by it; one of your own is called
            "module:Class" in manifests and messages, which is what another process imports it by.
        version: Raise it when the files change their meaning; cached results then count no more.
        hands_out_files: The loaded value refers to the files themselves, so that the user's code
            may change or outlive them: it gets a copy of its own.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    hands_out_files: ClassVar[bool] = False

    @abstractmethod
    def can_save(self, value: Any) -> bool:
        """Say whether ``load`` would give back exactly ``value`` after ``save``."""

    @abstractmethod
    def save(self, value: Any, directory: Path) -> None:
        """Write ``value`` as files into an empty directory; empty subfolders may get lost."""

    @abstractmethod
    def load(self, directory: Path, expected: Any) -> Any:
        """Return the value that ``save`` wrote.

        Args:
            directory: The files, already checked against their SHA-256.
            expected: The type that the step asks for, or None where it does not say.
        """

    def describe(self, value: Any) -> str:
        """Return a few words on ``value`` for people; may raise."""
        return _repr.repr(value)

    def preview(self, value: Any) -> str:
        """Return what ``describe`` says as one line of plain characters, or only the type."""
        try:
            text = self.describe(value)
        except Exception:  # a user's __repr__ may raise anything, and a preview is not worth a failed step
            text = type_name(type(value))
        return one_line(text)


def one_line(text: str) -> str:
    """Return ``text`` shortened, with every character that does not print written as an escape.

    PostgreSQL refuses NUL and lone surrogates, and a preview travels in XCom.
    """
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text[: PREVIEW_LENGTH + 1]
    )
    return shown if len(shown) <= PREVIEW_LENGTH else shown[: PREVIEW_LENGTH - 1] + "…"


def short_repr(value: Any) -> str:
    """Return the repr of ``value``, shortened before it is made as far as that is possible."""
    return _repr.repr(value)


def type_name(kind: type) -> str:
    """Return how people write a type: ``dict``, ``pandas.core.frame:DataFrame``."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}:{kind.__qualname__}"


def class_path(kind: type) -> str | None:
    """Return "module:qualname" if another process can import the class by it, else None."""
    module = sys.modules.get(kind.__module__)
    if module is None or kind.__module__ == "__main__":
        return None
    try:
        found = _attribute(module, kind.__qualname__)
    except AttributeError:
        return None
    return f"{kind.__module__}:{kind.__qualname__}" if found is kind else None


def load_class(path: str) -> type:
    """Import the class at "module:qualname".

    Raises:
        ArtifactError: there is no such class.
    """
    module, _, qualname = path.partition(":")
    try:
        found = _attribute(importlib.import_module(module), qualname)
    except Exception as error:
        raise ArtifactError(
            f"can't import the class {path!r}: {type(error).__name__}: {error}; "
            "it must be importable where the step runs"
        ) from error
    if not isinstance(found, type):
        raise ArtifactError(f"{path!r} is no class but {short_repr(found)}")
    return found


def _attribute(module: Any, qualname: str) -> Any:
    found = module
    for name in qualname.split("."):
        found = getattr(found, name)
    return found


def fits_text(number: int) -> bool:
    """Say whether an integer can be written as decimal text and read again."""
    return -_INT_LIMIT < number < _INT_LIMIT


class RepeatGuard:
    """Counts containers met more than once, to notice cycles and data that repeats itself without end.

    Text has no references: a list that holds another twice, which holds another twice, and so on,
    is small in memory and endless as text. Modest repetition is common and harmless.
    """

    _LIMIT = 200_000

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._repeated = 0

    def exceeded(self, container: Any, size: int) -> bool:
        """Note that ``container`` was met; say whether repetition went too far."""
        if id(container) in self._seen:
            self._repeated += size + 1
        self._seen.add(id(container))
        return self._repeated > self._LIMIT
