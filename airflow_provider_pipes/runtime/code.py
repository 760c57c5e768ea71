"""The code snapshot of a deployment, made importable in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.models.paths import code_path
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.snapshot import extract_snapshot, find_extracted, load_snapshot

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage


def activate_code(storage: Storage, deployment: DeploymentPlan) -> None:
    """Fetch the deployment's code unless it is here already, check its hash, and put it on ``sys.path``.

    Raises:
        IntegrityError: it does not match its hash.
        SnapshotError: a name in it is taken by another module.
    """
    directory = find_extracted(deployment.code_hash)
    if directory is None:
        directory = extract_snapshot(storage.read(code_path(deployment.code_hash)), deployment.code_hash)
    load_snapshot(directory, deployment.code_roots)
