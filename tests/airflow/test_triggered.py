"""Parameters from ``--conf`` and REST to the function, on running Airflows; names in other scripts, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.airflow.projects import Project
from tests.airflow.rest import RestError
from tests.airflow.running import RunningAirflow
from tests.airflow.test_parameters import EDGES, declared, expected, received
from tests.airflow.test_texts import FOREIGN_NAMES, NAMED

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]


def run_by_command_and_rest(airflow: RunningAirflow, project: Project) -> None:
    declared(project, "declared_and_triggered")
    api, conf = airflow.api, EDGES[0] | EDGES[2] | EDGES[3]
    api.unpause("declared_and_triggered")

    airflow.home.airflow(
        *("dags", "trigger", "declared_and_triggered", "--run-id", "by-command", "--conf", json.dumps(conf))
    )
    api.wait_for_run("declared_and_triggered", "by-command")
    api.run("declared_and_triggered", conf)

    assert [received(note) for (note,) in project.noted("received")] == [expected(conf)] * 2


def test_parameters_keep_their_types_when_triggered(running_airflow: RunningAirflow, tmp_path: Path) -> None:
    run_by_command_and_rest(running_airflow, Project(tmp_path / "project", running_airflow.home))


@pytest.mark.postgres
def test_parameters_keep_their_types_when_triggered_on_postgresql(
    postgres_airflow: RunningAirflow, tmp_path: Path
) -> None:
    run_by_command_and_rest(postgres_airflow, Project(tmp_path / "project", postgres_airflow.home))


def test_values_that_airflow_would_crash_on_are_refused_by_the_form(
    running_airflow: RunningAirflow, tmp_path: Path
) -> None:
    declared(Project(tmp_path / "project", running_airflow.home), "declared_and_refused")
    api = running_airflow.api
    api.wait_for_dag("declared_and_refused")
    refused = [
        ("integer", 2**70),
        ("integer", -(2**63) - 1),
        ("integer", 1.5),
        ("integer", True),
        ("integer", "1"),
        ("integer", None),
        ("number", 1e300),
        ("number", -1e19),
        ("maybe", 2**64),
        ("maybe_number", 1e300),
        ("flag", 1),
        ("numbers", [0.5, 1e300]),
        ("integers", [2**70]),
        ("table", {"a": 1e300}),
        ("nested", {"a": [{"b": 2**70}]}),
        ("options", {"rate": 1.0, "steps": 2**70, "names": []}),
        ("options", {"rate": 1.0, "steps": 1}),
        ("choice", "b"),
        ("anything", 2**70),
        ("anything", {"a": [1e300]}),
        ("loose", [[2**70]]),
    ]
    for name, value in refused:
        with pytest.raises(RestError) as answer:
            api.trigger("declared_and_refused", {name: value})
        assert answer.value.status == 400, (name, value)
        assert name in str(answer.value.detail), (name, value)
    assert api.dag_runs("declared_and_refused") == []


def test_a_command_with_a_value_that_does_not_fit_says_so(
    running_airflow: RunningAirflow, tmp_path: Path
) -> None:
    declared(Project(tmp_path / "project", running_airflow.home), "declared_and_commanded")
    running_airflow.api.wait_for_dag("declared_and_commanded")

    done = running_airflow.home.airflow(
        "dags", "trigger", "declared_and_commanded", "--conf", '{"integer": 1e300}', check=False
    )

    assert done.returncode != 0
    assert "integer" in done.stderr
    assert "1e+300 is greater than the maximum of 9223372036854775807" in done.stderr
    assert running_airflow.api.dag_runs("declared_and_commanded") == []


def test_names_in_other_scripts_work(running_airflow: RunningAirflow, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", running_airflow.home)
    text = NAMED.replace("NAMES", repr(FOREIGN_NAMES)).replace("def names", "def foreign_names")
    project.write("names.py", text)
    project.deploy("names.py:foreign_names")

    run = running_airflow.api.run("foreign_names")

    assert running_airflow.api.states("foreign_names", run) == dict.fromkeys(FOREIGN_NAMES, "success")
    assert [name for name, _ in project.noted("takes")] == list(FOREIGN_NAMES)
