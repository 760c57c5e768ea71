"""A step's inputs: resolved by the launcher, loaded by the runner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_pipes.errors import RunError
from airflow_provider_pipes.models.canonical import canonical_json
from airflow_provider_pipes.models.documents import OutputReference
from airflow_provider_pipes.runtime.plan import StepPlan

References = Mapping[str, Mapping[str, Any]]
Resolved = dict[str, Any]


def resolve_inputs(
    plan: StepPlan, parameters: Mapping[str, Any], upstream: Mapping[str, References]
) -> dict[str, Resolved]:
    """Return each input as a value or a reference.

    Args:
        plan: The step.
        parameters: The run's parameters.
        upstream: For each step before, its output references by name.

    Raises:
        RunError: an upstream step has no such output in this run.
    """
    return {name: _resolve(plan, name, spec, parameters, upstream) for name, spec in plan.inputs.items()}


def _resolve(
    plan: StepPlan,
    name: str,
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    upstream: Mapping[str, References],
) -> Resolved:
    kind = spec["kind"]
    if kind == "constant":
        return {"value": spec["value"]}
    if kind == "parameter":
        if spec["parameter"] not in parameters:
            raise RunError(
                f"step {plan.name!r}, input {name!r}: this run has no parameter {spec['parameter']!r}"
            )
        return {"value": parameters[spec["parameter"]]}
    if kind == "artifact":
        return {"reference": dict(_reference(plan, name, spec, upstream))}
    if kind == "dict":
        entries = spec["entries"].items()
        return {"dict": {key: _resolve(plan, name, each, parameters, upstream) for key, each in entries}}
    return {kind: [_resolve(plan, name, each, parameters, upstream) for each in spec["items"]]}


def _reference(
    plan: StepPlan, name: str, spec: Mapping[str, Any], upstream: Mapping[str, References]
) -> Mapping[str, Any]:
    try:
        return upstream[spec["step"]][spec["output"]]
    except KeyError:
        raise RunError(
            f"step {plan.name!r}, input {name!r}: step {spec['step']!r} left no output {spec['output']!r} in "
            f"this run; run {spec['step']!r} again"
        ) from None


def load_inputs(inputs: Mapping[str, Resolved], load: Callable[[OutputReference], Any]) -> dict[str, Any]:
    """Return the values of resolved inputs; ``load`` reads what a reference names."""
    return {name: _load(resolved, load) for name, resolved in inputs.items()}


def _load(resolved: Resolved, load: Callable[[OutputReference], Any]) -> Any:
    if "value" in resolved:
        return resolved["value"]
    if "reference" in resolved:
        return load(OutputReference.from_mapping(resolved["reference"]))
    if "dict" in resolved:
        return {key: _load(each, load) for key, each in resolved["dict"].items()}
    if "tuple" in resolved:
        return tuple(_load(each, load) for each in resolved["tuple"])
    return [_load(each, load) for each in resolved["list"]]


def content_of(resolved: Any) -> Any:
    """Return a resolved input with each reference replaced by what identifies its content."""
    if not isinstance(resolved, Mapping):
        return resolved
    if "reference" in resolved:
        reference = resolved["reference"]
        return {"sha256": reference["sha256"], "materializer": reference["materializer"]}
    if "value" in resolved:
        # As text, since a dict in another order is another value to the step.
        return {"value": canonical_json(resolved["value"], keep_order=True).decode("ascii")}
    (kind, inner), *_ = resolved.items()
    if kind == "dict":
        return {kind: [[key, content_of(each)] for key, each in inner.items()]}
    return {kind: [content_of(each) for each in inner]}
