"""Arrow tables and record batches in Arrow's own stream format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import Materializer

_TABLE = "table.arrows"
_BATCH = "batch.arrows"


class ArrowMaterializer(Materializer):
    """``pyarrow.Table`` with its chunks and metadata, and ``pyarrow.RecordBatch``.

    The stream format and not the file format, which refuses chunks with different dictionaries.
    """

    name = "pyarrow"

    def can_save(self, value: Any) -> bool:
        """Say whether ``value`` is a table or a record batch with at least one column."""
        import pyarrow as pa

        # Without columns, the number of rows gets lost.
        return type(value) in (pa.Table, pa.RecordBatch) and (value.num_columns > 0 or value.num_rows == 0)

    def save(self, value: Any, directory: Path) -> None:
        """Write the table."""
        import pyarrow as pa

        is_table = type(value) is pa.Table
        with (
            pa.OSFile(str(directory / (_TABLE if is_table else _BATCH)), "wb") as file,
            pa.ipc.new_stream(file, value.schema) as writer,
        ):
            writer.write(value)

    def load(self, directory: Path, expected: Any) -> Any:
        """Return the table or record batch."""
        import pyarrow as pa

        batch = directory / _BATCH
        name = batch if batch.exists() else directory / _TABLE
        with pa.OSFile(str(name), "rb") as file, pa.ipc.open_stream(file) as reader:
            return reader.read_next_batch() if name == batch else reader.read_all()

    def describe(self, value: Any) -> str:
        """Return size and columns."""
        size = f"{value.num_rows} x {value.num_columns}"
        return f"{type(value).__name__} {size}: {', '.join(value.schema.names[:20])}"
