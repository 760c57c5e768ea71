"""How a command ends that went wrong: what is printed, and the exit code."""

from __future__ import annotations

import os
import traceback

from airflow_provider_pipes.cli.terminal import ERR, visible
from airflow_provider_pipes.errors import PipesError, RunFailedError

DEBUG_VARIABLE = "PIPES_DEBUG"
EXIT_BUG = 70
"""A mistake of ours, as sysexits.h has it."""
EXIT_UNWRITTEN = 74
"""Output that could not be written, as sysexits.h has it."""
EXIT_INTERRUPTED = 130


def tell(error: PipesError) -> int:
    """Print an error that we raised on purpose, after the user's traceback if that is the cause."""
    shown = _user_traceback(error)
    if shown:
        print(visible(shown.rstrip("\n")), file=ERR.stream)
    ERR.line(("error: ", "bold red"), str(error))
    return error.exit_code


def _user_traceback(error: PipesError) -> str:
    cause = error.__cause__
    for each in (error, cause):
        if isinstance(each, PipesError) and each.traceback_text:
            return each.traceback_text
    if isinstance(error, RunFailedError) and cause is not None and not isinstance(cause, PipesError):
        from airflow_provider_pipes.runtime.sources import user_traceback

        return user_traceback(cause)
    return ""


def tell_all(errors: list[PipesError]) -> int:
    """Print several errors and return the exit code of the first."""
    codes = [tell(error) for error in errors]
    return codes[0]


def tell_bug(error: Exception) -> int:
    """Print what nobody foresaw: a mistake of ours, unless the machine is at fault."""
    if os.environ.get(DEBUG_VARIABLE) not in (None, "", "0"):
        print(visible("".join(traceback.format_exception(error))), file=ERR.stream)
    hint = f"set {DEBUG_VARIABLE}=1 to see the traceback, and report it"
    if isinstance(error, OSError):
        ERR.line(("error: ", "bold red"), f"{error}; if that is not to be expected, {hint}")
        return 1
    said = " ".join(f"{type(error).__name__}: {error}".split())
    ERR.line(("error: ", "bold red"), f"this is a bug in airflow-provider-pipes ({said}); {hint}")
    return EXIT_BUG


def tell_unwritten(error: OSError) -> int:
    """Print that what the command has to say can't be written."""
    reason = error.strerror or str(error)
    ERR.line(
        ("error: ", "bold red"),
        f"cannot write the output: {reason[:1].lower()}{reason[1:]}; send it to another place",
    )
    return EXIT_UNWRITTEN


def tell_interrupted(advice: str = "") -> int:
    """Print that the user ended the command."""
    ERR.line(("interrupted", "bold yellow"), f"; {advice}" if advice else "")
    return EXIT_INTERRUPTED
