"""A local Airflow: everything that runs and shows DAGs, in the background, for one person."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from airflow_provider_pipes.errors import LocalAirflowError
from airflow_provider_pipes.orchestrators.airflow.server_environment import (
    BASE_URL,
    login_of,
    require_free_port,
    server_environment,
)
from airflow_provider_pipes.orchestrators.airflow.server_health import COMPONENTS, component_health
from airflow_provider_pipes.orchestrators.airflow.server_home import LOCK_FILE, RECORD_FILE
from airflow_provider_pipes.orchestrators.airflow.server_processes import end_processes
from airflow_provider_pipes.orchestrators.airflow.server_record import (
    ServerRecord,
    exclusive,
    launch,
    read_record,
    write_record,
)

_PATIENCE_SECONDS = 10
_POLL_SECONDS = 0.3
_LOG_LINES = 20


@dataclass(frozen=True)
class Address:
    """Where a local Airflow is and how to get in.

    Attributes:
        password_file: A JSON object of users and passwords that Airflow generated.
    """

    url: str
    user: str
    password_file: Path


@dataclass(frozen=True)
class ServerStatus:
    """How a local Airflow is.

    Attributes:
        pid: Process id of `airflow standalone`; None while it is not running, as ``url``.
        left: Ids of processes that still run although that one, which holds them together, is gone.
        components: "api-server", "scheduler", "dag-processor" and "triggerer", and whether each is healthy.
    """

    running: bool
    pid: int | None
    url: str | None
    components: Mapping[str, bool]
    dags_folder: Path
    log_file: Path
    left: tuple[int, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether every component is."""
        return self.running and all(self.components.values())


