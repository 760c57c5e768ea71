"""A step's pod, said through the arguments of the stock operator, which then builds it.

As its arguments, so that Airflow's ``pod_mutation_hook`` sees the whole pod. They are set when the task
runs, after Airflow rendered its templates: nothing that a user wrote is a template here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import (  # noqa: TID253 - no DAG file imports this
    V1EmptyDirVolumeSource,
    V1EnvVar,
    V1PodSecurityContext,
    V1SecurityContext,
    V1Volume,
    V1VolumeMount,
)

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.operators.container_job import LABEL_PREFIX
from airflow_provider_pipes.operators.kubernetes_arguments import (
    pod_of,
    pod_of_file,
    problems_of_step,
    take_plain_arguments,
    volume_of,
)
from airflow_provider_pipes.operators.kubernetes_resources import ask_for_resources, quantity
from airflow_provider_pipes.operators.kubernetes_secrets import secret_variables

if TYPE_CHECKING:
    from kubernetes.client import V1Container, V1Pod

    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.kubernetes import StepKubernetesPodOperator

STORE_VOLUME = "pipes-artifact-store"
_SHARED_MEMORY_VOLUME = "pipes-shared-memory"
_LAST_LINES = "FallbackToLogsOnError"
_GPU_WAIT_SECONDS = 24 * 60 * 60
# Beside the time to fetch its image: so that what ends a step in time, and says why, comes first.
_DEADLINE_MARGIN_SECONDS = 60
# A name of a pod is its hostname too, which may have 63 characters.
_NAME_LENGTH = 63


def define_pod(operator: StepKubernetesPodOperator, job: ContainerJob, name: str) -> None:
    """Let an operator's pod be that of a job; what the user said of the pod goes before our defaults.

    Args:
        operator: The operator.
        job: What the pod runs.
        name: Of the pod, and of the Secret that it takes its secret values from.

    Raises:
        ConfigurationError: it can't be built.
    """
    with problems_of_step(job.step):
        take_plain_arguments(operator)
        template = _template(operator)
    _take_over(operator, template)
    operator.image = job.image or operator.image
    if not operator.image and not (template and template.image):
        raise ConfigurationError(
            f"step {job.step!r} has no image: its deployment names none; deploy the pipeline again"
        )
    # Both, or the arguments of a pod template would follow our command.
    operator.cmds = [escaped(each) for each in job.command[:1]]
    operator.arguments = [escaped(each) for each in job.command[1:]]
    operator.name, operator.random_name_suffix = name, False
    operator.labels = {**operator.labels, **job.labels}
    operator.annotations = {**_annotations(job), **operator.annotations}
    operator.env_vars = _variables(operator, job, name)
    ask_for_resources(operator, job.resources)
    _give_volumes(operator, job, template)
    _set_user(operator, job)
    _keep_last_lines(operator)
    if job.gpu_count and operator.waits_for_capacity:
        operator.schedule_timeout_seconds = _GPU_WAIT_SECONDS
    limit_life(operator)


def _keep_last_lines(operator: StepKubernetesPodOperator) -> None:
    """Let a pod's status have the last lines of a container that fails; its log is gone with the pod."""
    if operator.termination_message_policy == "File":
        operator.termination_message_policy = _LAST_LINES
    spec = operator.full_pod_spec and operator.full_pod_spec.spec
    for container in [*operator.init_containers, *((spec and spec.init_containers) or ())]:
        container.termination_message_policy = container.termination_message_policy or _LAST_LINES


def escaped(text: str) -> str:
    """Return a text so that Kubernetes passes it on as it is: it expands ``$(NAME)``."""
    return text.replace("$", "$$")


def pod_name(prefix: str, token: str, number: int) -> str:
    """Return the name of a pod: for the same token and number always the same, so that it is made once.

    Args:
        prefix: What people read in it.
        token: The token of the step run.
        number: 1 for the first pod of the token.
    """
    end = f"-{token}-{number}"
    words = re.sub(r"[^a-z0-9]+", "-", prefix.lower()).strip("-")[: _NAME_LENGTH - len(end)].strip("-")
    return f"{words or 'step'}{end}"


def _template(operator: StepKubernetesPodOperator) -> V1Container | None:
    """Make one pod of the operator's template and spec; return its first container."""
    base = None
    if operator.pod_template_file:
        base = pod_of_file(operator.pod_template_file)
    elif operator.pod_template_dict:
        base = pod_of(operator.pod_template_dict, "pod_template_dict")
    pod: V1Pod | None = base
    if operator.full_pod_spec is not None:
        pod = PodGenerator.reconcile_pods(base, operator.full_pod_spec) if base else operator.full_pod_spec
    operator.pod_template_file = operator.pod_template_dict = None
    operator.full_pod_spec = pod
    containers = pod.spec.containers if pod is not None and pod.spec is not None else None
    return containers[0] if containers else None


