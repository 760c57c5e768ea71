"""Which task made a cached result, and where its page is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.sdk.configuration import conf

from airflow_provider_pipes.operators.launch import token_of
from airflow_provider_pipes.runtime import runs
from airflow_provider_pipes.runtime.results import read_manifest

if TYPE_CHECKING:
    from airflow_provider_pipes.models.documents import Manifest
    from airflow_provider_pipes.operators.launch import AirflowLaunch

_MOST_TRIES = 100


def maker_of(launch: AirflowLaunch) -> str:
    """Return the address of the task that made a cached result, or "" where this Airflow has none.

    One request to the API server, and only for results from the cache: when this Airflow started the
    run. Its id alone says little, since the run ids of two Airflows are often equal.
    """
    manifest = launch.manifest
    if manifest is None or manifest.cached_from is None:
        return ""
    try:
        return _address(launch, manifest.cached_from)
    except Exception as error:  # A task has its result; a link is no reason for it to fail.
        launch.task.log.debug("no link to the task that made the result: %s", error)
        return ""


def _address(launch: AirflowLaunch, cached_from: str) -> str:
    source = read_manifest(launch.step_launch.storage, cached_from)
    if source is None:
        return ""
    dag_id = launch.context["ti"].dag_id
    if source.pipeline != launch.task.pipeline:
        # The stack's orchestrator names all its DAGs by one template; if not, the run is not found.
        dag_id = dag_id.replace(launch.task.pipeline, source.pipeline)
    return _page(dag_id, source) if _made_here(launch, dag_id, source) else ""


def _made_here(launch: AirflowLaunch, dag_id: str, source: Manifest) -> bool:
    # Here, since Airflow does not promise them: without them there is no link.
    from airflow.sdk.execution_time.comms import GetDagRun
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    storage = launch.step_launch.storage
    if storage.exists(runs.local_run_path(source.pipeline, source.run_name)):
        return False  # Of `pipes run`.
    run: Any = SUPERVISOR_COMMS.send(GetDagRun(dag_id=dag_id, run_id=source.run_name))
    start = run.start_date or run.run_after
    path = runs.airflow_run_path(source.pipeline, source.run_name, start.isoformat())
    record = runs.find_airflow_run(storage, path)
    # Only the run that has the nonce can have made the token; how often the task was cleared is not known.
    return record is not None and any(
        token_of(record, source.step, -1, tries) == source.token for tries in range(_MOST_TRIES)
    )


def _page(dag_id: str, source: Manifest) -> str:
    # Without the host, so that it opens under the name by which the reader reaches this Airflow.
    root = urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/")
    dag, run, task = (quote(each, safe="") for each in (dag_id, source.run_name, source.step))
    return f"{root}/dags/{dag}/runs/{run}/tasks/{task}"
