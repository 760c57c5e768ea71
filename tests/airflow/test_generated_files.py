"""Generated files in Airflow's own DagBag, where nothing of the user can be imported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.orchestrators.airflow.marker import read_marker
from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project

pytestmark = pytest.mark.airflow

GOLDEN = Path(__file__).parents[1] / "golden"
PIPELINE = """
    import pickle
    from datetime import timedelta
    from pathlib import Path

    import thing_that_is_not_installed_where_dags_are_parsed as thing

    from airflow_provider_pipes import Schedule, pipeline, step


    @step(retries=2, retry_delay=timedelta(seconds=30))
    def load(rows: int) -> list[int]:
        return thing.rows(rows)


    @step
    def count(values: list[int], names: list[str]) -> int:
        return len(values)


    @pipeline(schedule=Schedule(cron="0 6 * * *", timezone="Europe/Paris"), tags=["a tag"])
    def counting(rows: int = 3) -> None:
        \"\"\"Count rows.\"\"\"
        count(load(rows), ["a"])
"""
# Loads a folder as Airflow does, where asking for a module of the user is an error.
LOAD = """
    import json, sys

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in sys.argv[3:]:
                raise RuntimeError(f"{name} was imported")

    sys.meta_path.insert(0, Refuse())
    from airflow.dag_processing.dagbag import DagBag

    before = set(sys.modules)
    bag = DagBag(sys.argv[1])
    dags = {
        dag_id: {
            "tasks": {t.task_id: [type(t).__name__, sorted(t.upstream_task_ids)] for t in dag.tasks},
            "params": dict(dag.params.dump()),
            "retries": {task.task_id: task.retries for task in dag.tasks},
        }
        for dag_id, dag in bag.dags.items()
    }
    ours = sorted(name for name in set(sys.modules) - before if name.startswith("airflow_provider_pipes"))
    with open(sys.argv[2], "w") as file:
        json.dump({"dags": dags, "errors": bag.import_errors, "ours": ours}, file)
"""


def load(home: AirflowHome, *refused: str) -> dict[str, Any]:
    answer = home.path / "loaded.json"
    home.fresh.python(LOAD, str(home.dags_folder), str(answer), *refused)
    loaded: dict[str, Any] = json.loads(answer.read_text())
    return loaded


def test_a_generated_file_loads_without_any_module_of_the_user(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("counting_rows.py", PIPELINE)
    missing = project.write("thing_that_is_not_installed_where_dags_are_parsed.py", "rows = range")
    project.deploy("counting_rows.py:counting")
    missing.unlink()

    loaded = load(airflow_home, "counting_rows", missing.stem)

    assert loaded["errors"] == {}
    assert loaded["dags"] == {
        "counting": {
            "tasks": {
                "load": ["StepPythonOperator", []],
                "count": ["StepPythonOperator", ["load"]],
            },
            "params": {"rows": 3},
            "retries": {"load": 2, "count": 0},
        }
    }


def test_parsing_imports_next_to_nothing_of_ours(airflow_home: AirflowHome, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("counting_rows.py", PIPELINE.replace("import thing_that", "# import thing_that"))
    project.deploy("counting_rows.py:counting")

    root = {f"airflow_provider_pipes{module}" for module in ("", ".lazy", ".version")}
    assert set(load(airflow_home)["ours"]) - root == {
        "airflow_provider_pipes.operators",
        "airflow_provider_pipes.operators.links",
        "airflow_provider_pipes.operators.mixin",
        "airflow_provider_pipes.operators.python",
    }


def test_every_golden_file_loads_without_any_module_of_the_user(airflow_home: AirflowHome) -> None:
    golden = {
        file: marker
        for file in sorted(GOLDEN.rglob("*.py"))
        if (marker := read_marker(file.read_text("utf-8")))
    }
    assert len(golden) >= 5
    for file in golden:
        shutil.copy(file, airflow_home.dags_folder)

    loaded = load(
        airflow_home, *{marker.source.partition(":")[0].partition(".")[0] for marker in golden.values()}
    )

    assert loaded["errors"] == {}
    assert len(loaded["dags"]) == len(golden)
