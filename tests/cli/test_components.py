"""Components by command: `pipes step-operator register` and the like."""

from __future__ import annotations

import json
import subprocess
import tomllib
from typing import Any

import pytest

from tests.cli.conftest import Project
from tests.cli.registering import PIPES_TOML, assert_refused, with_flavors

GROUPS = ["orchestrator", "step-operator", "artifact-store", "image-builder", "container-registry"]


def stored(project: Project) -> dict[str, Any]:
    return tomllib.loads((project.root / "pipes.toml").read_text())


def test_a_component_is_registered_described_changed_and_deleted(project: Project) -> None:
    with_flavors(project)
    words = [
        "--namespace",
        "x",
        "--nodes",
        "1",
        "--nodes=2",
        "--labels",
        '{"a": "b"}',
        "--gpu",
        "--share",
        "1",
    ]
    done = project.pipes("step-operator", "register", "cpu", "--flavor", "moon", *words)
    assert done.code == 0, done
    assert done.out == f"registered step operator cpu in {project.root / 'pipes.toml'}\n"
    values = {"namespace": "x", "nodes": ["1", "2"], "labels": {"a": "b"}, "gpu": True, "share": 1}
    assert stored(project)["step_operators"]["cpu"] == {"flavor": "moon", **values}

    shown = json.loads(project.pipes("step-operator", "describe", "cpu", "--json").out)
    assert {each["field"]: each["value"] for each in shown["config"]} == {**values, "cpus": 1}
    assert shown["origin"] == "pipes.toml"
    assert shown["problems"] == []

    assert (
        project.pipes("step-operator", "update", "cpu", "--cpus", "4", "--no-gpu", "--unset", "nodes").code
        == 0
    )
    assert stored(project)["step_operators"]["cpu"] == {
        "flavor": "moon",
        "namespace": "x",
        "labels": {"a": "b"},
        "gpu": False,
        "share": 1,
        "cpus": 4,
    }
    assert project.pipes("step-operator", "delete", "cpu").code == 0
    assert (project.root / "pipes.toml").read_text() == PIPES_TOML


def test_an_update_changes_its_own_line_and_no_other(project: Project) -> None:
    with_flavors(project)
    assert project.pipes("step-operator", "update", "gpu", "--namespace", "new").code == 0
    # A longer value takes the place of a blank: the comment keeps its column.
    assert (project.root / "pipes.toml").read_text() == PIPES_TOML.replace("'ml' ", '"new"')


def test_without_a_pipes_toml_one_is_made_and_the_message_says_where(project: Project) -> None:
    done = project.pipes("artifact-store", "register", "data", "--flavor", "local", "--path", "data")
    assert done.out == f"registered artifact store data in {project.root / 'pipes.toml'}, a new file\n"
    assert (
        project.root / "pipes.toml"
    ).read_text() == '[artifact_stores.data]\nflavor = "local"\npath = "data"\n'


def test_values_that_are_no_json_are_described(project: Project) -> None:
    text = """
        from datetime import date, timedelta
        from pathlib import Path
        from pydantic import Field
        from airflow_provider_pipes.artifacts.component import BaseArtifactStoreConfig
        from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStoreFlavor

        class Config(BaseArtifactStoreConfig):
            path: Path = Path("x")
            wait: timedelta = timedelta(minutes=5)
            day: date | None = None
            names: frozenset[str] = Field(default_factory=lambda: frozenset({"a"}))
            size: int = Field(default_factory=lambda data: 2 * len(data["gone"]))

        class Flavor(LocalArtifactStoreFlavor):
            name = "odd"
            config_class = Config
    """
    project.write("odd.py", text)
    project.write("pipes.toml", '[artifact_stores.o]\nflavor = "odd:Flavor"\nday = 2024-02-01\n')
    shown = json.loads(project.pipes("artifact-store", "describe", "o", "--json").out)
    assert {each["field"]: each["value"] for each in shown["config"]} == {
        "path": "x",
        "wait": "PT5M",
        "day": "2024-02-01",
        "names": ["a"],
        "size": "(computed)",
    }
    done = project.pipes("artifact-store", "describe", "o")
    assert done.code == 0, done
    assert "PT5M" in done.out


