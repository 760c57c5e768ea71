"""From Airflow's context to a step launch, and from its result back to Airflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.errors import ParameterError, RunError
from airflow_provider_pipes.models.canonical import content_hash
from airflow_provider_pipes.models.documents import Manifest, RunRecord
from airflow_provider_pipes.models.parameters import coerce
from airflow_provider_pipes.operators import configuration
from airflow_provider_pipes.operators.connections import HookConnections
from airflow_provider_pipes.runtime import runs
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan, StepPlan

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.operators.mixin import StepTaskMixin

# Part of an output reference, but not of what goes to XCom: a preview shows the value itself.
_NOT_FOR_XCOM = ("preview", "schema_version")


class AirflowLaunch:
    """One attempt at a step run, as Airflow's context describes it.

    Args:
        task: The operator.
        context: Airflow's context of the task instance.
        record: What pins the DAG run to a deployment.
        launch: Launches the step; None where the run began before the step existed.
    """

    def __init__(
        self, task: StepTaskMixin, context: Context, record: RunRecord, launch: StepLaunch | None
    ) -> None:
        self.task = task
        self.context = context
        self.record = record
        self.launch = launch
        self.manifest: Manifest | None = None

    @classmethod
    def of(cls, task: StepTaskMixin, context: Context) -> AirflowLaunch:
        """Find the run's deployment and the step's token."""
        storage = open_store(task.store, task.store_connection_id, HookConnections())
        record, deployment = _pinned_run(task, context, storage)
        if task.step_name not in deployment.step_names():
            return cls(task, context, record, None)
        launch = StepLaunch(
            storage=storage,
            plan=deployment.step(task.step_name),
            run_name=context["run_id"],
            token=_token(record, task.step_name, context),
            attempt=context["ti"].try_number,
            use_cache=_use_cache(context),
        )
        return cls(task, context, record, launch)

    def prepare(self) -> bool:
        """Say whether the step needs no run: an earlier attempt did it, or the cache has its result."""
        log, code = self.task.log, self.record.deployment_id[:12]
        launch = self.launch
        if launch is None:
            log.warning(
                "This run began on deployment %s, which has no step %r; the pipeline was deployed again "
                "since. A run ends on the code that it began with, so there is nothing to do.",
                code,
                self.task.step_name,
            )
            return True
        self.manifest = launch.finished()
        if self.manifest is not None:
            log.info("An earlier attempt left the result at %s: the step is not run again.", launch.prefix)
            return True
        with launch.tried.failure_kept():
            self.manifest = launch.prepare(self.record.parameters, self._upstream(launch.plan))
        if self.manifest is not None:
            log.info("Cache hit: the result is that of %s; nothing is started.", self.manifest.cached_from)
            return True
        log.info("Running step %r of deployment %s.", self.task.step_name, code)
        return False

    @cached_property
    def step_run_id(self) -> str:
        """The same for all tokens of the step run: what was cleared and what took its place share it."""
        instance: Any = self.context["ti"]
        return content_hash([self.record.nonce, self.task.step_name, instance.map_index])[:20]

    @cached_property
    def step_launch(self) -> StepLaunch:
        """The launch, where there is one to run."""
        if self.launch is None:
            raise RunError(f"step {self.task.step_name!r} is not part of this run's deployment")
        return self.launch

    def references(self) -> dict[str, dict[str, Any]]:
        """Return what goes to XCom: for each output, where it is and what identifies it.

        Raises:
            RunError: the step ended without a result.
        """
        if self.launch is None:
            return {}
        manifest = self.manifest or self.launch.finished()
        if manifest is None:
            raise RunError(
                f"step {self.task.step_name!r} ended without a result at {self.launch.prefix}/manifest.json"
            )
        return {
            name: {key: value for key, value in reference.items() if key not in _NOT_FOR_XCOM}
            for name, reference in manifest.outputs.items()
        }

    def tell_result(self) -> None:
        """Write into the task's log what came out and where it is."""
        outputs = self.manifest.references() if self.manifest else {}
        for name, output in outputs.items():
            self.task.log.info("Output %r: %s, %d bytes, at %s", name, output.type, output.size, output.uri)

    def _upstream(self, plan: StepPlan) -> dict[str, Mapping[str, Any]]:
        needed = {(step, output) for spec in plan.inputs.values() for step, output in _outputs_in(spec)}
        steps = sorted({step for step, _ in needed})
        pulled = {name: self.context["ti"].xcom_pull(task_ids=name) for name in steps}
        missing = [name for name, value in pulled.items() if not isinstance(value, Mapping)]
        if missing and self.record.deployment_id != self.task.deployment_id:
            raise RunError(
                f"this run began on deployment {self.record.deployment_id[:12]}, where step {plan.name!r} "
                f"takes what {', '.join(map(repr, missing))} gives; that had not run when the pipeline was "
                "deployed again, without it or in another order; clear the whole run to start it on the "
                "code deployed now"
            )
        found = {name: value for name, value in pulled.items() if isinstance(value, Mapping)}
        for name, output in sorted(needed):
            if output not in found.get(name, {}):
                raise RunError(
                    f"step {plan.name!r}: step {name!r} left no output {output!r} in this run; run {name!r} "
                    "again (clear it with its downstream tasks)"
                )
        return found


