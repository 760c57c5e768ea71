"""Hashes and imports of a project's files, remembered between processes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Any

from airflow_provider_pipes.compiler.imports import FileImports, scan_imports

logger = logging.getLogger(__name__)

# What a file imports depends on the grammar that reads it, so another Python starts anew.
_FORMAT = [1, sys.version_info[0], sys.version_info[1]]
_SETTLED_NS = 2_000_000_000
_VERIFIED_KEPT = 200


@dataclass(frozen=True)
class FileRecord:
    """What is known of one file.

    Attributes:
        digest: SHA-256 of its bytes.
        imports: Empty for a file that is not Python.
    """

    digest: str
    imports: FileImports


class FileMemo:
    """Reads files of a project, and reads them again only when they changed.

    A record counts while the file's times and size are what they were. That alone could lie: a file
    written twice within one tick of its file system's clock, the size the same, looks unchanged.
    So a record is kept only if the file had been left alone for two seconds when it was read
    (git's index has the same rule); two seconds is the coarsest clock in use, FAT's. The change
    time (ctime) counts as well, since a copy or an archive can set a modification time back, and
    nothing can set that.
    """

    def __init__(self, root: Path, path: Path | None) -> None:
        self._root = root
        self._path = path
        self._kept = _load(path) if path else {}
        self._records: dict[str, FileRecord] = {}
        self._changed = False

    def record(self, file: str) -> FileRecord:
        """Return what is known of ``file``, a path relative to the project's root."""
        if file not in self._records:
            self._records[file] = self._remembered(file) or self._read(file)
        return self._records[file]

    def save(self) -> None:
        """Write what was learned for the next process; a memo that can't be written is no error."""
        if self._path is None or not self._changed:
            return
        kept = {
            file: entry
            for file, entry in sorted(self._kept.items())
            if file in self._records or (self._root / file).exists()
        }
        try:
            _replace(self._path, json.dumps({"format": _FORMAT, "files": kept}, separators=(",", ":")))
        except OSError as error:
            logger.debug("the memo of the code closure is not kept: %s", error)
        self._changed = False

    def _remembered(self, file: str) -> FileRecord | None:
        entry = self._kept.get(file)
        try:
            if entry is None or entry[:3] != _stamp(os.stat(self._root / file)):
                return None
            digest, names, dynamic, exports, error = entry[3:]
            return FileRecord(digest, FileImports(tuple(names), tuple(dynamic), tuple(exports), error))
        except (OSError, TypeError, ValueError):
            return None

    def _read(self, file: str) -> FileRecord:
        now = time_ns()
        try:
            with (self._root / file).open("rb") as stream:
                # Before the bytes: what is written while they are read changes the stamp.
                stamp = _stamp(os.fstat(stream.fileno()))
                if not file.endswith(".py"):
                    digest, imports = hashlib.file_digest(stream, "sha256").hexdigest(), FileImports()
                else:
                    source = stream.read()
                    digest = hashlib.sha256(source).hexdigest()
                    imports = scan_imports(source, is_package=file.endswith("__init__.py"))
        except OSError as problem:
            return FileRecord("", FileImports(error=f" can't be read: {problem.strerror or problem}"))
        if now - max(stamp[:2]) > _SETTLED_NS:
            listed = [imports.names, imports.dynamic, imports.exports, imports.error]
            self._kept[file] = [*stamp, digest, *listed]
            self._changed = True
        return FileRecord(digest, imports)


def _stamp(status: os.stat_result) -> list[int]:
    return [status.st_mtime_ns, status.st_ctime_ns, status.st_size]


def _load(path: Path) -> dict[str, list[Any]]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        return {}
    files = document.get("files")
    if not isinstance(files, dict) or not all(isinstance(entry, list) for entry in files.values()):
        return {}
    return files


def verified_codes(memo: Path) -> list[str]:
    """Return the hashes of the snapshots that this machine and this Python have imported, the newest last.

    Not asked of the artifact store: what `pipes run` puts there was never imported from a snapshot.
    """
    try:
        document = json.loads(_verified_file(memo).read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    fits = isinstance(document, dict) and document.get("python") == sys.version
    hashes = document.get("hashes") if fits else None
    return [each for each in hashes if isinstance(each, str)] if isinstance(hashes, list) else []


def keep_verified(memo: Path, code_hash: str) -> None:
    """Write down that a snapshot was imported; where that can't be written, it is imported again."""
    hashes = [*(each for each in verified_codes(memo) if each != code_hash), code_hash][-_VERIFIED_KEPT:]
    try:
        _replace(_verified_file(memo), json.dumps({"python": sys.version, "hashes": hashes}))
    except OSError as error:
        logger.debug("which code was verified is not kept: %s", error)


def _verified_file(memo: Path) -> Path:
    return memo.with_name("verified.json")


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
