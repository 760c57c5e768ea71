from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.registration.components import register_component
from airflow_provider_pipes.registration.stacks import (
    StackParts,
    activate_stack,
    copy_stack,
    delete_stack,
    register_stack,
    update_stack,
)
from airflow_provider_pipes.stack import StackComponentType, load_project

LOCAL = StackParts("local", "local")


@pytest.fixture
def file(folder: Path) -> Path:
    """The pipes.toml of a project with two step operators and a stack."""
    for name in ("gpu", "cpu"):
        register_component(folder, StackComponentType.STEP_OPERATOR, name, "subprocess", [])
    register_stack(folder, "team", StackParts("local", "local", ("gpu",)))
    return folder / "pipes.toml"


def stacks(file: Path) -> Any:
    return tomllib.loads(file.read_text())["stacks"]


def refused(file: Path, says: str, *arguments: Any) -> None:
    before = file.read_bytes()
    function, *rest = arguments
    with pytest.raises(ConfigurationError, match=says):
        function(file.parent, *rest)
    assert file.read_bytes() == before


def test_the_only_stack_is_the_active_one_and_stays_it_when_a_second_comes(file: Path) -> None:
    assert load_project(file.parent).active_stack == "team"
    change = register_stack(file.parent, "other", LOCAL)
    assert change.notes == ("'team' stays the active stack; change it with `pipes stack set other`",)
    assert load_project(file.parent).active_stack == "team"


def test_the_first_stack_says_that_it_is_the_active_one(folder: Path) -> None:
    change = register_stack(folder, "team", LOCAL)
    assert change.notes == ("it is the active stack, being the only one in pipes.toml",)


def test_a_stack_can_be_made_the_active_one_as_it_is_registered(file: Path) -> None:
    register_stack(file.parent, "other", LOCAL, activate=True)
    assert load_project(file.parent).active_stack == "other"
    activate_stack(file.parent, "team")
    assert file.read_text().startswith('active_stack = "team"\n')
    activate_stack(file.parent, "default")
    assert load_project(file.parent).active_stack == "default"


def test_a_variable_that_names_another_active_stack_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPES_ACTIVE_STACK", "default")
    change = activate_stack(file.parent, "team")
    assert "PIPES_ACTIVE_STACK goes over what pipes.toml says" in change.warnings[0]
    assert len(change.warnings) == 1
    assert len(activate_stack(file.parent, "team").warnings) == 1


def test_components_of_a_stack_are_changed(file: Path) -> None:
    update_stack(file.parent, "team", StackParts(orchestrator="airflow"), ["cpu"], ["gpu"])
    expected = {"orchestrator": "airflow", "artifact_store": "local", "step_operators": ["cpu"]}
    assert stacks(file) == {"team": expected}
    update_stack(file.parent, "team", StackParts(), take=["cpu"])
    assert stacks(file)["team"]["step_operators"] == []


def test_a_copy_has_the_components_of_the_other(file: Path) -> None:
    copy_stack(file.parent, "team", "second")
    assert stacks(file)["second"] == stacks(file)["team"]
    copy_stack(file.parent, "default", "third")
    assert stacks(file)["third"] == {"orchestrator": "local", "artifact_store": "local"}


def test_a_stack_that_is_deleted_leaves_the_rest(file: Path) -> None:
    before = file.read_text()
    register_stack(file.parent, "other", LOCAL)
    delete_stack(file.parent, "other")
    assert file.read_text() == f'active_stack = "team"\n\n{before}'


def test_the_active_stack_is_not_deleted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(file, "stack 'team' is the active one.*pipes stack set default", delete_stack, "team")
    monkeypatch.setenv("PIPES_ACTIVE_STACK", "default")
    delete_stack(file.parent, "team")
    monkeypatch.delenv("PIPES_ACTIVE_STACK")
    register_stack(file.parent, "b", LOCAL, activate=True)
    register_stack(file.parent, "a", LOCAL)
    monkeypatch.setenv("PIPES_ACTIVE_STACK", "a")
    refused(file, "stack 'a' is the active one.*there are: 'b', 'default'", delete_stack, "a")
    refused(file, "stack 'b' is the active one", delete_stack, "b")


def test_the_built_in_stack_is_not_changed(file: Path) -> None:
    says = "stack 'default' is built in and can't be changed; copy it"
    refused(file, says, update_stack, "default", StackParts(orchestrator="airflow"))
    refused(file, says, delete_stack, "default")
    refused(file, "'default' is the built-in stack", register_stack, "default", LOCAL)


def test_all_that_is_wrong_with_a_stack_is_told_at_once(file: Path) -> None:
    parts = StackParts("lcoal", "gpu", ("gpu", "gpu", "x"), "kaniko")
    says = (
        r"(?s)register stack 'a b'.*'a b' is no name.*no orchestrator 'lcoal' \(did you mean 'local'\?\)"
        r".*"
        r"no artifact store 'gpu' \(there is one as step operator\).*no step operator 'x'.*"
        r"'gpu' is given more than once.*no image builder 'kaniko'; there are: docker; register it first: "
        r"pipes image-builder register kaniko --flavor"
    )
    refused(file, says, register_stack, "a b", parts)
    refused(file, "has a stack of this name", register_stack, "team", LOCAL)
    says = r"(?s)'gpu' is in it already.*'x' is not in it; it has: gpu.*--unset foo: a stack can be without"
    refused(file, says, update_stack, "team", StackParts(), ["gpu"], ["x"], ["foo"])
    refused(file, "nothing to change", update_stack, "team", StackParts())
    refused(file, "no stack 'taem'.*did you mean 'team'", update_stack, "taem", LOCAL)


def test_a_component_that_does_not_fit_into_the_stack_is_refused(file: Path) -> None:
    flavor = "tests.unit.stack.flavors:CustomStepOperatorFlavor"
    register_component(file.parent, StackComponentType.STEP_OPERATOR, "crowded", flavor, ["--namespace", "x"])
    refused(file, "there are too many nodes", update_stack, "team", StackParts(), ["crowded"])


def test_a_stack_that_was_broken_by_hand_does_not_stop_its_mending(file: Path) -> None:
    file.write_text(file.read_text().replace('["gpu"]', '["gpu", "gone"]'))
    refused(file, "no step operator 'gone'", activate_stack, "team")
    update_stack(file.parent, "team", StackParts(), take=["gone"])
    assert stacks(file)["team"]["step_operators"] == ["gpu"]


def test_a_stack_of_variables_alone_is_not_changed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPES_STACKS__ELSE__ORCHESTRATOR", "local")
    monkeypatch.setenv("PIPES_STACKS__ELSE__ARTIFACT_STORE", "local")
    refused(file, "environment variables give it", update_stack, "else", StackParts(orchestrator="airflow"))
