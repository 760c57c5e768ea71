"""What the stock operator, and the engine, are told of a step's container."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.models.memory import memory_bytes
from airflow_provider_pipes.operators.container_job import TOKEN_LABEL

if TYPE_CHECKING:
    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.docker import StepDockerOperator

# What the container toolkit of NVIDIA gives by default has no CUDA libraries.
_GPU_ENVIRONMENT = {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
_NOT_ENFORCED = ("gpu_type", "ephemeral_storage")
_LONGEST_STEP_NAME = 40


def give_arguments(operator: StepDockerOperator, job: ContainerJob) -> dict[str, Any]:
    """Give the stock operator what the job needs, where its own arguments do not say it already.

    Returns:
        Arguments of the engine's host config that the stock operator has no argument for.
    """
    operator.image = job.image or operator.image
    operator.command = job.command
    operator.environment = {**_gpu_environment(job), **job.environment, **operator.environment}
    operator.container_name = operator.container_name or container_name(job)
    operator.labels = {**_as_mapping(operator.labels), **job.labels}
    if operator.user is None:
        operator.user = job.user or (job.worker_user if job.store_folder else None)
    _mount_store(operator, job)
    return _limit(operator, job)


def container_name(job: ContainerJob) -> str:
    """Return the name that every attempt gives the container, so that the engine takes one only."""
    step = re.sub(r"[^a-zA-Z0-9_.-]+", "-", job.step)[:_LONGEST_STEP_NAME]
    return f"pipes-{step}-{job.labels[TOKEN_LABEL]}"


def _gpu_environment(job: ContainerJob) -> dict[str, str]:
    return dict(_GPU_ENVIRONMENT) if job.gpu_count else {}


def _as_mapping(labels: dict[str, str] | list[str] | None) -> dict[str, str]:
    return dict(labels) if isinstance(labels, dict) else dict.fromkeys(labels or (), "")


def _mount_store(operator: StepDockerOperator, job: ContainerJob) -> None:
    from docker.types import Mount

    folder = job.store_folder
    if folder is None or any(_covers(mount, folder) for mount in operator.mounts):
        return
    operator.mounts = [*operator.mounts, Mount(target=folder, source=folder, type="bind")]


def _covers(mount: Any, folder: str) -> bool:
    target = mount.get("target") or mount.get("Target")
    return target is not None and PurePosixPath(folder).is_relative_to(target)


def _limit(operator: StepDockerOperator, job: ContainerJob) -> dict[str, Any]:
    asked, host_config = job.resources, dict[str, Any]()
    if asked.get("cpu_count"):
        # `cpus` of the stock operator only weighs containers against each other.
        host_config["nano_cpus"] = round(asked["cpu_count"] * 1_000_000_000)
    if asked.get("memory") and operator.mem_limit is None:
        operator.mem_limit = memory_bytes(asked["memory"])
        # Otherwise as much again is there as swap, and a step slows down in place of being told.
        host_config["memswap_limit"] = operator.mem_limit
    if asked.get("shm_size") and operator.shm_size is None:
        operator.shm_size = memory_bytes(asked["shm_size"])
    if job.gpu_count and operator.device_requests is None:
        from docker.types import DeviceRequest

        operator.device_requests = [DeviceRequest(count=job.gpu_count, capabilities=[["gpu"]])]
    if ignored := [name for name in _NOT_ENFORCED if asked.get(name)]:
        operator.log.info("Docker has no means to enforce %s of the step's resources.", " and ".join(ignored))
    return host_config
