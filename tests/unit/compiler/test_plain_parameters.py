from __future__ import annotations

import sys
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.compiler.parameter_values import schema_problem
from airflow_provider_pipes.compiler.parameters import json_schema

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.lists(st.integers(), max_size=2),
)
edges = st.sampled_from(
    [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 9.2e18, 9.3e18, float("inf"), 1, 1.0, True]
)


@given(
    st.one_of(values, edges),
    st.sampled_from([int, float, str, bool, int | None, float | str, list[int], Any]),
)
def test_what_needs_no_library_is_judged_as_the_library_would(value: Any, annotation: Any) -> None:
    schema = json_schema(annotation)
    assert (schema_problem(value, schema) is None) == jsonschema.Draft202012Validator(schema).is_valid(value)


def test_a_default_that_plainly_fits_does_not_import_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert schema_problem(3, json_schema(int)) is None
    with pytest.raises(ImportError):
        schema_problem("3", json_schema(int))
