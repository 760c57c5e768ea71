from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project's folder without a pipes.toml."""
    made = tmp_path / "project"
    made.mkdir()
    return made
