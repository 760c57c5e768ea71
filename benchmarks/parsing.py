"""What the real dag-processor takes for our file and for one written by hand."""

from __future__ import annotations

import math
import os
import signal
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from benchmarks.airflow_home import AIRFLOW, AirflowHome, wait_until
from benchmarks.harness import PIPES, Row, ratio_at_most, spent, write_pipeline

_PARSES = 3
_HAND_WRITTEN = """\
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param


def do_nothing():
    return None


with DAG(
    dag_id="{dag_id}",
    schedule=None,
    params={{"x": Param(1, type="integer", maximum=9223372036854775807, minimum=-9223372036854775808)}},
):
"""


def parsing(folder: Path, runs: int) -> Iterator[Row]:
    """At most 1.10 times the file with the stock operator, at 10, 100 and 1,000 tasks.

    Each file is in a folder of its own, with a processor of its own: another file in the folder would
    have its imports done for both.
    """
    ready = AirflowHome(folder / "ready")
    for tasks in (10, 100, 1_000):
        ours, stock = (AirflowHome(folder / f"{name}_{tasks}", ready) for name in ("ours", "stock"))
        file = write_pipeline(folder / "project", tasks)
        spent([*PIPES, "deploy", file.name, "--dags-folder", str(ours.dags)], file.parent)
        write_by_hand(stock.dags / f"chain_{tasks}.py", tasks)
        taken: dict[AirflowHome, list[float]] = {ours: [], stock: []}
        for _ in range(math.ceil(runs / _PARSES)):
            for home, durations in taken.items():
                durations += _parse_durations(home, _PARSES)
        mine, theirs = (statistics.median(durations) for durations in taken.values())
        yield ratio_at_most(f"dag-processor, {tasks:,} tasks", mine, theirs, 1.10, "s", "by hand")


def write_by_hand(path: Path, tasks: int) -> None:
    """Write a DAG file as a person would, with as many stock tasks in a chain."""
    names = ["noop", *(f"noop_{n}" for n in range(2, tasks + 1))]
    lines = [f'    {name} = PythonOperator(task_id="{name}", python_callable=do_nothing)' for name in names]
    edges = [f"    {one} >> {two}" for one, two in pairwise(names)]
    path.write_text(_HAND_WRITTEN.format(dag_id=path.stem) + "\n".join([*lines, "", *edges, ""]))


def _parse_durations(home: AirflowHome, count: int) -> list[float]:
    """Start a dag-processor and return its Last Runtime for some parses after the first one."""
    before = _last_parse(home)
    durations: dict[str, float] = {}

    def parsed() -> bool:
        durations.update(_last_parse(home))
        return len(durations.keys() - before.keys()) > count

    variables = {
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    }
    with (home.path / "dag-processor.log").open("w") as log:
        process = subprocess.Popen(
            [*AIRFLOW, "dag-processor"],
            cwd=home.path,
            env=home.environment | variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(parsed, f"a dag-processor with the log {log.name}", 120)
    finally:
        _end(process)
    fresh = sorted(durations.keys() - before.keys())
    return [durations[moment] for moment in fresh[1:]]


def _end(process: subprocess.Popen[bytes]) -> None:
    # It now and then swallows the exception that its own handler raises, and goes on.
    for sign in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(3)
            return


def _last_parse(home: AirflowHome) -> dict[str, float]:
    return dict(
        home.rows("SELECT last_parsed_time, last_parse_duration FROM dag WHERE last_parse_duration > 0")
    )
