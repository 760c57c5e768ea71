"""The contract of step operators."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_provider_pipes.artifacts.component import BaseArtifactStore
from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStore, LocalArtifactStoreConfig
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.entrypoints.delegation import job_exit_code
from airflow_provider_pipes.entrypoints.entrypoint import (
    EXIT_FAIL_WITHOUT_RETRY,
    EXIT_SKIP,
    EXIT_STORE_UNREACHABLE,
)
from airflow_provider_pipes.errors import FailWithoutRetry, StepOperatorError
from airflow_provider_pipes.models.deployment import PipelineConfig, StepRunInfo, StepSpec
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.stack import Stack
from airflow_provider_pipes.step_operators.base import BaseStepOperator
from airflow_provider_pipes.testing.components import ComponentContract
from airflow_provider_pipes.testing.contract_pipelines import RETRIES, STEP_OPERATOR_PIPELINES
from airflow_provider_pipes.testing.expectations import expect, expect_equal, expect_error, expect_no_error
from airflow_provider_pipes.testing.job_parts import (
    COUNTING,
    HOOKS,
    STARTED,
    HookRecorder,
    HookRecorderConfig,
)
from airflow_provider_pipes.testing.pipeline_results import PipelineRun
from airflow_provider_pipes.testing.projects import TemporaryProject, temporary_project

# What a shell, Jinja or Kubernetes would turn into something else.
_ODD_TEXT = "$(HOME) ${HOME} `id` {{ 7*7 }} ; 'x' \"y\" é ☃\n*"
# What `launch` may raise where a job fails, or can't be started: its own error, or what `subprocess` raises.
_JOB_ERRORS = (StepOperatorError, subprocess.CalledProcessError)
_START_ERRORS = (*_JOB_ERRORS, OSError)
# Neither a program nor a script, for an operator that puts another Python in the program's place.
_NO_COMMAND = ["/nowhere/a-program-that-does-not-exist", "/nowhere/a-script-that-does-not-exist"]
_SECRET = "contract-secret-in-the-environment"


@dataclass
class Launches:
    """What a step operator was asked to launch.

    Attributes:
        commands: The entrypoint command of each launch.
        infos: The step and the run of each launch.
        errors: What launches raised.
    """

    commands: list[list[str]] = field(default_factory=list)
    infos: list[StepRunInfo] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


class StepOperatorContract(ComponentContract):
    """Proves that a step operator runs a step as it is told, once, waits for it, and tells how it ended.

    Derive from it and name the flavor and its config. The tests run small pipelines whose steps are
    launched by the operator for real; the job needs this package and the artifact store.

    Attributes:
        passes_exit_codes: Whether what ``launch`` raises tells the job's exit code: the
            ``job_exit_code`` of a StepOperatorError, or a CalledProcessError. Say False where the
            backend does not tell it. A job that can't write to the store tells how it ended by that alone.
    """

    kind = StackComponentType.STEP_OPERATOR
    passes_exit_codes: ClassVar[bool] = True

    @pytest.fixture
    def artifact_store(self, tmp_path: Path) -> BaseArtifactStore:
        """A store that the jobs reach; override it for jobs that do not see this machine's files."""
        config = LocalArtifactStoreConfig(path=str(tmp_path / "store"))
        return LocalArtifactStore("contract", config, "local")

    @pytest.fixture
    def operator(self, component: StackComponent) -> BaseStepOperator:
        """The step operator under test."""
        if not isinstance(component, BaseStepOperator):
            pytest.fail("the contract: the implementation derives from BaseStepOperator")
        return component

    @pytest.fixture
    def launches(self, operator: BaseStepOperator, monkeypatch: pytest.MonkeyPatch) -> Launches:
        """Records what the operator is asked to launch."""
        seen, launch = Launches(), operator.launch

        def recorded(info: StepRunInfo, entrypoint_command: list[str]) -> None:
            seen.infos.append(info)
            seen.commands.append(list(entrypoint_command))
            try:
                launch(info=info, entrypoint_command=entrypoint_command)
            except BaseException as error:
                seen.errors.append(error)
                raise

        monkeypatch.setattr(operator, "launch", recorded)
        return seen

    @pytest.fixture
    def storage(self, artifact_store: BaseArtifactStore, tmp_path: Path) -> Storage:
        """The artifact store, opened."""
        return artifact_store.storage(tmp_path)

    @pytest.fixture
    def project(self, tmp_path: Path) -> Iterator[TemporaryProject]:
        """A project with the pipelines of the contract."""
        with temporary_project(tmp_path / "project") as made:
            made.write("contract_steps.py", STEP_OPERATOR_PIPELINES)
            yield made

    @pytest.fixture
    def stack(self, operator: BaseStepOperator, artifact_store: BaseArtifactStore, tmp_path: Path) -> Stack:
        """A stack with the step operator, whose hooks leave traces."""
        config = HookRecorderConfig(
            store=artifact_store.uri(tmp_path), connection_id=artifact_store.connection_id
        )
        stack = Stack("contract", HookRecorder("contract", config), artifact_store, (operator,))
        with expect_no_error("the step operator says nothing against a stack that has all it needs"):
            stack.validate()
        return stack

    def test_a_step_runs_and_its_values_come_and_go(
        self, project: TemporaryProject, stack: Stack, launches: Launches
    ) -> None:
        """``launch`` runs the command, and returns when it is done and the result is in the store."""
        run = _run(project, stack, "reporting", {"text": _ODD_TEXT})
        expect(
            run.state == "success",
            "launch returns without an error once the job succeeded, and not before",
            _told(run),
        )
        value = run.value("report")
        expect_equal(value["data"], {"numbers": [1, 2.5, None], "text": "é"}, "inputs reach the step")
        expect_equal(value["text"], _ODD_TEXT, "parameters reach the step to the letter")
        expect_equal(len(launches.commands), 1, "a step that succeeds is launched once")

    def test_the_command_reaches_the_job_as_it_is(
        self,
        project: TemporaryProject,
        stack: Stack,
        launches: Launches,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """No argument is added, changed or expanded: arguments are seen by everybody on a machine."""
        monkeypatch.setenv("CONTRACT_SECRET", _SECRET)
        run = _run(project, stack, "reporting", {"text": _ODD_TEXT})
        expect(run.state == "success", "a step can be run", _told(run))
        found = run.value("report")["arguments"]
        expect_equal(
            found[1:],
            launches.commands[0][1:],
            "the job executes the entrypoint command with the very arguments that launch was given; values, "
            "settings and secrets travel by the backend's own means, never as arguments",
        )
        expect(not any(_SECRET in each for each in found), "no secret is an argument", found)

    @pytest.mark.parametrize(("target", "how"), [("reporting", ""), ("ending", "fail")])
    def test_the_command_is_executed_once(
        self,
        project: TemporaryProject,
        stack: Stack,
        operator: BaseStepOperator,
        storage: Storage,
        monkeypatch: pytest.MonkeyPatch,
        target: str,
        how: str,
    ) -> None:
        """Trying again is the orchestrator's business: ``launch`` starts one job, also where it fails."""
        monkeypatch.setattr(operator, "entrypoint_config_class", COUNTING)
        _run(project, stack, target, {"how": how} if how else {})
        started = len(storage.list(STARTED))
        expect_equal(started, 1, "one launch executes the entrypoint command exactly once, failing or not")

    def test_a_failing_step_is_a_step_operator_error(
        self, project: TemporaryProject, stack: Stack, launches: Launches
    ) -> None:
        """A job that fails makes ``launch`` raise; the user's exception is in the store."""
        run = _run(project, stack, "ending", {"how": "fail"})
        expect_equal(run.state, "failed", "a step whose job fails fails")
        expect(
            bool(launches.errors) and isinstance(launches.errors[0], _JOB_ERRORS),
            "launch raises a StepOperatorError where the job fails, or lets the CalledProcessError of "
            "`subprocess.run(…, check=True)` pass",
            repr(launches.errors or "no error at all"),
        )
        left = [each.message for each in run["end"].failures]
        expect_equal(left, ["the step of the contract failed"], "the step's own exception is in the store")

    def test_a_step_that_asks_to_be_skipped_is_skipped(
        self, project: TemporaryProject, stack: Stack, launches: Launches
    ) -> None:
        """Exit code 99 passes through in the error."""
        run = _run(project, stack, "ending", {"how": "skip"})
        self._expect_codes(launches, [EXIT_SKIP])
        expect_equal(run.states, {"end": "skipped"}, "a step that asks for it is skipped")

    def test_a_step_that_asks_for_no_retry_gets_none(
        self, project: TemporaryProject, stack: Stack, launches: Launches
    ) -> None:
        """Exit code 98 passes through in the error."""
        run = _run(project, stack, "ending_with_retries", {"how": "refuse"})
        self._expect_codes(launches, [EXIT_FAIL_WITHOUT_RETRY])
        expect(
            isinstance(run["end"].error, FailWithoutRetry) and run["end"].attempts == 1,
            "a step that asks for no retry gets none",
            f"{run['end'].attempts} attempts, {run['end'].error!r}",
        )

    def test_a_store_that_does_not_answer_is_told(
        self, project: TemporaryProject, stack: Stack, launches: Launches
    ) -> None:
        """Exit code 75 passes through, and the step is tried again."""
        run = _run(project, stack, "ending_with_retries", {"how": "unreachable"})
        self._expect_codes(launches, [EXIT_STORE_UNREACHABLE] * (RETRIES + 1))
        expect_equal(run.states, {"end": "failed"}, "a step whose store never answers fails")

    def _expect_codes(self, launches: Launches, expected: list[int]) -> None:
        __tracebackhide__ = True
        if self.passes_exit_codes:
            expect_equal(
                [job_exit_code(each) for each in launches.errors],
                expected,
                "the error that launch raises tells the exit code of the command: a StepOperatorError by its "
                "`job_exit_code`, a CalledProcessError by itself (or the suite says passes_exit_codes = "
                "False)",
            )

    def test_a_command_that_can_not_start_is_told(self, operator: BaseStepOperator) -> None:
        """What keeps a job from starting is an error that says so, whoever raises it."""
        with expect_error(
            _START_ERRORS,
            "launch raises a StepOperatorError where no job can be started, or lets the error of "
            "`subprocess` pass",
        ):
            operator.launch(info=_INFO, entrypoint_command=list(_NO_COMMAND))

    def test_the_stack_prepares_and_cleans_up_where_the_step_runs(
        self, project: TemporaryProject, stack: Stack, storage: Storage
    ) -> None:
        """``prepare_step_run`` and ``cleanup_step_run(step_failed)`` are called in the job, once each."""
        run = _run(project, stack, "reporting", {})
        expect(run.state == "success", "a step can be run", _told(run))
        prepared = run.value("report")["prepared"]
        expect_equal(prepared, "report", "prepare_step_run is called in the job's process")
        _run(project, stack, "ending", {"how": "fail"})
        found = {name: _cleanups(storage, name) for name in ("report", "end")}
        expect_equal(
            found, {"report": [False], "end": [True]}, "cleanup_step_run is called once and told of a failure"
        )

    def test_base_image_is_accepted_and_ignored(
        self, made_flavor: Any, config_values: Mapping[str, Any]
    ) -> None:
        """What was written for older step operators can still be configured, with a warning."""
        kind = made_flavor.config_class
        with expect_no_error("a config with base_image is accepted: derive it from BaseStepOperatorConfig"):
            kind.model_validate({**config_values, "base_image": "python:3.12"})


_INFO = StepRunInfo(
    config=StepSpec(name="start", source="contract_steps:source", code_hash="0", step_operator="contract"),
    pipeline=PipelineConfig(name="contract", source="contract_steps:reporting"),
    run_name="contract",
)


def _run(
    project: TemporaryProject, stack: Stack, pipeline: str, parameters: Mapping[str, Any]
) -> PipelineRun:
    return project.run(f"contract_steps.py:{pipeline}", parameters, stack=stack, cache=False)


def _told(run: PipelineRun) -> str:
    return f"{run.states}; {run.error}"


def _cleanups(storage: Storage, step: str) -> list[bool]:
    names = [name for name in storage.list(HOOKS) if name.startswith(f"{step}-")]
    return [json.loads(storage.read(f"{HOOKS}/{name}"))["failed"] for name in names]
