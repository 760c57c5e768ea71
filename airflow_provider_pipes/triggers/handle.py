"""All that is needed to find a job again from any process: what a trigger is stored as."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_pipes.models.documents import Document


@dataclass(frozen=True, kw_only=True)
class JobHandle(Document):
    """A submitted job, as small JSON without a secret: Airflow keeps it in its database.

    Attributes:
        backend: Class path of the backend, ``module:Class``.
        config: How the backend is reached, by names only: a connection's id, a path, a namespace.
        job_id: The backend's name of the job.
        token: The step run's token.
        task: The task instance that waits, as ``TaskIdentity`` has it.
        submitted: When the job was handed over, in seconds since the epoch.
        deadline: When it has to be over, queueing included; None if it may take any time.
        queue_timeout: Seconds after which it has to run; None if it may wait for any time.
        cancel_on_kill: Whether the job ends when a user ends the task.
        returned: What the task wants to know again with the event; ``dag.test()`` gives it nothing else.
    """

    backend: str
    config: dict[str, Any]
    job_id: str
    token: str
    task: dict[str, Any]
    submitted: float
    deadline: float | None = None
    queue_timeout: float | None = None
    cancel_on_kill: bool = True
    returned: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TaskIdentity(Document):
    """One try of a task instance.

    Attributes:
        attempt: Airflow's id of the try; a retry and a clear each make a new one.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    attempt: str = field(default="")
