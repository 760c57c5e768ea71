"""Real Airflow for tests, without a scheduler: a home, ``airflow …`` commands, DAG runs in a subprocess.

Which to use, cheapest first:

* ``AirflowHome.run_dags([DagRunRequest("a"), …])``: ``dag.test()`` of many DAGs in one process, 5 s in all;
* ``AirflowHome.dags_test("a")``: the real ``airflow dags test``, 6 s or more each;
* ``RunningAirflow``: scheduler, API server, triggerer and dag-processor; 15 s, once a session.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from airflow_provider_pipes.orchestrators.airflow.server_environment import SQLITE_SETTINGS
from airflow_provider_pipes.testing.airflow_results import DagRunRequest, DagRunResult, TaskResult

_DAG_RUNS = Path(__file__).with_name("dag_runs.py")


class Database(Protocol):
    """A database for Airflow in place of SQLite."""

    @property
    def url(self) -> str:
        """Its SQLAlchemy URL."""

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query; JSON columns come decoded."""


class AirflowHome:
    """An AIRFLOW_HOME with an embedded SQLite (or another database) and an empty dags folder.

    Put DAG files into ``dags_folder`` (``add_dag``), or deploy there, then run them.

    Args:
        path: The folder; made if it is not there.
        database: In place of SQLite.
        environment: More variables for everything that is run, before the ones chosen here.
    """

    def __init__(
        self,
        path: Path,
        database: Database | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.dags_folder = path / "dags"
        self.dags_folder.mkdir(parents=True, exist_ok=True)
        self._database = database
        url = database.url if database else f"sqlite:///{path}/airflow.db"
        self.settings = {
            **({} if database else SQLITE_SETTINGS),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PIPES_CACHE_DIR": str(path / "pipes-cache"),
            **(environment or {}),
        }

    @property
    def env(self) -> dict[str, str]:
        """The whole environment for a process that shall use this home."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "PIPES_")) and name != "PYTHONDONTWRITEBYTECODE"
        }
        return inherited | {
            "AIRFLOW_HOME": str(self.path),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags_folder),
            **self.settings,
        }

    def with_environment(self, variables: Mapping[str, str]) -> AirflowHome:
        """Return this home for use with more environment variables."""
        return AirflowHome(self.path, self._database, {**self.settings, **variables})

    @property
    def database_file(self) -> Path:
        """The file of the SQLite database."""
        return self.path / "airflow.db"

    def migrate(self) -> None:
        """Make the database (3 to 6 s); the fixtures copy one that is ready."""
        self.airflow("db", "migrate")

    def copy_database(self, source: AirflowHome | Path) -> None:
        """Take over the SQLite database of another home, or of a file."""
        file = source if isinstance(source, Path) else source.database_file
        with closing(sqlite3.connect(file)) as there, closing(sqlite3.connect(self.database_file)) as here:
            there.backup(here)

    def add_dag(self, name: str, text: str) -> Path:
        """Write a DAG file; ``text`` may be indented as a whole."""
        file = self.dags_folder / name
        draft = file.with_suffix(".draft")
        draft.write_text(textwrap.dedent(text), encoding="utf-8")
        return draft.replace(file)

    def airflow(
        self, *arguments: str, check: bool = True, timeout: float = 180
    ) -> subprocess.CompletedProcess[str]:
        """Run ``airflow ARGUMENTS…``; if it fails, fail the test with its output, if ``check``."""
        return self.run([sys.executable, "-m", "airflow", *arguments], check=check, timeout=timeout)

    def python(
        self, code: str, *arguments: str, check: bool = True, timeout: float = 180
    ) -> subprocess.CompletedProcess[str]:
        """Run Python code, which may be indented as a whole, in this home's environment."""
        command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
        return self.run(command, check=check, timeout=timeout)

    def run(
        self, command: Sequence[str], check: bool = True, timeout: float = 180
    ) -> subprocess.CompletedProcess[str]:
        """Run any command in this home's environment; standard output and error are captured.

        Raises:
            AssertionError: it failed, and ``check`` is set.
        """
        done = subprocess.run(
            command,
            env=self.env,
            cwd=self.path,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        if check and done.returncode:
            said = f"{done.stdout}\n{done.stderr}"
            raise AssertionError(f"{' '.join(command)} exited {done.returncode}\n{said}")
        return done

    def dags_test(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, logical_date: str | None = None
    ) -> DagRunResult:
        """Run ``airflow dags test`` and return what came of it; a failed run fails no test by itself."""
        command = ["dags", "test", dag_id]
        command += [logical_date] if logical_date else []
        command += ["--conf", json.dumps(conf)] if conf is not None else []
        before = self._newest_run(dag_id)
        done = self.airflow(*command, check=False)
        log = done.stdout + done.stderr
        newest = self._newest_run(dag_id)
        if newest is None or newest == before:
            return DagRunResult(dag_id, "", "error", error=done.stderr[-2000:], log=log)
        return self.result(dag_id, newest[1], log)

    def run_dags(
        self, requests: Sequence[DagRunRequest | str], preamble: str = "", timeout: float = 240
    ) -> list[DagRunResult]:
        """Run several DAGs one after another in one process, with Airflow's own ``dag.test()``.

        Args:
            requests: What to run; a text is the id of a DAG without conf.
            preamble: Python code that the process runs before it reads any DAG file, as an import hook.
            timeout: Seconds for all of them.

        Raises:
            AssertionError: the process itself failed; a DAG run that fails raises nothing.
        """
        wanted = [DagRunRequest(each) if isinstance(each, str) else each for each in requests]
        order, answer = self.path / "dag-runs.json", self.path / "dag-runs-done.json"
        answer.unlink(missing_ok=True)
        order.write_text(
            json.dumps({"preamble": textwrap.dedent(preamble), "runs": [asdict(each) for each in wanted]})
        )
        command = [sys.executable, str(_DAG_RUNS), str(order), str(answer)]
        done = self.run(command, check=False, timeout=timeout)
        log = done.stdout + done.stderr
        if done.returncode:
            raise AssertionError(f"the process of the DAG runs exited {done.returncode}\n{log}")
        return [
            self.result(each["dag_id"], each["run_id"], log)
            if each["run_id"]
            else DagRunResult(each["dag_id"], "", "error", error=each["error"], log=log)
            for each in json.loads(answer.read_text())
        ]

    def load_dags(self, preamble: str = "") -> tuple[list[str], dict[str, str]]:
        """Load the dags folder with Airflow's own DagBag; return the ids of the DAGs, and errors by file."""
        answer = self.path / "loaded.json"
        self.python(f"{textwrap.dedent(preamble)}\n{_LOAD}", str(self.dags_folder), str(answer))
        loaded = json.loads(answer.read_text())
        return loaded["dags"], loaded["errors"]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query in Airflow's database; JSON columns are text with SQLite, decoded otherwise."""
        if self._database:
            return self._database.rows(sql)
        with closing(sqlite3.connect(self.database_file, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]

    def result(self, dag_id: str, run_id: str, log: str = "") -> DagRunResult:
        """Return a DAG run as the database has it."""
        where = f"dag_id = {_quoted(dag_id)} AND run_id = {_quoted(run_id)}"
        (run,) = self.rows(f"SELECT state FROM dag_run WHERE {where}")
        pushed: dict[tuple[str, int], dict[str, Any]] = {}
        for row in self.rows(f"SELECT task_id, map_index, key, value FROM xcom WHERE {where}"):
            xcoms = pushed.setdefault((row["task_id"], row["map_index"]), {})
            xcoms[row["key"]] = _decoded(row["value"]) if self._database is None else row["value"]
        tasks = {}
        for row in self.rows(
            f"SELECT task_id, map_index, state, try_number FROM task_instance WHERE {where}"
        ):
            name = row["task_id"] if row["map_index"] < 0 else f"{row['task_id']}[{row['map_index']}]"
            tasks[name] = TaskResult(**row, xcoms=pushed.get((row["task_id"], row["map_index"]), {}))
        return DagRunResult(dag_id, run_id, run["state"], tasks, log=log)

    def _newest_run(self, dag_id: str) -> tuple[int, str] | None:
        rows = self.rows(
            f"SELECT id, run_id FROM dag_run WHERE dag_id = {_quoted(dag_id)} ORDER BY id DESC LIMIT 1"
        )
        return (rows[0]["id"], rows[0]["run_id"]) if rows else None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


_LOAD = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
with open(sys.argv[2], "w") as file:
    json.dump({"dags": sorted(bag.dags), "errors": bag.import_errors}, file)
"""
