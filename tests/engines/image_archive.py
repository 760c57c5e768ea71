"""Pack a folder as an image of one layer, in the form that ``docker load`` and ``ctr images import`` read.

``image_archive.py FOLDER ARCHIVE NAME:TAG [KEY=VALUE ...]``: keys of an image's ``config``, values in JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path
from typing import Any

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEFAULTS: dict[str, Any] = {
    "Cmd": ["python3"],
    "Env": [f"PATH={_PATH}", "LANG=C.UTF-8", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(folder: Path, archive: Path, name: str, config: dict[str, Any]) -> None:
    """Write the archive of an image; the same folder gives the same image, whenever it is packed."""
    layer = _layer(folder)
    digest = hashlib.sha256(layer).hexdigest()
    description = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": "2020-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "image_archive.py"}],
    }
    content = json.dumps(description).encode()
    image = f"{hashlib.sha256(content).hexdigest()}.json"
    manifest = [{"Config": image, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(archive, "w") as made:
        for path, data in ((image, content), (f"{digest}/layer.tar", layer)):
            _add(made, path, data)
        _add(made, "manifest.json", json.dumps(manifest).encode())


def _layer(folder: Path) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as layer:
        for path in sorted(folder.rglob("*")):
            layer.add(path, str(path.relative_to(folder)), recursive=False, filter=_anonymous)
    return written.getvalue()


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def _add(archive: tarfile.TarFile, path: str, data: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    folder, archive, name, *options = sys.argv[1:]
    given = {key: json.loads(value) for key, _, value in (each.partition("=") for each in options)}
    write_archive(Path(folder), Path(archive), name, given or _DEFAULTS)
