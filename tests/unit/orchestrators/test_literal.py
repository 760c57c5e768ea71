from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_pipes.errors import DeployError
from airflow_provider_pipes.orchestrators.airflow.literal import Call, Name, assignment, keyword, literal
from tests.unit.orchestrators.dag_files import NASTY, assert_ruff_leaves_alone, json_values, texts


@settings(deadline=None, max_examples=25)
@given(st.lists(json_values(texts), min_size=1, max_size=25))
def test_any_value_reads_back_as_itself_and_the_formatter_leaves_it_alone(values: list[Any]) -> None:
    lines = [assignment(f"x{number}", value, 0) for number, value in enumerate(values)]
    text = "\n".join(lines) + "\n"
    read = [ast.literal_eval(node.value) for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    assert repr(read) == repr(values)
    assert_ruff_leaves_alone(text)


@settings(deadline=None, max_examples=25)
@given(st.lists(texts, min_size=1, max_size=25))
@example([*NASTY, "\n".join(NASTY), "one line\n" * 20, "漢" * 30 + "\n" + "字" * 30, "a\n\n" + '"' * 90])
def test_any_text_in_a_keyword_reads_back_as_itself(values: list[str]) -> None:
    arguments = [f"    {keyword(f'x{number}', value, 4)},\n" for number, value in enumerate(values)]
    text = f"from x import f\n\nf(\n{''.join(arguments)})\n"
    call = ast.parse(text).body[1]
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    assert [ast.literal_eval(each.value) for each in call.value.keywords] == values
    assert_ruff_leaves_alone(text)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(json_values(texts), st.integers(60, 90)), min_size=1, max_size=15))
def test_a_call_is_laid_out_as_the_formatter_would(cases: list[tuple[Any, int]]) -> None:
    lines = []
    for value, length in cases:
        call = Call("Param", [value, "x" * (length // 2)], {"type": "y" * (length // 2), "of": Name("STORE")})
        lines.append(assignment("parameter", {"params": call}, 0))
    assert_ruff_leaves_alone("from x import STORE, Param\n\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize("length", range(60, 100))
def test_a_list_is_on_one_line_as_long_as_it_fits(length: int) -> None:
    text = assignment("x", ["y" * (length - len('x = ["", ""]')), ""], 0)
    assert ("\n" in text) == (length > 87)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("it's", '''"it's"'''),
        ('say "hi"', """'say "hi"'"""),
        ("""'"'""", r'''"'\"'"'''),
        ("naïve 漢字 🚀", '"naïve 漢字 🚀"'),
        ("\0\x7f\x85\u202e\ud800\U000e0001", r'"\x00\x7f\x85\u202e\ud800\U000e0001"'),
        (1e16, "1e16"),
        (1.5e-7, "1.5e-07"),
        (-0.0, "-0.0"),
        (True, "True"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_a_value_is_written_the_way_a_person_would(value: Any, text: str) -> None:
    assert literal(value) == text


def test_a_text_of_several_lines_is_written_line_by_line() -> None:
    text = "The first line, which is long enough to fill most of the room there is.\n\nThe last\n"
    assert keyword("doc_md", text, 4) == (
        'doc_md=(\n        "The first line, which is long enough to fill most of the room there is.\\n"\n'
        '        "\\n"\n        "The last\\n"\n    )'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), (1,), {1}, object(), b"x"])
def test_what_is_no_plain_value_is_refused(value: Any) -> None:
    with pytest.raises(DeployError, match="can't be written into a DAG file"):
        literal({"x": [value]})
