from __future__ import annotations

import enum
import math
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.materializers import materializer_for
from tests.unit.artifacts.materializers.conftest import RoundTrip

any_text = st.text(st.characters(exclude_categories=[]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(any_text, inner, max_size=5),
    max_leaves=25,
)


def exact(value: Any) -> Any:
    """Return what compares equal only for values that are alike to the type, the sign of zero and NaN."""
    if isinstance(value, dict):
        return type(value), [(key, exact(each)) for key, each in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [exact(each) for each in value]
    return type(value), value.hex() if isinstance(value, float) else value


@given(value=json_values)
def test_json_values_come_back_exactly(value: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert name == ("text" if type(value) is str else "json")
    assert exact(back) == exact(value)


@given(value=any_text)
def test_text_comes_back_exactly(value: str, round_trip: RoundTrip) -> None:
    assert round_trip(value) == ("text", value)


@pytest.mark.parametrize("value", ["\r\n a \r b \n", "\ud83d\ude00", "\ufeffx", "\0", ""])
def test_line_ends_and_surrogates_are_kept(value: str, round_trip: RoundTrip) -> None:
    assert round_trip(value) == ("text", value)
    assert round_trip([value, {value: value}]) == ("json", [value, {value: value}])


@given(value=st.binary())
def test_bytes_come_back_exactly(value: bytes, round_trip: RoundTrip) -> None:
    assert round_trip(value) == ("bytes", value)


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        [(1, 2)],
        {1: "a"},
        {"a": {None: 1}},
        {"a": {1, 2}},
        Level.HIGH,
        [Level.HIGH],
        Name("x"),
        {Name("x"): 1},
        [Name("x")],
        OrderedDict(a=1),
        [b"bytes"],
        bytearray(b"x"),
        10**5000,
        [10**5000],
        [1, "a", {"b": -(10**700)}],
        3j,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_would_change_is_pickled_instead(value: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert name == "cloudpickle"
    assert type(back) is type(value)
    assert back == value


def test_a_cycle_is_pickled(round_trip: RoundTrip) -> None:
    cycle: list[Any] = [1]
    cycle.append({"again": cycle})
    name, back = round_trip(cycle)
    assert name == "cloudpickle"
    assert back[1]["again"] is back


def test_deep_values_are_pickled_and_less_deep_ones_are_json(round_trip: RoundTrip) -> None:
    def nested(depth: int) -> list[Any]:
        value: list[Any] = []
        for _ in range(depth):
            value = [value]
        return value

    assert round_trip(nested(90)) == ("json", nested(90))
    assert materializer_for(nested(10_000)).name == "cloudpickle"
    assert round_trip(nested(150)) == ("cloudpickle", nested(150))


def test_a_small_value_that_is_endless_as_text_is_pickled() -> None:
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]
    assert materializer_for(value).name == "cloudpickle"


def test_a_value_that_holds_another_twice_is_json(round_trip: RoundTrip) -> None:
    labels = ["a", "b"]
    assert round_trip({"train": labels, "test": labels}) == (
        "json",
        {"train": ["a", "b"], "test": ["a", "b"]},
    )


def test_numbers_that_are_no_numbers_come_back(round_trip: RoundTrip) -> None:
    _, back = round_trip([math.nan, math.inf, -math.inf, -0.0])
    assert math.isnan(back[0])
    assert back[1:3] == [math.inf, -math.inf]
    assert math.copysign(1, back[3]) == -1


def test_json_files_can_be_read_by_people_and_other_tools(tmp_path: Any) -> None:
    materializer_for({"b": ["é", None]}).save({"b": ["é", None]}, tmp_path)
    assert (tmp_path / "value.json").read_text(encoding="utf-8") == '{"b":["é",null]}'


@given(value=json_values | st.binary())
def test_a_preview_is_one_short_line_that_any_database_takes(value: Any) -> None:
    preview = materializer_for(value).preview(value)
    assert len(preview) <= 200
    assert preview.isprintable()
    preview.encode()


def test_previews_are_short_for_large_values() -> None:
    assert materializer_for("").preview("a" * 10**6) == "a" * 199 + "…"
    assert len(materializer_for([]).preview([["x" * 10**6] * 1000] * 1000)) <= 200
    assert materializer_for(b"").preview(b"abc") == "3 bytes: b'abc'"
