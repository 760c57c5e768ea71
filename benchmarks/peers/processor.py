"""What the real dag-processor takes for a DAG that is alone in its folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from benchmarks.airflow_home import wait_until
from benchmarks.peers.home import PeersHome
from benchmarks.peers.outcome import CannotRunError, first_line
from benchmarks.peers.peer import Dag, Kind, Measure, Peer

_PACE = {
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    # How soon it sees that another file is there.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
}
_PATIENCE = 150
_Parse = tuple[float, str]


class Parser:
    """Has one peer's DAGs of one kind parsed, one after another, by a dag-processor of its own.

    Args:
        peer: Whose DAGs.
        kind: Where their tasks run.
        folder: Where it may write.
        ready: A home whose database to copy.
    """

    def __init__(self, peer: Peer, kind: Kind, folder: Path, ready: PeersHome) -> None:
        self._peer = peer
        self._kind = kind
        self._home = PeersHome(folder / "as-produced", ready)
        self._mended = PeersHome(folder / "mended", ready)
        self._failure: CannotRunError | None = None
        self._processor: _Processor | None = None

    def runtime(self, tasks: int) -> tuple[Measure, str]:
        """Return what parses a DAG of so many tasks once more, which returns the seconds, and a note on it.

        Raises:
            CannotRunError: the peer cannot produce it, or Airflow cannot import it; says what Airflow shows.
        """
        if self._failure is None:
            dag = self._produced(tasks)
            try:
                return self._parsed(dag), dag.note
            except CannotRunError as failure:
                self._failure = failure
                # Another home: Airflow keeps the error of this one until it has parsed the file again.
                self.close()
                self._home = self._mended
        mended = self._peer.mended(self._produced(tasks), self._kind, tasks, self._failure)
        return self._parsed(mended), mended.note

    def close(self) -> None:
        """Stop the dag-processor."""
        if self._processor:
            self._processor.close()
        self._processor = None

    def _produced(self, tasks: int) -> Dag:
        shutil.rmtree(self._home.dags)
        self._home.dags.mkdir()
        return self._peer.dag(self._kind, tasks, self._home.dags)

    def _parsed(self, dag: Dag) -> Measure:
        self._processor = processor = self._processor or _Processor(self._home, dag)
        file = dag.files[0].name
        processor.runtime(file)
        return lambda: processor.runtime(file)


class _Processor:
    """A dag-processor whose clock stands still but for the calls of ``runtime``."""

    def __init__(self, home: PeersHome, dag: Dag) -> None:
        self._home = home
        environment = {**dag.environment.variables(home.path / "home"), **home.variables}
        with (home.path / "dag-processor.log").open("w") as log:
            self._process = subprocess.Popen(
                [dag.environment.python, "-m", "airflow", "dag-processor"],
                cwd=home.path,
                env={**environment, **dag.variables, **_PACE},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def runtime(self, file: str) -> float:
        """Have it parse and return its Last Runtime of a file."""
        os.killpg(self._process.pid, signal.SIGCONT)
        # The first one may have been under way while the processor was stopped.
        seconds, _ = self._next_parse(file, self._next_parse(file, self._last_parse(file)))
        os.killpg(self._process.pid, signal.SIGSTOP)
        return seconds

    def close(self) -> None:
        """Stop it for good."""
        # It now and then swallows the exception that its own handler raises, and goes on.
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
                os.killpg(self._process.pid, signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(3)
                return

    def _next_parse(self, file: str, last: _Parse) -> _Parse:
        wait_until(lambda: self._last_parse(file) != last, f"a parse of {file}", _PATIENCE)
        return self._last_parse(file)

    def _last_parse(self, file: str) -> _Parse:
        # Of this file only: one that was taken away while it was parsed leaves an error behind. What is
        # inside a zip has the zip's name, or its whole path, before its own.
        query = "SELECT stacktrace FROM import_error WHERE filename LIKE '%' || ? || '%'"
        for (trace,) in self._home.rows(query, file):
            raise CannotRunError(first_line(trace))
        query = (
            "SELECT last_parse_duration, last_parsed_time FROM dag "
            "WHERE last_parse_duration > 0 AND relative_fileloc LIKE ? || '%'"
        )
        for seconds, moment in self._home.rows(query, file):
            return seconds, moment
        return 0.0, ""
