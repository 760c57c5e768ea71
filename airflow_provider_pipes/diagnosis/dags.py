"""Checks of the dags folder and of the DAG files in it: here, against the code, and in Airflow."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_pipes.diagnosis.configuration import edit_command
from airflow_provider_pipes.diagnosis.environment import can_be_opened
from airflow_provider_pipes.diagnosis.findings import NotCheckableError, Observation, ok, problem, warning

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.airflow_setup import AirflowFacts
    from airflow_provider_pipes.diagnosis.dag_files import DeployedFile
    from airflow_provider_pipes.diagnosis.examination import Examination

# Airflow lists a folder every five minutes unless it is told otherwise.
_REFRESH_SECONDS = 330


def check_dags_folder(examination: Examination) -> Iterator[Observation]:
    """Whether DAG files can be written, and whether Airflow reads the folder."""
    folder = examination.dags_folder
    bad = _unwritable(examination, folder)
    if bad:
        yield bad
    try:
        facts: AirflowFacts | None = examination.airflow_facts
    except NotCheckableError:
        facts = None
    seen = f"{folder}" if folder.is_dir() else f"{folder}, made by the first `pipes deploy`"
    if facts is not None and facts.folders and not _within(folder, facts.folders):
        yield _not_read(examination, facts)
    elif facts is not None and not facts.folders:
        names = ", ".join(facts.other_bundles) or "none"
        yield warning(
            f"Airflow reads no folder but the bundles {names}: bring {folder} there", f"git add {folder}"
        )
    elif facts is not None and examination.airflow.ours and not folder.is_dir():
        yield problem(
            f"{folder} is gone, and the Airflow that runs reads it", f"mkdir -p {shlex.quote(str(folder))}"
        )
    elif not bad:
        yield ok(f"{seen}; Airflow reads it" if facts else f"{seen}; writable")


def _unwritable(examination: Examination, folder: Path) -> Observation | None:
    there = next(each for each in (folder, *folder.parents) if each.exists() or each.is_symlink())
    quoted = shlex.quote(str(there))
    if not there.is_dir():
        return problem(f"{there} is no folder", f"mv {quoted} {shlex.quote(f'{there}.old')}")
    try:
        with tempfile.TemporaryFile(prefix=".pipes-", dir=there):
            return None
    except OSError as error:
        seen = f"{there} can't be written: {(error.strerror or str(error)).lower()}"
        if can_be_opened(there):
            return problem(seen, f"chmod u+rwx {quoted}")
        if examination.chosen_dags_folder is not None:
            return problem(seen, examination.without_dags_folder)
        return problem(seen, edit_command(examination))


def _within(folder: Path, read: tuple[Path, ...]) -> bool:
    # Airflow looks into subfolders, too.
    return any(folder.resolve().is_relative_to(each.expanduser().resolve()) for each in read)


def _not_read(examination: Examination, facts: AirflowFacts) -> Observation:
    theirs = facts.folders[0]
    seen = f"{examination.dags_folder} is not what Airflow reads, which is {theirs}"
    if examination.chosen_dags_folder is not None:
        # It goes before whatever else names a folder.
        return problem(seen, examination.without_dags_folder)
    if examination.airflow.ours:
        return problem(seen, examination.restart_command)
    name = examination.orchestrator.name.upper().replace("-", "_")
    fix = f"export PIPES_ORCHESTRATORS__{name}__DAGS_FOLDER={shlex.quote(str(theirs))}"
    return problem(seen, fix)


def check_airflow_dags(examination: Examination) -> Iterator[Observation]:
    """Whether Airflow has the DAGs of the files."""
    files = examination.deployed
    yield from _foreign_errors(examination, files)
    if not files:
        raise NotCheckableError("nothing is deployed", examination.command("deploy", "TARGET"))
    known = _known_dags(examination, files)
    for file in files:
        if file.dag_id not in known:
            yield _unseen(examination, file)
    seen = [_named(known[each.dag_id]) for each in files if each.dag_id in known]
    if seen:
        yield ok(f"Airflow has {_listed(seen)}")


def _named(dag: dict[str, Any]) -> str:
    return f"{dag['dag_id']} (paused)" if dag.get("is_paused") in (True, "True") else str(dag["dag_id"])


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 5 else f"{', '.join(names[:5])} and {len(names) - 5} more"


def _known_dags(examination: Examination, files: list[DeployedFile]) -> dict[str, dict[str, Any]]:
    airflow = examination.airflow
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        answer = airflow.get(f"/api/v2/dags/{quote(file.dag_id)}")
        if answer is None or answer.status not in (200, 404):
            return _listed_by_command(examination)
        if answer.ok and not answer.body.get("is_stale"):
            found[file.dag_id] = answer.body
    return found


def _listed_by_command(examination: Examination) -> dict[str, dict[str, Any]]:
    if not examination.airflow_facts.database_ready:
        raise NotCheckableError("Airflow has no database yet", examination.up_command)
    done = examination.airflow.command("dags", "list", "--output", "json")
    start = done.stdout.find("[")
    try:
        dags = json.loads(done.stdout[start:]) if start >= 0 else []
    except ValueError:
        dags = None
    if done.returncode or dags is None:
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise NotCheckableError(f"`airflow dags list` failed: {last[:160]}", "airflow db migrate")
    return {each["dag_id"]: each for each in dags}


def _unseen(examination: Examination, file: DeployedFile) -> Observation:
    airflow = examination.airflow
    trace = _import_errors(examination).get(file.path)
    if trace is not None:
        return problem(*_not_imported(file.path, trace))
    age = time.time() - file.path.stat().st_mtime
    home = f"AIRFLOW_HOME={shlex.quote(str(airflow.home))} " if airflow.ours else ""
    fix = f"{home}airflow dags reserialize"
    if age < _REFRESH_SECONDS:
        return warning(f"Airflow has not seen {file.dag_id} yet, written {age:.0f} s ago", fix)
    return problem(f"Airflow does not know the DAG {file.dag_id} of {file.path.name}", fix)


def _foreign_errors(examination: Examination, files: list[DeployedFile]) -> Iterator[Observation]:
    """Yield what Airflow can't import although no pipeline of the project is in it."""
    try:
        errors = _import_errors(examination)
    except NotCheckableError:
        return
    ours = {each.path for each in files}
    for path, trace in errors.items():
        if path not in ours:
            yield warning(*_not_imported(path, trace))


def _not_imported(path: Path, trace: str) -> tuple[str, str]:
    last = (trace.strip().splitlines() or ["no reason given"])[-1]
    return f"Airflow can't import {path.name}: {last}", f"python {shlex.quote(str(path))}"


def _import_errors(examination: Examination) -> dict[Path, str]:
    """Return what Airflow says of the files in the dags folder that it can't import."""
    folder = examination.dags_folder
    answer = examination.airflow.get("/api/v2/importErrors?limit=1000")
    errors = answer.body.get("import_errors", []) if answer and answer.ok else []
    # Airflow names a file by its path in the folder, or by the whole one, and keeps an error for a
    # while when the file is gone.
    found = {folder / each["filename"]: str(each.get("stack_trace") or "") for each in errors}
    return {path: trace for path, trace in found.items() if path.is_relative_to(folder) and path.exists()}


def is_same_store(file: DeployedFile, store_uri: str) -> bool:
    """Return whether a DAG file's tasks open this store, as far as the file tells."""
    if file.store is None or file.store == store_uri:
        return True
    if "://" in file.store or "://" in store_uri:
        return False
    return os.path.realpath(file.store) == os.path.realpath(store_uri)
