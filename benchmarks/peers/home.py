"""An Airflow home that any peer's Airflow can use."""

from __future__ import annotations

from pathlib import Path

from benchmarks.airflow_home import AirflowHome


class PeersHome(AirflowHome):
    """A home whose settings name nothing that only we install.

    Args:
        path: The folder.
        ready: A home whose database to copy.
    """

    def __init__(self, path: Path, ready: AirflowHome | None = None) -> None:
        super().__init__(path, ready)
        self.variables = {
            name: value for name, value in self.variables.items() if "SQL_ALCHEMY_CONNECT_ARGS" not in name
        }
