"""Generated files as Airflow itself reads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.models.deployment import ParameterSpec, PipelineDeployment
from airflow_provider_pipes.models.settings import Schedule, TaskSettings
from airflow_provider_pipes.orchestrators.airflow.limits import airflow_problems
from airflow_provider_pipes.orchestrators.airflow.location import StoreLocation
from airflow_provider_pipes.orchestrators.airflow.render import render_dag_file
from tests.unit.orchestrators.dag_files import deployment, parameter, step

pytestmark = pytest.mark.airflow

# Reads a folder as the dag-processor does, serializes every DAG and prints what comes out again.
READER = """
import json, sys

class NoUserCode:
    def find_spec(self, name, path=None, target=None):
        if name in ("digits", "encoding"):
            raise AssertionError(f"{name} was imported")

sys.meta_path.insert(0, NoUserCode())
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.definitions.notset import NOTSET
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

bag = DagBag(sys.argv[1])
warnings = {path: lines for path, lines in bag.captured_warnings.items() if lines}
found = {"errors": bag.import_errors, "warnings": warnings, "dags": {}}

def task_facts(task, ours):
    return {
        "doc": task.doc_md,
        "retries": task.retries,
        "delay": task.retry_delay.total_seconds(),
        "backoff": task.retry_exponential_backoff,
        "pool": task.pool,
        "upstream": sorted(task.upstream_task_ids),
        "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
        "store": ours.store,
        "deployment_id": ours.deployment_id,
    }

for dag_id, dag in bag.dags.items():
    document = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    read = DagSerialization.from_dict(document)
    between = TimeRestriction(read.start_date, read.end_date, read.catchup)
    due = read.timetable.can_be_scheduled and read.timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=between
    )
    params = {name: read.params.get_param(name) for name in read.params}
    found["dags"][dag_id] = {
        "description": read.description,
        "doc": read.doc_md,
        "tags": sorted(read.tags),
        "defaults": {name: "NOTSET" if each.value is NOTSET else each.value for name, each in params.items()},
        "descriptions": {name: param.description for name, param in params.items()},
        "schemas": {name: param.schema for name, param in params.items()},
        "default_args": document["dag"]["default_args"]["__var"],
        "next": due and due.run_after.isoformat(),
        "timezone": document["dag"]["timezone"],
        "tasks": {task.task_id: task_facts(task, dag.get_task(task.task_id)) for task in read.tasks},
    }
