"""Every step in a container of the same image, but for one; the pipeline says it for all."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_pipes import DockerSettings, ResourceSettings, pipeline, step

IMAGE = "registry.example.com/ml/digits@sha256:8d9c1b6a3c0f5f3f1f6c3a8a0d5c1e2b7a4f9e8d7c6b5a4938271605f4e3d2c1"


@step
def load(rows: int) -> list[int]:
    """Load rows."""
    return list(range(rows))


@step(
    resources=ResourceSettings(cpu_count=2, memory="4GB"),
    execution_timeout=timedelta(hours=1),
    settings={"orchestrator.airflow": {"operator_args": {"network_mode": "none", "extra_hosts": {"db": "10.0.0.1"}}}},
)
def train(rows: list[int]) -> int:
    return len(rows)


@step(docker=DockerSettings(skip_build=True, image="registry.example.com/ml/report:3"))
def report(rows: int) -> None:
    print(rows)


@pipeline(
    docker=DockerSettings(skip_build=True, image=IMAGE),
    settings={"orchestrator.airflow": {"operator": "docker", "operator_args": {"docker_conn_id": "engine"}}},
)
def in_docker(rows: int = 3) -> None:
    report(train(load(rows)))
