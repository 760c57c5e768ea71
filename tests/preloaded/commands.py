"""The processes that are preloaded, for all tests of one worker."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from airflow_provider_pipes.testing.dag_files import new_home
from tests.preloaded.airflow import LINK
from tests.preloaded.processes import Preloaded

_PIPES = ("-m", "airflow_provider_pipes.cli.main")
# `pipes …`; what other Python code finds imported may be what a test is about.
PIPES = Preloaded(
    "tests.preloaded.light:preload", fits=lambda command, environment: command[1:3] == list(_PIPES)
)
# What Airflow, or one of its libraries, asks for again and again.
_ASKED_AGAIN = (
    "AIRFLOW_CONN_",
    "AIRFLOW_VAR_",
    "AIRFLOW__PIPES__",
    "AIRFLOW__DATABASE__",
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__LOAD_EXAMPLES",
    "AIRFLOW__CORE__PARALLELISM",
)


@cache
def airflow(site: Path | None = None) -> Preloaded:
    """Return what runs ``airflow …`` and DAG runs in any home.

    Args:
        site: A folder of installed distributions that Airflow finds when it starts, as providers.
    """
    scratch = tempfile.TemporaryDirectory(prefix="pipes-preloaded-")
    home = new_home(Path(scratch.name) / "first")
    link = Path(scratch.name) / "home"
    link.symlink_to(home.path)
    environment = {
        **home.settings,
        "AIRFLOW_HOME": str(link),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{link}/airflow.db",
        LINK: str(link),
    }
    if site is not None:
        environment["PYTHONPATH"] = str(site)

    def fits(command: Sequence[str], wanted: Mapping[str, str]) -> bool:
        # The function keeps the scratch folder for as long as it is needed.
        return Path(scratch.name).exists() and _fits(wanted, site)

    return Preloaded("tests.preloaded.airflow:preload", "tests.preloaded.airflow:prepare", environment, fits)


def _fits(environment: Mapping[str, str], site: Path | None) -> bool:
    entries = [Path(entry) for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    installed = {entry for entry in entries if any(entry.glob("*.dist-info"))}
    asked = {name for name in environment if name.startswith(("AIRFLOW_", "_AIRFLOW"))} - {"AIRFLOW_HOME"}
    home = Path(environment.get("AIRFLOW_HOME", "/nowhere"))
    read_at_start = [
        *(entry / "airflow_local_settings.py" for entry in entries),
        home / "config",
        home / "plugins",
    ]
    return (
        home.is_dir()
        and installed == ({site} if site else set())
        and all(name.startswith(_ASKED_AGAIN) for name in asked)
        and not any(each.exists() for each in read_at_start)
    )