print(json.dumps(found))
"""


def deployments() -> dict[str, PipelineDeployment]:
    steps = [
        step("load", doc="{{ 7*7 }}.md", task=TaskSettings(retries=1)),
        step(
            "train-é.v2", "load", task=TaskSettings(retries=3, retry_delay=timedelta(seconds=90), pool="gpu")
        ),
        step("best", "load", "train-é.v2", task=TaskSettings(retries=1, retry_exponential_backoff=2)),
    ]
    nasty = '{{ 1/0 }} {% for %} """ \' \\ \u202e 漢字 🚀\nnotes.md'
    return {
        "nasty": deployment(
            steps,
            source="encoding:pipeline",
            description=nasty,
            doc="notes.md",
            tags=("{{ ds }}", "é"),
            task=TaskSettings(retries=1, execution_timeout=timedelta(hours=2)),
            run_timeout=60,
            parameters=(
                parameter("text", nasty, type="string", description=nasty),
                ParameterSpec(name="day", json_schema={"type": "string"}, required=True),
                ParameterSpec(name="maybe", json_schema={"type": ["null", "integer"]}, required=True),
                parameter("none", None, type=["null", "integer"]),
                parameter("tree", {"__type": "x", "$ref": [1, {"a": 0}]}, **{"$defs": {}, "not": {}}),
                parameter("rows", [{"a": [1, {"b": 2}]}], type="array", default=[], items={"type": "object"}),
            ),
        ),
        "cron": deployment(steps, schedule=Schedule(cron="0 6 * * *", timezone="Europe/Paris")),
        "preset": deployment(steps, schedule=Schedule(cron="@weekly", start=datetime(2060, 1, 1))),
        "interval": deployment(steps, schedule=Schedule(interval=timedelta(hours=36, microseconds=1))),
        "catchup": deployment(
            steps,
            schedule=Schedule(
                cron="30 2 * * *", timezone="America/New_York", start=datetime(2026, 3, 7), catchup=True,
                end=datetime(2026, 4, 1), max_active_runs=2,
            ),
        ),
        "dag.é-1": deployment([step("os"), step("DAG", "os"), step("airflow", "DAG")]),
    }  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    folder = home / "dags"
    folder.mkdir()
    (home / "notes.md").write_text("a secret")
    for number, (dag_id, of) in enumerate(deployments().items()):
        assert airflow_problems(of, dag_id) == []
        text = render_dag_file(of, dag_id, StoreLocation("../.pipes/artifacts", relative=True))
        (folder / f"dag{number}.py").write_text(text, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", READER, str(folder)],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout.splitlines()[-1])
    answer["home"] = str(home)
    assert isinstance(answer, dict)
    return answer


def test_every_file_loads_without_an_error_or_a_warning_or_the_users_code(found: dict[str, Any]) -> None:
    assert found["errors"] == {}
    assert found["warnings"] == {}
    assert found["dags"].keys() == deployments().keys()


def test_text_is_neither_rendered_nor_read_from_disk(found: dict[str, Any]) -> None:
    dag, of = found["dags"]["nasty"], deployments()["nasty"]
    assert dag["description"] == of.pipeline.description
    assert dag["doc"] == "notes.md\n"
    assert dag["tags"] == ["é", "{{ ds }}"][::-1]
    assert dag["tasks"]["load"]["doc"] == "{{ 7*7 }}.md\n"


def test_parameters_keep_their_defaults_and_schemas(found: dict[str, Any]) -> None:
    dag, of = found["dags"]["nasty"], deployments()["nasty"]
    given = {each.name: "NOTSET" if each.required else each.default for each in of.pipeline.parameters}
    assert dag["defaults"] == given
    assert list(dag["defaults"]) == list(given)
    assert dag["descriptions"]["text"] == of.pipeline.parameters[0].json_schema["description"]
    assert dag["schemas"]["tree"] == {"$defs": {}, "not": {}}
    assert dag["schemas"]["rows"] == {"type": "array", "items": {"type": "object"}}


def test_tasks_get_their_settings_and_their_place(found: dict[str, Any]) -> None:
    dag, of = found["dags"]["nasty"], deployments()["nasty"]
    load, train, best = (dag["tasks"][name] for name in ("load", "train-é.v2", "best"))
    assert (load["retries"], load["delay"], load["backoff"], load["pool"]) == (1, 300, 0, "default_pool")
    assert (train["retries"], train["delay"], train["pool"]) == (3, 90, "gpu")
    assert (best["retries"], best["backoff"]) == (1, 2)
    assert [each["upstream"] for each in (load, train, best)] == [[], ["load"], ["load", "train-é.v2"]]
    assert {each["timeout"] for each in dag["tasks"].values()} == {7200}
    assert {each["store"] for each in dag["tasks"].values()} == {f"{found['home']}/.pipes/artifacts"}
    assert {each["deployment_id"] for each in dag["tasks"].values()} == {of.id}


def test_a_changed_deployment_makes_a_new_dag_version(found: dict[str, Any]) -> None:
    # The id is part of what Airflow hashes to tell versions apart.
    for dag_id, of in deployments().items():
        assert found["dags"][dag_id]["default_args"]["deployment_id"] == of.id


def test_schedules_are_due_when_they_say(found: dict[str, Any]) -> None:
    dags = found["dags"]
    assert dags["nasty"]["next"] is False
    assert dags["catchup"]["next"] == "2026-03-07T07:30:00+00:00"
    assert dags["catchup"]["timezone"] == "America/New_York"
    assert dags["preset"]["next"] == "2060-01-04T00:00:00+00:00"
    # Without a start: the next time of a cron expression, and at once for an interval.
    now = datetime.now(UTC)
    assert now - timedelta(minutes=5) < datetime.fromisoformat(dags["interval"]["next"]) <= now
    due = datetime.fromisoformat(dags["cron"]["next"])
    assert now - timedelta(minutes=5) < due <= now + timedelta(days=1)
    assert (due.hour, due.minute) in {(4, 0), (5, 0)}
