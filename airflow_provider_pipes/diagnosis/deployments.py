"""Checks of the DAG files against the code they come from, and against what is in the artifact store."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.diagnosis.dag_files import DeployedFile, find_source
from airflow_provider_pipes.diagnosis.dags import is_same_store
from airflow_provider_pipes.diagnosis.findings import (
    NotCheckableError,
    Observation,
    not_checked,
    ok,
    problem,
    warning,
)
from airflow_provider_pipes.diagnosis.store import working_storage
from airflow_provider_pipes.errors import (
    ArtifactError,
    CompileError,
    PipesError,
    SchemaVersionError,
    TargetError,
    UserCodeError,
)

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.examination import Examination

_SECONDS = 9
_MOST_PIPELINES = 10


@dataclass(frozen=True)
class _Silence:
    """Why `pipes deploy --check` said nothing.

    Attributes:
        code: What it ended with; None where it did not end in time.
    """

    why: str
    code: int | None = None


@dataclass(frozen=True)
class _Target:
    """A DAG file whose pipeline was found in the project."""

    file: DeployedFile
    text: str
    stack: str | None


def check_deployments(examination: Examination) -> Iterator[Observation]:
    """Whether the DAG files are what their pipelines compile to, and their deployments are in the store."""
    if not examination.deployed:
        raise NotCheckableError("nothing is deployed", examination.command("deploy", "TARGET"))
    targets: list[_Target] = []
    for file in examination.deployed:
        document = _document(examination, file)
        if isinstance(document, Observation):
            yield document
            continue
        target = _target(examination, file, document)
        if target is None:
            yield warning(
                f"{file.path.name}: its pipeline {file.source} is not in {examination.project.root}; "
                "undeploy it, then deploy the pipeline from where it is now",
                examination.command("undeploy", file.dag_id),
            )
        else:
            targets.append(target)
    current = []
    for target, difference in _compared(examination, targets):
        if difference:
            yield difference
        else:
            current.append(target.file.path.name)
    if current:
        yield ok(f"what the pipelines compile to: {', '.join(current)}")


def _document(examination: Examination, file: DeployedFile) -> Mapping[str, Any] | Observation:
    from airflow_provider_pipes.models.paths import code_path, deployment_path

    if not is_same_store(file, examination.store.uri(examination.project.root)):
        return not_checked(f"{file.path.name} is of another stack, with its artifacts in {file.store}")
    storage = working_storage(examination)
    again = examination.command("deploy", find_source(examination.project.root, file.source, ()) or "TARGET")
    try:
        found: Mapping[str, Any] = json.loads(storage.read(deployment_path(file.deployment_id)))
        there = storage.exists(code_path(found["code"]["hash"]))
    except (ArtifactError, KeyError, ValueError, TypeError):
        there = False
    if not there:
        return problem(
            f"{file.path.name}: its deployment is not in the artifact store, so its tasks fail", again
        )
    try:
        _check_version(found)
    except SchemaVersionError as error:
        return problem(f"{file.path.name}: {error}", "pip install --upgrade airflow-provider-pipes")
    return found


def _check_version(document: Mapping[str, Any]) -> None:
    from airflow_provider_pipes.models.documents import check_schema_version

    check_schema_version("deployment", dict(document))


def _target(examination: Examination, file: DeployedFile, document: Mapping[str, Any]) -> _Target | None:
    roots = tuple(document["code"].get("roots") or ())
    text = find_source(examination.project.root, file.source, roots)
    stack = document.get("stack", {}).get("name")
    known = stack if stack in examination.project.stack_names else None
    return _Target(file, text, examination.stack_name or known) if text else None


def _compared(
    examination: Examination, targets: Sequence[_Target]
) -> Iterator[tuple[_Target, Observation | None]]:
    for stack in dict.fromkeys(each.stack for each in targets):
        group = [each for each in targets if each.stack == stack]
        told = _told(examination, group)
        for target in group:
            # Where one does not compile, nothing is said of the others: then each is asked for alone.
            own = _told(examination, [target]) if isinstance(told, _Silence) and len(group) > 1 else told
            yield target, _difference(examination, target, own)


def _told(examination: Examination, group: Sequence[_Target]) -> dict[str, dict[str, Any]] | _Silence:
    """Return what `pipes deploy --check` says, by target, or why it says nothing."""
    texts = [each.text for each in group]
    stack = ["--stack", group[0].stack] if group[0].stack else []
    options = ["--check", "--json", "--dags-folder", str(examination.dags_folder), *stack]
    try:
        # In a process of its own: the user's modules are imported, and may do anything.
        done = subprocess.run(
            [sys.executable, "-m", "airflow_provider_pipes.cli.main", "deploy", *texts, *options],
            cwd=examination.project.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
        return {each["target"]: each for each in json.loads(done.stdout)}
    except subprocess.TimeoutExpired:
        return _Silence(f"compiling took more than {_SECONDS} s")
    except ValueError:
        # The error that the command ended with, without a user's traceback before it.
        return _Silence(done.stderr.rpartition("error: ")[2].strip() or "no reason given", done.returncode)


def _difference(
    examination: Examination, target: _Target, told: dict[str, dict[str, Any]] | _Silence
) -> Observation | None:
    name, again = target.file.path.name, examination.command("deploy", target.text)
    if isinstance(told, _Silence):
        seen = f"{name}: {target.text} does not compile: {told.why}"
        return problem(seen, _mending(examination, target, told) or again)
    result = told[target.text]
    if result["path"] != str(target.file.path):
        return warning(
            f"{name} is left over: {target.text} is now deployed as {result['dag_id']}",
            examination.command("undeploy", target.file.dag_id),
        )
    return warning(f"{name} is not what {target.text} compiles to now", again) if result["changed"] else None


def _mending(examination: Examination, target: _Target, told: _Silence) -> str:
    """Return what to do before deploying again could help, or nothing."""
    if told.code == TargetError.exit_code:
        return examination.command("undeploy", target.file.dag_id)
    if told.code in (UserCodeError.exit_code, CompileError.exit_code):
        file = examination.project.root / target.text.partition(":")[0]
        line = re.search(rf"{re.escape(file.name)}:(\d+)", told.why)
        return f"${{EDITOR:-vi}} {f'+{line[1]} ' if line else ''}{shlex.quote(str(file))}"
    return ""


def check_pythons(examination: Examination) -> Iterator[Observation]:
    """Whether the last runs of what is deployed had this Python: pickles and cached results belong to one."""
    from airflow_provider_pipes.runtime.history import History

    storage = working_storage(examination)
    if not examination.deployed:
        raise NotCheckableError("nothing is deployed", examination.command("deploy", "TARGET"))
    here = ".".join(map(str, sys.version_info[:2]))
    seen = 0
    for file in examination.deployed[:_MOST_PIPELINES]:
        pipeline = _pipeline_name(examination, file)
        python = _python_of_last_run(History(storage), pipeline) if pipeline else None
        seen += python is not None
        if python and python.split(".")[:2] != here.split("."):
            yield warning(
                f"{pipeline} last ran on Python {python}, and here is {here}: pickled artifacts may not load",
                f"python{'.'.join(python.split('.')[:2])} -m venv .venv",
            )
            return
    yield (
        ok(f"the last runs had Python {here}, as here")
        if seen
        else not_checked("nothing deployed has run yet")
    )


def _pipeline_name(examination: Examination, file: DeployedFile) -> str | None:
    document = _document(examination, file)
    return None if isinstance(document, Observation) else str(document["pipeline"]["name"])


def _python_of_last_run(history: Any, pipeline: str) -> str | None:
    try:
        newest = history.runs(pipeline, 1)
        steps = history.run(newest[0].record.run_name, pipeline).steps if newest else ()
    except PipesError:
        return None
    return next((each.manifest.python for each in steps if each.manifest and each.manifest.python), None)
