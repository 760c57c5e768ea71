"""One DAG with a step in the worker's process, one in a container and one in a pod."""

from __future__ import annotations

from airflow_provider_pipes import DockerSettings, pipeline, step


@step
def load(rows: int) -> list[int]:
    return list(range(rows))


@step(settings={"orchestrator.airflow": {"operator": "docker"}})
def clean(rows: list[int]) -> list[int]:
    return rows


@step(
    settings={
        "orchestrator.airflow": {
            "operator": "kubernetes",
            "operator_args": {"namespace": "ml", "pod_template_file": "/etc/airflow/pod.yaml"},
        }
    }
)
def train(rows: list[int]) -> int:
    return len(rows)


@pipeline(docker=DockerSettings(skip_build=True, image="registry.example.com/ml/steps:1"))
def mixed(rows: int = 3) -> None:
    train(clean(load(rows)))
