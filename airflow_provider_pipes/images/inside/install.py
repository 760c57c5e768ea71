"""Installs the requirements of an image, and lays out what that added below /pipes/added.

It runs in a stage of its own, which the image only copies files from: so neither the installer nor
the build argument, which may hold a login, is part of the image.

Usage: install.py INSTALLER, as uv or pip.
"""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).parent
ADDED = HERE / "added"
TOOL = HERE / "tool"
# Of the light core's own packages: their bytecode would only take space.
NEVER_IMPORTED = ("/fsspec/tests/", "/pydantic/v1/")
# Below the folder of the core's own files, so that the image needs one copy.
REMOVED = "opt/airflow-provider-pipes/removed.json"


def fail(message: str) -> NoReturn:
    """End the build by one sentence."""
    sys.exit(f"pipes: {message}")


def environment() -> dict[str, str]:
    """Return the variables of the installer: the build argument's, and where certificates are."""
    values = dict(os.environ)
    values.update(json.loads(values.pop("PIPES_BUILD_ENVIRONMENT", "") or "{}"))
    certificates = HERE / "certificates.pem"
    if certificates.stat().st_size:
        values.update(dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"), str(certificates)))
    return {
        **values,
        # Debian marks its Python as its own; an image is nobody else's.
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_COMPILE": "1",
        "PIP_NO_INPUT": "1",
        "PIP_PROGRESS_BAR": "off",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
        "UV_BREAK_SYSTEM_PACKAGES": "1",
        "UV_LINK_MODE": "copy",
        "UV_NO_CACHE": "1",
        "UV_NO_PROGRESS": "1",
    }


def run(command: list[str], variables: dict[str, str]) -> None:
    """Run a command of the installer; its exit code ends the build."""
    code = subprocess.call(command, env=variables)
    if code:
        fail(f"`{' '.join(command[:4])} …` ended with exit code {code}")


def pip(variables: dict[str, str], *arguments: str) -> None:
    """Run the pip of the parent image."""
    run([sys.executable, "-m", "pip", *arguments], variables)


def install_with_uv(variables: dict[str, str]) -> None:
    """Install all at once by uv, which goes after the build."""
    uv = shutil.which("uv")
    if uv is None:
        pip(variables, "install", "--quiet", "--target", str(TOOL), "uv")
        uv = str(TOOL / "bin" / "uv")
    files = ["-r", str(HERE / "requirements.txt"), "-r", str(HERE / "core.txt")]
    constraints = HERE / "constraints.txt"
    # uv warns of a file that limits nothing.
    limits = ["-c", str(constraints)] if constraints.stat().st_size else []
    run([uv, "pip", "install", "--python", sys.executable, *files, *limits], variables)


def install_with_pip(variables: dict[str, str]) -> None:
    """Install by pip, at once unless hashes are given, which it then wants for everything."""
    requirements, limits = HERE / "requirements.txt", HERE / "constraints.txt"
    lines = requirements.read_text().splitlines()
    if not any("--hash=" in line for line in lines):
        pip(variables, "install", "-r", str(requirements), "-r", str(HERE / "core.txt"), "-c", str(limits))
        return
    pip(variables, "install", "--require-hashes", "-r", str(requirements))
    locked = HERE / "locked.txt"
    locked.write_text("".join(f"{line.partition(' --hash=')[0]}\n" for line in lines))
    pip(variables, "install", "-r", str(HERE / "core.txt"), "-c", str(locked), "-c", str(limits))


def places() -> list[Path]:
    """Return the folders that an installation writes to, none inside another."""
    found = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib", "scripts", "data")}
    return [each for each in found if each.is_dir() and not any(other in each.parents for other in found)]


def listing() -> dict[str, tuple[int, int, int]]:
    """Return the files in those folders, each with what changes when it is written."""
    found = {}
    for place in places():
        for folder, folders, names in os.walk(place):
            folders[:] = [each for each in folders if each != "__pycache__"]
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def compiled(path: str) -> str | None:
    """Write the bytecode of a file, valid without a look at the file, and return where it is."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_file(path, quiet=2, force=True, invalidation_mode=mode)
    cached = Path(path).parent / "__pycache__" / f"{Path(path).stem}.{sys.implementation.cache_tag}.pyc"
    return str(cached) if cached.exists() else None


def lay_out(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> None:
    """Put what is new or changed below ADDED, with its bytecode, and write down what is gone."""
    new = [path for path, status in after.items() if before.get(path) != status]
    sources = [
        path for path in new if path.endswith(".py") and not any(each in path for each in NEVER_IMPORTED)
    ]
    # A read-only container could not keep the bytecode, and would compile everything at each start.
    with ProcessPoolExecutor() as pool:
        new += [each for each in pool.map(compiled, sources, chunksize=50) if each]
    for path in new:
        target = ADDED / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    (ADDED / REMOVED).parent.mkdir(parents=True, exist_ok=True)
    (ADDED / REMOVED).write_text(json.dumps(sorted(set(before) - set(after))))


def main() -> None:
    """Install, and lay out the difference."""
    if sys.version_info < (3, 11):  # noqa: UP036 - a parent image may have any
        fail(f"the parent image has Python {sys.version.split()[0]}, and a step needs 3.11 or later")
    variables = environment()
    asked = [sys.executable, "-m", "pip", "--version"]
    if subprocess.call(asked, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        fail(f"the parent image's {sys.executable} has no pip; choose one that has it, as python:3.12-slim")
    before = listing()
    {"uv": install_with_uv, "pip": install_with_pip}[sys.argv[1]](variables)
    lay_out(before, listing())


if __name__ == "__main__":
    main()
