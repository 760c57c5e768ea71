"""The package acme-pipes, built and installed as a user would install it, and a project that uses it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cli.conftest import Done, Project

SOURCE = Path(__file__).parents[1] / "packages/acme-pipes"


def install_acme(folder: Path) -> Path:
    """Build the wheel and install it into a folder of its own, without any network; return that folder.

    To unpack a wheel of pure Python, its metadata included, is all that installing it into a folder is.
    """
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=SOURCE, check=True, capture_output=True, timeout=60)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


class AcmeProject(Project):
    """A user's project in an environment that has acme-pipes."""

    def __init__(self, root: Path, cache: Path, site: Path) -> None:
        super().__init__(root, cache)
        self.site = site
        self.diary_file = root.with_name("diary.jsonl")
        self.write("pipes.toml", "")

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return super().environment({"PYTHONPATH": str(self.site), **(more or {})})

    def done(self, *arguments: str, **options: Any) -> Done:
        """Run `pipes ARGUMENTS…`, which must succeed."""
        done = self.pipes(*arguments, **options)
        assert done.code == 0, f"pipes {' '.join(arguments)} exited with {done.code}\n{done.out}{done.err}"
        return done

    def diary(self, what: str | None = None) -> list[dict[str, Any]]:
        """Return the lines of the diary, the oldest first, or those on one matter."""
        if not self.diary_file.exists():
            return []
        lines = [json.loads(line) for line in self.diary_file.read_text().splitlines()]
        return [line for line in lines if what is None or line["what"] == what]

    def stored(self, pattern: str) -> list[dict[str, Any]]:
        """Return the JSON documents of the artifact store whose paths match."""
        return [
            json.loads(file.read_bytes()) for file in sorted((self.root / ".pipes/artifacts").glob(pattern))
        ]
