"""`pipes init`: a starter project."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_pipes.cli.terminal import OUT
from airflow_provider_pipes.errors import ConfigurationError, listing


def init(
    folder: Annotated[
        Path,
        typer.Argument(metavar="[FOLDER]", help="Where to; made if it is not there.", show_default=False),
    ] = Path(),
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the pipeline; by default that of the folder."),
    ] = None,
) -> None:
    """Write a starter project: pipes.toml, a small pipeline, its test, and what to do next."""
    from airflow_provider_pipes.starter.files import KEPT_FILES, starter_files

    target = Path(os.path.abspath(folder))
    chosen = _chosen_name(target, name)
    files = starter_files(chosen)
    _require_folder(target)
    kept = [path for path in files if path in KEPT_FILES and os.path.lexists(target / path)]
    new = {path: text for path, text in files.items() if path not in kept}
    _require_free(target, new)
    _write(target, new)
    for path in files:
        told = ("kept   ", "yellow") if path in kept else ("created", "green")
        OUT.line(told, f"  {folder / path}", ", which was there" if path in kept else "")
    _say_next(folder, chosen)


def _chosen_name(target: Path, name: str | None) -> str:
    from airflow_provider_pipes.starter.files import name_problem, suggested_name

    if name is None:
        return suggested_name(target.name)
    problem = name_problem(name)
    if problem:
        raise ConfigurationError(
            f"a pipeline can't be named {name!r} here: {problem}; try --name {suggested_name(name)}"
        )
    return name


def _require_folder(target: Path) -> None:
    above = next(each for each in (target, *target.parents) if os.path.lexists(each))
    if not above.is_dir():
        raise ConfigurationError(f"{above} is no folder; name another")


def _require_free(target: Path, files: Mapping[str, str]) -> None:
    """Check that nothing would be replaced.

    Raises:
        ConfigurationError: lists every file that is there.
    """
    taken = [path for path in files if os.path.lexists(target / path)]
    if taken:
        headline = f"{target} has files that a starter project would replace, so nothing was written"
        raise ConfigurationError(f"{listing(headline, taken)}\nmove them away, or name another folder")


def _write(target: Path, files: Mapping[str, str]) -> None:
    """Write all files or none."""
    missing = [each for each in (target, *target.parents) if not os.path.lexists(each)]
    written: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            # "x": what somebody else put there in the meantime is theirs.
            with (target / path).open("x", encoding="utf-8") as file:
                written.append(target / path)
                file.write(text)
    except BaseException as error:
        _take_back(written, missing)
        if isinstance(error, OSError):
            reason = (error.strerror or str(error)).lower()
            cure = "give yourself the right to, or " if isinstance(error, PermissionError) else ""
            raise ConfigurationError(
                f"can't write {error.filename or target}: {reason}; nothing was written: "
                f"{cure}name another folder"
            ) from None
        raise


def _take_back(files: list[Path], folders: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _say_next(folder: Path, name: str) -> None:
    commands = [
        ("pipes run pipelines.py", "run it here and now"),
        ("pipes deploy pipelines.py", f"write its DAG file, dags/{name}.py"),
        ("pipes up", "start an Airflow that reads it"),
        ("pytest", "test it"),
        ("pipes doctor", "check that everything is there"),
    ]
    if folder != Path():
        commands.insert(0, (f"cd {shlex.quote(str(folder))}", ""))
    width = max(len(command) for command, _ in commands)
    OUT.line()
    OUT.line("next:")
    for command, purpose in commands:
        OUT.line(
            "  ",
            (command if not purpose else f"{command:<{width}}", "bold"),
            f"  {purpose}" if purpose else "",
        )
