"""The environment that a local Airflow runs in."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_pipes.errors import LocalAirflowError
from airflow_provider_pipes.orchestrators.airflow.server_processes import MARKER_VARIABLE

# Python would compile every module of Airflow again in every process.
_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "__PYVENV_LAUNCHER__")
_LOCAL_HOSTS = "127.0.0.1,localhost"
_CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_PASSWORDS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
_USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"
_WAITING = "airflow_provider_pipes.orchestrators.airflow.server_sqlite.CONNECT_ARGS"
BASE_URL = "AIRFLOW__API__BASE_URL"
# More processes than that block each other until a component gives up: "database is locked".
SQLITE_SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": _WAITING,
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": _WAITING,
}


def server_environment(
    home: Path, dags_folder: Path, port: int, marker: str, given: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a local Airflow.

    Args:
        home: Becomes AIRFLOW_HOME.
        dags_folder: The folder that Airflow reads.
        port: The port of the API server.
        marker: Identifies the processes of this Airflow.
        given: The caller's environment. Its ``AIRFLOW__…`` variables go before our choices, except for
            what the other arguments say.
    """
    defaults = _paced() | _addresses(port)
    if _on_sqlite(given):
        defaults |= SQLITE_SETTINGS
    chosen = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__API__PORT": str(port),
        MARKER_VARIABLE: marker,
        # Processes that change their title would otherwise write it over the marker.
        "SPT_NOENV": "1",
    }
    merged = defaults | dict(given) | chosen
    return {name: value for name, value in (merged | _python(given)).items() if name not in _UNWANTED}


def login_of(environment: Mapping[str, str], home: Path) -> tuple[str, Path]:
    """Return the name of the first user and the file with the generated passwords."""
    user = environment.get(_USERS, "admin:admin").split(",")[0].split(":")[0].strip()
    passwords = environment.get(_PASSWORDS)
    return user, Path(passwords) if passwords else home / "simple_auth_manager_passwords.json.generated"


def require_free_port(port: int) -> None:
    """Check that the API server will be able to listen.

    Raises:
        LocalAirflowError: something else listens there, or nobody may.
    """
    with socket.socket() as probe:
        probe.settimeout(1)
        answered = probe.connect_ex(("127.0.0.1", port)) == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise LocalAirflowError(
                f"port {port} needs more rights than you have; choose one above 1023 with --port"
            ) from None
        except OSError:
            answered = True
    if answered:
        raise LocalAirflowError(f"port {port} is in use by another program; choose another with --port")


def _paced() -> dict[str, str]:
    """Return the settings that make one person's Airflow react within seconds."""
    return {
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A new file is seen when the folder is listed again; a changed one also has to be written again
        # to the database, and that to be read again by who has a copy.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        # It would tell of every look into the folder, some 30 MB of log a day.
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow.dag_processing.manager=WARNING",
    }


def _addresses(port: int) -> dict[str, str]:
    # The ports of the log servers are fixed by default, and a second Airflow would not get them.
    worker_logs, trigger_logs = _free_ports(2)
    return {
        "AIRFLOW__API__HOST": "127.0.0.1",
        BASE_URL: f"http://localhost:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
    }


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _on_sqlite(given: Mapping[str, str]) -> bool:
    if any(f"{_CONNECTION}{suffix}" in given for suffix in ("_CMD", "_SECRET")):
        return False
    return given.get(_CONNECTION, "sqlite:").startswith("sqlite")


def _python(given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make Airflow's components run this very Python."""
    folders = [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
    path = os.pathsep.join([*dict.fromkeys(folders), given.get("PATH", os.defpath)])
    if shutil.which("airflow", path=path) is None:
        raise LocalAirflowError(
            f"no `airflow` command beside {sys.executable}; install apache-airflow into that environment"
        )
    python = {"PATH": path}
    if given.get("PYTHONPATH"):
        # Airflow runs in another folder than the caller.
        entries = given["PYTHONPATH"].split(os.pathsep)
        python["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in entries)
    # Tasks talk to the API server, and no proxy would reach it.
    direct = ",".join(filter(None, [given.get("no_proxy") or given.get("NO_PROXY"), _LOCAL_HOSTS]))
    return python | {"no_proxy": direct, "NO_PROXY": direct}
