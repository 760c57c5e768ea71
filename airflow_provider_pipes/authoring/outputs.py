"""The outputs that a function's return annotation declares."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from airflow_provider_pipes.errors import AuthoringError


@dataclass(frozen=True)
class Output:
    """A declared output: its name and its annotation."""

    name: str
    annotation: Any


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of ``function``, resolved.

    Raises:
        AuthoringError: one names something that does not exist where the function is defined.
    """
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # whatever the user's annotations raise when evaluated
        raise AuthoringError(
            f"the annotations of {function.__qualname__!r} can't be resolved: {error}; "
            "import every type that they name, outside `if TYPE_CHECKING:`"
        ) from None


def declared_outputs(annotation: Any) -> tuple[Output, ...]:
    """Return the outputs that a return annotation declares.

    None declares none, ``tuple[A, B]`` one for each element, anything else one named "output". An
    element, or the whole, gets a name by ``Annotated[T, "name"]``. ``tuple[A, ...]`` is one value.
    """
    if annotation is None or annotation is type(None):
        return ()
    if get_origin(annotation) is tuple and Ellipsis not in get_args(annotation) and get_args(annotation):
        return tuple(_output(each, f"output_{index}") for index, each in enumerate(get_args(annotation)))
    return (_output(annotation, "output"),)


def returns_tuple(annotation: Any) -> bool:
    """Whether the annotation declares a tuple of outputs, even if of one."""
    return (
        get_origin(annotation) is tuple
        and Ellipsis not in get_args(annotation)
        and bool(get_args(annotation))
    )


def _output(annotation: Any, default_name: str) -> Output:
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        for note in notes:
            if isinstance(note, str):
                return Output(note, inner)
        return Output(default_name, inner)
    return Output(default_name, annotation)
