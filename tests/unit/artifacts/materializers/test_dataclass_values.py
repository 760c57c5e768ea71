from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.materializers import materializer_for, materializer_named
from airflow_provider_pipes.errors import ArtifactError
from tests.unit.artifacts.materializers.conftest import RoundTrip
from tests.unit.artifacts.materializers.samples import (
    Computes,
    ExtendsDict,
    Frozen,
    Generic1,
    PicklesItself,
    Point,
    Slotted,
    Stricter,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
keys = st.integers() | st.text() | st.tuples(st.integers(), st.text())
members = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.builds(Point, inner, inner)
        | st.builds(Slotted, value=inner)
        | st.builds(Frozen, st.text(), st.lists(inner, max_size=3).map(tuple))
        | st.builds(Generic1, inner)
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other) and bool(one == other) and type(one) is type(other)


@given(value=st.builds(Point, members, members))
def test_dataclasses_come_back_exactly(value: Point, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert name == "dataclass"
    assert same(back, value)


@given(value=st.lists(st.builds(Frozen, st.text(), st.tuples(members)), min_size=1, max_size=3))
def test_dataclasses_in_containers_come_back_exactly(value: list[Frozen], round_trip: RoundTrip) -> None:
    for container in (value, tuple(value), {"a": value}, {1: value, (2, "x"): None}):
        name, back = round_trip(container)
        assert name == "dataclass"
        assert same(back, container)


def test_a_dataclass_as_a_key_comes_back(round_trip: RoundTrip) -> None:
    assert round_trip({Frozen("k"): 1}) == ("dataclass", {Frozen("k"): 1})


def test_what_the_constructor_computed_is_not_computed_again(round_trip: RoundTrip) -> None:
    value = Stricter(1, 5)
    assert value.y == 6
    assert round_trip(value) == ("dataclass", value)
    slotted = Slotted(value=1)
    slotted.doubled = "changed"
    _, back = round_trip(slotted)
    assert back.doubled == "changed"


def test_text_that_looks_like_our_tags_is_text(round_trip: RoundTrip) -> None:
    value = Point({"tuple": [1]}, {"class": "x:Y", "fields": {}, "dict": [["a", 1]]})
    assert round_trip(value) == ("dataclass", value)


def _with_more_state() -> Computes:
    value = Computes(3)
    assert value.square == 9
    return value


@dataclass
class HoldsItself:
    me: Any = None


def _cycle() -> HoldsItself:
    value = HoldsItself()
    value.me = [value]
    return value


def _without_a_field() -> Point:
    value = Point(1)
    del value.__dict__["x"]
    return value


@pytest.mark.parametrize(
    "value",
    [
        Point({1, 2}),
        Point(Path("/x")),
        Point(b"bytes"),
        Point(3j),
        [Point(1), object],
        _with_more_state(),
        PicklesItself(1),
        ExtendsDict(1),
        Generic1[int](1),
        _cycle(),
        _without_a_field(),
        Point(10**5000),
        (1, 2),
        {1: 2},
        Point,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_exactly_is_left_to_cloudpickle(value: Any) -> None:
    assert materializer_for(value).name == "cloudpickle"


def test_a_class_inside_a_function_is_left_to_cloudpickle(round_trip: RoundTrip) -> None:
    @dataclass
    class Local:
        x: int

    name, back = round_trip(Local(1))
    assert name == "cloudpickle"
    assert back.x == 1


def test_deep_nesting_is_left_to_cloudpickle() -> None:
    value: Any = None
    for _ in range(100_000):
        value = Point(value)
    assert materializer_for(value).name == "cloudpickle"
    while value is not None:  # freed from the outside in, since Python's own recursion has a limit too
        value = value.x


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module_x:Y", "can't import the class 'no_such_module_x:Y': ModuleNotFoundError"),
        ("json:NoSuchClass", "must be importable where the step runs"),
        ("json:JSONDecoder", "was a dataclass when the artifact was stored and is none here"),
        ("json:dumps", "is no class"),
    ],
)
def test_a_class_that_is_gone_is_a_clear_error(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "value.json").write_text(f'{{"class":"{path}","fields":{{}}}}')
    with pytest.raises(ArtifactError, match=message):
        materializer_named("dataclass").load(tmp_path, None)


def test_a_preview_shows_the_fields_shortened() -> None:
    value = Point("x" * 1000, list(range(10**6)))
    preview = materializer_for(value).preview(value)
    assert preview.startswith("Point(x='xxx")
    assert preview.endswith("y=[0, 1, 2, 3, 4, 5, ...])")
    assert materializer_for([Point(1)]).preview([Point(1)]) == "[Point(x=1, y=0)]"
