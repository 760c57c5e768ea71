from __future__ import annotations

import datetime
import math
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.registration.edits import (
    LayoutError,
    add_table,
    remove,
    remove_bare_header,
    rendered,
    set_value,
)
from airflow_provider_pipes.registration.statements import statements

FILE = """\
# The pipelines of the team.

[stacks.team]  # for production
orchestrator = "local" # why
artifact_store = 'data'
step_operators = [
  "a",  # the small one
  "b",
]

# where it all lies
[artifact_stores.data]
flavor = "local"

# big machines
[step_operators."a"]
flavor = \"\"\"
[no.header] = 1
\"\"\"
limits = { cpu = 1, memory = "2GB" } # enough

# the last word
"""


def test_a_value_is_replaced_where_it_stands() -> None:
    changed = set_value(FILE, ("stacks", "team", "orchestrator"), "airflow")
    assert changed == FILE.replace('orchestrator = "local" # why', 'orchestrator = "airflow" # why')


def test_a_new_value_stands_behind_the_others_of_its_table() -> None:
    changed = set_value(FILE, ("artifact_stores", "data", "path"), "x")
    assert changed == FILE.replace('flavor = "local"\n', 'flavor = "local"\npath = "x"\n')


def test_a_list_keeps_its_layout_and_its_comments() -> None:
    changed = set_value(FILE, ("stacks", "team", "step_operators"), ["a", "c"])
    assert '"a",  # the small one\n' in changed
    assert tomllib.loads(changed)["stacks"]["team"]["step_operators"] == ["a", "c"]


def test_a_list_in_another_order_is_written_anew() -> None:
    changed = set_value(FILE, ("stacks", "team", "step_operators"), ["b", "a"])
    assert tomllib.loads(changed)["stacks"]["team"]["step_operators"] == ["b", "a"]


def test_a_table_goes_with_its_values_and_the_comments_around_it_stay() -> None:
    changed = remove(FILE, ("artifact_stores", "data"))
    assert changed == FILE.replace('[artifact_stores.data]\nflavor = "local"\n', "")


def test_what_is_added_and_removed_leaves_the_file_as_it_was() -> None:
    for path in (("step_operators", "new one"), ("flavors", "step_operator")):
        assert remove(add_table(FILE, path, {"flavor": "x", "list": [1, 2]}), path) == FILE
    with_key = set_value(FILE, ("artifact_stores", "data", "path"), "x")
    assert remove(with_key, ("artifact_stores", "data", "path")) == FILE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'active_stack = "team"\n'),
        ("# ours", '# ours\nactive_stack = "team"\n'),
        ("[a]\nb = 1\n", 'active_stack = "team"\n\n[a]\nb = 1\n'),
        ("# of a\n[a]\n", 'active_stack = "team"\n\n# of a\n[a]\n'),
        ("# ours\n\n# of a\n[a]\n", '# ours\n\nactive_stack = "team"\n\n# of a\n[a]\n'),
        ("x = 1\n\n[a]\n", 'x = 1\nactive_stack = "team"\n\n[a]\n'),
        ('active_stack = "old" # we\n', 'active_stack = "team" # we\n'),
        ("\ufeff[a]\n", '\ufeffactive_stack = "team"\n\n[a]\n'),
    ],
)
def test_the_active_stack_stands_at_the_top(text: str, expected: str) -> None:
    assert set_value(text, ("active_stack",), "team") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[stores]\na = { flavor = "x", n = 1 } # it\n', '[stores]\na = { flavor = "x", n = 2 } # it\n'),
        ('[stores]\na.flavor = "x"\nb.n = 1\n', '[stores]\na.flavor = "x"\na.n = 2\nb.n = 1\n'),
        ('stores.a.flavor = "x"\n', 'stores.a.flavor = "x"\nstores.a.n = 2\n'),
        ('stores = { a = { flavor = "x" } }\n', 'stores = { a = { flavor = "x" , n = 2} }\n'),
        ("[stores.a]\n", "[stores.a]\nn = 2\n"),
        ("[stores.a]", "[stores.a]\nn = 2\n"),
        ("  [stores.a]\n  m = 1\n", "  [stores.a]\n  m = 1\n  n = 2\n"),
        ("[[stores.a.n]]\nx = 1\n[[stores.a.n]]\nx = 2\n[b]\n", "[b]\n\n[stores.a]\nn = 2\n"),
        ("['stores'.\"a\"]\r\nm = 1\r\n", "['stores'.\"a\"]\r\nm = 1\r\nn = 2\r\n"),
    ],
)
def test_every_way_to_write_a_table_can_be_changed(text: str, expected: str) -> None:
    changed = set_value(text, ("stores", "a", "n"), 2)
    assert tomllib.loads(changed)["stores"]["a"]["n"] == 2
    assert changed.replace(" ", "") == expected.replace(" ", "")


