"""Checks of the Airflow that runs: its components, its versions and its connections."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.diagnosis.findings import (
    NotCheckableError,
    Observation,
    not_checked,
    ok,
    problem,
    warning,
)
from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.version import __version__

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.airflow_setup import AirflowSetup
    from airflow_provider_pipes.diagnosis.examination import Examination

_PACKAGE = "airflow-provider-pipes"
# As the health endpoint names them, and the command that starts each.
_COMPONENTS = {
    "metadatabase": "airflow db check",
    "scheduler": "airflow scheduler",
    "triggerer": "airflow triggerer",
    "dag_processor": "airflow dag-processor",
}


def check_server(examination: Examination) -> Iterator[Observation]:
    """Whether Airflow answers, and how each of its components is."""
    left = examination.own_airflow.left
    if left:
        yield problem(
            f"the main process of the Airflow in {examination.own_home} is gone, and {len(left)} others "
            f"still run ({', '.join(map(str, left))})",
            examination.restart_command,
        )
        return
    airflow = examination.airflow
    answer = airflow.health()
    if not answer.ok or not isinstance(answer.body, dict) or "metadatabase" not in answer.body:
        yield _silent(examination, answer.status, answer.error)
        return
    bad = list(_unhealthy(examination, answer.body))
    yield from bad
    if not bad:
        names = ", ".join(name.replace("_", "-") for name in _COMPONENTS)
        yield ok(f"healthy at {airflow.url}: {names}")


def _silent(examination: Examination, status: int, error: str) -> Observation:
    airflow = examination.airflow
    if status:
        return problem(
            f"what answers at {airflow.url} is no Airflow 3 (HTTP {status})",
            f"airflow config get-value api base_url; curl -i {shlex.quote(airflow.url)}",
        )
    seen = f"nothing answers at {airflow.url}: {error}"
    if airflow.ours:
        return problem(seen, examination.restart_command)
    if examination.airflow_facts.chosen_url:
        return problem(seen, f"curl -i {shlex.quote(airflow.url)}/api/v2/monitor/health")
    return not_checked(f"{seen}; no Airflow runs here", examination.up_command)


def _unhealthy(examination: Examination, health: Mapping[str, Any]) -> Iterator[Observation]:
    for name, start in _COMPONENTS.items():
        report = health.get(name) or {}
        status = report.get("status")
        if status == "healthy":
            continue
        shown = name.replace("_", "-")
        fix = examination.restart_command if examination.airflow.ours else start
        if status is None:
            told = warning if name == "triggerer" else problem
            yield told(f"no {shown} runs", fix)
        else:
            beat = report.get(f"latest_{name}_heartbeat")
            yield problem(f"the {shown} is {status}" + (f", last seen {beat}" if beat else ""), fix)


def check_versions(examination: Examination) -> Iterator[Observation]:
    """Whether the running Airflow has this package in this version, on this Python."""
    airflow = examination.airflow
    if not airflow.health().ok:
        raise NotCheckableError("no Airflow answers")
    yield from _python_of(airflow)
    told = airflow.get("/api/v2/version")
    running = told.body.get("version") if told and isinstance(told.body, dict) else None
    answer = airflow.get("/api/v2/providers?limit=1000")
    if answer is None or not answer.ok:
        yield not_checked(
            f"no login for {airflow.url}: the password of its first user is not in {airflow.home}",
            f"airflow providers list | grep {_PACKAGE}",
        )
        return
    found = {each["package_name"]: each["version"] for each in answer.body["providers"]}
    yield provider_observation(found.get(_PACKAGE), _installed(), running or "?", airflow.ours)


def provider_observation(
    theirs: str | None, ours: str | None, airflow_version: str, same_environment: bool
) -> Observation:
    """Return what it means that Airflow has version ``theirs`` and this environment ``ours``.

    Args:
        theirs: None where Airflow has none.
        ours: None where this package is not installed but imported from its sources.
        airflow_version: That of the running Airflow.
        same_environment: Whether Airflow was started from here.
    """
    fix = f"pip install {_PACKAGE}=={__version__}"
    if theirs == __version__:
        return ok(f"the running Airflow {airflow_version} has {_PACKAGE} {theirs}, as here")
    if theirs is not None:
        return problem(f"the running Airflow has {_PACKAGE} {theirs}, and here is {__version__}", fix)
    if ours is None and same_environment:
        return not_checked(f"{_PACKAGE} is not installed here, only importable", "pip install -e .")
    return problem(f"the running Airflow {airflow_version} does not have {_PACKAGE}", fix)


def _installed() -> str | None:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return None


def _python_of(airflow: AirflowSetup) -> Iterator[Observation]:
    try:
        theirs = Path(os.readlink(f"/proc/{airflow.pid}/exe"))
    except OSError:
        return
    ours = Path(sys.executable).resolve()
    if theirs != ours:
        yield warning(
            f"the running Airflow has the Python {theirs}, and here is {ours}: pickles may not load",
            "pipes down && pipes up",
        )


def check_connections(examination: Examination) -> Iterator[Observation]:
    """Whether the Airflow connections exist that the stack's components name."""
    if not examination.connections:
        yield ok("no component names one")
    for name, components in examination.connections.items():
        yield _connection(examination, name, " and ".join(components))


def _connection(examination: Examination, name: str, wanted_by: str) -> Observation:
    from airflow_provider_pipes.stack.connections import EnvironmentConnections

    variable = f"AIRFLOW_CONN_{name.upper()}"
    try:
        EnvironmentConnections().resolve(name)
    except ConfigurationError as error:
        if os.environ.get(variable):
            return problem(str(error), connection_command(examination, name))
    else:
        return ok(f"{name}, for {wanted_by}: by {variable} here; workers need it, too")
    try:
        state = examination.airflow_facts.connections.get(name, "unknown")
    except NotCheckableError:
        state = "nowhere"
    if state == "there":
        # Enough for Airflow; what runs and deploys here reads the environment alone.
        return warning(
            f"{name}, for {wanted_by}: Airflow has it, but {variable} is not set, which `pipes run` and "
            "`pipes deploy` need",
            connection_command(examination, name),
        )
    where = {"missing": "here or in Airflow", "unknown": "here, and Airflow can't tell"}.get(state, "here")
    return problem(f"{name}, for {wanted_by}: not {where}", connection_command(examination, name))


def connection_command(examination: Examination, name: str) -> str:
    """Return the command that sets a connection for this shell, with what to fill in."""
    flavors = {
        getattr(each.config, "connection_id", None): each.flavor for each in examination.stack.components
    }
    return f"export AIRFLOW_CONN_{name.upper()}='{_EXAMPLES.get(flavors.get(name, ''), 'TYPE://LOGIN:PASSWORD@HOST')}'"


_EXAMPLES = {
    "s3": "aws://KEY:SECRET@/?region_name=REGION",
    "gcs": "google-cloud-platform://?key_path=/path/to/key.json",
    "abfs": "wasb://ACCOUNT:KEY@",
    "docker": "docker://USER:PASSWORD@REGISTRY",
}
