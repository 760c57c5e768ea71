"""The testing kit's Airflow home, and that home on PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_pipes.testing.airflow_home import AirflowHome
from airflow_provider_pipes.testing.airflow_results import DagRunRequest, DagRunResult, TaskResult
from airflow_provider_pipes.testing.waiting import wait_until
from tests.postgres import PostgresServer

__all__ = [
    "AirflowHome",
    "DagRunRequest",
    "DagRunResult",
    "PostgresDatabase",
    "TaskResult",
    "wait_until",
]


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
