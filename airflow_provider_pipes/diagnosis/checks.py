"""All checks, in the order in which they are made: what others build on comes first."""

from __future__ import annotations

from airflow_provider_pipes.diagnosis.configuration import check_flavors, check_project, check_stack
from airflow_provider_pipes.diagnosis.dags import check_airflow_dags, check_dags_folder
from airflow_provider_pipes.diagnosis.deployments import check_deployments, check_pythons
from airflow_provider_pipes.diagnosis.docker_engine import check_docker_engines
from airflow_provider_pipes.diagnosis.environment import (
    check_airflow_version,
    check_clock,
    check_python,
    check_space,
)
from airflow_provider_pipes.diagnosis.findings import Check
from airflow_provider_pipes.diagnosis.images import check_image_builder, check_registry
from airflow_provider_pipes.diagnosis.kubernetes_cluster import check_kubernetes
from airflow_provider_pipes.diagnosis.server import check_connections, check_server, check_versions
from airflow_provider_pipes.diagnosis.store import check_store, store_fix

CHECKS = (
    Check("python", "Python", check_python),
    Check("packages", "packages", check_airflow_version),
    Check("project", "pipes.toml", check_project),
    Check("flavors", "flavors", check_flavors),
    Check("stack", "stack", check_stack),
    Check("connections", "connections", check_connections, limit=25),
    Check("artifact-store", "artifact store", check_store, slow_fix=store_fix),
    Check("disk-space", "disk space", check_space),
    Check("docker", "Docker engine", check_docker_engines, remote=True),
    Check("kubernetes", "Kubernetes", check_kubernetes, limit=10, remote=True),
    Check("container-registry", "registry", check_registry, remote=True),
    Check("image-builder", "image builder", check_image_builder, remote=True),
    Check("airflow", "Airflow", check_server, limit=30),
    Check("versions", "versions", check_versions, limit=15),
    Check("dags-folder", "dags folder", check_dags_folder, limit=25),
    Check("dag-files", "DAG files", check_deployments, limit=20),
    Check("dags", "DAGs in Airflow", check_airflow_dags, limit=40),
    Check("last-runs", "last runs", check_pythons, limit=10),
    Check("clock", "clock", check_clock),
)
