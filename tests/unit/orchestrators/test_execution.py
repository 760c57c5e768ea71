from __future__ import annotations

import sys
from subprocess import CalledProcessError
from typing import Any

import pytest

from airflow_provider_pipes.entrypoints import StepOperatorEntrypointConfiguration
from airflow_provider_pipes.entrypoints.delegation import ENDED_EARLY, Delegation
from airflow_provider_pipes.errors import (
    ContainerError,
    FailWithoutRetry,
    RunFailedError,
    SkipStep,
    StepOperatorError,
)
from airflow_provider_pipes.models.deployment import StepRunInfo
from airflow_provider_pipes.orchestrators.execution import run_by_step_operator
from airflow_provider_pipes.runtime.history import History
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step
from airflow_provider_pipes.step_operators.base import BaseStepOperator, BaseStepOperatorConfig
from tests.project import UserProject

CONFIG = """
    active_stack = "team"
    [stacks.team]
    orchestrator = "local"
    artifact_store = "local"
    step_operators = ["child"]
    [step_operators.child]
    flavor = "subprocess"
"""
TEXT = """
    @step
    def here() -> int:
        return os.getpid()

    @step(step_operator="child", resources=ResourceSettings(memory="1GB"){options})
    def there(n: int) -> list:
        {work}

    @step
    def after(found: Any) -> Any:
        return found

    @pipeline
    def p():
        after(there(here()))
"""


class Fake(BaseStepOperator):
    """Runs the step in this process, and ends as it is told."""

    def __init__(self, launch: StepLaunch, runs: bool, error: BaseException | None = None) -> None:
        super().__init__("fake", BaseStepOperatorConfig())
        self.step_launch = launch
        self.runs = runs
        self.error = error
        self.seen: tuple[StepRunInfo, list[str]] | None = None

    def launch(self, info: StepRunInfo, entrypoint_command: list[str]) -> None:
        self.seen = (info, entrypoint_command)
        if self.runs:
            storage = self.step_launch.storage
            run_step(
                storage,
                read_execution_info(storage, self.step_launch.execution_info_path),
                self.step_launch.plan.deployment,
            )
        if self.error:
            raise self.error


@pytest.fixture
def launch(project: UserProject) -> StepLaunch:
    project.write("pipes.toml", CONFIG)
    text = TEXT.format(work="return [n]", options="").replace("there(here())", "there(5)")
    compiled = project.pipeline(text).compile()
    plan = DeploymentPlan.from_document(compiled.deployment.document, compiled.deployment.id)
    made = StepLaunch(storage=project.storage, plan=plan.step("there"), run_name="r", token="t")
    made.prepare({}, {})
    return made


def job_error(code: int | None) -> StepOperatorError:
    error = StepOperatorError("the job ended")
    error.job_exit_code = code
    return error


def test_a_step_operator_is_told_of_the_step_and_gets_a_command_without_user_text(launch: StepLaunch) -> None:
    operator = Fake(launch, runs=True)
    manifest = run_by_step_operator(launch, operator, "conn")
    assert operator.seen is not None
    info, command = operator.seen
    assert (info.config.name, info.pipeline.name, info.run_name) == ("there", "p", "r")
    assert info.config.resource_settings.memory == "1GB"
    assert info.pipeline.docker_settings.parent_image is None
    assert command[:3] == ["python", "-m", "airflow_provider_pipes.entrypoints.entrypoint"]
    assert command[command.index("--execution_info_path") + 1].endswith(
        "/runs/p/r/there/t/execution-info-1.json"
    )
    assert command[command.index("--store_connection_id") + 1] == "conn"
    assert launch.finished() == manifest


@pytest.mark.parametrize("error", [job_error(1), job_error(99), RuntimeError("lost the connection")])
def test_a_result_counts_whatever_the_backend_says_afterwards(launch: StepLaunch, error: Exception) -> None:
    assert run_by_step_operator(launch, Fake(launch, runs=True, error=error)) == launch.finished()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (job_error(1), StepOperatorError),
        (job_error(None), StepOperatorError),
        (job_error(98), FailWithoutRetry),
        (job_error(99), SkipStep),
        (CalledProcessError(98, "the job ended"), FailWithoutRetry),
        (CalledProcessError(99, "the job ended"), SkipStep),
        (RuntimeError("the job ended"), StepOperatorError),
    ],
)
def test_a_job_without_a_result_ends_as_its_exit_code_says(
    launch: StepLaunch, error: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected, match="the job ended"):
        run_by_step_operator(launch, Fake(launch, runs=False, error=error))


def test_a_job_that_left_nothing_without_an_error_is_told(launch: StepLaunch) -> None:
    with pytest.raises(
        StepOperatorError, match=r"'fake' ended without an error, and the step left no result at .*/t;"
    ):
        run_by_step_operator(launch, Fake(launch, runs=False))


def test_a_container_of_ours_that_left_nothing_is_not_asked_whether_it_waits(launch: StepLaunch) -> None:
    with pytest.raises(
        StepOperatorError, match=r"the step left no result at .*end its process early"
    ) as caught:
        Delegation.begin(launch, "a Docker container", ENDED_EARLY).result()
    assert "wait" not in str(caught.value)


