"""A store in a directory of this machine, on the standard library alone."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from airflow_provider_pipes.artifacts.storage import Storage, checked_folder, checked_path, explain
from airflow_provider_pipes.errors import ArtifactError, ArtifactNotFoundError

# Names that ``list`` never shows: files on their way, and the lock of file systems without hard links.
_HIDDEN = ".tmp-"

_Result = TypeVar("_Result")


class LocalStorage(Storage):
    """A directory; it is made when something is first put into it.

    What is written becomes visible in one step, so a process that is killed half way leaves the old
    content or none. Nothing is flushed to the disk: that costs milliseconds a file, and what a power
    cut truncates does not match its SHA-256, or is no JSON, and is made again by running the step.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))
        # Not percent-encoded, as fsspec and most people write file addresses.
        self.uri = f"file://{self.root}"

    def local_path(self, path: str) -> Path:
        """Return where ``path`` lies on this machine."""
        return self.root / checked_path(path)

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        target = self.local_path(path)
        with _explained("read", target):
            return target.read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Put a file in place of whatever was there, in one step."""
        target = self.local_path(path)
        with _explained("write", target), _written_aside(target, data) as aside:
            aside.replace(target)

    def create(self, path: str, data: bytes) -> bool:
        """Put a file only if none is there; say whether it was this call that did."""
        target = self.local_path(path)
        with _explained("write", target), _written_aside(target, data) as aside:
            try:
                os.link(aside, target)
            except FileExistsError:
                return False
            except OSError:
                # Some file systems have no hard links, and each says so with another error number.
                return self._create_under_lock(aside, target)
            return True

    def _create_under_lock(self, aside: Path, target: Path) -> bool:
        # A lock of the kernel's, since a lock file of ours would outlive a holder that is killed.
        import fcntl

        with (self.root / f"{_HIDDEN}lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _stat(target):
                return False
            aside.replace(target)
            return True

    def exists(self, path: str) -> bool:
        """Say whether a file or folder is there."""
        target = self.local_path(path)
        with _explained("look at", target):
            return _stat(target)

    def list(self, path: str = "") -> list[str]:
        """Return the sorted names directly under a folder, none where it is missing."""
        folder = self.root / checked_folder(path)
        with _explained("list", folder):
            names: list[str] = _unless_missing(lambda: os.listdir(folder), [])
        return sorted(name for name in names if not name.startswith(_HIDDEN))

    def upload(self, local: Path, path: str) -> None:
        """Copy a local file or tree into the store; a tree goes where nothing is yet."""
        target = self.local_path(path)
        with _explained("write", target), _aside(target) as aside:
            if local.is_dir():
                shutil.copytree(local, aside, copy_function=shutil.copyfile)
                if _stat(target):
                    raise ArtifactError(f"can't write {str(target)!r}: something is there already")
                aside.rename(target)
            else:
                shutil.copyfile(local, aside)
                aside.replace(target)

    def download(self, path: str, local: Path) -> None:
        """Copy a file or tree of the store to ``local``, which must not exist yet."""
        source = self.local_path(path)
        if not self.exists(path):
            raise ArtifactNotFoundError(f"nothing is stored at {str(source)!r}")
        with _explained("copy", source):
            local.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                # Links are copied as links, so that nothing outside of the store is ever read.
                shutil.copytree(source, local, symlinks=True, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(source, local)

    def remove(self, path: str) -> None:
        """Remove a file or tree; harmless where nothing is."""
        target = self.local_path(path)
        with _explained("remove", target):
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)


def temporary_name() -> str:
    """Return a name that no other process uses and that ``list`` hides."""
    return f"{_HIDDEN}{os.getpid()}-{os.urandom(8).hex()}"


@contextlib.contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Give a name beside ``target`` to prepare it under, and leave nothing there afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.parent / temporary_name()
    try:
        yield aside
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)


@contextlib.contextmanager
def _written_aside(target: Path, data: bytes) -> Iterator[Path]:
    with _aside(target) as aside:
        with aside.open("xb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        yield aside


@contextlib.contextmanager
def _explained(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise explain(error, action, str(path)) from error
    except shutil.Error as error:
        # copytree collects what went wrong; the first of it says enough.
        reason = error.args[0][0][2] if error.args and error.args[0] else error
        raise ArtifactError(f"can't {action} {str(path)!r}: {reason}") from error


def _stat(path: Path) -> bool:
    # Not Path.exists: before Python 3.12 and after it differ in which errors they take for "not there".
    return _unless_missing(lambda: bool(path.lstat()), False)


def _unless_missing(look: Callable[[], _Result], otherwise: _Result) -> _Result:
    try:
        return look()
    except (FileNotFoundError, NotADirectoryError):
        return otherwise
