"""What the real dag-processor takes for our file and for one written by hand."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.airflow_home import AIRFLOW, AirflowHome, wait_until
from benchmarks.harness import PIPES, Row, interleaved, ratio_at_most, spent, write_pipeline

_PACE = {
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
}
_HAND_WRITTEN = """\
{imports}
from airflow.sdk import DAG, Param

{before}
with DAG(
    dag_id="{dag_id}",
    schedule=None,
    params={{"x": Param(1, type="integer", maximum=9223372036854775807, minimum=-9223372036854775808)}},
):
"""
_FUNCTION = """
def do_nothing():
    return None

"""
_IMAGE = "python:3.12-slim"
# Only parsed here, so the image may be one that nobody has.
_STACK = """\
[orchestrators.airflow]
flavor = "airflow"
operator = "{operator}"
store_volume = {{ hostPath = {{ path = "/artifacts" }} }}

[settings.docker]
skip_build = true
image = "{image}"
"""


@dataclass(frozen=True)
class HandWritten:
    """How a person writes a task of one kind.

    Attributes:
        arguments: Of the operator, beside the task's id.
        before: What stands above the DAG.
    """

    module: str
    operator: str
    arguments: str
    before: str

    @property
    def imports(self) -> str:
        """The line that imports the operator."""
        return f"from {self.module} import {self.operator}"


HAND_WRITTEN = {
    "python": HandWritten(
        "airflow.providers.standard.operators.python",
        "PythonOperator",
        "python_callable=do_nothing",
        _FUNCTION,
    ),
    "docker": HandWritten(
        "airflow.providers.docker.operators.docker",
        "DockerOperator",
        'image=IMAGE, command=["python", "-c", "pass"]',
        f'IMAGE = "{_IMAGE}"\n',
    ),
    "kubernetes": HandWritten(
        "airflow.providers.cncf.kubernetes.operators.pod",
        "KubernetesPodOperator",
        'image=IMAGE, cmds=["python", "-c", "pass"]',
        f'IMAGE = "{_IMAGE}"\n',
    ),
}


def parsing(folder: Path, runs: int) -> Iterator[Row]:
    """At most 1.10 times the file with the stock operator, at 10, 100 and 1,000 tasks of each kind.

    Each file is in a folder of its own, with a processor of its own: another file in the folder would
    have its imports done for both.
    """
    ready = AirflowHome(folder / "ready")
    for operator in HAND_WRITTEN:
        for tasks in (10, 100, 1_000):
            names = (f"{name}_{operator}_{tasks}" for name in ("ours", "stock"))
            ours, stock = (AirflowHome(folder / name, ready) for name in names)
            _deploy(folder / f"project_{operator}", tasks, operator, ours.dags)
            write_by_hand(stock.dags / f"chain_{tasks}.py", tasks, operator)
            with _processor(ours) as mine, _processor(stock) as theirs:
                seconds, other = interleaved(runs, mine, theirs)
            what = f"dag-processor, {tasks:,} {operator} tasks"
            yield ratio_at_most(what, seconds, other, 1.10, "s", "by hand")


def _deploy(project: Path, tasks: int, operator: str, dags: Path) -> None:
    file = write_pipeline(project, tasks)
    if operator != "python":
        (project / "pipes.toml").write_text(_STACK.format(operator=operator, image=_IMAGE))
    spent([*PIPES, "deploy", file.name, "--dags-folder", str(dags)], file.parent)


def write_by_hand(path: Path, tasks: int, operator: str = "python") -> None:
    """Write a DAG file as a person would, with as many stock tasks in a chain."""
    kind = HAND_WRITTEN[operator]
    names = ["noop", *(f"noop_{n}" for n in range(2, tasks + 1))]
    lines = [f'    {name} = {kind.operator}(task_id="{name}", {kind.arguments})' for name in names]
    edges = [f"    {one} >> {two}" for one, two in pairwise(names)]
    head = _HAND_WRITTEN.format(dag_id=path.stem, imports=kind.imports, before=kind.before)
    path.write_text(head + "\n".join([*lines, "", *edges, ""]))


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
