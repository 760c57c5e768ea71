"""Polars frames and series in Arrow's file format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import Materializer
from airflow_provider_pipes.artifacts.materializers.plain import dump_json, load_json
from airflow_provider_pipes.errors import ArtifactError

_FRAME = "frame.arrow"
_SERIES = "series.arrow"
_SERIES_NAME = "series.json"


class PolarsMaterializer(Materializer):
    """``polars.DataFrame`` and ``polars.Series`` of every type but Object, which is left to cloudpickle."""

    name = "polars"

    def can_save(self, value: Any) -> bool:
        """Say whether the value is a frame or series that Arrow holds; a LazyFrame is refused by ``save``."""
        import polars as pl

        if type(value) is pl.LazyFrame:
            return True
        if type(value) is pl.Series:
            return _comes_back(value.to_frame().head(0))
        return type(value) is pl.DataFrame and value.width > 0 and _comes_back(value.head(0))

    def save(self, value: Any, directory: Path) -> None:
        """Write the frame.

        Raises:
            ArtifactError: it is a LazyFrame, which is a plan and holds no data.
        """
        import polars as pl

        if isinstance(value, pl.LazyFrame):
            raise ArtifactError(
                "it is a LazyFrame, a plan that would run again in each step that reads it: "
                "return frame.collect()"
            )
        if isinstance(value, pl.Series):
            (directory / _SERIES_NAME).write_bytes(dump_json(value.name))
            name, frame = _SERIES, value.alias("values").to_frame()
        else:
            name, frame = _FRAME, value
        with (directory / name).open("wb") as file:
            frame.write_ipc(file)

    def load(self, directory: Path, expected: Any) -> Any:
        """Return the frame or series."""
        import polars as pl

        # From bytes: polars would map a file into memory, and tie the frame to a file of the store.
        series = directory / _SERIES
        if series.exists():
            name = load_json((directory / _SERIES_NAME).read_bytes())
            return pl.read_ipc(series.read_bytes()).to_series().alias(name)
        return pl.read_ipc((directory / _FRAME).read_bytes())

    def describe(self, value: Any) -> str:
        """Return size and columns."""
        import polars as pl

        if isinstance(value, pl.Series):
            return f"Series {value.name!r} of {value.dtype}, {value.len()} values"
        return f"DataFrame {value.height} x {value.width}: {', '.join(value.columns[:20])}"


def _comes_back(empty: Any) -> bool:
    """Say whether Arrow keeps the columns and types, tried out on a frame without rows."""
    import io

    import polars as pl

    try:
        file = io.BytesIO()
        empty.write_ipc(file)
        file.seek(0)
        return bool(pl.read_ipc(file).schema == empty.schema)
    except (Exception, pl.exceptions.PanicException):  # Object columns end in either
        return False
