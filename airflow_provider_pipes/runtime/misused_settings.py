"""Settings that a user's module gives wrongly, told by field where they stand."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import AuthoringError, listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_pipes.models.settings import Settings


def misused_settings(error: BaseException) -> AuthoringError | None:
    """Return what a user's code says wrongly to one of our settings classes; None for any other error."""
    # Whoever raised it has imported it; where it is not imported, nobody raised it.
    pydantic, models = sys.modules.get("pydantic"), sys.modules.get("airflow_provider_pipes.models.settings")
    if pydantic is None or models is None or not isinstance(error, pydantic.ValidationError):
        return None
    settings = next((each for each in _below(models.Settings) if each.__name__ == error.title), None)
    if settings is None:
        return None
    from airflow_provider_pipes.stack.validation import field_problems

    headline = f"{_place(error, os.path.dirname(str(pydantic.__file__)))}{settings.__name__}(…)"
    told = [
        ": ".join([*filter(None, [".".join(map(str, path))]), said])
        for path, said in field_problems(error, settings)
    ]
    return AuthoringError(f"{headline}, {told[0]}" if len(told) == 1 else listing(headline, told))


def _below(settings: type[Settings]) -> Iterator[type[Settings]]:
    for each in settings.__subclasses__():
        yield each
        yield from _below(each)


def _place(error: BaseException, pydantic: str) -> str:
    """Return the file and line of the call that gave the settings."""
    from traceback import extract_tb

    frames = [
        each for each in extract_tb(error.__traceback__) if not each.filename.startswith(pydantic + os.sep)
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
