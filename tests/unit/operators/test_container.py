"""What every operator is told of its step, and how a container's end becomes the step's result."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators.container import ContainerStepMixin
from airflow_provider_pipes.operators.custom import step_operator_class
from airflow_provider_pipes.operators.docker import StepDockerOperator
from airflow_provider_pipes.operators.kubernetes import StepKubernetesPodOperator
from airflow_provider_pipes.operators.mixin import StepTaskMixin
from airflow_provider_pipes.operators.python import StepPythonOperator

pytestmark = pytest.mark.airflow

OTHER: Any = step_operator_class(DockerOperator)
CLASSES: list[Any] = [StepPythonOperator, StepDockerOperator, StepKubernetesPodOperator, OTHER]


@pytest.mark.parametrize("operator", CLASSES)
def test_every_operator_notes_its_step_in_the_one_place(
    operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[Any, ...]] = []
    note = StepTaskMixin.run_for

    def run_for(self: Any, *step: Any) -> None:
        noted.append(step)
        note(self, *step)

    monkeypatch.setattr(StepTaskMixin, "run_for", run_for)
    image = {} if operator is StepPythonOperator else {"image": "i:1"}
    made = operator(
        task_id="t", deployment_id="d", pipeline="p", store="/s", store_connection_id="c", **image
    )
    assert noted == [("d", "p", "/s", "c", "t")]
    said = (made.deployment_id, made.pipeline, made.store, made.store_connection_id, made.step_name)
    assert said == noted[0]


class Step(ContainerStepMixin):
    def run_container(self, job: Any, context: Any) -> None:
        raise NotImplementedError


class Delegation:
    """Notes how a wait ended, and has a result."""

    def __init__(self) -> None:
        self.told: list[BaseException | None] = []

    def interrupted(self, interruption: BaseException) -> None:
        self.told.append(interruption)

    def result(self, noticed: Exception | None) -> str:
        self.told.append(noticed)
        return "the manifest"


def _raising(error: BaseException) -> Callable[[], None]:
    def wait() -> None:
        raise error

    return wait


def _taken(delegation: Delegation, wait: Callable[[], None]) -> object:
    launch = SimpleNamespace(manifest=None)
    Step().take_result(cast("Any", launch), cast("Any", SimpleNamespace(delegation=delegation)), wait)
    return launch.manifest


def test_a_result_goes_before_what_the_wait_for_it_raised() -> None:
    delegation, error = Delegation(), ContainerError("gone")
    assert _taken(delegation, lambda: None) == "the manifest"
    assert _taken(delegation, _raising(error)) == "the manifest"
    assert delegation.told == [None, error]


def test_an_interruption_is_written_down_and_ends_the_task() -> None:
    delegation, interruption = Delegation(), KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        _taken(delegation, _raising(interruption))
    assert delegation.told == [interruption]


def test_a_deferral_is_no_end() -> None:
    delegation = Delegation()
    deferral = TaskDeferred(trigger=cast("Any", None), method_name="resume_step")
    with pytest.raises(TaskDeferred):
        _taken(delegation, _raising(deferral))
    assert delegation.told == []
