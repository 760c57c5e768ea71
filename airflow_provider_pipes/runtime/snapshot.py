"""A code snapshot where it runs: checked, extracted, put first on ``sys.path``."""

from __future__ import annotations

import atexit
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import IntegrityError, SnapshotError
from airflow_provider_pipes.models.canonical import content_hash, sha256_hex
from airflow_provider_pipes.runtime.loading import load_snapshot
from airflow_provider_pipes.runtime.retention import KEPT_SNAPSHOTS, LISTING, hold, prune, release

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

__all__ = ["contents_hash", "extract_snapshot", "find_extracted", "load_snapshot", "own_folder"]

CACHE_VARIABLE = "PIPES_CACHE_DIR"
BAKED_CODE = Path("/opt/airflow-provider-pipes/code")
"""Where an image that was built with its code has it."""

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_CODE = "code"
_METHODS = (0, 8)  # Stored and deflated; nothing of ours is packed otherwise.
# All extracted files get this time (1980-01-01), so any later write to one shows in a mere stat.
_MTIME_NS = 315_532_800 * 10**9

# Snapshots of this process that had to go to a private temporary folder, by hash.
_temporary: dict[str, Path] = {}


def contents_hash(digests: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 that names files by their relative paths and the SHA-256 of each."""
    return content_hash(sorted(map(list, digests)))


def extract_snapshot(
    data: bytes, expected_hash: str, cache_dir: Path | None = None, keep: int = KEPT_SNAPSHOTS
) -> Path:
    """Return a folder with the files of a snapshot, extracted now or found there.

    Nothing can be imported from it before all of its contents were checked: the files are written
    to a folder of another name, which gets its name when they match ``expected_hash``.

    Args:
        data: The zip.
        expected_hash: Its hash, from the deployment.
        cache_dir: Folder to extract into, instead of the user's cache.
        keep: How many extracted snapshots may stay there once this one is among them.

    Raises:
        IntegrityError: the contents are not those that the hash names.
        SnapshotError: the zip is damaged, unsafe, or can't be written anywhere.
    """
    found = find_extracted(expected_hash, cache_dir)
    if found is not None:
        return found
    cache = own_folder(_CODE, cache_dir)
    if cache is not None:
        with suppress(OSError):  # Read-only or full: a temporary folder may be neither.
            code = _extract_into(cache, data, expected_hash)
            prune(cache, keep)
            return code
    try:
        return _extract_temporarily(data, expected_hash)
    except OSError as error:
        raise SnapshotError(
            "the code snapshot can't be extracted, neither to the cache nor to a temporary folder: "
            f"{error}; set PIPES_CACHE_DIR to a folder with space that you can write to"
        ) from None


def find_extracted(expected_hash: str, cache_dir: Path | None = None) -> Path | None:
    """Return the folder of a snapshot extracted before, or None.

    What is trusted is the folder's owner: it is this user's alone (mode 0700), and got its name after
    its contents were checked. So files are not read again; their sizes and times tell whether
    something wrote to them since, and then the folder does not count.

    Raises:
        SnapshotError: ``expected_hash`` is no SHA-256.
    """
    if not _HASH.match(expected_hash):
        raise SnapshotError(
            f"{expected_hash!r} is no hash of a code snapshot; expected 64 hexadecimal digits"
        )
    places = [_temporary.get(expected_hash), _baked(expected_hash)]
    cache = own_folder(_CODE, cache_dir)
    if cache is not None:
        places.append(cache / expected_hash)
    for place in places:
        # Held first, or it might be pruned once it was looked at.
        if place is not None and hold(place):
            if _intact(place, expected_hash):
                return place / _CODE
            release(place)
    return None


def _baked(expected_hash: str) -> Path | None:
    """Return the folder of a snapshot that is part of this image, which root put there and nobody else."""
    place = BAKED_CODE / expected_hash
    try:
        status = place.lstat()
    except OSError:
        return None
    roots_own = status.st_uid == 0 and not status.st_mode & 0o022
    return place if stat.S_ISDIR(status.st_mode) and roots_own else None


def own_folder(name: str, cache_dir: Path | None = None) -> Path | None:
    """Return a folder of the cache if it is, or can be made, this user's alone (mode 0700).

    Args:
        name: What it is called there: "code" for extracted snapshots.
        cache_dir: The cache, instead of the user's.
    """
    cache = cache_dir or _user_cache()
    if cache is None:
        return None
    folder = cache / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    return folder if private and status.st_uid == os.geteuid() else None


def _user_cache() -> Path | None:
    configured = os.environ.get(CACHE_VARIABLE)
    if configured:
        return Path(os.path.abspath(configured))
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # The specification says to ignore a relative one.
        base = os.path.join(os.path.expanduser("~"), ".cache")
    # Still relative: in a container, a user id may have no entry in the password database.
    return Path(base, "airflow-provider-pipes") if os.path.isabs(base) else None


def _intact(place: Path, expected_hash: str) -> bool:
    try:
        listing = json.loads((place / LISTING).read_bytes())
        if contents_hash((name, digest) for name, digest, _ in listing) != expected_hash:
            return False
        stats = ((os.lstat(place / _CODE / name), size) for name, _, size in listing)
        return all(each.st_size == size and each.st_mtime_ns == _MTIME_NS for each, size in stats)
    except (OSError, ValueError, TypeError):
        return False


def _extract_temporarily(data: bytes, expected_hash: str) -> Path:
    import shutil
    import tempfile

    folder, owner = Path(tempfile.mkdtemp(prefix="pipes-code-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # Not when a forked child exits before its parent.
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    try:
        code = _extract_into(folder, data, expected_hash)
    except BaseException:
        remove()
        raise
    _temporary[expected_hash] = code.parent
    return code


def _extract_into(cache: Path, data: bytes, expected_hash: str) -> Path:
    import shutil
    import tempfile

    final = cache / expected_hash
    work = Path(tempfile.mkdtemp(prefix=f".{expected_hash[:12]}-", dir=cache))
    try:
        listing = _unpack(data, work / _CODE)
        found = contents_hash((name, digest) for name, digest, _ in listing)
        if found != expected_hash:
            raise IntegrityError(
                f"the code snapshot's contents have the hash {found}, expected {expected_hash}; deploy the "
                "pipeline again, and find out who writes to code/ in the artifact store"
            )
        (work / LISTING).write_text(json.dumps(listing))
        hold(work)  # Its lock goes with it to its new name.
        _take_name(work, final, expected_hash)
        if not hold(final):
            raise OSError(f"{final} was removed as soon as it was there")
    finally:
        release(work)
        shutil.rmtree(work, ignore_errors=True)
    return final / _CODE


def _take_name(work: Path, final: Path, expected_hash: str) -> None:
    for _ in range(2):
        try:
            os.rename(work, final)
            return
        except OSError:
            if _intact(final, expected_hash):
                return  # Another process was first, with the same contents.
            # Something wrote to it: out of the way, whole, since a process may still read it.
            with suppress(FileNotFoundError):
                os.rename(final, work.with_name(f"{work.name}-damaged"))
    os.rename(work, final)


def _unpack(data: bytes, folder: Path) -> list[tuple[str, str, int]]:
    """Write the zip's files below ``folder`` and return their names, hashes and sizes."""
    # Here, since most step processes find their code extracted and need none of it.
    import io
    import zipfile
    import zlib

    folder.mkdir()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_names(members)
            return [_unpack_member(archive, member, folder) for member in members]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise SnapshotError(
            f"the code snapshot is a damaged zip: {error}; deploy the pipeline again"
        ) from None


def _check_names(members: list[ZipInfo]) -> None:
    seen: set[str] = set()
    for member in members:
        name = member.orig_filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        unsafe = re.search(r"[\\\0]|^/|^[A-Za-z]:", name) or not {"", ".", ".."}.isdisjoint(name.split("/"))
        plain = kind in (0, stat.S_IFREG) and member.compress_type in _METHODS
        if unsafe or name != member.filename or not plain:
            raise SnapshotError(
                f"the code snapshot holds {name!r}, which is no plain file below it; nothing was extracted"
            )
        if name in seen:
            raise SnapshotError(f"the code snapshot holds {name!r} twice; nothing was extracted")
        seen.add(name)
    clash = min(seen.intersection(folder for name in seen for folder in _folders(name)), default=None)
    if clash is not None:
        raise SnapshotError(
            f"the code snapshot holds {clash!r} as a file and a folder; nothing was extracted"
        )


def _folders(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def _unpack_member(archive: ZipFile, member: ZipInfo, folder: Path) -> tuple[str, str, int]:
    target = folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.read(member)
    target.write_bytes(content)
    os.utime(target, ns=(_MTIME_NS, _MTIME_NS))
    return member.filename, sha256_hex(content), len(content)
