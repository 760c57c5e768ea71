"""The code snapshot of a deployment, made importable in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.models.paths import code_path
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.retention import KEPT_SNAPSHOTS
from airflow_provider_pipes.runtime.snapshot import extract_snapshot, find_extracted, load_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_pipes.artifacts.storage import Storage


def activate_code(
    storage: Storage, deployment: DeploymentPlan, cache_dir: Path | None = None, keep: int = KEPT_SNAPSHOTS
) -> None:
    """Fetch the deployment's code unless it is here already, check its hash, and put it on ``sys.path``.

    Args:
        storage: Where the code is.
        deployment: Whose code.
        cache_dir: Folder of extracted code, instead of the user's cache.
        keep: How many extracted snapshots may stay there.

    Raises:
        IntegrityError: it does not match its hash.
        SnapshotError: a name in it is taken by another module.
    """
    directory = find_extracted(deployment.code_hash, cache_dir)
    if directory is None:
        data = storage.read(code_path(deployment.code_hash))
        directory = extract_snapshot(data, deployment.code_hash, cache_dir, keep)
    load_snapshot(directory, deployment.code_roots)
