from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import field_validator, model_validator

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.registration.components import (
    delete_component,
    register_component,
    update_component,
)
from airflow_provider_pipes.registration.flavors import delete_flavor, register_flavor
from airflow_provider_pipes.registration.stacks import StackParts, register_stack
from airflow_provider_pipes.stack import StackComponentType, load_project
from airflow_provider_pipes.step_operators import BaseStepOperatorConfig
from tests.unit.stack.conftest import install  # noqa: F401 - a fixture
from tests.unit.stack.flavors import CustomStepOperatorFlavor

OPERATOR = StackComponentType.STEP_OPERATOR
STORE = StackComponentType.ARTIFACT_STORE
FLAVORS = "tests.unit.stack.flavors"
CUSTOM = f"{FLAVORS}:CustomStepOperatorFlavor"
HERE = __name__


class StrictConfig(BaseStepOperatorConfig):
    low: int = 0
    high: int = 10
    name: str = ""

    @field_validator("name")
    @classmethod
    def _no_capitals(cls, value: str) -> str:
        if value != value.lower():
            raise ValueError("capitals, as in a shout")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> StrictConfig:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class StrictFlavor(CustomStepOperatorFlavor):
    @property
    def config_class(self) -> Any:
        return StrictConfig


class CarelessConfig(BaseStepOperatorConfig):
    region: str = "eu"

    @field_validator("region")
    @classmethod
    def _known(cls, value: str) -> str:
        return {"eu": "EU"}[value]


class CarelessFlavor(CustomStepOperatorFlavor):
    @property
    def config_class(self) -> Any:
        return CarelessConfig


