"""A private PostgreSQL server for tests: its own folder, port and password, gone afterwards.

Needs the programs of Debian's package ``postgresql``; no server of the system is touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# PostgreSQL refuses to run as root; the package makes the first of these.
_USERS = ("postgres", "nobody")
_MISSING = (
    "needs PostgreSQL (Debian: apt-get install postgresql); PIPES_REQUIRE_POSTGRES=1 makes this a failure"
)


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    Attributes:
        programs: Folder of ``psql`` and the others.
    """

    programs: Path
    port: int
    password: str

    def url(self, database: str, driver: str = "postgresql+psycopg2") -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"{driver}://pipes:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database, as a copy of another that nobody is connected to, and return its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"', "postgres")
        return self.url(name)

    def execute(self, sql: str, database: str) -> str:
        """Run one statement and return what psql prints."""
        program = str(self.programs / "psql")
        options = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]
        command = [program, *options, "-c", sql, self.url(database, "postgresql")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, sql: str, database: str) -> list[dict[str, Any]]:
        """Run a query and return its rows; JSON columns come decoded, times as text."""
        answer = self.execute(f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t", database)
        found: list[dict[str, Any]] = json.loads(answer)
        return found


def find_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, if there is one."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
    beside = shutil.which("initdb")
    if beside:
        folders.append(Path(beside).resolve().parent)
    return next((each for each in reversed(folders) if (each / "initdb").exists()), None)


def require_postgres() -> Path:
    """Return the folder of PostgreSQL's programs; skip the test, or fail it if it must not be skipped."""
    programs = find_programs()
    if programs is not None:
        return programs
    if os.environ.get("PIPES_REQUIRE_POSTGRES") == "1":
        pytest.fail(_MISSING, pytrace=False)
    pytest.skip(_MISSING)


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server for as long as the context lasts."""
    programs = require_postgres()
    user = _unprivileged_user()
    # Not below pytest's folder, which only root can enter when root runs the tests.
    folder = Path(tempfile.mkdtemp(prefix="pipes-postgres-"))
    try:
        password = secrets.token_hex(16)
        secret = folder / "password"
        secret.write_text(password)
        if user:
            for path in (folder, secret):
                shutil.chown(path, user)
        _run(user, folder, programs / "initdb", "-D", folder / "data", "-U", "pipes", f"--pwfile={secret}",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        server = PostgresServer(programs, _free_port(), password)
        options = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        control = (user, folder, programs / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log")
        _run(*control, "-o", options, "start")
        try:
            yield server
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next(each for each in _USERS if each in known)


def _run(user: str | None, folder: Path, *command: str | Path) -> None:
    group = pwd.getpwnam(user).pw_gid if user else None
    extra: dict[str, Any] = {"user": user, "group": group, "extra_groups": []} if user else {}
    # Files, not pipes: the server inherits them and would hold a pipe open.
    with (folder / "output").open("w+") as output:
        done = subprocess.run(
            [str(each) for each in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, timeout=120, **extra,
        )  # fmt: skip
        output.seek(0)
        log = folder / "log"
        assert done.returncode == 0, output.read() + (log.read_text() if log.exists() else "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
