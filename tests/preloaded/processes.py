"""Runs Python commands in forks of a process that has imported already what they need.

A command that is started so is a process of its own like any other: with its own environment, folder, modules
of the user, output and exit status. Only its interpreter is not started anew, which takes 0.3 s for `pipes …`
and 3 to 9 s for Airflow. What starts processes in other ways, or asks for an option of the interpreter, gets
one.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 30
_LONGEST = 1 << 22
# Python and its libraries look at these once, when they start.
_ONCE = ("PYTHON", "LC_", "LANG", "TYPER", "_TYPER", "TERMINAL_WIDTH", "FORCE_COLOR")
_AT_START = ("sitecustomize.py", "usercustomize.py")
_LIVE = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


class Preloaded:
    """A process that has imported things, started when it is first needed.

    Args:
        preload: The function that imports, as "module:function".
        prepare: A function that each fork calls before its command.
        environment: More variables for what is imported.
        fits: Whether a command and its environment can do with what is imported.
    """

    def __init__(
        self,
        preload: str,
        prepare: str = "",
        environment: Mapping[str, str] | None = None,
        fits: Callable[[Sequence[str], Mapping[str, str]], bool] = lambda command, environment: True,
    ) -> None:
        self._functions = (preload, prepare)
        self._environment = dict(environment or {})
        self._fits = fits
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def run(
        self,
        command: Sequence[str],
        cwd: Path | str,
        env: Mapping[str, str],
        timeout: float = 120,
        errors: str = "strict",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as ``subprocess.run`` does, which runs the ones that can't be forked."""
        if self._can_fork(command, env) and self._lock.acquire(blocking=False):
            try:
                return self._run(command, str(cwd), env, timeout, errors)
            finally:
                self._lock.release()
        return subprocess.run(
            list(command), cwd=cwd, env=env, timeout=timeout, errors=errors, encoding="utf-8",
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip

    def _can_fork(self, command: Sequence[str], env: Mapping[str, str]) -> bool:
        program, option = command[0], command[1] if len(command) > 1 else "-"
        known = option in ("-m", "-c") or not option.startswith("-")
        entries = [Path(entry) for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
        return (
            program == sys.executable
            and known
            and _once(env) == _once(os.environ)
            and not any((entry / name).exists() for entry in entries for name in _AT_START)
            and self._fits(command, env)
        )

    def _run(
        self, command: Sequence[str], cwd: str, env: Mapping[str, str], timeout: float, errors: str
    ) -> subprocess.CompletedProcess[str]:
        channel = self._started()
        request = {"arguments": list(command[1:]), "environment": dict(env), "folder": cwd}
        # Files: what a command leaves running may keep its output open.
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            open(os.devnull, "rb") as nothing,
        ):
            descriptors = [each.fileno() for each in (nothing, out, err)]
            socket.send_fds(channel, [json.dumps(request).encode()], descriptors)
            process = int(channel.recv(64))
            status = _status(channel, process, command, timeout)
            return subprocess.CompletedProcess(list(command), status, _text(out, errors), _text(err, errors))

    def _started(self) -> socket.socket:
        if self._channel is None or self._owner != os.getpid():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
            command = [sys.executable, "-m", "tests.preloaded.server", str(theirs.fileno()), *self._functions]
            own = {**os.environ, **self._environment}
            own["PYTHONPATH"] = os.pathsep.join([str(_ROOT), self._environment.get("PYTHONPATH", "")])
            self._process = subprocess.Popen(
                command, cwd=_ROOT, env=own, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            theirs.close()
            self._channel, self._owner = ours, os.getpid()
            atexit.register(self.close)
        return self._channel

    def close(self) -> None:
        """End the process; another one is started if there is need."""
        if self._channel is not None and self._process is not None and self._owner == os.getpid():
            self._channel.close()
            self._process.wait(_END_SECONDS)
        self._channel = None


def _once(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in environment.items() if name.startswith(_ONCE) and name not in _LIVE
    }


def _status(channel: socket.socket, process: int, command: Sequence[str], timeout: float) -> int:
    channel.settimeout(timeout)
    try:
        return int(channel.recv(64))
    except TimeoutError:
        os.kill(process, signal.SIGKILL)
        channel.settimeout(None)
        channel.recv(64)
        raise subprocess.TimeoutExpired(list(command), timeout) from None
    finally:
        channel.settimeout(None)


def _text(file: IO[bytes], errors: str) -> str:
    file.seek(0)
    return file.read().decode("utf-8", errors).replace("\r\n", "\n").replace("\r", "\n")
