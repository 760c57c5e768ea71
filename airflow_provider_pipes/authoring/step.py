"""``@step``: a typed function that becomes a step of a pipeline."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, cast, overload

from airflow_provider_pipes.authoring.options import (
    STEP_OPTIONS,
    StepOptions,
    check_option_names,
    overridden,
)
from airflow_provider_pipes.authoring.outputs import Output, declared_outputs, returns_tuple, type_hints
from airflow_provider_pipes.authoring.tracing import StepCall, active_trace
from airflow_provider_pipes.authoring.values import OutputValue, output_of
from airflow_provider_pipes.errors import AuthoringError

P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """A step: called in a pipeline's body it is recorded, called anywhere else it runs.

    So a step is tested as the plain function that it is.
    """

    def __init__(
        self,
        function: Callable[P, R],
        options: StepOptions | None = None,
        upstream_calls: tuple[StepCall, ...] = (),
    ) -> None:
        self.function = function
        self.options: StepOptions = options or {}
        self.upstream_calls = upstream_calls
        functools.update_wrapper(self, function, updated=())  # its attributes are not ours

    @property
    def name(self) -> str:
        """Its name in the pipeline."""
        return self.options.get("name", self.function.__name__)

    @property
    def source(self) -> str:
        """The function, as "module:function"."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The function's signature."""
        return inspect.signature(self.function)

    @functools.cached_property
    def annotations(self) -> dict[str, Any]:
        """The function's annotations, resolved.

        Raises:
            AuthoringError: one can't be resolved.
        """
        return type_hints(self.function)

    @functools.cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs that the return annotation declares; one of any type where there is none.

        Raises:
            AuthoringError: the annotation can't be resolved.
        """
        return declared_outputs(self.annotations.get("return", Any))

    @property
    def returns_tuple(self) -> bool:
        """Whether the function returns its outputs as a tuple."""
        try:
            return returns_tuple(self.annotations.get("return", Any))
        except AuthoringError:
            return False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Record the call if a pipeline is being compiled, and run the function if none is."""
        trace = active_trace()
        if trace is None:
            return self.function(*args, **kwargs)
        return cast("R", trace.record(self, args, kwargs))

    def with_options(self, **options: Unpack[StepOptions]) -> Step[P, R]:
        """Return this step with other options; see ``StepOptions``.

        Raises:
            AuthoringError: an option does not exist.
        """
        check_option_names(f"step {self.name!r}", options, STEP_OPTIONS)
        return Step(self.function, overridden(self.options, options), self.upstream_calls)

    def after(self, *results: object) -> Step[P, R]:
        """Return this step with an order: it runs after the steps that gave ``results``.

        Raises:
            AuthoringError: an argument is not the result of a step called in this pipeline.
        """
        return Step(self.function, self.options, self.upstream_calls + tuple(_calls(self.name, results)))

    def __repr__(self) -> str:
        return f"<step {self.name!r} from {self.source}>"


def _calls(name: str, results: tuple[object, ...]) -> list[StepCall]:
    calls: list[StepCall] = []
    for result in results:
        if isinstance(result, OutputValue):
            calls.append(output_of(result).call)
        elif isinstance(result, tuple | list):
            calls.extend(_calls(name, tuple(result)))
        else:
            raise AuthoringError(
                f"step {name!r}: after(…) takes what a step returned in this pipeline, as in "
                f"`{name}.after(model)(…)` with `model = train(…)`; got {result!r}"
            )
    return calls


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...


@overload
def step(**options: Unpack[StepOptions]) -> Callable[[Callable[P, R]], Step[P, R]]: ...


def step(function: Callable[P, R] | None = None, /, **options: Unpack[StepOptions]) -> Any:
    """Make a step of a function: ``@step``, or ``@step(cache=False, retries=2)``.

    Inputs are the function's arguments, outputs what its return annotation declares.

    Raises:
        AuthoringError: the function can't be a step, or an option does not exist.
    """
    check_option_names("@step", options, STEP_OPTIONS)

    def decorate(function: Callable[P, R]) -> Step[P, R]:
        check_step_function(function)
        return Step(function, options)

    return decorate if function is None else decorate(function)


def check_step_function(function: object) -> None:
    """Refuse what can't be found again by its name, or called with named inputs.

    Raises:
        AuthoringError: ``function`` can't be a step.
    """
    if not inspect.isfunction(function):
        raise AuthoringError(f"@step takes a function; got {function!r}")
    where = f"{function.__qualname__!r} ({function.__code__.co_filename}:{function.__code__.co_firstlineno})"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise AuthoringError(f"{where} is a generator and can't be a step: return a list instead of yielding")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise AuthoringError(
                f"{where} can't be a step: '{parameter}' has no fixed names; name every input, or take one "
                "list or dict"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise AuthoringError(f"{where} can't be a step: inputs are given by name; remove the '/'")
