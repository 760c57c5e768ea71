"""A client of Airflow's REST API for tests, with what waits for things to happen."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_pipes.testing.waiting import wait_until

_ATTEMPTS = 4
ENDED = ("success", "failed")

Json = dict[str, Any]


class RestError(Exception):
    """Airflow refused a request.

    Attributes:
        status: The HTTP status.
        detail: Airflow's explanation, decoded if it was JSON.
    """

    def __init__(self, status: int, detail: Any, request: str) -> None:
        super().__init__(f"{request}: {status} {detail}")
        self.status = status
        self.detail = detail


class AirflowApi:
    """The REST API of a running Airflow, as its admin.

    Every ``wait_…`` has a deadline and fails the test with what Airflow says. Answers are Airflow's JSON.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._login = {"username": user, "password": password}
        self._token: str | None = None
        # No proxy: the address is this machine's.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def token(self) -> str:
        """A token from ``POST /auth/token``, for requests of your own."""
        if self._token is None:
            self._token = str(self._send("POST", "/auth/token", self._login)["access_token"])
        return self._token

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request below ``/api/v2`` and return the decoded answer.

        A request that fails on a locked SQLite database is sent again, as a user would click again.

        Raises:
            RestError: Airflow answered with an error.
        """
        text = f"/api/v2/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        headers = {"Authorization": f"Bearer {self.token}"}
        for _ in range(_ATTEMPTS):
            try:
                return self._send(method, text, body, headers)
            except RestError as error:
                if error.status not in (500, 503) or "atabase" not in str(error.detail):
                    raise
        return self._send(method, text, body, headers)

    def dag(self, dag_id: str) -> Json | None:
        """Return a DAG's details, or None while Airflow does not know it."""
        try:
            found: Json = self.request("GET", f"dags/{quote(dag_id)}/details")
        except RestError as error:
            if error.status == 404:
                return None
            raise
        return found

    def import_errors(self) -> dict[str, str]:
        """Return the errors of DAG files, by file name."""
        found = self.request("GET", "importErrors")["import_errors"]
        return {each["filename"]: each["stack_trace"] for each in found}

    def wait_for_dag(self, dag_id: str, version: int = 1, seconds: float = 60) -> Json:
        """Wait until Airflow has a DAG, in a version number at least ``version``; return its details.

        A redeployed DAG has a version above the one of ``version_of`` before.
        """

        def known() -> Json | None:
            found = self.dag(dag_id)
            return found if found and _version(found) >= version else None

        try:
            return wait_until(known, f"DAG {dag_id} version {version}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; import errors: {self.import_errors()}") from None

    def version_of(self, dag_id: str) -> int:
        """Return the number of a DAG's newest version; 0 if there is none."""
        found = self.dag(dag_id)
        return _version(found) if found else 0

    def unpause(self, dag_id: str) -> None:
        """Wait for a DAG and let it run."""
        self.wait_for_dag(dag_id)
        self.request("PATCH", f"dags/{quote(dag_id)}", {"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Let a DAG start no more runs."""
        self.request("PATCH", f"dags/{quote(dag_id)}", {"is_paused": True})

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        logical_date: str | None = None,
    ) -> str:
        """Start a run and return its id; the DAG must be there, and not be paused if it shall run."""
        # Always with an id, so that a second attempt of the request starts no second run.
        chosen = run_id or f"manual__{datetime.now(UTC).isoformat()}"
        body = {"dag_run_id": chosen, "logical_date": logical_date, "conf": dict(conf or {})}
        try:
            self.request("POST", f"dags/{quote(dag_id)}/dagRuns", body)
        except RestError as error:
            if error.status != 409 or run_id is not None:
                raise
        return chosen

    def run(self, dag_id: str, conf: Mapping[str, Any] | None = None, seconds: float = 90) -> str:
        """Unpause a DAG, trigger it, wait until the run succeeds, and return the run's id."""
        self.unpause(dag_id)
        run_id = self.trigger(dag_id, conf)
        self.wait_for_run(dag_id, run_id, seconds=seconds)
        return run_id

    def dag_run(self, dag_id: str, run_id: str) -> Json:
        """Return a DAG run."""
        found: Json = self.request("GET", _run_path(dag_id, run_id))
        return found

    def dag_runs(self, dag_id: str) -> list[Json]:
        """Return a DAG's runs, the oldest first."""
        found: list[Json] = self.request("GET", f"dags/{quote(dag_id)}/dagRuns", order_by="id")["dag_runs"]
        return found

    def wait_for_run(
        self, dag_id: str, run_id: str, state: str | None = "success", seconds: float = 90
    ) -> Json:
        """Wait until a run ended, and fail if its state is not ``state`` (None: any will do)."""

        def ended() -> Json | None:
            found = self.dag_run(dag_id, run_id)
            return found if found["state"] in ENDED else None

        try:
            found = wait_until(ended, f"the end of {dag_id} {run_id}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report(dag_id, run_id)}") from None
        if state not in (None, found["state"]):
            raise AssertionError(f"run {found['state']}\n{self.report(dag_id, run_id)}")
        return found

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the task instances of a run (``state``, ``try_number``, ``start_date``, …)."""
        found: list[Json] = self.request("GET", f"{_run_path(dag_id, run_id)}/taskInstances")[
            "task_instances"
        ]
        return found

    def task(self, dag_id: str, run_id: str, task_id: str) -> Json:
        """Return one task instance that is not mapped."""
        found: Json = self.request("GET", _task_path(dag_id, run_id, task_id))
        return found

    def states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run."""
        return {each["task_id"]: each["state"] for each in self.tasks(dag_id, run_id)}

    def wait_for_task(
        self, dag_id: str, run_id: str, task_id: str, states: Iterable[str], seconds: float = 60
    ) -> Json:
        """Wait until a task is in one of some states."""
        wanted = tuple(states)

        def there() -> Json | None:
            found = self.task(dag_id, run_id, task_id)
            return found if found["state"] in wanted else None

        try:
            return wait_until(there, f"{dag_id}.{task_id} to be {' or '.join(wanted)}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report(dag_id, run_id)}") from None

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task "success", "failed" or "skipped", as a user does in the interface."""
        self.request("PATCH", _task_path(dag_id, run_id, task_id), {"new_state": state})

    def clear(
        self, dag_id: str, run_id: str, task_ids: Sequence[str] | None = None, downstream: bool = True
    ) -> None:
        """Clear tasks of a run in whatever state they are, all of them by default."""
        body: Json = {
            "dry_run": False,
            "only_failed": False,
            "dag_run_id": run_id,
            "include_downstream": downstream,
        }
        if task_ids is not None:
            body["task_ids"] = list(task_ids)
        self.request("POST", f"dags/{quote(dag_id)}/clearTaskInstances", body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom's value as Airflow stores it."""
        return self.request("GET", f"{_task_path(dag_id, run_id, task_id)}/xcomEntries/{quote(key)}")["value"]

    def xcom_keys(self, dag_id: str, run_id: str, task_id: str) -> list[str]:
        """Return the keys of the XComs that a task pushed."""
        path = f"{_task_path(dag_id, run_id, task_id)}/xcomEntries"
        return [each["key"] for each in self.request("GET", path)["xcom_entries"]]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return a task's log as lines of text: level, message, and the traceback of an error."""
        path = f"{_task_path(dag_id, run_id, task_id)}/logs/{try_number}"
        content = self.request("GET", path, full_content=True)["content"]
        return "\n".join(_log_line(each) for each in content)

    def report(self, dag_id: str, run_id: str) -> str:
        """Return what to read when a run went wrong: states, and logs of what did not succeed."""
        lines = [f"{dag_id} {run_id}: {self.states(dag_id, run_id)}"]
        for task in self.tasks(dag_id, run_id):
            if task["state"] in ("success", "skipped", "upstream_failed", None) or not task["try_number"]:
                continue
            lines.append(f"--- {task['task_id']} {task['state']}, try {task['try_number']}")
            try:
                lines.append(self.log(dag_id, run_id, task["task_id"], task["try_number"]))
            except RestError as error:
                lines.append(str(error))
        return "\n".join(lines)

    def backfill(
        self, dag_id: str, from_date: str, to_date: str, conf: Mapping[str, Any] | None = None
    ) -> int:
        """Create a backfill of a DAG that is not paused and return its id.

        ``dag_runs`` has its runs, with run_type "backfill". Only for an Airflow on PostgreSQL: on SQLite the
        scheduler may see half of the backfill and end with a StaleDataError.
        """
        body = {
            "dag_id": dag_id,
            "from_date": from_date,
            "to_date": to_date,
            "dag_run_conf": dict(conf or {}),
        }
        return int(self.request("POST", "backfills", body)["id"])

    def _send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with self._opener.open(request, timeout=60) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise RestError(error.code, _decoded(error.read()), f"{method} {path}") from None
        return json.loads(text) if text else None


def _version(dag: Json) -> int:
    return int((dag.get("latest_dag_version") or {}).get("version_number", 0))


def _run_path(dag_id: str, run_id: str) -> str:
    return f"dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"


def _task_path(dag_id: str, run_id: str, task_id: str) -> str:
    return f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}"


def _log_line(entry: Json) -> str:
    parts = [str(entry.get("level", "")), str(entry.get("event", ""))]
    details = entry.get("error_detail")
    return " ".join(filter(None, parts)) + (f"\n{json.dumps(details, indent=1)}" if details else "")


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
