from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.preloaded.commands import PIPES

PIPELINE = """
    from airflow_provider_pipes import pipeline, step

    @step
    def double(number: int) -> int:
        return 2 * number

    @step
    def show(number: int) -> None:
        print("number", number)

    @pipeline
    def numbers(number: int = 3) -> None:
        show(double(number))
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Project:
    """A user's project in a folder of its own, and the real command in a real process."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self._cache = cache
        root.mkdir()
        # The mark of a project: without one, what is above the temporary folder could count.
        self.write("pyproject.toml", "")

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PIPES_", "AIRFLOW"))
        }
        # A module that a test changes within a second, to one as long, would come back from its .pyc.
        fixed = {"PIPES_CACHE_DIR": str(self._cache), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
        # Who runs the tests may have an Airflow in their home folder, which `pipes doctor` would look at.
        home = {"HOME": str(self._cache.with_name("home"))}
        return {**kept, **fixed, **home, **(more or {})}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "airflow_provider_pipes.cli.main", *arguments]

    def pipes(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> Done:
        return self.run(self.command(*arguments), env, **options)

    def run(self, command: list[str], env: Mapping[str, str] | None = None, **options: Any) -> Done:
        place = {"cwd": options.pop("cwd", self.root), "env": self.environment(env), "timeout": 120}
        if not options:
            done = PIPES.run(command, **place)
        else:
            done = subprocess.run(
                command, capture_output=True, text=True, encoding="utf-8", check=False, **place, **options
            )
        return Done(done.returncode, done.stdout, done.stderr)

    def tree(self) -> dict[str, bytes | None]:
        """Every file and folder, but for what Python itself compiles."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes() if path.is_file() else None
            for path in sorted(self.root.rglob("*"))
            if "__pycache__" not in path.parts
        }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", tmp_path / "cache")


@pytest.fixture
def numbers(project: Project) -> Project:
    """A project with one small pipeline."""
    project.write("numbers_.py", PIPELINE)
    return project
