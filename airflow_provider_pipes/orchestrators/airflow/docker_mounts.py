"""The fields of a mount of Docker's, as its Python client names them and as its API does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What is given to ``docker.types.Mount``.
_OF_CLIENT: Mapping[str, str] = {
    "target": "str",
    "source": "str",
    "type": "'bind' | 'volume' | 'tmpfs' | 'npipe'",
    "read_only": "bool",
    "consistency": "str",
    "propagation": "str",
    "no_copy": "bool",
    "labels": "dict[str, str]",
    "driver_config": "dict",
    "subpath": "str",
    "tmpfs_size": "int | str",
    "tmpfs_mode": "int",
}
_OF_API: Mapping[str, str] = {
    "Target": "str",
    "Source": "str",
    "Type": "'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image'",
    "ReadOnly": "bool",
    "Consistency": "str",
    "BindOptions": "dict",
    "VolumeOptions": "dict",
    "ImageOptions": "dict",
    "TmpfsOptions": "dict",
    "ClusterOptions": "dict",
}


def mount_fields(mount: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the fields that a mount may have with their types, in the spelling that it uses."""
    return _OF_API if any(name[:1].isupper() for name in mount) else _OF_CLIENT


def missing_fields(mount: Mapping[str, Any]) -> list[str]:
    """Return the fields that a mount must have and has not."""
    if mount_fields(mount) is _OF_CLIENT:
        # Python's client takes no mount without a source, which may be None.
        return [name for name in ("target", "source") if name not in mount]
    of_folder = mount.get("Type") == "bind"
    return [name for name in ("Target", *(["Source"] if of_folder else [])) if not mount.get(name)]
