"""Orchestrators of somebody else's that do what they should not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_pipes.errors import ParameterError, RunError, RunFailedError
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorConfig
from airflow_provider_pipes.runtime.history import History, RunHistory
from airflow_provider_pipes.stack.stack import Stack
from tests.project import UserProject

TEXT = """
    @step(cache=False)
    def first() -> int:
        {work}

    @step(cache=False)
    def second(n: int) -> int:
        return n + 1

    @step(cache=False)
    def aside() -> int:
        return 7

    @pipeline
    def p({parameters}):
        second(first())
        aside()
"""


class Own(BaseOrchestrator):
    """Does what it is told to."""

    def __init__(
        self,
        work: Callable[[Own, PipelineDeployment], Any],
        after: Callable[[], Any] = lambda: None,
    ) -> None:
        super().__init__("o", BaseOrchestratorConfig())
        self.work = work
        self.after = after

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        return self.work(self, deployment)

    def post_run(self) -> None:
        self.after()


def raising(error: BaseException) -> Callable[..., Any]:
    def work(*arguments: Any) -> Any:
        raise error

    return work


def swallow(own: Own, deployment: PipelineDeployment) -> None:
    for step in deployment.steps.values():
        with suppress(RunFailedError):
            own.run_step(step)


def only_the_first(own: Own, deployment: PipelineDeployment) -> None:
    own.run_step(next(iter(deployment.steps.values())))


def nothing(own: Own, deployment: PipelineDeployment) -> None:
    pass


def each(own: Own, deployment: PipelineDeployment) -> str:
    for step in deployment.steps.values():
        own.run_step(step)
    return "done"


def write(project: UserProject, work: str = "return 1", parameters: str = "") -> UserProject:
    return project.pipeline(TEXT.format(work=work, parameters=parameters))


def shown(project: UserProject, run_name: str = "one") -> RunHistory:
    return History(project.storage).run(run_name)


def states(project: UserProject) -> dict[str, str]:
    return {step.name: step.state for step in shown(project).steps}


def test_a_run_whose_orchestrator_swallows_failures_fails(project: UserProject) -> None:
    write(project, "raise ValueError('no')")
    with pytest.raises(RunFailedError) as caught:
        project.run(orchestrator=Own(swallow), run_name="one")
    assert str(caught.value).splitlines() == [
        "step 'first' failed: ValueError: no",
        "step 'second' failed: it needs step 'first', which failed",
        "fix it and continue with --resume one",
    ]
    assert isinstance(caught.value.__cause__, ValueError)
    assert shown(project).state == "failed"
    assert states(project) == {"first": "failed", "second": "failed", "aside": "success"}


@pytest.mark.parametrize(
    ("work", "left"),
    [
        (only_the_first, "steps 'second', 'aside' were not run by orchestrator 'o'"),
        (nothing, "steps 'first', 'second', 'aside' were not run by orchestrator 'o'"),
    ],
)
def test_a_run_whose_orchestrator_leaves_steps_out_fails(
    project: UserProject, work: Callable[..., Any], left: str
) -> None:
    with pytest.raises(RunFailedError) as caught:
        write(project).run(orchestrator=Own(work), run_name="one")
    assert str(caught.value).splitlines() == [left, "fix it and continue with --resume one"]
    assert shown(project).state == "failed"
    assert set(states(project).values()) <= {"success", "not_run"}
    assert project.run(orchestrator=Own(each), run_name="one", resume=True).results == "done"
    assert shown(project).state == "success"
    # What has its result from before needs nobody who asks for it.
    project.run(orchestrator=Own(nothing), run_name="one", resume=True)


def test_steps_after_a_skipped_one_are_skipped_though_nobody_called_for_them(project: UserProject) -> None:
    def work(own: Own, deployment: PipelineDeployment) -> None:
        own.run_step(deployment.steps["first"])
        own.run_step(deployment.steps["aside"])

    run = write(project, "raise SkipStep('no news')").run(orchestrator=Own(work), run_name="one")
    assert ("skipped", "second") in run.listener.events
    assert states(project) == {"first": "skipped", "second": "skipped", "aside": "success"}
    assert shown(project).state == "success"


def test_a_step_called_for_before_its_inputs_exist_is_recorded(project: UserProject) -> None:
    def work(own: Own, deployment: PipelineDeployment) -> None:
        own.run_step(deployment.steps["second"])

    said = "it needs step 'first', which has not run; call run_step for it first"
    with pytest.raises(RunFailedError, match=f"step 'second' failed: {said}"):
        write(project).run(orchestrator=Own(work), run_name="one")
    (failure,) = next(step for step in shown(project).steps if step.name == "second").failures
    assert (failure.type, failure.message) == ("RunError", said)


@pytest.mark.parametrize("given", ["first", None])
def test_what_is_no_step_is_told(project: UserProject, given: Any) -> None:
    with pytest.raises(RunError, match=r"orchestrator 'o' called run_step with .*; expected one of deploy"):
        write(project).run(orchestrator=Own(lambda own, deployment: own.run_step(given)))


def test_no_step_runs_in_a_request_to_deploy(project: UserProject) -> None:
    with pytest.raises(RunError, match="orchestrator 'o' called run_step in a request to deploy"):
        write(project).run(orchestrator=Own(each), run_name="")
    assert project.storage.list("runs") == []


def test_parameters_without_a_default_are_told_where_a_pipeline_is_handed_over(project: UserProject) -> None:
    def hand_over(own: Own, deployment: PipelineDeployment) -> list[Any]:
        return [own.entrypoint_values(step) for step in deployment.steps.values()]

    compiled = write(project, parameters="size: int, text: str, rate: float = 1.0").compile()
    submission = replace(project.submission(compiled, {"size": 1, "text": ""}), run_name="")
    said = "can't be handed over by orchestrator 'o': size, text must be given with each run"
    with pytest.raises(ParameterError, match=said):
        Own(hand_over).submit(compiled.deployment, compiled.stack, submission)
    run = project.run(
        parameters={"size": 1, "text": ""}, orchestrator=Own(hand_over), run_name="one", use_cache=False
    )
    assert [values["no_cache"] for values in run.results] == ["true"] * 3


def test_an_error_of_post_run_is_told_as_the_orchestrators(project: UserProject) -> None:
    with pytest.raises(RunFailedError, match="orchestrator 'o' raised OSError in post_run: broken"):
        write(project).run(orchestrator=Own(each, raising(OSError("broken"))), run_name="one")
    assert shown(project).state == "failed"


def test_the_first_error_counts_where_post_run_raises_too(
    project: UserProject, caplog: pytest.LogCaptureFixture
) -> None:
    own = Own(raising(KeyError("no such cluster")), raising(OSError("broken")))
    with pytest.raises(RunFailedError, match="orchestrator 'o' raised KeyError: 'no such cluster'"):
        write(project).run(orchestrator=own)
    assert "orchestrator 'o' raised OSError in post_run: broken" in caplog.text


def test_an_orchestrator_that_calls_exit_is_told(project: UserProject) -> None:
    with pytest.raises(RunFailedError, match=r"orchestrator 'o' called sys.exit\(3\); return from the"):
        write(project).run(orchestrator=Own(raising(SystemExit(3))))