@pytest.mark.parametrize("group", GROUPS)
def test_every_kind_has_the_same_commands(group: str, project: Project) -> None:
    listed = project.pipes(group, "list")
    assert listed.code == 0, listed
    assert isinstance(json.loads(project.pipes(group, "list", "--json").out), list)
    kind = group.replace("-", " ")
    assert_refused(project, f"there is no {kind} 'nobody'", group, "describe", "nobody")
    assert_refused(project, f"there is no {kind} 'nobody'", group, "delete", "nobody")
    assert_refused(project, f"there is no {kind} 'nobody'", group, "update", "nobody", "--x", "1")
    says = f"can't register {kind} 'new': unknown {kind} flavor 'nobody'"
    assert_refused(project, says, group, "register", "new", "--flavor", "nobody")


def test_a_list_says_what_is_built_in_and_which_stacks_use_it(project: Project) -> None:
    with_flavors(project)
    out = project.pipes("artifact-store", "list").out.splitlines()
    assert [line.split() for line in out] == [
        ["NAME", "FLAVOR", "STACKS", "FROM"],
        ["data", "local", "team", "pipes.toml"],
        ["local", "local", "default,", "spare", "built", "in"],
    ]
    builders = project.pipes("image-builder", "list").out.splitlines()
    assert [line.split() for line in builders[1:]] == [["docker", "docker", "built", "in"]]


REGISTER = ("step-operator", "register")
UPDATE = ("step-operator", "update")
OPERATOR = ("step-operator",)
NEW = (*REGISTER, "new", "--flavor", "moon")

REFUSED = {
    "a wrong field": (
        r"'new': --namspace: there is no such field \(did you mean '--namespace'\?\)",
        *NEW,
        "--namespace",
        "x",
        "--namspace",
        "y",
    ),
    "a wrong type": (
        r"'new': --cpus: expected a whole number, got 'many'$",
        *NEW,
        "--namespace",
        "x",
        "--cpus",
        "many",
    ),
    "a value that a validator refuses": (
        r"--namespace: kube-system is not for jobs$",
        *NEW,
        "--namespace",
        "kube-system",
    ),
    "several at once": (
        r"'new':\n  - --cpu: there.*\n  - --namespace is missing.*\n  - --share: expected",
        *NEW,
        "--cpu",
        "1",
        "--share",
        "half",
    ),
    "a field that is missing": (r"'new': --namespace is missing; give it a value$", *NEW),
    "an option without its value": (
        r"--cpus: give it a value: --cpus VALUE",
        *NEW,
        "--namespace",
        "x",
        "--cpus",
    ),
    "a bad name": (
        r"'a/b' is no name; write letters",
        *REGISTER,
        "a/b",
        "--flavor",
        "moon",
        "--namespace",
        "x",
    ),
    "a name that is empty": (r"the name is empty", *REGISTER, "", "--flavor", "moon", "--namespace", "x"),
    "a name that is taken": (
        r"has a step operator of this name; change it with `pipes step-operator update gpu`",
        *REGISTER,
        "gpu",
        "--flavor",
        "moon",
        "--namespace",
        "x",
    ),
    "a flavor that is not there": (
        r"unknown step operator flavor 'mon' \(did you mean 'moon'\?\)",
        *REGISTER,
        "new",
        "--flavor",
        "mon",
    ),
    "a flavor of another kind": (r"it is a flavor of orchestrators", *REGISTER, "new", "--flavor", "airflow"),
    "a class path that is not there": (
        r"there is no module 'gone' here",
        *REGISTER,
        "new",
        "--flavor",
        "gone:Flavor",
    ),
    "a class path of no flavor": (r"Moon is no Flavor", *REGISTER, "new", "--flavor", "team_flavors:Moon"),
    "a class path of another kind": (
        r"expected a flavor of kind 'step operator', got one of kind 'orchestrator'",
        *REGISTER,
        "new",
        "--flavor",
        "team_flavors:SunFlavor",
    ),
    "a class path with a wrong implementation": (
        r"must be a class derived from",
        *REGISTER,
        "new",
        "--flavor",
        "team_flavors:WrongFlavor",
        "--namespace",
        "x",
    ),
    "an update with a wrong field": (
        r"can't update step operator 'gpu': --cpuss: there is no such field",
        *UPDATE,
        "gpu",
        "--cpuss",
        "1",
    ),
    "an update with a wrong type": (
        r"--gpu: expected true or false, got 'perhaps'",
        *UPDATE,
        "gpu",
        "--gpu",
        "perhaps",
    ),
    "an update that takes away what is needed": (
        r"--namespace is missing",
        *UPDATE,
        "gpu",
        "--unset",
        "namespace",
    ),
    "an update of nothing": (r"nothing to change of step operator 'gpu'", *UPDATE, "gpu"),
    "an update of what is not there": (
        r"no step operator 'gup' \(did you mean 'gpu'\?\)",
        *UPDATE,
        "gup",
        "--cpus",
        "1",
    ),
    "an update of what is built in": (
        r"'local' is built in and can't be changed",
        "artifact-store",
        "update",
        "local",
        "--path",
        "x",
    ),
    "to unset what is not set": (
        r"--unset cpus: the field is not set; set are: namespace, nodes",
        *UPDATE,
        "gpu",
        "--unset",
        "cpus",
    ),
    "to unset what is no field": (
        r"--unset cpsu: there is no such field \(did you mean '--cpus'\?\)",
        *UPDATE,
        "gpu",
        "--unset",
        "cpsu",
    ),
    "to delete what a stack uses": (
        r"'gpu' is used by stack 'team'; take it out there first",
        *OPERATOR,
        "delete",
        "gpu",
    ),
    "to delete what is built in": (r"'airflow' is built in", "orchestrator", "delete", "airflow"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_told_and_changes_nothing(name: str, project: Project) -> None:
    with_flavors(project)
    says, *words = REFUSED[name]
    assert_refused(project, says, *words)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (r"Missing option '--flavor'", [*REGISTER, "new"]),
        (r"Missing argument 'NAME'", [*REGISTER, "--flavor", "moon"]),
        (r"write the name first", [*REGISTER, "--namespace", "x", "new", "--flavor", "moon"]),
    ],
)
def test_a_command_that_is_not_whole_is_a_mistake_of_usage(
    project: Project, says: str, words: list[str]
) -> None:
    assert_refused(with_flavors(project), says, *words, code=2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stack = = 1\n", r"pipes\.toml is no valid TOML"),
        ("[stack.x]\n", r"stack: unknown field.*did you mean 'stacks'"),
        ("[stacks.x]\n", r"\[stacks\.x\] orchestrator: missing"),
    ],
)
def test_a_broken_pipes_toml_is_told_and_left_alone(project: Project, text: str, says: str) -> None:
    with_flavors(project, text)
    assert_refused(project, says, *NEW, "--namespace", "x")
    assert_refused(project, says, "step-operator", "list")


