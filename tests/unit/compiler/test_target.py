from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_pipes.compiler.target import load_target
from airflow_provider_pipes.errors import PipesError, TargetError, UserCodeError
from tests.project import UserProject

ONE = """
    @step
    def load() -> int:
        return 1

    @pipeline
    def training():
        load()

    number = 3
"""


@pytest.mark.parametrize(
    "text", ["flow.py", "flow.py:training", "flow:training", "flow", "./flow.py:training"]
)
def test_a_pipeline_is_found_by_file_and_by_module(project: UserProject, text: str) -> None:
    project.write("flow.py", ONE, header=True)
    target = load_target(text, project.root)
    assert (target.pipeline.name, target.pipeline.source) == ("training", "flow:training")
    assert target.layout.root == project.root


@pytest.mark.parametrize(
    ("path", "text", "source"),
    [
        ("src/app/flow.py", "src/app/flow.py", "flow:training"),
        ("src/app/flow.py", "app.flow:training", "app.flow:training"),
        ("jobs/flow.py", "jobs/flow.py:training", "flow:training"),
        ("jobs/flow.py", "jobs.flow:training", "jobs.flow:training"),
    ],
)
def test_the_modules_name_follows_from_where_it_is(
    project: UserProject, path: str, text: str, source: str
) -> None:
    project.write(path, ONE, header=True)
    assert load_target(text, project.root).pipeline.source == source


def test_a_file_in_a_package_has_the_packages_name(project: UserProject) -> None:
    project.write("src/app/__init__.py", "")
    project.write("src/app/flow.py", ONE, header=True)
    assert load_target("src/app/flow.py", project.root).pipeline.source == "app.flow:training"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("flaw.py", r"there is no file 'flaw.py' in .*; did you mean 'flow.py'\?"),
        ("nowhere/flow.py:training", "there is no file 'nowhere/flow.py'"),
        ("nowhere:training", "there is no module 'nowhere' in .*; name a file"),
        ("flow.deeper:training", "there is no module 'flow.deeper'"),
        (
            "flow:trainin",
            r"there is no 'trainin' in 'flow'; did you mean 'training'\? \('flow' has: training\)",
        ),
        ("flow.py:number", "'number' in 'flow' is no pipeline; decorate it with @pipeline"),
        ("flow.py:load", "'load' in 'flow' is no pipeline"),
        (":training", "the part before ':' is empty"),
        ("", "the part before ':' is empty"),
        ("a..b:c", "there is no module 'a..b'"),
        (".flow:c", "there is no module '.flow'"),
        ("é ü:c", "there is no module"),
        ("os:path", "there is no module 'os'|is no pipeline"),
        ("sys:path", "there is no module 'sys'"),
    ],
)
def test_a_target_that_is_not_there_is_told(project: UserProject, text: str, why: str) -> None:
    project.write("flow.py", ONE, header=True)
    with pytest.raises(TargetError, match=why):
        load_target(text, project.root)


def test_a_file_with_several_pipelines_needs_a_name(project: UserProject) -> None:
    project.write("flow.py", ONE + "\n    @pipeline\n    def other():\n        load()\n", header=True)
    with pytest.raises(TargetError, match=r"holds 2 pipelines; name one: .*:training or .*:other"):
        load_target("flow.py", project.root)


def test_a_file_without_a_pipeline_says_what_to_do(project: UserProject) -> None:
    project.write("flow.py", "x = 1\n")
    with pytest.raises(TargetError, match="holds no pipeline; decorate a function with @pipeline"):
        load_target("flow.py", project.root)


def test_a_pipeline_imported_from_another_module_counts_only_by_its_name(project: UserProject) -> None:
    project.write("flow.py", ONE, header=True)
    project.write("main.py", "from flow import training\n")
    with pytest.raises(TargetError, match="holds no pipeline"):
        load_target("main.py", project.root)
    assert load_target("main.py:training", project.root).pipeline.source == "flow:training"


def test_an_error_in_the_users_module_is_theirs(project: UserProject) -> None:
    project.write("flow.py", "import below\n")
    project.write("below.py", "def fail():\n    return 1 / 0\n\nfail()\n")
    with pytest.raises(UserCodeError, match="ZeroDivisionError") as caught:
        load_target("flow.py", project.root)
    assert 'below.py", line 2, in fail' in caught.value.traceback_text
    assert "airflow_provider_pipes" not in caught.value.traceback_text


def test_a_module_that_is_missing_in_the_users_module_is_theirs_too(project: UserProject) -> None:
    project.write("flow.py", "import a_package_that_is_not_there\n")
    with pytest.raises(UserCodeError, match="No module named 'a_package_that_is_not_there'"):
        load_target("flow.py", project.root)


def test_a_wrong_use_of_the_package_is_told_as_it_is(project: UserProject) -> None:
    project.write("flow.py", "@step(retires=1)\ndef load(): ...\n", header=True)
    with pytest.raises(PipesError, match=r"@step has no option 'retires' \(did you mean 'retries'\?\)"):
        load_target("flow.py", project.root)


def test_a_file_with_the_name_of_another_module_is_refused(project: UserProject) -> None:
    project.write("json.py", ONE, header=True)
    with pytest.raises(TargetError, match=r"has the name of another module, 'json' from .*; rename the file"):
        load_target("json.py", project.root)


def test_a_file_that_is_no_python_says_so(project: UserProject, tmp_path: Path) -> None:
    project.write("flow.txt", "x")
    with pytest.raises(TargetError):
        load_target("./flow.txt:training", project.root)
