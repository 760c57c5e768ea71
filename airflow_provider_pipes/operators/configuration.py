"""The section ``[pipes]`` of Airflow's configuration, read when a task runs.

``get_provider_info`` describes each option to Airflow; a test holds the two together.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk.configuration import conf

from airflow_provider_pipes.environments import KEPT_ENVIRONMENTS
from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.runtime.retention import KEPT_SNAPSHOTS
from airflow_provider_pipes.runtime.snapshot import CACHE_VARIABLE

_WORDS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def cache_dir() -> Path | None:
    """Return the folder for extracted code that the configuration names, unless a variable does.

    Raises:
        ConfigurationError: it is a relative path, which each worker would take for another folder.
    """
    given = conf.get("pipes", "cache_dir", fallback=None)
    if not given or os.environ.get(CACHE_VARIABLE):
        return None
    folder = Path(given).expanduser()
    if not folder.is_absolute():
        raise ConfigurationError(
            f"[pipes] cache_dir of Airflow's configuration is {given!r}; expected an absolute path"
        )
    return folder


def cached_snapshots() -> int:
    """Return how many extracted code snapshots a worker keeps.

    Raises:
        ConfigurationError: the configuration has no number above zero.
    """
    given = conf.get("pipes", "cached_snapshots", fallback=None)
    return _number("cached_snapshots", given, KEPT_SNAPSHOTS)


def cached_environments() -> int:
    """Return how many Python environments of steps a worker keeps.

    Raises:
        ConfigurationError: the configuration has no number above zero.
    """
    given = conf.get("pipes", "cached_environments", fallback=None)
    return _number("cached_environments", given, KEPT_ENVIRONMENTS)


def _number(option: str, given: str | None, otherwise: int) -> int:
    if not given:
        return otherwise
    try:
        number = int(given)
    except ValueError:
        number = 0
    if number < 1:
        raise ConfigurationError(
            f"[pipes] {option} of Airflow's configuration is {given!r}; expected a whole number of at least 1"
        )
    return number


def use_cache() -> bool:
    """Return whether runs take results from the cache that do not say it themselves.

    Raises:
        ConfigurationError: the configuration has neither true nor false.
    """
    given = conf.get("pipes", "use_cache", fallback="True")
    try:
        return _WORDS[str(given).strip().lower()]
    except KeyError:
        raise ConfigurationError(
            f"[pipes] use_cache of Airflow's configuration is {given!r}; expected True or False"
        ) from None
