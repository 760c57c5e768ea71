"""A step's pod that the triggerer waits for: how the task is deferred, and how it goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.cncf.kubernetes.utils.pod_manager import OnKillAction

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators import kubernetes_adoption as adoption
from airflow_provider_pipes.operators.container_job import TOKEN_LABEL, ContainerJob, container_job
from airflow_provider_pipes.operators.kubernetes import KILL_GRACE_SECONDS, UNREACHABLE_SECONDS
from airflow_provider_pipes.operators.kubernetes_api import told_by_kubernetes
from airflow_provider_pipes.operators.kubernetes_deferred_pod import DeferredRun, SearchRun
from airflow_provider_pipes.operators.kubernetes_run import PodRun
from airflow_provider_pipes.operators.kubernetes_waiting import image_error, late_advice, start_error
from airflow_provider_pipes.operators.launch import AirflowLaunch
from airflow_provider_pipes.operators.outcome import for_airflow
from airflow_provider_pipes.triggers.backend import JobPhase
from airflow_provider_pipes.triggers.handle import JobHandle, TaskIdentity
from airflow_provider_pipes.triggers.job import DEADLINE, HINDERED, QUEUE_TIMEOUT, JobTrigger
from airflow_provider_pipes.triggers.pod_status import CANNOT_START, WAITS
from airflow_provider_pipes.triggers.pods import BACKEND

if TYPE_CHECKING:
    from airflow.sdk import Context
    from kubernetes.client import V1Pod

    from airflow_provider_pipes.operators.kubernetes import StepKubernetesPodOperator

_METHOD = "resume_step"
"""What Airflow is told to call; ``resume_execution`` takes its place."""
_FAILED = "__fail__"
"""What Airflow calls where a trigger raised or could not be made."""


def defer(operator: StepKubernetesPodOperator, job: ContainerJob, context: Context) -> NoReturn:
    """Start the step's pod or take over the one that is there, and let the triggerer wait for its end.

    Raises:
        TaskDeferred: always, if there is a pod.
        ContainerError: there is none.
    """
    run = operator.pod_run = DeferredRun(operator, job, context)
    with told_by_kubernetes(job.step):
        pod = run.own_pod()
    now = time.time()
    start, limit = context["ti"].start_date, operator.execution_timeout
    deadline = None if limit is None else (start.timestamp() if start else now) + limit.total_seconds()
    waited = {
        "pod": pod.metadata.name,
        "namespace": pod.metadata.namespace,
        "submitted": now,
        "deadline": deadline,
        "queue_timeout": run.queue_timeout,
    }
    _wait_for(operator, job, context, waited)


def _wait_for(
    operator: StepKubernetesPodOperator, job: ContainerJob, context: Context, waited: Mapping[str, Any]
) -> NoReturn:
    delegation, instance = job.delegation, context["ti"]
    task = TaskIdentity(
        dag_id=instance.dag_id,
        run_id=instance.run_id,
        task_id=instance.task_id,
        map_index=instance.map_index if instance.map_index is not None else -1,
        attempt=str(instance.id),
    )
    handle = JobHandle(
        backend=BACKEND,
        config=_backend_config(operator, waited["namespace"]),
        job_id=waited["pod"],
        token=job.token,
        task=task.to_mapping(),
        submitted=waited["submitted"],
        deadline=waited["deadline"],
        queue_timeout=waited["queue_timeout"],
        cancel_on_kill=operator.on_kill_action is not OnKillAction.KEEP_POD,
        # With the trigger, not as arguments of the method: `dag.test()` drops those.
        returned={**waited, "started": delegation.started, "known": sorted(delegation.known)},
    )
    operator.log.info("Waiting in the triggerer for pod %s.", waited["pod"])
    operator.defer(trigger=JobTrigger(handle.to_mapping()), method_name=_METHOD)


def _backend_config(operator: StepKubernetesPodOperator, namespace: str) -> dict[str, Any]:
    """Return how the triggerer reaches the cluster: names only, what they stand for is looked up there."""
    grace = operator.termination_grace_period
    config: dict[str, Any] = {
        "connection_id": operator.kubernetes_conn_id,
        "in_cluster": operator.in_cluster,
        "config_file": operator.config_file,
        "context": operator.cluster_context,
        "namespace": namespace,
        "selector": TOKEN_LABEL,
        "container": operator.base_container_name,
        "grace_period": KILL_GRACE_SECONDS if grace is None else grace,
    }
    if operator.unreachable_timeout != UNREACHABLE_SECONDS:
        config["unreachable_timeout"] = operator.unreachable_timeout
    return config


def resume(
    operator: StepKubernetesPodOperator,
    next_method: str,
    next_kwargs: Mapping[str, Any],
    context: Context,
) -> Any:
    """Return the references of the step's outputs, now that its pod has ended; or go on waiting."""
    # As in ``StepTaskMixin.execute``.
    operator.operator_extra_links = ()
    try:
        return _resumed(operator, next_method, next_kwargs, context)
    except BaseException as error:
        raise for_airflow(error, operator.log)  # noqa: B904 - what it was raised from is in it


