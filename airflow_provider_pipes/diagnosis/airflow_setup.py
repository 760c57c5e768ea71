"""The Airflow that belongs to a project: the one that `pipes up` started, or the one of the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_provider_pipes.diagnosis.findings import NotCheckableError
from airflow_provider_pipes.diagnosis.rest import Answer, get, log_in
from airflow_provider_pipes.orchestrators.airflow.server import ServerStatus
from airflow_provider_pipes.orchestrators.airflow.server_environment import login_of

_PROBE = Path(__file__).with_name("airflow_probe.py")
_PROBE_SECONDS = 20
_CLI_SECONDS = 25
_ANY_HOST = ("0.0.0.0", "::", "")


@dataclass(frozen=True)
class AirflowFacts:
    """What Airflow says of itself.

    Attributes:
        folders: The folders that it reads DAG files from.
        other_bundles: Names of the bundles that are no folders.
        url: Where its api-server should be.
        chosen_url: Whether somebody said so, or it is only Airflow's default.
        connections: "there", "missing" or "unknown", by id.
        database_ready: Whether there is a database at all.
    """

    version: str
    folders: tuple[Path, ...]
    other_bundles: tuple[str, ...]
    url: str
    chosen_url: bool
    connections: Mapping[str, str]
    database_ready: bool


@dataclass(frozen=True)
class AirflowSetup:
    """One Airflow.

    Attributes:
        environment: The variables that its commands need.
        own_url: Where it answers, for one that `pipes up` started and that runs.
        pid: Its process; known for the same.
    """

    home: Path
    environment: Mapping[str, str]
    own_url: str | None = None
    pid: int | None = None
    _facts: dict[tuple[str, ...], AirflowFacts] = field(default_factory=dict, repr=False)
    _answers: dict[str, Answer] = field(default_factory=dict, repr=False)
    _silences: list[NotCheckableError] = field(default_factory=list, repr=False)

    @property
    def ours(self) -> bool:
        """Whether `pipes up` started it."""
        return self.own_url is not None

    @property
    def url(self) -> str:
        """Where its api-server is, or should be."""
        if self.own_url is not None:
            return self.own_url
        known = next(iter(self._facts.values()), None)
        return (known or self.ask(())).url

    def health(self) -> Answer:
        """Return what the health endpoint says; asked once."""
        return self._once("/api/v2/monitor/health")

    def get(self, path: str) -> Answer | None:
        """Return what the REST API says to Airflow's first user; None where that one can't be."""
        if not self.health().ok or self._token is None:
            return None
        return get(f"{self.url}{path}", self._token)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run an `airflow` command.

        Raises:
            NotCheckableError: it took too long.
        """
        return self._run(
            [sys.executable, "-P", "-m", "airflow", *words], _CLI_SECONDS, "airflow " + " ".join(words)
        )

    def ask(self, connection_ids: Sequence[str]) -> AirflowFacts:
        """Return what Airflow's own code says of its configuration.

        Raises:
            NotCheckableError: it does not start.
        """
        key = tuple(connection_ids)
        if self._silences:
            # It takes seconds to find that out, and nothing has changed since.
            raise self._silences[0]
        if key not in self._facts:
            try:
                self._facts[key] = self._asked(key)
            except NotCheckableError as error:
                self._silences.append(error)
                raise
        return self._facts[key]

    def _asked(self, connection_ids: tuple[str, ...]) -> AirflowFacts:
        command = [sys.executable, "-P", str(_PROBE), *connection_ids]
        done = self._run(command, _PROBE_SECONDS, "Airflow's configuration")
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise NotCheckableError(f"Airflow does not start here: {last[0][:200]}", "airflow version")
        return _facts(json.loads(done.stdout.strip().splitlines()[-1]))

    def _run(self, command: list[str], limit: float, what: str) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory(prefix="pipes-doctor-") as scratch:
            try:
                return subprocess.run(
                    command,
                    env={**self.environment, **_kept_clean(self.environment, self.home, scratch)},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=limit,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise NotCheckableError(f"{what} took more than {limit:g} s", "airflow version") from None

    def _once(self, path: str) -> Answer:
        if path not in self._answers:
            self._answers[path] = get(f"{self.url}{path}")
        return self._answers[path]

    @cached_property
    def _token(self) -> str | None:
        user, file = login_of(self.environment, self.home)
        try:
            password = json.loads(file.read_text(encoding="utf-8"))[user]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return log_in(self.url, user, password)


def find_airflow(own_home: Path, running: ServerStatus, given: Mapping[str, str]) -> AirflowSetup | None:
    """Return the Airflow in ``own_home`` if it is running, else the one of the environment, else None."""
    if running.running:
        chosen = {"AIRFLOW_HOME": str(own_home), "AIRFLOW__CORE__DAGS_FOLDER": str(running.dags_folder)}
        return AirflowSetup(own_home, {**given, **chosen}, running.url, running.pid)
    home = Path(given.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    if home.resolve() == own_home.resolve() and "AIRFLOW__CORE__DAGS_FOLDER" not in given:
        return None  # `pipes up` tells it its folder; without, it would name another
    named = any(name.startswith("AIRFLOW__") or name in ("AIRFLOW_HOME", "AIRFLOW_CONFIG") for name in given)
    return AirflowSetup(home, dict(given)) if named or (home / "airflow.cfg").exists() else None


def _kept_clean(given: Mapping[str, str], home: Path, scratch: str) -> dict[str, str]:
    """Return what keeps Airflow from writing a configuration and logs only because it was asked something."""
    config = Path(given.get("AIRFLOW_CONFIG") or home / "airflow.cfg").expanduser()
    chosen = {} if config.exists() else {"AIRFLOW_CONFIG": os.path.join(scratch, "airflow.cfg")}
    return {**chosen, "AIRFLOW__LOGGING__BASE_LOG_FOLDER": scratch, "PYTHONWARNINGS": "ignore"}


def _facts(said: Mapping[str, Any]) -> AirflowFacts:
    folders, others = [], []
    for bundle in said["bundles"]:
        if str(bundle.get("classpath", "")).endswith(".LocalDagBundle"):
            folders.append(Path((bundle.get("kwargs") or {}).get("path") or said["dags_folder"]))
        else:
            others.append(str(bundle.get("name")))
    host = "localhost" if said["host"] in _ANY_HOST else said["host"]
    return AirflowFacts(
        version=said["version"],
        folders=tuple(folders),
        other_bundles=tuple(others),
        url=(said["base_url"] or f"http://{host}:{said['port']}").rstrip("/"),
        chosen_url=bool(said["base_url"]),
        connections=said["connections"],
        database_ready=said["database_ready"],
    )
