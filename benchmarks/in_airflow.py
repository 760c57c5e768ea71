"""What the real dag-processor and a running Airflow take for our file and our operator."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow
from benchmarks.harness import PIPES, Row, environment, spent, write_pipeline

_STOCK_HEAD = """\
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param


def noop(**context):
    return None


with DAG(
    dag_id="{dag_id}",
    schedule=None,
    params={{"x": Param(1, type="integer", maximum=9223372036854775807, minimum=-9223372036854775808)}},
):
"""


def parsing(folder: Path, runs: int) -> Iterator[Row]:
    """The dag-processor's own duration for our file over a hand-written one with the stock operator."""
    for tasks in (10, 100, 1_000):
        ours, stock = folder / f"parse_{tasks}" / "ours", folder / f"parse_{tasks}" / "stock"
        file = write_pipeline(ours / "project", tasks)
        spent([*PIPES, "deploy", file.name, "--dags-folder", str(ours / "dags")], file.parent)
        _write_stock(stock / "dags" / "stock.py", f"chain_{tasks}", tasks)
        taken: dict[Path, list[float]] = {ours: [], stock: []}
        while min(map(len, taken.values())) < runs:
            for home in (ours, stock):
                taken[home] += _parse_durations(home, f"chain_{tasks}", 6)
        mine, theirs = statistics.median(taken[ours]), statistics.median(taken[stock])
        ratio = mine / theirs
        yield Row(
            f"dag-processor, {tasks:,} tasks", f"{mine:.3f} s", f"stock {theirs:.3f} s", f"{ratio:.2f} ×", "≤ 1.10 ×", ratio <= 1.10
        )


def _write_stock(path: Path, dag_id: str, tasks: int) -> None:
    path.parent.mkdir(parents=True)
    names = ["noop", *(f"noop_{n}" for n in range(2, tasks + 1))]
    lines = [f'    {name} = PythonOperator(task_id="{name}", python_callable=noop)' for name in names]
    edges = [f"    {one} >> {two}" for one, two in zip(names, names[1:], strict=False)]
    path.write_text(_STOCK_HEAD.format(dag_id=dag_id) + "\n".join([*lines, "", *edges, ""]))


def _airflow_environment(home: Path) -> dict[str, str]:
    return environment(
        AIRFLOW_HOME=str(home / "airflow"),
        AIRFLOW__CORE__DAGS_FOLDER=str(home / "dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__PARALLELISM="4",
        AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL="0",
        AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES="1",
    )


def _parse_durations(home: Path, dag_id: str, count: int) -> list[float]:
    """Return how long a dag-processor of its own says that it took, for parses after its first one."""
    env = _airflow_environment(home)
    database = home / "airflow" / "airflow.db"
    if not database.exists():
        spent([sys.executable, "-m", "airflow", "db", "migrate"], home, env)
    seen: dict[str, float] = _last_parse(database, dag_id)
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow", "dag-processor"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    durations: dict[str, float] = {}
    deadline = time.monotonic() + 120
    try:
        while len(durations) < count + 1 and time.monotonic() < deadline:
            durations |= {when: took for when, took in _last_parse(database, dag_id).items() if when not in seen}
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
    if len(durations) < count + 1:
        raise RuntimeError(f"the dag-processor did not parse {dag_id} {count + 1} times in 120 s")
    return [durations[when] for when in sorted(durations)][1:]


def _last_parse(database: Path, dag_id: str) -> dict[str, float]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        rows = connection.execute("select last_parsed_time, last_parse_duration from dag where dag_id = ?", (dag_id,))
        return {when: took for when, took in rows if when and took}


def no_op_task(folder: Path, runs: int) -> Iterator[Row]:
    """A no-op step beside a stock no-op, alternating in one DAG under a running Airflow."""
    home = folder / "no_op"
    file = write_pipeline(home / "project", runs, cache=False)
    spent([*PIPES, "deploy", file.name, "--dags-folder", str(home / "dags")], file.parent)
    _interleave_stock(home / "dags" / f"{file.stem}.py")
    airflow = LocalAirflow(home / "airflow", home / "dags", port=18_231, environment=environment())
    airflow.up(timeout=120, on_progress=lambda _: None)
    try:
        taken = _task_durations(home, file.stem, runs)
    finally:
        airflow.down()
    mine, theirs = statistics.median(taken["ours"]), statistics.median(taken["stock"])
    more = (mine - theirs) * 1000
    yield Row(
        "a no-op task under Airflow", f"{mine * 1000:.0f} ms", f"stock {theirs * 1000:.0f} ms", f"{more:+.0f} ms", "≤ +100 ms", more <= 100
    )


def _interleave_stock(path: Path) -> None:
    """Put a stock task after each of ours, in one chain."""
    text = path.read_text()
    names = re.findall(r"^    (\w+) = StepPythonOperator\(", text, re.MULTILINE)
    body, _, _ = text.partition("\n\n    noop >> noop_2")
    lines = [f'    stock_{n} = PythonOperator(task_id="stock_{n}", python_callable=dict)' for n in range(len(names))]
    chain = [part for n, name in enumerate(names) for part in (name, f"stock_{n}")]
    edges = [f"    {one} >> {two}" for one, two in zip(chain, chain[1:], strict=False)]
    head = "from airflow.providers.standard.operators.python import PythonOperator\n"
    path.write_text(body.replace("import os\n", f"import os\n{head}", 1) + "\n" + "\n".join([*lines, *edges, ""]))


def _task_durations(home: Path, dag_id: str, runs: int) -> dict[str, list[float]]:
    env = _airflow_environment(home)
    database = home / "airflow" / "airflow.db"
    _wait(lambda: bool(_query(database, "select 1 from dag where dag_id = ?", dag_id)), "the DAG to be parsed")
    for arguments in (["unpause"], ["trigger"]):
        spent([sys.executable, "-m", "airflow", "dags", *arguments, dag_id], home, env)
    done = "select state from dag_run where dag_id = ? and state in ('success', 'failed')"
    _wait(lambda: bool(_query(database, done, dag_id)), "the run to end", 60 + 6 * runs)
    rows = _query(
        database, "select task_id, duration from task_instance where dag_id = ? and state = 'success'", dag_id
    )
    if len(rows) != 2 * runs:
        raise RuntimeError(f"{len(rows)} of {2 * runs} tasks succeeded")
    kinds: dict[str, list[float]] = {"ours": [], "stock": []}
    for task, duration in rows:
        kinds["stock" if task.startswith("stock") else "ours"].append(duration)
    return kinds


def _query(database: Path, sql: str, dag_id: str) -> list[tuple]:  # type: ignore[type-arg]
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(sql, (dag_id,)).fetchall()


def _wait(happened, what: str, seconds: float = 60) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)