def test_a_read_only_pipes_toml_is_left_alone(project: Project) -> None:
    with_flavors(project)
    (project.root / "pipes.toml").chmod(0o444)
    assert_refused(project, r"pipes\.toml is read-only.*chmod u\+w", *NEW, "--namespace", "x")


def test_what_a_variable_overrides_is_told(project: Project) -> None:
    with_flavors(project)
    env = {"PIPES_STEP_OPERATORS__GPU__CPUS": "8"}
    done = project.pipes("step-operator", "update", "gpu", "--cpus", "2", env=env)
    assert done.code == 0
    variable = "PIPES_STEP_OPERATORS__GPU__CPUS"
    assert done.err == (
        f"warning: environment variable {variable} goes over what pipes.toml says, until it is unset\n"
    )
    shown = json.loads(project.pipes("step-operator", "describe", "gpu", "--json", env=env).out)
    cpus = next(each for each in shown["config"] if each["field"] == "cpus")
    assert cpus["origin"] == "variable PIPES_STEP_OPERATORS__GPU__CPUS"


def test_a_component_whose_package_is_missing_says_what_to_install_when_it_is_used(project: Project) -> None:
    with_flavors(project)
    project.write("flow.py", "from airflow_provider_pipes import pipeline\n@pipeline\ndef x(): ...\n")
    needs = r"no module 'moonbeam_client' here; pip install 'moonbeam\[all\]'"
    done = project.pipes("step-operator", "register", "new", "--flavor", "far", "--namespace", "x")
    assert done.code == 0, done
    assert "pip install 'moonbeam[all]'" in done.err
    assert project.pipes("stack", "update", "team", "--add-step-operator", "new").code == 0
    shown = project.pipes("step-operator", "describe", "new")
    assert shown.code == 0
    assert "pip install 'moonbeam[all]'" in shown.err
    assert_refused(project, needs, "run", "flow.py:x")


def test_eight_commands_at_once_lose_nothing(project: Project) -> None:
    with_flavors(project)
    started = [
        subprocess.Popen(
            project.command(
                "step-operator", "register", f"n{number}", "--flavor", "moon", "--namespace", "x"
            ),
            cwd=project.root,
            env=project.environment(),
            stdout=subprocess.DEVNULL,
        )
        for number in range(8)
    ]
    assert [process.wait(120) for process in started] == [0] * 8
    assert set(stored(project)["step_operators"]) == {"gpu", *(f"n{number}" for number in range(8))}
    assert (project.root / "pipes.toml").read_text().startswith(PIPES_TOML)