def _resumed(
    operator: StepKubernetesPodOperator,
    next_method: str,
    next_kwargs: Mapping[str, Any],
    context: Context,
) -> Any:
    launch = AirflowLaunch.of(operator, context)
    job = container_job(launch, operator.container_kind)
    event = next_kwargs.get("event") or {}
    waited = event.get("returned")
    if waited:
        began = replace(job.delegation, started=waited["started"], known=frozenset(waited["known"]))
        job = replace(job, delegation=began)

    def wait() -> None:
        operator.pod_run = PodRun(operator, job, context)
        with told_by_kubernetes(job.step):
            if next_method == _FAILED or not waited:
                _end_after_failure(operator, job, context, next_kwargs)
            else:
                _end(operator.pod_run, waited, event)

    operator.take_result(launch, job, wait)
    launch.tell_result()
    return launch.references()


def _end(run: PodRun, waited: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    """Take the log of a pod, see how it ended, and remove it as the user chose."""
    operator, status = run.operator, event["status"]
    pod = _read(operator, waited)
    subject = f"step {run.job.step!r}, pod {waited['pod']}"
    if status in (DEADLINE, QUEUE_TIMEOUT):
        if pod is not None:
            run.finish(pod)
        raise ContainerError(f"{subject}: {_of_time(operator, waited, event)}")
    if status == JobPhase.REFUSED:
        problem = event["told"].removeprefix(CANNOT_START)
        raise ContainerError(f"{subject}: {image_error(operator.client, _named(waited), problem)}")
    if status == HINDERED:
        reason, _, message = event["told"].removeprefix(WAITS).partition(": ")
        raise ContainerError(f"{subject}: {start_error(run.job, message or reason)}")
    if pod is None and run.job.told_by_step:
        return
    if pod is None:
        raise ContainerError(
            f"{subject}: it is gone and left no result; something else than its task deleted it, as draining "
            f"its node does{_last_seen(event)}"
        )
    if status == JobPhase.UNREACHABLE and not adoption.is_finished(pod):
        operator.log.warning("The triggerer lost the pod, this worker sees it: %s", event["told"])
        _wait_for(operator, run.job, run.context, waited)
    _judge(run, pod)


def _judge(run: PodRun, pod: V1Pod) -> None:
    try:
        run.await_end(pod)
        run.judge(run.current(pod) or pod)
    finally:
        run.finish(pod)


def _end_after_failure(
    operator: StepKubernetesPodOperator, job: ContainerJob, context: Context, told: Mapping[str, Any]
) -> None:
    """End what a failed trigger left running: nothing waits for it any more."""
    operator.log.error("The trigger failed:\n%s", "\n".join(told.get("traceback") or ["(no event came)"]))
    run = operator.pod_run = SearchRun(operator, job, context)
    pod = run.submit()
    if adoption.is_finished(pod):
        return _judge(run, pod)
    run.finish(pod)
    raise ContainerError(
        f"step {job.step!r}: the triggerer could not wait for its pod ({told.get('error')}), which was "
        "ended; does it have the same airflow-provider-pipes as the workers?"
    )


def _read(operator: StepKubernetesPodOperator, waited: Mapping[str, Any]) -> V1Pod | None:
    operator.pod = adoption.read_pod(operator.client, _named(waited))
    return operator.pod


def _named(waited: Mapping[str, Any]) -> V1Pod:
    from kubernetes.client import V1ObjectMeta, V1Pod

    return V1Pod(metadata=V1ObjectMeta(name=waited["pod"], namespace=waited["namespace"]))


def _of_time(operator: StepKubernetesPodOperator, waited: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    last = _last_seen(event)
    times = f"it was queued for {event['queued']:.0f} s and ran for {event['ran'] or 0:.0f} s{last}"
    if event["status"] == DEADLINE:
        return f"its time is over (execution_timeout {operator.execution_timeout}), so it was ended; {times}"
    advice = late_advice(event.get("told") or "", "these operator arguments")
    return (
        f"it did not start in {waited['queue_timeout']:.0f} s (schedule_timeout_seconds and "
        f"startup_timeout_seconds), so it was ended; {times}; {advice}"
    )


def _last_seen(event: Mapping[str, Any]) -> str:
    return f"; last seen: it {event['told'].rstrip('.')}" if event.get("told") else ""
