from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from airflow_provider_pipes.artifacts.materializers import materializer_for
from airflow_provider_pipes.errors import ArtifactError
from tests.unit.artifacts.materializers.conftest import RoundTrip

pl = pytest.importorskip("polars")
parametric = pytest.importorskip("polars.testing.parametric")

KINDS = [
    *(pl.Int8, pl.Int64, pl.UInt32, pl.Float32, pl.Float64, pl.Boolean, pl.String, pl.Binary),
    *(pl.Date, pl.Time, pl.Datetime, pl.Duration, pl.List, pl.Struct, pl.Null),
]


@given(value=parametric.dataframes(allowed_dtypes=KINDS, min_cols=1, max_cols=4, max_size=5))
def test_frames_come_back_exactly(value: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert name == "polars"
    assert back.schema == value.schema
    assert back.equals(value)


@given(value=parametric.series(allowed_dtypes=KINDS, max_size=5))
def test_series_come_back_exactly(value: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert name == "polars"
    assert back.dtype == value.dtype
    assert back.name == value.name
    assert back.equals(value)


def test_categories_and_enums_come_back(round_trip: RoundTrip) -> None:
    value = pl.DataFrame(
        {"a": ["x", "y"], "b": ["p", "q"]}, schema={"a": pl.Categorical, "b": pl.Enum(["q", "p"])}
    )
    name, back = round_trip(value)
    assert name == "polars"
    assert back.schema == value.schema
    assert back.equals(value)


def test_a_frame_does_not_depend_on_its_file(tmp_path: Path) -> None:
    value = pl.DataFrame({"a": list(range(10_000)), "d": [datetime.date(2026, 1, 1)] * 10_000})
    materializer = materializer_for(value)
    materializer.save(value, tmp_path)
    back = materializer.load(tmp_path, None)
    for each in tmp_path.iterdir():
        each.write_bytes(b"\0" * each.stat().st_size)
    assert back.equals(value)


def test_a_lazy_frame_is_refused_with_what_to_do(tmp_path: Path) -> None:
    value = pl.LazyFrame({"a": [1]})
    with pytest.raises(ArtifactError, match=r"LazyFrame, a plan .*: return frame.collect\(\)"):
        materializer_for(value).save(value, tmp_path)


def test_columns_of_objects_and_empty_frames_are_left_to_cloudpickle(round_trip: RoundTrip) -> None:
    assert materializer_for(pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)})).name == "cloudpickle"
    name, back = round_trip(pl.DataFrame())
    assert name == "cloudpickle"
    assert back.equals(pl.DataFrame())


def test_previews_show_size_and_columns() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert materializer_for(frame).preview(frame) == "DataFrame 2 x 2: a, b"
    assert materializer_for(frame["a"]).preview(frame["a"]) == "Series 'a' of Int64, 2 values"
