"""What a step call was given, as inputs of the deployment, with their types checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from airflow_provider_pipes.authoring.outputs import Output
from airflow_provider_pipes.authoring.tracing import StepCall
from airflow_provider_pipes.authoring.values import (
    OutputSource,
    OutputValue,
    ParameterSource,
    ParameterValue,
    Placeholder,
    output_of,
    parameter_of,
)
from airflow_provider_pipes.compiler.typecheck import (
    assignable,
    is_union,
    plain_annotation,
    type_name,
    value_fits,
)
from airflow_provider_pipes.errors import AuthoringError
from airflow_provider_pipes.models.deployment import (
    ArtifactInput,
    ConstantInput,
    InputSpec,
    MappingInput,
    ParameterInput,
    SequenceInput,
)

_MAX_DEPTH = 50


class InputCompiler:
    """Turns the arguments of one call into input specs and gathers what is wrong with them.

    Args:
        call: The call.
        known: Calls of this pipeline that came before it.
        parameter_annotations: The pipeline's parameters and their annotations.
    """

    def __init__(self, call: StepCall, known: set[StepCall], parameter_annotations: dict[str, Any]) -> None:
        self.call = call
        self.known = known
        self.parameter_annotations = parameter_annotations
        self.problems: list[str] = []
        self.upstream: list[str] = []

    def compile(self) -> dict[str, InputSpec]:
        """Return the inputs by name; problems and upstream steps are kept beside."""
        annotations = self._annotations()
        inputs = {}
        for name, value in self.call.inputs.items():
            spec = self._checked(name, value, annotations.get(name, Any))
            if spec is not None:
                inputs[name] = spec
        for earlier in self.call.after:
            self._depend(earlier, "after(…)")
        return inputs

    def _annotations(self) -> dict[str, Any]:
        try:
            return self.call.step.annotations
        except AuthoringError:
            return {}  # the trace has told already

    def _problem(self, name: str, text: str) -> None:
        self.problems.append(f"step {self.call.name!r}, input {name!r} ({self.call.location}): {text}")

    def _checked(self, name: str, value: Any, expected: Any) -> InputSpec | None:
        """Compile one argument: its constants are checked as a whole, its placeholders one by one."""
        if not isinstance(value, Placeholder) and not _fits(value, expected):
            self._problem(
                name,
                f"expected {type_name(expected)}, got the {type(value).__name__} {shortened(value)}; "
                "change the value or the annotation",
            )
            return None
        foreign = foreign_part(value)
        if foreign is not None:
            self._problem(name + foreign.path, foreign.problem)
            return None
        return self._spec(name, value, expected)

    def _spec(self, name: str, value: Any, expected: Any) -> InputSpec | None:
        if isinstance(value, Placeholder):
            return self._placeholder(name, value, expected)
        if is_json(value):
            return ConstantInput(kind="constant", value=value)
        if type(value) is dict:
            inner_type = mapping_annotation(expected)
            entries = {key: self._spec(f"{name}[{key!r}]", each, inner_type) for key, each in value.items()}
            return MappingInput(
                kind="dict", entries={key: each for key, each in entries.items() if each is not None}
            )
        inner = element_annotations(expected, value)
        items = [self._spec(f"{name}[{i}]", each, inner[i]) for i, each in enumerate(value)]
        found = tuple(each for each in items if each is not None)
        return SequenceInput(kind="list" if type(value) is list else "tuple", items=found)

    def _placeholder(self, name: str, value: Placeholder, expected: Any) -> InputSpec | None:
        if isinstance(value, ParameterValue):
            return self._parameter(name, parameter_of(value), expected)
        if not isinstance(value, OutputValue):
            return None
        source = output_of(value)
        earlier = source.call
        if not self._depend(earlier, f"input {name!r}"):
            return None
        output = declared(source)
        if output is None:
            self._problem(
                name, f"step {earlier.name!r} returns nothing; use .after(…) for order without data"
            )
            return None
        if not assignable(output.annotation, expected):
            self._mismatch(
                name, expected, output.annotation, f"from step {earlier.name!r} ({earlier.location})"
            )
        return ArtifactInput(kind="artifact", step=earlier.name, output=output.name)

    def _parameter(self, name: str, source: ParameterSource, expected: Any) -> InputSpec | None:
        if source.name not in self.parameter_annotations:
            self._problem(name, f"{source} does not belong to this pipeline")
            return None
        given = self.parameter_annotations[source.name]
        if not assignable(given, expected):
            self._mismatch(name, expected, given, f"from {source}")
        return ParameterInput(kind="parameter", parameter=source.name)

    def _mismatch(self, name: str, expected: Any, given: Any, origin: str) -> None:
        self._problem(
            name, f"expected {type_name(expected)}, got {type_name(given)} {origin}; change one annotation"
        )

    def _depend(self, earlier: StepCall, use: str) -> bool:
        if earlier not in self.known:
            self.problems.append(
                f"step {self.call.name!r} ({self.call.location}): {use} comes from step {earlier.name!r} of "
                "another pipeline; call the step in this one"
            )
            return False
        if earlier.name not in self.upstream:
            self.upstream.append(earlier.name)
        return True


def declared(source: OutputSource) -> Output | None:
    """Return the declaration of an output, or None where the step returns nothing."""
    return next((each for each in source.call.outputs if each.name == source.output), None)


@dataclass(frozen=True)
class ForeignPart:
    """A part of a constant that a deployment can't hold, the way to it, and what is wrong with it."""

    path: str
    problem: str


