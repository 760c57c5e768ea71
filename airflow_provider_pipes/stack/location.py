"""Where a project's pipes.toml is."""

from __future__ import annotations

from pathlib import Path

FILE_NAME = "pipes.toml"


def find_file(start: Path) -> Path | None:
    """Return the nearest pipes.toml in ``start`` or above it."""
    folder = start.absolute()
    for each in (folder, *folder.parents):
        candidate = each / FILE_NAME
        if candidate.exists() or candidate.is_symlink():
            return candidate
    return None
