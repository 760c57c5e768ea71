"""The build context of a user's own Dockerfile."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.models.canonical import content_hash, sha256_hex

_IGNORE = ".dockerignore"


@dataclass(frozen=True)
class UserBuild:
    """A user's Dockerfile and what it may copy.

    Attributes:
        dockerfile: Its text.
        files: Files of the context, by path in it.
        hash: SHA-256 over all of it.
    """

    dockerfile: str
    files: Mapping[str, Path]
    hash: str


def user_build(root: Path, dockerfile: str, context: str | None) -> UserBuild:
    """Read a user's Dockerfile and its context.

    Args:
        root: The project's folder.
        dockerfile: Path relative to it.
        context: Folder relative to it; the Dockerfile's own by default.

    Raises:
        ImageError: something of it can't be read.
    """
    file = root / dockerfile
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise ImageError(f"dockerfile {dockerfile!r} can't be read in {root}: {said}") from None
    folder = file.parent if context is None else root / context
    if not folder.is_dir():
        raise ImageError(f"build_context {context!r} is no folder in {root}")
    files = {name: folder / name for name in _context_files(folder)}
    listing = [[name, *_state(path)] for name, path in files.items()]
    return UserBuild(text, files, content_hash([sha256_hex(text.encode()), listing]))


def _context_files(folder: Path) -> list[str]:
    from docker.utils.build import exclude_paths

    ignore = folder / _IGNORE
    patterns = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    patterns = [line.strip() for line in patterns if line.strip() and not line.startswith("#")]
    found = exclude_paths(str(folder), [*patterns, ".git", ".pipes"])
    return sorted(name for name in found if name != _IGNORE and not _is_folder(folder / name))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _state(path: Path) -> tuple[str, bool]:
    """Return what of a file an image depends on: its content, and whether it can be run."""
    try:
        if path.is_symlink():
            return sha256_hex(os.readlink(path).encode()), False
        return sha256_hex(path.read_bytes()), bool(path.stat().st_mode & stat.S_IXUSR)
    except OSError as error:
        raise ImageError(f"{path} can't be read for a build context: {error.strerror}") from None
