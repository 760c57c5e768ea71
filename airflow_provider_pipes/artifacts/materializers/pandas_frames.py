"""Pandas frames and series as Parquet, where that keeps them exactly."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import Materializer
from airflow_provider_pipes.artifacts.materializers.plain import dump_json, load_json

_FRAME = "frame.parquet"
_SERIES = "series.parquet"
_SERIES_NAME = "series.json"

_NONE = type(None)


class PandasMaterializer(Materializer):
    """``pandas.DataFrame`` and ``pandas.Series`` of numbers, text and times.

    What Parquet would change is left to cloudpickle: categories, mixed objects, column names that
    are no strings, ``attrs``, an index with a frequency. Without pyarrow that is every frame.
    """

    name = "pandas"

    def can_save(self, value: Any) -> bool:
        """Say whether Parquet gives back the frame as it is."""
        import pandas as pd

        if type(value) is pd.Series:
            named = value.name is None or type(value.name) is str
            return (
                named
                and not value.attrs
                and value.flags.allows_duplicate_labels
                and _is_kept(_as_frame(value))
            )
        return type(value) is pd.DataFrame and _is_kept(value)

    def save(self, value: Any, directory: Path) -> None:
        """Write the frame."""
        import pandas as pd
        import pyarrow.parquet as pq

        is_series = isinstance(value, pd.Series)
        if is_series:
            (directory / _SERIES_NAME).write_bytes(dump_json(value.name))
        frame = _as_frame(value) if is_series else value
        pq.write_table(_table(frame), directory / (_SERIES if is_series else _FRAME))

    def load(self, directory: Path, expected: Any) -> Any:
        """Return the frame or series."""
        series = directory / _SERIES
        if not series.exists():
            return _read(directory / _FRAME)
        name = load_json((directory / _SERIES_NAME).read_bytes())
        return _read(series)["values"].rename(name)

    def describe(self, value: Any) -> str:
        """Return size and columns."""
        import pandas as pd

        if isinstance(value, pd.Series):
            return f"Series {value.name!r} of {value.dtype}, {len(value)} values"
        return f"DataFrame {len(value)} x {len(value.columns)}: {', '.join(map(str, value.columns[:20]))}"


def _as_frame(series: Any) -> Any:
    return series.to_frame(name="values")


def _table(frame: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(frame)


def _read(source: Any) -> Any:
    import pyarrow.parquet as pq

    # One file, not a data set: folder names on the way must not turn into columns.
    return pq.ParquetFile(source, memory_map=False).read().to_pandas()


def _is_kept(frame: Any) -> bool:
    if importlib.util.find_spec("pyarrow") is None:
        return False
    if frame.attrs or not frame.flags.allows_duplicate_labels or not _has_plain_labels(frame):
        return False
    levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
    columns = [frame.iloc[:, position] for position in range(len(frame.columns))]
    try:
        return all(map(_is_plain, levels + columns)) and _comes_back(frame)
    except Exception:  # whatever pandas and pyarrow can't do with each other, pickle can
        return False


def _has_plain_labels(frame: Any) -> bool:
    labels = list(frame.columns)
    names = [*frame.index.names, *frame.columns.names]
    plain = {str}.issuperset(map(type, labels)) and {str, _NONE}.issuperset(map(type, names))
    return plain and len(set(labels)) == len(labels) and getattr(frame.index, "freq", None) is None


def _is_plain(values: Any) -> bool:
    """Say whether Arrow holds each of the values as what it is."""
    import numpy as np
    import pandas as pd

    kind = values.dtype
    if isinstance(kind, np.dtype):
        if kind.kind == "O":
            held = set(map(type, values))
            return held <= {str, _NONE} or held <= {bytes, _NONE}
        return kind.kind in "biuMm" or (kind.kind == "f" and kind.itemsize in (4, 8))
    return isinstance(kind, pd.DatetimeTZDtype | pd.StringDtype | pd.BooleanDtype) or (
        isinstance(kind, pd.api.extensions.ExtensionDtype)
        and kind.name.lower().strip("u") in _NULLABLE_INTEGERS
    )


_NULLABLE_INTEGERS = frozenset({"int8", "int16", "int32", "int64"})


def _comes_back(frame: Any) -> bool:
    """Say whether Parquet keeps types and labels, tried out on the frame's schema without its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(_table(frame).slice(0, 0), sink)
    back = _read(pa.BufferReader(sink.getvalue()))
    empty = frame.iloc[:0]
    if not back.dtypes.equals(empty.dtypes) or not back.columns.identical(empty.columns):
        return False
    # A range is kept as its bounds, which the frame without rows contradicts: nothing to compare here.
    return _is_filled_range(frame.index) or bool(
        type(back.index) is type(empty.index)
        and list(back.index.names) == list(empty.index.names)
        and _index_types(back.index) == _index_types(empty.index)
    )


def _is_filled_range(index: Any) -> bool:
    import pandas as pd

    return type(index) is pd.RangeIndex and len(index) > 0


def _index_types(index: Any) -> list[Any]:
    return [index.get_level_values(level).dtype for level in range(index.nlevels)]
