from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.cli.parameters import given_parameters, parse_value
from airflow_provider_pipes.compiler.parameter_values import admitted_types
from airflow_provider_pipes.compiler.parameters import json_schema, run_parameters
from airflow_provider_pipes.errors import ParameterError
from airflow_provider_pipes.models.deployment import ParameterSpec

texts = st.text(st.characters(exclude_categories=()))
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(texts, inner)),
    max_leaves=10,
)


def spec(name: str, annotation: Any) -> ParameterSpec:
    return ParameterSpec(name=name, json_schema=json_schema(annotation), required=True)


@given(texts)
def test_a_text_parameter_takes_what_is_written(text: str) -> None:
    for annotation in (str, Literal["a", "5"]):
        assert parse_value(text, json_schema(annotation)) == text
    assert given_parameters([f"name={text}"], [spec("name", str)]) == ({"name": text}, {})


@given(values)
def test_any_value_written_as_json_is_read_back(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert repr(parse_value(text, json_schema(Any))) == repr(value)


@given(st.one_of(st.none(), numbers, texts))
def test_a_union_with_text_reads_json_that_fits_and_text_otherwise(value: Any) -> None:
    schema = json_schema(float | str | None)
    assert repr(parse_value(json.dumps(value), schema)) == repr(value)
    assert parse_value(f"{json.dumps(value)} and more", schema) == f"{json.dumps(value)} and more"


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str | None, "5", "5"),
        (str | None, "true", "true"),
        (str | None, "null", None),
        (str | None, '"null"', "null"),
        (str | None, "NaN", "NaN"),
        (str | None, "[" * 5000, "[" * 5000),
        (int | str, "5", 5),
        (int | str, "5.5", "5.5"),
        (float, "5", 5),
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, list[int]], '{"rows": [1]}', {"rows": [1]}),
        (Literal[1, "1"], "1", 1),
        (Literal[1, "a"], "a", "a"),
        (bool, "true", True),
    ],
)
def test_text_means_what_fits_the_type(annotation: Any, text: str, value: Any) -> None:
    found = parse_value(text, json_schema(annotation))
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("annotation", "text", "says"),
    [
        (bool, "True", "expected true or false, got 'True'; write true$"),
        (int | None, "None", "expected an integer or null, got 'None'; write null$"),
        (int, "abc", "expected an integer, got 'abc'$"),
        (int, "", "expected an integer, got ''$"),
        (float, "1e400", "expected a number, got '1e400': '1e400' is too large for a number$"),
        (list[float], "[-1e400]", "'-1e400' is too large for a number$"),
        (dict[str, int], "{a: 1}", "expected an object, got '{a: 1}'; write JSON, in quotes so that"),
        (float, "NaN", "NaN is no number in JSON"),
        (float, "-Infinity", "-Infinity is no number in JSON"),
        (list[int], "[1,", "expected a list, got .*; write JSON, in quotes so that the shell leaves"),
        (list[int], "[" * 100_000, r"it is nested too deeply"),
    ],
)
def test_what_is_no_json_says_what_is_expected(annotation: Any, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_value(text, json_schema(annotation))


def test_all_that_is_wrong_is_told_at_once() -> None:
    specs = (spec("b", int), spec("c", int), spec("d", int), spec("e", int))
    read, unreadable = given_parameters(["a", "=1", "b=1", "b=2", "c=x", "unknown=x", 'd="x"'], specs)
    with pytest.raises(ParameterError) as raised:
        run_parameters(specs, read, unreadable)
    said = str(raised.value)
    for part in (
        "'a': expected NAME=VALUE",
        "'=1': expected NAME=VALUE",
        "'b' is given more than once",
        "'c': expected an integer, got 'x'",
        "'unknown' is no parameter of this pipeline",
        "'d': expected an integer, got \"x\"",
        "'e' has no default",
    ):
        assert part in said
    assert "'c' has no default" not in said


def test_types_are_found_behind_references_that_go_round() -> None:
    schema = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": ["string", "null"]}, {"enum": [1, 2.5]}]}},
    }
    assert admitted_types(schema) == {"string", "null", "integer", "number"}
    assert admitted_types(json_schema(str)) == {"string"}
    assert admitted_types({}) == {"null", "boolean", "integer", "number", "string", "array", "object"}
