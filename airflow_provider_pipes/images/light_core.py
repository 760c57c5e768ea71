"""What of our own package an image gets: all that runs a step, as a wheel with few dependencies."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from airflow_provider_pipes.models.canonical import content_hash, sha256_hex
from airflow_provider_pipes.models.light_core import CORE_REQUIREMENTS, store_clients
from airflow_provider_pipes.version import __version__

_PACKAGE = "airflow_provider_pipes"
_DISTRIBUTION = "airflow-provider-pipes"
# What runs a step, and the base classes that a component of a user's project derives from.
_FOLDERS = (
    "artifacts",
    "authoring",
    "entrypoints",
    "models",
    "orchestrators",
    "runtime",
    "stack",
    "step_operators",
)
# What writes DAG files, and what reads a project's configuration by packages of its own.
_NOT = ("orchestrators/airflow/", "stack/environment.py")
# What the base class of orchestrators takes from above it.
_FILES = ("compiler/__init__.py", "compiler/orchestrator_view.py", "py.typed")
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644


@dataclass(frozen=True)
class LightCore:
    """The light core of this installation.

    Attributes:
        hash: SHA-256 over its files.
        wheel: A wheel with them, the same to the byte for the same files.
        file_name: The wheel's name.
    """

    hash: str
    wheel: bytes
    file_name: str


def core_requirements(store_scheme: str) -> tuple[str, ...]:
    """Return what the light core needs, for an artifact store of this scheme."""
    clients = tuple(store_clients(store_scheme).values())
    return tuple(sorted(CORE_REQUIREMENTS + clients[:1]))


@cache
def light_core() -> LightCore:
    """Return the light core of this installation."""
    root = Path(__file__).parent.parent
    files = {name: (root / name).read_bytes() for name in sorted(_names(root))}
    digest = content_hash([[name, sha256_hex(data)] for name, data in files.items()])
    wheel = _wheel({f"{_PACKAGE}/{name}": data for name, data in files.items()})
    return LightCore(digest, wheel, f"{_PACKAGE}-{__version__}-py3-none-any.whl")


def _names(root: Path) -> Iterator[str]:
    yield from (each.name for each in root.glob("*.py") if each.name != "get_provider_info.py")
    yield from _FILES
    for folder in _FOLDERS:
        for file in (root / folder).rglob("*.py"):
            name = file.relative_to(root).as_posix()
            if not name.startswith(_NOT):
                yield name


def _wheel(files: dict[str, bytes]) -> bytes:
    info = f"{_PACKAGE}-{__version__}.dist-info"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {_DISTRIBUTION}",
        f"Version: {__version__}",
        "Summary: What runs a step in a container.",
        *(f"Requires-Dist: {each}" for each in CORE_REQUIREMENTS),
    ]
    tags = ["Wheel-Version: 1.0", f"Generator: {_DISTRIBUTION}", "Root-Is-Purelib: true", "Tag: py3-none-any"]
    whole = {
        **files,
        f"{info}/METADATA": _text(metadata),
        f"{info}/WHEEL": _text(tags),
        f"{info}/INSTALLER": _text([_DISTRIBUTION]),
    }
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in whole.items()]
    whole[f"{info}/RECORD"] = _text([*record, f"{info}/RECORD,,"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in whole.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = _MODE << 16
            # Stored: what zlib makes of the same files is not the same everywhere.
            archive.writestr(entry, data, zipfile.ZIP_STORED)
    return buffer.getvalue()


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