def read(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pipes.toml").read_text("utf-8"))


def refused(folder: Path, says: str, *arguments: Any) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    function, *rest = arguments
    with pytest.raises(ConfigurationError, match=says):
        function(folder, *rest)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_values_are_written_by_their_types(folder: Path) -> None:
    words = ["--namespace", "ml", "--cpus=4", "--nodes", "a", "--nodes", "b"]
    change = register_component(folder, OPERATOR, "gpu", CUSTOM, words)
    assert change.created
    expected = {"flavor": CUSTOM, "namespace": "ml", "cpus": 4, "nodes": ["a", "b"]}
    assert read(folder)["step_operators"] == {"gpu": expected}


def test_all_that_is_wrong_is_told_at_once(folder: Path) -> None:
    words = ["--nmaespace", "x", "--cpus", "many", "stray"]
    says = (
        r"(?s)can't register step operator 'g u':.*'g u' is no name.*'stray' is no option.*--nmaespace: there"
    )
    refused(folder, says, register_component, OPERATOR, "g u", CUSTOM, words)
    says = r"(?s)did you mean '--namespace'.*--cpus: expected a whole number, got 'many'"
    refused(folder, says, register_component, OPERATOR, "g u", CUSTOM, words)
    refused(folder, "--namespace is missing", register_component, OPERATOR, "g u", CUSTOM, words)


def test_a_missing_value_is_told_once(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        register_component(folder, OPERATOR, "gpu", CUSTOM, ["--namespace"])
    assert (
        str(caught.value)
        == "can't register step operator 'gpu': --namespace: give it a value: --namespace VALUE"
    )


def test_validators_of_the_configuration_run_on_register_and_on_update(folder: Path) -> None:
    strict = f"{HERE}:StrictFlavor"
    refused(
        folder, "--name: capitals, as in a shout", register_component, OPERATOR, "s", strict, ["--name", "X"]
    )
    refused(folder, "low is above high", register_component, OPERATOR, "s", strict, ["--low", "11"])
    register_component(folder, OPERATOR, "s", strict, ["--low", "5"])
    refused(folder, "low is above high", update_component, OPERATOR, "s", ["--high", "4"])
    refused(folder, "capitals", update_component, OPERATOR, "s", ["--name", "X"])
    update_component(folder, OPERATOR, "s", ["--high", "4"], ["low"])
    assert read(folder)["step_operators"]["s"] == {"flavor": strict, "high": 4}


def test_a_validator_that_breaks_is_told_as_such(folder: Path) -> None:
    says = r"a validator of CarelessConfig raised KeyError: 'us'"
    refused(folder, says, register_component, OPERATOR, "c", f"{HERE}:CarelessFlavor", ["--region", "us"])


@pytest.mark.parametrize(
    ("flavor", "says"),
    [
        ("custm", "unknown step operator flavor 'custm'"),
        ("airflow", "it is a flavor of orchestrators"),
        ("nowhere.module:Class", "there is no module 'nowhere' here"),
        (f"{FLAVORS}:CustomStepOperator", "CustomStepOperator is no Flavor"),
        (f"{FLAVORS}:CustomOrchestratorFlavor", "expected a flavor of kind 'step operator'"),
        (f"{FLAVORS}:WrongImplementationFlavor", "is no step operator"),
        (f"{FLAVORS}:UnrelatedImplementationFlavor", "must be a class derived from"),
        (f"{FLAVORS}:UnfinishedFlavor", "does not implement: launch"),
        (f"{FLAVORS}:RefusingFlavor", r"Refusing\(\) raised RuntimeError: no licence"),
    ],
)
def test_a_flavor_that_can_not_be_used_is_refused(folder: Path, flavor: str, says: str) -> None:
    refused(folder, says, register_component, OPERATOR, "gpu", flavor, ["--namespace", "x"])


def test_a_flavor_whose_package_is_missing_can_be_registered_and_says_what_to_install(folder: Path) -> None:
    needs = f"{FLAVORS}:NeedsPackageFlavor"
    refused(folder, "--namespace is missing", register_component, OPERATOR, "gpu", needs, [])
    change = register_component(folder, OPERATOR, "gpu", needs, ["--namespace", "x"])
    assert len(change.warnings) == 1
    assert re.search(r"no module 'moonbeam_client' here; pip install 'moonbeam\[all\]'", change.warnings[0])
    change = register_stack(folder, "team", StackParts("local", "local", ("gpu",)))
    assert re.search(r"step operator 'gpu' can't be used here yet.*moonbeam\[all\]", change.warnings[0])
    with pytest.raises(ConfigurationError, match=r"pip install 'moonbeam\[all\]'"):
        load_project(folder).stack()


def test_a_secret_is_refused_and_not_repeated(folder: Path) -> None:
    secretive = f"{FLAVORS}:SecretiveFlavor"
    with pytest.raises(
        ConfigurationError, match=r"holds a secret in .*api_key.*Airflow connection"
    ) as caught:
        register_component(folder, OPERATOR, "s", secretive, ["--api-key", "hunter2"])
    assert "hunter2" not in str(caught.value)


def test_a_built_in_component_can_be_replaced_but_not_changed(folder: Path) -> None:
    airflow = StackComponentType.ORCHESTRATOR
    says = "orchestrator 'airflow' is built in and can't be changed; register one of your own"
    refused(folder, says, update_component, airflow, "airflow", ["--dag-id", "x_{pipeline}"])
    refused(folder, says, delete_component, airflow, "airflow")
    change = register_component(folder, airflow, "airflow", "airflow", ["--dags-folder", "dags"])
    assert change.notes == ("it takes the place of the built-in orchestrator 'airflow'",)
    update_component(folder, airflow, "airflow", ["--dags-folder", "other"])
    delete_component(folder, airflow, "airflow")
    assert read(folder) == {}


def test_a_change_that_would_break_a_stack_is_refused(folder: Path) -> None:
    register_component(folder, OPERATOR, "gpu", CUSTOM, ["--namespace", "x"])
    register_stack(folder, "team", StackParts("local", "local", ("gpu",)))
    says = "step operator 'gpu' is used by stack 'team'"
    refused(folder, says, delete_component, OPERATOR, "gpu")
    refused(folder, "'gpuu'.*did you mean 'gpu'", delete_component, OPERATOR, "gpuu")


def test_a_component_that_was_broken_by_hand_can_be_mended(folder: Path) -> None:
    text = f'[step_operators.gpu]\nflavor = "{CUSTOM}"\ncpu = 1\n\n[stacks.t]\norchestrator = "local"\n'
    (folder / "pipes.toml").write_text(text + 'artifact_store = "local"\nstep_operators = ["gpu"]\n')
    with pytest.raises(ConfigurationError):
        load_project(folder).stack()
    says = "(?s)--cpu: unknown field.*--namespace is missing|--namespace is missing.*--cpu: unknown field"
    refused(folder, says, update_component, OPERATOR, "gpu", ["--cpus", "3"])
    update_component(folder, OPERATOR, "gpu", ["--namespace", "x"], ["cpu"])
    assert load_project(folder).stack().name == "t"


def test_what_a_variable_gives_is_not_missing_and_what_it_overrides_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPES_STEP_OPERATORS__GPU__NAMESPACE", "from-outside")
    change = register_component(folder, OPERATOR, "gpu", CUSTOM, ["--cpus", "2"])
    assert change.warnings == ()
    assert read(folder)["step_operators"]["gpu"] == {"flavor": CUSTOM, "cpus": 2}
    change = update_component(folder, OPERATOR, "gpu", ["--namespace", "inside"])
    variable = "PIPES_STEP_OPERATORS__GPU__NAMESPACE"
    assert change.warnings == (
        f"environment variable {variable} goes over what pipes.toml says, until it is unset",
    )


def test_a_component_that_variables_say_more_of_is_not_deleted_under_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_component(folder, OPERATOR, "gpu", CUSTOM, ["--namespace", "x"])
    monkeypatch.setenv("PIPES_STEP_OPERATORS__GPU__CPUS", "3")
    refused(folder, "also given by PIPES_STEP_OPERATORS__GPU__CPUS; unset", delete_component, OPERATOR, "gpu")


def test_a_component_that_only_variables_give_is_not_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPES_STEP_OPERATORS__GPU__FLAVOR", "subprocess")
    refused(folder, "environment variables give it", delete_component, OPERATOR, "gpu")


def test_a_flavor_in_the_projects_folder_is_found(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "pipes.toml").write_text("")
    (folder / "lying_here_apart.py").write_text(f"from {FLAVORS} import CustomStepOperatorFlavor as Own\n")
    change = register_flavor(folder / "deep", OPERATOR, "lying_here_apart.Own")
    assert change.name == "custom"
    assert read(folder) == {"flavors": {"step_operator": {"custom": "lying_here_apart:Own"}}}
    register_component(folder / "deep", OPERATOR, "gpu", "custom", ["--namespace", "x"])
    refused(folder, "used by step operator 'gpu'", delete_flavor, OPERATOR, "custom")
    delete_component(folder, OPERATOR, "gpu")
    delete_flavor(folder, OPERATOR, "custom")
    assert (folder / "pipes.toml").read_text() == ""


NAMES = st.sampled_from(["a", "b-2", "c.d", "Größe", "数_1"])
NODES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=3)
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["register", "update", "delete"]), NAMES, st.integers(), NODES), max_size=8
)
BASE = f"""\
# The operators of the team; ask before you change them.

[settings.task]  # for everyone
retries = 2

# ours, since 2024
[step_operators.kept]
flavor = "{CUSTOM}"   # the custom one
namespace = 'ml'  # a name
# the last word
"""


