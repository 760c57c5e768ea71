"""What a local Airflow does when things go wrong, shown with a small program in Airflow's place.

tests/airflow/test_server.py shows the real one.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread, main_thread

import pytest

from airflow_provider_pipes.errors import LocalAirflowError
from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow
from airflow_provider_pipes.orchestrators.airflow.server_environment import login_of, server_environment
from airflow_provider_pipes.orchestrators.airflow.server_health import component_health
from airflow_provider_pipes.orchestrators.airflow.server_processes import (
    MARKER_VARIABLE,
    Leader,
    Process,
    end_processes,
    find_process,
)
from airflow_provider_pipes.orchestrators.airflow.server_record import (
    ServerRecord,
    exclusive,
    read_record,
    write_record,
)

SLEEP = "import time; time.sleep(60)"
RECORD = "pipes-airflow.json"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stand_in(folder: Path, program: str) -> LocalAirflow:
    """Return a LocalAirflow that runs ``program`` where it would run Airflow."""
    package = folder / "stand-in" / "airflow"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(textwrap.dedent(program))
    environment = {"PYTHONPATH": str(package.parent), "MARK": str(folder)}
    return LocalAirflow(folder / "home", folder / "dags", free_port(), environment)


def left_of(folder: Path) -> list[str]:
    """Return the processes that still carry what ``stand_in`` put into their environment."""
    mark = f"MARK={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(entry.name)
        except OSError:
            continue
    return found


def environment_of(given: dict[str, str]) -> dict[str, str]:
    return server_environment(Path("/home"), Path("/dags"), 8081, "marker", {"PATH": os.defpath, **given})


def test_the_arguments_decide_and_the_caller_decides_the_rest() -> None:
    environment = environment_of(
        {
            "AIRFLOW_HOME": "/elsewhere",
            "AIRFLOW__CORE__DAGS_FOLDER": "/elsewhere",
            "AIRFLOW__API__PORT": "1",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "True",
            "AIRFLOW__CORE__PARALLELISM": "7",
        }
    )
    assert environment["AIRFLOW_HOME"] == "/home"
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == "/dags"
    assert environment["AIRFLOW__API__PORT"] == "8081"
    assert environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "True"
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "7"


@pytest.mark.parametrize(
    ("variable", "value", "parallelism"),
    [
        ("HOME", "/root", "4"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite:////tmp/a.db", "4"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://a@b/c", None),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", "cat secret", None),
    ],
)
def test_only_sqlite_limits_the_parallelism(variable: str, value: str, parallelism: str | None) -> None:
    assert environment_of({variable: value}).get("AIRFLOW__CORE__PARALLELISM") == parallelism


@pytest.mark.parametrize(("component", "seconds"), [("scheduler", 60), ("api-server", 3)])
def test_only_the_api_server_soon_stops_waiting_for_sqlite(component: str, seconds: int) -> None:
    name = environment_of({})["AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS"]
    module, _, attribute = name.rpartition(".")
    program = f"from {module} import {attribute}; print({attribute})"
    done = subprocess.run([sys.executable, "-c", program, component], capture_output=True, text=True)
    assert done.stdout == f"{{'timeout': {seconds}}}\n"


def test_airflow_writes_bytecode_and_finds_the_callers_modules() -> None:
    environment = environment_of({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"src{os.pathsep}/lib"})
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["PYTHONPATH"] == f"{Path.cwd() / 'src'}{os.pathsep}/lib"


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_no_proxy_stands_between_airflow_and_itself(name: str) -> None:
    environment = environment_of({name: "intranet"})
    assert environment["no_proxy"] == environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_the_login_follows_the_settings_of_simple_auth() -> None:
    home = Path("/home")
    assert login_of({}, home) == ("admin", home / "simple_auth_manager_passwords.json.generated")
    given = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "anna:admin,bob:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": "/secret",
    }
    assert login_of(given, home) == ("anna", Path("/secret"))


def test_down_and_status_of_what_never_ran_touch_nothing(tmp_path: Path) -> None:
    airflow = LocalAirflow(tmp_path / "home", tmp_path / "dags")
    assert not airflow.down()
    status = airflow.status()
    assert (status.running, status.pid, status.url, status.healthy) == (False, None, None, False)
    assert status.log_file == airflow.log_file
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_shows_the_end_of_the_log(tmp_path: Path) -> None:
    airflow = stand_in(tmp_path, "print('first')\nraise SystemExit('no such database')")
    lines: list[str] = []
    with pytest.raises(LocalAirflowError, match=r"(?s)ended before it was healthy.*first.*no such database"):
        airflow.up(timeout=30, on_progress=lines.append)
    begun = f"Starting Airflow in {airflow.home} (log: {airflow.log_file})"
    assert lines == [begun, "Stopping what was started"]
    assert not airflow.status().running
    assert not (airflow.home / RECORD).exists()


def test_a_component_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    program = """
        import subprocess, sys, time
        component = subprocess.Popen([sys.executable, "-c", "print('scheduler gave up', flush=True)"])
        time.sleep(60)
    """
    airflow = stand_in(tmp_path, program)
    with pytest.raises(LocalAirflowError, match=r"(?s)a component of Airflow ended.*scheduler gave up"):
        airflow.up(timeout=30)
    assert left_of(tmp_path) == []


def test_what_is_not_healthy_in_time_is_stopped_again(tmp_path: Path) -> None:
    airflow = stand_in(tmp_path, SLEEP)
    with pytest.raises(LocalAirflowError, match=r"not healthy after 0\.5 s .*api-server, scheduler"):
        airflow.up(timeout=0.5)
    assert left_of(tmp_path) == []
    assert not airflow.status().running


def test_a_user_who_gives_up_waiting_leaves_nothing_behind(tmp_path: Path) -> None:
    ended = Event()

    def interrupt() -> None:
        while not (airflow.home / RECORD).exists():
            time.sleep(0.01)
        # Again, as a user would: Python loses an interrupt that arrives while it collects an object.
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)
        while not ended.wait(5):
            signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)

    airflow = stand_in(tmp_path, SLEEP)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            airflow.up(timeout=60)
    finally:
        ended.set()
        signal.signal(signal.SIGINT, before)
    assert left_of(tmp_path) == []


def test_an_airflow_that_runs_but_not_well_is_named(tmp_path: Path) -> None:
    airflow = stand_in(tmp_path, SLEEP)
    with subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True) as unwell:
        process = find_process(unwell.pid)
        assert process
        airflow.home.mkdir()
        airflow.log_file.touch()
        leader = Leader(process.pid, process.started, "marker")
        record = ServerRecord(leader, "http://localhost:1", airflow.port, str(airflow.dags_folder), _now())
        write_record(airflow.home / RECORD, record)

        with pytest.raises(LocalAirflowError, match=r"(?s)but not well; .*`pipes down`.*not healthy after"):
            airflow.up(timeout=0.2)

        assert unwell.poll() is None
        unwell.kill()


def test_down_finds_what_lost_its_parent(tmp_path: Path) -> None:
    airflow = stand_in(tmp_path, SLEEP)
    airflow.home.mkdir()
    marker = "0123"
    orphan = subprocess.Popen(
        [sys.executable, "-c", SLEEP], start_new_session=True, env={MARKER_VARIABLE: marker}
    )
    reaper = Thread(target=orphan.wait)
    reaper.start()
    leader = Leader(_unused_pid(), "long ago", marker)
    write_record(airflow.home / RECORD, ServerRecord(leader, "http://localhost:1", 1, "/dags", _now()))

    assert not airflow.status().running
    assert airflow.status().left == (orphan.pid,)
    assert airflow.down()

    reaper.join(timeout=10)
    assert orphan.returncode == -signal.SIGTERM
    assert not airflow.down()


def test_a_process_that_got_the_same_id_is_let_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True) as stranger:
        airflow = LocalAirflow(tmp_path, tmp_path / "dags")
        leader = Leader(stranger.pid, "long ago", "marker")
        write_record(tmp_path / RECORD, ServerRecord(leader, "http://localhost:1", 1, "/dags", _now()))

        assert not airflow.status().running
        assert not airflow.down()

        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"leader": {"pid": 1}}', '{"leader": 3, "url": ""}'])
def test_a_record_that_is_not_ours_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    assert read_record(tmp_path / RECORD) is None
    assert not LocalAirflow(tmp_path, tmp_path / "dags").status().running


def test_a_record_reads_back_as_written(tmp_path: Path) -> None:
    record = ServerRecord(Leader(3, "boot+4", "marker"), "http://localhost:8080", 8080, "/dägs", _now())
    write_record(tmp_path / RECORD, record)
    assert read_record(tmp_path / RECORD) == record
    assert [each.name for each in tmp_path.iterdir()] == [RECORD]


def test_a_busy_port_is_named_with_the_option(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalAirflowError, match=rf"port {port} is in use .*--port"):
            LocalAirflow(tmp_path / "home", tmp_path / "dags", port).up()
    assert list(tmp_path.iterdir()) == []


def test_two_commands_at_once_are_refused(tmp_path: Path) -> None:
    airflow = LocalAirflow(tmp_path, tmp_path / "dags")
    with (
        exclusive(tmp_path / "pipes-airflow.lock"),
        pytest.raises(LocalAirflowError, match="another `pipes up` or `pipes down` is at work"),
    ):
        airflow.up()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalAirflowError, match=r"cannot make folder .*file/home: Not a directory"):
        LocalAirflow(tmp_path / "file" / "home", tmp_path / "dags").up()


def test_a_process_that_will_not_end_is_killed() -> None:
    program = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); {SLEEP}"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout
        stubborn.stdout.readline()
        process = find_process(stubborn.pid)
        assert process
        # It is found once only, as one whose parent is gone.
        answers: Iterator[list[Process]] = iter([[process]])
        started = time.monotonic()
        assert end_processes(lambda: next(answers, []), patience=0.5) == []
        assert 0.5 < time.monotonic() - started < 5
    assert stubborn.returncode == -signal.SIGKILL


class _Health(BaseHTTPRequestHandler):
    answer = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        ('{"metadatabase": {"status": "healthy"}}', ["api-server"]),
        (
            """{"metadatabase": {"status": "healthy"},
            "scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-01-02T00:00:01+00:00"},
            "triggerer": {"status": "healthy", "latest_triggerer_heartbeat": "2026-01-01T23:59:59+00:00"},
            "dag_processor": {"status": null, "latest_dag_processor_heartbeat": null}}""",
            ["api-server", "scheduler"],
        ),
        ("<html>", []),
        ("[]", []),
    ],
)
def test_only_a_heartbeat_of_this_start_is_healthy(answer: str, healthy: list[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), type("Health", (_Health,), {"answer": answer})) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found = component_health(f"http://127.0.0.1:{server.server_port}", datetime(2026, 1, 2, tzinfo=UTC))
        server.shutdown()
    assert [name for name, well in found.items() if well] == healthy


def _unused_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    return gone.pid


def _now() -> str:
    return datetime.now(UTC).isoformat()
