"""What stands for a value while a pipeline is compiled: no step has run, so there is none yet."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from airflow_provider_pipes.errors import PipelineBodyError

if TYPE_CHECKING:
    from types import FrameType

    from airflow_provider_pipes.authoring.tracing import StepCall

_OUR_FOLDER = f"{Path(__file__).resolve().parents[1]}{os.sep}"
_LIBRARIES = (_OUR_FOLDER, f"{os.path.dirname(os.__file__)}{os.sep}", "<frozen ")


@dataclass(frozen=True)
class Location:
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def user_location() -> Location:
    """Return the line of the user's code that is being executed: the innermost that is in no library."""
    frame: FrameType | None = sys._getframe(1)
    lines = []
    while frame is not None:
        lines.append(Location(frame.f_code.co_filename, frame.f_lineno))
        if not _is_library(lines[-1].file):
            return lines[-1]
        frame = frame.f_back
    return _outside_this_package(lines) or lines[-1]


def error_location(error: BaseException) -> Location | None:
    """Return the line of the user's code that an error passed last, if it passed one."""
    lines: list[Location] = []
    frames = error.__traceback__
    while frames is not None:
        lines.insert(0, Location(frames.tb_frame.f_code.co_filename, frames.tb_lineno))
        frames = frames.tb_next
    users = (line for line in lines if not _is_library(line.file))
    return next(users, None) or _outside_this_package(lines)


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARIES) or "/site-packages/" in file or "/dist-packages/" in file


def _outside_this_package(lines: list[Location]) -> Location | None:
    """Return the innermost line of a pipeline that is itself installed as a library."""
    return next((line for line in lines if not line.file.startswith(_OUR_FOLDER)), None)


@dataclass(frozen=True)
class ParameterSource:
    """A parameter of a pipeline."""

    pipeline: str
    name: str

    def __str__(self) -> str:
        return f"parameter {self.name!r} of pipeline {self.pipeline!r}"


@dataclass(frozen=True, eq=False)
class OutputSource:
    """An output of a step call; ``output`` is None for a step that returns nothing."""

    call: StepCall
    output: str | None

    def __str__(self) -> str:
        which = "the result" if self.output in (None, "output") else f"output {self.output!r}"
        return f"{which} of step {self.call.name!r}"


class Placeholder:
    """A value that exists only once a step runs; everything but passing it on is an error.

    It has no public attribute, since any name may be one that the real value has.
    """

    __slots__ = ("_source",)

    _source: ParameterSource | OutputSource

    def __init__(self, source: ParameterSource | OutputSource) -> None:
        object.__setattr__(self, "_source", source)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # so that copy, inspect and typing can ask without harm
        self._refuse(f"its attribute {name!r}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        self._refuse(f"its attribute {name!r}")

    def _refuse(self, use: str) -> NoReturn:
        raise PipelineBodyError(
            f"{self._source} has no value while the pipeline is compiled, and {user_location()} asks for "
            f"{use}; pass it to a step and decide or compute there"
        )

    def __repr__(self) -> str:
        return f"<{self._source}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    __hash__ = object.__hash__


def _refusal(use: str) -> Any:
    def refuse(self: Placeholder, *_: object, **__: object) -> NoReturn:
        self._refuse(use)

    return refuse


_USES = {
    "its truth (if, and, or, not, while, assert)": ("bool",),
    "its elements (a loop, unpacking, len, in, [...])": (
        *("iter", "len", "contains", "getitem", "setitem", "delitem", "next", "reversed"),
    ),
    "a comparison": ("eq", "ne", "lt", "le", "gt", "ge"),
    "a number": ("int", "float", "complex", "index", "round", "abs", "neg", "pos", "invert"),
    "its text (str, format, an f-string)": ("str", "format", "bytes"),
    "a path": ("fspath",),
    "arithmetic": (
        *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"),
        *("lshift", "rshift", "and", "or", "xor"),
        *("radd", "rsub", "rmul", "rmatmul", "rtruediv", "rfloordiv", "rmod", "rdivmod", "rpow"),
        *("rlshift", "rrshift", "rand", "ror", "rxor"),
    ),
    "a call": ("call",),
    "a with block": ("enter", "exit"),
    "an await": ("await",),
}
for _use, _names in _USES.items():
    for _name in _names:
        setattr(Placeholder, f"__{_name}__", _refusal(_use))


class ParameterValue(Placeholder):
    """A parameter of the pipeline."""

    __slots__ = ()

    _source: ParameterSource

    def __init__(self, pipeline: str, name: str) -> None:
        super().__init__(ParameterSource(pipeline, name))


class OutputValue(Placeholder):
    """An output of a step."""

    __slots__ = ()

    _source: OutputSource

    def __init__(self, call: StepCall, output: str | None) -> None:
        super().__init__(OutputSource(call, output))


def parameter_of(value: ParameterValue) -> ParameterSource:
    """Return what a placeholder of a parameter stands for."""
    return value._source


def output_of(value: OutputValue) -> OutputSource:
    """Return what a placeholder of an output stands for."""
    return value._source
