"""Run one step of a deployed pipeline from a command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import (
    BaseEntrypointConfiguration,
    option_with_value,
)
from airflow_provider_pipes.errors import RunError
from airflow_provider_pipes.models.documents import ExecutionInfo, Manifest
from airflow_provider_pipes.runtime import runs
from airflow_provider_pipes.runtime.code import activate_code
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step

STEP_NAME_OPTION = "step_name"
STORE_OPTION = "store"
STORE_CONNECTION_ID_OPTION = "store_connection_id"
PIPELINE_NAME_OPTION = "pipeline_name"
RUN_NAME_OPTION = "run_name"


@dataclass(frozen=True)
class StepToRun:
    """A step run whose launch is over: nothing is left but to run it.

    Attributes:
        done: The result, if there is one already.
    """

    storage: Storage
    info: ExecutionInfo | None
    done: Manifest | None = None


class StepEntrypointConfiguration(BaseEntrypointConfiguration):
    """Runs one step of a run that an orchestrator started, and is its own launcher.

    For orchestrators that hand a whole pipeline over and let another system start each step: the
    command holds the store, the pipeline and the run, and what the step needs is found in the
    store (document 000). Subclass it to add options, or for ``get_run_name`` and ``post_run``.
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
        }

    @classmethod
    def get_entrypoint_arguments(cls, **kwargs: Any) -> list[str]:
        """Return the arguments of the command; ``kwargs`` has a value for each option."""
        step_name = option_with_value(STEP_NAME_OPTION, kwargs[STEP_NAME_OPTION])
        return [*super().get_entrypoint_arguments(**kwargs), *step_name]

    def get_run_name(self, pipeline_name: str) -> str:
        """Return the name of the run, the same for each of its steps; the launcher's by default."""
        return str(self._required(RUN_NAME_OPTION))

    def post_run(self, pipeline_name: str, step_name: str) -> None:
        """Clean up or post-process after the step succeeded; nothing by default."""

    def run(self) -> None:
        """Run the step, unless its result is there already, then call ``post_run``."""
        step = self.find_step()
        manifest = step.done
        if manifest is None and step.info is not None:
            deployment = DeploymentPlan.load(step.storage, step.info.deployment_id)
            activate_code(step.storage, deployment)
            manifest = run_step(step.storage, step.info, deployment)
        if manifest is not None:
            self.post_run(manifest.pipeline, manifest.step)

    def find_step(self) -> StepToRun:
        """Return the step run that the arguments name, its execution info written."""
        pipeline, name = str(self._required(PIPELINE_NAME_OPTION)), self.entrypoint_args[STEP_NAME_OPTION]
        run_name = self.get_run_name(pipeline)
        record = runs.read_local_run(self.storage, pipeline, run_name)
        deployment = DeploymentPlan.load(self.storage, record.deployment_id)
        launch = StepLaunch(self.storage, deployment.step(name), run_name, runs.local_token(record, name))
        done = launch.finished() or launch.prepare(
            record.parameters, upstream_references(self.storage, deployment, record, name)
        )
        if done is not None:
            return StepToRun(self.storage, None, done)
        return StepToRun(self.storage, read_execution_info(self.storage, launch.execution_info_path))

    @cached_property
    def storage(self) -> Storage:
        """The artifact store that the arguments name."""
        return open_store(str(self._required(STORE_OPTION)), self.entrypoint_args[STORE_CONNECTION_ID_OPTION])

    def _required(self, option: str) -> Any:
        value = self.entrypoint_args[option]
        if value is None:
            raise RunError(f"--{option} is missing; {type(self).__qualname__} finds its step by it")
        return value


def upstream_references(
    storage: Storage, deployment: DeploymentPlan, record: Any, step: str
) -> Mapping[str, Mapping[str, Any]]:
    """Return the outputs of the steps before one, from the manifests of its local run."""
    found = {}
    for name in deployment.step(step).upstream:
        earlier = StepLaunch(
            storage, deployment.step(name), record.run_name, runs.local_token(record, name)
        ).finished()
        if earlier is None:
            raise RunError(
                f"step {step!r} needs step {name!r}, which has no result in run {record.run_name!r} yet"
            )
        found[name] = earlier.outputs
    return found
