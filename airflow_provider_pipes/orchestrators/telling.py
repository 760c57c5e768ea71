"""Errors of an orchestrator's own methods, told as its own: they are no bug of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_pipes.errors import PipesError, RunFailedError, is_plain_exit
from airflow_provider_pipes.runtime.sources import error_of_class
from airflow_provider_pipes.stack.component import StackComponent, label_of

_OURS = __name__.partition(".")[0]


@contextmanager
def errors_told(orchestrator: StackComponent, method: str = "") -> Iterator[None]:
    """Tell whose an error of the block is, unless it tells so itself, or the orchestrator is one of ours.

    Raises:
        RunFailedError: an orchestrator of somebody else's raised, or one called ``sys.exit``.
    """
    try:
        yield
    except PipesError:
        raise
    except (Exception, SystemExit) as error:
        theirs = type(orchestrator).__module__.partition(".")[0] != _OURS
        if is_plain_exit(error) or (theirs and isinstance(error, Exception)):
            raise error_of_class(RunFailedError, label_of(orchestrator), error, method) from error
        raise
