"""The DAG files of small pipelines, one idea each, byte for byte.

``pytest tests/test_golden.py --update-golden`` writes them anew; look at the difference before it is kept.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_pipes.orchestrators.airflow.publish import Published, publish
from tests.golden_files import GOLDEN, compile_all, pipelines
from tests.project import UserProject

RUFF = Path(sys.executable).with_name("ruff")
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the golden project in another place, with files that no pipeline reaches."""
    root = tmp_path_factory.mktemp("other place é") / "checkout"
    shutil.copytree(GOLDEN, root, ignore=shutil.ignore_patterns("dags", "__pycache__"))
    (root / "README.md").write_text("of this checkout only\n")
    (root / "pipelines" / "unreachable.txt").write_text("x")
    (root / "unreachable.py").write_text("raise RuntimeError('never imported')\n")
    return root


def in_another_process(root: Path, hash_seed: int) -> dict[str, list[str]]:
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.golden_files", str(root)]
    run = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def compiled(checkout: Path) -> dict[str, list[str]]:
    return in_another_process(checkout, 1)


@pytest.mark.parametrize("name", pipelines())
def test_a_dag_file_is_the_one_that_was_kept(
    name: str, compiled: dict[str, list[str]], pytestconfig: pytest.Config
) -> None:
    _, file_name, text = compiled[name]
    golden = GOLDEN / "dags" / file_name
    if pytestconfig.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(text.encode())
    assert golden.is_file(), f"{golden} is missing: write it with --update-golden"
    assert text.encode() == golden.read_bytes()


def test_there_is_a_pipeline_for_every_dag_file(compiled: dict[str, list[str]]) -> None:
    kept = sorted(path.name for path in (GOLDEN / "dags").glob("*"))
    assert kept == sorted(file_name for _, file_name, _ in compiled.values())


def test_ids_and_bytes_are_the_same_in_every_process_and_checkout(compiled: dict[str, list[str]]) -> None:
    assert in_another_process(GOLDEN, 2) == compiled


def test_ids_and_bytes_are_the_same_in_a_process_that_did_other_things_before(
    compiled: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    try:
        assert compile_all(GOLDEN) == compiled
    finally:
        UserProject(GOLDEN).forget_modules()


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_has_nothing_to_say(command: list[str]) -> None:
    run = subprocess.run(
        [RUFF, *command, "--isolated", "--no-cache", GOLDEN / "dags"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", pipelines())
def test_no_dag_file_tells_of_the_machine(name: str, compiled: dict[str, list[str]]) -> None:
    text = compiled[name][2]
    for told in (str(Path.home()), str(REPOSITORY), "/tmp/", os.uname().nodename):
        assert told not in text


def test_deploying_into_the_project_again_and_again_changes_nothing(project: UserProject) -> None:
    project.write("pipeline.py", (GOLDEN / "pipelines" / "branches.py").read_text())
    first = project.dag_file()
    assert publish(first.path, first.text) is Published.CREATED
    for _ in range(2):
        again = project.dag_file()
        assert again == first
        assert publish(again.path, again.text) is Published.UNCHANGED


def test_where_the_dags_folder_is_decides_where_the_store_is_found(
    project: UserProject, tmp_path: Path
) -> None:
    project.write("pipeline.py", (GOLDEN / "pipelines" / "minimal.py").read_text())
    inside = project.dag_file(dags_folder=project.root / "airflow" / "dags").text
    outside = project.dag_file(dags_folder=tmp_path / "dags").text
    assert '"../../.pipes/artifacts"' in inside
    assert f'"{project.root}/.pipes/artifacts"' in outside


def test_updating_is_refused_where_ci_is_set() -> None:
    command = [sys.executable, "-m", "pytest", "--update-golden", "-p", "no:cacheprovider", str(__file__)]
    environment = {**os.environ, "CI": "true"}
    run = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 4
    assert "--update-golden is for people" in run.stderr
