"""What came of DAG runs that a test asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DagRunRequest:
    """One DAG run for ``AirflowHome.run_dags``.

    Attributes:
        dag_id: The DAG; empty where the dags folder holds one only.
        logical_date: ISO 8601 with a time zone; now by default. A second run of a date replaces the first.
        run_id: Id of the run; Airflow's own choice by default.
    """

    dag_id: str
    conf: Mapping[str, Any] | None = None
    logical_date: str | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class TaskResult:
    """A task instance after its run.

    Attributes:
        xcoms: What the task pushed, by key; ``xcoms["return_value"]`` is what it returned.
    """

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    xcoms: Mapping[str, Any]


@dataclass(frozen=True)
class DagRunResult:
    """A DAG run after it ended, or what kept it from starting.

    Attributes:
        state: "success", "failed", …; "error" if there was no run at all, and then ``error`` says why.
        tasks: By task id; a mapped task's instances are "task[0]", "task[1]", ….
        log: Everything that the process printed, with the task logs; ``run_dags`` has one for all runs.
    """

    dag_id: str
    run_id: str
    state: str
    tasks: Mapping[str, TaskResult] = field(default_factory=dict)
    error: str = ""
    log: str = field(default="", repr=False)

    @property
    def states(self) -> dict[str, str | None]:
        """The state of each task."""
        return {name: task.state for name, task in self.tasks.items()}

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """Return what a task pushed.

        Raises:
            AssertionError: it pushed nothing under this key, or there is no such task.
        """
        if task_id not in self.tasks:
            raise AssertionError(f"DAG {self.dag_id!r} has no task {task_id!r}; it has: {list(self.tasks)}")
        xcoms = self.tasks[task_id].xcoms
        if key not in xcoms:
            state = self.tasks[task_id].state
            raise AssertionError(
                f"task {task_id!r} ({state}) pushed no XCom {key!r}; it pushed: {list(xcoms)}\n{self.log}"
            )
        return xcoms[key]

    def output(self, task_id: str, name: str = "output", *, connection_id: str | None = None) -> Any:
        """Return an output of a step as a Python value, read from the artifact store.

        Args:
            task_id: The step's task.
            name: The output.
            connection_id: Connection of a store that needs one, as a variable AIRFLOW_CONN_… of this process.

        Raises:
            AssertionError: the step has no such output.
            ArtifactError: it can't be read here.
        """
        references = self.xcom(task_id)
        if not isinstance(references, Mapping) or name not in references:
            raise AssertionError(f"task {task_id!r} has no output {name!r}; what it returned: {references!r}")
        return _loaded(references[name], connection_id)

    def outputs(self, *, connection_id: str | None = None) -> dict[str, dict[str, Any]]:
        """Return every output as a Python value, by task id and name; what are no steps is left out."""
        found: dict[str, dict[str, Any]] = {}
        for task_id, task in self.tasks.items():
            references = task.xcoms.get("return_value")
            if isinstance(references, Mapping) and all(map(_is_reference, references.values())):
                found[task_id] = {name: _loaded(each, connection_id) for name, each in references.items()}
        return found

    def check(self) -> DagRunResult:
        """Return itself if the run succeeded.

        Raises:
            AssertionError: it did not; the message has states, error and log.
        """
        if self.state != "success":
            raise AssertionError(f"{self.dag_id} {self.state}: {self.states} {self.error}\n{self.log}")
        return self


def _is_reference(value: Any) -> bool:
    return isinstance(value, Mapping) and {"path", "uri", "materializer", "sha256"} <= value.keys()


def _loaded(values: Mapping[str, Any], connection_id: str | None) -> Any:
    from airflow_provider_pipes.artifacts.credentials import open_store
    from airflow_provider_pipes.artifacts.payloads import load_artifact
    from airflow_provider_pipes.models.documents import OutputReference

    reference = OutputReference.from_mapping(values)
    store = reference.uri.removesuffix(f"/{reference.path}")
    return load_artifact(open_store(store, connection_id), reference)
