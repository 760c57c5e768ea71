"""``dag.test()`` of many DAGs in several processes at once: most of the time, each waits for an engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_pipes.testing import airflow_home
from tests.airflow.harness import AirflowHome, DagRunRequest, DagRunResult


def run_in_parallel(
    home: airflow_home.AirflowHome, groups: Sequence[Sequence[DagRunRequest]], timeout: float = 600
) -> list[DagRunResult]:
    """Run groups of DAGs beside each other, those of a group one after another; return the runs in order.

    Args:
        home: The first group runs here, the others in homes below it, with the same DAG files and variables.
        groups: What to run.
        timeout: Seconds for each group.
    """
    homes = [home, *(_beside(home, number) for number in range(1, len(groups)))]
    with ThreadPoolExecutor(len(groups)) as pool:
        runs = pool.map(lambda of, requests: of.run_dags(requests, timeout=timeout), homes, groups)
        return [each for group in runs for each in group]


def logs_by_dag(runs: Iterable[DagRunResult]) -> dict[str, str]:
    """Return of the log of the runs' processes what is of each DAG."""
    found: dict[str, str] = {}
    for log in {each.log for each in runs}:
        for part in log.split("=== ")[1:]:
            dag_id = part.split(" ", 1)[0]
            found[dag_id] = found.get(dag_id, "") + part
    return found


def _beside(home: airflow_home.AirflowHome, number: int) -> AirflowHome:
    made = AirflowHome.ready(home.path / f"beside-{number}")
    # Its own database and cache, all else as there.
    return made.with_environment(
        {**home.settings, **made.settings, "AIRFLOW__CORE__DAGS_FOLDER": str(home.dags_folder)}
    )
