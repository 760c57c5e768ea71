"""A home for the real Airflow, with a database of its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from airflow_provider_pipes.orchestrators.airflow.server_environment import SQLITE_SETTINGS
from benchmarks.harness import spent

AIRFLOW = (sys.executable, "-m", "airflow")


class AirflowHome:
    """An AIRFLOW_HOME on SQLite and its dags folder.

    Args:
        path: The folder; what is in it stays.
        ready: A home whose database to copy, which is faster than making one.
    """

    def __init__(self, path: Path, ready: AirflowHome | None = None) -> None:
        self.path = path
        self.dags = path / "dags"
        self.dags.mkdir(parents=True)
        self.database = path / "airflow.db"
        self.variables = {
            **SQLITE_SETTINGS,
            "AIRFLOW_HOME": str(path),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        if ready:
            shutil.copy(ready.database, self.database)
        else:
            spent([*AIRFLOW, "db", "migrate"], path, self.variables)

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a process that uses this home."""
        return {**os.environ, **self.variables}

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(query, values).fetchall()


def wait_until(happened: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Ask until the answer is true.

    Raises:
        RuntimeError: it was not, in time.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)
