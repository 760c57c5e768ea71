"""A user's templates in the place of ours: whole, in part, and with every mistake told by its line."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.orchestrators.airflow.location import StoreLocation
from airflow_provider_pipes.orchestrators.airflow.marker import read_marker
from airflow_provider_pipes.orchestrators.airflow.render import Task, render_dag_file
from airflow_provider_pipes.orchestrators.airflow.templates import _environment, packaged_templates
from tests.unit.orchestrators.dag_files import deployment, step

STORE = StoreLocation("/srv/artifacts")
EXAMPLE = deployment([step("load", doc="Load."), step("train", "load"), step("best", "train")])


def render(templates_dir: Path | None = None, of: Any = EXAMPLE) -> str:
    text = render_dag_file(of, "digits", STORE, templates_dir=templates_dir)
    compile(text, "digits.py", "exec")
    return text


def refused(templates_dir: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        render(templates_dir)
    return str(error.value)


def test_one_takes_the_place_of_ours_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "python.py.jinja").write_text(
        "{% set arguments = dict(task.arguments, owner='me') %}\n"
        "    {{ assignment(task.variable, call('StepPythonOperator', arguments), 4) }}\n"
    )
    text = render(tmp_path)
    assert 'load = StepPythonOperator(task_id="load", doc_md="Load.", owner="me")' in text
    assert text.replace(', owner="me"', "") == render()


def test_one_may_include_ours_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "python.py.jinja").write_text(
        "    # {{ task.arguments.task_id }}\n{% include 'pipes/python.py.jinja' %}\n"
    )
    text = render(tmp_path)
    assert '    # train\n    train = StepPythonOperator(task_id="train")\n' in text


def test_the_file_template_may_be_changed_in_part(tmp_path: Path) -> None:
    (tmp_path / "dag.py.jinja").write_text(
        '{% extends "pipes/dag.py.jinja" %}\n'
        "{% set arguments = dict(arguments, fail_fast=True) %}\n"
        "{% block imports %}\n{{ super() }}from company import alert\n{% endblock %}\n"
        "{% block edges %}\n{{ super() }}    alert.after(best)\n{% endblock %}\n"
    )
    text = render(tmp_path)
    assert "StepPythonOperator\nfrom company import alert\n" in text
    assert "    fail_fast=True,\n):\n" in text
    assert text.endswith("    load >> train\n    train >> best\n    alert.after(best)\n")
    left = text.replace("from company import alert\n", "").replace("    alert.after(best)\n", "")
    assert left.replace("    fail_fast=True,\n", "") == render()


def test_the_marker_is_there_whatever_the_template_says(tmp_path: Path) -> None:
    (tmp_path / "dag.py.jinja").write_text("IDS = {{ [deployment.id, 'load', 'train', 'best'] | literal }}\n")
    text = render(tmp_path)
    marker = read_marker(text)
    assert marker is not None
    assert marker.deployment_id == EXAMPLE.id
    assert text.splitlines()[3].startswith("IDS = ")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("x = 1\n{% for %}\n", r"/dag\.py\.jinja:2: TemplateSyntaxError: .*correct the template"),
        ("x = 1\n{{ nothing }}\n", r"/dag\.py\.jinja:2: UndefinedError: 'nothing' is undefined"),
        ("x = 1\n\n{{ 1 / 0 }}\n", r"/dag\.py\.jinja:3: ZeroDivisionError: division by zero"),
        ("\n{{ literal(deployment) }}\n", r"/dag\.py\.jinja:2: .* can't be written into a DAG file"),
        ('{% include "gone.jinja" %}', r"template 'gone\.jinja', not found in "),
        ("x = \n", r"/dag\.py\.jinja:1: .* not Python: 'x =' \(invalid syntax\); write values with literal"),
        ("\0\n", r"is not Python"),
    ],
)
def test_a_mistake_in_the_file_template_is_told_with_its_line(
    tmp_path: Path, template: str, message: str
) -> None:
    (tmp_path / "dag.py.jinja").write_text(template)
    with pytest.raises(ConfigurationError, match=message):
        render(tmp_path)


def test_a_template_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "dag.py.jinja").write_bytes(b"x = '\xff'\n")
    assert "UnicodeDecodeError" in refused(tmp_path)


@pytest.mark.parametrize("ending", ["\n", "\n\n\n"])
def test_what_is_not_python_is_traced_through_includes_and_blocks(tmp_path: Path, ending: str) -> None:
    (tmp_path / "python.py.jinja").write_text(
        "{# a comment\nof two lines #}\n{% include 'pipes/python.py.jinja' %}\n"
        f"    {{{{ task.variable }}}}.do it{ending}"
    )
    (tmp_path / "dag.py.jinja").write_text(
        '{% extends "pipes/dag.py.jinja" %}\n{% block constants %}\n\nX = 1\n{{ super() }}{% endblock %}\n'
    )
    said = refused(tmp_path)
    assert said.startswith(
        f"{tmp_path}/python.py.jinja:4: this gives a line that is not Python: 'load.do it'"
    )


def test_a_line_in_a_block_of_the_file_template_is_traced(tmp_path: Path) -> None:
    (tmp_path / "dag.py.jinja").write_text(
        '{% extends "pipes/dag.py.jinja" %}\n{% block constants %}\n\nY = {{ "a b" }}\n{% endblock %}\n'
    )
    assert refused(tmp_path).startswith(f"{tmp_path}/dag.py.jinja:4: ")


def test_one_that_drops_the_deployments_id_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dag.py.jinja").write_text(
        '{% extends "pipes/dag.py.jinja" %}\n{% set arguments = dict(dag_id=arguments.dag_id) %}\n'
    )
    said = refused(tmp_path)
    assert "without the deployment's id" in said
    assert "default_args" in said


def test_one_that_drops_steps_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dag.py.jinja").write_text(
        '{% extends "pipes/dag.py.jinja" %}\n{% set tasks = tasks[:1] %}{% set edges = [] %}\n'
    )
    assert "without the steps 'train', 'best': write each of `tasks` once" in refused(tmp_path)


def test_a_pipeline_without_steps_needs_no_id(tmp_path: Path) -> None:
    (tmp_path / "dag.py.jinja").write_text("pass\n")
    assert render(tmp_path, deployment()).endswith("pass\n")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "gone", tmp_path / "file"):
        with pytest.raises(ConfigurationError, match=rf"dags_templates_dir {folder} is no folder: make it"):
            render(folder)


def test_a_slip_in_a_templates_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyhton.py.jinja").write_text("pass\n")
    said = refused(tmp_path)
    assert "pyhton.py.jinja is not used: did you mean 'python.py.jinja'?" in said
    assert "dag.py.jinja, docker.py.jinja, kubernetes.py.jinja, operator.py.jinja, python.py.jinja" in said


def test_one_may_include_further_ones_whatever_their_names(tmp_path: Path) -> None:
    (tmp_path / "my_python.py.jinja").write_text("    # {{ task.variable }}\n")
    (tmp_path / "README.md").write_text("Ours.\n")
    (tmp_path / "python.py.jinja").write_text(
        "{% include 'my_python.py.jinja' %}{% include 'pipes/python.py.jinja' %}"
    )
    assert "    # load\n    load = " in render(tmp_path)


def test_a_change_of_a_template_shows_at_once(tmp_path: Path) -> None:
    file = tmp_path / "python.py.jinja"
    for comment in ("first", "the second"):
        file.write_text(f"    # {comment}\n{{% include 'pipes/python.py.jinja' %}}")
        assert f"# {comment}\n" in render(tmp_path)


class TestTheirDescription:
    """What the comment at a template's head says of what it is given."""

    def headed(self, name: str, heading: str) -> list[str]:
        comment = (packaged_templates() / name).read_text().partition("#}\n")[0]
        section = re.split(r"^(?=\S.*:$)", comment, flags=re.MULTILINE)
        (found,) = [each for each in section if each.startswith(heading)]
        return re.findall(r"^  ([\w.]+) {2,}\S", found, flags=re.MULTILINE)

    def test_it_names_the_variables_of_the_file_template(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given: dict[str, Any] = {}
        monkeypatch.setattr(
            "airflow_provider_pipes.orchestrators.airflow.render.render_template",
            lambda context, templates_dir: str(given.update(context)),
        )
        render_dag_file(EXAMPLE, "digits", STORE)
        assert sorted(self.headed("dag.py.jinja", "Variables")) == sorted(given)

    def test_it_names_the_functions(self) -> None:
        ours = _environment().globals.keys() - jinja2.Environment().globals.keys()
        assert set(self.headed("dag.py.jinja", "Functions")) == ours

    def test_it_names_the_blocks(self) -> None:
        text = (packaged_templates() / "dag.py.jinja").read_text()
        comment, _, body = text.partition("#}\n")
        (named,) = re.findall(r"one of the blocks ([\w, ]+)$", comment, flags=re.MULTILINE)
        assert named.split(", ") == re.findall(r"{% block (\w+) %}", body)

    def test_that_of_a_tasks_template_names_the_fields_of_a_task(self) -> None:
        for template in packaged_templates().glob("*.jinja"):
            if template.name != "dag.py.jinja":
                fields = [f"task.{field.name}" for field in dataclasses.fields(Task)]
                assert self.headed(template.name, "Variables") == fields, template