def test_a_table_joins_its_siblings_in_an_inline_table() -> None:
    changed = add_table('stores = { a = { flavor = "x" } } # all\n', ("stores", "b"), {"flavor": "y"})
    assert tomllib.loads(changed) == {"stores": {"a": {"flavor": "x"}, "b": {"flavor": "y"}}}
    assert changed.startswith('stores = { a = { flavor = "x" }')
    assert changed.endswith(" # all\n")


def test_a_layout_that_a_table_can_not_join_is_refused() -> None:
    with pytest.raises(LayoutError):
        add_table("stores = 1\n", ("stores", "b"), {"flavor": "x"})


def test_an_empty_tables_header_goes_unless_a_comment_stands_below() -> None:
    assert remove_bare_header("[a]\nx = 1\n\n[b]\n", ("b",)) == "[a]\nx = 1\n"
    assert remove_bare_header("[a]\nx = 1\n\n[b]\n# soon\n", ("b",)) == "[a]\nx = 1\n\n[b]\n# soon\n"
    assert remove_bare_header("[b]\nx = 1\n", ("b",)) == "[b]\nx = 1\n"


def test_line_ends_stay_those_of_the_file() -> None:
    changed = add_table("[a]\r\nb = 1\r\n", ("c",), {"x": 1})
    assert changed == "[a]\r\nb = 1\r\n\r\n[c]\r\nx = 1\r\n"


def test_not_a_number_is_no_obstacle() -> None:
    assert math.isnan(tomllib.loads(set_value("x = nan\n", ("y",), 1))["x"])


def test_true_is_not_written_over_by_one() -> None:
    assert set_value("x = true\n", ("x",), 1) == "x = 1\n"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.dates(datetime.date(1, 1, 1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_every_value_is_read_back_as_it_was_written(value: Any) -> None:
    assert tomllib.loads(f"x = {rendered(value)}") == {"x": value}


@given(st.lists(st.tuples(TEXTS, TEXTS, VALUES), max_size=5))
def test_every_name_and_value_can_be_set_and_removed(items: list[tuple[str, str, Any]]) -> None:
    text = FILE
    tables: dict[str, dict[str, Any]] = {}
    for table, key, value in items:
        text = set_value(text, ("new", table, key), value)
        tables.setdefault(table, {})[key] = value
        assert tomllib.loads(text)["new"] == tables
    assert text.startswith(FILE)
    for table in tables:
        text = remove(text, ("new", table))
    assert text == FILE


LINES = st.sampled_from(
    [
        "# a comment",
        "",
        "   ",
        "[one]",
        "[ one . 'two' ]",
        "[[many]]",
        'a = "x" # [c]',
        "b.c = [ # open",
        '  "]", # closed',
        "]",
        'd = """',
        "[e]",
        '"""',
        "f = '''x''''",
        "g = { h = [1, 2], i = '#' }",
        "'j k' = 1979-05-27 07:32:00",
    ]
)


@given(st.lists(LINES, max_size=12))
def test_every_key_of_a_valid_file_is_found_where_it_stands(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for each in statements(text):
        if each.value is not None and each.table != ("many",):
            inner: Any = values
            for part in each.path:
                inner = inner[part]
            assert tomllib.loads(f"x = {text[slice(*each.value)]}")["x"] == inner


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ('a = { b = "c" }\n', ("a", "d"), ["x"], 'a = { b = "c", d = ["x"] }\n'),
        ('a = { b = "c" }\n', ("a", "b"), [1], "a = { b = [1] }\n"),
        ("a = { }\n", ("a", "d"), 2, "a = { d = 2 }\n"),
        ('a = "long"    # why\n', ("a",), "x", 'a = "x"       # why\n'),
        ('a = "x"       # why\n', ("a",), "long", 'a = "long"    # why\n'),
        ('a = "x"  # why\n', ("a",), "much longer", 'a = "much longer" # why\n'),
        ("a = 1 # why\n", ("a",), 10, "a = 10 # why\n"),
        ("a = 1# why\n", ("a",), 10, "a = 10# why\n"),
        ("a = { b = 1 }    # why\n", ("a", "d"), 2, "a = { b = 1, d = 2 } # why\n"),
        ("a = [\n  1,  # one\n]   # why\n", ("a",), 5, "a = 5   # why\n"),
    ],
)
def test_blanks_inside_braces_and_the_column_of_a_comment_stay(
    text: str, path: tuple[str, ...], value: Any, expected: str
) -> None:
    assert set_value(text, path, value) == expected


def test_blanks_inside_braces_stay_where_a_field_goes() -> None:
    assert remove("a = { b = 1, d = 2 }\n", ("a", "d")) == "a = { b = 1 }\n"
