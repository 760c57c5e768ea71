from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pipes.models.parameters import coerce

INTEGER, NUMBER, TEXT, NULL = {"type": "integer"}, {"type": "number"}, {"type": "string"}, {"type": "null"}
INTEGERS = {"type": "array", "items": INTEGER}
NUMBERS = {"type": "array", "items": NUMBER}
POINT = {"type": "object", "properties": {"x": NUMBER, "n": INTEGER}, "required": ["x"]}
NAMED = {"type": "object", "properties": {"x": INTEGER, "name": TEXT}, "required": ["x", "name"]}


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        (10**17, NUMBER, 1e17),
        (5.0, INTEGER, 5),
        (5.5, INTEGER, 5.5),
        (True, NUMBER, True),
        (True, INTEGER, True),
        ("5", INTEGER, "5"),
        (None, NUMBER, None),
        ([1, 2.5], NUMBERS, [1.0, 2.5]),
        ({"a": 1}, {"type": "object", "additionalProperties": NUMBER}, {"a": 1.0}),
        ({"x": 1, "n": 2.0, "other": 3}, POINT, {"x": 1.0, "n": 2, "other": 3}),
        (1, {"anyOf": [NUMBER, NULL]}, 1.0),
        (None, {"anyOf": [NUMBER, NULL]}, None),
        (1, {"anyOf": [INTEGER, NUMBER]}, 1),
        (1.0, {"anyOf": [INTEGER, NUMBER]}, 1.0),
        (1.0, {"anyOf": [INTEGER, NULL]}, 1),
        (1, {"type": ["number", "null"]}, 1.0),
        ([1.0], {"anyOf": [INTEGERS, NUMBERS]}, [1.0]),
        ([1], {"anyOf": [NUMBERS, INTEGERS]}, [1]),
        ({"x": 1, "name": "a"}, {"anyOf": [POINT, NAMED]}, {"x": 1, "name": "a"}),
        ({"x": 1}, {"anyOf": [NAMED, POINT]}, {"x": 1.0}),
        (1.0, {"enum": [1, "a"]}, 1),
        (1, {"enum": [True, 1]}, 1),
        (True, {"enum": [1, True]}, True),
        (1.0, {"const": 1}, 1),
        ("b", {"enum": [1, "a"]}, "b"),
        (1, {"anyOf": [{"enum": ["auto"]}, NUMBER]}, 1.0),
        (3.0, {}, 3.0),
        (3.0, {"items": True}, 3.0),
        ([3.0], {"type": "array", "items": True}, [3.0]),
        (float("inf"), INTEGER, float("inf")),
        (10**400, NUMBER, 10**400),
    ],
)
def test_a_value_gets_its_declared_type(value: Any, schema: dict[str, Any], expected: Any) -> None:
    found = coerce(value, schema)
    assert repr(found) == repr(expected)


def test_an_alternative_may_be_named_by_reference() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/Point"}, NULL], "$defs": {"Point": POINT}}
    assert repr(coerce({"x": 1}, schema)) == "{'x': 1.0}"
    assert coerce(None, schema) is None


def test_alternatives_may_be_nested() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/Either"}, NULL], "$defs": {"Either": {"anyOf": [NUMBERS, TEXT]}}}
    assert repr(coerce([1], schema)) == "[1.0]"


def test_a_schema_may_name_itself() -> None:
    node = {
        "type": "object",
        "properties": {"w": NUMBER, "children": {"type": "array", "items": {"$ref": "#/$defs/N"}}},
    }
    schema = {"$ref": "#/$defs/N", "$defs": {"N": node}}
    assert repr(coerce({"w": 1, "children": [{"w": 2}]}, schema)) == "{'w': 1.0, 'children': [{'w': 2.0}]}"


def test_a_value_that_fits_nothing_stays_as_it_is() -> None:
    assert coerce({"a": [1.0]}, {"anyOf": [INTEGER, TEXT]}) == {"a": [1.0]}
    assert coerce(1, {"$ref": "#/$defs/Missing"}) == 1
