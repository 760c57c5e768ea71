from __future__ import annotations

from pathlib import Path

import pytest

from tests.wheels import WheelFolder


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelFolder:
    """A package index of one's own, which uv looks at and at nothing else."""
    made = WheelFolder(tmp_path / "wheels")
    for name, value in made.variables.items():
        monkeypatch.setenv(name, value)
    for name in ("UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    return made
