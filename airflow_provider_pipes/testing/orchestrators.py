"""The contract of orchestrators."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_provider_pipes.artifacts.component import BaseArtifactStore
from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStore, LocalArtifactStoreConfig
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.errors import DuplicateRunNameError, RunError, RunFailedError
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.stack import Stack
from airflow_provider_pipes.step_operators.subprocess import SubprocessStepOperator
from airflow_provider_pipes.step_operators.subprocess_flavor import SubprocessStepOperatorConfig
from airflow_provider_pipes.testing.components import ComponentContract
from airflow_provider_pipes.testing.contract_pipelines import ORCHESTRATOR_PIPELINES
from airflow_provider_pipes.testing.expectations import expect, expect_equal, expect_error, expect_no_error
from airflow_provider_pipes.testing.pipeline_results import PipelineRun
from airflow_provider_pipes.testing.projects import TemporaryProject, temporary_project

_TEXT = "é ☃ {{ 7*7 }} $(HOME)\n"


class OrchestratorContract(ComponentContract):
    """Proves that an orchestrator runs the steps of a pipeline, or prepares them without running any.

    Derive from it and name the flavor and its config. Every test compiles a small pipeline and gives it
    to ``submit``, as the command line does.

    Attributes:
        runs_steps: Whether ``prepare_or_run_pipeline`` runs the steps and returns when they are done; False
            where it returns or writes what another system runs.
        reuses_run_names: Whether a second run of the same name is allowed, as by an orchestrator
            that continues it; others raise DuplicateRunNameError.
    """

    kind = StackComponentType.ORCHESTRATOR
    runs_steps: ClassVar[bool] = True
    reuses_run_names: ClassVar[bool] = False

    @pytest.fixture
    def artifact_store(self, tmp_path: Path) -> BaseArtifactStore:
        """A store that steps reach; override it where they do not see this machine's files."""
        config = LocalArtifactStoreConfig(path=str(tmp_path / "store"))
        return LocalArtifactStore("contract", config, "local")

    @pytest.fixture
    def storage(self, artifact_store: BaseArtifactStore, tmp_path: Path) -> Storage:
        """The artifact store, opened."""
        return artifact_store.storage(tmp_path)

    @pytest.fixture
    def orchestrator(self, component: StackComponent) -> BaseOrchestrator:
        """The orchestrator under test."""
        if not isinstance(component, BaseOrchestrator):
            pytest.fail("the contract: the implementation derives from BaseOrchestrator")
        return component

    @pytest.fixture
    def stack(self, orchestrator: BaseOrchestrator, artifact_store: BaseArtifactStore) -> Stack:
        """A stack with the orchestrator, and a step operator that runs steps in a child process."""
        child = SubprocessStepOperator("child", SubprocessStepOperatorConfig(), "subprocess")
        stack = Stack("contract", orchestrator, artifact_store, (child,))
        with expect_no_error("the orchestrator says nothing against a stack that has all it needs"):
            stack.validate()
        return stack

    @pytest.fixture
    def project(self, tmp_path: Path) -> Iterator[TemporaryProject]:
        """A project with the pipelines of the contract."""
        with temporary_project(tmp_path / "project") as made:
            made.write("contract_steps.py", ORCHESTRATOR_PIPELINES)
            yield made

    def test_code_and_deployment_are_stored_before_steps_run(
        self, project: TemporaryProject, stack: Stack, storage: Storage
    ) -> None:
        """Whatever runs a step later finds the pipeline and its code in the store."""
        run = _run(project, stack, "chain")
        where = "; a `prepare_pipeline_deployment` of your own calls the base class's"
        expect_equal(
            storage.list("deployments"), [f"{run.deployment.id}.json"], f"the deployment is stored{where}"
        )
        expect_equal(storage.list("code"), [f"{run.deployment.code.hash}.zip"], f"the code is stored{where}")

    def test_preparing_runs_no_step(self, project: TemporaryProject, stack: Stack) -> None:
        """What another system shall run does not run here."""
        if self.runs_steps:
            pytest.skip("the orchestrator runs the steps itself")
        run = _run(project, stack, "chain")
        expect_equal(set(run.states.values()), {"not_run"}, "preparing a pipeline runs none of its steps")
        expect(run.returned is not None, "prepare_or_run_pipeline returns what it prepared", run.returned)

    def test_steps_run_in_order_and_their_values_flow(self, project: TemporaryProject, stack: Stack) -> None:
        """A step runs once its inputs are there, and gets them, and the run's parameters, to the letter."""
        self._need_running()
        run = _run(project, stack, "chain", {"text": _TEXT})
        expect(run.state == "success", "a run whose steps succeed succeeds", f"{run.states}; {run.error}")
        _expect_states(run, {"first": "success", "second": "success", "third": "success"})
        expect_equal(
            run.value("third"), {"text": _TEXT, "numbers": [1, 2, 3]}, "values and parameters reach each step"
        )
        begun = [step.manifest.started for step in run.steps.values() if step.manifest]
        expect_equal(begun, sorted(begun), "a step begins after the steps that it needs")

    def test_a_failure_stops_what_depends_on_it(self, project: TemporaryProject, stack: Stack) -> None:
        """A failing step fails the run, and what needs its output is not run."""
        self._need_running()
        with expect_no_error("a step that fails is told by a RunFailedError with its exception as the cause"):
            run = _run(project, stack, "chain", {"fail": True})
        expect(isinstance(run.error, RunFailedError), "a run whose step fails fails", run.error)
        expect_equal(
            run.states,
            {"first": "success", "second": "failed", "third": "not_run"},
            "prepare_or_run_pipeline lets the RunFailedError of a step pass, and runs nothing after it",
        )
        left = [each.message for each in run["second"].failures]
        expect_equal(left, ["the second step of the contract failed"], "the step's exception is in the store")

    def test_a_run_name_is_used_once(self, project: TemporaryProject, stack: Stack) -> None:
        """A second run of a name is refused, and the first one stays as it was."""
        self._need_running()
        first = _run(project, stack, "chain", {"text": "first"}, run_name="the-run")
        if self.reuses_run_names:
            pytest.skip("the orchestrator allows a second run of a name")
        with expect_error(
            DuplicateRunNameError,
            "a second run of a name raises DuplicateRunNameError (run steps by `run_step`, or set "
            "reuses_run_names and say in the documentation what happens)",
        ):
            _run(project, stack, "chain", {"text": "second"}, run_name="the-run")
        expect_equal(first.value("third")["text"], "first", "the first run of the name is left as it was")

    def test_a_second_run_takes_results_from_the_cache(self, project: TemporaryProject, stack: Stack) -> None:
        """What was computed once is not computed again, unless the run says so."""
        self._need_running()
        runs = [_run(project, stack, "cached", cache=cache) for cache in (True, True, False)]
        found = [run.cached for run in runs]
        expect_equal(
            found,
            [[], ["costly", "costly_2"], []],
            "the second run's results come from the cache, and with use_cache=False none do",
        )
        expect_equal([run.value("costly_2") for run in runs], [3, 3, 3], "a cached result is the same value")

    def test_other_parameters_are_no_cache_hit(self, project: TemporaryProject, stack: Stack) -> None:
        """A result is found again for the same inputs only."""
        self._need_running()
        _run(project, stack, "cached", {"n": 1}, cache=True)
        run = _run(project, stack, "cached", {"n": 5}, cache=True)
        expect_equal(run.value("costly_2"), 7, "a run with other parameters computes its own results")

    def test_a_step_is_tried_again(self, project: TemporaryProject, stack: Stack) -> None:
        """A step with retries that fails first succeeds in the end, in the same step run."""
        self._need_running()
        run = _run(project, stack, "tries")
        _expect_states(run, {"flaky": "success"})
        expect_equal(run.value("flaky"), 2, "the second attempt of a step with retries=1 is attempt 2")

    def test_a_skipped_step_skips_what_needs_it(self, project: TemporaryProject, stack: Stack) -> None:
        """``raise SkipStep`` ends a step and those after it as skipped; the run succeeds."""
        self._need_running()
        run = _run(project, stack, "skipping")
        expect_equal(run.state, "success", "a run with skipped steps succeeds")
        _expect_states(run, {"skips": "skipped", "after": "skipped"})

    def test_a_step_operator_runs_its_steps(self, project: TemporaryProject, stack: Stack) -> None:
        """A step that names a step operator is run by the one of this name in the stack."""
        self._need_running()
        run = _run(project, stack, "operated")
        expect(run.state == "success", "a step of a step operator can be run", f"{run.states}; {run.error}")
        expect(
            run.value("elsewhere") != os.getpid(), "a step that names a step operator runs where that runs it"
        )

    def test_post_run_is_called_once_also_after_a_failure(
        self, project: TemporaryProject, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What an orchestrator cleans up in ``post_run`` is cleaned up whatever happens."""
        orchestrator, calls = stack.orchestrator, []
        post_run = getattr(orchestrator, "post_run")  # noqa: B009 - it is a component to the type checker

        def counted() -> None:
            calls.append(1)
            post_run()

        monkeypatch.setattr(orchestrator, "post_run", counted)
        for fail in (False, True):
            _run(project, stack, "chain", {"fail": fail})
        expect_equal(len(calls), 2, "submit calls post_run once for each pipeline, also if a step failed")

    def test_it_serves_requests_only(self, orchestrator: BaseOrchestrator) -> None:
        """Outside of ``submit`` there is no submission, and the error says so."""
        with expect_error(RunError, "`submission` raises a RunError while no request is served"):
            _ = orchestrator.submission

    def _need_running(self) -> None:
        if not self.runs_steps:
            pytest.skip("the orchestrator prepares pipelines and runs no steps")


def _run(
    project: TemporaryProject,
    stack: Stack,
    pipeline: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    cache: bool = False,
    run_name: str | None = None,
) -> PipelineRun:
    return project.run(
        f"contract_steps.py:{pipeline}", parameters, stack=stack, cache=cache, run_name=run_name
    )


def _expect_states(run: PipelineRun, expected: Mapping[str, str]) -> None:
    __tracebackhide__ = True
    expect_equal(run.states, dict(expected), "the store tells how each step ended")
