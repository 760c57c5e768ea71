from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pipes.models.canonical import canonical_json, content_hash


def test_the_order_of_keys_makes_no_difference() -> None:
    assert canonical_json({"b": 1, "a": [2]}) == canonical_json({"a": [2], "b": 1}) == b'{"a":[2],"b":1}'


def test_the_order_of_keys_can_be_kept() -> None:
    assert canonical_json({"b": 1, "a": 2}, keep_order=True) == b'{"b":1,"a":2}'


@pytest.mark.parametrize("value", ["é漢🚀", "\ud800", "\x00", 2**70, 1e300])
def test_every_text_is_ascii(value: Any) -> None:
    assert canonical_json(value).isascii()


def test_values_that_differ_in_type_have_different_hashes() -> None:
    assert len({content_hash(value) for value in (1, 1.0, True, "1", [1], None)}) == 6
