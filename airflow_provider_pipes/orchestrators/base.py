"""The base of all orchestrators (documents 000 to 002)."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_pipes.compiler.orchestrator_view import NOT_ENFORCED, Findings
from airflow_provider_pipes.errors import ParameterError, RunError, RunFailedError, said_of
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.models.paths import code_path, deployment_path
from airflow_provider_pipes.models.settings import Settings
from airflow_provider_pipes.orchestrators.direct import DirectRun
from airflow_provider_pipes.orchestrators.elsewhere import RunElsewhere
from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorConfig
from airflow_provider_pipes.orchestrators.telling import errors_told
from airflow_provider_pipes.stack.component import StackComponent, label_of
from airflow_provider_pipes.stack.enums import StackComponentType

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_pipes.authoring.pipeline import Pipeline
    from airflow_provider_pipes.models.deployment import PipelineDeployment, StepSpec
    from airflow_provider_pipes.orchestrators.submission import Submission
    from airflow_provider_pipes.stack.stack import Stack

logger = logging.getLogger(__name__)

# Named here, since inside the class below "type" is the component's kind.
SettingsClass = type[Settings]


class BaseOrchestrator(StackComponent, ABC):
    """Runs a compiled pipeline, or turns it into what another system runs.

    Write ``prepare_or_run_pipeline``; a direct orchestrator calls ``run_step`` for each step, another
    returns its own representation. Everything else has a default.

    Attributes:
        enforces_resources: Whether it gives a step the resources that it asks for; the compiler
            warns of those that nothing enforces.
        settings_class: The class of the settings that pipelines and steps may give it; what they resolve
            to is in ``StepSpec.orchestrator_settings``.
    """

    type: ClassVar[StackComponentType] = StackComponentType.ORCHESTRATOR
    enforces_resources: ClassVar[bool] = False
    settings_class: ClassVar[SettingsClass | None] = None

    _submission: Submission | None = None
    _served: tuple[PipelineDeployment, Stack]
    _direct: DirectRun | None = None
    _elsewhere: RunElsewhere | None = None

    @abstractmethod
    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        """Run the pipeline, or prepare what will run it and return that."""

    def submit(self, deployment: PipelineDeployment, stack: Stack, submission: Submission) -> Any:
        """Store code and deployment, then run or prepare the pipeline; what the command line calls.

        Raises:
            RunFailedError: a step failed or was not run, or a method of a subclass raised.
        """
        self._submission, self._served = submission, (deployment, stack)
        self._direct = self._elsewhere = None
        try:
            with self._ended():
                deployment = self.prepare_images(deployment, stack, submission)
                self._served = (deployment, stack)
                self.prepare_pipeline_deployment(deployment, stack)
                result = self.prepare_or_run_pipeline(deployment, stack)
                self._require_all_steps()
            return result
        finally:
            self._submission = None

    def settings_problems(self, own: Settings, defaults: Settings) -> list[str]:
        """Return what is wrong with settings beyond what their class checks, by field; nothing by default.

        Args:
            own: What a pipeline or a step says.
            defaults: What is in force where it says nothing.
        """
        return []

    def resolved_settings(self, own: Settings, defaults: Settings) -> Settings:
        """Return the settings in force: by default ``own`` for each field that it sets."""
        fields = {
            name: getattr(settings, name)
            for settings in (defaults, own)
            for name in type(settings).model_fields
            if name in settings.model_fields_set
        }
        return type(own)(**fields)

    def settings_document(self, settings: Settings) -> dict[str, Any]:
        """Return what a step's deployment holds of its settings, as JSON: by default what was said."""
        return settings.model_dump(mode="json", exclude_unset=True)

    def check_steps(self, steps: Sequence[StepSpec], stack: Stack, project_root: Path) -> Findings:
        """Return what a person must or should know of steps before they run or are deployed.

        By default a warning for each that asks for resources which nothing enforces.
        """
        if self.enforces_resources:
            return Findings()
        asking = filter(self.requires_resources_in_orchestration_environment, steps)
        return Findings(warnings=tuple(f"step {step.name!r}: {NOT_ENFORCED}" for step in asking))

    def prepare_images(
        self, deployment: PipelineDeployment, stack: Stack, submission: Submission
    ) -> PipelineDeployment:
        """Return the deployment with the images that its steps run in; unchanged by default."""
        return deployment

    @contextmanager
    def _ended(self) -> Iterator[None]:
        """Call ``post_run`` after the block and write down how the run ended; the first error counts."""
        try:
            with errors_told(self):
                yield
        except BaseException as error:
            try:
                self.post_run()
            except Exception as another:
                logger.warning("%s", said_of(label_of(self), another, "post_run"))
            failed = self._end(_state_after(error))
            if failed is not None and isinstance(error, RunFailedError):
                raise failed from None  # the other is only how the orchestrator noticed
            raise
        try:
            with errors_told(self, "post_run"):
                self.post_run()
        except BaseException as error:
            self._end(_state_after(error))
            raise
        failed = self._end("success")
        if failed is not None:
            raise failed

    def _end(self, state: str) -> RunFailedError | None:
        """Write down or tell how the run ended; return the error of a step that failed elsewhere."""
        if self._direct is not None:
            self._direct.end(state)
        return None if self._elsewhere is None else self._elsewhere.tell()

    def _require_all_steps(self) -> None:
        """Make sure that a run which nobody was handed has run, or skipped, each of its steps."""
        if self._elsewhere is not None or not self.submission.run_name:
            return
        if self._direct is None and self.submission.may_prepare:
            return
        self._direct_run().require_all_steps(label_of(self))

    def _direct_run(self) -> DirectRun:
        if self._direct is None:
            self._direct = DirectRun.start(*self._served, self.submission)
        return self._direct

    @property
    def submission(self) -> Submission:
        """The request being served.

        Raises:
            RunError: none is; an orchestrator is used through ``submit``.
        """
        if self._submission is None:
            raise RunError(f"orchestrator {self.name!r} is not serving a request; call submit(…)")
        return self._submission

    def prepare_pipeline_deployment(self, deployment: PipelineDeployment, stack: Stack) -> None:
        """Put the code snapshot and the deployment into the artifact store, where they are not yet.

        A container-based orchestrator builds its images here, after calling this.
        """
        storage = self.submission.storage
        if not storage.exists(code_path(deployment.code.hash)):
            storage.create(code_path(deployment.code.hash), self.submission.snapshot())
        storage.create(deployment_path(deployment.id), deployment.document)

    def run_step(self, step: StepSpec) -> Manifest | None:
        """Run one step here and now, with its retries and its time limit; return None if it was skipped.

        The first call starts the run.

        Raises:
            DuplicateRunNameError: the pipeline has a run of this name.
            RunFailedError: the step failed for good.
            RunError: the request is one to deploy, or ``step`` is none of the deployment's.
        """
        if not self.submission.run_name:
            raise RunError(
                f"{label_of(self)} called run_step in a request to deploy, in which no step is run; write "
                "what another system reads, or set its flavor's `deploys` to False and use `pipes run`"
            )
        if getattr(step, "name", None) not in self._served[0].steps:
            raise RunError(
                f"{label_of(self)} called run_step with {step!r}; expected one of deployment.steps.values()"
            )
        return self._direct_run().run_step(step)

    def entrypoint_values(self, step: StepSpec) -> dict[str, Any]:
        """Return what ``StepEntrypointConfiguration.get_entrypoint_arguments`` needs to know of a step.

        For orchestrators that let another system start the steps. In a request to run, the first
        call begins the run under the name that was asked for; in a request to deploy there is none
        yet, so the entrypoint's ``get_run_name`` names each run, and its first step begins it.

        Raises:
            DuplicateRunNameError: the pipeline has a run of this name.
            ParameterError: in a request to deploy, a parameter has no default.
        """
        deployment, _ = self._served
        if not self.submission.run_name:
            self._require_defaults(deployment)
        if self._elsewhere is None and self.submission.run_name:
            self._elsewhere = RunElsewhere.start(deployment, self.submission)
        return {
            "step_name": step.name,
            "pipeline_name": deployment.pipeline.name,
            "deployment_id": deployment.id,
            "run_name": self.submission.run_name or None,
            "store": self.submission.storage.uri,
            "store_connection_id": self.submission.store_connection_id,
            "no_cache": None if self.submission.use_cache else "true",
        }

    def _require_defaults(self, deployment: PipelineDeployment) -> None:
        missing = [each.name for each in deployment.pipeline.parameters if each.required]
        if missing:
            raise ParameterError(
                f"pipeline {deployment.pipeline.name!r} can't be handed over by {label_of(self)}: "
                f"{', '.join(missing)} must be given with each run, and a run that its first step begins has "
                "the default values only; give them defaults"
            )

    def requires_resources_in_orchestration_environment(self, step: StepSpec) -> bool:
        """Whether the step asks for resources and no step operator provides them."""
        return step.step_operator is None and not step.resource_settings.empty

    def pre_run(self, pipeline: Pipeline[...], caller_filepath: str) -> None:
        """Prepare before a pipeline is run or prepared; nothing by default."""

    def post_run(self) -> None:
        """Clean up after a pipeline was run or prepared; nothing by default."""

    def up(self) -> None:
        """Start what the orchestrator needs; nothing by default."""

    def down(self) -> None:
        """Stop what ``up`` started; nothing by default."""

    @property
    def is_running(self) -> bool:
        """Whether what the orchestrator needs is running."""
        return True

    @property
    def log_file(self) -> str | None:
        """Path of a log that a person can follow, if there is one."""
        return None


def _state_after(error: BaseException) -> str:
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"


__all__ = ["BaseOrchestrator", "BaseOrchestratorConfig"]
