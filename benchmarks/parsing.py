"""What the real dag-processor takes for our file and for one written by hand."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

from benchmarks.airflow_home import AIRFLOW, AirflowHome, wait_until
from benchmarks.harness import PIPES, Row, interleaved, ratio_at_most, spent, write_pipeline

_PACE = {
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
}
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
        with _processor(ours) as mine, _processor(stock) as theirs:
            seconds, other = interleaved(runs, mine, theirs)
        yield ratio_at_most(f"dag-processor, {tasks:,} tasks", seconds, other, 1.10, "s", "by hand")


def write_by_hand(path: Path, tasks: int) -> None:
    """Write a DAG file as a person would, with as many stock tasks in a chain."""
    names = ["noop", *(f"noop_{n}" for n in range(2, tasks + 1))]
    lines = [f'    {name} = PythonOperator(task_id="{name}", python_callable=do_nothing)' for name in names]
    edges = [f"    {one} >> {two}" for one, two in pairwise(names)]
    path.write_text(_HAND_WRITTEN.format(dag_id=path.stem) + "\n".join([*lines, "", *edges, ""]))


@contextmanager
def _processor(home: AirflowHome) -> Iterator[Callable[[], float]]:
    """Start a dag-processor, and stop its clock but for the calls that return its Last Runtime."""
    with (home.path / "dag-processor.log").open("w") as log:
        process = subprocess.Popen(
            [*AIRFLOW, "dag-processor"],
            cwd=home.path,
            env=home.environment | _PACE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def last_runtime() -> float:
        os.killpg(process.pid, signal.SIGCONT)
        # The first one may have been under way while the processor was stopped.
        seconds, _ = _next_parse(home, _next_parse(home, _last_parse(home)))
        os.killpg(process.pid, signal.SIGSTOP)
        return seconds

    try:
        last_runtime()
        yield last_runtime
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    # It now and then swallows the exception that its own handler raises, and goes on.
    for sign in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, sign)
        os.killpg(process.pid, signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(3)
            return


_Parse = tuple[float, str]


def _next_parse(home: AirflowHome, last: _Parse) -> _Parse:
    wait_until(lambda: _last_parse(home) != last, f"a parse by {home.path}", 120)
    return _last_parse(home)


def _last_parse(home: AirflowHome) -> _Parse:
    query = "SELECT last_parse_duration, last_parsed_time FROM dag WHERE last_parse_duration > 0"
    for seconds, moment in home.rows(query):
        return seconds, moment
    return 0.0, ""
