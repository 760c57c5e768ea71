from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.errors import ConfigurationError, FlavorError
from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
from airflow_provider_pipes.stack import load_project
from airflow_provider_pipes.step_operators.base import step_operator_of

Write = Callable[[str], Path]
Install = Callable[[str, dict[str, str]], None]

HERE = "tests.unit.stack.flavors"

TEAM = f"""\
active_stack = "team"

[stacks.team]
orchestrator = "conductor"
artifact_store = "data"
step_operators = ["gpu", "cpu"]

[orchestrators.conductor]
flavor = "{HERE}:CustomOrchestratorFlavor"
url = "http://example.com"

[artifact_stores.data]
flavor = "local"
path = "artifacts"

[step_operators.gpu]
flavor = "{HERE}:CustomStepOperatorFlavor"
namespace = "ml"

[step_operators.cpu]
flavor = "subprocess"
"""


def test_without_a_file_there_is_a_local_stack(tmp_path: Path) -> None:
    project = load_project(tmp_path)
    stack = project.stack()
    assert (stack.name, project.stack_names, project.root) == ("default", ("default",), tmp_path)
    assert [(each.name, each.flavor) for each in stack.components] == [("local", "local"), ("local", "local")]
    assert artifact_store_of(stack).uri(project.root) == str(tmp_path / ".pipes/artifacts")


def test_without_a_file_the_caller_says_where_the_project_is(tmp_path: Path) -> None:
    assert load_project(tmp_path / "src" / "deep", root=tmp_path).root == tmp_path


def test_the_file_is_found_from_any_folder_of_the_project(pipes_toml: Write) -> None:
    root = pipes_toml(TEAM)
    inner = root / "pipelines" / "daily"
    inner.mkdir(parents=True)
    project = load_project(inner)
    assert project.root == root
    assert artifact_store_of(project.stack()).uri(project.root) == str(root / "artifacts")


def test_a_stack_is_built_as_the_file_says(pipes_toml: Write) -> None:
    stack = load_project(pipes_toml(TEAM)).stack()
    assert stack.name == "team"
    assert stack.orchestrator.config.model_dump() == {"url": "http://example.com"}
    assert step_operator_of(stack, "gpu").config.model_dump() == {"namespace": "ml", "cpus": 1, "nodes": ()}
    assert stack.step_operator("cpu").flavor == "subprocess"


def test_the_built_in_stack_stays_beside_those_of_the_file(pipes_toml: Write) -> None:
    project = load_project(pipes_toml(TEAM))
    assert project.stack_names == ("default", "team")
    assert project.stack("default").orchestrator.name == "local"


def test_the_only_stack_of_a_file_is_the_active_one(pipes_toml: Write) -> None:
    text = TEAM.replace('active_stack = "team"\n', "")
    assert load_project(pipes_toml(text)).active_stack == "team"


def test_a_stack_named_default_is_the_active_one(pipes_toml: Write) -> None:
    text = TEAM.replace('active_stack = "team"\n', "[stacks.default]\nstep_operators = ['cpu']\n")
    project = load_project(pipes_toml(text))
    assert project.active_stack == "default"
    assert [each.name for each in project.stack().components] == ["local", "local", "cpu"]


def test_several_stacks_and_no_active_one_is_an_error(pipes_toml: Write) -> None:
    text = TEAM.replace('active_stack = "team"\n', "")
    text += '[stacks.other]\norchestrator = "local"\nartifact_store = "local"\n'
    project = load_project(pipes_toml(text))
    with pytest.raises(
        ConfigurationError, match=r"no active_stack: other, team; add active_stack = \"other\""
    ):
        project.stack()


def test_defaults_of_settings_are_read(pipes_toml: Write) -> None:
    defaults = load_project(
        pipes_toml(
            "[settings.docker]\nparent_image = 'python:3.12-slim'\n"
            "[settings.resources]\nmemory = '2GB'\n[settings.task]\nretries = 2\nretry_delay = 60\n"
        )
    ).defaults
    assert defaults.docker.parent_image == "python:3.12-slim"
    assert defaults.resources.memory == "2GB"
    assert defaults.task.retry_delay == timedelta(minutes=1)


def test_a_built_in_component_takes_values_without_its_flavor(pipes_toml: Write) -> None:
    project = load_project(pipes_toml("[artifact_stores.local]\npath = '/srv/artifacts'\n"))
    assert artifact_store_of(project.stack()).uri(project.root) == "/srv/artifacts"


def test_a_flavor_of_the_project_is_registered_by_the_file(pipes_toml: Write) -> None:
    root = pipes_toml(
        TEAM.replace(f'"{HERE}:CustomStepOperatorFlavor"', '"custom"')
        + '[flavors.step_operator]\ncustom = "own_flavors:Own"\n'
    )
    (root / "own_flavors.py").write_text(
        f"from {HERE} import CustomStepOperatorFlavor\n\n\nclass Own(CustomStepOperatorFlavor):\n    pass\n"
    )
    before = list(sys.path)
    assert load_project(root).stack().step_operator("gpu").flavor == "custom"
    assert sys.path == before


def test_a_flavor_of_the_file_that_is_built_in_too_is_an_error(pipes_toml: Write) -> None:
    project = load_project(pipes_toml(TEAM + '[flavors.step_operator]\nsubprocess = "a:B"\n'))
    with pytest.raises(
        FlavorError, match=r"two sources .*\(built in\) and a:B \(\[flavors\.step_operator\] of pipes"
    ):
        project.stack()


