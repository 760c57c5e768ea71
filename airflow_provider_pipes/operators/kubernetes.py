"""``StepKubernetesPodOperator``: a step in a pod. Imported at every parse, as ``mixin`` is."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

from airflow_provider_pipes.operators.container import ContainerStepMixin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context
    from kubernetes.client import V1Pod

    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.kubernetes_run import PodRun
    from airflow_provider_pipes.operators.launch import AirflowLaunch

KILL_GRACE_SECONDS = 5
"""Time between SIGTERM and SIGKILL for a pod whose task was ended."""

UNREACHABLE_SECONDS = 600.0
"""How long the API server may not answer by default: a pod needs it less than who watches it."""

_STOCK_ARGUMENTS = frozenset(inspect.signature(KubernetesPodOperator.__init__).parameters)
# Ours are other defaults than the stock operator's: see a pod's start soon, and show the step's log as it is.
_DEFAULTS = {"startup_check_interval_seconds": 1, "container_name_log_prefix_enabled": False}
# Of these the stock operator takes models only, already when it is made.
_MODELS_ONLY = ("ports", "pod_runtime_info_envs")


class StepKubernetesPodOperator(ContainerStepMixin, KubernetesPodOperator):
    """Runs a step of a compiled pipeline in a Kubernetes pod.

    What Airflow's own operator takes is taken here too, where it wants Kubernetes models also as plain
    JSON, as in a manifest. Command, environment, secrets, resources and labels come from the deployment.

    Args:
        deployment_id: The compiled pipeline that the DAG file was made from.
        pipeline: Its name.
        store: Address of the artifact store.
        store_connection_id: Airflow connection with the store's credentials.
        step_name: The step; the task's id by default.
        store_volume: Source of the Kubernetes volume that has a local artifact store's folder, as
            ``{"persistentVolumeClaim": {"claimName": "artifacts"}}``.
        gpu_resource: Name of the resource by which the cluster counts GPUs.
        gpu_type_label: Label of nodes that names their GPU model.
        unreachable_timeout: Seconds that the API server may not answer before the task fails.
        do_xcom_push: Whether the references of the step's outputs go to XCom; there is no sidecar for it.
        kwargs: Arguments of the stock operator. ``schedule_timeout_seconds`` is a day by default for a
            step that asks for GPUs, since it may have to wait for other jobs to end.
            ``active_deadline_seconds`` is by default a little more than an ``execution_timeout``.
    """

    container_kind = "a Kubernetes pod"
    pod_run: PodRun | None = None
    killed = False

    def __init__(
        self,
        *,
        deployment_id: str,
        pipeline: str,
        store: str,
        store_connection_id: str | None = None,
        step_name: str | None = None,
        store_volume: Mapping[str, Any] | None = None,
        gpu_resource: str = "nvidia.com/gpu",
        gpu_type_label: str = "nvidia.com/gpu.product",
        unreachable_timeout: float = UNREACHABLE_SECONDS,
        do_xcom_push: bool = True,
        **kwargs: Any,
    ) -> None:
        defaults = kwargs.get("default_args") or {}
        given = {name: value for name, value in defaults.items() if name in _STOCK_ARGUMENTS} | kwargs
        if any(given.get(name) for name in _MODELS_ONLY):
            from airflow_provider_pipes.operators.kubernetes_arguments import models_of

            given |= {name: models_of(name, given[name]) for name in _MODELS_ONLY if given.get(name)}
        # The stock operator's own wrapper would merge the defaults a second time (see ``python``).
        stock = getattr(KubernetesPodOperator.__init__, "__wrapped__", KubernetesPodOperator.__init__)
        stock(
            self,
            do_xcom_push=do_xcom_push,
            **{**_DEFAULTS, **given},
        )
        self.run_for(deployment_id, pipeline, store, store_connection_id, step_name or kwargs["task_id"])
        self.store_volume = store_volume
        self.gpu_resource = gpu_resource
        self.gpu_type_label = gpu_type_label
        self.unreachable_timeout = float(unreachable_timeout)
        self.waits_for_capacity = not given.get("schedule_timeout_seconds")

    def run_container(self, job: ContainerJob, context: Context) -> None:
        """Start the step's pod or go on with the one that is there, and wait for its end or defer."""
        from airflow_provider_pipes.operators.kubernetes_run import PodRun

        self.pod_run = PodRun(self, job, context)
        if self.deferrable:
            from airflow_provider_pipes.operators import kubernetes_deferral

            kubernetes_deferral.defer(self, job, context)
        else:
            self.pod_run.execute()

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Return the references of the step's outputs after the triggerer waited for its pod."""
        from airflow_provider_pipes.operators import kubernetes_deferral

        with self._own_xcom():
            return kubernetes_deferral.resume(self, next_method, next_kwargs or {}, context)

    def accept_result(self, launch: AirflowLaunch) -> None:
        """Remove the pod of an earlier attempt whose worker died before it could."""
        super().accept_result(launch)
        if launch.launch is not None and launch.context["ti"].try_number > 1:
            from airflow_provider_pipes.operators.kubernetes_run import remove_leftovers

            remove_leftovers(self, launch)

    def build_pod_request_obj(self, context: Context | None = None, *, dry_run: bool = False) -> V1Pod:
        """Return the step's pod as the stock operator builds it from its arguments and ours."""
        with self.pod_run.defined() if self.pod_run else nullcontext():
            return super().build_pod_request_obj(context, dry_run=dry_run)

    def get_or_create_pod(self, pod_request_obj: V1Pod, context: Context) -> V1Pod:
        """Return the step's pod: the one at work on its token, or a new one."""
        if self.pod_run is None:
            return super().get_or_create_pod(pod_request_obj, context)
        return self.pod_run.start(pod_request_obj)

    def find_pod(self, namespace: str, context: Context, *, exclude_checked: bool = True) -> V1Pod | None:
        """Return the step's pod as it is now."""
        if self.pod_run is None or self.pod is None:
            return super().find_pod(namespace, context, exclude_checked=exclude_checked)
        return self.pod_run.current(self.pod)

    def await_pod_start(self, pod: V1Pod) -> None:
        """Wait until the pod's containers run or have ended, and tell what it waits for."""
        if self.pod_run is None:
            super().await_pod_start(pod)
        else:
            self.pod_run.await_start(pod)

    # The stock method is an object of a retry library, which no method of ours is of the same type as.
    def await_pod_completion(self, pod: V1Pod) -> None:  # type: ignore[override]
        """Write the step's log into the task's until its container has ended."""
        followed_by_us = self.container_logs == self.base_container_name
        if self.pod_run is None or self.callbacks or self.log_formatter or not followed_by_us:
            super().await_pod_completion(pod)
        else:
            self.pod_run.await_end(pod)

    def is_istio_enabled(self, pod: V1Pod) -> bool:
        """Return whether the pod's end need not be awaited once the step's container has ended.

        It need not: a sidecar of any make may run on.
        """
        return self.pod_run is not None or bool(super().is_istio_enabled(pod))

    def cleanup(
        self,
        pod: V1Pod,
        remote_pod: V1Pod,
        xcom_result: dict[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Note how the pod ended, and remove it as ``on_finish_action`` says."""
        if self.pod_run is None:
            super().cleanup(pod, remote_pod, xcom_result, context)
        elif self.pod is not None:
            self.pod_run.finish(self.pod)

    def on_kill(self) -> None:
        """End the pod soon: the entrypoint has a few seconds for the step's ``finally`` blocks."""
        self.killed = True
        if self.termination_grace_period is None:
            self.termination_grace_period = KILL_GRACE_SECONDS
        super().on_kill()
