"""Recording which steps a pipeline's body calls, with what, without running any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.authoring.outputs import Output
from airflow_provider_pipes.authoring.values import Location, OutputValue, user_location
from airflow_provider_pipes.errors import AuthoringError

if TYPE_CHECKING:
    from airflow_provider_pipes.authoring.step import Step


@dataclass(frozen=True, eq=False)
class StepCall:
    """One call of a step in the pipeline's body: a step of the compiled pipeline.

    Attributes:
        inputs: The arguments by name; placeholders stand for what is not known yet.
        after: Calls that must be done before, without giving data.
    """

    name: str
    step: Step[..., Any]
    inputs: Mapping[str, Any]
    after: tuple[StepCall, ...]
    outputs: tuple[Output, ...]
    location: Location


@dataclass
class Trace:
    """What a pipeline's body did; problems are gathered so that all can be told at once."""

    calls: list[StepCall] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _names: dict[str, int] = field(default_factory=dict)

    def record(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record a call and return placeholders for its outputs."""
        location = user_location()
        try:
            outputs = step.outputs
        except AuthoringError as error:
            self.problems.append(f"step {step.name!r} ({location}): {error}")
            outputs = ()
        call = StepCall(
            name=self._unique_name(self._name(step, location)),
            step=step,
            inputs=self._bind(step, args, kwargs, location),
            after=step.upstream_calls,
            outputs=outputs,
            location=location,
        )
        self.calls.append(call)
        return _placeholders(call)

    def _name(self, step: Step[..., Any], location: Location) -> str:
        name: object = step.name
        if isinstance(name, str):
            return name
        function = step.function.__name__
        self.problems.append(f"step {function!r} ({location}), name: expected text, got {name!r}")
        return function

    def _bind(
        self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], location: Location
    ) -> Mapping[str, Any]:
        try:
            arguments = step.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            self.problems.append(
                f"step {step.name!r} ({location}): {error}; its signature is {step.signature}"
            )
            return {}
        return {name: _copied(value, set()) for name, value in arguments.items()}

    def _unique_name(self, name: str) -> str:
        """Return ``name``, or ``name_2``, ``name_3``… where it is taken (document: a step called twice)."""
        count = self._names.get(name, 0) + 1
        candidate = name if count == 1 else f"{name}_{count}"
        while count > 1 and candidate in self._names:
            count += 1
            candidate = f"{name}_{count}"
        self._names[name] = count
        self._names.setdefault(candidate, 1)
        return candidate


def _copied(value: Any, inside: set[int]) -> Any:
    """Return ``value`` with containers of its own: the body may change a list that it gave to a step."""
    if type(value) not in (list, tuple, dict) or id(value) in inside:
        return value
    inside = {*inside, id(value)}
    if type(value) is dict:
        return {key: _copied(each, inside) for key, each in value.items()}
    return type(value)(_copied(each, inside) for each in value)


def _placeholders(call: StepCall) -> Any:
    if call.step.returns_tuple:
        return tuple(OutputValue(call, output.name) for output in call.outputs)
    return OutputValue(call, call.outputs[0].name if call.outputs else None)


_active: ContextVar[Trace | None] = ContextVar("airflow_provider_pipes_trace", default=None)


def active_trace() -> Trace | None:
    """Return the trace of the pipeline being compiled, or None outside of one."""
    return _active.get()


@contextmanager
def tracing() -> Iterator[Trace]:
    """Record every step that is called inside the block."""
    trace = Trace()
    token = _active.set(trace)
    try:
        yield trace
    finally:
        _active.reset(token)
