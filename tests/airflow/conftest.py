from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow.harness import AirflowHome, PostgresDatabase
from tests.airflow.running import RunningAirflow, run_airflow
from tests.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session", autouse=True)
def _no_airflow_settings_of_the_caller() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AIRFLOW", "PIPES_")) and name != "PIPES_REQUIRE_POSTGRES":
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> AirflowHome:
    """A home with a fresh database, to copy."""
    return AirflowHome.ready(tmp_path_factory.mktemp("migrated") / "airflow")


@pytest.fixture
def airflow_home(tmp_path: Path) -> AirflowHome:
    """A home of one's own on SQLite, ready for ``dags_test`` and ``run_dags``."""
    return AirflowHome.ready(tmp_path / "airflow")


@pytest.fixture(scope="session")
def running_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAirflow]:
    """The Airflow on SQLite that all tests share; use DAG ids of your own."""
    with run_airflow(AirflowHome.ready(tmp_path_factory.mktemp("running") / "airflow")) as airflow:
        yield airflow


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL server; skips where there is none."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a fresh database of Airflow, to copy."""
    name = "migrated"
    postgres.create_database(name)
    AirflowHome(tmp_path_factory.mktemp("postgres") / "airflow", PostgresDatabase(postgres, name)).migrate()
    return name


@pytest.fixture
def postgres_home(postgres: PostgresServer, migrated_postgres: str, tmp_path: Path) -> AirflowHome:
    """A home of one's own on PostgreSQL, ready for ``dags_test`` and ``run_dags``."""
    name = f"airflow_{uuid.uuid4().hex}"
    postgres.create_database(name, migrated_postgres)
    return AirflowHome(tmp_path / "airflow", PostgresDatabase(postgres, name))


@pytest.fixture(scope="session")
def postgres_airflow(
    postgres: PostgresServer, migrated_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningAirflow]:
    """The Airflow on PostgreSQL that all tests share; use DAG ids of your own."""
    name = "running"
    postgres.create_database(name, migrated_postgres)
    home = AirflowHome(tmp_path_factory.mktemp("running") / "airflow", PostgresDatabase(postgres, name))
    with run_airflow(home) as airflow:
        yield airflow
