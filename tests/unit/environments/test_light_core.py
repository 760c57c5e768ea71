from __future__ import annotations

import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_pipes.environments import light_core
from airflow_provider_pipes.environments.light_core import (
    core_folder,
    core_requirements,
)
from airflow_provider_pipes.models.light_core import CORE_REQUIREMENTS, store_clients

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_only_our_package_is_in_the_folder(tmp_path: Path) -> None:
    folder = core_folder(tmp_path)
    assert [each.name for each in folder.iterdir()] == ["airflow_provider_pipes"]
    script = (
        "import airflow_provider_pipes.entrypoints.entrypoint as found, importlib.util, sys\n"
        "print(found.__file__)\n"
        "print([name for name in ('airflow', 'typer', 'pydantic') if importlib.util.find_spec(name)])"
    )
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    place, others = done.stdout.splitlines()
    assert place == str(folder / "airflow_provider_pipes" / "entrypoints" / "entrypoint.py")
    assert others == "[]"


def test_the_folder_is_made_once_however_many_ask_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: core_folder(tmp_path), range(50)))
    assert len(folders) == 1
    assert len(list(tmp_path.iterdir())) == 1
    assert [each.name for each in folders.pop().iterdir()] == ["airflow_provider_pipes"]


def test_the_requirements_are_those_of_the_distribution() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    extras = project["optional-dependencies"]
    assert set(CORE_REQUIREMENTS) <= set(project["dependencies"])
    for protocol, extra in {"s3": "s3", "gs": "gcs", "abfs": "abfs"}.items():
        assert list(store_clients(protocol).values()) == extras[extra]


@pytest.mark.parametrize(
    ("store", "installed", "client"),
    [
        ("/data/store", {"obstore", "s3fs", "gcsfs"}, []),
        ("s3://bucket/x", {"obstore", "s3fs"}, ["obstore>=0.11"]),
        ("s3a://bucket/x", {"s3fs"}, ["s3fs>=2024.10"]),
        ("gcs://bucket/x", {"gcsfs"}, ["gcsfs>=2024.10"]),
        ("az://bucket/x", {"adlfs"}, ["adlfs>=2024.7"]),
        ("az://bucket/x", set(), []),
        ("sftp://host/x", {"obstore"}, []),
    ],
)
def test_a_remote_store_adds_the_client_that_the_worker_has(
    monkeypatch: pytest.MonkeyPatch, store: str, installed: set[str], client: list[str]
) -> None:
    monkeypatch.setattr(light_core, "find_spec", lambda name: name if name in installed else None)
    assert core_requirements(store) == [*CORE_REQUIREMENTS, *client]
