"""Which extracted snapshots stay: those that a live process uses, and the ones used last.

A process holds a shared lock on the listing of each snapshot that it found or extracted. The kernel
gives the lock back when the process ends, however it ends, so nothing is left over that would have to
be cleaned up, and who gets an exclusive lock knows that nobody uses the snapshot. When it was last
used is the listing's time of change.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LISTING = "listing.json"
KEPT_SNAPSHOTS = 100
"""How many extracted snapshots are kept where nobody says another number."""

_SNAPSHOT = re.compile(r"[0-9a-f]{64}\Z")
_LEFT_OVER = re.compile(r"\.[0-9a-f]{12}-")
# An extraction takes seconds; what is older was left by a process that was killed.
_LEFT_OVER_SECONDS = 86_400.0

# Descriptors of this process with a lock, by the listing's path. Nobody closes them but its end.
_held: dict[str, int] = {}


def hold(place: Path) -> bool:
    """Note a use of a snapshot, and keep it from being pruned as long as this process lives.

    Returns:
        Whether it can be relied on: not if it is missing, or is being removed right now.
    """
    listing = place / LISTING
    try:
        descriptor = os.open(listing, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    if not _locked(descriptor, listing):
        os.close(descriptor)
        return False
    with suppress(OSError):  # A read-only cache is never pruned either.
        os.utime(descriptor)
    before = _held.get(str(listing))
    _held[str(listing)] = descriptor
    if before is not None:
        os.close(before)
    return True


def _locked(descriptor: int, listing: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # No locks on this file system: then nothing is ever pruned there.
    try:
        # Between the two calls above it may have been removed, even put there anew.
        return os.path.samestat(os.fstat(descriptor), os.stat(listing))
    except OSError:
        return False


def release(place: Path) -> None:
    """Let go of a snapshot that is of no use after all."""
    descriptor = _held.pop(str(place / LISTING), None)
    if descriptor is not None:
        os.close(descriptor)


def prune(folder: Path, keep: int) -> None:
    """Remove the snapshots used longest ago, beyond the ``keep`` used last, and what killed processes left.

    Never one that a live process uses. What can't be removed stays, and fails nothing.
    """
    with suppress(OSError):
        places = [folder / name for name in os.listdir(folder)]
        dated = [(_last_used(place), place) for place in places if _SNAPSHOT.match(place.name)]
        for _, place in sorted(dated, reverse=True)[keep:]:
            _remove_unused(place)
        for place in places:
            if _LEFT_OVER.match(place.name):
                _remove_left_over(place)


def _last_used(place: Path) -> float:
    try:
        return (place / LISTING).stat().st_mtime
    except OSError:
        return 0.0


def _remove_unused(place: Path) -> None:
    with _unused(place) as unused:
        if not unused:
            return
        # Out of the way first, in one step: nobody ever sees half of it.
        gone = place.with_name(f".{place.name[:12]}-{os.getpid()}-pruned")
        with suppress(OSError):
            os.rename(place, gone)
        _remove(gone)


def _remove_left_over(place: Path) -> None:
    with suppress(OSError):  # Another process may remove it as well.
        if place.lstat().st_mtime > time.time() - _LEFT_OVER_SECONDS:
            return
    with _unused(place) as unused:
        if unused or not (place / LISTING).exists():
            _remove(place)


@contextmanager
def _unused(place: Path) -> Iterator[bool]:
    """Say whether no process holds a snapshot, and let none take hold of it meanwhile."""
    try:
        descriptor = os.open(place / LISTING, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _remove(place: Path) -> None:
    import shutil

    shutil.rmtree(place, ignore_errors=True)