@settings(max_examples=40, deadline=None)
@given(ACTIONS)
def test_any_sequence_of_changes_keeps_every_other_byte(
    actions: list[tuple[str, str, int, list[str]]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pipes.toml").write_text(BASE)
        expected: dict[str, dict[str, Any]] = {}
        for action, component, cpus, nodes in actions:
            _act(folder, expected, action, component, cpus, nodes)
            operators = read(folder)["step_operators"]
            kept = operators.pop("kept")
            assert operators == expected
            assert kept == {"flavor": CUSTOM, "namespace": "ml"}
            assert (folder / "pipes.toml").read_text("utf-8").startswith(BASE)
        for component in expected:
            delete_component(folder, OPERATOR, component)
        assert (folder / "pipes.toml").read_text() == BASE


def _act(
    folder: Path, expected: dict[str, dict[str, Any]], action: str, name: str, cpus: int, nodes: list[str]
) -> None:
    words = [f"--cpus={cpus}", *(f"--nodes={node}" for node in nodes)]
    values: Mapping[str, Any] = {"cpus": cpus, **({"nodes": nodes} if nodes else {})}
    if action == "register" and name not in expected:
        register_component(folder, OPERATOR, name, CUSTOM, [*words, "--namespace", name])
        expected[name] = {"flavor": CUSTOM, "namespace": name, **values}
    elif action == "update" and name in expected:
        update_component(folder, OPERATOR, name, words)
        expected[name].update(values)
    elif action == "delete" and name in expected:
        delete_component(folder, OPERATOR, name)
        del expected[name]
    else:
        refused(folder, "name|no step operator", *_wrong(action, name, words))


def _wrong(action: str, name: str, words: list[str]) -> tuple[Any, ...]:
    if action == "register":
        return register_component, OPERATOR, name, CUSTOM, [*words, "--namespace", "x"]
    return (
        (update_component, OPERATOR, name, words)
        if action == "update"
        else (delete_component, OPERATOR, name)
    )


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_any_name_and_value_is_refused_or_read_back(name: str, value: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        said = ""
        try:
            register_component(folder, OPERATOR, name, CUSTOM, [f"--namespace={value}"])
        except ConfigurationError as error:
            said = str(error)
        if said:
            assert re.search("no name|is empty|half a character", said)
            assert list(folder.iterdir()) == []
            return
        assert load_project(folder).file.step_operators[name].values == {"namespace": value}
        change = update_component(folder, OPERATOR, name, ["--cpus", "2"])
        assert change.warnings == ()
        delete_component(folder, OPERATOR, name)
        assert (folder / "pipes.toml").read_bytes() == b""


def test_a_flavor_may_have_the_configuration_of_another_kind(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["--url", "http://x", "--base-image", "python:3.12"]
    register_flavor(folder, OPERATOR, f"{FLAVORS}:BorrowedConfigFlavor")
    register_component(folder, OPERATOR, "gpu", "borrowed", words)
    assert read(folder)["step_operators"]["gpu"]["base_image"] == "python:3.12"
    caplog.clear()
    register_stack(folder, "team", StackParts("local", "local", ("gpu",)))
    load_project(folder).stack("team")
    assert "The 'base_image' field is ignored." in caplog.text


def test_a_flavor_that_hides_behind_a_built_in_one_is_told(
    folder: Path,
    install: Callable[[str, dict[str, str]], None],  # noqa: F811
) -> None:
    install("moon", {"step_operator.subprocess": CUSTOM})
    change = register_component(folder, OPERATOR, "child", "subprocess", [])
    assert "flavor 'subprocess' goes before that of package moon" in change.warnings[0]


def test_fields_that_no_command_can_give_are_told(folder: Path) -> None:
    change = register_component(folder, OPERATOR, "child", f"{FLAVORS}:HelpfulFlavor", [])
    assert [each.split(",")[0] for each in change.warnings] == [
        "HelpfulConfig has a field 'help'",
        "HelpfulConfig has a field 'unset'",
    ]
