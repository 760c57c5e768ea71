"""What a step call was given, as inputs of the deployment, with their types checked."""

from __future__ import annotations

from typing import Any

from airflow_provider_pipes.authoring.outputs import Output
from airflow_provider_pipes.authoring.tracing import StepCall
from airflow_provider_pipes.authoring.values import OutputValue, ParameterValue, Placeholder
from airflow_provider_pipes.compiler.typecheck import assignable, type_name, value_fits
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
            spec = self._spec(name, value, annotations.get(name, Any), 0)
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

    def _spec(self, name: str, value: Any, expected: Any, depth: int) -> InputSpec | None:
        if isinstance(value, Placeholder):
            return self._placeholder(name, value, expected)
        if depth == 0 and not contains_placeholder(value) and not value_fits(value, expected):
            self._problem(
                name,
                f"expected {type_name(expected)}, got the {type(value).__name__} {shortened(value)}; "
                "change the value or the annotation",
            )
            return None
        return self._constant_or_container(name, value, expected, depth)

    def _constant_or_container(self, name: str, value: Any, expected: Any, depth: int) -> InputSpec | None:
        if is_json(value):
            return ConstantInput(kind="constant", value=value)
        if depth < _MAX_DEPTH and type(value) in (list, tuple):
            inner = element_annotations(expected, len(value))
            items = [self._spec(f"{name}[{i}]", each, inner[i], depth + 1) for i, each in enumerate(value)]
            found = tuple(each for each in items if each is not None)
            return SequenceInput(kind="list" if type(value) is list else "tuple", items=found)
        if depth < _MAX_DEPTH and type(value) is dict and all(type(key) is str for key in value):
            inner_type = mapping_annotation(expected)
            specs = {key: self._spec(f"{name}[{key!r}]", each, inner_type, depth + 1) for key, each in value.items()}
            return MappingInput(kind="dict", entries={key: spec for key, spec in specs.items() if spec is not None})
        self._problem(
            name,
            f"the constant {shortened(value)} of type {type(value).__name__} is not JSON; pass numbers, text, None, "
            "lists, tuples and dicts of these, and make anything else in a step",
        )
        return None

    def _placeholder(self, name: str, value: Placeholder, expected: Any) -> InputSpec | None:
        if isinstance(value, ParameterValue):
            return self._parameter(name, value, expected)
        if not isinstance(value, OutputValue) or not self._depend(value.call, f"input {name!r}"):
            return None
        output = declared(value)
        if output is None:
            self._problem(name, f"step {value.call.name!r} returns nothing; use .after(…) for order without data")
            return None
        if not assignable(output.annotation, expected):
            self._mismatch(name, expected, output.annotation, f"from step {value.call.name!r} ({value.call.location})")
        return ArtifactInput(kind="artifact", step=value.call.name, output=output.name)

    def _parameter(self, name: str, value: ParameterValue, expected: Any) -> InputSpec | None:
        if value.name not in self.parameter_annotations:
            self._problem(name, f"{value.describe()} does not belong to this pipeline")
            return None
        given = self.parameter_annotations[value.name]
        if not assignable(given, expected):
            self._mismatch(name, expected, given, f"from {value.describe()}")
        return ParameterInput(kind="parameter", parameter=value.name)

    def _mismatch(self, name: str, expected: Any, given: Any, origin: str) -> None:
        self._problem(name, f"expected {type_name(expected)}, got {type_name(given)} {origin}; change one annotation")

    def _depend(self, earlier: StepCall, use: str) -> bool:
        if earlier not in self.known:
            self.problems.append(
                f"step {self.call.name!r} ({self.call.location}): {use} comes from step {earlier.name!r} of another "
                "pipeline; call the step in this one"
            )
            return False
        if earlier.name not in self.upstream:
            self.upstream.append(earlier.name)
        return True


def declared(value: OutputValue) -> Output | None:
    """Return the declaration of an output, or None where the step returns nothing."""
    return next((each for each in value.call.outputs if each.name == value.output), None)


def contains_placeholder(value: Any) -> bool:
    """Whether a placeholder is anywhere in a nested list, tuple or dict."""
    if isinstance(value, Placeholder):
        return True
    try:
        if isinstance(value, list | tuple):
            return any(contains_placeholder(each) for each in value)
        return isinstance(value, dict) and any(contains_placeholder(each) for each in value.values())
    except RecursionError:
        return False  # a list that holds itself; told as no JSON


def is_json(value: Any, depth: int = 0) -> bool:
    """Whether a value comes back exactly, type for type, from JSON."""
    if value is None or type(value) in (bool, int, float, str):
        return True
    if depth > _MAX_DEPTH:
        return False
    if type(value) is list:
        return all(is_json(each, depth + 1) for each in value)
    if type(value) is dict:
        return all(type(key) is str and is_json(each, depth + 1) for key, each in value.items())
    return False


def element_annotations(expected: Any, count: int) -> list[Any]:
    """Return what each of ``count`` elements should be, where ``expected`` says so."""
    arguments = [each for each in getattr(expected, "__args__", ()) if each is not Ellipsis]
    if getattr(expected, "__origin__", None) is tuple and len(arguments) == count:
        return arguments
    if getattr(expected, "__origin__", None) in (list, tuple) and len(arguments) == 1:
        return arguments * count
    return [Any] * count


def mapping_annotation(expected: Any) -> Any:
    """Return what each value of a mapping should be, where ``expected`` says so."""
    arguments = getattr(expected, "__args__", ())
    return arguments[-1] if getattr(expected, "__origin__", None) is dict and len(arguments) == 2 else Any


def shortened(value: Any) -> str:
    """Return a value's repr, cut to fit into a message."""
    try:
        text = repr(value)
    except Exception:  # a user's own __repr__
        return f"<{type(value).__name__}>"
    return text if len(text) <= 60 else text[:57] + "…"
