"""Checks of this Python, the Airflow installed beside it, and this machine."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.diagnosis.findings import Observation, not_checked, ok, problem, warning
from airflow_provider_pipes.version import __version__

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.examination import Examination

_PYTHONS = ((3, 11), (3, 13))
_AIRFLOWS = ((3, 3), (4,))
_LITTLE_SPACE = 1_000_000_000
_NO_SPACE = 50_000_000
# S3 refuses requests from a clock that is a quarter of an hour off; heartbeats suffer from less.
_SKEW_WARNING, _SKEW_PROBLEM = 30.0, 600.0
_INSTALL_AIRFLOW = "pip install 'apache-airflow>=3.3,<4'"
_SET_CLOCK = "sudo timedatectl set-ntp true"


def check_python(
    examination: Examination, running: tuple[int, ...] = sys.version_info[:3]
) -> Iterator[Observation]:
    """Whether this package works with this Python."""
    shown = ".".join(map(str, running))
    first, last = (".".join(map(str, each)) for each in _PYTHONS)
    if _PYTHONS[0] <= running[:2] <= _PYTHONS[1]:
        yield ok(f"{shown} ({sys.executable})")
    else:
        yield problem(f"{shown}, and {first} to {last} are supported", f"python{last} -m venv .venv")


def check_airflow_version(examination: Examination, found: str | None = None) -> Iterator[Observation]:
    """Whether this package works with the Airflow of this environment."""
    try:
        found = found or version("apache-airflow")
    except PackageNotFoundError:
        yield problem(f"not installed beside {sys.executable}", _INSTALL_AIRFLOW)
        return
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
    if _AIRFLOWS[0] <= numbers < _AIRFLOWS[1]:
        yield ok(f"Airflow {found}, airflow-provider-pipes {__version__}")
    else:
        yield problem(f"Airflow {found}, and 3.3 or a later 3 is needed", _INSTALL_AIRFLOW)


def check_space(examination: Examination) -> Iterator[Observation]:
    """Whether a local artifact store has room left."""
    uri = examination.store.uri(examination.project.root)
    if "://" in uri:
        yield not_checked("the artifact store is not on this machine")
        return
    if examination.store_works is False and not Path(uri).exists():
        # The space above a folder that can't be made says nothing of it.
        yield not_checked(f"there is no {uri}")
        return
    folder = next(each for each in (Path(uri), *Path(uri).parents) if each.is_dir())
    yield space_observation(shutil.disk_usage(folder).free, uri)


def space_observation(free: int, folder: str) -> Observation:
    """Return what ``free`` bytes mean for a store in ``folder``."""
    seen = f"{free / 1e9:,.1f} GB free for {folder}"
    fix = f"du -xh --max-depth=2 {folder} | sort -h | tail"
    if free < _NO_SPACE:
        return problem(f"only {seen}", fix)
    return warning(f"only {seen}", fix) if free < _LITTLE_SPACE else ok(seen)


def can_be_opened(folder: Path) -> bool:
    """Return whether what keeps us from writing there are permissions that are ours to change."""
    return folder.stat().st_uid == os.geteuid() and not os.access(folder, os.W_OK | os.X_OK)


def check_clock(examination: Examination) -> Iterator[Observation]:
    """Whether this machine's clock agrees with what else is known of the time."""
    newest = Path(__file__).stat().st_mtime
    if time.time() < newest - _SKEW_PROBLEM:
        yield problem("the clock is behind the time that this package was installed", _SET_CLOCK)
        return
    answer = examination.airflow.health()
    if answer.date is None:
        yield not_checked("no Airflow answers to compare it with")
        return
    yield clock_observation(time.time() - parsedate_to_datetime(answer.date).timestamp())


def clock_observation(skew: float) -> Observation:
    """Return what it means that this clock is ``skew`` seconds ahead of Airflow's."""
    seen = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} that of Airflow's api-server"
    if abs(skew) > _SKEW_PROBLEM:
        return problem(seen, _SET_CLOCK)
    if abs(skew) > _SKEW_WARNING:
        return warning(seen, _SET_CLOCK)
    return ok(f"agrees with that of Airflow's api-server, {platform.node()}")
