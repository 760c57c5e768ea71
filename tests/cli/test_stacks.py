"""Stacks by command: `pipes stack register` and the like."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from tests.cli.conftest import PIPELINE, Project
from tests.cli.registering import PIPES_TOML, assert_refused, pipes_here, with_flavors


def stored(project: Project) -> dict[str, Any]:
    return tomllib.loads((project.root / "pipes.toml").read_text())


def test_a_stack_is_registered_with_a_short_command_and_used(project: Project) -> None:
    project.write("flow.py", PIPELINE)
    assert (
        project.pipes("artifact-store", "register", "data", "--flavor", "local", "--path", "kept").code == 0
    )
    assert project.pipes("step-operator", "register", "own", "--flavor", "subprocess").code == 0
    words = ["team", "-o", "local", "-a", "data", "-s", "own", "--set"]
    done = project.pipes("stack", "register", *words)
    assert done.code == 0, done
    assert done.out.splitlines()[1] == "  it is the active stack now"
    expected = {"orchestrator": "local", "artifact_store": "data", "step_operators": ["own"]}
    assert stored(project)["stacks"] == {"team": expected}
    assert project.pipes("run", "flow.py:numbers").code == 0
    assert (project.root / "kept").is_dir()


def test_a_list_marks_the_active_stack(project: Project) -> None:
    with_flavors(project)
    lines = [line.split() for line in project.pipes("stack", "list").out.splitlines()]
    assert ["*", "team", "airflow", "data", "gpu", "pipes.toml"] in lines
    assert ["default", "local", "local", "built", "in"] in lines
    listed = json.loads(project.pipes("stack", "list", "--json").out)
    assert [each["name"] for each in listed if each["active"]] == ["team"]


def test_a_description_has_the_components_with_flavor_and_configuration(project: Project) -> None:
    with_flavors(project)
    shown = json.loads(project.pipes("stack", "describe", "--json").out)
    assert shown["name"] == "team"
    gpu = shown["components"][-1]
    assert (gpu["name"], gpu["flavor"]) == ("gpu", "moon")
    nodes = {"field": "nodes", "value": ["a", "b"], "origin": "pipes.toml"}
    assert nodes in gpu["config"]
    out = project.pipes("stack", "describe", "team").out
    assert out.startswith("stack team (active), from pipes.toml\n")
    assert 'nodes      ["a", "b"]  pipes.toml' in out


def test_a_description_of_a_stack_that_can_not_be_used_says_why(project: Project) -> None:
    with_flavors(project, PIPES_TOML.replace('["gpu"]', '["gpu", "gone"]'))
    done = project.pipes("stack", "describe")
    assert done.code == 0
    assert "there is no step operator 'gone'" in done.err


def test_a_stack_is_changed_copied_made_active_and_deleted(project: Project) -> None:
    with_flavors(project)
    assert project.pipes("stack", "copy", "team", "second").code == 0
    words = ["-o", "local", "--remove-step-operator", "gpu"]
    assert project.pipes("stack", "update", "second", *words).code == 0
    assert stored(project)["stacks"]["second"] == {
        "orchestrator": "local",
        "artifact_store": "data",
        "step_operators": [],
    }
    done = project.pipes("stack", "set", "second")
    assert done.out == f"the active stack is now second in {project.root / 'pipes.toml'}\n"
    assert 'active_stack = "second" # since May\n' in (project.root / "pipes.toml").read_text()
    assert project.pipes("stack", "set", "team").code == 0
    assert project.pipes("stack", "delete", "second").code == 0
    assert (project.root / "pipes.toml").read_text() == PIPES_TOML


REFUSED = {
    "a bad name": (r"'a b' is no name; write letters", "register", "a b", "-o", "local", "-a", "local"),
    "a name that is taken": (
        r"has a stack of this name; change it with",
        "register",
        "team",
        "-o",
        "local",
        "-a",
        "local",
    ),
    "the built-in name": (
        r"'default' is the built-in stack; choose another",
        "register",
        "default",
        "-o",
        "local",
        "-a",
        "local",
    ),
    "components that are not there": (
        r"\n  - there is no orchestrator 'lcoal' \(did you mean 'local'\?\).*\n  - there is no .* store 'x'",
        "register",
        "new",
        "-o",
        "lcoal",
        "-a",
        "x",
    ),
    "a component of another kind": (
        r"no artifact store 'gpu' \(there is one as step operator\)",
        "register",
        "new",
        "-o",
        "local",
        "-a",
        "gpu",
    ),
    "an update of what is built in": (
        r"'default' is built in and can't be changed; copy it",
        "update",
        "default",
        "-o",
        "airflow",
    ),
    "an update of what is not there": (
        r"no stack 'taem' \(did you mean 'team'\?\)",
        "update",
        "taem",
        "-o",
        "local",
    ),
    "an update of nothing": (r"nothing to change of stack 'team'", "update", "team"),
    "to add what is in it": (
        r"step operator 'gpu' is in it already",
        "update",
        "team",
        "--add-step-operator",
        "gpu",
    ),
    "to remove what is not in it": (
        r"'gup' is not in it \(did you mean 'gpu'\?\); it has: gpu",
        "update",
        "team",
        "--remove-step-operator",
        "gup",
    ),
    "to be without what it needs": (
        r"--unset orchestrator: a stack can be without: image-builder, container-reg",
        "update",
        "team",
        "--unset",
        "orchestrator",
    ),
    "to be without what it has not": (
        r"--unset image-builder: it has no image builder",
        "update",
        "team",
        "--unset",
        "image-builder",
    ),
    "to delete the active one": (
        r"'team' is the active one; make another one active first: pipes stack set NAME",
        "delete",
        "team",
    ),
    "to delete what is built in": (r"'default' is built in", "delete", "default"),
    "to set what is not there": (
        r"no stack 'taem' \(did you mean 'team'\?\); there are: default, spare, team",
        "set",
        "taem",
    ),
    "to copy what is not there": (r"no stack 'taem'", "copy", "taem", "new"),
    "to copy over another": (r"has a stack of this name", "copy", "team", "spare"),
    "to describe what is not there": (r"no stack 'taem'", "describe", "taem"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_told_and_changes_nothing(name: str, project: Project) -> None:
    says, *words = REFUSED[name]
    assert_refused(with_flavors(project), says, "stack", *words)


def test_a_stack_needs_an_orchestrator_and_a_store(project: Project) -> None:
    with_flavors(project)
    assert_refused(
        project, "Missing option '--artifact-store'", "stack", "register", "x", "-o", "local", code=2
    )


def test_a_stack_with_a_broken_component_is_not_made_the_active_one(project: Project) -> None:
    with_flavors(
        project, PIPES_TOML.replace("namespace = 'ml'", "namespace = 3").replace('"team"   #', '"spare" #')
    )
    assert_refused(
        project,
        r"can't make stack 'team' the active one.*namespace: expected text, got 3",
        "stack",
        "set",
        "team",
    )


def test_a_variable_that_names_another_active_stack_is_told(project: Project) -> None:
    done = with_flavors(project).pipes("stack", "set", "spare", env={"PIPES_ACTIVE_STACK": "team"})
    assert done.code == 0
    assert "PIPES_ACTIVE_STACK goes over what pipes.toml says" in done.err


@pytest.mark.parametrize("variable", [False, True])
def test_an_active_stack_that_is_not_there_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, variable: bool
) -> None:
    project.write("pipes.toml", "" if variable else 'active_stack = "ghost"\n')
    if variable:
        monkeypatch.setenv("PIPES_ACTIVE_STACK", "ghost")
    done = pipes_here(project, "stack", "list")
    by = "PIPES_ACTIVE_STACK" if variable else "pipes.toml"
    assert done.err == (
        f"warning: {by} says that stack 'ghost' is active, and there is none; "
        "choose one: pipes stack set NAME\n"
    )
    assert "*" not in done.out


def test_an_option_that_takes_one_value_is_given_once(project: Project) -> None:
    words = ("stack", "register", "x", "-o", "local", "--orchestrator", "airflow", "-a", "local")
    assert_refused(project, r"'--orchestrator' / '-o'.*it is given more than once", *words, code=2)
    twice = ("step-operator", "register", "x", "--flavor", "subprocess", "--flavor", "moon")
    assert_refused(project, r"'--flavor' / '-f'.*it is given more than once", *twice, code=2)


def test_an_empty_flavor_is_refused(project: Project) -> None:
    words = ("step-operator", "register", "x", "--flavor", "")
    assert_refused(project, r"'--flavor' / '-f'.*it is empty; give a value", *words, code=2)


def test_a_logged_warning_looks_like_the_others(project: Project) -> None:
    with_flavors(project)
    done = project.pipes("step-operator", "update", "gpu", "--base-image", "python:3.12")
    assert done.code == 0, done
    assert done.err.startswith("warning: The 'base_image' field is ignored.")
