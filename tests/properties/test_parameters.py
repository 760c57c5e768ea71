"""Parameters keep their declared types on their way through JSON and PostgreSQL's JSONB."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Literal, NotRequired

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from airflow_provider_pipes.compiler.parameters import INTEGER_MAX, INTEGER_MIN, NUMBER_MAX, json_schema
from airflow_provider_pipes.models.parameters import coerce

integers = st.integers(INTEGER_MIN, INTEGER_MAX)
# -0.0 is 0 to JSONB, and 0.0 to whoever declared a float.
floats = st.floats(-NUMBER_MAX, NUMBER_MAX).map(
    lambda number: number + 0.0 if number else 0.0
) | st.sampled_from([1e17, 9e18, 5e-324, 1.0, -3.0])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)


class Part(TypedDict):
    x: float
    n: NotRequired[int]


class Whole(TypedDict):
    parts: list[Part]
    rate: float | None
    labels: dict[str, int]


parts = st.fixed_dictionaries({"x": floats}, optional={"n": integers})
wholes = st.fixed_dictionaries(
    {
        "parts": st.lists(parts, max_size=3),
        "rate": st.none() | floats,
        "labels": st.dictionaries(texts, integers, max_size=2),
    }
)

TYPED: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, integers),
    (float, floats),
    (bool, st.booleans()),
    (str, texts),
    (int | None, st.none() | integers),
    (float | None, st.none() | floats),
    (float | str, floats | texts),
    (bool | float, st.booleans() | floats),
    (Literal["auto"] | float, st.just("auto") | floats),
    (Literal[1, "a", True, None], st.sampled_from([1, "a", True, None])),
    (list[float], st.lists(floats, max_size=4)),
    (list[int | None], st.lists(st.none() | integers, max_size=4)),
    (list[list[float]] | None, st.none() | st.lists(st.lists(floats, max_size=2), max_size=2)),
    (dict[str, float], st.dictionaries(texts, floats, max_size=3)),
    (dict[str, list[float]], st.dictionaries(texts, st.lists(floats, max_size=2), max_size=2)),
    (Part, parts),
    (Part | None, st.none() | parts),
    (Part | float | None, st.none() | parts | floats),
    (Whole, wholes),
    (list[Whole] | str, st.lists(wholes, max_size=2) | texts),
]
cases = st.sampled_from(TYPED).flatmap(lambda typed: typed[1].map(lambda value: (typed[0], value)))


def through_jsonb(value: Any) -> Any:
    """Return what PostgreSQL gives back: numbers without an exponent, keys by length, -0 as 0."""
    if isinstance(value, float):
        written = format(Decimal(repr(value)), "f")
        return json.loads(written.removesuffix(".0"))
    if isinstance(value, list):
        return [through_jsonb(each) for each in value]
    if isinstance(value, dict):
        by_length = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: through_jsonb(value[key]) for key in by_length}
    return value


def exactly(value: Any) -> str:
    """Return a text that tells types apart, and not the order of keys."""
    if isinstance(value, dict):
        return f"{{{sorted((key, exactly(each)) for key, each in value.items())}}}"
    return f"[{[exactly(each) for each in value]}]" if isinstance(value, list) else repr(value)


@settings(deadline=None, max_examples=400)
@given(cases)
def test_a_value_keeps_its_declared_types(case: tuple[Any, Any]) -> None:
    annotation, value = case
    schema = json_schema(annotation)
    jsonschema.validate(value, schema)
    stored = through_jsonb(value)
    jsonschema.validate(stored, schema)
    assert exactly(coerce(stored, schema)) == exactly(value)
    assert exactly(coerce(json.loads(json.dumps(value)), schema)) == exactly(value)


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([annotation for annotation, _ in TYPED] + [Any]), anything)
def test_a_valid_value_stays_valid_and_equal_and_none_makes_it_fail(annotation: Any, value: Any) -> None:
    schema = json_schema(annotation)
    coerced = coerce(value, schema)
    assert coerced == value
    if jsonschema.Draft202012Validator(schema).is_valid(value):
        jsonschema.validate(coerced, schema)
