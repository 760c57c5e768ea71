"""Orchestrators that each break one promise."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from airflow_provider_pipes.errors import RunFailedError
from airflow_provider_pipes.models.deployment import PipelineDeployment, StepSpec
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.models.settings import TaskSettings
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorFlavor
from airflow_provider_pipes.orchestrators.submission import Submission
from airflow_provider_pipes.stack.stack import Stack


class Good(BaseOrchestrator):
    """Document 000's direct orchestrator."""

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        for step in deployment.steps.values():
            self.run_step(step)


class Prepares(BaseOrchestrator):
    """Document 002's: it returns a representation that another system runs."""

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        return [(step.name, step.upstream) for step in deployment.steps.values()]


class StoresNothing(Prepares):
    def prepare_pipeline_deployment(self, deployment: PipelineDeployment, stack: Stack) -> None:
        """Forget the base class's."""


class RunsFirstStep(Good):
    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        return self.run_step(next(iter(deployment.steps.values())))


class LeavesOutTheLast(Good):
    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        for step in list(deployment.steps.values())[:-1]:
            self.run_step(step)


class SwallowsFailures(Good):
    def run_step(self, step: StepSpec) -> Manifest | None:
        with suppress(RunFailedError):
            return super().run_step(step)
        return None


class NamesRunsItself(Good):
    def submit(self, deployment: PipelineDeployment, stack: Stack, submission: Submission) -> Any:
        storage = submission.storage
        storage.remove(f"runs/{deployment.pipeline.name}/{submission.run_name}")
        return super().submit(deployment, stack, submission)


class NeverCaches(Good):
    def submit(self, deployment: PipelineDeployment, stack: Stack, submission: Submission) -> Any:
        return super().submit(deployment, stack, replace(submission, use_cache=False))


class IgnoresParameters(Good):
    def submit(self, deployment: PipelineDeployment, stack: Stack, submission: Submission) -> Any:
        defaults: Mapping[str, Any] = {each.name: each.default for each in deployment.pipeline.parameters}
        return super().submit(deployment, stack, replace(submission, parameters=defaults))


class NeverTriesAgain(Good):
    def run_step(self, step: StepSpec) -> Manifest | None:
        return super().run_step(step.model_copy(update={"task": TaskSettings()}))


class FailsWhereSkipped(Good):
    def run_step(self, step: StepSpec) -> Manifest | None:
        manifest = super().run_step(step)
        if manifest is None:
            raise RunFailedError(f"step {step.name!r} has no result")
        return manifest


class RunsAllHere(Good):
    def run_step(self, step: StepSpec) -> Manifest | None:
        return super().run_step(step.model_copy(update={"step_operator": None}))


class CleansUpTwice(Good):
    def submit(self, deployment: PipelineDeployment, stack: Stack, submission: Submission) -> Any:
        result = super().submit(deployment, stack, submission)
        self.post_run()
        return result


class EndsTheProcess(Good):
    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        sys.exit("nothing to do")


class FailsToCleanUp(Good):
    def post_run(self) -> None:
        raise RuntimeError("the folder is gone")


class AlwaysServes(Good):
    @property
    def submission(self) -> Submission:
        return self._submission or json.loads("null")


class _Flavor(BaseOrchestratorFlavor):
    implementation: type[BaseOrchestrator] = Good

    @property
    def name(self) -> str:
        return "third-party"

    @property
    def implementation_class(self) -> type[BaseOrchestrator]:
        return self.implementation


class GoodFlavor(_Flavor):
    implementation = Good


class PreparesFlavor(_Flavor):
    implementation = Prepares


class StoresNothingFlavor(_Flavor):
    implementation = StoresNothing


class RunsFirstStepFlavor(_Flavor):
    implementation = RunsFirstStep


class LeavesOutTheLastFlavor(_Flavor):
    implementation = LeavesOutTheLast


class SwallowsFailuresFlavor(_Flavor):
    implementation = SwallowsFailures


class NamesRunsItselfFlavor(_Flavor):
    implementation = NamesRunsItself


class NeverCachesFlavor(_Flavor):
    implementation = NeverCaches


class IgnoresParametersFlavor(_Flavor):
    implementation = IgnoresParameters


class NeverTriesAgainFlavor(_Flavor):
    implementation = NeverTriesAgain


class FailsWhereSkippedFlavor(_Flavor):
    implementation = FailsWhereSkipped


class RunsAllHereFlavor(_Flavor):
    implementation = RunsAllHere


class CleansUpTwiceFlavor(_Flavor):
    implementation = CleansUpTwice


class EndsTheProcessFlavor(_Flavor):
    implementation = EndsTheProcess


class FailsToCleanUpFlavor(_Flavor):
    implementation = FailsToCleanUp


class AlwaysServesFlavor(_Flavor):
    implementation = AlwaysServes
