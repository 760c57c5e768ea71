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
    bad = _unwritable(folder)
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
    elif not bad:
        yield ok(f"{seen}; Airflow reads it" if facts else f"{seen}; writable")


def _unwritable(folder: Path) -> Observation | None:
    there = next(each for each in (folder, *folder.parents) if each.exists() or each.is_symlink())
    quoted = shlex.quote(str(there))
    if not there.is_dir():
        return problem(f"{there} is no folder", f"mv {quoted} {shlex.quote(f'{there}.old')}")
    try:
        with tempfile.TemporaryFile(prefix=".pipes-", dir=there):
            return None
    except OSError as error:
        return problem(
            f"{there} can't be written: {(error.strerror or str(error)).lower()}", f"chmod u+rwx {quoted}"
        )


def _within(folder: Path, read: tuple[Path, ...]) -> bool:
    # Airflow looks into subfolders, too.
    return any(folder.resolve().is_relative_to(each.expanduser().resolve()) for each in read)


def _not_read(examination: Examination, facts: AirflowFacts) -> Observation:
    theirs = facts.folders[0]
    name = examination.orchestrator.name.upper().replace("-", "_")
    fix = f"export PIPES_ORCHESTRATORS__{name}__DAGS_FOLDER={shlex.quote(str(theirs))}"
    return problem(f"{examination.dags_folder} is not what Airflow reads, which is {theirs}", fix)


def check_airflow_dags(examination: Examination) -> Iterator[Observation]:
    """Whether Airflow has the DAGs of the files."""
    files = examination.deployed
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
    answer = airflow.get("/api/v2/importErrors?limit=1000")
    errors = answer.body.get("import_errors", []) if answer and answer.ok else []
    trace = next((each["stack_trace"] for each in errors if each["filename"].endswith(file.path.name)), None)
    if trace:
        return problem(
            f"Airflow can't import {file.path.name}: {trace.strip().splitlines()[-1]}",
            f"python {shlex.quote(str(file.path))}",
        )
    age = time.time() - file.path.stat().st_mtime
    home = f"AIRFLOW_HOME={shlex.quote(str(airflow.home))} " if airflow.ours else ""
    fix = f"{home}airflow dags reserialize"
    if age < _REFRESH_SECONDS:
        return warning(f"Airflow has not seen {file.dag_id} yet, written {age:.0f} s ago", fix)
    return problem(f"Airflow does not know the DAG {file.dag_id} of {file.path.name}", fix)


def is_same_store(file: DeployedFile, store_uri: str) -> bool:
    """Return whether a DAG file's tasks open this store, as far as the file tells."""
    if file.store is None or file.store == store_uri:
        return True
    if "://" in file.store or "://" in store_uri:
        return False
    return os.path.realpath(file.store) == os.path.realpath(store_uri)
