from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import FlavorError
from airflow_provider_pipes.stack import FlavorRegistry, StackComponentType
from airflow_provider_pipes.stack.builtin import BUILT_IN_FLAVORS
from airflow_provider_pipes.stack.registry import FlavorRef
from tests.unit.stack import flavors

Install = Callable[[str, dict[str, str]], None]

HERE = "tests.unit.stack.flavors"
STEP_OPERATOR = StackComponentType.STEP_OPERATOR


def test_every_built_in_flavor_has_a_config_that_keeps_the_contract() -> None:
    registry = FlavorRegistry()
    for kind, built_in in BUILT_IN_FLAVORS.items():
        for name in built_in:
            flavor = registry.load(kind, name)
            assert (flavor.name, flavor.type) == (name, kind)


def test_an_installed_flavor_is_found_by_its_entry_point(install: Install) -> None:
    install("moon", {"step_operator.custom": f"{HERE}:CustomStepOperatorFlavor"})
    registry = FlavorRegistry()
    flavor = registry.load(STEP_OPERATOR, "custom")
    assert isinstance(flavor, flavors.CustomStepOperatorFlavor)
    assert registry.implementation(flavor) is flavors.CustomStepOperator
    assert registry.names(STEP_OPERATOR) == ["custom", "subprocess"]


def test_one_name_may_be_a_flavor_of_two_kinds(install: Install) -> None:
    install(
        "moon",
        {
            "step_operator.custom": f"{HERE}:CustomStepOperatorFlavor",
            "orchestrator.custom": f"{HERE}:CustomOrchestratorFlavor",
        },
    )
    registry = FlavorRegistry()
    assert registry.load(STEP_OPERATOR, "custom").type is STEP_OPERATOR
    kind = StackComponentType.ORCHESTRATOR
    assert registry.load(kind, "custom").type is kind


@pytest.mark.parametrize("separator", [":", "."])
def test_a_class_path_serves_as_a_flavor(separator: str) -> None:
    flavor = FlavorRegistry().load(STEP_OPERATOR, f"{HERE}{separator}CustomStepOperatorFlavor")
    assert flavor.name == "custom"


def test_a_flavor_class_may_lie_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "project_flavors.py").write_text(
        f"from {HERE} import CustomStepOperatorFlavor\n\n\nclass Own(CustomStepOperatorFlavor):\n    pass\n"
    )
    flavor = FlavorRegistry([tmp_path]).load(STEP_OPERATOR, "project_flavors:Own")
    assert type(flavor).__name__ == "Own"


def test_a_flavor_is_made_once() -> None:
    registry = FlavorRegistry()
    assert registry.load(STEP_OPERATOR, "subprocess") is registry.load(STEP_OPERATOR, "subprocess")


def test_an_unknown_flavor_is_told_with_the_nearest_name_and_all_known() -> None:
    with pytest.raises(
        FlavorError,
        match=r"unknown step operator flavor 'subproces' \(did you mean 'subprocess'\?\); known: subproc",
    ):
        FlavorRegistry().load(STEP_OPERATOR, "subproces")


def test_a_flavor_of_another_kind_is_recognized() -> None:
    with pytest.raises(
        FlavorError, match="unknown step operator flavor 's3'; it is a flavor of artifact stores"
    ):
        FlavorRegistry().load(STEP_OPERATOR, "s3")


def test_what_there_is_of_a_kind_is_listed() -> None:
    message = r"unknown image builder flavor 'dokcer' \(did you mean 'docker'\?\); known: command, docker"
    with pytest.raises(FlavorError, match=message):
        FlavorRegistry().load(StackComponentType.IMAGE_BUILDER, "dokcer")


def test_two_sources_for_one_name_are_both_named(install: Install) -> None:
    install("moon", {"step_operator.custom": f"{HERE}:CustomStepOperatorFlavor"})
    install("sun", {"step_operator.custom": f"{HERE}:SecretiveFlavor"})
    with pytest.raises(FlavorError, match="two sources for step operator flavor 'custom'") as caught:
        FlavorRegistry().load(STEP_OPERATOR, "custom")
    assert f"{HERE}:CustomStepOperatorFlavor (package moon)" in str(caught.value)
    assert f"{HERE}:SecretiveFlavor (package sun)" in str(caught.value)


def test_a_registered_name_that_a_package_has_too_is_an_error(install: Install) -> None:
    install("moon", {"step_operator.custom": f"{HERE}:SecretiveFlavor"})
    registry = FlavorRegistry()
    registry.register(
        STEP_OPERATOR, "custom", FlavorRef(f"{HERE}:CustomStepOperatorFlavor", None, "pipes.toml")
    )
    with pytest.raises(FlavorError, match=r"\(pipes\.toml\) and .*\(package moon\)"):
        registry.load(STEP_OPERATOR, "custom")


def test_a_built_in_flavor_goes_before_a_packages_whoever_was_loaded_before(install: Install) -> None:
    points = {"step_operator.subprocess": f"{HERE}:SecretiveFlavor"}
    install("moon", {**points, "step_operator.custom": f"{HERE}:CustomStepOperatorFlavor"})
    registry = FlavorRegistry()
    first = registry.load(STEP_OPERATOR, "subprocess")
    registry.load(STEP_OPERATOR, "custom")
    assert registry.load(STEP_OPERATOR, "subprocess") is first
    other = FlavorRegistry()
    other.load(STEP_OPERATOR, "custom")
    assert type(other.load(STEP_OPERATOR, "subprocess")) is type(first)


