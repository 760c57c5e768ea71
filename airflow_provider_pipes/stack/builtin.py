"""The flavors and components that are there without any configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_pipes.stack.enums import StackComponentType

_PACKAGE = "airflow_provider_pipes"
_IMAGES = f"{_PACKAGE}.images.flavors"
_STORES = f"{_PACKAGE}.artifacts.remote_flavors"

# (class path, what to install for it); read by FlavorRegistry, imported on first use.
BUILT_IN_FLAVORS: Mapping[StackComponentType, Mapping[str, tuple[str, str | None]]] = {
    StackComponentType.ORCHESTRATOR: {
        "local": (f"{_PACKAGE}.orchestrators.local_flavor:LocalOrchestratorFlavor", None),
        "airflow": (f"{_PACKAGE}.orchestrators.airflow.flavor:AirflowOrchestratorFlavor", None),
    },
    StackComponentType.ARTIFACT_STORE: {
        "local": (f"{_PACKAGE}.artifacts.local_flavor:LocalArtifactStoreFlavor", None),
        "s3": (f"{_STORES}:S3ArtifactStoreFlavor", "airflow-provider-pipes[s3]"),
        "gcs": (f"{_STORES}:GcsArtifactStoreFlavor", "airflow-provider-pipes[gcs]"),
        "abfs": (f"{_STORES}:AbfsArtifactStoreFlavor", "airflow-provider-pipes[abfs]"),
        "fsspec": (f"{_STORES}:FsspecArtifactStoreFlavor", None),
    },
    StackComponentType.STEP_OPERATOR: {
        "subprocess": (f"{_PACKAGE}.step_operators.subprocess_flavor:SubprocessStepOperatorFlavor", None),
    },
    StackComponentType.IMAGE_BUILDER: {
        "docker": (f"{_IMAGES}:DockerImageBuilderFlavor", None),
        "command": (f"{_IMAGES}:CommandImageBuilderFlavor", None),
    },
    StackComponentType.CONTAINER_REGISTRY: {
        "local": (f"{_IMAGES}:LocalContainerRegistryFlavor", None),
        "docker": (f"{_IMAGES}:DockerContainerRegistryFlavor", None),
    },
}

BUILT_IN_STACK = "default"
LOCAL_ORCHESTRATOR = "local"
AIRFLOW_ORCHESTRATOR = "airflow"

# As pipes.toml would say it; what a user writes under the same names goes over it, key by key.
BUILT_IN_TABLES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "stacks": {BUILT_IN_STACK: {"orchestrator": LOCAL_ORCHESTRATOR, "artifact_store": "local"}},
    "orchestrators": {
        LOCAL_ORCHESTRATOR: {"flavor": "local"},
        AIRFLOW_ORCHESTRATOR: {"flavor": "airflow"},
    },
    "artifact_stores": {"local": {"flavor": "local"}},
    "image_builders": {"docker": {"flavor": "docker"}},
    "container_registries": {"local": {"flavor": "local"}},
}
