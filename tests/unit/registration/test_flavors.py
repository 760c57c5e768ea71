from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.registration.flavors import delete_flavor, register_flavor
from airflow_provider_pipes.stack import StackComponentType
from tests.unit.stack.conftest import install  # noqa: F401 - a fixture
from tests.unit.stack.flavors import CustomStepOperatorFlavor

OPERATOR = StackComponentType.STEP_OPERATOR
ORCHESTRATOR = StackComponentType.ORCHESTRATOR
FLAVORS = "tests.unit.stack.flavors"
HERE = __name__


class BadlyNamedFlavor(CustomStepOperatorFlavor):
    @property
    def name(self) -> str:
        return "with space"


class LocalFlavor(CustomStepOperatorFlavor):
    @property
    def name(self) -> str:
        return "subprocess"


@pytest.mark.parametrize(
    "written", ["tests.unit.stack.flavors:CustomStepOperatorFlavor", f"{FLAVORS}.CustomStepOperatorFlavor"]
)
def test_a_class_path_is_taken_in_both_forms(folder: Path, written: str) -> None:
    assert register_flavor(folder, OPERATOR, written).name == "custom"
    expected = {"flavors": {"step_operator": {"custom": f"{FLAVORS}:CustomStepOperatorFlavor"}}}
    assert tomllib.loads((folder / "pipes.toml").read_text()) == expected


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("CustomStepOperatorFlavor", "'CustomStepOperatorFlavor' is no class path; write it as"),
        ("", "'' is no class path"),
        ("a b:C", "'a b:C' is no class path"),
        (f"{FLAVORS}:", "is no class path"),
        ("nowhere:Flavor", "module 'nowhere' can't be imported: there is no module 'nowhere' here"),
        (f"{FLAVORS}:CustomStepOpFlavor", "has no class 'CustomStepOpFlavor'.*did you mean"),
        (
            f"{FLAVORS}:CustomStepOperator",
            "CustomStepOperator is no Flavor; give the class derived from Flavor",
        ),
        (f"{FLAVORS}:CustomStepOperatorConfig", "is no Flavor"),
        (f"{FLAVORS}:KINDS", "is tuple and no class"),
        (f"{FLAVORS}:NamelessFlavor", "does not say its name"),
        (f"{FLAVORS}:WrongConfigFlavor", "config_class must be a StackComponentConfig"),
        (f"{FLAVORS}:RaisingFlavor", "config_class raised KeyError"),
        (f"{FLAVORS}:UntypedFlavor", "expected a flavor of kind 'step operator'"),
        (
            f"{FLAVORS}:WrongImplementationFlavor",
            r"is no step operator; derive it from airflow_provider_pipes\.step_operators\.BaseStepOperator",
        ),
        (f"{FLAVORS}:UnrelatedImplementationFlavor", "must be a class derived from"),
        (f"{FLAVORS}:UnfinishedFlavor", "does not implement: launch"),
        ("bad.py:X", r"'bad\.py:X' is no class path; write it as 'bad:X'"),
        ("./src/bad.py:X", r"is no class path; write it as 'src\.bad:X'"),
        (f"{FLAVORS}:FlavorFieldFlavor", "FlavorFieldConfig has a field 'flavor'"),
        (f"{FLAVORS}:HelpfulFlavor", "HelpfulConfig has a field 'help', and `register` and `update` have"),
        (f"{FLAVORS}:HelpfulFlavor", "HelpfulConfig has a field 'unset', and"),
        (f"{HERE}:BadlyNamedFlavor", "'with space' is no name"),
        (f"{HERE}:LocalFlavor", r"'subprocess': there is one of this name already: .*\(built in\)"),
        (
            f"{FLAVORS}:CustomOrchestratorFlavor",
            "is a flavor of the kind 'orchestrator'.*register it with `pipes orchestrator flavor register",
        ),
    ],
)
def test_what_is_no_flavor_is_refused_and_no_file_is_made(folder: Path, source: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        register_flavor(folder, OPERATOR, source)
    assert os.listdir(folder) == []


def test_a_module_that_ends_the_program_is_told(folder: Path) -> None:
    (folder / "quits_at_once.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(ConfigurationError, match="raised while it was imported: SystemExit: 3"):
        register_flavor(folder, OPERATOR, "quits_at_once:X")


def test_a_flavor_is_registered_once(folder: Path) -> None:
    source = f"{FLAVORS}:CustomStepOperatorFlavor"
    register_flavor(folder, OPERATOR, source)
    before = (folder / "pipes.toml").read_bytes()
    with pytest.raises(ConfigurationError, match=r"already.*there is nothing to register"):
        register_flavor(folder, OPERATOR, source)
    with pytest.raises(ConfigurationError, match=r"already.*let the class give itself another name"):
        register_flavor(folder, OPERATOR, f"{FLAVORS}:WrongImplementationFlavor")
    assert (folder / "pipes.toml").read_bytes() == before


def test_a_flavor_whose_dependencies_are_missing_is_registered_with_a_warning(folder: Path) -> None:
    change = register_flavor(folder, OPERATOR, f"{FLAVORS}:NeedsPackageFlavor")
    assert change.name == "needs_package"
    assert len(change.warnings) == 1
    assert "no module 'moonbeam_client' here; pip install 'moonbeam[all]'" in change.warnings[0]


def test_only_a_flavor_of_pipes_toml_is_deleted(
    folder: Path,
    install: Callable[[str, dict[str, str]], None],  # noqa: F811
) -> None:
    install("moonbeam", {"step_operator.custom": f"{FLAVORS}:CustomStepOperatorFlavor"})
    (folder / "pipes.toml").write_text("# ours\n")
    for name, says in {
        "subprocess": "it is built in",
        "custom": "it comes from package moonbeam",
        "cutsom": "no step operator flavor 'cutsom' .did you mean 'custom'",
    }.items():
        with pytest.raises(ConfigurationError, match=says):
            delete_flavor(folder, OPERATOR, name)
    with pytest.raises(ConfigurationError, match=r"already.*package moonbeam.*nothing to register"):
        register_flavor(folder, OPERATOR, f"{FLAVORS}:CustomStepOperatorFlavor")
    assert (folder / "pipes.toml").read_text() == "# ours\n"


def test_what_is_registered_and_deleted_leaves_the_file_as_it_was(folder: Path) -> None:
    text = "# ours\n\n[flavors.orchestrator]\n# none yet\n\n[settings.task]\n"
    (folder / "pipes.toml").write_text(text)
    register_flavor(folder, OPERATOR, f"{FLAVORS}:CustomStepOperatorFlavor")
    register_flavor(folder, ORCHESTRATOR, f"{FLAVORS}:CustomOrchestratorFlavor")
    delete_flavor(folder, OPERATOR, "custom")
    delete_flavor(folder, ORCHESTRATOR, "custom")
    assert (folder / "pipes.toml").read_text() == text


def test_a_problem_is_told_without_naming_the_flavor_twice(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        register_flavor(folder, OPERATOR, f"{FLAVORS}:UnfinishedFlavor")
    assert str(caught.value).count("step operator flavor 'custom'") == 1
