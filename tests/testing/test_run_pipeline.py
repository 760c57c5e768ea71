"""``run_pipeline``: values, states and the user's own exceptions, wherever the pipeline is from."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import pytest

from airflow_provider_pipes import SkipStep, get_step_context, pipeline, step
from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.errors import (
    CompileError,
    DuplicateRunNameError,
    ParameterError,
    RunFailedError,
    StepOperatorError,
)
from airflow_provider_pipes.orchestrators.local import LocalOrchestrator
from airflow_provider_pipes.orchestrators.local_flavor import LocalOrchestratorConfig
from airflow_provider_pipes.stack.stack import Stack
from airflow_provider_pipes.step_operators.subprocess import SubprocessStepOperator
from airflow_provider_pipes.step_operators.subprocess_flavor import SubprocessStepOperatorConfig
from airflow_provider_pipes.testing import TemporaryProject, run_pipeline
from airflow_provider_pipes.testing.pipeline_runs import local_store

FACTOR = 2


class TooLargeError(Exception):
    """The user's own."""


@step
def scaled(n: int) -> tuple[Annotated[int, "value"], Annotated[str, "text"]]:
    get_step_context().log_metadata({"n": n})
    return n * FACTOR, str(n)


@step(step_operator="child", retries=1)
def checked(n: int) -> int:
    if n > 10:
        raise TooLargeError(f"{n} is above 10")
    if n < 0:
        raise SkipStep("below 0")
    return n


@step
def last(n: int) -> int:
    return n + 1


@pipeline
def chain(n: int = 1) -> None:
    value, _ = scaled(n)
    last(checked(value))


@pipeline
def wrong(n: int = 1) -> None:
    last(scaled(n))  # type: ignore[arg-type]


def with_child(store: Path) -> Stack:
    child = SubprocessStepOperator("child", SubprocessStepOperatorConfig(), "subprocess")
    local = LocalOrchestrator("local", LocalOrchestratorConfig(), "local")
    return Stack("children", local, local_store(store), (child,))


def test_the_outputs_are_python_values() -> None:
    run = run_pipeline(chain, parameters={"n": 3}).check()
    assert run.states == {"scaled": "success", "checked": "success", "last": "success"}
    assert run["scaled"].outputs == {"value": 6, "text": "3"}
    assert run.value("scaled", "text") == "3"
    assert run.value("last") == run["last"].value == 7
    assert run["scaled"].metadata == {"n": 3}
    assert run.parameters == {"n": 3}


def test_a_failing_step_is_told_with_the_users_own_exception() -> None:
    run = run_pipeline(chain, parameters={"n": 6})
    assert run.state == "failed"
    assert run.states == {"scaled": "success", "checked": "failed", "last": "not_run"}
    assert isinstance(run.error, RunFailedError)
    assert isinstance(run["checked"].error, TooLargeError)
    assert [each.type for each in run["checked"].failures] == ["TooLargeError", "TooLargeError"]
    assert run["checked"].attempts == 2
    with pytest.raises(AssertionError, match="12 is above 10") as caught:
        run.check()
    assert isinstance(caught.value.__cause__, TooLargeError)
    with pytest.raises(AssertionError, match=r"step 'last' was not run, since the run failed(.|\n)*above 10"):
        run.value("last")


def test_a_skipped_step_has_no_value_and_says_why() -> None:
    run = run_pipeline(chain, parameters={"n": -1}).check()
    assert run.states == {"scaled": "success", "checked": "skipped", "last": "skipped"}
    with pytest.raises(AssertionError, match="step 'checked' has no outputs: it was skipped: below 0"):
        run.value("checked")


@pytest.mark.parametrize(
    ("step", "output", "said"),
    [
        ("scled", None, "has no step 'scled'; it has: \\['scaled', 'checked', 'last'\\]"),
        ("scaled", None, "step 'scaled' has 2 outputs: \\['value', 'text'\\]; use outputs"),
        ("scaled", "txt", "step 'scaled' has no output 'txt'; it has: \\['value', 'text'\\]"),
    ],
)
def test_a_slip_in_a_name_is_told(step: str, output: str | None, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        run_pipeline(chain).value(step, output)


def test_what_a_test_patches_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 5)
    assert run_pipeline(chain, parameters={"n": 2}).value("scaled", "value") == 10


def test_a_store_that_stays_gives_cache_hits_only_where_asked_for(tmp_path: Path) -> None:
    runs = [run_pipeline(chain, store=tmp_path, cache=cache) for cache in (False, True, False)]
    assert [run.cached for run in runs] == [[], ["scaled", "checked", "last"], []]
    assert {run.value("last") for run in runs} == {3}


def test_a_temporary_store_goes_away_with_the_result() -> None:
    run = run_pipeline(chain)
    assert isinstance(run.storage, LocalStorage)
    folder = run.storage.root
    assert folder.is_dir()
    del run
    gc.collect()
    assert not folder.exists()


def test_a_run_name_is_used_once_in_a_store(tmp_path: Path) -> None:
    assert run_pipeline(chain, store=tmp_path, run_name="mine").name == "mine"
    with pytest.raises(DuplicateRunNameError):
        run_pipeline(chain, store=tmp_path, run_name="mine")


def test_a_stack_runs_steps_where_it_says(tmp_path: Path) -> None:
    stack = with_child(tmp_path / "store")
    assert run_pipeline(chain, stack=stack).check().value("last") == 3
    run = run_pipeline(chain, stack=stack, parameters={"n": 6})
    assert isinstance(run["checked"].error, StepOperatorError)
    assert run["checked"].failures[-1].type == "TooLargeError"
    with pytest.raises(AssertionError, match="TooLargeError: 12 is above 10"):
        run.check()


def test_what_is_wrong_before_the_run_is_raised() -> None:
    with pytest.raises(CompileError, match="cannot compile pipeline 'wrong'"):
        run_pipeline(wrong)
    with pytest.raises(ParameterError, match="parameter 'n'"):
        run_pipeline(chain, parameters={"n": "many"})


def test_a_pipeline_is_named_as_on_the_command_line_and_the_import_path_is_kept(tmp_path: Path) -> None:
    project = TemporaryProject(tmp_path / "project")
    project.write(
        "flows/steps.py",
        "from airflow_provider_pipes import step\n\n@step\ndef one() -> int:\n    return 1\n",
    )
    project.write(
        "flows/pipes_of_mine.py",
        """
        from steps import one
        from airflow_provider_pipes import pipeline

        @pipeline
        def p():
            one()
        """,
    )
    before = list(sys.path)
    try:
        assert run_pipeline(project.root / "flows" / "pipes_of_mine.py").value("one") == 1
        assert run_pipeline(f"{project.root}/flows/pipes_of_mine.py:p").value("one") == 1
    finally:
        project.forget_modules()
    assert sys.path == before
    assert not (project.root / ".pipes").exists(), "nothing is left in the user's project"


def test_a_stack_of_the_project_is_named(tmp_path: Path) -> None:
    project = TemporaryProject(tmp_path, '[artifact_stores.local]\npath = "kept"\n')
    text = """
        from airflow_provider_pipes import pipeline, step

        @step
        def one() -> int:
            return 1

        @pipeline
        def p():
            one()
    """
    file = project.write("pipeline_on_a_stack.py", text)
    try:
        assert run_pipeline(file, stack="default").check().value("one") == 1
    finally:
        project.forget_modules()
    assert (tmp_path / "kept" / "runs" / "p").is_dir()
