"""The pytest plugin: fixtures with a temporary project and with a temporary Airflow.

It is loaded in every pytest run of an environment that has this package, so it imports nothing before a
fixture is used, and has no hooks, options or markers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_pipes.testing.airflow_home import AirflowHome
    from airflow_provider_pipes.testing.airflow_server import RunningAirflow
    from airflow_provider_pipes.testing.projects import TemporaryProject


@pytest.fixture
def pipes_stack(tmp_path: Path) -> Iterator[TemporaryProject]:
    """A temporary project with a local stack: ``pipes_stack.run(my_pipeline)``, ``pipes_stack.storage``."""
    from airflow_provider_pipes.testing.projects import temporary_project

    with temporary_project(tmp_path / "pipes-project") as project:
        yield project


@pytest.fixture(scope="session")
def pipes_airflow_home(tmp_path_factory: pytest.TempPathFactory) -> AirflowHome:
    """An Airflow home with a fresh database, for ``airflow …`` commands and DAG runs without a server."""
    from airflow_provider_pipes.testing.dag_files import new_home

    return new_home(tmp_path_factory.mktemp("pipes-airflow-home") / "airflow")


@pytest.fixture(scope="session")
def pipes_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAirflow]:
    """A running Airflow: ``deploy(my_pipeline)``, ``run(dag_id)``; it is stopped whatever happens."""
    from airflow_provider_pipes.testing.airflow_server import run_airflow
    from airflow_provider_pipes.testing.dag_files import new_home

    with run_airflow(new_home(tmp_path_factory.mktemp("pipes-airflow") / "airflow")) as airflow:
        yield airflow
