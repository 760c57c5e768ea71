from __future__ import annotations

import inspect
import typing
from typing import Annotated, Any, Literal, NotRequired, Optional, Required

import jsonschema
import pytest
from pydantic import Field
from typing_extensions import TypedDict

from airflow_provider_pipes import Schedule, pipeline
from airflow_provider_pipes.authoring.pipeline import Pipeline
from airflow_provider_pipes.compiler.parameters import (
    INTEGER_MAX,
    INTEGER_MIN,
    json_schema,
    parameter_specs,
    run_parameters,
)
from airflow_provider_pipes.errors import ParameterError
from airflow_provider_pipes.models.deployment import ParameterSpec
from airflow_provider_pipes.models.parameters import coerce


class Point(TypedDict):
    x: float
    label: NotRequired[str]


class Node(TypedDict, total=False):
    weight: Required[float]
    children: list[Node]


class json(TypedDict):  # noqa: N801 - a name that a definition of ours might have
    x: Any


def made(annotation: Any = inspect.Parameter.empty, default: Any = inspect.Parameter.empty) -> Pipeline[...]:
    """Return a pipeline with one parameter ``p``."""

    def body(p: Any) -> None: ...

    parameter = inspect.Parameter("p", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
    body.__annotations__ = {} if annotation is inspect.Parameter.empty else {"p": annotation}
    body.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    return pipeline(body)


def spec_of(annotation: Any, default: Any = inspect.Parameter.empty) -> ParameterSpec:
    specs, problems = parameter_specs(made(annotation, default))
    assert problems == []
    return specs[0]


def problem_of(annotation: Any, default: Any = inspect.Parameter.empty) -> str:
    specs, problems = parameter_specs(made(annotation, default))
    assert specs == ()
    assert len(problems) == 1
    return problems[0]


def is_valid(value: Any, schema: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


TYPES: list[tuple[Any, list[Any], list[Any]]] = [
    (bool, [True, False], [0, 1, "true", None]),
    (int, [0, -5, INTEGER_MIN, INTEGER_MAX], [1.5, "1", True, None, 2**63, -(2**63) - 1, 2**70]),
    (float, [0.5, -1e17, 3], ["1", None, True, 1e300, -1e300, float("inf"), 2**70]),
    (str, ["", "é", "{{ 7*7 }}"], [1, None, ["a"]]),
    (None, [None], [0, ""]),
    (Optional[int], [None, 1], ["a", 2**70]),  # noqa: UP045
    (int | str, [1, "a"], [None, 1.5, []]),
    (Literal["a", 1, None, True], ["a", 1, None, True], ["b", 2, False]),
    (list[int], [[], [1]], [["a"], 1, [2**70], [None]]),
    (list[Any], [[1, "a", None, {"b": [1.5]}]], [[2**70], [[1e300]], 3]),
    (list, [[1, "a"]], [[2**70], {}]),
    (typing.List, [[1, "a"]], [{}]),  # noqa: UP006
    (dict[str, float], [{}, {"a": 1.5}], [{"a": "b"}, [1], {"a": 1e300}]),
    (dict[str, Any], [{"a": {"b": [None]}}], [{"a": {"b": [2**70]}}]),
    (dict, [{"a": 1}], [[1], {"a": 2**70}]),
    (typing.Dict, [{"a": 1}], [[1]]),  # noqa: UP006
    (Any, [None, True, 1, 1.5, "a", [1], {"a": 1}], [2**70, 1e300, [2**70], {"a": {"b": 1e300}}]),
    (Point, [{"x": 1.5}, {"x": 1, "label": "a"}], [{}, {"x": "a"}, {"x": 1.5, "label": 3}, {"x": 1e300}]),
    (list[Point] | None, [None, [{"x": 1.5}]], [[{}]]),
    (Node, [{"weight": 1.0, "children": [{"weight": 2.0}]}], [{}, {"weight": 1.0, "children": [{}]}]),
    (json, [{"x": {"x": [1]}}], [{}, {"x": 2**70}]),
    (Annotated[int, Field(ge=1, le=5)], [1, 5], [0, 6]),
    (Annotated[float, Field(gt=0)], [0.1], [0, 1e300]),
    (Annotated[float, Field(gt=-1e300)], [-1e18], [-1e299, 1e300]),
    (Annotated[str, Field(pattern="^a+$")], ["aa"], ["b"]),
    (Annotated[list[int], Field(max_length=1)], [[1]], [[1, 2]]),
]


@pytest.mark.parametrize(("annotation", "valid", "invalid"), TYPES, ids=[str(each[0]) for each in TYPES])
def test_the_schema_of_a_type_admits_its_values_and_no_others(
    annotation: Any, valid: list[Any], invalid: list[Any]
) -> None:
    schema = json_schema(annotation)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert [value for value in valid if not is_valid(value, schema)] == []
    assert [value for value in invalid if is_valid(value, schema)] == []


@pytest.mark.parametrize(("annotation", "valid", "invalid"), TYPES, ids=[str(each[0]) for each in TYPES])
def test_a_valid_value_can_be_a_default_and_an_invalid_one_can_not(
    annotation: Any, valid: list[Any], invalid: list[Any]
) -> None:
    for value in valid:
        assert spec_of(annotation, value).default == value
    for value in invalid:
        assert "its default" in problem_of(annotation, value)


def test_a_parameter_without_a_default_must_be_given() -> None:
    spec = spec_of(int)
    assert spec.required
    with pytest.raises(ParameterError, match="parameter 'p' has no default: give it with --param p=…"):
        run_parameters((spec,), {})


def test_a_form_shows_the_name_of_the_parameter_and_not_that_of_its_class() -> None:
    assert "title" not in spec_of(Point, {"x": 1.0}).json_schema
    assert spec_of(Annotated[int, Field(title="How many")], 1).json_schema["title"] == "How many"


def test_a_parameter_without_an_annotation_takes_any_json() -> None:
    specs, problems = parameter_specs(made(default=[1, {"a": None}]))
    assert problems == []
    assert specs[0].default == [1, {"a": None}]


@pytest.mark.parametrize(
    "annotation",
    [bytes, complex, set[int], tuple[int, int], dict[int, str], object, list[bytes], int | bytes, type],
)
def test_a_type_that_no_form_can_give_is_refused(annotation: Any) -> None:
    assert "can't be given by form or command line; use bool, int, float, str, None" in problem_of(annotation)


def test_a_typed_dict_with_such_a_type_inside_is_refused() -> None:
    class Odd(TypedDict):
        rows: list[bytes]

    assert "type test_a_typed_dict" in problem_of(Odd)


@pytest.mark.parametrize(
    ("annotation", "default", "why"),
    [
        (float, float("nan"), "nan is no JSON number; use None"),
        (float, float("inf"), "inf is no JSON number; use None"),
        (float, 1e300, "expected at most 9.2e+18, got 1e+300"),
        (int, 2**70, "expected at most 9223372036854775807, got 1180591620717411303424"),
        (int, None, "expected an integer, got null"),
        (str, "\ud800", "Airflow's database takes no NUL character and no lone surrogate"),
        (str, "a\x00b", "Airflow's database takes no NUL character and no lone surrogate"),
        (dict[str, str], {"a\x00": "b"}, "Airflow's database takes no NUL character"),
        (list[Any], [(1, 2)], "tuple is no JSON"),
        (list[Any], [object()], "object is no JSON"),
        (dict[str, Any], {"a": {1: 2}}, "dict is no JSON"),
        (list[int], [1, "a"], 'at [1]: expected an integer, got "a"'),
        (dict[str, Any], {"a": {"b": float("nan")}}, "nan is no JSON number"),
    ],
)
def test_a_default_that_does_not_fit_is_refused_with_the_reason(
    annotation: Any, default: Any, why: str
) -> None:
    problem = problem_of(annotation, default)
    assert problem.startswith("parameter 'p': its default ")
    assert why in problem


@pytest.mark.parametrize(
    ("annotation", "default", "expected"), [(float, 1, "1.0"), (int, 3.0, "3"), (list[float], [1], "[1.0]")]
)
def test_a_default_gets_its_declared_type(annotation: Any, default: Any, expected: str) -> None:
    assert repr(spec_of(annotation, default).default) == expected


def test_the_name_of_our_own_switch_is_taken() -> None:
    def body(pipes_cache: bool = True) -> None: ...

    _, problems = parameter_specs(pipeline(body))
    assert "this name is taken" in problems[0]


def test_a_scheduled_pipeline_needs_defaults() -> None:
    def body(day: str, n: int = 1) -> None: ...

    _, problems = parameter_specs(pipeline(schedule=Schedule(cron="@daily"))(body))
    assert problems == ["parameter 'day' has no default, and scheduled runs give none: give it one"]


def test_all_values_of_a_run_that_do_not_fit_are_told() -> None:
    specs = (spec_of(int, 1), ParameterSpec(name="q", json_schema={"type": "string"}, required=True))
    with pytest.raises(ParameterError) as caught:
        run_parameters(specs, {"p": "a", "z": 1, "\ud800": 2})
    assert str(caught.value).splitlines() == [
        "these parameters do not fit:",
        "  - 'z' is no parameter of this pipeline; it has: p, q",
        "  - '\\ud800' is no parameter of this pipeline; it has: p, q",
        "  - parameter 'p': expected an integer, got \"a\"",
        "  - parameter 'q' has no default: give it with --param q=…",
    ]


@pytest.mark.parametrize(
    "value", [1e300, float("nan"), float("inf"), 2**70, 10**400, "\ud800", None, "1", object()]
)
def test_a_value_that_airflow_would_crash_on_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match="parameter 'p': "):
        run_parameters((spec_of(float, 1.0),), {"p": value})


def test_given_values_get_their_declared_types() -> None:
    assert repr(run_parameters((spec_of(float, 1.0),), {"p": 10**17})) == "{'p': 1e+17}"


def test_a_typed_dict_of_typing_tells_what_to_use_before_python_3_12() -> None:
    class Plain(typing.TypedDict):
        x: int

    specs, problems = parameter_specs(made(Plain, {"x": 1}))
    assert bool(specs) or "Please use `typing_extensions.TypedDict`" in problems[0]


def test_a_recursive_type_is_coerced_at_every_depth() -> None:
    schema = json_schema(Node)
    value = {"weight": 1, "children": [{"weight": 2, "children": [{"weight": 3}]}]}
    expected = "{'weight': 1.0, 'children': [{'weight': 2.0, 'children': [{'weight': 3.0}]}]}"
    assert repr(coerce(value, schema)) == expected
