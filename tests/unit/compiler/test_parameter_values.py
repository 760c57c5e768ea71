from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from typing_extensions import TypedDict

from airflow_provider_pipes.compiler.parameter_values import value_problem
from airflow_provider_pipes.compiler.parameters import json_schema


class Point(TypedDict):
    x: float
    y: float


@pytest.mark.parametrize(
    ("annotation", "value", "says"),
    [
        (int, None, "expected an integer, got null"),
        (int, True, "expected an integer, got true"),
        (bool, "true", 'expected true or false, got "true"'),
        (str | None, 3, "expected text or null, got 3"),
        (int | str, [1], "expected an integer or text, got [1]"),
        (int | str, 2**70, f"expected at most {2**63 - 1}, got {2**70}"),
        (Any, {"a": 2**70}, f'at ["a"]: expected at most {2**63 - 1}, got {2**70}'),
        (Literal["a", 5], "b", 'expected "a" or 5, got "b"'),
        (Literal["a"], "b", 'expected "a", got "b"'),
        (Annotated[int, Field(ge=1, lt=5)], 0, "expected at least 1, got 0"),
        (Annotated[int, Field(ge=1, lt=5)], 5, "expected less than 5, got 5"),
        (Annotated[float, Field(gt=0)], 0.0, "expected more than 0, got 0.0"),
        (Annotated[int, Field(multiple_of=3)], 4, "expected a multiple of 3, got 4"),
        (Annotated[str, Field(min_length=2)], "a", 'expected text of length 2 or more, got "a"'),
        (Annotated[str, Field(max_length=1)], "ab", 'expected text of length 1 at most, got "ab"'),
        (Annotated[str, Field(pattern="^a+$")], "b", 'expected text that matches ^a+$, got "b"'),
        (Annotated[list[int], Field(min_length=1)], [], "expected a list of length 1 or more, got []"),
        (Annotated[list, Field(max_length=1)], [1, 2], "expected a list of length 1 at most, got [1, 2]"),
        (dict[str, list[int]], {"rows": [1, "a"]}, 'at ["rows"][1]: expected an integer, got "a"'),
        (Point, {}, 'it lacks "x" and "y"'),
    ],
)
def test_what_does_not_fit_is_told_in_words(annotation: Any, value: Any, says: str) -> None:
    assert value_problem(value, json_schema(annotation)) == says


def test_a_long_value_is_cut_off() -> None:
    problem = value_problem("x" * 1000, json_schema(int))
    assert problem is not None
    assert len(problem) < 150
