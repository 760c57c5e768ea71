"""One extracted code snapshot at a time is importable; this changes which one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from airflow_provider_pipes.errors import SnapshotError

# Of this process: the snapshots that were loaded, with the modules that each of them imported while
# another one is active, and what stands on sys.path for the active one.
_known: dict[str, dict[str, ModuleType]] = {}
_active_roots: list[str] = []


def load_snapshot(directory: Path, roots: Sequence[str]) -> None:
    """Make a snapshot's modules the ones that imports find, now and later while functions run.

    One process may run steps of several snapshots, as ``dag.test`` does. The modules of the others
    are set aside, and put back when their snapshot is loaded again, so each runs its own code and
    its classes stay the same ones.

    Args:
        directory: Where it was extracted to.
        roots: Its folders for ``sys.path``, first one first.

    Raises:
        SnapshotError: a module of the same name, and from elsewhere, is already imported; nothing
            was changed.
    """
    folder = os.path.abspath(directory)
    paths = [os.path.join(folder, root) if root else folder for root in roots]
    _refuse_foreign_modules(folder, paths)
    if folder in _known:
        _forget_listings(folder)
    _known.setdefault(folder, {})
    for other in _known:
        if other != folder:
            _set_aside(other)
    sys.path[:] = [*paths, *(entry for entry in sys.path if entry not in {*_active_roots, *paths})]
    _active_roots[:] = paths
    _put_back(folder)


def _forget_listings(folder: str) -> None:
    # As importlib.invalidate_caches does for every path; but since Python 3.13 that imports
    # importlib.metadata with all that it needs, which would double the start of a step.
    for path in [path for path in sys.path_importer_cache if f"{path}{os.sep}".startswith(folder + os.sep)]:
        del sys.path_importer_cache[path]


def _refuse_foreign_modules(folder: str, paths: Sequence[str]) -> None:
    # By look-up, not by a walk: a task's process shares thousands of modules with the one that it was
    # forked from, and touching them all copies their memory (up to 50 ms a task).
    tops = {name for name in _top_level_names(paths) if name in sys.modules}
    for name, module in list(sys.modules.items()) if tops else ():
        if name.partition(".")[0] not in tops or not isinstance(module, ModuleType):
            continue
        own = next((file for path in paths for file in _candidates(path, name) if os.path.isfile(file)), None)
        if own is not None and not any(_is_from(module, each) for each in (folder, *_known)):
            origin = _file(module) or "a folder elsewhere, or Python itself"
            raise SnapshotError(
                f"module {name!r} is already imported in this process, from {origin}, so the pipeline's "
                f"own {os.path.relpath(own, folder)} can't be; rename one of the two"
            )


def _top_level_names(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        try:
            names = os.listdir(path)
        except OSError:
            continue
        yield from (name.partition(".")[0] for name in names if name != "__main__.py")


def _candidates(path: str, name: str) -> tuple[str, str]:
    stem = os.path.join(path, *name.split("."))
    return f"{stem}.py", os.path.join(stem, "__init__.py")


def _file(module: ModuleType) -> str | None:
    # From the dictionary: some packages put objects into sys.modules that import more when asked.
    file = vars(module).get("__file__")
    return file if isinstance(file, str) else None


def _is_from(module: ModuleType, folder: str) -> bool:
    """Whether all of a module's code is in a snapshot's folder."""
    file, inside = _file(module), folder + os.sep
    if file is not None:
        return file.startswith(inside)
    try:
        portions = [str(portion) for portion in vars(module).get("__path__") or ()]
    except Exception:  # A namespace package whose parent is gone; not one of ours.
        return False
    return bool(portions) and all(portion == folder or portion.startswith(inside) for portion in portions)


def _set_aside(folder: str) -> None:
    theirs = {
        name: module
        for name, module in sys.modules.items()
        if isinstance(module, ModuleType) and _is_from(module, folder)
    }
    for name in theirs:
        del sys.modules[name]
    _known[folder].update(theirs)
    for parent, leaf, module in _links_to_parents(theirs):
        # A namespace package that others share stays, and would still hand out this module.
        if vars(parent).get(leaf) is module:
            delattr(parent, leaf)


def _put_back(folder: str) -> None:
    theirs = _known[folder]
    sys.modules.update(theirs)
    for parent, leaf, module in _links_to_parents(theirs):
        setattr(parent, leaf, module)
    theirs.clear()


def _links_to_parents(modules: dict[str, ModuleType]) -> Iterator[tuple[ModuleType, str, ModuleType]]:
    for name, module in modules.items():
        above, _, leaf = name.rpartition(".")
        parent = sys.modules.get(above)
        if above and parent is not None:
            yield parent, leaf, module
