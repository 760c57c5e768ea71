"""Where a project's code is, and which file a module name means there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pipes.errors import TargetError

OWN_PACKAGE = "airflow_provider_pipes"

_CONFIG_FILE = "pipes.toml"
_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True)
class ProjectLayout:
    """A project on this machine.

    Attributes:
        root: Its folder; every other path is relative to it.
        roots: POSIX paths of the folders that go on ``sys.path``, in this order.
        only_package: The one top-level name that counts, where the root is an environment's own
            ``site-packages`` and its other packages are not the project's.
    """

    root: Path
    roots: tuple[str, ...]
    only_package: str | None = None


def find_layout(file: Path, module: str | None = None) -> tuple[ProjectLayout, str]:
    """Return the project that ``file`` belongs to, and the name that the file is imported by in it.

    Args:
        file: A Python source file.
        module: The dotted name that it was found by; without one, the name starts below the first
            folder that is no package, as pytest has it.

    Raises:
        TargetError: the file is not there, or can't be imported by any name.
    """
    # Not resolved: a symbolic link is imported from where it lies, not from where it points to.
    file = Path(os.path.abspath(file))
    if not file.is_file() or file.suffix != ".py":
        raise TargetError(f"{file} is no Python file; give a path that ends in .py, or module:name")
    installed = next((parent for parent in file.parents if parent.name in _PACKAGE_FOLDERS), None)
    if installed is not None:
        name = _dotted(file, installed)
        return ProjectLayout(installed, ("",), name.partition(".")[0]), name
    base = _import_base(file) if module is None else _base_of_module(file, module)
    root = project_root(base)
    return ProjectLayout(root, _import_roots(root, base)), _dotted(file, base)


def _import_base(file: Path) -> Path:
    folder = file.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def _base_of_module(file: Path, module: str) -> Path:
    location = file.parent if file.name == "__init__.py" else file.with_suffix("")
    parts = tuple(module.split("."))
    if location.parts[-len(parts) :] != parts or len(parts) >= len(location.parts):
        raise TargetError(
            f"module {module!r} comes from {file}, whose path does not end in the module's name, so another "
            "machine could not import it; give the path of the file instead of the name"
        )
    return Path(*location.parts[: -len(parts)])


def project_root(base: Path) -> Path:
    """Return the project's folder: the nearest with a pipes.toml, else with a usual mark, else ``base``."""
    ancestors = (base, *base.parents)
    configured = (folder for folder in ancestors if (folder / _CONFIG_FILE).is_file())
    marked = (folder for folder in ancestors if any((folder / marker).exists() for marker in _MARKERS))
    return next(configured, None) or next(marked, None) or base


def _import_roots(root: Path, base: Path) -> tuple[str, ...]:
    own = base.relative_to(root).as_posix()
    roots = ["" if own == "." else own, ""]
    if (root / "src").is_dir():
        roots.append("src")
    return tuple(dict.fromkeys(roots))


def _dotted(file: Path, base: Path) -> str:
    parts = list(file.relative_to(base).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        del parts[-1]
    odd = next((part for part in parts if "." in part), None)
    if odd is not None:
        raise TargetError(f"{file} can't be imported, since {odd!r} holds a dot; rename it")
    return ".".join(parts)


@dataclass(frozen=True)
class ProjectModule:
    """A module of the project.

    Attributes:
        file: Its source, relative to the project's root; None for a package without ``__init__.py``.
        folders: Where its submodules are; none for a plain module.
    """

    file: str | None
    folders: tuple[str, ...] = ()

    @property
    def is_package(self) -> bool:
        """Whether it can have submodules."""
        return bool(self.folders)


class ModuleFinder:
    """Finds modules as Python's own path finder would with the project's roots first on ``sys.path``.

    It sees source files only: a compiled extension or a lone ``.pyc`` belongs to one machine, so
    it is carried only when ``include`` names it. A folder is listed once, so an instance is a
    picture of one moment.
    """

    def __init__(self, layout: ProjectLayout) -> None:
        self.layout = layout
        self._found: dict[str, ProjectModule | None] = {}
        self._listings: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    def locate(self, name: str) -> ProjectModule | None:
        """Return the project's module ``name``, or None where it is not the project's."""
        if name not in self._found:
            self._found[name] = self._locate(name)
        return self._found[name]

    def names_of(self, file: str) -> Iterator[str]:
        """Yield every dotted name that a source file of the project can be imported by."""
        stem = file.removesuffix(".py").removesuffix("/__init__")
        for root in self.layout.roots:
            if not root or stem.startswith(f"{root}/"):
                yield stem[len(root) + 1 if root else 0 :].replace("/", ".")

    def _locate(self, name: str) -> ProjectModule | None:
        parent, _, leaf = name.rpartition(".")
        if parent:
            above = self.locate(parent)
            return self._search(leaf, above.folders) if above else None
        if name in (OWN_PACKAGE, "__main__") or self.layout.only_package not in (None, name):
            return None
        found = self._search(name, self.layout.roots)
        # A folder without __init__.py never hides the standard library, wherever it is on the path.
        return None if found and found.file is None and name in sys.stdlib_module_names else found

    def _search(self, leaf: str, folders: tuple[str, ...]) -> ProjectModule | None:
        portions = []
        for folder in folders:
            files, subfolders = self._listing(folder)
            path = f"{folder}/{leaf}" if folder else leaf
            if leaf in subfolders and "__init__.py" in self._listing(path)[0]:
                return ProjectModule(f"{path}/__init__.py", (path,))
            if f"{leaf}.py" in files:
                return ProjectModule(f"{path}.py")
            if leaf in subfolders:
                portions.append(path)
        return ProjectModule(None, tuple(portions)) if portions else None

    def _listing(self, folder: str) -> tuple[frozenset[str], frozenset[str]]:
        if folder not in self._listings:
            try:
                with os.scandir(self.layout.root / folder) as entries:
                    kinds = [(entry.name, entry.is_dir()) for entry in entries]
            except OSError:
                kinds = []
            files = frozenset(name for name, is_folder in kinds if not is_folder)
            self._listings[folder] = (files, frozenset(name for name, is_folder in kinds if is_folder))
        return self._listings[folder]
