from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.examples.documents import ROOT
from tests.preloaded.commands import PIPES


@dataclass(frozen=True)
class Workplace:
    """A project in a folder of its own, where the real command is used in real processes."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        foreign = ("PIPES_", "AIRFLOW")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return kept | {"PIPES_CACHE_DIR": str(self.root / "cache"), "NO_COLOR": "1"}

    def try_pipes(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "airflow_provider_pipes.cli.main", *arguments]
        return PIPES.run(command, self.root, self.environment)

    def pipes(self, *arguments: str) -> str:
        """Return what a command printed that must succeed."""
        done = self.try_pipes(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answer(self, *arguments: str) -> Any:
        return json.loads(self.pipes(*arguments, "--json"))

    def example(self) -> str:
        """Put the example where README's commands find it, and return its path."""
        path = "docs/examples/digits.py"
        file = self.root / path
        file.parent.mkdir(parents=True)
        file.write_bytes((ROOT / path).read_bytes())
        return path


def shown(output: str) -> str:
    """Return what is left on a terminal of a run's output, with no figure that differs from run to run.

    There, the line that says that a step is running becomes the one that says how it ended.
    """
    lines = [line.rstrip() for line in output.splitlines() if not line.endswith(" running")]
    return re.sub(r"\d+\.\d+ s\b", "0.00 s", "\n".join(lines)).strip()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    root = tmp_path_factory.mktemp("workplace")
    (root / "pyproject.toml").touch()
    return Workplace(root)
