"""A user's templates, from pipes.toml to a run of the DAG."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project

pytestmark = pytest.mark.airflow

PIPELINE = """
    from notes import note

    from airflow_provider_pipes import pipeline, step


    @step
    def load() -> int:
        return 1


    @step
    def tell(value: int) -> None:
        note("tell", value)


    @pipeline
    def templated() -> None:
        tell(load())
"""
TASK = """\
    # {{ task.arguments.task_id }} with the company's own operator.
    {{ assignment(task.variable, call("CompanyOperator", dict(task.arguments, owner="data")), 4) }}
"""
FILE = """\
{% extends "pipes/dag.py.jinja" %}
{% set arguments = dict(arguments, fail_fast=True) %}
{% block constants %}
{{ super() }}


class CompanyOperator(StepPythonOperator):
    def post_execute(self, context, result=None):
        with open(TOLD, "a") as file:
            file.write(self.task_id + "\\n")


TOLD = {{ (deployment.pipeline.tags | first) | literal }}
{% endblock %}
"""


@pytest.fixture
def project(airflow_home: AirflowHome, tmp_path: Path) -> Project:
    made = Project(tmp_path / "project", airflow_home)
    made.write(
        "pipes.toml", '[orchestrators.airflow]\nflavor = "airflow"\ndags_templates_dir = "templates"\n'
    )
    told = str(tmp_path / "told.txt")
    made.write("templated.py", PIPELINE.replace("@pipeline", f"@pipeline(tags=[{told!r}])"))
    (made.root / "templates").mkdir()
    return made


def test_a_dag_of_a_users_templates_runs(project: Project, tmp_path: Path) -> None:
    (project.root / "templates" / "python.py.jinja").write_text(TASK)
    (project.root / "templates" / "dag.py.jinja").write_text(FILE)
    project.deploy("templated.py")
    text = (project.home.dags_folder / "templated.py").read_text()
    assert '    # load with the company\'s own operator.\n    load = CompanyOperator(task_id="load"' in text
    assert "    fail_fast=True,\n" in text

    project.home.dags_test("templated").check()
    assert project.noted("tell") == [[1]]
    assert (tmp_path / "told.txt").read_text() == "load\ntell\n"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("python.py.jinja", "x\n{% if %}\n", "templates/python.py.jinja:2: TemplateSyntaxError: "),
        ("python.py.jinja", "{{ step.name }}\n", "templates/python.py.jinja:1: UndefinedError: 'step' is"),
        (
            "python.py.jinja",
            "\n    so {{ task.variable }}\n",
            "templates/python.py.jinja:2: this gives a line",
        ),
        ("dag.py.jinja", "DAG = 1\n", "give a DAG file without the deployment's id"),
        ("dga.py.jinja", "DAG = 1\n", "dga.py.jinja is not used: did you mean 'dag.py.jinja'?"),
    ],
)
def test_a_mistake_is_one_message_and_writes_nothing(
    project: Project, file: str, text: str, said: str
) -> None:
    project.deploy("templated.py")
    before = (project.home.dags_folder / "templated.py").read_bytes()
    (project.root / "templates" / file).write_text(text)
    done = project.try_to_deploy("templated.py")
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert (project.home.dags_folder / "templated.py").read_bytes() == before


def test_a_missing_folder_is_told(project: Project) -> None:
    (project.root / "templates").rmdir()
    done = project.try_to_deploy("templated.py")
    assert done.returncode != 0
    assert f"dags_templates_dir {project.root / 'templates'} is no folder" in " ".join(done.stderr.split())
