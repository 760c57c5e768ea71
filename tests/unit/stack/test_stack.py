from __future__ import annotations

import pytest

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStore, LocalArtifactStoreConfig
from airflow_provider_pipes.errors import ConfigurationError, StepOperatorError
from airflow_provider_pipes.models.deployment import PipelineConfig, StepRunInfo, StepSpec
from airflow_provider_pipes.stack import Stack, StackComponent, StackComponentConfig
from airflow_provider_pipes.stack.component import overrides_step_hooks
from airflow_provider_pipes.stack.stack import cleanup_step_run, prepare_step_run
from airflow_provider_pipes.step_operators.base import step_operator_of
from tests.unit.stack.flavors import (
    CustomOrchestrator,
    CustomOrchestratorConfig,
    CustomStepOperator,
    CustomStepOperatorConfig,
)

ORCHESTRATOR = CustomOrchestrator(name="conductor", config=CustomOrchestratorConfig(), flavor="custom")
STORE = LocalArtifactStore(name="data", config=LocalArtifactStoreConfig(), flavor="local")


def operator(name: str) -> CustomStepOperator:
    return CustomStepOperator(name=name, config=CustomStepOperatorConfig(namespace="ml"), flavor="custom")


def stack_with(*names: str) -> Stack:
    return Stack("team", ORCHESTRATOR, STORE, tuple(map(operator, names)))


def info(step_operator: str | None = None) -> StepRunInfo:
    step = StepSpec(name="train", source="m:train", code_hash="0", step_operator=step_operator)
    return StepRunInfo(config=step, pipeline=PipelineConfig(name="p", source="m:p"), run_name="r")


def test_a_step_operator_is_found_by_its_name() -> None:
    assert step_operator_of(stack_with("gpu", "cpu"), "cpu").name == "cpu"


def test_a_stack_without_step_operators_says_so() -> None:
    with pytest.raises(
        StepOperatorError,
        match=r"No step operator specified for active stack 'team'.*step_operators = \[\"gpu\"\]",
    ):
        stack_with().step_operator("gpu")


def test_a_step_operator_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(
        StepOperatorError, match="No step operator named 'tpu' in active stack 'team'; it has: gpu, cpu"
    ):
        stack_with("gpu", "cpu").step_operator("tpu")


def test_a_component_of_a_foreign_class_is_refused_where_it_is_used() -> None:
    class Foreign(StackComponent):
        type = CustomStepOperator.type

    foreign = Foreign("gpu", StackComponentConfig())
    with pytest.raises(StepOperatorError, match="does not derive from BaseStepOperator"):
        step_operator_of(Stack("team", ORCHESTRATOR, STORE, (foreign,)), "gpu")
    with pytest.raises(ConfigurationError, match="does not derive from BaseArtifactStore"):
        artifact_store_of(Stack("team", ORCHESTRATOR, foreign))


def test_a_sound_stack_passes() -> None:
    stack_with("gpu", "cpu").validate()


def test_all_problems_of_a_stack_are_listed() -> None:
    stack = Stack("team", STORE, ORCHESTRATOR, (operator("gpu"), operator("gpu"), operator("crowded")))
    with pytest.raises(ConfigurationError) as caught:
        stack.validate()
    assert str(caught.value).splitlines() == [
        "stack 'team' can't be used:",
        "  - 'data' is used as orchestrator and is an artifact store",
        "  - 'conductor' is used as artifact store and is an orchestrator",
        "  - step operator 'gpu' is in it more than once",
        "  - step operator 'crowded': there are too many nodes",
    ]


def test_hooks_reach_only_the_step_operator_that_the_step_uses() -> None:
    stack = stack_with("gpu", "cpu")
    stack.prepare_step_run(info("gpu"))
    stack.cleanup_step_run(info("gpu"), step_failed=True)
    stack.prepare_step_run(info())
    assert CustomStepOperator.calls == ["prepare gpu", "cleanup failed=True gpu"]


def test_every_component_cleans_up_even_if_one_breaks() -> None:
    components = [operator("a"), operator("b"), operator("c")]
    CustomStepOperator.failing.update({"cleanup c", "cleanup a"})
    prepare_step_run(components, info())
    with pytest.raises(OSError, match="cleanup of c broke") as caught:
        cleanup_step_run(components, info(), step_failed=False)
    assert CustomStepOperator.calls[3:] == [f"cleanup failed=False {name}" for name in "cba"]
    assert any("also: OSError: cleanup of a broke" in note for note in caught.value.__notes__)


def test_preparation_that_breaks_half_way_is_undone_in_reverse() -> None:
    CustomStepOperator.failing.add("prepare c")
    with pytest.raises(OSError, match="prepare of c broke"):
        prepare_step_run([operator("a"), operator("b"), operator("c")], info())
    assert CustomStepOperator.calls == [
        *(f"prepare {name}" for name in "abc"),
        *(f"cleanup failed=True {name}" for name in "ba"),
    ]


def test_only_a_class_that_overrides_a_hook_is_called_in_step_processes() -> None:
    assert overrides_step_hooks(CustomStepOperator)
    assert not overrides_step_hooks(CustomOrchestrator)
    assert not overrides_step_hooks(LocalArtifactStore)
