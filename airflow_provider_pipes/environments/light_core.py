"""Our package for another Python: its files, without whatever else is installed beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from airflow_provider_pipes.models.canonical import content_hash

CORE_REQUIREMENTS: Mapping[str, str] = {
    "pydantic": "pydantic>=2.10",
    "cloudpickle": "cloudpickle>=3.0",
    "fsspec": "fsspec>=2024.10",
}
"""What the light core may import beside the standard library; floors as in our own dependencies."""

STORE_REQUIREMENTS: Mapping[str, Mapping[str, str]] = {
    "s3": {"obstore": "obstore>=0.11", "s3fs": "s3fs>=2024.10"},
    "gs": {"gcsfs": "gcsfs>=2024.10"},
    "abfs": {"adlfs": "adlfs>=2024.7"},
}
"""For a store's protocol, the clients of which a step needs the first that the worker has."""

_ALIASES = {"s3a": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs"}


def core_requirements(store: str) -> list[str]:
    """Return what the light core needs for a store, beside the standard library."""
    protocol = store.partition("://")[0] if "://" in store else ""
    clients = STORE_REQUIREMENTS.get(_ALIASES.get(protocol, protocol), {})
    needed = [requirement for module, requirement in clients.items() if find_spec(module) is not None]
    return [*CORE_REQUIREMENTS.values(), *needed[:1]]


def core_folder(folder: Path) -> Path:
    """Return a folder with this installation's package and nothing else, for another Python's ``sys.path``.

    Args:
        folder: Where to make it.
    """
    package = Path(__file__).resolve().parents[1]
    # A link, so that an installation that is upgraded or edited is never shadowed by an older copy.
    made = folder / content_hash(str(package))[:20]
    link = made / package.name
    if not (link / "__init__.py").exists():
        made.mkdir(mode=0o700, exist_ok=True)
        aside = made / f".{os.getpid()}-{os.urandom(4).hex()}"
        aside.symlink_to(package, target_is_directory=True)
        os.replace(aside, link)
    return made
