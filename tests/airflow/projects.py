"""Projects of a user for tests: written, deployed by `pipes deploy`, and asked afterwards what ran."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from airflow_provider_pipes.testing.airflow_home import AirflowHome
from tests.preloaded.commands import PIPES

# Steps note what they do in a file that no Airflow, and no artifact store, knows of.
_NOTES = """
    import json
    import os
    from pathlib import Path

    FILE = Path({file!r})


    def note(*values: object) -> None:
        line = json.dumps(values) + "\\n"
        descriptor = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)


    def count(first: str) -> int:
        lines = FILE.read_text().splitlines() if FILE.exists() else []
        return sum(json.loads(line)[0] == first for line in lines)
"""


class Project:
    """A user's project; its modules can do ``from notes import count, note`` to leave notes for the test.

    Args:
        root: Its folder; made if it is not there.
        home: The Airflow whose dags folder it is deployed to.
    """

    def __init__(self, root: Path, home: AirflowHome) -> None:
        self.root = root
        self.home = home
        self._notes = root.with_name(f"{root.name}-notes.jsonl")
        root.mkdir(parents=True, exist_ok=True)
        (root / "pipes.toml").touch()
        self.write("notes.py", _NOTES.format(file=str(self._notes)))

    @property
    def store(self) -> Path:
        """The folder of the artifact store."""
        return self.root / ".pipes" / "artifacts"

    def write(self, name: str, text: str) -> Path:
        """Write a file; ``text`` may be indented as a whole."""
        file = self.root / name
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return file

    def try_to_deploy(self, *targets: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `pipes deploy TARGETS…` with more environment variables, and return what it answered."""
        command = [sys.executable, "-m", "airflow_provider_pipes.cli.main", "deploy", *targets]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PIPES_"))
        }
        command += ["--dags-folder", str(self.home.dags_folder)]
        # It may build images, which takes minutes the first time on a machine with other work.
        return PIPES.run(command, self.root, {**environment, **variables}, timeout=600)

    def deploy(self, *targets: str, **variables: str) -> None:
        """Run `pipes deploy TARGETS…`, which must succeed."""
        done = self.try_to_deploy(*targets, **variables)
        assert done.returncode == 0, done.stdout + done.stderr

    def notes(self) -> list[list[Any]]:
        """Return what steps noted so far, the oldest first."""
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        return [json.loads(line) for line in lines]

    def noted(self, first: str) -> list[list[Any]]:
        """Return the rest of each note that begins with ``first``."""
        return [rest for head, *rest in self.notes() if head == first]

    def documents(self, pattern: str) -> list[dict[str, Any]]:
        """Return the JSON documents of the artifact store whose paths match, as "runs/**/manifest.json"."""
        return [json.loads(file.read_bytes()) for file in sorted(self.store.glob(pattern))]
