"""Resource settings as Kubernetes counts them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kubernetes.client import V1ResourceRequirements, V1Toleration  # noqa: TID253 - no DAG file imports this

from airflow_provider_pipes.models.memory import memory_bytes

if TYPE_CHECKING:
    from airflow_provider_pipes.operators.kubernetes import StepKubernetesPodOperator

_UNITS = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


def quantity(amount: str) -> str:
    """Return an amount of memory as Kubernetes writes it: "1.5GiB" as "1536Mi"."""
    number = memory_bytes(amount)
    return next(
        (f"{number // size}{unit}" for unit, size in _UNITS if number % size == 0 and number), str(number)
    )


def wanted(resources: Mapping[str, Any], gpu_resource: str) -> dict[str, str]:
    """Return amounts by Kubernetes' names; each is what the pod gets, no less and no more."""
    amounts = {}
    if resources.get("cpu_count"):
        amounts["cpu"] = f"{max(1, math.ceil(float(resources['cpu_count']) * 1000))}m"
    for setting, name in (("memory", "memory"), ("ephemeral_storage", "ephemeral-storage")):
        if resources.get(setting):
            amounts[name] = quantity(resources[setting])
    if resources.get("gpu_count"):
        amounts[gpu_resource] = str(resources["gpu_count"])
    return amounts


def ask_for_resources(operator: StepKubernetesPodOperator, resources: Mapping[str, Any]) -> None:
    """Let an operator's pod ask for a step's resources; what ``container_resources`` names stays so."""
    given = operator.container_resources
    requests = dict((given and given.requests) or {})
    limits = dict((given and given.limits) or {})
    named = {*requests, *limits}
    for name, amount in wanted(resources, operator.gpu_resource).items():
        if name not in named:
            requests[name] = limits[name] = amount
    if requests or limits:
        claims = getattr(given, "claims", None)
        operator.container_resources = V1ResourceRequirements(
            requests=requests or None, limits=limits or None, **({"claims": claims} if claims else {})
        )
    if resources.get("gpu_count"):
        _go_where_gpus_are(operator, resources.get("gpu_type"))


def _go_where_gpus_are(operator: StepKubernetesPodOperator, gpu_type: str | None) -> None:
    if gpu_type:
        operator.node_selector = {operator.gpu_type_label: gpu_type, **operator.node_selector}
    # Nodes with GPUs are usually kept free of pods that need none.
    operator.tolerations = [
        *operator.tolerations,
        V1Toleration(key=operator.gpu_resource, operator="Exists", effect="NoSchedule"),
    ]
