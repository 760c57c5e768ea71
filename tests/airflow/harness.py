"""The testing kit's Airflow home, and that home on PostgreSQL."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.testing import airflow_home
from airflow_provider_pipes.testing.airflow_results import DagRunRequest, DagRunResult, TaskResult
from airflow_provider_pipes.testing.dag_files import migrated_database
from airflow_provider_pipes.testing.waiting import wait_until
from tests.postgres import PostgresServer
from tests.preloaded import commands

__all__ = [
    "AirflowHome",
    "DagRunRequest",
    "DagRunResult",
    "PostgresDatabase",
    "TaskResult",
    "wait_until",
]


class AirflowHome(airflow_home.AirflowHome):
    """The kit's home; its commands are forks of a process that has imported Airflow.

    Attributes:
        site: A folder of installed distributions that this Airflow finds.
    """

    site: Path | None = None

    def with_environment(self, variables: Mapping[str, str]) -> AirflowHome:
        """Return this home for use with more environment variables."""
        made = AirflowHome(self.path, self._database, {**self.settings, **variables})
        made.site = self.site
        return made

    def run(
        self, command: Sequence[str], check: bool = True, timeout: float = 180
    ) -> subprocess.CompletedProcess[str]:
        """Run any command in this home's environment; standard output and error are captured."""
        done = commands.airflow(self.site).run(command, self.path, self.env, timeout, "replace")
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    @property
    def fresh(self) -> airflow_home.AirflowHome:
        """This home for commands that must import for themselves."""
        return airflow_home.AirflowHome(self.path, self._database, self.settings)

    @classmethod
    def ready(cls, path: Path) -> AirflowHome:
        """Return a home whose database is there."""
        home = cls(path)
        home.copy_database(migrated_database())
        return home


@dataclass(frozen=True)
class PostgresDatabase:
    """A database on a private PostgreSQL server."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.server.rows(sql, self.name)
