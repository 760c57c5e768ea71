"""What `airflow …` and DAG runs import, once for many Airflow homes.

Airflow takes its home from the environment when it is imported. What is preloaded has a link in the place of
the home, and each fork lets the link lead to the home of its command.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

_MODULES = (
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.cli.cli_parser",
    "airflow.cli.commands.dag_command",
    "airflow.models.dagrun",
    "airflow.models.serialized_dag",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.standard.operators.python",
    "airflow_provider_pipes.operators.python",
)
_END_SECONDS = 30
# Named by the environment of what is preloaded.
LINK = "PIPES_TESTS_AIRFLOW_LINK"


def preload() -> None:
    """Import Airflow as ``dag.test()`` does, and make its API ready."""
    from sqlalchemy.orm import configure_mappers

    for name in _MODULES:
        importlib.import_module(name)
    from airflow import settings

    configure_mappers()
    asyncio.run(_ask())
    settings.dispose_orm()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(_END_SECONDS)
    if threading.active_count() > 1:
        raise RuntimeError(f"a fork would lack these threads: {threading.enumerate()}")


async def _ask() -> None:
    """Send Airflow's API, as ``dag.test()`` has it in its process, a request; it builds most of it then."""
    import httpx
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    api = in_process_api_server()
    # Without what the app does when it starts, which would be undone with it.
    async with httpx.AsyncClient(transport=api.atransport, base_url="http://in-process.invalid") as client:
        answer = await client.get(f"/task-instances/{UUID(int=0)}/previous-successful-dagrun")
        if answer.status_code != 200:
            raise RuntimeError(f"Airflow's API answered {answer.status_code}: {answer.text}")


def prepare() -> None:
    """Turn to the Airflow home that the environment names now."""
    from airflow import settings
    from airflow.configuration import conf

    untyped: Any = settings
    link, home = Path(_LINK), Path(os.environ["AIRFLOW_HOME"])
    configuration = home / "airflow.cfg"
    if configuration.exists():
        conf.read(configuration)
    draft = link.with_name("next")
    draft.symlink_to(home)
    draft.replace(link)
    untyped.configure_vars()
    untyped.reconfigure_orm()


_LINK = os.environ.get(LINK, "")
