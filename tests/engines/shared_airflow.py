"""A whole Airflow on PostgreSQL, with a bucket, that the tests of one process share: it is slow to start."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.airflow.harness import AirflowHome, PostgresDatabase
from tests.airflow.running import RunningAirflow, run_airflow
from tests.engines.buckets import Bucket, bucket
from tests.postgres import PostgresServer, postgres_server
from tests.wheels import WheelFolder

PASSWORD = "vault-s3cr3t-0815"
"""The password of the connection "vault"."""
TOKEN = "worker-s3cr3t-0816"
"""The value of TEST_TOKEN in the environment of workers."""
LINES = ("first-s3cr3t-0817", "second-s3cr3t-0818")
"""As a private key, "pem" in the extra of the connection "vault"; printed, it is several lines of the log."""
_DATABASE = "airflow"
_SETTINGS = {
    # Many tasks that start at once on a machine with other work are slow to import and to be answered.
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
    # Files that stay as they are need not be read every half minute.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    # A triggerer that says nothing for this long is taken for dead.
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    # How often it is looked whether a worker said nothing for long; how long, is as ever.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}
# Tasks are forks of the scheduler's, and need not import these then, each by itself.
_PLUGIN = """
import sys

if "scheduler" in sys.argv:
    import airflow.dag_processing.dagbag
    import airflow.sdk.execution_time.task_runner
    import airflow_provider_pipes.operators.docker
    import airflow_provider_pipes.operators.kubernetes
    import airflow_provider_pipes.operators.python
"""


@dataclass(frozen=True)
class SharedAirflow:
    """A running Airflow; use DAG ids of your own.

    Attributes:
        bucket: Its connection is "team_store".
    """

    running: RunningAirflow
    home: AirflowHome
    bucket: Bucket
    _server: PostgresServer

    def dump(self) -> str:
        """Return all of its database."""
        url = self._server.url(_DATABASE, "postgresql")
        command = [str(self._server.programs / "pg_dump"), "--inserts", url]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    def forget_worker(self, instance: str) -> None:
        """Let the last heartbeat of a task instance be long ago, and its worker be taken for dead."""
        past = "last_heartbeat_at = last_heartbeat_at - interval '1 hour'"
        self._server.execute(f"UPDATE task_instance SET {past} WHERE id = '{instance}'", _DATABASE)


@contextlib.contextmanager
def shared_airflow(folder: Path, address: str) -> Iterator[SharedAirflow]:
    """Run one.

    Args:
        folder: For all its files.
        address: Of this machine, as containers and pods see it.
    """
    wheels = WheelFolder(folder / "wheels")
    wheels.add_installed(
        "pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"
    )
    wheels.add_installed("cloudpickle", "fsspec", "obstore")
    wheels.add("pipes_greeting", "1.0", "")
    vault = {"conn_type": "http", "password": PASSWORD, "extra": {"pem": "\n".join(LINES)}}
    with bucket(address) as opened, postgres_server() as server:
        server.create_database(_DATABASE)
        variables = {
            **_SETTINGS,
            **wheels.variables,
            "TEST_TOKEN": TOKEN,
            "AIRFLOW_CONN_VAULT": json.dumps(vault),
            "AIRFLOW_CONN_TEAM_STORE": opened.connection,
        }
        home = AirflowHome(folder / "airflow", PostgresDatabase(server, _DATABASE), variables)
        home.migrate()
        plugins = home.path / "plugins"
        plugins.mkdir(exist_ok=True)
        (plugins / "imported_once.py").write_text(_PLUGIN, encoding="utf-8")
        with run_airflow(home) as running:
            yield SharedAirflow(running, home, opened, server)