class LocalAirflow:
    """Starts, finds and stops the Airflow of one home folder; the object itself holds nothing that runs.

    Args:
        home: Airflow's home: its database, logs, generated passwords, and our notes on what runs.
        dags_folder: Where Airflow looks for DAG files; made if it is not there.
        port: The port of the API server and user interface.
        environment: Variables on top of this process's. ``AIRFLOW__…`` variables of either go before our
            choices, except for what the other arguments say.
    """

    def __init__(
        self, home: Path, dags_folder: Path, port: int = 8080, environment: Mapping[str, str] | None = None
    ) -> None:
        self.home = Path(os.path.abspath(home))
        self.dags_folder = Path(os.path.abspath(dags_folder))
        self.port = port
        self._given = {**os.environ, **(environment or {})}
        self._record_file = self.home / RECORD_FILE

    @property
    def log_file(self) -> Path:
        """What all components wrote since the last start."""
        return self.home / "pipes-airflow.log"

    def up(self, timeout: float = 180, on_progress: Callable[[str], None] = lambda line: None) -> Address:
        """Start Airflow and wait until every component is healthy; what runs already is left as it is.

        Args:
            timeout: Seconds to wait; what was started is stopped again when they are over.
            on_progress: Called with one line for each thing worth knowing.

        Raises:
            LocalAirflowError: it can't start, did not get healthy, or runs with other settings.
        """
        self.require_startable()
        self._make_folders()
        with exclusive(self.home / LOCK_FILE):
            record = read_record(self._record_file)
            if record and record.leader.alive():
                self._require_same(record)
                on_progress(f"Airflow is already running at {record.url}")
                self._recheck(record, timeout, on_progress)
            else:
                self._sweep(record)
                record = self._start(timeout, on_progress)
        return self._address(record)

    def require_startable(self) -> None:
        """Check what would stop ``up`` at once; nothing is made or started.

        Raises:
            LocalAirflowError: it runs with other settings, or can't start here.
        """
        record = read_record(self._record_file)
        if record and record.leader.alive():
            self._require_same(record)
            return
        # What an Airflow left that lost its main process gives the port back when it is ended.
        if record is None or not record.leader.family():
            require_free_port(self.port)
        server_environment(self.home, self.dags_folder, self.port, "", self._given)

    def down(self) -> bool:
        """Stop Airflow and everything that came from it; return whether there was anything to stop.

        Raises:
            LocalAirflowError: a process can't be stopped.
        """
        if not self.home.is_dir():
            return False
        with exclusive(self.home / LOCK_FILE):
            return self._sweep(read_record(self._record_file))

    def status(self) -> ServerStatus:
        """Look how Airflow is, in at most a few seconds."""
        record = read_record(self._record_file)
        if record is None or not record.leader.alive():
            silent = dict.fromkeys(COMPONENTS, False)
            left = tuple(each.pid for each in record.leader.family()) if record else ()
            return ServerStatus(False, None, None, silent, self.dags_folder, self.log_file, left)
        return ServerStatus(
            running=True,
            pid=record.leader.pid,
            url=record.url,
            components=_health(record),
            dags_folder=Path(record.dags_folder),
            log_file=self.log_file,
        )

    def _make_folders(self) -> None:
        for folder in (self.home, self.dags_folder):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LocalAirflowError(f"cannot make folder {folder}: {error.strerror}") from None

    def _require_same(self, record: ServerRecord) -> None:
        for what, wanted, found in (
            ("port", self.port, record.port),
            ("dags folder", str(self.dags_folder), record.dags_folder),
        ):
            if wanted != found:
                raise LocalAirflowError(
                    f"the Airflow in {self.home} is already running with {what} {found}, not {wanted}; "
                    "stop it first with `pipes down`"
                )

    def _start(self, timeout: float, on_progress: Callable[[str], None]) -> ServerRecord:
        require_free_port(self.port)
        marker = secrets.token_hex(16)
        environment = server_environment(self.home, self.dags_folder, self.port, marker, self._given)
        # Airflow writes the generated password there, too.
        os.close(os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        on_progress(f"Starting Airflow in {self.home} (log: {self.log_file})")
        begun = datetime.now(UTC).isoformat()
        # -P: no folder of the caller's hides Airflow's modules. -u: the log is there when it is needed.
        command = [sys.executable, "-P", "-u", "-m", "airflow", "standalone"]
        leader = launch(command, environment, self.home, self.log_file)
        record = ServerRecord(leader, environment[BASE_URL], self.port, str(self.dags_folder), begun)
        try:
            write_record(self._record_file, record)
            self._wait(record, timeout, on_progress)
            with contextlib.suppress(OSError):
                login_of(environment, self.home)[1].chmod(0o600)
        except BaseException:
            # Also when the user gave up waiting: half an Airflow is of no use.
            on_progress("Stopping what was started")
            self._sweep(record)
            raise
        return record

    def _recheck(self, record: ServerRecord, timeout: float, on_progress: Callable[[str], None]) -> None:
        try:
            self._wait(record, timeout, on_progress)
        except LocalAirflowError as error:
            raise LocalAirflowError(
                f"the Airflow in {self.home} runs, but not well; stop it with `pipes down` and start it again"
                f"\n{error}"
            ) from None

    def _wait(self, record: ServerRecord, timeout: float, on_progress: Callable[[str], None]) -> None:
        started = time.monotonic()
        ready: set[str] = set()
        losses = 0
        while True:
            seconds = time.monotonic() - started
            health = _health(record)
            for component in COMPONENTS:
                if health[component] and component not in ready:
                    ready.add(component)
                    on_progress(f"{component} is healthy ({seconds:.0f} s)")
            if all(health.values()):
                return
            # Twice: a helper process may be about to be collected.
            losses = losses + 1 if record.leader.lost_child() else 0
            if not record.leader.alive():
                raise self._failure("Airflow ended before it was healthy")
            if losses > 1:
                raise self._failure("a component of Airflow ended before all were healthy")
            if seconds > timeout:
                missing = ", ".join(name for name in COMPONENTS if not health[name])
                raise self._failure(f"Airflow was not healthy after {timeout:g} s (waiting for: {missing})")
            time.sleep(_POLL_SECONDS)

    def _failure(self, headline: str) -> LocalAirflowError:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        excerpt = "\n".join(f"  {line}" for line in lines)
        return LocalAirflowError(f"{headline}; the end of {self.log_file}:\n{excerpt}")

    def _sweep(self, record: ServerRecord | None) -> bool:
        if record is None:
            return False
        stopped = bool(record.leader.family())
        # The leader last: it holds the other end of what the components write.
        end_processes(record.leader.followers, _PATIENCE_SECONDS)
        left = end_processes(record.leader.family, _PATIENCE_SECONDS)
        if left:
            ids = ", ".join(str(each.pid) for each in left)
            raise LocalAirflowError(
                f"cannot stop processes {ids} of the Airflow in {self.home}; do they belong to another user?"
            )
        self._record_file.unlink(missing_ok=True)
        return stopped

    def _address(self, record: ServerRecord) -> Address:
        return Address(record.url, *login_of(self._given, self.home))


def _health(record: ServerRecord) -> dict[str, bool]:
    # The base URL may name another host, and a folder under which Airflow answers.
    folder = urlsplit(record.url).path.rstrip("/")
    return component_health(f"http://127.0.0.1:{record.port}{folder}", record.since)
