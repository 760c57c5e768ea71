"""``@pipeline``: a function whose body says which steps there are and what flows between them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, Unpack, overload

from airflow_provider_pipes.authoring.options import PIPELINE_OPTIONS, PipelineOptions, check_option_names
from airflow_provider_pipes.authoring.outputs import type_hints
from airflow_provider_pipes.authoring.tracing import Trace, active_trace, tracing
from airflow_provider_pipes.authoring.values import ParameterValue, error_location
from airflow_provider_pipes.errors import AuthoringError, PipelineBodyError

P = ParamSpec("P")


class Pipeline(Generic[P]):
    """A pipeline; called in the body of another one, its steps become part of that one."""

    def __init__(self, function: Callable[P, Any], options: PipelineOptions | None = None) -> None:
        self.function = function
        self.options: PipelineOptions = options or {}
        self._inside = False
        functools.update_wrapper(self, function, updated=())  # its attributes are not ours

    @property
    def name(self) -> str:
        """Its name."""
        return self.options.get("name", self.function.__name__)

    @property
    def source(self) -> str:
        """The function, as "module:function"."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @property
    def location(self) -> str:
        """Where it is defined, as "file:line"."""
        return f"{self.function.__code__.co_filename}:{self.function.__code__.co_firstlineno}"

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The function's signature; its arguments are the pipeline's parameters."""
        return inspect.signature(self.function)

    @functools.cached_property
    def annotations(self) -> dict[str, Any]:
        """The function's annotations, resolved.

        Raises:
            AuthoringError: one can't be resolved.
        """
        return type_hints(self.function)

    def trace(self) -> Trace:
        """Run the body once with placeholders and return the calls that it made.

        A misuse of a placeholder ends the body; it is among the trace's problems, after those found
        before it. Any other exception of the body is the user's own and passes.
        """
        values: Any = {name: ParameterValue(self.name, name) for name in self.signature.parameters}
        with tracing() as trace:
            try:
                self._body(values)
            except PipelineBodyError as error:
                trace.problems.append(str(error))
            except AuthoringError as error:
                where = error_location(error)
                trace.problems.append(f"{where}: {error}" if where else str(error))
        return trace

    def _body(self, values: dict[str, Any]) -> Any:
        if self._inside:
            raise AuthoringError(
                f"pipeline {self.name!r} calls itself, a cycle without end: call its steps instead"
            )
        self._inside = True
        try:
            return self.function(**values)  # type: ignore[call-arg]
        finally:
            self._inside = False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Make this pipeline's steps part of the one being compiled, and return what its body returns.

        Raises:
            AuthoringError: no pipeline is being compiled, or the arguments do not fit.
        """
        if active_trace() is None:
            raise AuthoringError(
                f"pipeline {self.name!r} was called; to run it: `pipes run FILE.py:{self.__name__}`, "  # type: ignore[attr-defined]
                "to write its DAG file: `pipes deploy`"
            )
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise AuthoringError(
                f"pipeline {self.name!r}: {error}; its signature is {self.signature}"
            ) from None
        bound.apply_defaults()
        return self._body(bound.arguments)

    def __repr__(self) -> str:
        return f"<pipeline {self.name!r} from {self.source}>"


@overload
def pipeline(function: Callable[P, Any], /) -> Pipeline[P]: ...


@overload
def pipeline(**options: Unpack[PipelineOptions]) -> Callable[[Callable[P, Any]], Pipeline[P]]: ...


def pipeline(function: Callable[P, Any] | None = None, /, **options: Unpack[PipelineOptions]) -> Any:
    """Make a pipeline of a function: ``@pipeline``, or ``@pipeline(schedule=Schedule(cron="@daily"))``.

    Its arguments are the pipeline's parameters. Its docstring becomes the DAG's description and
    documentation.

    Raises:
        AuthoringError: the function can't be a pipeline, or an option does not exist.
    """
    check_option_names("@pipeline", options, PIPELINE_OPTIONS)

    def decorate(function: Callable[P, Any]) -> Pipeline[P]:
        _check_pipeline_function(function)
        return Pipeline(function, options)

    return decorate if function is None else decorate(function)


def _check_pipeline_function(function: object) -> None:
    if not inspect.isfunction(function):
        raise AuthoringError(f"@pipeline takes a function; got {function!r}")
    where = f"{function.__qualname__!r} ({function.__code__.co_filename}:{function.__code__.co_firstlineno})"
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise AuthoringError(f"{where} can't be a pipeline: write it with a plain `def` that calls steps")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise AuthoringError(
                f"{where} can't be a pipeline: parameters need fixed names, and '{parameter}' has none"
            )
