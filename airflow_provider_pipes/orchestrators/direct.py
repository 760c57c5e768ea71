"""A run whose steps are executed one after the other, in this process."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.errors import (
    FailWithoutRetry,
    PipesError,
    RunError,
    RunFailedError,
    SkipStep,
    message_of,
)
from airflow_provider_pipes.models.documents import Manifest, RunRecord
from airflow_provider_pipes.models.paths import run_folder
from airflow_provider_pipes.orchestrators.execution import run_by_step_operator, run_in_process
from airflow_provider_pipes.orchestrators.limits import StepTimeout, time_limit
from airflow_provider_pipes.runtime import runs
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.stack.secret_values import local_secrets
from airflow_provider_pipes.step_operators.base import step_operator_of

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import PipelineDeployment, StepSpec
    from airflow_provider_pipes.models.settings import TaskSettings
    from airflow_provider_pipes.orchestrators.submission import Submission
    from airflow_provider_pipes.stack.stack import Stack

# Airflow's own limit of a wait that grows (max_task_retry_delay).
_LONGEST_WAIT = 24 * 60 * 60.0


class DirectRun:
    """One local run: what is done, what was skipped, and how the next step is run.

    Attributes:
        record: Its record in the store.
        manifests: Results by step.
        skipped: For each skipped step, why.
        failed: For each step that failed for good, the error that said so.
    """

    def __init__(
        self, deployment: PipelineDeployment, stack: Stack, submission: Submission, record: RunRecord
    ) -> None:
        self.stack = stack
        self.submission = submission
        self.record = record
        self.manifests: dict[str, Manifest] = {}
        self.skipped: dict[str, str] = {}
        self.failed: dict[str, RunFailedError] = {}
        self._steps = deployment.steps
        self._plan = DeploymentPlan.from_document(deployment.document, deployment.id)

    @classmethod
    def start(cls, deployment: PipelineDeployment, stack: Stack, submission: Submission) -> DirectRun:
        """Start the run that was asked for, or continue it with ``resume``.

        Raises:
            DuplicateRunNameError: the pipeline has a run of this name.
            RunNotFoundError: there is none to resume.
        """
        pipeline, storage = deployment.pipeline.name, submission.storage
        if submission.resume:
            record = runs.read_local_run(storage, pipeline, submission.run_name)
        else:
            record = runs.new_record(
                pipeline, submission.run_name, deployment.id, "local", submission.parameters
            )
            runs.start_local_run(storage, record)
        return cls(deployment, stack, submission, record)

    def run_step(self, step: StepSpec) -> Manifest | None:
        """Run one step with its retries; return its manifest, or None if it was skipped.

        Raises:
            RunFailedError: it failed for good; the user's exception is the cause.
        """
        if self._skipped_before(step):
            return None
        self._require_upstream(step)
        retries = step.task.retries or 0
        for attempt in range(1, retries + 2):
            try:
                return self._finish(step.name, self._attempt(step, attempt))
            except SkipStep as skip:
                self._skip(step.name, str(skip) or "the step asked for it")
                return None
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # pytest and asyncio have some that are no Exception
                if attempt > retries or isinstance(error, FailWithoutRetry):
                    self._fail(step.name, error)
                wait = retry_wait(step.task, attempt)
                self.submission.listener.step_retried(step.name, error, wait)
                time.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(self, step: StepSpec, attempt: int) -> Manifest:
        launch = self._launch(step.name, attempt)
        done = launch.finished()
        if done is None:
            with launch.tried.failure_kept():
                done = launch.prepare(self.record.parameters, self._references(step))
        if done is not None:
            return done
        self.submission.listener.step_started(step.name, attempt)
        try:
            with time_limit(step.name, step.task.execution_timeout):
                return self._run(step, launch)
        except StepTimeout:
            done = launch.finished()  # the time may be over just after the result was committed
            if done is None:
                raise
            return done

    def _launch(self, step: str, attempt: int = 1) -> StepLaunch:
        return StepLaunch(
            storage=self.submission.storage,
            plan=self._plan.step(step),
            run_name=self.record.run_name,
            token=runs.local_token(self.record, step),
            attempt=attempt,
            use_cache=self.submission.use_cache,
        )

    def _skipped_before(self, step: StepSpec) -> bool:
        """Skip a step that needs a skipped one."""
        before = next((name for name in step.upstream if name in self.skipped), None)
        if before is not None:
            self._skip(step.name, f"step {before!r} before it was skipped")
        return before is not None

    def _require_upstream(self, step: StepSpec) -> None:
        """Make sure that what a step needs is there: an orchestrator may call in any order, or go on.

        Raises:
            RunFailedError: it is not.
        """
        for name in step.upstream:
            if name not in self.manifests and not self._has_result(name):
                why = "failed" if name in self.failed else "has not run; call run_step for it first"
                error = RunError(f"it needs step {name!r}, which {why}")
                self._launch(step.name).tried.record_failure(error, time.time())
                self._fail(step.name, error)

    def _has_result(self, step: str) -> bool:
        """Whether a step that nobody called for has a result, from before a resume."""
        found = self._launch(step).finished()
        if found is not None:
            self.manifests[step] = found
        return found is not None

    def _run(self, step: StepSpec, launch: StepLaunch) -> Manifest:
        if step.step_operator is None:
            with launch.tried.failure_kept():
                secrets = local_secrets(launch.plan.secrets, f"step {step.name!r}")
            return run_in_process(launch, secrets)
        operator = step_operator_of(self.stack, step.step_operator)
        return run_by_step_operator(launch, operator, self.submission.store_connection_id)

    def _references(self, step: StepSpec) -> dict[str, dict[str, Any]]:
        return {name: self.manifests[name].outputs for name in step.upstream if name in self.manifests}

    def _finish(self, step: str, manifest: Manifest) -> Manifest:
        self.manifests[step] = manifest
        self.submission.listener.step_finished(step, manifest)
        return manifest

    def _skip(self, step: str, why: str) -> None:
        self.skipped[step] = why
        self.submission.listener.step_skipped(step, why)

    def _fail(self, step: str, error: BaseException) -> None:
        self.submission.listener.step_failed(step, error)
        said = str(error) if isinstance(error, PipesError) else f"{type(error).__name__}: {message_of(error)}"
        self.failed[step] = RunFailedError(f"step {step!r} failed: {said}\n{self._advice}")
        raise self.failed[step] from error

    @property
    def _advice(self) -> str:
        return f"fix it and continue with --resume {self.record.run_name}"

    def require_all_steps(self, orchestrator: str) -> None:
        """Make sure that every step has a result, or was skipped.

        Args:
            orchestrator: Who should have called for them, as an error names it.

        Raises:
            RunFailedError: some failed, or were not run.
        """
        failed, left = [], []
        for name, step in self._steps.items():
            if name in self.manifests or name in self.skipped:
                continue
            if name in self.failed:
                failed.append(self.failed[name])
            elif not self._has_result(name) and not self._skipped_before(step):
                left.append(name)
        if not failed and not left:
            return
        said = [str(error).removesuffix(f"\n{self._advice}") for error in failed]
        if left:
            steps = "step" if len(left) == 1 else "steps"
            were = "was" if len(left) == 1 else "were"
            said.append(f"{steps} {', '.join(map(repr, left))} {were} not run by {orchestrator}")
        raise RunFailedError("\n".join([*said, self._advice])) from (failed[0].__cause__ if failed else None)

    def end(self, state: str) -> None:
        """Write down how the run ended (success, failed or interrupted); `pipes runs` shows it."""
        ending = {
            "state": state,
            "ended": time.time(),
            "skipped": self.skipped,
        }
        folder = run_folder(self.record.pipeline, self.record.run_name)
        self.submission.storage.write(f"{folder}/end.json", json.dumps(ending).encode("ascii"))


def retry_wait(task: TaskSettings, attempt: int) -> float:
    """Return the seconds to wait after a failed attempt; none unless the step says so.

    Airflow waits 5 minutes where nothing is said, which nobody wants at a terminal.
    """
    if task.retry_delay is None:
        return 0.0
    delay, factor = task.retry_delay.total_seconds(), task.retry_exponential_backoff
    if factor is None:
        return delay
    longest = _LONGEST_WAIT if task.max_retry_delay is None else task.max_retry_delay.total_seconds()
    try:
        return min(delay * factor ** (attempt - 1), longest)
    except OverflowError:
        return longest
