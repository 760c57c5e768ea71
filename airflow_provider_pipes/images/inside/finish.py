"""Finishes an image: removes what the requirements replaced, puts the light core in, and the code.

It lies beside its own files, and removes itself with them.
"""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import sys
import sysconfig
import zipfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
HOME = HERE.parent
MODE = py_compile.PycInvalidationMode.UNCHECKED_HASH


def remove_replaced() -> None:
    """Remove files of packages that were in the parent image in another version."""
    listing = HOME / "removed.json"
    folders = set()
    for name in json.loads(listing.read_text()):
        with suppress(FileNotFoundError):
            os.remove(name)
        folders.add(os.path.dirname(name))
    for folder in sorted(folders, key=len, reverse=True):
        with suppress(OSError):  # Something else is in it.
            os.rmdir(folder)
    listing.unlink()


def install_core() -> None:
    """Unpack the wheel to where Python looks for it."""
    target = sysconfig.get_path("purelib")
    with zipfile.ZipFile(next(HERE.glob("*.whl"))) as wheel:
        wheel.extractall(target)
    package = os.path.join(target, "airflow_provider_pipes")
    compileall.compile_dir(package, quiet=2, force=True, invalidation_mode=MODE)


def bake_code() -> None:
    """Extract the code snapshot, if there is one, to where a step looks for it; anybody may read it."""
    for snapshot in HERE.glob("*.zip"):
        from airflow_provider_pipes.runtime.snapshot import extract_snapshot

        folder = extract_snapshot(snapshot.read_bytes(), snapshot.stem, HOME)
        compileall.compile_dir(folder, quiet=2, force=True, invalidation_mode=MODE)
        code = HOME / "code"
        for each in (code, *code.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)


def main() -> None:
    """Do it, and see that a step would start."""
    sys.dont_write_bytecode = True
    remove_replaced()
    install_core()
    bake_code()
    import airflow_provider_pipes.entrypoints.entrypoint  # noqa: F401

    for file in HERE.iterdir():
        file.unlink()
    HERE.rmdir()


if __name__ == "__main__":
    main()
