"""Finds and ends the processes of a local Airflow, from any process and after any crash."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

# Set in the environment of everything that we start, so that what left the session is still known as ours.
MARKER_VARIABLE = "PIPES_LOCAL_AIRFLOW"
_PROC = Path("/proc")
_KILL_SECONDS = 5


@dataclass(frozen=True)
class Process:
    """One process of this machine.

    Attributes:
        started: Tells the process from a later one with the same id.
        ended: Whether it is only waiting for its parent to notice.
    """

    pid: int
    started: str
    parent: int = field(compare=False)
    session: int = field(compare=False)
    ended: bool = field(compare=False)


@dataclass(frozen=True)
class Leader:
    """The process that the others of a local Airflow descend from.

    Attributes:
        marker: The value of ``MARKER_VARIABLE`` in its environment.
    """

    pid: int
    started: str
    marker: str

    def alive(self) -> bool:
        """Return whether it runs; another process with its id does not count."""
        return _runs(Process(self.pid, self.started, 0, 0, ended=False))

    def family(self) -> list[Process]:
        """Return every running process that came from it, also when it is gone itself.

        A process counts that is in the leader's session, carries the marker, or descends from one of these.
        """
        processes = {each.pid: each for each in _processes()}
        marked = {pid for pid in processes if self._marks(pid)}
        members = set(marked)
        if self._owns_session(processes, marked):
            members |= {each.pid for each in processes.values() if each.session == self.pid}
        while more := {each.pid for each in processes.values() if each.parent in members} - members:
            members |= more
        return [processes[pid] for pid in sorted(members - {os.getpid()}) if not processes[pid].ended]

    def followers(self) -> list[Process]:
        """Return the family without the leader itself."""
        return [each for each in self.family() if each.pid != self.pid]

    def lost_child(self) -> bool:
        """Return whether a component has ended: Airflow's standalone command never collects one."""
        return any(each.ended and each.parent == self.pid for each in _processes())

    def _owns_session(self, processes: dict[int, Process], marked: set[int]) -> bool:
        leader = processes.get(self.pid)
        if leader is not None:
            return leader.started == self.started
        # The id of a session that ended may, in the end, be given to somebody else's.
        return not _has_proc() or any(processes[pid].session == self.pid for pid in marked)

    def _marks(self, pid: int) -> bool:
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            return False
        return f"{MARKER_VARIABLE}={self.marker}".encode() in environment.split(b"\0")


def find_process(pid: int) -> Process | None:
    """Return the process with an id, if there is one."""
    if _has_proc():
        return _from_proc(pid)
    return next((each for each in _from_ps() if each.pid == pid), None)


def end_processes(find: Callable[[], list[Process]], patience: float) -> list[Process]:
    """Ask the processes that ``find`` returns to end, then make them; return those that are still there.

    Args:
        find: Asked again and again, since a process may start another on its way out.
        patience: Seconds until those that are left are killed.
    """
    asked: set[Process] = set()
    deadline = time.monotonic() + patience
    # Whose parents are gone may no longer be found, and is remembered.
    while left := {*find(), *filter(_runs, asked)}:
        if time.monotonic() > deadline + _KILL_SECONDS:
            return sorted(left, key=lambda each: each.pid)
        if time.monotonic() > deadline:
            _send(left, signal.SIGKILL)
        else:
            _send(left - asked, signal.SIGTERM)
        asked |= left
        time.sleep(0.1)
    return []


def _runs(process: Process) -> bool:
    found = find_process(process.pid)
    return found is not None and found.started == process.started and not found.ended


def _send(processes: set[Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)


def _processes() -> Iterator[Process]:
    if not _has_proc():
        yield from _from_ps()
        return
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (process := _from_proc(int(entry.name))):
            yield process


def _has_proc() -> bool:
    return (_PROC / "self" / "stat").exists()


@cache
def _boot() -> str:
    # Start times are counted from the boot, and process ids start again there.
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _from_proc(pid: int) -> Process | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold anything, brackets too.
    fields = text.rpartition(")")[2].split()
    state, parent, session, started = fields[0], int(fields[1]), int(fields[3]), fields[19]
    return Process(pid, f"{_boot()}+{started}", parent, session, state in "ZX")


def _from_ps() -> Iterator[Process]:
    columns = "pid=,ppid=,stat=,lstart="
    listing = subprocess.run(["ps", "-A", "-o", columns], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        pid, parent, state, *started = line.split()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            session = os.getsid(int(pid))
            yield Process(int(pid), " ".join(started), int(parent), session, state.startswith("Z"))
