from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from airflow_provider_pipes.artifacts.materializers import materializer_for
from tests.unit.artifacts.materializers.conftest import RoundTrip

np = pytest.importorskip("numpy")

dtypes = (
    hnp.scalar_dtypes()
    | hnp.byte_string_dtypes()
    | hnp.unicode_string_dtypes()
    | hnp.nested_dtypes(max_itemsize=64)
)


@given(value=hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))
def test_arrays_come_back_exactly(value: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert type(back) is type(value)
    assert back.dtype == value.dtype
    assert back.shape == value.shape
    assert back.tobytes() == value.tobytes()
    assert name == "numpy"


@given(value=st.data())
def test_scalars_come_back_as_scalars(value: st.DataObject, round_trip: RoundTrip) -> None:
    kind = value.draw(hnp.scalar_dtypes())
    scalar = value.draw(hnp.arrays(kind, ()))[()]
    _, back = round_trip(scalar)
    assert type(back) is type(scalar)
    assert back.dtype == scalar.dtype
    assert repr(back) == repr(scalar)


def test_memory_order_is_kept(round_trip: RoundTrip) -> None:
    _, back = round_trip(np.asfortranarray(np.arange(6).reshape(2, 3)))
    assert back.flags.f_contiguous
    assert not back.flags.c_contiguous


def test_what_the_format_loses_is_pickled(round_trip: RoundTrip) -> None:
    masked = np.ma.array([1, 2], mask=[False, True])
    for value in (
        np.array([None, "x"], dtype=object),
        masked,
        np.str_("ends in nul\0"),
        np.array(["x"], "T"),
    ):
        name, back = round_trip(value)
        assert name == "cloudpickle"
        assert type(back) is type(value)
        assert repr(back) == repr(value)


def test_a_number_of_numpy_inside_json_is_not_turned_into_pythons(round_trip: RoundTrip) -> None:
    name, back = round_trip({"accuracy": np.float64(0.5)})
    assert name == "cloudpickle"
    assert type(back["accuracy"]) is np.float64


def test_previews_show_small_arrays_and_the_shape_of_large_ones() -> None:
    small, large = np.array([1, 2]), np.zeros((1000, 1000))
    assert materializer_for(small).preview(small) == "int64 array of shape (2,): [1, 2]"
    assert materializer_for(large).preview(large) == "float64 array of shape (1000, 1000)"
