"""The project's lock, as requirement lines."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.compiler.requirement_lines import (
    OWN_DISTRIBUTION,
    RequirementsFile,
    logical_lines,
    plain_requirement,
)

LOCKS = ("pylock.toml", "uv.lock", "requirements.lock", "requirements.txt")
"""What "the project's lock" may be; the first that there is counts."""

# Of other tools, which turn them into one of the above by a command of their own.
_FOREIGN = {"poetry.lock": "poetry export", "Pipfile.lock": "pipenv requirements", "pdm.lock": "pdm export"}
_SECONDS = 60
_EXPORT = shlex.split(
    "export --frozen --no-dev --no-emit-project --no-header --no-annotate --quiet --color never "
    f"--prune {OWN_DISTRIBUTION}"
)


@dataclass
class ProjectLock:
    """Reads the lock of the project in ``root``; ``problem`` takes what is wrong."""

    root: Path
    problem: Callable[[str], None]

    def lines(self) -> Iterator[str]:
        """Yield the requirements that it pins."""
        name = next((each for each in LOCKS if (self.root / each).is_file()), None)
        if name is None:
            self.problem(self._missing())
        elif name == "pylock.toml":
            yield from self._pylock(self.root / name)
        elif name == "uv.lock":
            yield from self._uv_lock()
        else:
            yield from RequirementsFile(self.root, self.problem).lines(name)

    def _missing(self) -> str:
        message = f"the project has no lock; expected one of {', '.join(LOCKS)} in {self.root}"
        foreign = next((name for name in _FOREIGN if (self.root / name).is_file()), None)
        if foreign is not None:
            message += f"; write requirements.lock from {foreign} by `{_FOREIGN[foreign]}`"
        return message

    def _pylock(self, file: Path) -> Iterator[str]:
        try:
            packages = tomllib.loads(file.read_text(encoding="utf-8")).get("packages", [])
        except (OSError, ValueError) as error:
            self.problem(f"{file.name} can't be read: {error}")
            return
        for package in packages:
            try:
                line = plain_requirement(_locked(package))
            except ValueError as error:
                self.problem(f"{file.name}: {error}")
            else:
                if line is not None:
                    yield line

    def _uv_lock(self) -> Iterator[str]:
        uv = _uv()
        if uv is None:
            self.problem(
                "uv.lock is read by `uv export`, and there is no uv here; install it, or write "
                "requirements.lock by `uv export -o requirements.lock`"
            )
            return
        export = subprocess.run(
            [uv, *_EXPORT],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        if export.returncode:
            said = " ".join(export.stderr.split())
            self.problem(f"uv.lock can't be read: `uv export --frozen` said: {said}")
            return
        for _, line in logical_lines(export.stdout):
            try:
                found = plain_requirement(line)
            except ValueError as error:
                self.problem(f"uv.lock: {error}")
            else:
                if found is not None:
                    yield found


def _locked(package: Mapping[str, Any]) -> str:
    """Return a package of a pylock.toml as a specifier.

    Raises:
        ValueError: it is a folder of this machine, or has no version.
    """
    name = str(package.get("name"))
    marker = f" ; {package['marker']}" if package.get("marker") else ""
    if vcs := package.get("vcs"):
        return f"{name} @ {vcs.get('type', 'git')}+{vcs.get('url')}@{vcs.get('commit-id')}{marker}"
    if (archive := package.get("archive")) and archive.get("url"):
        return f"{name} @ {archive['url']}{marker}"
    if package.get("version") is None:
        raise ValueError(
            f"{name!r} is a folder or file of this machine, which the image does not have; "
            "publish it on an index"
        )
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    digests = (each.get("hashes", {}).get("sha256") for each in files)
    hashes = "".join(f" --hash=sha256:{digest}" for digest in digests if digest)
    return f"{name}=={package['version']}{marker}{hashes}"


def _uv() -> str | None:
    found = shutil.which("uv")
    if found is not None:
        return found
    try:
        from uv import find_uv_bin  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    try:
        return str(find_uv_bin())
    except FileNotFoundError:
        return None
