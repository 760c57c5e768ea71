from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStore, LocalArtifactStoreConfig
from airflow_provider_pipes.errors import ConfigurationError, StepFailedError, StepOperatorError
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


class Answering(CustomStepOperator):
    """Says of itself what it is told to."""

    answer: Any = None

    def validate(self, stack: Stack) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def answering(answer: Any) -> Stack:
    found = Answering("gpu", CustomStepOperatorConfig(namespace="n"), "custom")
    found.answer = answer
    return Stack("team", ORCHESTRATOR, STORE, (found,))


@pytest.mark.parametrize("answer", [None, [], ()])
def test_a_component_that_returns_nothing_from_validate_has_no_problem(answer: Any) -> None:
    answering(answer).validate()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("there are too few nodes", "there are too few nodes"),
        (KeyError("nodes"), "its class raised KeyError in validate: 'nodes'"),
        (SystemExit(3), r"its class called sys.exit\(3\) in validate"),
        (True, "its class raised TypeError in validate: 'bool' object is not iterable"),
    ],
)
def test_whatever_validate_does_is_one_problem_of_the_component(answer: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=f"  - step operator 'gpu': {problem}") as caught:
        answering(answer).validate()
    assert len(str(caught.value).splitlines()) == 2


def test_hooks_reach_only_the_step_operator_that_the_step_uses() -> None:
    stack = stack_with("gpu", "cpu")
    stack.prepare_step_run(info("gpu"))
    stack.cleanup_step_run(info("gpu"), step_failed=True)
    stack.prepare_step_run(info())
    assert CustomStepOperator.calls == ["prepare gpu", "cleanup failed=True gpu"]


def test_every_component_cleans_up_even_if_one_breaks(caplog: pytest.LogCaptureFixture) -> None:
    components = [operator("a"), operator("b"), operator("c")]
    CustomStepOperator.failing.update({"cleanup c", "cleanup a"})
    prepare_step_run(components, info())
    said = "step operator 'c' raised OSError in cleanup_step_run: cleanup of c broke"
    with pytest.raises(StepFailedError, match=said):
        cleanup_step_run(components, info(), step_failed=False)
    assert CustomStepOperator.calls[3:] == [f"cleanup failed=False {name}" for name in "cba"]
    assert "step operator 'a' raised OSError in cleanup_step_run: cleanup of a broke" in caplog.text


def test_preparation_that_breaks_half_way_is_undone_in_reverse() -> None:
    CustomStepOperator.failing.update({"prepare c", "cleanup b"})
    said = "step operator 'c' raised OSError in prepare_step_run: prepare of c broke"
    with pytest.raises(StepFailedError, match=said):
        prepare_step_run([operator("a"), operator("b"), operator("c")], info())
    assert CustomStepOperator.calls == [
        *(f"prepare {name}" for name in "abc"),
        *(f"cleanup failed=True {name}" for name in "ba"),
    ]


def test_only_a_class_that_overrides_a_hook_is_called_in_step_processes() -> None:
    assert overrides_step_hooks(CustomStepOperator)
    assert not overrides_step_hooks(CustomOrchestrator)
    assert not overrides_step_hooks(LocalArtifactStore)
