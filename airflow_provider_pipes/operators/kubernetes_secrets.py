"""A step's secret values as a Kubernetes Secret that belongs to its pod, and is gone with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kubernetes.client import (  # noqa: TID253 - no DAG file imports this
    ApiException,
    V1EnvVar,
    V1EnvVarSource,
    V1ObjectMeta,
    V1OwnerReference,
    V1Secret,
    V1SecretKeySelector,
)

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api, V1Pod

    from airflow_provider_pipes.operators.secrets import StepSecrets


def secret_variables(secrets: StepSecrets, name: str) -> list[V1EnvVar]:
    """Return a container's secret variables, which name values and have none.

    Args:
        secrets: What the step gets.
        name: Of the Secret with those that were resolved here.
    """
    references = {variable: (name, variable) for variable in secrets.values} | dict(secrets.kubernetes)
    return [
        V1EnvVar(
            name=variable,
            value_from=V1EnvVarSource(secret_key_ref=V1SecretKeySelector(name=secret, key=key)),
        )
        for variable, (secret, key) in references.items()
    ]


def rename_secret(pod: V1Pod, before: str, after: str) -> None:
    """Let a pod that is not there yet take its secret values from another Secret."""
    for container in [*pod.spec.containers, *(pod.spec.init_containers or ())]:
        for variable in container.env or ():
            reference = variable.value_from and variable.value_from.secret_key_ref
            if reference and reference.name == before:
                reference.name = after


def create_secret(
    api: CoreV1Api, namespace: str, name: str, values: Mapping[str, str], labels: Mapping[str, str]
) -> None:
    """Create the Secret of a pod; one that a dead worker left is replaced."""
    body = V1Secret(
        metadata=V1ObjectMeta(name=name, labels=dict(labels)), string_data=dict(values), type="Opaque"
    )
    try:
        api.create_namespaced_secret(namespace, body)
    except ApiException as error:
        if error.status != 409:
            raise
        api.replace_namespaced_secret(name, namespace, body)


def give_secret_to(api: CoreV1Api, pod: V1Pod) -> None:
    """Let a pod own the Secret of its name, so that Kubernetes removes it with the pod."""
    owner = V1OwnerReference(api_version="v1", kind="Pod", name=pod.metadata.name, uid=pod.metadata.uid)
    try:
        api.patch_namespaced_secret(
            pod.metadata.name,
            pod.metadata.namespace,
            V1Secret(metadata=V1ObjectMeta(owner_references=[owner])),
        )
    except ApiException as error:
        if error.status != 404:
            raise


def remove_secret(api: CoreV1Api, namespace: str, name: str) -> None:
    """Remove the Secret of a pod that could not be created."""
    try:
        api.delete_namespaced_secret(name, namespace)
    except ApiException as error:
        if error.status != 404:
            raise