def foreign_part(value: Any, path: str = "", depth: int = 0) -> ForeignPart | None:
    """Return the first part of a nested list, tuple or dict that a deployment can't hold, or None."""
    if isinstance(value, Placeholder) or value is None or type(value) in (bool, int, float, str):
        return None
    inner: Iterator[tuple[str, Any]]
    if type(value) in (list, tuple):
        inner = ((f"[{index}]", each) for index, each in enumerate(value))
    elif type(value) is dict and all(type(key) is str for key in value):
        inner = ((f"[{key!r}]", each) for key, each in value.items())
    else:
        return ForeignPart(
            path,
            f"the constant {shortened(value)} of type {type(value).__name__} is not JSON; pass numbers, "
            "text, None, lists, tuples, dicts of these with text as keys, and make anything else in a step",
        )
    if depth > _MAX_DEPTH:
        return ForeignPart("", f"it is nested more than {_MAX_DEPTH} levels deep; make it in a step")
    found = (foreign_part(each, path + step, depth + 1) for step, each in inner)
    return next((each for each in found if each is not None), None)


def is_json(value: Any) -> bool:
    """Whether a value of bounded depth comes back exactly, type for type, from JSON."""
    if value is None or type(value) in (bool, int, float, str):
        return True
    if type(value) is list:
        return all(map(is_json, value))
    if type(value) is dict:
        return all(type(key) is str and is_json(each) for key, each in value.items())
    return False


def _fits(value: Any, expected: Any) -> bool:
    try:
        return value_fits(value, expected)
    except RecursionError:
        return True  # a list that holds itself: told as nested too deep


def element_annotations(expected: Any, value: list[Any] | tuple[Any, ...]) -> list[Any]:
    """Return what each element of ``value`` should be, where ``expected`` says so."""
    found = []
    for origin, arguments in _containers_for(expected, type(value)):
        if origin is tuple and Ellipsis not in arguments:
            found.append(list(arguments))
        else:
            found.append([arguments[0]] * len(value))
    fitting = [each for each in found if len(each) == len(value)]
    return fitting[0] if len(fitting) == 1 else [Any] * len(value)


def mapping_annotation(expected: Any) -> Any:
    """Return what each value of a mapping should be, where ``expected`` says so."""
    found = [arguments[1] for _, arguments in _containers_for(expected, dict) if len(arguments) == 2]
    return found[0] if len(found) == 1 else Any


def _containers_for(expected: Any, kind: type) -> list[tuple[type, tuple[Any, ...]]]:
    """Return the alternatives of an annotation that take a container of ``kind`` and say what is in it."""
    plain = plain_annotation(expected)
    alternatives = map(plain_annotation, get_args(plain)) if is_union(plain) else [plain]
    origins = ((get_origin(each), get_args(each)) for each in alternatives)
    return [
        (origin, arguments)
        for origin, arguments in origins
        if isinstance(origin, type) and issubclass(kind, origin) and arguments
    ]


def shortened(value: Any) -> str:
    """Return a value's repr, cut to fit into a message."""
    try:
        text = repr(value)
    except Exception:  # a user's own __repr__
        return f"<{type(value).__name__}>"
    return text if len(text) <= 60 else text[:57] + "…"
