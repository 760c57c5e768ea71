"""Manifests: read, committed once, found again by the cache."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    IntegrityError,
    PipesError,
    SchemaVersionError,
)
from airflow_provider_pipes.models.canonical import content_hash
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.models.paths import cache_path
from airflow_provider_pipes.runtime.inputs import content_of
from airflow_provider_pipes.runtime.plan import StepPlan

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage

logger = logging.getLogger(__name__)

_KEY_VERSION = 1
# What decoding a document of another shape may raise.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def manifest_path(prefix: str) -> str:
    """Return where the manifest of a step run is; ``prefix`` is the folder of its token."""
    return f"{prefix}/manifest.json"


def read_manifest(storage: Storage, prefix: str) -> Manifest | None:
    """Return the result that a token already has, or None.

    A manifest that a power cut left empty is none: the step runs again and its result takes the place.
    """
    try:
        return Manifest.from_json(storage.read(manifest_path(prefix)))
    except ArtifactNotFoundError:
        return None
    except IntegrityError as error:
        logger.warning("%s: %s", storage.full_uri(manifest_path(prefix)), error)
        return None


def commit_manifest(storage: Storage, prefix: str, manifest: Manifest) -> Manifest:
    """Make ``manifest`` the result of its token and return the one that is.

    Who comes second adopts the first.
    """
    if storage.create(manifest_path(prefix), manifest.to_json()):
        return manifest
    first = read_manifest(storage, prefix)
    if first is None:
        storage.write(manifest_path(prefix), manifest.to_json())
    return first or manifest


def cache_key(plan: StepPlan, inputs: Mapping[str, Any]) -> str:
    """Return the key that names a step's result: its code, its inputs' content, its environment.

    The Python version is part of it since pickles are; so are the declared outputs, whose names and
    materializers the code closure does not always hold.
    """
    from airflow_provider_pipes.artifacts.materializers import materializer_versions

    return content_hash(
        {
            "version": _KEY_VERSION,
            "code": plan.code_hash,
            "source": plan.source,
            "inputs": {name: content_of(resolved) for name, resolved in inputs.items()},
            "outputs": [[output.name, output.materializer] for output in plan.outputs],
            "environment": plan.environment,
            "materializers": materializer_versions(),
            "python": list(sys.version_info[:2]),
        }
    )


def file_in_cache(storage: Storage, key: str, prefix: str) -> None:
    """Let later step runs with the same key find the result under ``prefix``.

    The result is committed already, so a cache that can't be written does not fail the step.
    """
    try:
        storage.write(cache_path(key), json.dumps({"prefix": prefix}).encode("ascii"))
    except PipesError as error:
        logger.warning("the result is not filed in the cache: %s", error)


def find_in_cache(storage: Storage, key: str) -> tuple[str, Manifest] | None:
    """Return the prefix and the manifest of a cached result that is still whole, or None.

    A cache never fails a step: an entry that can't be read, or whose payloads are gone, is a miss.
    """
    try:
        prefix = str(json.loads(storage.read(cache_path(key)))["prefix"])
        manifest = read_manifest(storage, prefix)
        whole = manifest is not None and all(
            storage.list(each.path) for each in manifest.references().values()
        )
    except (ArtifactError, SchemaVersionError, *_UNREADABLE):
        return None
    return (prefix, manifest) if manifest is not None and whole else None


def adopted(manifest: Manifest, found: Manifest, source_prefix: str) -> Manifest:
    """Return ``manifest`` (a new step run's) with the outputs and metadata of a cached one."""
    return replace(
        manifest,
        outputs=found.outputs,
        metadata=found.metadata,
        cached_from=found.cached_from or source_prefix,
    )
