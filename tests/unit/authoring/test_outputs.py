from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import pytest

from airflow_provider_pipes.authoring.outputs import Output, declared_outputs, returns_tuple


class Pair(NamedTuple):
    left: int
    right: str


@pytest.mark.parametrize(
    ("annotation", "outputs"),
    [
        (None, []),
        (type(None), []),
        (int, [("output", int)]),
        (Any, [("output", Any)]),
        (Annotated[int, "count"], [("count", int)]),
        (Annotated[int, 3, "count", "other"], [("count", int)]),
        (Annotated[int, 3], [("output", int)]),
        (tuple[int, str], [("output_0", int), ("output_1", str)]),
        (tuple[Annotated[int, "a"], str], [("a", int), ("output_1", str)]),
        (tuple[Annotated[int, "a"]], [("a", int)]),
        (tuple[int, ...], [("output", tuple[int, ...])]),
        (tuple, [("output", tuple)]),
        (tuple[()], [("output", tuple[()])]),
        (Annotated[tuple[int, str], "both"], [("both", tuple[int, str])]),
        (Pair, [("output", Pair)]),
        (list[int] | None, [("output", list[int] | None)]),
    ],
)
def test_a_return_annotation_declares_outputs(annotation: Any, outputs: list[tuple[str, Any]]) -> None:
    assert declared_outputs(annotation) == tuple(Output(name, kind) for name, kind in outputs)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (tuple[int, str], True),
        (tuple[int], True),
        (tuple[int, ...], False),
        (tuple, False),
        (Pair, False),
        (Annotated[tuple[int, str], "both"], False),
        (int, False),
        (None, False),
    ],
)
def test_only_a_tuple_of_fixed_length_is_several_outputs(annotation: Any, expected: bool) -> None:
    assert returns_tuple(annotation) is expected
