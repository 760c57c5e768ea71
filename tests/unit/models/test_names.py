from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.models.names import airflow_key_problem, path_segment

names = st.text(st.characters(exclude_categories=()), max_size=300)


@pytest.mark.parametrize("name", ["train", "a.b-c_d", "scheduled__2026-01-01T00:00:00+00:00", "x" * 100])
def test_a_harmless_name_stays_as_it_is(name: str) -> None:
    assert path_segment(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "a/b", "a\x00b", "é", "x" * 101, "run.json", "h-1234", "-rf", "a\n", "\ud800"],
)
def test_any_other_name_becomes_a_hash(name: str) -> None:
    segment = path_segment(name)
    assert segment.startswith("h-")
    assert len(segment) == 42


@given(names, names)
def test_two_names_never_share_a_segment(one: str, other: str) -> None:
    assert (path_segment(one) == path_segment(other)) is (one == other)


@given(names)
def test_a_segment_is_one_safe_file_name(name: str) -> None:
    segment = path_segment(name)
    assert segment.isascii()
    assert "/" not in segment
    assert "\0" not in segment
    assert 0 < len(segment) <= 100
    assert not segment.startswith((".", "-"))


@pytest.mark.parametrize("name", ["train", "a.b-c_1", "Größe", "...", "x" * 247])
def test_a_name_that_airflow_takes_is_no_problem(name: str) -> None:
    assert airflow_key_problem("step", name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "step has an empty name; give it one"),
        ("a b", "step name 'a b' holds ' '; Airflow takes letters, digits, '_', '-' and '.'"),
        ("a/b\n", r"holds '\\n', '/'"),
        ("x" * 251, "has 251 characters; Airflow takes at most 250: shorten it"),
        (".", r"step name '\.' is lost in the addresses of Airflow's API"),
        ("..", r"step name '\.\.' is lost in the addresses of Airflow's API"),
        ("漢" * 200, "has 600 bytes; the folders of Airflow's logs take at most"),
        ("x" * 248, "has 248 bytes; the folders of Airflow's logs take at most 247: shorten it"),
        ("é" * 124, "has 248 bytes; the folders of Airflow's logs take at most 247: shorten it"),
        ("..", r"step name '\.\.' is lost in the addresses of Airflow's API: rename it with name=…"),
    ],
)
def test_a_name_that_airflow_does_not_take_is_told_with_the_reason(name: str, why: str) -> None:
    problem = airflow_key_problem("step", name)
    assert problem is not None
    assert re.search(why, problem)