def test_running_replaces_an_orchestrator_that_deploys(pipes_toml: Write) -> None:
    project = load_project(
        pipes_toml(TEAM.replace("CustomOrchestratorFlavor", "DeployingOrchestratorFlavor"))
    )
    stack = project.stack_for_run()
    assert (stack.name, stack.orchestrator.flavor) == ("team", "local")
    assert artifact_store_of(stack).name == "data"
    assert project.stack_for_deploy().orchestrator.name == "conductor"


def test_running_keeps_an_orchestrator_that_runs(pipes_toml: Write) -> None:
    assert load_project(pipes_toml(TEAM)).stack_for_run().orchestrator.name == "conductor"


def test_running_with_the_airflow_orchestrator_is_local(pipes_toml: Write) -> None:
    text = "[stacks.default]\norchestrator = 'airflow'\n"
    assert load_project(pipes_toml(text)).stack_for_run().orchestrator.flavor == "local"


def test_running_never_uses_something_else_that_is_called_local(pipes_toml: Write) -> None:
    text = (
        f"[stacks.default]\norchestrator = 'airflow'\n"
        f"[orchestrators.local]\nflavor = '{HERE}:DeployingOrchestratorFlavor'\n"
    )
    assert load_project(pipes_toml(text)).stack_for_run().orchestrator.flavor == "local"


def test_deploying_replaces_an_orchestrator_that_runs(pipes_toml: Write) -> None:
    project = load_project(pipes_toml(TEAM + "[orchestrators.airflow]\ndags_folder = 'dags'\n"))
    stack = project.stack_for_deploy()
    assert (stack.name, stack.orchestrator.name, stack.orchestrator.flavor) == ("team", "airflow", "airflow")
    assert isinstance(stack.orchestrator.config, AirflowOrchestratorConfig)
    assert stack.orchestrator.config.dags_folder == "dags"


def test_deploying_without_a_file_uses_the_built_in_airflow_orchestrator(tmp_path: Path) -> None:
    assert load_project(tmp_path).stack_for_deploy().orchestrator.flavor == "airflow"


def problems(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_project(folder).stack()
    return str(caught.value)


def test_every_problem_of_a_stack_is_reported_at_once_with_its_line(pipes_toml: Write) -> None:
    text = TEAM.replace("namespace", "namspace").replace('["gpu", "cpu"]', '["gpu", "gpo", "data"]')
    text = text.replace('path = "artifacts"', 'path = "s3://bucket"')
    folder = pipes_toml(text)
    headline, *found = problems(folder).splitlines()
    assert headline == f"{folder}/pipes.toml does not give a stack 'team':"
    expected = [
        "line 14, [artifact_stores.data] path: expected the path of a folder, got a URL; a remote store has",
        "line 16, [step_operators.gpu] namespace: missing; give it a value",
        "line 18, [step_operators.gpu] namspace: unknown field (did you mean 'namespace'?); known: namespace",
        "line 6, [stacks.team] step_operators: there is no step operator 'gpo' (did you mean 'gpu'?); [step",
        "line 6, [stacks.team] step_operators: expected step operator, but 'data' is configured as artifact",
    ]
    assert [line[4 : 4 + len(start)] for line, start in zip(found, expected, strict=True)] == expected


def test_a_stack_without_its_flavors_is_a_flavor_error(pipes_toml: Write) -> None:
    project = load_project(pipes_toml(TEAM.replace('"subprocess"', '"subprocss"')))
    with pytest.raises(
        FlavorError, match=r"line 21, \[step_operators\.cpu\] flavor: unknown .* mean 'subprocess'"
    ):
        project.stack()


def test_a_component_that_can_not_be_made_is_told_with_its_error(pipes_toml: Write) -> None:
    text = TEAM.replace("CustomStepOperatorFlavor", "RefusingFlavor")
    assert "[step_operators.gpu]: Refusing() raised RuntimeError: no licence" in problems(pipes_toml(text))


def test_a_stack_that_is_not_there_is_told_with_those_that_are(pipes_toml: Write) -> None:
    project = load_project(pipes_toml(TEAM))
    with pytest.raises(
        ConfigurationError, match=r"no stack 'taem' \(did you mean 'team'\?\).* has: default, team"
    ):
        project.stack("taem")


def test_an_active_stack_that_is_not_there_is_an_error(pipes_toml: Write) -> None:
    assert "there is no stack 'gone'" in problems(pipes_toml("active_stack = 'gone'\n"))


def test_two_projects_in_one_process_keep_their_own_flavors(pipes_toml: Write, tmp_path: Path) -> None:
    project = load_project(pipes_toml('[flavors.step_operator]\ncustom = "a:B"\n'))
    other = load_project(tmp_path)
    from airflow_provider_pipes.stack import StackComponentType

    assert "custom" in project.registry.names(StackComponentType.STEP_OPERATOR)
    assert "custom" not in other.registry.names(StackComponentType.STEP_OPERATOR)


LIGHT = """
import sys
from pathlib import Path
from airflow_provider_pipes.stack import load_project
load_project(Path(sys.argv[1])).stack_for_run()
heavy = {"airflow", "jinja2", "typer", "rich", "docker", "kubernetes", "fsspec", "tomlkit"}
heavy.add("pydantic_settings")
print(sorted(heavy & set(sys.modules)))
"""


def test_a_project_is_loaded_without_anything_heavy(pipes_toml: Write) -> None:
    folder = pipes_toml(TEAM.replace(f"{HERE}:CustomOrchestratorFlavor", "local").replace("url = ", "# "))
    answer = subprocess.run(
        [sys.executable, "-c", LIGHT, str(folder)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
