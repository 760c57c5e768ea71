"""Proof that a snapshot is whole: its modules are imported from it, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import airflow_provider_pipes
from airflow_provider_pipes.compiler import verify_child
from airflow_provider_pipes.compiler.project import ProjectLayout
from airflow_provider_pipes.compiler.snapshot import Snapshot
from airflow_provider_pipes.errors import SnapshotError, listing
from airflow_provider_pipes.runtime.snapshot import extract_snapshot

_OUTPUT_LINES = 20


def verify_snapshot(snapshot: Snapshot, layout: ProjectLayout, modules: Sequence[str]) -> None:
    """Import ``modules`` from the extracted snapshot, as a worker that has nothing but it.

    What the snapshot misses is taken from the project and noted, so that one attempt finds all of it.

    Args:
        snapshot: What the steps will run from.
        layout: The project that it was made of.
        modules: Dotted names.

    Raises:
        SnapshotError: a module does not load; the message has the ``include`` to add.
    """
    directory = extract_snapshot(snapshot.data, snapshot.hash)
    request = {
        "directory": str(directory),
        "roots": snapshot.roots,
        "project": str(layout.root),
        "project_roots": layout.roots,
        "only_package": layout.only_package,
        "own_parent": os.path.dirname(os.path.dirname(os.path.abspath(airflow_provider_pipes.__file__))),
        "modules": list(modules),
    }
    with tempfile.TemporaryDirectory(prefix="pipes-verify-") as scratch:
        report = _run_child(Path(scratch), request)
    problems = [*_missing_problems(report), *_failure_problems(report, directory)]
    if problems:
        raise SnapshotError(listing("the code does not load where it will run", problems))


def _run_child(scratch: Path, request: dict[str, Any]) -> dict[str, Any]:
    document, report, cwd = scratch / "request.json", scratch / "report.json", scratch / "empty"
    cwd.mkdir()
    document.write_text(json.dumps({**request, "report": str(report)}))
    # To a file: a pipe would keep us waiting for whatever the user's code starts and leaves running.
    with (scratch / "output").open("wb") as output:
        done = subprocess.run(
            # -P: neither the script's folder nor the current one is importable.
            [sys.executable, "-P", os.path.abspath(verify_child.__file__), str(document)],
            cwd=cwd,
            env=_environment(request["project"]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    try:
        result: dict[str, Any] = json.loads(report.read_bytes())
    except (OSError, ValueError):
        lines = (scratch / "output").read_text(errors="replace").splitlines()[-_OUTPUT_LINES:]
        raise SnapshotError(
            f"importing {', '.join(request['modules'])} ended Python itself (exit status {done.returncode}):"
            + "".join(f"\n    {line}" for line in lines)
        ) from None
    return result


def _environment(project: str) -> dict[str, str]:
    environment = dict(os.environ)
    entries = environment.pop("PYTHONPATH", "").split(os.pathsep)
    kept = [entry for entry in entries if entry and not verify_child.is_project_path(entry, project)]
    if kept:
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, kept))
    return environment


def _missing_problems(report: dict[str, Any]) -> list[str]:
    modules: dict[str, str] = report["modules"]
    files: list[str] = sorted(set(report["files"]))
    problems = [
        f"module {name!r} is not in the code snapshot, since no import names it; {_to_include([file])}"
        for name, file in sorted(modules.items())
    ]
    problems += [
        f"{file!r} is read while a module is imported, and is not in the code snapshot; {_to_include([file])}"
        for file in files
    ]
    if len(problems) > 1:
        problems.append(f"for all of these, {_to_include([*modules.values(), *files])}")
    problems += [
        f"{path!r} is read relative to the current directory, which is another one where steps run; "
        f"use Path(__file__).parent, and {_to_include([path])}"
        for path in sorted(set(report["relative"]))
    ]
    return problems


def _to_include(files: Iterable[str]) -> str:
    return f"add include={sorted(set(files))} to @pipeline"


def _failure_problems(report: dict[str, Any], directory: Path) -> list[str]:
    problems = []
    for failure in report["failures"]:
        lines = failure["traceback"].replace(f"{directory}{os.sep}", "").splitlines()
        message = failure["message"].replace(f"{directory}{os.sep}", "")
        problems.append("\n".join([message, *(f"      {line}" for line in lines)]))
    # A module that fails, fails again in each module that imports it.
    return list(dict.fromkeys(problems))
