from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, NewType, Optional, Protocol, TypedDict, TypeVar, Union

import numpy as np
import pandas as pd
import pytest
from typing_extensions import TypedDict as ExtensionsTypedDict

from airflow_provider_pipes.compiler.typecheck import assignable, type_name, value_fits

T = TypeVar("T")
UserId = NewType("UserId", int)


class Point(TypedDict):
    x: int


class OtherPoint(TypedDict):
    x: int


class LaterPoint(ExtensionsTypedDict):
    x: int


class Sized(Protocol):
    def __len__(self) -> int: ...


GOOD: list[tuple[Any, Any]] = [
    (int, int),
    (int, Any),
    (Any, int),
    (int, object),
    (bool, int),
    (int, float),
    (Path, PurePath),
    (Annotated[int, "n"], Annotated[float, "m"]),
    (UserId, int),
    (int, Optional[int]),  # noqa: UP045
    (int | None, int),
    (int | str, Union[str, bytes]),  # noqa: UP007
    (None, Optional[int]),  # noqa: UP045
    (Literal["a", "b"], str),
    (Literal[1], float),
    (str, Literal["a", "b"]),
    (list[int], list[float]),
    (list[int], list),
    (list, list[int]),
    (list[int], Sequence[float]),
    (list[int], Iterable[int]),
    (dict[str, int], Mapping[str, float]),
    (dict[str, list[int]], dict),
    (tuple[int, str], tuple[int, str]),
    (tuple[int, int], tuple[int, ...]),
    (tuple[int, ...], tuple[int, int]),
    (tuple[int, int], tuple),
    (tuple[int, str], Sequence[int]),
    (T, int),
    (int, T),
    (int, Sized),
    (Point, dict),
    (dict, Point),
    (Point, Point),
    (LaterPoint, dict),
    (pd.DataFrame, pd.DataFrame),
    (pd.DataFrame, Any),
    (np.float64, float),
    (np.ndarray[Any, np.dtype[Any]], np.ndarray),
    (type[int], type),
    (Callable[[int], str], Callable),
]


@pytest.mark.parametrize(("source", "target"), GOOD, ids=repr)
def test_types_that_can_meet_are_let_through(source: Any, target: Any) -> None:
    assert assignable(source, target)


BAD: list[tuple[Any, Any]] = [
    (pd.DataFrame, int),
    (int, pd.DataFrame),
    (float, int),
    (int, bool),
    (int, str),
    (str, bytes),
    (None, int),
    (int, None),
    (str | bytes, int),
    (int, str | bytes),
    (Literal["a"], int),
    (int, Literal["a"]),
    (list[int], dict),
    (list[int], list[str]),
    (list[list[int]], list[list[str]]),
    (list[pd.DataFrame], list[int]),
    (dict[str, int], dict[str, str]),
    (set[int], set[str]),
    (tuple[int, str], tuple[int, int]),
    (tuple[int, str], tuple[int]),
    (tuple[int, str], tuple[int, ...]),
    (tuple[str, ...], tuple[int, int]),
    (PurePath, Path),
    (str, Path),
    (Point, list),
    (list, Point),
    (Point, OtherPoint),
    (int, Callable[[int], str]),
    (UserId, str),
    (Annotated[pd.DataFrame, "x"], Annotated[int, "x"]),
]


@pytest.mark.parametrize(("source", "target"), BAD, ids=repr)
def test_types_that_can_never_meet_are_not(source: Any, target: Any) -> None:
    assert not assignable(source, target)


@pytest.mark.parametrize(
    ("value", "target", "fits"),
    [
        (1, int, True),
        (1, float, True),
        (True, int, True),
        (True, float, True),
        (1, bool, False),
        (1.0, int, False),
        ("a", int, False),
        (None, int, False),
        (None, int | None, True),
        (None, None, True),
        ("a", Literal["a", "b"], True),
        ("c", Literal["a", "b"], False),
        (1, Literal[True], False),
        (np.zeros(3), Literal[1], False),
        ([1, 2], list[int], True),
        ([1, "2"], list[int], False),
        ([1, 2], Sequence[float], True),
        ((1, "a"), tuple[int, str], True),
        ((1, "a", 2), tuple[int, str], False),
        ((1, 2, 3), tuple[int, ...], True),
        ((1, "a"), tuple[int, ...], False),
        ((1, 2), list[int], False),
        ({"a": 1}, dict[str, int], True),
        ({"a": "1"}, dict[str, int], False),
        ({1: 1}, dict[str, int], False),
        ({"x": 1}, Point, True),
        ([1], Point, False),
        ([[1], ["a"]], list[list[int]], False),
        ([[1], ["a"]], list[list[int]] | list[list[int | str]], True),
        ("a", Annotated[str, "note"], True),
        (3, UserId, True),
        (object(), object, True),
        (3, "not a type", True),
    ],
)
def test_a_constant_is_checked_with_all_that_is_in_it(value: Any, target: Any, fits: bool) -> None:
    assert value_fits(value, target) is fits


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "int"),
        (None, "None"),
        (type(None), "None"),
        (Any, "Any"),
        (pd.DataFrame, "DataFrame"),
        (list[int], "list[int]"),
        (Optional[int], "Optional[int]"),  # noqa: UP045
        (int | None, "int | None"),
        (Annotated[int, "n"], "int"),
        (Literal["a"], "Literal['a']"),
        (typing.List[int], "List[int]"),  # noqa: UP006
    ],
)
def test_a_type_is_named_as_a_person_writes_it(annotation: Any, name: str) -> None:
    assert type_name(annotation) == name
