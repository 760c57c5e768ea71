from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from airflow_provider_pipes import __version__
from airflow_provider_pipes.images.light_core import core_requirements, light_core

# What only a store, a materializer or a user's project would bring.
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import airflow_provider_pipes
assert airflow_provider_pipes.__file__.startswith(sys.argv[1])
for each in pkgutil.walk_packages(airflow_provider_pipes.__path__, "airflow_provider_pipes."):
    importlib.import_module(each.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = {
    "airflow",
    "docker",
    "jinja2",
    "kubernetes",
    "packaging",
    "pydantic_settings",
    "rich",
    "tomlkit",
    "typer",
}


def test_it_is_the_same_to_the_byte_each_time() -> None:
    first = light_core()
    light_core.cache_clear()
    assert light_core() == first


def test_all_of_it_is_imported_with_its_few_dependencies(tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(light_core().wheel)).extractall(tmp_path)
    command = [sys.executable, "-I", "-c", IMPORT_ALL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not HEAVY & set(done.stdout.split())


def test_it_is_a_wheel_that_pip_takes(tmp_path: Path) -> None:
    core = light_core()
    wheel = tmp_path / core.file_name
    wheel.write_bytes(core.wheel)
    command = [
        # A virtual environment may be without pip.
        f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}",
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--target",
        str(tmp_path / "t"),
    ]
    subprocess.run([*command, "--quiet", str(wheel)], check=True)
    metadata = (tmp_path / "t" / f"airflow_provider_pipes-{__version__}.dist-info" / "METADATA").read_text()
    assert "Name: airflow-provider-pipes\n" in metadata
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == [
        "Requires-Dist: cloudpickle>=3.0",
        "Requires-Dist: fsspec>=2024.10",
        "Requires-Dist: pydantic>=2.10",
    ]


@pytest.mark.parametrize(
    ("scheme", "client"), [("s3", "obstore"), ("gs", "gcsfs"), ("abfss", "adlfs"), ("", None), ("sftp", None)]
)
def test_the_client_of_a_store_comes_with_it(scheme: str, client: str | None) -> None:
    extra = set(core_requirements(scheme)) - set(core_requirements(""))
    assert {each.partition(">")[0] for each in extra} == ({client} if client else set())


def test_its_dependencies_are_those_of_the_package() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    declared = {
        *project["dependencies"],
        *(each for some in project["optional-dependencies"].values() for each in some),
    }
    for scheme in ("s3", "gs", "abfs"):
        assert set(core_requirements(scheme)) <= declared