def test_a_packages_flavor_behind_a_built_in_one_is_told_with_how_to_use_it(install: Install) -> None:
    install("moon", {"step_operator.subprocess": f"{HERE}:SecretiveFlavor"})
    registry = FlavorRegistry()
    told = (
        "the built-in step operator flavor 'subprocess' goes before that of package moon; to use that one, "
        f"give its class path as flavor: {HERE}:SecretiveFlavor"
    )
    assert registry.hidden(STEP_OPERATOR) == registry.hidden(STEP_OPERATOR, "subprocess") == [told]
    assert registry.hidden(STEP_OPERATOR, "custom") == []
    assert registry.hidden(StackComponentType.ORCHESTRATOR) == []
    assert [ref.origin for ref in registry.sources(STEP_OPERATOR, "subprocess")] == ["built in"]


def test_built_in_flavors_are_loaded_without_a_look_at_what_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: str) -> None:
        raise AssertionError("entry points were read")

    monkeypatch.setattr("importlib.metadata.entry_points", refuse)
    assert FlavorRegistry().load(STEP_OPERATOR, "subprocess").name == "subprocess"


def test_one_class_named_twice_is_no_clash(install: Install) -> None:
    install("moon", {"step_operator.custom": f"{HERE}:CustomStepOperatorFlavor"})
    install("sun", {"step_operator.custom": f"{HERE}:CustomStepOperatorFlavor"})
    assert FlavorRegistry().load(STEP_OPERATOR, "custom").name == "custom"


def test_a_badly_named_entry_point_is_logged_and_skipped(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install(
        "moon",
        {"custom": "x:Y", "telescope.big": "x:Y", "step_operator.custom": f"{HERE}:CustomStepOperatorFlavor"},
    )
    with caplog.at_level(logging.WARNING):
        assert FlavorRegistry().names(STEP_OPERATOR) == ["custom", "subprocess"]
    skipped = [record.getMessage() for record in caplog.records]
    assert len(skipped) == 2
    assert "skipping flavor entry point 'custom' of package moon: name it '<kind>.<flavor>'" in skipped[0]


def test_a_broken_entry_point_raises_only_when_it_is_used(install: Install) -> None:
    install("moon", {"step_operator.broken": "moonbeam.flavors:Flavor"})
    registry = FlavorRegistry()
    assert registry.names(STEP_OPERATOR) == ["broken", "subprocess"]
    assert registry.load(STEP_OPERATOR, "subprocess").name == "subprocess"
    with pytest.raises(FlavorError, match=r"package moon.*there is no module 'moonbeam' here"):
        registry.load(STEP_OPERATOR, "broken")


def test_what_is_missing_is_said_with_what_to_install() -> None:
    registry = FlavorRegistry()
    flavor = registry.load(STEP_OPERATOR, f"{HERE}:NeedsPackageFlavor")
    with pytest.raises(
        FlavorError, match=r"there is no module 'moonbeam_client' here; pip install 'moonbeam\[all\]'"
    ):
        registry.implementation(flavor)


def test_a_registered_hint_says_what_to_install() -> None:
    registry = FlavorRegistry()
    registry.register(STEP_OPERATOR, "moon", FlavorRef("moonbeam:Flavor", "moonbeam"))
    with pytest.raises(FlavorError, match=r"there is no module 'moonbeam' here; pip install 'moonbeam'"):
        registry.load(STEP_OPERATOR, "moon")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "CustomOrchestratorFlavor",
            "expected a flavor of kind 'step operator', got one of kind 'orchestrator'",
        ),
        ("NO_FLAVOR", "StackComponent is no Flavor"),
        ("NamelessFlavor", "NamelessFlavor does not say its name"),
        ("WrongConfigFlavor", "config_class must be a StackComponentConfig, got <class 'dict'>"),
        ("RaisingFlavor", r"RaisingFlavor\.config_class raised KeyError: 'no settings file'"),
        ("FlavorFieldFlavor", "has a field 'flavor', which in pipes.toml says the flavor of the component"),
        ("UntypedFlavor", "got one of kind \"'step_operator'\""),
    ],
)
def test_a_flavor_that_breaks_the_contract_is_refused(name: str, message: str) -> None:
    with pytest.raises(FlavorError, match=message):
        FlavorRegistry().load(STEP_OPERATOR, f"{HERE}:{name}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "WrongImplementationFlavor",
            "CustomOrchestrator is no step operator; derive it from airflow_provider_pipes.step_op",
        ),
        (
            "UnrelatedImplementationFlavor",
            "must be a class derived from airflow_provider_pipes.step_operators.BaseStepOperator",
        ),
        ("UnfinishedFlavor", "Unfinished does not implement: launch"),
    ],
)
def test_an_implementation_that_breaks_the_contract_is_refused(name: str, message: str) -> None:
    registry = FlavorRegistry()
    flavor = registry.load(STEP_OPERATOR, f"{HERE}:{name}")
    with pytest.raises(FlavorError, match=message):
        registry.implementation(flavor)


def test_a_flavor_must_be_registered_by_its_own_name(install: Install) -> None:
    install("moon", {"step_operator.lunar": f"{HERE}:CustomStepOperatorFlavor"})
    with pytest.raises(FlavorError, match="the class says its name is 'custom'; register it as 'custom'"):
        FlavorRegistry().load(STEP_OPERATOR, "lunar")
