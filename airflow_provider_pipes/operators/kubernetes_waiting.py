"""The wait for a pod's start: what it waits for reaches the task's log, and what can't come fails at once."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.utils.container import get_container_status
from kubernetes.client import ApiException  # noqa: TID253 - no DAG file imports this
from urllib3.exceptions import HTTPError

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.triggers.pod_status import (
    BACKED_OFF,
    HINDRANCE_SECONDS,
    HINDRANCES,
    image_problem,
)

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api, V1Pod

    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.kubernetes_run import PodRun

# In the words of a node.
_MISSING_SECRET = re.compile(
    r'secret "(?P<secret>[^"]+)" not found|find key (?P<key>\S+) in Secret \S+/(?P<holder>\S+)'
)
# In the words of the scheduler.
_MISSING_CLAIM = re.compile(r'persistentvolumeclaim "(?P<name>[^"]+)" not found')
_EVENT_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.2
_PAUSE_GROWTH = 1.2


class PodWait:
    """Waits until a pod's container runs or has ended.

    Args:
        run: Whose pod it is.
        pod: The pod.
    """

    def __init__(self, run: PodRun, pod: V1Pod) -> None:
        self.run = run
        self.operator = run.operator
        self.pod = pod
        self.told: set[str] = set()
        self.words = ""
        self.scheduled = False
        self.since = time.monotonic()
        self.hindered: float | None = None
        self.next_events = self.since + _EVENT_SECONDS

    def wait(self) -> None:
        """Return once the pod has started.

        Raises:
            ContainerError: it can't start, or took too long.
        """
        pauses = _pauses(self.operator.startup_check_interval_seconds)
        while (pod := self._read()).status.phase not in ("Running", "Succeeded", "Failed"):
            self._note_schedule(pod)
            self._tell(pod)
            self._fail_if_hopeless(pod)
            self._fail_if_late()
            time.sleep(next(pauses))

    def _read(self) -> V1Pod:
        self.run.stop_if_killed()
        pod = self.run.current(self.pod)
        if pod is None:
            raise ContainerError(
                f"{self._subject}: it was deleted before it started, by something else than its task"
            )
        return pod

    @property
    def _subject(self) -> str:
        return f"step {self.run.job.step!r}, pod {self.pod.metadata.name}"

    def _note_schedule(self, pod: V1Pod) -> None:
        if self.scheduled or not _condition(pod, "PodScheduled", "True"):
            return
        self.scheduled, self.since, self.words = True, time.monotonic(), ""

    def _tell(self, pod: V1Pod) -> None:
        for words in [*_words_of(pod, self.operator.base_container_name), *self._events()]:
            self.words = words
            if words not in self.told:
                self.told.add(words)
                self.operator.log.warning("Pod %s waits: %s", self.pod.metadata.name, words)

    def _events(self) -> list[str]:
        """Return the warnings among the pod's events: a volume that can't be mounted is told nowhere else."""
        if time.monotonic() < self.next_events or not self.operator.log_events_on_startup:
            return []
        self.next_events = time.monotonic() + _EVENT_SECONDS
        return warnings_about(self.operator.client, self.pod)

    def _fail_if_hopeless(self, pod: V1Pod) -> None:
        api = self.operator.client
        problem = image_problem(api.api_client.sanitize_for_serialization(pod.status))
        if problem:
            raise ContainerError(f"{self._subject}: {image_error(api, self.pod, problem)}")
        waiting = _waiting(pod, self.operator.base_container_name)
        if waiting is None or waiting.reason not in HINDRANCES:
            self.hindered = None
            return
        self.hindered = self.hindered or time.monotonic()
        if time.monotonic() - self.hindered > HINDRANCE_SECONDS:
            raise ContainerError(f"{self._subject}: {start_error(self.run.job, waiting.message)}")

    def _fail_if_late(self) -> None:
        operator, waited = self.operator, time.monotonic() - self.since
        if self.scheduled and waited >= operator.startup_timeout_seconds:
            name, limit, what = "startup_timeout_seconds", operator.startup_timeout_seconds, "was not started"
        elif not self.scheduled and waited >= operator.schedule_timeout_seconds:
            name, limit, what = "schedule_timeout_seconds", operator.schedule_timeout_seconds, "found no node"
        else:
            return
        said = self.words.rstrip(".") or "the cluster does not say why"
        advice = late_advice(said, f"the operator argument {name}")
        raise ContainerError(f"{self._subject}: it {what} in {limit} s: {said}; {advice}")


def _pauses(longest: float) -> Iterator[float]:
    """Give the pauses between looks: most pods are there in about a second, and some take hours."""
    pause = min(_FIRST_PAUSE_SECONDS, longest)
    while True:
        yield pause
        pause = min(pause * _PAUSE_GROWTH, longest)


def _words_of(pod: V1Pod, container: str) -> Iterator[str]:
    unscheduled = _condition(pod, "PodScheduled", "False")
    if unscheduled is not None and unscheduled.message:
        yield unscheduled.message
    waiting = _waiting(pod, container)
    if waiting is not None and waiting.reason not in (None, "ContainerCreating", "PodInitializing"):
        yield f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason


def _condition(pod: V1Pod, kind: str, status: str) -> Any:
    conditions = pod.status.conditions or ()
    return next((each for each in conditions if each.type == kind and each.status == status), None)


def _waiting(pod: V1Pod, container: str) -> Any:
    status = get_container_status(pod, container)
    return status.state.waiting if status is not None and status.state is not None else None


def image_error(api: CoreV1Api, pod: V1Pod, problem: str) -> str:
    """Return the end of the sentence for a pod whose image can't be pulled, whoever waited for it.

    Args:
        api: The cluster.
        pod: The pod, by its name; its events outlive it.
        problem: What ``image_problem`` found.
    """
    before, backed_off, _ = problem.partition(BACKED_OFF)
    if backed_off:
        # Which says only that it failed before.
        warned = (" ".join(each.split()) for each in warnings_about(api, pod) if "pull" in each.lower())
        problem = next((before + each for each in warned), problem)
    return f"{problem}; check its name, that the cluster reaches its registry, and image_pull_secrets"


def start_error(job: ContainerJob, said: str) -> str:
    """Return the end of the sentence for a container that something keeps from its start.

    Args:
        job: What it is to run.
        said: The cluster's own words.
    """
    missing = _MISSING_SECRET.search(said)
    secret = missing and (missing["secret"] or missing["holder"])
    variables = [
        variable
        for variable, (name, key) in job.secrets.kubernetes.items()
        if name == secret and (missing is None or missing["key"] in (None, key))
    ]
    if not variables:
        return f"its container can't start: {said}"
    return (
        f"its container can't start: {said}, which {', '.join(variables)} of its secrets is from; create it "
        "in the pod's namespace, or correct DockerSettings(secrets=…)"
    )


def late_advice(said: str, arguments: str) -> str:
    """Return what to do about a pod that does not start.

    Args:
        said: Why, in the cluster's own words.
        arguments: What limits the wait, as messages name it.
    """
    claim = _MISSING_CLAIM.search(said)
    if claim:
        return (
            f"create the claim {claim['name']!r} in the pod's namespace, or correct its name in the operator "
            "argument volumes, or in store_volume of the orchestrator"
        )
    return f"ask for less, make room, or raise {arguments}"


def warnings_about(api: CoreV1Api, pod: V1Pod) -> list[str]:
    """Return what the cluster warns of about a pod, the oldest first; nothing where it may not be asked."""
    try:
        events = api.list_namespaced_event(
            pod.metadata.namespace, field_selector=f"involvedObject.name={pod.metadata.name},type=Warning"
        ).items
    except (ApiException, HTTPError):
        return []
    return [each.message for each in events if each.message]
