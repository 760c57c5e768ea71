from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import SecretStr

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.models.deployment import ComponentSpec
from airflow_provider_pipes.stack import StackComponentConfig
from airflow_provider_pipes.stack.stack import component_from_spec
from tests.unit.stack.flavors import (
    CustomOrchestrator,
    CustomOrchestratorConfig,
    CustomStepOperator,
    CustomStepOperatorConfig,
    SecretiveConfig,
)
from tests.unit.stack.test_stack import stack_with


def spec_of(config: StackComponentConfig) -> ComponentSpec:
    component = CustomStepOperator(name="gpu", config=config, flavor="custom")
    return next(
        each
        for each in type(stack_with())("s", stack_with().orchestrator, component).spec().components
        if each.name == "gpu"
    )


def test_a_stack_is_described_by_class_paths_and_what_the_user_wrote() -> None:
    spec = stack_with("gpu").spec()
    assert [each.name for each in spec.components] == ["conductor", "data", "gpu"]
    assert spec.components[2].model_dump() == {
        "type": "step_operator",
        "name": "gpu",
        "flavor": "custom",
        "implementation": "tests.unit.stack.flavors:CustomStepOperator",
        "config_class": "tests.unit.stack.flavors:CustomStepOperatorConfig",
        "config": {"namespace": "ml"},
        "hooks": True,
    }
    assert not spec.components[1].hooks


def test_a_component_comes_back_from_its_description() -> None:
    config = CustomStepOperatorConfig(namespace="ml", nodes=("a", "b"))
    spec = spec_of(config)
    for form in (spec, json.loads(spec.model_dump_json())):
        component = component_from_spec(form)
        assert type(component) is CustomStepOperator
        assert (component.name, component.flavor, component.config) == ("gpu", "custom", config)


def test_what_concerns_one_machine_stays_out_of_the_description() -> None:
    config = CustomOrchestratorConfig(url="http://example.com", folder="/home/somebody/dags")
    component = CustomOrchestrator(name="conductor", config=config)
    stack = stack_with()
    spec = type(stack)("team", component, stack.artifact_store).spec()
    assert spec.components[0].config == {"url": "http://example.com"}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (SecretiveConfig(webhook=SecretStr("hush")), "webhook"),
        (SecretiveConfig(api_key="hush"), "webhook, api_key"),
        (SecretiveConfig(endpoint="https://me:hush@example.com"), "webhook, endpoint"),
    ],
)
def test_a_secret_never_enters_a_description(config: SecretiveConfig, field: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"step operator 'gpu' holds a secret in {field}, and a"
    ) as caught:
        spec_of(config)
    assert "hush" not in str(caught.value)


def test_a_class_that_other_processes_can_not_import_is_refused() -> None:
    class LocalConfig(StackComponentConfig):
        pass

    with pytest.raises(ConfigurationError, match="define it at the top level of a module"):
        spec_of(LocalConfig())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"implementation": "moonbeam:Operator"},
            "step operator 'gpu' can't be built here: .*no module 'moonbeam'",
        ),
        ({"config_class": "tests.unit.stack.flavors:Gone"}, "can't be built here: .*no class 'Gone'"),
        ({"implementation": "pathlib:Path"}, "pathlib:Path is no StackComponent"),
        ({"config_class": "pathlib:Path"}, "pathlib:Path is no StackComponentConfig"),
        (
            {"config": {"cpus": "many"}},
            r"does not take its config:\n.*namespace: missing.*\n.*cpus: expected a whole number",
        ),
    ],
)
def test_a_description_that_does_not_fit_here_is_told(change: dict[str, object], message: str) -> None:
    values = spec_of(CustomStepOperatorConfig(namespace="ml")).model_dump() | change
    with pytest.raises(ConfigurationError, match=message):
        component_from_spec(values)


def test_a_component_is_rebuilt_in_another_process() -> None:
    spec = spec_of(CustomStepOperatorConfig(namespace="ml")).model_dump_json()
    code = (
        "import json, sys\n"
        "from airflow_provider_pipes.stack.stack import component_from_spec\n"
        "print(component_from_spec(json.loads(sys.argv[1])))"
    )
    answer = subprocess.run([sys.executable, "-c", code, spec], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "CustomStepOperator(name='gpu', flavor='custom')"