def test_the_failure_of_a_container_is_kept_as_one_sentence(launch: StepLaunch) -> None:
    try:
        raise ContainerError("its Docker container exited with 3")
    except ContainerError as error:
        with pytest.raises(ContainerError):
            Delegation.begin(launch, "a Docker container", ENDED_EARLY).result(error)
    failure = launch.tried.last_failure()
    assert failure is not None
    assert (failure.message, failure.traceback) == ("its Docker container exited with 3", "")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            RuntimeError("no queue"),
            "StepOperatorError",
            "step operator 'fake' raised RuntimeError in launch: no",
        ),
        (
            None,
            "StepOperatorError",
            "step 'there': step operator 'fake' ended without an error, and the step",
        ),
        (SystemExit(3), "StepOperatorError", "step operator 'fake' called sys.exit(3) in launch; return"),
        (job_error(137), "StepOperatorError", "the job ended"),
        (job_error(99), "SkipStep", "the job ended"),
        (KeyboardInterrupt(), "KeyboardInterrupt", ""),
    ],
)
def test_the_launcher_writes_down_what_the_job_did_not(
    launch: StepLaunch, error: BaseException | None, kind: str, message: str
) -> None:
    with pytest.raises((Exception, KeyboardInterrupt)):
        run_by_step_operator(launch, Fake(launch, runs=False, error=error))
    failure = launch.tried.last_failure()
    assert failure is not None
    assert (failure.type, failure.attempt) == (kind, 1)
    assert failure.message.startswith(message)
    reasons = {"SkipStep": "skipped", "KeyboardInterrupt": "interrupted"}
    assert failure.reason == reasons.get(kind, "exception")
    if isinstance(error, RuntimeError):
        assert "in launch" in failure.traceback
        assert "airflow_provider_pipes" not in failure.traceback


def test_a_failure_that_the_job_left_is_the_only_one(project: UserProject) -> None:
    with pytest.raises(RunFailedError):
        run(project, "raise ValueError('no')", ", retries=1")
    history = History(project.storage)
    (found,) = history.runs()
    there = history.run(found.record.run_name).steps[1]
    assert [(each.type, each.attempt) for each in there.failures] == [("ValueError", 1), ("ValueError", 2)]


class OtherNames(Fake):
    def launch(self, info: StepRunInfo, command: list[str]) -> None:
        raise AssertionError("never called")


def test_a_launch_with_other_arguments_is_told_what_is_expected(launch: StepLaunch) -> None:
    said = (
        r"step operator 'fake': `launch` is called with .*define it as launch\(self, info, entrypoint_command"
    )
    with pytest.raises(StepOperatorError, match=said):
        run_by_step_operator(launch, OtherNames(launch, runs=False))


class Raising(StepOperatorEntrypointConfiguration):
    @classmethod
    def get_entrypoint_arguments(cls, **kwargs: Any) -> list[str]:
        raise KeyError("namespace")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.Class", "step operator 'fake': entrypoint_config_class 'nowhere.Class' can't be imported"),
        ("Class", "step operator 'fake': entrypoint_config_class 'Class' can't be imported"),
        ("pathlib.Path", "entrypoint_config_class 'pathlib.Path' is no entrypoint configuration"),
        (Fake, "is no entrypoint configuration; name a class that derives from"),
        (None, "entrypoint_config_class None is no entrypoint configuration"),
        (Raising, "step operator 'fake': Raising raised KeyError in get_entrypoint_arguments: 'namespace'"),
    ],
)
def test_what_is_no_entrypoint_configuration_is_told(launch: StepLaunch, given: Any, said: str) -> None:
    operator = Fake(launch, runs=False)
    operator.entrypoint_config_class = given  # type: ignore[misc]
    with pytest.raises(StepOperatorError, match=said):
        run_by_step_operator(launch, operator)


def test_an_entrypoint_configuration_may_be_given_as_the_class(launch: StepLaunch) -> None:
    operator = Fake(launch, runs=True)
    operator.entrypoint_config_class = StepOperatorEntrypointConfiguration  # type: ignore[misc]
    run_by_step_operator(launch, operator)
    assert operator.seen is not None
    assert BaseStepOperator.entrypoint_config_class in operator.seen[1]


def run(project: UserProject, work: str, options: str = "") -> Any:
    project.write("pipes.toml", CONFIG)
    return project.pipeline(TEXT.format(work=work, options=options)).run()


def test_a_step_operator_runs_its_step_in_another_process(project: UserProject) -> None:
    found = run(project, "import sys; return [n, os.getpid(), sys.executable]")
    here, there = found.value("here"), found.value("after")
    assert there[0] == here
    assert there[1] != here
    assert there[2] == sys.executable
    assert found.listener.ran() == ["here", "there", "after"]


def test_a_step_skipped_in_another_process_skips_what_comes_after(project: UserProject) -> None:
    found = run(project, "raise SkipStep('no news')")
    assert list(found.results) == ["here"]
    assert [step for event, step in found.listener.events if event == "skipped"] == ["there", "after"]


def test_a_step_that_fails_in_another_process_is_tried_again(project: UserProject) -> None:
    with pytest.raises(RunFailedError, match=r"step 'there' failed: .*exited with 1.*ValueError: no"):
        run(project, "raise ValueError('no')", ", retries=1")
    assert project.listener.ran() == ["here", "there", "there"]


def test_a_step_may_refuse_retries_from_another_process(project: UserProject) -> None:
    with pytest.raises(RunFailedError, match="failed: FailWithoutRetry: no"):
        run(project, "raise FailWithoutRetry('no')", ", retries=3")
    assert project.listener.ran() == ["here", "there"]


def test_a_step_in_another_process_is_ended_when_its_time_is_over(project: UserProject) -> None:
    work = "import time; time.sleep(30)"
    with pytest.raises(RunFailedError, match=r"took longer than its execution_timeout of 0:00:00.500000"):
        run(project, work, ", execution_timeout=timedelta(seconds=0.5)")
