"""One DAG file, run by Airflow itself: in a subprocess, with a database of its own, without a server."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_pipes.testing.airflow_home import AirflowHome
from airflow_provider_pipes.testing.airflow_results import DagRunRequest, DagRunResult

# Whose versions decide what is in a fresh database.
_PACKAGES = ("apache-airflow-core", "apache-airflow-providers-fab")


def run_dag_file(
    path: Path | str,
    conf: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    *,
    dag_id: str | None = None,
    home: AirflowHome | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 240,
) -> DagRunResult:
    """Run the DAG of a file with Airflow's own ``dag.test()`` and return what came of it.

    It takes 5 to 10 seconds. A run that fails raises nothing: look at ``states``, or call ``check()``.

    Args:
        path: The DAG file; modules beside it can be imported, other DAG files there are not read.
        conf: The run's conf, that is the pipeline's parameters.
        run_id: Id of the run.
        dag_id: Which DAG, for a file with several.
        home: An Airflow home that stays, with its connections and runs; without one, a new one is used.
        environment: More variables, as ``AIRFLOW_CONN_…`` and ``AIRFLOW_VAR_…``.
        timeout: Seconds for the whole run.

    Raises:
        AssertionError: Airflow itself could not be run.
    """
    file = Path(path).absolute()
    if not file.is_file():
        raise AssertionError(f"there is no DAG file {file}")
    variables = {
        # Where it lies: a generated file finds its artifact store from its own path.
        "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
        "PYTHONPATH": _path_with(file.parent),
        **(environment or {}),
    }
    with _home(home) as used:
        request = DagRunRequest(dag_id or "", conf, run_id=run_id)
        preamble = _ONLY.format(file=str(file))
        (result,) = used.with_environment(variables).run_dags([request], preamble, timeout)
        return result


# Airflow would read every DAG file of the folder, several times.
_ONLY = """
from airflow.dag_processing.importers import get_importer_registry

type(get_importer_registry()).list_dag_files = lambda *_, **__: [{file!r}]
"""


def _path_with(folder: Path) -> str:
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(folder)]))


@contextmanager
def _home(given: AirflowHome | None) -> Iterator[AirflowHome]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="pipes-airflow-") as folder:
        yield new_home(Path(folder) / "airflow")


def new_home(path: Path, environment: Mapping[str, str] | None = None) -> AirflowHome:
    """Make an Airflow home whose database is ready, in a fraction of the time that migrating takes.

    Args:
        path: Its folder.
        environment: More variables for all that is run in it.
    """
    home = AirflowHome(path, environment=environment)
    home.copy_database(migrated_database())
    return home


def migrated_database() -> Path:
    """Return the file of a migrated SQLite database to copy, made once for each version of Airflow.

    It lies in the user's cache folder; ``PIPES_CACHE_DIR`` names another.
    """
    folder = _cache_folder()
    file = folder / f"airflow-{_versions()}.db"
    if file.exists():
        return file
    with (folder / "airflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            with tempfile.TemporaryDirectory(prefix="pipes-airflow-", dir=folder) as scratch:
                home = AirflowHome(Path(scratch) / "airflow")
                home.migrate()
                # As a copy, in which nothing is left in a write-ahead log.
                done = AirflowHome(Path(scratch) / "copy")
                done.copy_database(home)
                done.database_file.replace(file)
    return file


def _versions() -> str:
    versions = [".".join(map(str, sys.version_info[:2]))]
    for package in _PACKAGES:
        try:
            versions.append(f"{package}=={importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return hashlib.sha256(" ".join(versions).encode()).hexdigest()[:16]


def _cache_folder() -> Path:
    base = os.environ.get("PIPES_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base).absolute() / ("" if os.environ.get("PIPES_CACHE_DIR") else "airflow-provider-pipes")
    try:
        (folder / "testing").mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="pipes-testing-"))
    return folder / "testing"
