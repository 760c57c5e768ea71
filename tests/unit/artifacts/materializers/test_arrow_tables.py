from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.materializers import materializer_for
from tests.unit.artifacts.materializers.conftest import RoundTrip

pa = pytest.importorskip("pyarrow")


def encoded(values: list[str]) -> Any:
    return pa.array(values).dictionary_encode()


rows = st.lists(
    st.tuples(st.none() | st.integers(-(2**63), 2**63 - 1), st.floats(), st.none() | st.lists(st.binary()))
)


@given(rows=rows, metadata=st.dictionaries(st.text(min_size=1), st.text(), max_size=2))
def test_tables_come_back_with_types_and_metadata(
    rows: list[Any], metadata: dict[str, str], round_trip: RoundTrip
) -> None:
    schema = pa.schema([("whole", pa.int64()), ("real", pa.float64()), ("lists", pa.list_(pa.binary()))])
    names = schema.names
    value = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)
    value = value.replace_schema_metadata(metadata)
    name, back = round_trip(value)
    assert name == "pyarrow"
    assert back.schema.equals(value.schema, check_metadata=True)
    assert repr(back.to_pylist()) == repr(value.to_pylist())


VALUES = {
    "dictionaries that differ": lambda: pa.table(
        {"a": pa.chunked_array([encoded(["x"]), encoded(["y", "z"])])}
    ),
    "no rows": lambda: pa.table({"a": pa.array([], pa.int8())}),
    "no columns": lambda: pa.table({}),
    "batch": lambda: pa.record_batch({"a": [1, 2]}),
    "batch without rows": lambda: pa.record_batch({"a": pa.array([], pa.int8())}),
}


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_tables_and_batches_of_many_kinds_come_back(make: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(make())
    assert name == "pyarrow"
    assert type(back) is type(make())
    assert back.equals(make())


def test_other_things_of_arrow_are_pickled(round_trip: RoundTrip) -> None:
    assert round_trip(pa.array([1, 2])) == ("cloudpickle", pa.array([1, 2]))


def test_a_preview_shows_size_and_columns() -> None:
    table = pa.table({"a": [1, 2], "b": [3, 4]})
    assert materializer_for(table).preview(table) == "Table 2 x 2: a, b"
