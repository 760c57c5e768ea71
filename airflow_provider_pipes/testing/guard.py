"""Stops a temporary Airflow when the tests that started it are gone, whatever ended them.

Started as ``python -m airflow_provider_pipes.testing.guard HOME DAGS_FOLDER PORT`` with a pipe as its
standard input, which ends when the process at the other end does: also by SIGKILL.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow

_PATIENCE_SECONDS = 60


@contextmanager
def guarded(server: LocalAirflow) -> Iterator[None]:
    """Have the server stopped after the block, or once this process is no more."""
    place = [str(server.home), str(server.dags_folder), str(server.port)]
    # In a session of its own, so that a Ctrl-C in the terminal does not end it first.
    guard = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, *place], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        try:
            server.down()
        finally:
            if guard.stdin is not None:
                guard.stdin.close()
            guard.wait(_PATIENCE_SECONDS)


def main(home: str, dags_folder: str, port: str) -> None:
    """Wait for the end of standard input and stop the Airflow, if it still runs."""
    sys.stdin.buffer.read()
    if not Path(home).is_dir():
        return
    from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow

    LocalAirflow(Path(home), Path(dags_folder), int(port)).down()


if __name__ == "__main__":
    main(*sys.argv[1:])
