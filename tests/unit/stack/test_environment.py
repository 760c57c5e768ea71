from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack import load_project
from airflow_provider_pipes.stack.project import foreign_variables
from airflow_provider_pipes.step_operators.base import step_operator_of
from tests.unit.stack.test_project import TEAM

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("PIPES_")]:
        monkeypatch.delenv(name)


def test_a_variable_overrides_one_field_of_the_file(
    pipes_toml: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPES_STEP_OPERATORS__GPU__NAMESPACE", "staging")
    monkeypatch.setenv("PIPES_STEP_OPERATORS__GPU__CPUS", "4")
    monkeypatch.setenv("PIPES_STEP_OPERATORS__GPU__NODES", '["a", "b"]')
    config = step_operator_of(load_project(pipes_toml(TEAM)).stack(), "gpu").config
    assert config.model_dump() == {"namespace": "staging", "cpus": 4, "nodes": ("a", "b")}


def test_a_variable_chooses_the_active_stack(pipes_toml: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPES_ACTIVE_STACK", "default")
    assert load_project(pipes_toml(TEAM)).stack().name == "default"


def test_variables_configure_built_in_components_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPES_ARTIFACT_STORES__LOCAL__PATH", "/srv/artifacts")
    project = load_project(tmp_path)
    assert artifact_store_of(project.stack()).uri(project.root) == "/srv/artifacts"


def test_variables_define_what_no_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPES_STACKS__DEFAULT__STEP_OPERATORS", '["child"]')
    monkeypatch.setenv("PIPES_STEP_OPERATORS__CHILD__FLAVOR", "subprocess")
    monkeypatch.setenv("PIPES_SETTINGS__RESOURCES__CPU_COUNT", "2")
    project = load_project(tmp_path)
    assert project.stack().step_operator("child").flavor == "subprocess"
    assert project.defaults.resources.cpu_count == 2


def test_a_variable_reaches_names_with_capitals_and_dashes(
    pipes_toml: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPES_STEP_OPERATORS__BIG_GPU__NAMESPACE", "staging")
    folder = pipes_toml(
        TEAM.replace('"gpu"', '"Big-GPU"').replace("[step_operators.gpu]", "[step_operators.Big-GPU]")
    )
    config = step_operator_of(load_project(folder).stack(), "Big-GPU").config
    assert config.model_dump()["namespace"] == "staging"


def test_text_in_braces_that_is_no_json_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPES_ORCHESTRATORS__AIRFLOW__DAG_ID", "{pipeline}")
    assert load_project(tmp_path).file.orchestrators["airflow"].values == {"dag_id": "{pipeline}"}


def test_a_problem_is_told_with_the_variable_it_comes_from(
    pipes_toml: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPES_STEP_OPERATORS__GPU__CPUS", "many")
    with pytest.raises(
        ConfigurationError,
        match=r"variable PIPES_STEP_OPERATORS__GPU__CPUS: expected a whole number, got 'many'",
    ):
        load_project(pipes_toml(TEAM)).stack()


def test_a_slip_in_the_name_of_a_section_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPES_ORCHESTRATOR__AIRFLOW__DAGS_FOLDER", "dags")
    with pytest.raises(
        ConfigurationError, match=r"no setting 'orchestrator' \(did you mean 'orchestrators'\?\)"
    ):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("PIPES_STACKS", "team"), ("PIPES_STACKS__TEAM", "x"), ("PIPES_SETTINGS", "[1]")]
)
def test_a_variable_of_another_form_is_told_with_the_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=rf"write PIPES_ACTIVE_STACK=name or .*; set here: {name}$"):
        load_project(tmp_path)


@pytest.mark.parametrize("with_other", [False, True])
def test_only_a_prefix_in_capitals_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_other: bool
) -> None:
    monkeypatch.setenv("pipes_active_stack", "ghost")
    if with_other:
        monkeypatch.setenv("PIPES_orchestrators__Airflow__DAGS_FOLDER", "here")
    project = load_project(tmp_path)
    assert project.file.active_stack is None
    assert project.file.orchestrators["airflow"].values == ({"dags_folder": "here"} if with_other else {})


def test_variables_that_are_left_to_other_programs_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPES_DEBUG", "1")
    monkeypatch.setenv("PIPES_ACTIVE_STACK", "default")
    monkeypatch.setenv("PIPES_AND_DRUMS", "1")
    assert foreign_variables() == ["PIPES_AND_DRUMS"]


@pytest.mark.parametrize("name", ["PIPES_CACHE_DIR", "PIPES_AND_DRUMS"])
def test_other_variables_of_the_prefix_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    assert load_project(tmp_path).source.variables == {}
