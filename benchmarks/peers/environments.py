"""One environment a peer, from its own lock, made by the project's pinned uv and kept between runs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.peers.outcome import CannotRunError, first_line

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / ".venv-peers"
_UV = (str(ROOT / ".ci" / "environment"), "uv")
# Those that bring an Airflow take its versions from the tests' lock, so that all have the same one.
_ON_OUR_AIRFLOW = ("hand", "kedro", "dagfactory", "cosmos")
LOCKED = (*_ON_OUR_AIRFLOW, "zenml", "metaflow", "dbt")
_OURS = "ours"
_MARKER = ".made-from"


@dataclass(frozen=True)
class Environment:
    """Where a peer is installed."""

    folder: Path

    @property
    def python(self) -> str:
        """The interpreter."""
        return self.script("python")

    def script(self, name: str) -> str:
        """Return the path of an installed command."""
        return str(self.folder / "bin" / name)

    def variables(self, home: Path) -> Mapping[str, str]:
        """Return a whole environment for a process in it: without the caller's shell, with its own home."""
        home.mkdir(parents=True, exist_ok=True)
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(home),
            "USER": "benchmark",
            "LANG": "C.UTF-8",
            # The peers that heed it: dag-factory, Cosmos, dbt, Kedro. What another needs, it sets itself.
            "DO_NOT_TRACK": "1",
        }

    def version_of(self, package: str) -> str:
        """Return the installed version of a package."""
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        return subprocess.run(
            [self.python, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()


@cache
def environment(name: str) -> Environment:
    """Return an environment, made if it is not there or is not what its lock says.

    Raises:
        CannotRunError: it cannot be installed.
    """
    made = Environment(_FOLDER / name)
    lock = _lock_of(name)
    wanted = _identity(lock)
    marker = made.folder / _MARKER
    if not (marker.is_file() and marker.read_text() == wanted):
        _make(made, lock)
        marker.write_text(wanted)
    if name == _OURS:
        # Each time: the figures are those of this tree. A wheel, as every other peer is one.
        options = ("--python", made.python, "--no-deps", "--no-build-isolation", "--reinstall")
        _uv("pip", "install", *options, ".")
        subprocess.run([made.python, "-m", "compileall", "-q", str(_packages(made))], check=False)
    return made


def lock(*options: str) -> None:
    """Resolve the peers' locks again."""
    for name in LOCKED:
        _say(f"Resolving requirements/peers-{name}.txt")
        constraints = ["--constraints", "requirements/test.txt"] if name in _ON_OUR_AIRFLOW else []
        command = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        command += ["--fork-strategy", "fewest", "--generate-hashes", "--no-emit-index-url"]
        command += ["--custom-compile-command", "python -m benchmarks.peers --lock"]
        command += [f"requirements/peers-{name}.in", *constraints, *options]
        _uv(*command, "--output-file", f"requirements/peers-{name}.txt")


def _make(made: Environment, lock: Path) -> None:
    began = time.monotonic()
    packages = sum("==" in line for line in lock.read_text().splitlines() if line[:1].isalnum())
    _say(f"Installing {packages} packages from {lock.relative_to(ROOT)} into .venv-peers/{made.folder.name}")
    _FOLDER.mkdir(exist_ok=True)
    (_FOLDER / ".gitignore").write_text("*\n")
    base = getattr(sys, "_base_executable", sys.executable)
    _uv("venv", "--quiet", "--clear", "--python", base, str(made.folder))
    _uv("pip", "sync", "--python", made.python, "--require-hashes", "--compile-bytecode", str(lock))
    _say(f"… done ({time.monotonic() - began:.0f} s)")


def _uv(*arguments: str) -> None:
    done = subprocess.run([*_UV, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotRunError(f"not installed: {first_line(done.stderr)}")


def _lock_of(name: str) -> Path:
    # Ours: what the demo installs, our dependencies and what builds the wheel.
    return ROOT / "requirements" / ("demo.txt" if name == _OURS else f"peers-{name}.txt")


def _identity(lock: Path) -> str:
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version} {ROOT}"


def _packages(made: Environment) -> Path:
    return next((made.folder / "lib").glob("python3.*")) / "site-packages" / "airflow_provider_pipes"


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)
