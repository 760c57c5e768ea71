"""An environment for a step's requirements: made once, found by its hash, shared by runs."""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pipes.environments import KEPT_ENVIRONMENTS
from airflow_provider_pipes.environments.building import Progress, building_lock
from airflow_provider_pipes.environments.interpreter import Interpreter
from airflow_provider_pipes.errors import PythonEnvironmentError
from airflow_provider_pipes.models.canonical import content_hash
from airflow_provider_pipes.runtime.retention import LISTING, hold, prune, release
from airflow_provider_pipes.step_operators.child_process import run_child
from airflow_provider_pipes.version import __version__

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 3.0
# Variables of the worker's own environment, which would lead another one astray.
_OF_THE_WORKER = (
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
)


@dataclass(frozen=True)
class Environment:
    """What an environment is made of.

    Attributes:
        requirements: All of them: the user's and those of the light core.
        interpreter: What it is for.
    """

    requirements: tuple[str, ...]
    interpreter: Interpreter

    @classmethod
    def of(cls, requirements: Sequence[str], core: Sequence[str], interpreter: Interpreter) -> Environment:
        """Return the environment for a step's requirements, in any order."""
        return cls(tuple(sorted({*(each.strip() for each in requirements), *core})), interpreter)

    @property
    def key(self) -> str:
        """The SHA-256 that names it. Our own files are not in it: its users read this installation's."""
        python = self.interpreter
        system = [sys.platform, platform.machine(), *platform.libc_ver()]
        return content_hash(
            [self.requirements, python.path, python.version, python.implementation, system, __version__]
        )


def environment_python(environment: Environment, folder: Path, keep: int = KEPT_ENVIRONMENTS) -> str:
    """Return the interpreter of an environment that is found in ``folder``, or made there now.

    Of several processes that want it at the same time, one makes it and the others wait. As long as
    this process lives, nobody removes it.

    Args:
        environment: What it is made of.
        folder: Where environments are kept.
        keep: How many may stay there once this one is among them.

    Raises:
        PythonEnvironmentError: it can't be made.
    """
    place = folder / environment.key
    if _usable(place):
        return str(_python(place))
    with building_lock(folder, environment.key, logger) as progress:
        if not _usable(place):
            _make(environment, place, progress)
            prune(folder, keep)
    return str(_python(place))


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _usable(place: Path) -> bool:
    # Held first, or it might be pruned once it was looked at. The listing is the last that is written.
    if not hold(place):
        return False
    if os.access(_python(place), os.X_OK):
        return True
    release(place)  # the interpreter that it was made from is gone
    return False


def _make(environment: Environment, place: Path, progress: Progress) -> None:
    started = time.monotonic()
    wanted = ", ".join(environment.requirements)
    progress.say(f"Making a Python {environment.interpreter.version} environment for: {wanted}")
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{place.name[:12]}-", dir=place.parent))
    except OSError as error:
        raise PythonEnvironmentError(f"no environment can be made in {place.parent}: {error}") from None
    try:
        _install(environment, work, progress)
        listing = {"requirements": environment.requirements, "python": environment.interpreter.path}
        (work / LISTING).write_text(json.dumps(listing))
        _take_name(work, place)
        if not hold(place):
            raise PythonEnvironmentError(f"{place} was removed as soon as it was there; try again")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress.say(f"The environment is ready after {time.monotonic() - started:.1f} s: {place}")


def _take_name(work: Path, place: Path) -> None:
    if place.exists():  # unusable; whole out of the way, since a process may still read it
        os.rename(place, work.with_name(f"{work.name}-damaged"))
    os.rename(work, place)


def _install(environment: Environment, work: Path, progress: Progress) -> None:
    wanted = work / "requirements.txt"
    wanted.write_text("".join(f"{each}\n" for each in environment.requirements), encoding="utf-8")
    uv = _uv()
    # Relocatable, since it gets its name when it is whole.
    make = [
        uv,
        "venv",
        "--relocatable",
        "--no-project",
        "--allow-existing",
        "--python",
        environment.interpreter.path,
    ]
    install = [uv, "pip", "install", "--python", str(_python(work)), "--compile-bytecode", "-r", str(wanted)]
    for command in ([*make, str(work)], install):
        end = run_child(command, _surroundings(), work, _GRACE_SECONDS, progress.say)
        if end.status:
            raise PythonEnvironmentError(_refusal(environment, end.last_lines, end.code))


def _uv() -> str:
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise PythonEnvironmentError(
            f"requirements=[…] needs uv, which this worker does not have ({error}): pip install uv"
        ) from None


def _surroundings() -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OF_THE_WORKER}
    return kept | {"UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def _refusal(environment: Environment, lines: Sequence[str], code: int) -> str:
    # What uv says of its failure stands in its last lines, from the word "error" on.
    first = next((number for number, line in enumerate(lines) if line.lstrip().startswith("error:")), 0)
    said = "\n".join(f"  {line.strip()}" for line in lines[first:]) or f"  nothing, and exited with {code}"
    return (
        f"no environment can be made for requirements={[*environment.requirements]!r} and Python "
        f"{environment.interpreter.version}; uv says:\n{said}\n"
        "mend the requirements; or, if the package index can't be reached from this worker, name one that "
        "can in UV_DEFAULT_INDEX"
    )