def _take_over(operator: StepKubernetesPodOperator, container: V1Container | None) -> None:
    """Say as arguments what a template says and we add to: an argument takes a template's place."""
    spec = operator.full_pod_spec and operator.full_pod_spec.spec
    if spec:
        operator.node_selector = operator.node_selector or spec.node_selector or {}
        operator.tolerations = operator.tolerations or spec.tolerations or []
        operator.security_context = operator.security_context or spec.security_context
    if container:
        operator.container_resources = operator.container_resources or container.resources
        operator.container_security_context = (
            operator.container_security_context or container.security_context
        )


def _annotations(job: ContainerJob) -> dict[str, str]:
    launch = job.delegation.launch
    told = {"pipeline": launch.plan.deployment.pipeline, "run": launch.run_name, "step": job.step}
    return {f"{LABEL_PREFIX}/{name}": value for name, value in told.items()}


def _variables(operator: StepKubernetesPodOperator, job: ContainerJob, secret: str) -> list[V1EnvVar]:
    given: Any = operator.env_vars or []
    if isinstance(given, Mapping):
        given = [V1EnvVar(name=name, value=value) for name, value in given.items()]
    ours = [V1EnvVar(name=name, value=escaped(value)) for name, value in job.environment.items()]
    ours += secret_variables(job.secrets, secret)
    chosen = {each.name for each in given}
    return [*(each for each in ours if each.name not in chosen), *given]


def limit_life(operator: StepKubernetesPodOperator) -> None:
    """Let Kubernetes end a pod that outlived its step's time because nobody was there to end it.

    It counts from the pod's arrival on a node, so the time in the queue is not in it.
    """
    spec = operator.full_pod_spec and operator.full_pod_spec.spec
    chosen = operator.active_deadline_seconds or (spec and spec.active_deadline_seconds)
    if operator.execution_timeout is None or chosen is not None:
        return
    seconds = operator.execution_timeout.total_seconds() + operator.startup_timeout_seconds
    operator.active_deadline_seconds = math.ceil(seconds) + _DEADLINE_MARGIN_SECONDS


def _give_volumes(
    operator: StepKubernetesPodOperator, job: ContainerJob, template: V1Container | None
) -> None:
    volumes, mounts = list(operator.volumes), list(operator.volume_mounts)
    if job.store_folder is not None:
        everywhere = [*mounts, *((template and template.volume_mounts) or ())]
        if operator.store_volume is not None:
            volumes.append(volume_of(STORE_VOLUME, operator.store_volume))
            mounts.append(V1VolumeMount(name=STORE_VOLUME, mount_path=job.store_folder))
        elif not any(_covers(each.mount_path, job.store_folder) for each in everywhere):
            raise ConfigurationError(
                f"step {job.step!r}: its artifact store is the folder {job.store_folder}, which no volume of "
                "its pod has; name the volume in the orchestrator's configuration, as "
                'store_volume = {persistentVolumeClaim = {claimName = "artifacts"}}, or use a store in a '
                "bucket"
            )
    if job.resources.get("shm_size"):
        source = V1EmptyDirVolumeSource(medium="Memory", size_limit=quantity(job.resources["shm_size"]))
        volumes.append(V1Volume(name=_SHARED_MEMORY_VOLUME, empty_dir=source))
        mounts.append(V1VolumeMount(name=_SHARED_MEMORY_VOLUME, mount_path="/dev/shm"))
    operator.volumes, operator.volume_mounts = volumes, mounts


def _covers(mount_path: str, folder: str) -> bool:
    return PurePosixPath(folder).is_relative_to(PurePosixPath(mount_path))


def _set_user(operator: StepKubernetesPodOperator, job: ContainerJob) -> None:
    # Whoever shares a folder with the worker has to write there as the worker does.
    user = job.user or (job.worker_user if job.store_folder is not None else None)
    if user is not None:
        operator.security_context = _merged(_pod_user(user, job), operator.security_context)
    operator.container_security_context = _merged(
        V1SecurityContext(allow_privilege_escalation=False), operator.container_security_context
    )


def _pod_user(user: str, job: ContainerJob) -> V1PodSecurityContext:
    numbers = user.split(":")
    if len(numbers) > 2 or not all(each.isdecimal() for each in numbers):
        raise ConfigurationError(
            f"step {job.step!r}: its docker settings have user={user!r}; Kubernetes takes numbers only, as "
            "'1000' or '1000:1000'"
        )
    group = int(numbers[1]) if len(numbers) == 2 else None
    return V1PodSecurityContext(run_as_user=int(numbers[0]), run_as_group=group)


def _merged(ours: Any, theirs: Any) -> Any:
    """Return a user's model with ours where it says nothing; the stock function takes False for nothing."""
    if not theirs:
        return ours
    for name, value in ours.to_dict().items():
        if getattr(theirs, name) is None and value is not None:
            setattr(theirs, name, value)
    return theirs
