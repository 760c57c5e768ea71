"""The section [pipes] of Airflow's configuration, as our code reads it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.environments import KEPT_ENVIRONMENTS
from airflow_provider_pipes.get_provider_info import get_provider_info
from airflow_provider_pipes.runtime.retention import KEPT_SNAPSHOTS

PACKAGE = Path(__file__).parents[3] / "airflow_provider_pipes"
OPTIONS = get_provider_info()["config"]["pipes"]["options"]
READ = """
import json
from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.operators import configuration

def told(function):
    try:
        return str(function())
    except ConfigurationError as error:
        return f"error: {error}"

names = ("cache_dir", "cached_environments", "cached_snapshots", "use_cache")
print(json.dumps({name: told(getattr(configuration, name)) for name in names}))
"""


def read(home: Path, file: str = "", **variables: str) -> dict[str, str]:
    (home / "airflow.cfg").write_text(f"[pipes]\n{file}")
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PIPES_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", READ],
        env={**inherited, "AIRFLOW_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.airflow
def test_without_any_setting_the_documented_defaults_hold(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found == {name: str(option["default"]) for name, option in OPTIONS.items()}
    assert found["cached_snapshots"] == str(KEPT_SNAPSHOTS)
    assert found["cached_environments"] == str(KEPT_ENVIRONMENTS)


@pytest.mark.airflow
def test_the_file_and_the_environment_are_read(tmp_path: Path) -> None:
    file = "cache_dir = /var/cache/pipes\ncached_environments = 3\nuse_cache = False\n"
    found = read(tmp_path, file, AIRFLOW__PIPES__CACHED_SNAPSHOTS="7")
    assert found == {
        "cache_dir": "/var/cache/pipes",
        "cached_environments": "3",
        "cached_snapshots": "7",
        "use_cache": "False",
    }


@pytest.mark.airflow
def test_the_variable_of_the_cache_goes_before_the_configuration(tmp_path: Path) -> None:
    found = read(tmp_path, "cache_dir = /var/cache/pipes\n", PIPES_CACHE_DIR="/elsewhere")
    assert found["cache_dir"] == "None"


@pytest.mark.airflow
def test_nonsense_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    numbers = "cached_environments = -1\ncached_snapshots = 0\n"
    found = read(tmp_path, f"cache_dir = cache\n{numbers}use_cache = perhaps\n")
    assert found == {
        "cache_dir": "error: [pipes] cache_dir of Airflow's configuration is 'cache'; "
        "expected an absolute path",
        "cached_environments": "error: [pipes] cached_environments of Airflow's configuration is '-1'; "
        "expected a whole number of at least 1",
        "cached_snapshots": "error: [pipes] cached_snapshots of Airflow's configuration is '0'; "
        "expected a whole number of at least 1",
        "use_cache": "error: [pipes] use_cache of Airflow's configuration is 'perhaps'; "
        "expected True or False",
    }
    assert "at least 1" in read(tmp_path, "cached_snapshots = many\n")["cached_snapshots"]


def options_read() -> Iterator[str]:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) >= 2:
                section, option = node.args[:2]
                if isinstance(section, ast.Constant) and section.value == "pipes":
                    assert isinstance(option, ast.Constant), (
                        f"{file}:{node.lineno} hides which option it reads"
                    )
                    yield str(option.value)


def test_every_option_that_is_read_is_declared_and_the_other_way_round() -> None:
    assert sorted(options_read()) == sorted(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_documented(name: str) -> None:
    option: dict[str, Any] = OPTIONS[name]
    assert option.keys() == {"description", "version_added", "type", "example", "default"}
    assert len(option["description"]) > 40
    assert option["description"].endswith(".")
    assert option["version_added"]
    assert option["type"] in ("string", "integer", "boolean", "float")
    assert isinstance(option["example"], str)
    assert option["example"] != option["default"]
