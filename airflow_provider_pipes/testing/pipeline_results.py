"""What came of a pipeline that a test ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.errors import message_of

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage
    from airflow_provider_pipes.models.deployment import PipelineDeployment
    from airflow_provider_pipes.models.documents import Failure, Manifest


@dataclass(frozen=True)
class StepResult:
    """One step of a run.

    Attributes:
        state: "success", "failed", "skipped" or "not_run".
        attempts: Tries that were begun; none where the cache had the result.
        error: What made it fail: the user's own exception for a step that ran in this process, the
            step operator's for another.
        failures: What the failed attempts left in the store, wherever they ran: type, message, traceback.
        why: Why it was skipped.
        manifest: Its result as the store has it.
    """

    name: str
    state: str
    attempts: int = 0
    error: BaseException | None = None
    failures: tuple[Failure, ...] = ()
    why: str = ""
    manifest: Manifest | None = None
    _storage: Storage | None = field(default=None, repr=False)

    @property
    def cached(self) -> bool:
        """Whether its result came from the cache."""
        return self.manifest is not None and bool(self.manifest.cached_from)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the step logged with ``log_metadata``."""
        return self.manifest.metadata if self.manifest else {}

    @property
    def outputs(self) -> dict[str, Any]:
        """Every output as a Python value, by name; read from the store at each access.

        Raises:
            AssertionError: the step has no result.
        """
        from airflow_provider_pipes.artifacts.payloads import load_artifact

        __tracebackhide__ = True
        if self.manifest is None or self._storage is None:
            raise AssertionError(f"step {self.name!r} has no outputs: {self.describe()}") from self.error
        return {
            name: load_artifact(self._storage, reference)
            for name, reference in self.manifest.references().items()
        }

    @property
    def value(self) -> Any:
        """The output of a step that has one.

        Raises:
            AssertionError: it has none, or several, or no result.
        """
        __tracebackhide__ = True
        found = self.outputs
        if len(found) != 1:
            raise AssertionError(f"step {self.name!r} has {len(found)} outputs: {list(found)}; use outputs")
        return next(iter(found.values()))

    def describe(self) -> str:
        """Return in words how it ended."""
        if self.state == "skipped":
            return f"it was skipped: {self.why}"
        if self.state != "failed":
            return f"its state is {self.state}"
        told = [f"{each.type}: {each.message}\n{each.traceback}" for each in self.failures[-1:]]
        if self.error is not None and not told:
            told = [f"{type(self.error).__name__}: {message_of(self.error)}"]
        return f"it failed: {''.join(told)}"


@dataclass(frozen=True)
class PipelineRun:
    """A run of a pipeline that is over.

    Attributes:
        name: The run's name.
        state: "success", "failed", or "prepared" by an orchestrator that does not run steps itself.
        parameters: The value of every parameter.
        steps: The steps by name, in the order of the pipeline.
        error: What ended the run, with the user's exception as its cause.
        returned: What the orchestrator returned.
        deployment: The compiled pipeline.
        storage: The artifact store; a temporary one goes away with this object.
    """

    name: str
    state: str
    parameters: Mapping[str, Any]
    steps: Mapping[str, StepResult]
    error: BaseException | None
    returned: Any
    deployment: PipelineDeployment
    storage: Storage

    def __getitem__(self, step: str) -> StepResult:
        """Return a step.

        Raises:
            AssertionError: there is none of this name.
        """
        if step not in self.steps:
            raise AssertionError(
                f"pipeline {self.deployment.pipeline.name!r} has no step {step!r}; it has: {list(self.steps)}"
            )
        return self.steps[step]

    @property
    def states(self) -> dict[str, str]:
        """The state of each step."""
        return {name: step.state for name, step in self.steps.items()}

    @property
    def cached(self) -> list[str]:
        """The steps whose results came from the cache."""
        return [name for name, step in self.steps.items() if step.cached]

    def value(self, step: str, output: str | None = None) -> Any:
        """Return an output of a step as a Python value.

        Args:
            step: The step.
            output: Which one; the only one by default.

        Raises:
            AssertionError: there is no such output; the step's own exception is the cause where it failed.
        """
        __tracebackhide__ = True
        found = self[step]
        if found.state == "not_run":
            raise AssertionError(f"step {step!r} was not run, since the {self._ended()}") from self._cause()
        if output is None:
            return found.value
        outputs = found.outputs
        if output not in outputs:
            raise AssertionError(f"step {step!r} has no output {output!r}; it has: {list(outputs)}")
        return outputs[output]

    def check(self) -> PipelineRun:
        """Return itself if the run succeeded.

        Raises:
            AssertionError: it did not; the user's exception is the cause.
        """
        __tracebackhide__ = True
        if self.state != "success":
            raise AssertionError(self._ended()) from self._cause()
        return self

    def _ended(self) -> str:
        failed = [f"step {each.name!r}: {each.describe()}" for each in self.steps.values() if each.error]
        return "\n".join([f"run {self.state}: {self.states}", *failed])

    def _cause(self) -> BaseException | None:
        return next((each.error for each in self.steps.values() if each.error), self.error)
