from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow.harness import AirflowHome
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
    """A home with a fresh database, to copy; made once, also for all workers of pytest-xdist."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home = AirflowHome(shared / "migrated-airflow")
    with (shared / "migrated-airflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = home.path / "migrated"
        if not done.exists():
            home.migrate()
            done.touch()
    return home


@pytest.fixture
def airflow_home(migrated_home: AirflowHome, tmp_path: Path) -> AirflowHome:
    """A home of one's own on SQLite, ready for ``dags_test`` and ``run_dags``."""
    return _copy(migrated_home, tmp_path / "airflow")


@pytest.fixture(scope="session")
def running_airflow(
    migrated_home: AirflowHome, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningAirflow]:
    """The Airflow on SQLite that all tests share; use DAG ids of your own."""
    home = _copy(migrated_home, tmp_path_factory.mktemp("running") / "airflow")
    with run_airflow(home) as airflow:
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
    AirflowHome(tmp_path_factory.mktemp("postgres") / "airflow", (postgres, name)).migrate()
    return name


@pytest.fixture
def postgres_home(postgres: PostgresServer, migrated_postgres: str, tmp_path: Path) -> AirflowHome:
    """A home of one's own on PostgreSQL, ready for ``dags_test`` and ``run_dags``."""
    name = f"airflow_{uuid.uuid4().hex}"
    postgres.create_database(name, migrated_postgres)
    return AirflowHome(tmp_path / "airflow", (postgres, name))


@pytest.fixture(scope="session")
def postgres_airflow(
    postgres: PostgresServer, migrated_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningAirflow]:
    """The Airflow on PostgreSQL that all tests share; use DAG ids of your own."""
    name = "running"
    postgres.create_database(name, migrated_postgres)
    home = AirflowHome(tmp_path_factory.mktemp("running") / "airflow", (postgres, name))
    with run_airflow(home) as airflow:
        yield airflow


def _copy(source: AirflowHome, target: Path) -> AirflowHome:
    home = AirflowHome(target)
    home.copy_database(source)
    return home
