"""A run whose steps another system starts, each by its entrypoint command."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import RunFailedError, StepFailedError
from airflow_provider_pipes.models.documents import Failure, Manifest, RunRecord
from airflow_provider_pipes.runtime import runs
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import PipelineDeployment
    from airflow_provider_pipes.orchestrators.submission import Submission


@dataclass(frozen=True)
class RunElsewhere:
    """One run of a request, whose orchestrator only made the commands."""

    deployment: PipelineDeployment
    submission: Submission
    record: RunRecord
    begun: float = field(default_factory=time.time)

    @classmethod
    def start(cls, deployment: PipelineDeployment, submission: Submission) -> RunElsewhere:
        """Begin the run that was asked for, or continue it with ``resume``.

        Raises:
            DuplicateRunNameError: the pipeline has a run of this name.
            RunNotFoundError: there is none to resume.
        """
        pipeline, name = deployment.pipeline.name, submission.run_name
        if submission.resume:
            return cls(deployment, submission, runs.read_local_run(submission.storage, pipeline, name))
        # No "local" run, whose end this process would have to write down: the steps tell how it goes.
        record = runs.new_record(pipeline, name, deployment.id, "entrypoint", submission.parameters)
        runs.start_local_run(submission.storage, record)
        return cls(deployment, submission, record)

    def tell(self) -> RunFailedError | None:
        """Tell the listener how the steps ended that did so by now; return the error of one that failed."""
        plan = DeploymentPlan.from_document(self.deployment.document, self.deployment.id)
        failed = None
        skipped: dict[str, str] = {}
        for name, step in self.deployment.steps.items():
            token = runs.local_token(self.record, name)
            launch = StepLaunch(self.submission.storage, plan.step(name), self.record.run_name, token)
            manifest = launch.finished()
            if manifest is not None:
                self._tell_result(name, manifest)
            elif (failure := launch.tried.last_failure()) and failure.started >= self.begun:
                if failure.reason == "skipped":
                    skipped[name] = failure.message or "the step asked for it"
                else:
                    failed = self._tell_failure(name, failure)
            elif before := [each for each in step.upstream if each in skipped]:
                skipped[name] = f"step {before[0]!r} before it was skipped"
            if name in skipped:
                self.submission.listener.step_skipped(name, skipped[name])
        return failed

    def _tell_result(self, step: str, manifest: Manifest) -> None:
        if manifest.cached_from is None and manifest.started >= self.begun:
            self.submission.listener.step_started(step, manifest.attempt)
        self.submission.listener.step_finished(step, manifest)

    def _tell_failure(self, step: str, failure: Failure) -> RunFailedError:
        said = f"{failure.type}: {failure.message}" if failure.message else failure.type
        self.submission.listener.step_failed(step, StepFailedError(said))
        return RunFailedError(
            f"step {step!r} failed: {said}\nfix it and continue with --resume {self.record.run_name}"
        )
