"""Wheels that tests make themselves, in a folder that serves as the package index."""

from __future__ import annotations

import re
import zipfile
from importlib.metadata import distribution
from pathlib import Path

_WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class WheelFolder:
    """A package index that is a folder; it has what the light core needs as empty packages.

    Args:
        path: The folder; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        for name, version in {
            "pydantic": "2.99",
            "cloudpickle": "3.99",
            "fsspec": "2099.1",
            "obstore": "0.99",
        }.items():
            self.add(name, version, "")

    def add(self, name: str, version: str, code: str, requires: tuple[str, ...] = ()) -> None:
        """Put a package with one module of its name into the folder."""
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        files = {
            f"{name}.py": code,
            f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {each}\n" for each in requires),
            f"{info}/WHEEL": _WHEEL,
        }
        files[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in (*files, f"{info}/RECORD"))
        folder = self.path / name.replace("_", "-")
        folder.mkdir(exist_ok=True)
        with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            for file, content in files.items():
                wheel.writestr(file, content)
        self._index(folder)

    def add_installed(self, *names: str) -> None:
        """Put packages as they are installed here into the folder, in the place of empty ones."""
        for name in names:
            found = distribution(name)
            (tag,) = re.findall("^Tag: (.*)$", found.read_text("WHEEL") or "", re.MULTILINE)[:1]
            folder = self.path / name
            folder.mkdir(exist_ok=True)
            for empty in folder.glob("*.whl"):
                empty.unlink()
            stem = f"{name.replace('-', '_')}-{found.version}"
            with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w") as wheel:
                for file in found.files or ():
                    if ".." not in file.parts and file.suffix != ".pyc":
                        wheel.write(str(file.locate()), str(file))
            self._index(folder)

    def _index(self, folder: Path) -> None:
        links = (f'<a href="{each.name}">{each.name}</a>' for each in sorted(folder.glob("*.whl")))
        (folder / "index.html").write_text("<!DOCTYPE html>" + "".join(links))

    @property
    def variables(self) -> dict[str, str]:
        """What makes uv look here, and nowhere else."""
        return {
            "UV_NO_CONFIG": "1",
            "UV_DEFAULT_INDEX": self.path.as_uri(),
            "UV_CACHE_DIR": str(self.path / "cache"),
            "UV_PYTHON_DOWNLOADS": "never",
        }
