"""Flavors by command: `pipes step-operator flavor register` and the like."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Project
from tests.cli.registering import PIPES_TOML, assert_refused, with_flavors

FLAVOR = ("step-operator", "flavor")


@pytest.mark.parametrize("path", ["team_flavors:MoonFlavor", "team_flavors.MoonFlavor"])
def test_a_flavor_is_registered_used_described_and_deleted(project: Project, path: str) -> None:
    with_flavors(project, None)
    done = project.pipes(*FLAVOR, "register", path)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"registered step operator flavor moon in {project.root / 'pipes.toml'}, a new file\n"
    assert (
        project.root / "pipes.toml"
    ).read_text() == '[flavors.step_operator]\nmoon = "team_flavors:MoonFlavor"\n'
    assert project.pipes("step-operator", "register", "m", "--flavor", "moon", "--namespace", "x").code == 0
    says = r"flavor 'moon' is used by step operator 'm'; first delete it: pipes step-operator delete m"
    assert_refused(project, says, *FLAVOR, "delete", "moon")
    assert project.pipes("step-operator", "delete", "m").code == 0
    assert project.pipes(*FLAVOR, "delete", "moon").code == 0
    assert (project.root / "pipes.toml").read_text() == ""


def test_a_description_has_the_fields_with_type_default_and_meaning(project: Project) -> None:
    with_flavors(project)
    shown = json.loads(project.pipes(*FLAVOR, "describe", "far", "--json").out)
    assert shown["config"][:2] == [
        {
            "name": "namespace",
            "type": "str",
            "default": None,
            "description": "Where jobs run.",
            "required": True,
        },
        {
            "name": "cpus",
            "type": "int",
            "default": "1",
            "description": "How many CPUs a job has.",
            "required": False,
        },
    ]
    assert shown["install"] == "moonbeam[all]"
    assert shown["origin"] == "pipes.toml"
    assert "no module 'moonbeam_client'" in shown["problem"]
    done = project.pipes(*FLAVOR, "describe", "moon")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[:2] == [
        ["step", "operator", "flavor", "moon"],
        ["Flavor", "of", "step", "operators", "on", "the", "moon."],
    ]
    assert ["namespace", "str", "required", "Where", "jobs", "run."] in lines
    assert done.err == ""


def test_a_list_says_where_flavors_come_from(project: Project) -> None:
    with_flavors(project)
    listed = json.loads(project.pipes(*FLAVOR, "list", "--json").out)
    assert {each["name"]: each["origin"] for each in listed} == {
        "far": "pipes.toml",
        "moon": "pipes.toml",
        "subprocess": "built in",
    }
    assert "moon" in project.pipes(*FLAVOR, "list").out


def test_a_flavor_whose_package_is_missing_can_be_registered(project: Project) -> None:
    with_flavors(project, None)
    done = project.pipes(*FLAVOR, "register", "team_flavors:FarFlavor")
    assert done.code == 0
    assert done.err == (
        "warning: it can't be used here yet: FarFlavor.implementation_class can't be imported: there is no "
        "module 'moonbeam_client' here; pip install 'moonbeam[all]'\n"
    )


REFUSED = {
    "no class path": (r"'moon' is no class path; write it as 'package\.module:Class'", "register", "moon"),
    "a module that is not there": (r"there is no module 'gone' here", "register", "gone.flavors:Flavor"),
    "a module that raises": (
        r"module 'breaks' raised while it was imported: ZeroDivisionError",
        "register",
        "breaks:X",
    ),
    "a module that exits": (
        r"module 'exits' raised while it was imported: SystemExit",
        "register",
        "exits:X",
    ),
    "a module with a wrong import": (
        r"module 'imports' can't be imported: there is no module 'panads'",
        "register",
        "imports:X",
    ),
    "a class that is not there": (
        r"has no class 'MonFlavor' \(did you mean 'MoonFlavor'\?\)",
        "register",
        "team_flavors:MonFlavor",
    ),
    "a class that is no flavor": (
        r"MoonConfig is no Flavor; give the class derived from Flavor",
        "register",
        "team_flavors:MoonConfig",
    ),
    "a flavor of another kind": (
        r"register it with `pipes orchestrator flavor register team_flavors:SunFlavor`",
        "register",
        "team_flavors.SunFlavor",
    ),
    "a wrong base class": (
        r"must be a class derived from airflow_provider_pipes\.step_operators\.BaseStepOperator, got <class",
        "register",
        "team_flavors:WrongFlavor",
    ),
    "a flavor that is registered": (
        r"'moon': there is one of this name already.*there is nothing to register",
        "register",
        "team_flavors:MoonFlavor",
    ),
    "a name that is taken": (
        r"flavor 'moon': there is one of this name already.*let the class give itself another name",
        "register",
        "other:OtherFlavor",
    ),
    "to delete what is built in": (r"'subprocess' can't be deleted: it is built in", "delete", "subprocess"),
    "to delete what is used": (r"'moon' is used by step operator 'gpu'", "delete", "moon"),
    "to delete what is not there": (
        r"no step operator flavor 'mon' \(did you mean 'moon'\?\)",
        "delete",
        "mon",
    ),
    "to describe what is not there": (
        r"unknown step operator flavor 'mon' \(did you mean 'moon'\?\)",
        "describe",
        "mon",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_told_and_changes_nothing(name: str, project: Project) -> None:
    with_flavors(project)
    project.write("breaks.py", "1 / 0\n")
    project.write("exits.py", "raise SystemExit(3)\n")
    project.write("imports.py", "import panads\n")
    project.write("other.py", "from team_flavors import MoonFlavor\nclass OtherFlavor(MoonFlavor): ...\n")
    says, *words = REFUSED[name]
    assert_refused(project, says, *FLAVOR, *words)


def test_a_flavor_is_found_from_a_folder_below_the_project(project: Project) -> None:
    with_flavors(project)
    (project.root / "deep").mkdir()
    done = project.pipes("step-operator", "update", "gpu", "--cpus", "3", cwd=project.root / "deep")
    assert done.code == 0, done
    assert (project.root / "pipes.toml").read_text() == PIPES_TOML.replace(
        "]\n\n[artifact", "]\ncpus = 3\n\n[artifact"
    )
