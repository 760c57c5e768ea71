from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.errors import RunError
from airflow_provider_pipes.models.documents import OutputReference
from airflow_provider_pipes.runtime.inputs import content_of, load_inputs, resolve_inputs
from airflow_provider_pipes.runtime.plan import DeploymentPlan, StepPlan


def plan(**inputs: Any) -> StepPlan:
    return StepPlan(DeploymentPlan("d", {}), {"name": "s", "inputs": inputs})


def reference(sha256: str = "0") -> dict[str, Any]:
    made = OutputReference(
        path=f"at/{sha256}", uri="u", materializer="json", type="int", size=1, sha256=sha256
    )
    return made.to_mapping()


def constant(value: Any) -> dict[str, Any]:
    return {"kind": "constant", "value": value}


ARTIFACT = {"kind": "artifact", "step": "load", "output": "rows"}


def test_an_input_comes_back_in_the_shape_that_it_was_given_in() -> None:
    nested = {
        "kind": "dict",
        "entries": {
            "b": {"kind": "tuple", "items": [ARTIFACT, constant([1, {"value": 2}])]},
            "a": {"kind": "list", "items": [{"kind": "parameter", "parameter": "lr"}]},
        },
    }
    resolved = resolve_inputs(
        plan(x=nested, y=constant({"reference": 1})), {"lr": 0.5}, {"load": {"rows": reference("7")}}
    )
    loaded = load_inputs(resolved, lambda found: found.path)
    assert loaded == {"x": {"b": ("at/7", [1, {"value": 2}]), "a": [0.5]}, "y": {"reference": 1}}
    assert list(loaded["x"]) == ["b", "a"]


def test_an_output_that_an_earlier_step_did_not_leave_is_told() -> None:
    with pytest.raises(RunError, match="step 's', input 'x': step 'load' left no output 'rows' in this run"):
        resolve_inputs(plan(x=ARTIFACT), {}, {"load": {"other": reference()}})
    with pytest.raises(RunError, match="run 'load' again"):
        resolve_inputs(plan(x=ARTIFACT), {}, {})


def test_a_parameter_that_the_run_does_not_have_is_told() -> None:
    with pytest.raises(RunError, match="step 's', input 'x': this run has no parameter 'lr'"):
        resolve_inputs(plan(x={"kind": "parameter", "parameter": "lr"}), {}, {})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"value": 1}, {"value": 1.0}),
        ({"value": 1}, {"value": True}),
        ({"value": 1}, {"value": "1"}),
        ({"value": {"a": 1, "b": 2}}, {"value": {"b": 2, "a": 1}}),
        ({"value": [1]}, {"list": [{"value": 1}]}),
        ({"list": [{"value": 1}]}, {"tuple": [{"value": 1}]}),
        ({"dict": {"a": {"value": 1}, "b": {"value": 2}}}, {"dict": {"b": {"value": 2}, "a": {"value": 1}}}),
        ({"reference": reference("1")}, {"reference": reference("2")}),
        ({"reference": reference("1")}, {"reference": {**reference("1"), "materializer": "pickle"}}),
    ],
)
def test_inputs_that_differ_to_the_step_differ_in_content(one: Any, other: Any) -> None:
    assert content_of(one) != content_of(other)


def test_where_an_artifact_lies_makes_no_difference() -> None:
    moved = {**reference("1"), "path": "elsewhere", "uri": "s3://other"}
    assert content_of({"reference": reference("1")}) == content_of({"reference": moved})


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=()))
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


@given(values)
def test_any_constant_arrives_as_it_is(value: Any) -> None:
    resolved = resolve_inputs(plan(x=constant(value)), {}, {})
    assert repr(load_inputs(resolved, lambda found: found)["x"]) == repr(value)
    assert content_of(resolved["x"]) == content_of(resolved["x"])
