"""Imports modules once, then runs each Python command that it is told in a fork of itself.

Started as ``python -m tests.preloaded.server SOCKET WHAT…`` where SOCKET is an inherited file descriptor and
WHAT are functions, as "module:function", that import what commands need.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import socket
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_LONGEST = 1 << 22


def serve(channel: socket.socket) -> dict[str, Any]:
    """Answer each request with the id of a process, and its status once it ended; return in that process."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, _LONGEST, 3)
        if not message:
            os._exit(0)
        process = os.fork()
        if not process:
            channel.close()
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            request: dict[str, Any] = json.loads(message)
            return request
        for descriptor in descriptors:
            os.close(descriptor)
        channel.send(str(process).encode())
        channel.send(str(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])).encode())


def become(request: dict[str, Any], prepare: Sequence[str]) -> None:
    """Make this process what ``python ARGUMENTS…`` would be, and run that."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    # Behind the folder that `-m` puts first, and ours.
    sys.path[:] = [*given, *sys.path[2:]]
    importlib.invalidate_caches()
    for name in prepare:
        _function(name)()
    run(request["arguments"])


def run(arguments: Sequence[str]) -> None:
    """Run a module, a text or a file as Python runs it."""
    option, *rest = arguments
    if option == "-m":
        sys.argv = rest
        sys.path.insert(0, os.getcwd())
        # It is run, not imported, and whoever imports it gets another; of a package, that holds for a part.
        package = hasattr(sys.modules.get(rest[0]), "__path__")
        sys.modules.pop(f"{rest[0]}.__main__" if package else rest[0], None)
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        sys.modules["__main__"] = module = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(module))
    else:
        sys.argv = list(arguments)
        sys.path.insert(0, os.path.dirname(os.path.abspath(option)))
        runpy.run_path(option, run_name="__main__")


def _function(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def main(descriptor: str, preload: str, prepare: str) -> None:
    """Import, and serve."""
    _function(preload)()
    gc.collect()
    gc.freeze()
    request = serve(socket.socket(fileno=int(descriptor)))
    become(request, [prepare] if prepare else [])


if __name__ == "__main__":
    main(*sys.argv[1:])
