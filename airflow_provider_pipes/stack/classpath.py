"""Classes named by text: "module:Class", and the older "module.Class"."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from airflow_provider_pipes.errors import ConfigurationError


def class_path(cls: type) -> str:
    """Return the path that ``import_class`` finds ``cls`` by, in any process.

    Raises:
        ConfigurationError: no other process could import it.
    """
    path = f"{cls.__module__}:{cls.__qualname__}"
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        raise ConfigurationError(
            f"class {path!r} can't be imported by another process; define it at the top level of a module"
        )
    return path


def import_class(path: str) -> type:
    """Import the class that ``path`` names.

    Raises:
        ConfigurationError: the text names no class, or its module can't be imported.
    """
    module_name, _, qualname = path.partition(":") if ":" in path else path.rpartition(".")
    names = [*module_name.split("."), *qualname.split(".")]
    if _is_file(module_name) or not all(name.isidentifier() for name in names):
        raise ConfigurationError(f"{path!r} is no class path; write it as {_as_class_path(path)!r}")
    found: object = _import_module(module_name)
    for part in qualname.split("."):
        if not hasattr(found, part):
            known = [name for name in vars(found) if not name.startswith("_")]
            raise ConfigurationError(
                f"module {module_name!r} has no class {qualname!r}{nearest(part, known)}"
            )
        found = getattr(found, part)
    if not isinstance(found, type):
        raise ConfigurationError(f"{path!r} is {type(found).__name__} and no class")
    return found


def _is_file(module_name: str) -> bool:
    return module_name.endswith(".py") or "/" in module_name


def _as_class_path(path: str) -> str:
    """Return how a class path is written, by way of what was meant where that was a file."""
    file, _, name = path.partition(":")
    parts = [part for part in file.removesuffix(".py").split("/") if part not in ("", ".")]
    if _is_file(file) and name.isidentifier() and all(part.isidentifier() for part in parts):
        return f"{'.'.join(parts)}:{name}"
    return "package.module:Class"


def _import_module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigurationError(f"module {name!r} can't be imported: {missing_import(error)}") from error
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"module {name!r} raised while it was imported: {type(error).__name__}: {error}"
        ) from error


def missing_import(error: ImportError) -> str:
    """Return in words what an import did not find."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"there is no module {error.name!r} here"
    return str(error)


def nearest(name: str, known: Sequence[str]) -> str:
    """Return " (did you mean …?)" where ``known`` has a name like ``name``, and nothing where it has none."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


@contextmanager
def importable_from(folders: Sequence[Path]) -> Iterator[None]:
    """Let imports find modules in ``folders`` too, after everything that is importable already."""
    added = [str(folder) for folder in folders if str(folder) not in sys.path]
    sys.path.extend(added)
    try:
        yield
    finally:
        for folder in added:
            if folder in sys.path:
                sys.path.remove(folder)
