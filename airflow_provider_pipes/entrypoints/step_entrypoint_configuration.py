"""Run one step of a deployed pipeline from a command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import (
    BaseEntrypointConfiguration,
    SkippedBefore,
    option_with_value,
)
from airflow_provider_pipes.entrypoints.reach import check_writable
from airflow_provider_pipes.errors import (
    DuplicateRunNameError,
    ParameterError,
    PipesError,
    RunError,
    RunNotFoundError,
)
from airflow_provider_pipes.models.documents import ExecutionInfo, Manifest, RunRecord
from airflow_provider_pipes.runtime import runs
from airflow_provider_pipes.runtime.code import activate_code
from airflow_provider_pipes.runtime.failures import Attempt
from airflow_provider_pipes.runtime.gpus import check_gpus
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step
from airflow_provider_pipes.runtime.sources import error_of_class

STEP_NAME_OPTION = "step_name"
STORE_OPTION = "store"
STORE_CONNECTION_ID_OPTION = "store_connection_id"
PIPELINE_NAME_OPTION = "pipeline_name"
RUN_NAME_OPTION = "run_name"
DEPLOYMENT_ID_OPTION = "deployment_id"
NO_CACHE_OPTION = "no_cache"


@dataclass(frozen=True)
class StepToRun:
    """A step run whose launch is over: nothing is left but to run it.

    Attributes:
        done: The result, if there is one already.
        launch: What launched it, where that was this process.
    """

    storage: Storage
    info: ExecutionInfo | None
    done: Manifest | None = None
    launch: StepLaunch | None = None


class StepEntrypointConfiguration(BaseEntrypointConfiguration):
    """Runs one step of a run, and is its own launcher.

    For orchestrators that hand a whole pipeline over and let another system start each step: the
    command holds the store, the pipeline and its deployment, and what the step needs is found in the
    store (document 000). An orchestrator gets the values from ``entrypoint_values(step)``. The first
    step of a run begins it. Subclass it to add options, or for ``get_run_name`` and ``post_run``.
    """

    @classmethod
    def get_entrypoint_options(cls) -> set[str]:
        """Return the options that the command line must give."""
        return super().get_entrypoint_options() | {STEP_NAME_OPTION}

    @classmethod
    def get_optional_entrypoint_options(cls) -> set[str]:
        """Return the options that find the run; a subclass that is given an execution info needs none."""
        return super().get_optional_entrypoint_options() | {
            STORE_OPTION,
            STORE_CONNECTION_ID_OPTION,
            PIPELINE_NAME_OPTION,
            RUN_NAME_OPTION,
            DEPLOYMENT_ID_OPTION,
            NO_CACHE_OPTION,
        }

    @classmethod
    def get_entrypoint_arguments(cls, **kwargs: Any) -> list[str]:
        """Return the arguments of the command; ``kwargs`` has a value for each option."""
        step_name = option_with_value(STEP_NAME_OPTION, kwargs[STEP_NAME_OPTION])
        return [*super().get_entrypoint_arguments(**kwargs), *step_name]

    def get_run_name(self, pipeline_name: str) -> str:
        """Return the name of the run, the same for each of its steps and for no other run.

        The launcher's by default; where another system starts the steps, it usually has a name or an
        id of the execution in a variable.
        """
        return str(self._required(RUN_NAME_OPTION))

    def post_run(self, pipeline_name: str, step_name: str) -> None:
        """Clean up or post-process after the step succeeded; nothing by default."""

    def run(self) -> None:
        """Run the step, unless its result is there already, then call ``post_run``."""
        step = self.find_step()
        manifest = step.done
        if manifest is None and step.info is not None:
            check_writable(step.storage, step.info.prefix)
            with Attempt.of(step.storage, step.info).failure_kept():
                check_gpus(step.info.step)
                deployment = DeploymentPlan.load(step.storage, step.info.deployment_id)
                activate_code(step.storage, deployment)
            manifest = self._run_step(step, step.info, deployment)
        if manifest is not None:
            with self._told(f"step {manifest.step!r} is done, and then ", "post_run"):
                self.post_run(manifest.pipeline, manifest.step)

    @contextmanager
    def _told(self, before: str, method: str) -> Iterator[None]:
        """Let an error of a subclass's method not pass for one of the step."""
        try:
            yield
        except PipesError:
            raise
        except Exception as error:
            raise error_of_class(RunError, f"{before}{type(self).__qualname__}", error, method) from error

    def _run_step(self, step: StepToRun, info: ExecutionInfo, deployment: DeploymentPlan) -> Manifest:
        """Run the step here, or let its step operator run it, as an orchestrator's ``run_step`` does."""
        if step.launch is None or step.launch.plan.step_operator is None:
            return run_step(step.storage, info, deployment)
        from airflow_provider_pipes.entrypoints.delegation import (
            run_by_step_operator,
            step_operator_of_deployment,
        )

        operator = step_operator_of_deployment(step.launch)
        return run_by_step_operator(step.launch, operator, self.entrypoint_args[STORE_CONNECTION_ID_OPTION])

    def find_step(self) -> StepToRun:
        """Return the step run that the arguments name, its execution info written."""
        pipeline, name = str(self._required(PIPELINE_NAME_OPTION)), self.entrypoint_args[STEP_NAME_OPTION]
        with self._told("", "get_run_name"):
            run_name = self.get_run_name(pipeline)
        record = self._run_record(pipeline, run_name)
        # A command is made from one deployment; the run may have begun on another, before a resume.
        deployment_id = self.entrypoint_args[DEPLOYMENT_ID_OPTION] or record.deployment_id
        deployment = DeploymentPlan.load(self.storage, deployment_id)
        launch = StepLaunch(
            self.storage,
            deployment.step(name),
            run_name,
            runs.local_token(record, name),
            use_cache=self.entrypoint_args[NO_CACHE_OPTION] is None,
        )
        done = launch.finished()
        if done is None:
            with launch.tried.failure_kept():
                references = upstream_references(self.storage, deployment, record, name)
                done = launch.prepare(record.parameters, references)
        if done is not None:
            return StepToRun(self.storage, None, done)
        info = read_execution_info(self.storage, launch.execution_info_path)
        return StepToRun(self.storage, info, launch=launch)

    def _run_record(self, pipeline: str, run_name: str) -> RunRecord:
        """Return the record of the run, which its first step writes where nobody else has."""
        try:
            return runs.read_local_run(self.storage, pipeline, run_name)
        except RunNotFoundError:
            deployment_id = self.entrypoint_args[DEPLOYMENT_ID_OPTION]
            if deployment_id is None:
                raise
        deployment = DeploymentPlan.load(self.storage, deployment_id)
        record = runs.new_record(
            pipeline, run_name, deployment_id, "entrypoint", default_parameters(deployment)
        )
        try:
            runs.start_local_run(self.storage, record)
        except DuplicateRunNameError:  # another step came first, at the same time
            return runs.read_local_run(self.storage, pipeline, run_name)
        return record

    @cached_property
    def storage(self) -> Storage:
        """The artifact store that the arguments name."""
        return open_store(str(self._required(STORE_OPTION)), self.entrypoint_args[STORE_CONNECTION_ID_OPTION])

    def _required(self, option: str) -> Any:
        value = self.entrypoint_args[option]
        if value is None:
            raise RunError(f"--{option} is missing; {type(self).__qualname__} finds its step by it")
        return value


