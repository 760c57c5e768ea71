"""What is written down about a local Airflow, so that another process can find and stop it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from airflow_provider_pipes.errors import LocalAirflowError
from airflow_provider_pipes.orchestrators.airflow.server_processes import (
    MARKER_VARIABLE,
    Leader,
    find_process,
)

# The process in between ends at once, so the detached one is nobody's child and leaves no zombie with us.
_DETACH = """
import subprocess, sys
with open(sys.argv[1], "ab") as log:
    child = subprocess.Popen(
        sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
print(child.pid)
"""


@dataclass(frozen=True)
class ServerRecord:
    """A local Airflow that was started and not yet stopped.

    Attributes:
        begun: When, in ISO 8601 with a time zone.
    """

    leader: Leader
    url: str
    port: int
    dags_folder: str
    begun: str

    @property
    def since(self) -> datetime:
        """When it was started."""
        return datetime.fromisoformat(self.begun)


def read_record(file: Path) -> ServerRecord | None:
    """Return what ``file`` says; None if there is no file, or nothing that we wrote."""
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        leader = Leader(**fields.pop("leader"))
        return ServerRecord(leader=leader, **fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_record(file: Path, record: ServerRecord) -> None:
    """Write ``record``, whole or not at all."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    draft.replace(file)


@contextlib.contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Hold ``file`` as a lock, or fail if somebody else does.

    Raises:
        LocalAirflowError: another command is starting or stopping the same Airflow.
    """
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LocalAirflowError(
                f"another `pipes up` or `pipes down` is at work on the Airflow in {file.parent}; "
                "wait for it to end"
            ) from None
        yield


def launch(command: Sequence[str], environment: Mapping[str, str], folder: Path, log_file: Path) -> Leader:
    """Start ``command`` in a session of its own, with all its output in ``log_file``."""
    starter = [sys.executable, "-I", "-S", "-c", _DETACH, str(log_file), *command]
    started = subprocess.run(starter, env=dict(environment), cwd=folder, capture_output=True, text=True)
    if started.returncode:
        raise LocalAirflowError(f"cannot start {command[0]}: {started.stderr.strip()}")
    pid = int(started.stdout)
    process = find_process(pid)
    return Leader(pid, process.started if process else "", environment[MARKER_VARIABLE])
