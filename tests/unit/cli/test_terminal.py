from __future__ import annotations

import io
import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.cli.terminal import Output, duration, one_line, print_json, size, visible

texts = st.text(st.characters(exclude_categories=()))


@given(texts)
def test_visible_text_has_nothing_that_commands_a_terminal(text: str) -> None:
    shown = visible(text)
    assert not [each for each in shown if (ord(each) < 32 and each not in "\t\n") or 127 <= ord(each) < 160]
    if text.isprintable():
        assert shown == text


@given(texts, st.integers(1, 50))
def test_one_line_is_one_line_of_at_most_the_limit(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert len(shown) <= limit
    assert "\n" not in shown


@given(
    st.recursive(st.one_of(st.floats(), texts), lambda inner: st.lists(inner) | st.dictionaries(texts, inner))
)
def test_printed_json_is_json_for_any_reader(value: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    stream, before = io.StringIO(), sys.stdout
    sys.stdout = stream
    try:
        print_json(value)
    finally:
        sys.stdout = before
    read = json.loads(stream.getvalue(), parse_constant=refuse)
    if not isinstance(value, float) or math.isfinite(value):
        assert type(read) is type(value)


def test_a_table_that_nobody_looks_at_is_aligned_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    Output("stdout").table(["A", "COUNT"], [[("[red]", "bold"), "1"], [long, "20"]], right=["COUNT"])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "A" + " " * 301 + "COUNT"
    assert first == "[red]" + " " * 301 + "1"
    assert second == f"{long}     20"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.0, "0.00 s"),
        (59.9, "59.90 s"),
        (61, "1 min 01 s"),
        (3600, "1 h 00 min"),
        (7290, "2 h 01 min"),
    ],
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (10**15, "1000.0 TB")],
)
def test_sizes_read_well(count: int, text: str) -> None:
    assert size(count) == text
