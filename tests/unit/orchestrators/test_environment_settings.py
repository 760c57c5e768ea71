"""What is said of a step's environment: in the place that counts, and in words that can be installed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from airflow_provider_pipes.errors import CompileError
from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
from tests.project import UserProject

DOCKER = '[orchestrators.airflow]\noperator = "docker"\n'


def pipeline(project: UserProject, configuration: str, step: str, whole: str = "") -> UserProject:
    project.write("pipes.toml", configuration)
    return project.pipeline(
        f"""
        @step({step})
        def load() -> int:
            return 1

        @step
        def show(value: int) -> None:
            print(value)

        @pipeline({whole})
        def numbers() -> None:
            show(load())
        """
    )


def warnings(project: UserProject, configuration: str, step: str, whole: str = "") -> tuple[str, ...]:
    return pipeline(project, configuration, step, whole).compile(deploy=True).warnings


def test_an_images_requirements_of_a_step_in_the_worker_are_warned_of(project: UserProject) -> None:
    (warning,) = warnings(project, "", "docker=DockerSettings(requirements=['six'], apt_packages=['git'])")
    assert warning == (
        "step 'load', docker: requirements and apt_packages have no effect but on the cache, since it runs "
        "without an image; for an environment on the worker give settings={'orchestrator.airflow': "
        "AirflowSettings(requirements=…)}; for an image choose operator='docker' or 'kubernetes'"
    )
    assert warnings(project, DOCKER, "docker=DockerSettings(requirements=['six'])") == ()


def test_a_pipelines_image_is_warned_of_once_and_only_if_no_step_runs_in_one(project: UserProject) -> None:
    whole = "docker=DockerSettings(parent_image='python:3.12-slim')"
    (warning,) = warnings(project, "", "", whole)
    assert warning.startswith("pipeline 'numbers', docker: parent_image has no effect")
    assert "AirflowSettings" not in warning
    in_docker = "settings={'orchestrator': {'operator': 'docker'}}"
    assert warnings(project, "", in_docker, whole) == ()


def test_what_the_project_says_of_images_is_no_mistake(project: UserProject) -> None:
    assert warnings(project, '[settings.docker]\nrequirements = ["six"]\n', "") == ()


def test_requirements_in_both_places_are_no_mistake(project: UserProject) -> None:
    both = "docker=DockerSettings(requirements=['six']), settings={'orchestrator': {'requirements': ['six']}}"
    assert warnings(project, "", both) == ()


@pytest.mark.parametrize(
    "said", ["{'orchestrator': {'SAID'}}", "{'orchestrator.airflow': AirflowSettings(SAID)}"]
)
def test_a_workers_environment_of_a_step_in_an_image_is_warned_of(project: UserProject, said: str) -> None:
    given = said.replace("'SAID'", "'requirements': ['six']").replace("SAID", "python='/opt/python'")
    (warning,) = warnings(project, DOCKER, f"settings={given}")
    field = "python" if "python" in given else "requirements"
    assert warning.startswith(f"step 'load', settings['orchestrator.airflow']: {field} has no effect, since")
    assert "DockerSettings(requirements=…" in warning
    assert warnings(project, "", f"settings={given}") == ()


def test_all_requirements_of_a_workers_environment_are_checked_at_once(project: UserProject) -> None:
    given = "['x y z', 'six>=1', 'a b', 'https://me:hidden@host/x.whl', '-e .']"
    pipeline(project, "", f"settings={{'orchestrator': {{'requirements': {given}}}}}")
    with pytest.raises(CompileError) as caught:
        project.compile(deploy=True)
    problems = caught.value.problems
    where = "step 'load', settings['orchestrator'], requirements: "
    assert [each[: len(where)] for each in problems] == [where] * 4
    assert "'x y z' is no requirement" in problems[0]
    assert "is a URL with a login" in problems[2]
    assert "hidden" not in str(problems)
    assert "which a worker does not have" in problems[3]


def test_requirements_of_the_orchestrators_configuration_are_checked_too() -> None:
    with pytest.raises(ValidationError, match=r"'x y z' is no requirement .*; 'a b' is no requirement"):
        AirflowOrchestratorConfig(requirements=("x y z", "a b"))
    assert AirflowOrchestratorConfig(requirements=("x @ file:///opt/x.whl",)).requirements
