from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from airflow_provider_pipes.get_provider_info import get_provider_info
from airflow_provider_pipes.version import __version__


def test_the_description_fits_the_schema_that_airflow_has() -> None:
    schema = json.loads((resources.files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_every_module_that_it_names_is_there() -> None:
    root = Path(__file__).parents[2]
    modules = [module for each in get_provider_info()["operators"] for module in each["python-modules"]]
    assert modules
    for module in modules:
        assert (root / f"{module.replace('.', '/')}.py").is_file()


def test_asking_for_it_imports_nothing() -> None:
    code = (
        "import sys; from airflow_provider_pipes import get_provider_info as m; m.get_provider_info()\n"
        "print(*sorted(m for m in sys.modules if m.startswith(('airflow', 'pydantic', 'typer', 'rich'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package = "airflow_provider_pipes"
    assert done.stdout.split() == [package, f"{package}.get_provider_info", f"{package}.version"]


@pytest.mark.airflow
def test_airflow_lists_the_provider_and_complains_of_nothing(tmp_path: Path) -> None:
    info = tmp_path / "site" / f"airflow_provider_pipes-{__version__}.dist-info"
    info.mkdir(parents=True)
    metadata = ["Metadata-Version: 2.1", "Name: airflow-provider-pipes", f"Version: {__version__}", ""]
    (info / "METADATA").write_text("\n".join(metadata))
    source = "airflow_provider_pipes.get_provider_info:get_provider_info"
    (info / "entry_points.txt").write_text(f"[apache_airflow_provider]\nprovider_info = {source}\n")
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "providers", "list", "--output", "json"],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "PYTHONPATH": f"{info.parent}{os.pathsep}{Path(__file__).parents[2]}",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {each["package_name"]: each for each in json.loads(done.stdout[done.stdout.index("[") :])}
    assert listed["airflow-provider-pipes"]["version"] == __version__
    assert "pipes" not in done.stderr.lower(), done.stderr
