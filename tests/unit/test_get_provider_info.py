from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.cli.cli_config import GroupCommand
from airflow.sdk import BaseOperator, BaseOperatorLink

from airflow_provider_pipes.get_provider_info import get_provider_info
from airflow_provider_pipes.version import __version__

PACKAGE = Path(__file__).parents[2] / "airflow_provider_pipes"


def test_the_description_fits_the_schema_that_airflow_has() -> None:
    schema = json.loads((resources.files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)
    assert get_provider_info().keys() <= schema["properties"].keys()


@pytest.mark.airflow
def test_everything_that_it_names_can_be_imported() -> None:
    info = get_provider_info()
    for each in info["operators"]:
        for module in each["python-modules"]:
            found = vars(importlib.import_module(module)).values()
            own = [each for each in found if isinstance(each, type) and each.__module__ == module]
            assert any(issubclass(each, BaseOperator) for each in own), module
    for path in info["extra-links"]:
        assert issubclass(imported(path), BaseOperatorLink)
    for path in info["cli"]:
        assert [type(command) for command in imported(path)()] == [GroupCommand]


def imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.airflow
def test_every_operator_and_link_of_ours_is_named() -> None:
    info = get_provider_info()
    named = {module for each in info["operators"] for module in each["python-modules"]}
    operators, links = set(), set()
    for file in (PACKAGE / "operators").glob("[!_]*.py"):
        module = f"airflow_provider_pipes.operators.{file.stem}"
        for name, each in vars(importlib.import_module(module)).items():
            if isinstance(each, type) and each.__module__ == module:
                operators |= {module} if issubclass(each, BaseOperator) else set()
                links |= {f"{module}.{name}"} if issubclass(each, BaseOperatorLink) else set()
    assert operators == named
    assert links == set(info["extra-links"])


def test_an_integration_is_named_for_all_that_refers_to_one() -> None:
    info = get_provider_info()
    known = {each["integration-name"] for each in info["integrations"]}
    assert {each["integration-name"] for each in info["operators"]} == known


def test_asking_for_it_imports_nothing() -> None:
    code = (
        "import sys; from airflow_provider_pipes import get_provider_info as m; m.get_provider_info()\n"
        "print(*sorted(m for m in sys.modules if m.startswith(('airflow', 'pydantic', 'typer', 'rich'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package = "airflow_provider_pipes"
    modules = ("get_provider_info", "lazy", "version")
    assert done.stdout.split() == [package, *(f"{package}.{module}" for module in modules)]


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
