"""TARGET of the command line: ``path/to/file.py:name`` or ``module:name``."""

from __future__ import annotations

import difflib
import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from airflow_provider_pipes.authoring.pipeline import Pipeline
from airflow_provider_pipes.compiler.project import ProjectLayout, find_layout
from airflow_provider_pipes.errors import TargetError
from airflow_provider_pipes.runtime.sources import import_user_module


@dataclass(frozen=True)
class Target:
    """A pipeline and the project that it is from."""

    pipeline: Pipeline[...]
    layout: ProjectLayout


def load_target(text: str, folder: Path | None = None) -> Target:
    """Import what TARGET names.

    Args:
        text: As the user wrote it; the name may be left out where the file has one pipeline.
        folder: Where relative paths and modules are looked for; the current directory by default.

    Raises:
        TargetError: it is not there, or no pipeline.
        UserCodeError: the user's module raised while it was imported.
    """
    folder = folder or Path.cwd()
    where, _, name = text.partition(":") if not text.endswith(".py") else (text, "", "")
    file, module_name = _find_file(where, folder)
    layout, module_name = find_layout(file, module_name)
    _put_on_path(layout)
    module = import_user_module(module_name)
    _check_origin(module, file)
    return Target(_pipeline(module, name, text), layout)


def _find_file(where: str, folder: Path) -> tuple[Path, str | None]:
    if where.endswith(".py") or "/" in where:
        file = (folder / where).absolute()
        if not file.is_file():
            near = difflib.get_close_matches(file.name, [each.name for each in file.parent.glob("*.py")], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TargetError(f"there is no file {where!r} in {folder}{hint}")
        return file, None
    if not where:
        raise TargetError(
            "a target is written path/to/file.py:name or module:name; the part before ':' is empty"
        )
    return _module_file(where, folder), where


def _module_file(name: str, folder: Path) -> Path:
    """Return the file of a module, found without importing it; the current directory comes first."""
    search: list[str] | None = [str(folder), str(folder / "src"), *sys.path]
    spec: importlib.machinery.ModuleSpec | None = None
    parts = name.split(".")
    for index in range(len(parts)):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: index + 1]), search)
        search = list(spec.submodule_search_locations or []) if spec else None
        if spec is None:
            break
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise TargetError(
            f"there is no module {name!r} in {folder} or in this environment; name a file "
            "(path/to/file.py:name) or a module that Python can import"
        )
    return Path(spec.origin)


def _put_on_path(layout: ProjectLayout) -> None:
    folders = [str(layout.root / root) if root else str(layout.root) for root in layout.roots]
    if layout.only_package is None:
        sys.path[:] = [*folders, *(each for each in sys.path if each not in folders)]


def _check_origin(module: ModuleType, file: Path) -> None:
    found = getattr(module, "__file__", None)
    if found is None or Path(found).resolve() != file.resolve():
        raise TargetError(
            f"{file} has the name of another module, {module.__name__!r} from {found}; rename the file"
        )


def _pipeline(module: ModuleType, name: str, text: str) -> Pipeline[...]:
    pipelines = {each: value for each, value in vars(module).items() if isinstance(value, Pipeline)}
    own = {each: value for each, value in pipelines.items() if value.function.__module__ == module.__name__}
    if not name:
        if len(own) == 1:
            return next(iter(own.values()))
        if own:
            choices = " or ".join(f"{text.rstrip(':')}:{each}" for each in own)
            raise TargetError(f"{text!r} holds {len(own)} pipelines; name one: {choices}")
        raise TargetError(f"{text!r} holds no pipeline; decorate a function with @pipeline")
    if name in pipelines:
        return pipelines[name]
    known = f"{module.__name__!r} has: {', '.join(own) or 'no pipeline'}"
    if hasattr(module, name):
        raise TargetError(
            f"{name!r} in {module.__name__!r} is no pipeline; decorate it with @pipeline ({known})"
        )
    near = difflib.get_close_matches(name, list(vars(module)), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise TargetError(f"there is no {name!r} in {module.__name__!r}{hint} ({known})")
