"""The process that imports a snapshot's modules; run as a script by ``verify``, and light."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def is_project_path(path: str, project: str) -> bool:
    """Return whether ``path`` is in the project and not in an environment that lies in it."""
    path = os.path.abspath(path)
    if path != project and not path.startswith(project.rstrip(os.sep) + os.sep):
        return False
    library = os.path.dirname(os.path.abspath(os.__file__))
    installed = {"site-packages", "dist-packages"}.intersection(path.split(os.sep))
    return not installed and path != library and not path.startswith(library + os.sep)


class MissingModules:
    """Last on ``sys.meta_path``: serves what the snapshot misses from the project, and notes it.

    Attributes:
        found: File of each module that it served, by the module's name.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        self.directory: str = request["directory"]
        self.project: str = request["project"]
        self.roots = [
            os.path.join(self.project, root) if root else self.project for root in request["project_roots"]
        ]
        self.only_package: str | None = request["only_package"]
        self.found: dict[str, str] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the project's module, if it has one that the snapshot should have."""
        if not self._may_be_own(name):
            return None
        folders = self.roots if path is None else list(self._counterparts(path))
        spec = PathFinder.find_spec(name, folders) if folders else None
        if spec is None:
            return None
        if spec.origin is not None and spec.has_location:
            self.found[name] = self.relative(spec.origin)
            return spec
        # A folder without __init__.py, whose modules are looked for next. One that holds none may be
        # named like a package that others try to import and can do without.
        return spec if any(map(_holds_source, spec.submodule_search_locations or ())) else None

    def relative(self, file: str) -> str:
        """Return a file of the project as ``include`` names it."""
        return os.path.relpath(file, self.project).replace(os.sep, "/")

    def _counterparts(self, path: Sequence[str]) -> Iterator[str]:
        for folder in path:
            if folder == self.directory or folder.startswith(self.directory + os.sep):
                yield os.path.normpath(os.path.join(self.project, os.path.relpath(folder, self.directory)))
            elif is_project_path(folder, self.project):
                yield folder

    def note_strays(self) -> None:
        """Note modules that came from the project by another way, as an editable installation of it."""
        for name, module in list(sys.modules.items()):
            file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
            stem = str(file).removesuffix(".py").removesuffix(f"{os.sep}__init__")
            # Another distribution that lies in the project, installed for itself, is not below a root.
            below = (os.path.join(root, *name.split(".")) for root in self.roots)
            if stem in below and self._may_be_own(name):
                self.found.setdefault(name, self.relative(str(file)))

    def _may_be_own(self, name: str) -> bool:
        top = name.partition(".")[0]
        library = top in sys.stdlib_module_names or top == "airflow_provider_pipes"
        return not library and self.only_package in (None, top)


def _holds_source(folder: str) -> bool:
    for _, subfolders, files in os.walk(folder):
        if any(file.endswith(".py") for file in files):
            return True
        if "pyvenv.cfg" in files:
            subfolders.clear()
    return False


def _absent_file(error: BaseException | None, missing: MissingModules) -> tuple[str, str] | None:
    """Return ("files" or "relative", path) if a file that only the project has is behind an error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, FileNotFoundError) and isinstance(error.filename, str | os.PathLike):
            named = os.fspath(error.filename)
            inside = os.path.normpath(os.path.join(missing.directory, named))
            path = os.path.relpath(inside, missing.directory).replace(os.sep, "/")
            if inside.startswith(missing.directory + os.sep) and os.path.exists(
                os.path.join(missing.project, path)
            ):
                return ("files" if os.path.isabs(named) else "relative"), path
        error = error.__cause__ or error.__context__
    return None


def _try(module: str, missing: MissingModules, report: dict[str, Any]) -> None:
    from airflow_provider_pipes.errors import PipesError, UserCodeError
    from airflow_provider_pipes.runtime.sources import import_user_module

    try:
        import_user_module(module)
    except PipesError as error:
        absent = _absent_file(error.__cause__, missing)
        if absent is not None:
            report[absent[0]].append(absent[1])
        else:
            text = error.traceback_text if isinstance(error, UserCodeError) else ""
            report["failures"].append({"message": str(error), "traceback": text})


def main(request_path: str) -> None:
    """Import the modules that a request names and write what went wrong."""
    with open(request_path, encoding="utf-8") as stream:
        request = json.load(stream)
    # Ours may be importable only from within the project, as when its own repository is the project:
    # imported first, its submodules need sys.path no more.
    sys.path.insert(0, request["own_parent"])
    from pathlib import Path

    from airflow_provider_pipes.runtime.loading import load_snapshot

    del sys.path[0]
    load_snapshot(Path(request["directory"]), request["roots"])
    missing = MissingModules(request)
    sys.meta_path.append(missing)
    report: dict[str, Any] = {"modules": missing.found, "files": [], "relative": [], "failures": []}
    for module in request["modules"]:
        _try(module, missing, report)
    missing.note_strays()
    with open(request["report"], "w", encoding="utf-8") as stream:
        json.dump(report, stream)


if __name__ == "__main__":
    main(sys.argv[1])
    # A library may have started threads, or want to tidy up; nobody waits for that here.
    sys.stdout.flush()
    os._exit(0)
