from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import pandas as hpd

from airflow_provider_pipes.artifacts.materializers import materializer_for
from tests.unit.artifacts.materializers.conftest import RoundTrip

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")
pytest.importorskip("pyarrow")

columns = [
    hpd.column("whole", dtype=np.int64),
    hpd.column("real", dtype=np.float64),
    hpd.column("small", dtype=np.float32),
    hpd.column("flag", dtype=bool),
    hpd.column("when", dtype="datetime64[ns]"),
    hpd.column("text", elements=st.text(st.characters(exclude_categories=["Cs"])), dtype="str"),
]


@given(value=hpd.data_frames(columns, index=hpd.range_indexes(max_size=5)))
def test_frames_come_back_exactly_as_parquet(value: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert name == "pandas"
    pd.testing.assert_frame_equal(back, value, check_exact=True, check_freq=True)


EXACT = {
    "nullable": lambda: pd.DataFrame(
        {"a": pd.array([1, None], "Int8"), "b": pd.array([True, None], "boolean")}
    ),
    "string": lambda: pd.DataFrame({"a": pd.array(["x", None], "string"), "b": ["y", None]}),
    "bytes": lambda: pd.DataFrame({"a": [b"x", None]}),
    "zone": lambda: pd.DataFrame({"a": pd.to_datetime(["2026-01-01"]).tz_localize("Europe/Paris")}),
    "duration": lambda: pd.DataFrame({"a": pd.to_timedelta([1, None], unit="s")}),
    "text index": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "x"], name="k")),
    "range": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 9, 2, name="k")),
    "levels": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)])),
    "name of columns": lambda: pd.DataFrame([[1]], columns=pd.Index(["a"], name="k")),
    "no rows": lambda: pd.DataFrame({"a": pd.Series([], dtype="float64")}),
}


@pytest.mark.parametrize("make", EXACT.values(), ids=EXACT)
def test_frames_of_many_kinds_are_parquet(make: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(make())
    assert name == "pandas"
    pd.testing.assert_frame_equal(back, make(), check_exact=True, check_freq=True, check_index_type="exact")


def _with_attrs() -> Any:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["source"] = "x"
    return frame


CHANGED = {
    "category": lambda: pd.DataFrame({"a": pd.Categorical(["x"], ["y", "x"])}),
    "mixed": lambda: pd.DataFrame({"a": [1, "x"]}),
    "numbers as names": lambda: pd.DataFrame({0: [1], 1: [2]}),
    "names twice": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "complex": lambda: pd.DataFrame({"a": [1j]}),
    "half": lambda: pd.DataFrame({"a": np.array([1], "float16")}),
    "seconds": lambda: pd.DataFrame({"a": pd.to_datetime(["2026-01-01"]).astype("datetime64[s]")}),
    "frequency": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2026-01-01", periods=2)),
    "lone surrogate": lambda: pd.DataFrame({"a": pd.Series(["\ud800"], dtype=object)}),
    "attrs": _with_attrs,
    "lists": lambda: pd.DataFrame({"a": [[1], [2]]}),
    "period": lambda: pd.DataFrame({"a": pd.period_range("2026-01", periods=2, freq="M")}),
    "nothing": lambda: pd.DataFrame(),
    "no duplicates": lambda: pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
}


@pytest.mark.parametrize("make", CHANGED.values(), ids=CHANGED)
def test_frames_that_parquet_would_change_are_pickled(make: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(make())
    assert name == "cloudpickle"
    pd.testing.assert_frame_equal(back, make(), check_exact=True, check_freq=True, check_index_type="exact")
    assert back.attrs == make().attrs


@pytest.mark.parametrize("name", [None, "", "values", "é"])
def test_series_keep_their_names(name: str | None, round_trip: RoundTrip) -> None:
    value = pd.Series([1.5, None], name=name, index=pd.Index(["a", "b"], name="values"))
    chosen, back = round_trip(value)
    assert chosen == "pandas"
    pd.testing.assert_series_equal(back, value, check_exact=True)


def test_a_series_named_by_a_number_is_pickled(round_trip: RoundTrip) -> None:
    chosen, back = round_trip(pd.Series([1], name=3))
    assert chosen == "cloudpickle"
    assert back.name == 3


def test_without_pyarrow_frames_are_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert materializer_for(pd.DataFrame({"a": [1]})).name == "cloudpickle"


def test_previews_show_size_and_columns() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert materializer_for(frame).preview(frame) == "DataFrame 2 x 2: a, b"
    assert materializer_for(frame["a"]).preview(frame["a"]) == "Series 'a' of int64, 2 values"
