"""Our package for another Python: its files, without whatever else is installed beside them."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from airflow_provider_pipes.models.canonical import content_hash
from airflow_provider_pipes.models.light_core import CORE_REQUIREMENTS, store_clients


def core_requirements(store: str) -> list[str]:
    """Return what the light core needs for a store: of its clients, the first that the worker has."""
    clients = store_clients(store.partition("://")[0] if "://" in store else "")
    needed = [requirement for module, requirement in clients.items() if find_spec(module) is not None]
    return [*CORE_REQUIREMENTS, *needed[:1]]


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
