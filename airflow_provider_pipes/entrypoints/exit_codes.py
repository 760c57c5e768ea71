"""What the exit code of a step's process means, wherever that ran."""

from __future__ import annotations

import re
import signal

from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import EXIT_USAGE
from airflow_provider_pipes.entrypoints.entrypoint import (
    EXIT_FAIL_WITHOUT_RETRY,
    EXIT_SKIP,
    EXIT_STEP_FAILED,
    EXIT_STORE_UNREACHABLE,
)

_MEANING = {
    EXIT_STEP_FAILED: "the step failed",
    EXIT_USAGE: "the entrypoint did not take its arguments",
    EXIT_STORE_UNREACHABLE: "the artifact store is unreachable; trying again may help",
    EXIT_FAIL_WITHOUT_RETRY: "the step asked to fail without retry",
    EXIT_SKIP: "the step asked to be skipped",
    126: "its command may not be executed there",
    127: "its command was not found there",
}
# Before the entrypoint runs: what the step itself misses is written down as its failure.
_NO_CORE = re.compile(r"No module named '(airflow_provider_pipes|pydantic|cloudpickle|fsspec|obstore)\b")
# A shell, and so a container, says by 128 and the signal's number which one ended a process.
_SIGNALLED = range(129, 129 + 64)


def exit_meaning(code: int, last_line: str = "") -> str:
    """Return what an exit code of the entrypoint, or of what ran it, says about the step.

    Args:
        code: The exit code.
        last_line: What was printed last, where that is known.
    """
    if code in _SIGNALLED:
        return f"it was ended by {_signal_name(code - 128)}"
    if code == EXIT_STEP_FAILED and _NO_CORE.search(last_line):
        return (
            "its image has not all that a step needs to start; an image with skip_build=True must have this "
            "package, pydantic, cloudpickle, fsspec, and obstore for a store on S3"
        )
    return _MEANING.get(code, "something in the process ended it, as os._exit does")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
