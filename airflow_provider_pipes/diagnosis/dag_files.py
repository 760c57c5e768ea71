"""The DAG files that a project put into a dags folder, and what each says of itself."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pipes.orchestrators.airflow.publish import GeneratedFile, generated_files

_UNWANTED = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
_DEPTH = 5


@dataclass(frozen=True)
class DeployedFile:
    """A DAG file of ours.

    Attributes:
        dag_id: As the file has it; the file's name where it can't be told.
        store: Address of the artifact store that its tasks open; None where it can't be told.
    """

    path: Path
    source: str
    deployment_id: str
    dag_id: str
    store: str | None


def deployed_files(folder: Path) -> list[DeployedFile]:
    """Return the DAG files of ours in ``folder``."""
    return [_deployed(each) for each in generated_files(folder)]


def _deployed(file: GeneratedFile) -> DeployedFile:
    try:
        tree = ast.parse(file.path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        tree = ast.Module([], [])
    dag_id = next(_keyword(tree, "DAG", "dag_id"), None)
    return DeployedFile(
        path=file.path,
        source=file.marker.source,
        deployment_id=file.marker.deployment_id,
        dag_id=dag_id or file.path.stem,
        store=_store(tree, file.path.parent),
    )


def _keyword(tree: ast.Module, function: str, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            for each in node.keywords:
                if each.arg == name and isinstance(each.value, ast.Constant):
                    yield str(each.value.value)


def _store(tree: ast.Module, folder: Path) -> str | None:
    """Return the store's address, which stands there as it is, or as the way from the file's folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "store" and isinstance(value, ast.Constant):
                    return str(value.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            last = node.args[-1] if node.args else None
            if isinstance(last, ast.Constant):
                return os.path.abspath(folder / str(last.value))
    return None


def find_source(root: Path, source: str, roots: tuple[str, ...]) -> str | None:
    """Return the TARGET of a pipeline, as "path/to/file.py:function"; None where it is not in the project.

    Args:
        root: The project's folder.
        source: "module:function".
        roots: Folders below ``root`` that the module's name may start from; all where none is known.
    """
    module, _, function = source.partition(":")
    tail = module.replace(".", "/")
    for base in roots or _folders(root):
        for name in (f"{tail}.py", f"{tail}/__init__.py"):
            if (root / base / name).is_file():
                return f"{(Path(base) / name).as_posix()}:{function}"
    return None


def _folders(root: Path) -> Iterator[str]:
    for folder, below, _ in os.walk(root):
        relative = Path(folder).relative_to(root)
        below[:] = sorted(
            each
            for each in below
            if not each.startswith(".") and each not in _UNWANTED and len(relative.parts) < _DEPTH
        )
        yield relative.as_posix()
