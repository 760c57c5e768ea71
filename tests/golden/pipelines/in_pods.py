"""Every step in a pod, one of them on a GPU; a template of the pods mounts the artifact store."""

from __future__ import annotations

from airflow_provider_pipes import DockerSettings, ResourceSettings, pipeline, step

POD = {
    "spec": {
        "volumes": [{"name": "artifacts", "persistentVolumeClaim": {"claimName": "artifacts"}}],
        "containers": [{"name": "base", "volumeMounts": [{"name": "artifacts", "mountPath": "/data"}]}],
    }
}


@step
def load(rows: int) -> list[int]:
    return list(range(rows))


@step(
    resources=ResourceSettings(gpu_count=1, gpu_type="NVIDIA-H100", memory="16GB"),
    settings={
        "docker": {"skip_build": True, "image": "registry.example.com/ml/cuda:12"},
        "orchestrator.airflow": {
            "operator_args": {
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "annotations": {"run": "{{ run_id }}"},
            }
        },
    },
)
def train(rows: list[int]) -> int:
    return len(rows)


@step(docker=DockerSettings(skip_build=True, image="registry.example.com/ml/cuda:12"))
def score(model: int) -> int:
    return model


@step
def report(score: int) -> None:
    print(score)


@pipeline(
    settings={
        "docker": {"skip_build": True, "image": "registry.example.com/ml/base:1"},
        "orchestrator.airflow": {
            "operator": "kubernetes",
            "operator_args": {"namespace": "ml", "service_account_name": "pipes", "pod_template_dict": POD},
        },
    }
)
def in_pods(rows: int = 3) -> None:
    report(score(train(load(rows))))
