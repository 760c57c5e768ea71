"""``run_dag_file``: a DAG file run by Airflow itself, with what came of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_pipes.testing import TemporaryProject, run_dag_file
from airflow_provider_pipes.testing.dag_files import migrated_database, new_home
from tests.testing.sums import SUMS

pytestmark = pytest.mark.airflow

TWO = """
    from airflow.sdk import DAG, task
    from beside import ANSWER

    for name in ("one", "two"):
        with DAG(name):

            @task
            def answer():
                return ANSWER

            answer()
"""


@pytest.fixture(scope="module")
def dag_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = TemporaryProject(tmp_path_factory.mktemp("project"))
    project.write("sums.py", SUMS)
    command = [sys.executable, "-m", "airflow_provider_pipes.cli.main", "deploy", "sums.py"]
    subprocess.run([*command, "--dags-folder", "dags"], cwd=project.root, check=True, capture_output=True)
    return project.root / "dags" / "sums.py"


def test_a_generated_file_runs_and_its_outputs_are_loaded(dag_file: Path) -> None:
    run = run_dag_file(dag_file, {"extra": 4}, "of-mine").check()
    assert (run.dag_id, run.run_id) == ("sums", "of-mine")
    assert run.states == {"load": "success", "total": "success"}
    assert run.xcom("load")["output"]["materializer"] == "json"
    assert run.output("total") == 10
    assert run.outputs() == {"load": {"output": [1, 2, 3]}, "total": {"output": 10}}
    assert "Running step 'total'" in run.log
    with pytest.raises(AssertionError, match="task 'total' has no output 'sum'"):
        run.output("total", "sum")


def test_a_failing_run_is_told_with_the_log(dag_file: Path) -> None:
    run = run_dag_file(dag_file, {"extra": -1})
    assert (run.state, run.states) == ("failed", {"load": "success", "total": "failed"})
    with pytest.raises(AssertionError, match=r"sums failed(.|\n)*negative: -1"):
        run.check()
    with pytest.raises(AssertionError, match=r"task 'total' \(failed\) pushed no XCom 'return_value'"):
        run.output("total")


def test_a_file_with_several_dags_and_modules_beside_it(tmp_path: Path) -> None:
    project = TemporaryProject(tmp_path)
    project.write("beside.py", "ANSWER = 42\n")
    file = project.write("dags_of_mine.py", TWO)
    marker = (
        'from airflow.sdk import DAG\nfrom pathlib import Path\nPath(__file__).with_suffix(".read").touch()\n'
    )
    project.write("other_dags.py", marker)
    assert run_dag_file(file, dag_id="two").check().xcom("answer") == 42
    assert not (tmp_path / "other_dags.read").exists(), "other DAG files of the folder are not read"
    unnamed = run_dag_file(file)
    assert unnamed.state == "error"
    assert "expected one DAG, or its id; there are: ['one', 'two']" in unnamed.error


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("from airflow.sdk import DAG\nraise ZeroDivisionError('at parse')\n")
    assert "at parse" in run_dag_file(file).error
    with pytest.raises(AssertionError, match="there is no DAG file"):
        run_dag_file(tmp_path / "missing.py")


def test_the_migrated_database_is_made_once(tmp_path: Path) -> None:
    first = migrated_database()
    changed = first.stat().st_mtime_ns
    home = new_home(tmp_path / "home")
    assert home.rows("SELECT count(*) AS runs FROM dag_run") == [{"runs": 0}]
    assert migrated_database() == first
    assert first.stat().st_mtime_ns == changed
