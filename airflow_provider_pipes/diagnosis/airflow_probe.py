"""Tells what an Airflow is configured to do; a program of its own, run with that Airflow's environment.

It prints one line of JSON, and nothing of a connection but whether it is there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(connection_ids: list[str]) -> dict[str, Any]:
    """Return the settings that matter, and for each connection whether Airflow has it."""
    from airflow.configuration import conf
    from airflow.version import version

    database = conf.get("database", "sql_alchemy_conn")
    ready = (
        not database.startswith("sqlite") or Path(database.partition(":///")[2].partition("?")[0]).exists()
    )
    return {
        "version": version,
        "dags_folder": conf.get("core", "dags_folder"),
        "bundles": conf.getjson("dag_processor", "dag_bundle_config_list") or [],
        "base_url": conf.get("api", "base_url", fallback="") or "",
        "host": conf.get("api", "host"),
        "port": conf.getint("api", "port"),
        "database_ready": ready,
        "connections": {each: _connection(each, ready) for each in connection_ids},
    }


def _connection(connection_id: str, database_ready: bool) -> str:
    from airflow.models.connection import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    if not database_ready:
        return "unknown"
    try:
        Connection.get_connection_from_secrets(connection_id)
    except AirflowNotFoundException:
        return "missing"
    except Exception:
        # A database without tables, a secrets backend that does not answer; the text may hold a secret.
        return "unknown"
    return "there"


if __name__ == "__main__":
    # On a line of its own, after whatever Airflow and its plugins print.
    sys.stdout.write(f"\n{json.dumps(main(sys.argv[1:]))}\n")