def _outputs_in(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if spec["kind"] == "artifact":
        yield spec["step"], spec["output"]
    for each in [*spec.get("items", ()), *spec.get("entries", {}).values()]:
        yield from _outputs_in(each)


def _pinned_run(task: StepTaskMixin, context: Context, storage: Storage) -> tuple[RunRecord, DeploymentPlan]:
    """Return what the run is pinned to: by its first step, to what that step was given."""
    dag_run: Any = context["dag_run"]
    start = dag_run.start_date or dag_run.run_after
    path = runs.airflow_run_path(task.pipeline, context["run_id"], start.isoformat())
    record = runs.find_airflow_run(storage, path)
    if record is None:
        deployment = DeploymentPlan.load(storage, task.deployment_id)
        parameters = _parameters(deployment, context)
        new = runs.new_record(task.pipeline, context["run_id"], deployment.id, "airflow", parameters)
        record = runs.pin_airflow_run(storage, path, new)
        if record.deployment_id == deployment.id:
            return record, deployment
    return record, DeploymentPlan.load(storage, record.deployment_id)


def _parameters(deployment: DeploymentPlan, context: Context) -> dict[str, Any]:
    """Return the run's parameters with their declared types; see models.parameters."""
    given: Mapping[str, Any] = context["params"]
    values = {}
    for spec in deployment.parameters:
        name = spec["name"]
        value = given[name] if name in given else spec.get("default")
        values[name] = coerce(value, spec["json_schema"])
    return values


def _token(record: RunRecord, step: str, context: Context) -> str:
    """Return the token: the same for each attempt, another once the user clears the finished task.

    A clear of a finished task raises ``max_tries``, a retry does not. Made from
    what is the same on every worker, it needs no write before the step starts and can't be
    made twice by two processes (docs/decisions).
    """
    instance: Any = context["ti"]
    return token_of(record, step, instance.map_index, instance.max_tries)


def token_of(record: RunRecord, step: str, map_index: int, max_tries: int) -> str:
    """Return the token of a task instance of the run that a record pins."""
    return content_hash([record.nonce, step, map_index, max_tries])[:20]


def _use_cache(context: Context) -> bool:
    """Whether a cached result may be used: not if ``--conf`` or Airflow's says no, and not after a clear."""
    instance: Any = context["ti"]
    conf = getattr(context["dag_run"], "conf", None) or {}
    cleared = instance.max_tries > (instance.task.retries or 0)
    wanted = conf["pipes_cache"] if "pipes_cache" in conf else configuration.use_cache()
    if not isinstance(wanted, bool):
        raise ParameterError(
            f"pipes_cache in this run's conf is {wanted!r}; expected true or false, without quotes"
        )
    return wanted and not cleared
