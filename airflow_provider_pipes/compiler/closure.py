"""The code closure: the files of a project that a module can reach by its imports."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pipes.compiler.imports import absolute_name
from airflow_provider_pipes.compiler.includes import Inclusion, find_included
from airflow_provider_pipes.compiler.memo import FileMemo
from airflow_provider_pipes.compiler.project import ModuleFinder, ProjectLayout
from airflow_provider_pipes.runtime.snapshot import contents_hash


@dataclass(frozen=True)
class Closure:
    """What a module's code depends on.

    Attributes:
        files: POSIX paths relative to the project's root, sorted.
        hash: SHA-256 over the paths and contents of the files.
        dynamic: "file:line" of each import whose name is not written there; what it loads is not
            known, so the hash does not cover it.
        problems: A sentence for each file that can't be used.
    """

    files: tuple[str, ...]
    hash: str
    dynamic: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class ClosureIndex:
    """Closures of a project's modules; a module is followed once, however many steps are in it.

    Imports count wherever they are written: in functions, in ``try``, under ``TYPE_CHECKING``. So a
    closure may hold more than a run loads, and never less but for dynamic imports. It depends
    on the names and contents of files only, not on where the project is or in which order it
    is read. An index is a picture of one moment; make a new one for another compilation.

    Args:
        layout: The project.
        memo: File that carries what was read to the next process; see ``save``.
    """

    def __init__(self, layout: ProjectLayout, memo: Path | None = None) -> None:
        self.layout = layout
        self._finder = ModuleFinder(layout)
        self._memo = FileMemo(layout.root, memo)
        self._imported: dict[str, tuple[str, ...]] = {}
        self._nearest: dict[str, str | None] = {}
        self._reached: dict[tuple[str, ...], frozenset[str]] = {}
        self._closures: dict[tuple[str, tuple[str, ...]], Closure] = {}

    def holds(self, module: str) -> bool:
        """Return whether ``module`` is a source file of the project; any other has an empty closure."""
        found = self._finder.locate(module)
        return found is not None and found.file is not None

    def closure(self, module: str, include: tuple[str, ...] = ()) -> Closure:
        """Return the closure of a module.

        Args:
            module: Its dotted name.
            include: Further files, as ``include`` returns them; what included modules import is
                in the closure too.
        """
        key = (module, include)
        if key not in self._closures:
            self._closures[key] = self._closure(module, include)
        return self._closures[key]

    def include(self, globs: Sequence[str]) -> Inclusion:
        """Return the project's files that ``globs`` match, and what is wrong with the globs."""
        return find_included(self.layout.root, globs)

    def digests(self, files: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of each file, as its closures have it."""
        return {file: self._memo.record(file).digest for file in files}

    def save(self) -> None:
        """Write the memo, once, after the last closure of a compilation."""
        self._memo.save()

    def _closure(self, module: str, include: tuple[str, ...]) -> Closure:
        reached = self._reach((module,)) | self._reach(self._included_modules(include))
        code = {found.file for name in reached if (found := self._finder.locate(name)) and found.file}
        files = tuple(sorted(code.union(include)))
        lines = sorted((file, line) for file in code for line in self._memo.record(file).imports.dynamic)
        return Closure(
            files=files,
            hash=contents_hash(self.digests(files).items()),
            dynamic=tuple(f"{file}:{line}" for file, line in lines),
            problems=tuple(self._problems(files, code)),
        )

    def _reach(self, modules: tuple[str, ...]) -> frozenset[str]:
        if modules not in self._reached:
            pending = [name for name in modules if self._finder.locate(name)]
            seen = set(pending)
            while pending:
                fresh = [name for name in self._imports_of(pending.pop()) if name not in seen]
                seen.update(fresh)
                pending.extend(fresh)
            self._reached[modules] = frozenset(seen)
        return self._reached[modules]

    def _imports_of(self, module: str) -> tuple[str, ...]:
        """Return the project's modules that ``module`` imports; its own package runs before it does."""
        if module not in self._imported:
            names = {module.rpartition(".")[0], *self._written_in(module)}
            found = {nearest for name in names if name and (nearest := self._nearest_module(name))}
            self._imported[module] = tuple(sorted(found))
        return self._imported[module]

    def _written_in(self, module: str) -> Iterator[str]:
        located = self._finder.locate(module)
        if located is None or located.file is None:
            return
        package = module if located.is_package else module.rpartition(".")[0]
        for written in self._memo.record(located.file).imports.names:
            name = absolute_name(written, package)
            if name and name.endswith(".*"):
                yield from self._star(name[:-2])
            elif name:
                yield name

    def _star(self, package: str) -> Iterator[str]:
        yield package
        located = self._finder.locate(package)
        if located and located.file and located.is_package:
            yield from (f"{package}.{name}" for name in self._memo.record(located.file).imports.exports)

    def _nearest_module(self, name: str) -> str | None:
        """Return the longest part of ``name`` that is a module: ``a.b`` may be ``b`` defined in ``a``."""
        if name not in self._nearest:
            found: str | None = None
            if self._finder.locate(name.partition(".")[0]):
                found = name
                while not self._finder.locate(found):
                    found = found.rpartition(".")[0]
            self._nearest[name] = found
        return self._nearest[name]

    def _included_modules(self, include: tuple[str, ...]) -> tuple[str, ...]:
        modules = []
        for file in include:
            # A template that only ends in .py has no imports to follow.
            if file.endswith(".py") and not self._memo.record(file).imports.error:
                names = (name for name in self._finder.names_of(file) if self._is_file(name, file))
                modules.extend([name for name in (next(names, None),) if name])
        return tuple(modules)

    def _is_file(self, module: str, file: str) -> bool:
        located = self._finder.locate(module)
        return located is not None and located.file == file

    def _problems(self, files: tuple[str, ...], code: set[str]) -> Iterator[str]:
        for file in files:
            record = self._memo.record(file)
            if record.imports.error and (file in code or not record.digest):
                yield f"{file}:{record.imports.error}"
            elif file.endswith(".py"):
                hidden = next((name for name in self._finder.names_of(file) if _hides_library(name)), None)
                if hidden:
                    where = file.removesuffix("/__init__.py")
                    yield f"module name {hidden!r} shadows the standard library; rename {where}"


def _hides_library(name: str) -> bool:
    # True for every file that a root makes importable under the name, not only where the project
    # imports it: in the snapshot, other packages' `import queue` would find it first too.
    return name in sys.stdlib_module_names
