"""Where a DAG file finds the artifact store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class StoreLocation:
    """The artifact store's address as a DAG file gives it.

    Attributes:
        text: A URI or an absolute path; where ``relative``, a POSIX path.
        relative: Whether ``text`` starts at the folder of the DAG file.
    """

    text: str
    relative: bool = False


def store_location(store_root_uri: str, project_root: Path, dags_folder: Path) -> StoreLocation:
    """Return the location to write into the DAG files of ``dags_folder``.

    Where a local store and the folder are both inside the project, the path between them is the same
    in every checkout, and so are the bytes of the DAG file. A link on the way would lead it astray.
    """
    path = local_path(store_root_uri)
    if path is None:
        return StoreLocation(store_root_uri)
    store = Path(os.path.abspath(path))
    root = project_root.resolve()
    to_store, to_folder = _path_inside(store, root), _path_inside(Path(os.path.abspath(dags_folder)), root)
    if to_store is None or to_folder is None:
        return StoreLocation(str(store))
    return StoreLocation(Path(os.path.relpath(to_store, to_folder)).as_posix(), relative=True)


def local_path(uri: str) -> str | None:
    """Return the folder of a store on this machine, or None for a remote one."""
    if uri.startswith("file:"):
        return unquote(urlsplit(uri).path)
    return None if "://" in uri else uri


def _path_inside(path: Path, root: Path) -> Path | None:
    """Return the way from ``root`` to ``path``, or None if there is none or it has a link in it."""
    above = next((each for each in (path, *path.parents) if each.resolve() == root), None)
    if above is None:
        return None
    way = path.relative_to(above)
    return way if path.resolve() == root / way else None