def default_parameters(deployment: DeploymentPlan) -> dict[str, Any]:
    """Return the values of the parameters in a run that is given none.

    Raises:
        ParameterError: some have no default.
    """
    from airflow_provider_pipes.models.parameters import coerce

    missing = [str(each["name"]) for each in deployment.parameters if each.get("required")]
    if missing:
        raise ParameterError(
            f"pipeline {deployment.pipeline!r} can't be started by its first step: "
            f"{', '.join(missing)} must be given with each run; give them defaults"
        )
    return {each["name"]: coerce(each.get("default"), each["json_schema"]) for each in deployment.parameters}


def upstream_references(
    storage: Storage, deployment: DeploymentPlan, record: RunRecord, step: str
) -> Mapping[str, Mapping[str, Any]]:
    """Return the outputs of the steps before one, from the manifests of its run.

    Raises:
        SkippedBefore: one of them was skipped.
        RunError: one of them has no result.
    """
    found = {}
    for name in deployment.step(step).upstream:
        launch = StepLaunch(storage, deployment.step(name), record.run_name, runs.local_token(record, name))
        earlier = launch.finished()
        if earlier is None:
            failure = launch.tried.last_failure()
            if failure is not None and failure.reason == "skipped":
                raise SkippedBefore(name)
            raise RunError(
                f"step {step!r} needs step {name!r}, which has no result in run {record.run_name!r} yet"
            )
        found[name] = earlier.outputs
    return found
