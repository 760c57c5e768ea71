from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pipes.compiler.graph_layout import Layout, Line, Place, Size, arrange

sizes = st.builds(Size, st.integers(20, 200), st.integers(20, 60))


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Size], list[Line]]:
    nodes = draw(st.lists(sizes, max_size=12))
    lines = [
        Line(upper, lower, draw(st.none() | sizes))
        for lower in range(len(nodes))
        for upper in range(lower)
        if draw(st.integers(0, 2)) == 0
    ]
    return nodes, lines


def overlap(one: Place, other: Place) -> bool:
    apart_x = abs(one.x - other.x) >= (one.size.width + other.size.width) / 2 - 0.2
    apart_y = abs(one.y - other.y) >= (one.size.height + other.size.height) / 2 - 0.2
    return not (apart_x or apart_y)


@settings(deadline=None)
@given(problems())
def test_boxes_and_labels_never_overlap_and_lines_go_down(problem: tuple[list[Size], list[Line]]) -> None:
    nodes, lines = problem
    layout = arrange(nodes, lines)
    labels = [route[at] for route, at in zip(layout.routes, layout.labels, strict=True) if at is not None]
    assert not [pair for pair in combinations([*layout.nodes, *labels], 2) if overlap(*pair)]
    for line, route, (leaves, enters) in zip(lines, layout.routes, layout.ports, strict=True):
        heights = [layout.nodes[line.source].y, *(place.y for place in route), layout.nodes[line.target].y]
        assert heights == sorted(set(heights))
        for x, node in ((leaves, layout.nodes[line.source]), (enters, layout.nodes[line.target])):
            assert abs(x - node.x) <= node.size.width / 2
    for place in (*layout.nodes, *labels):
        assert place.size.width / 2 - 0.2 <= place.x <= layout.size.width - place.size.width / 2 + 0.2
        assert place.size.height / 2 - 0.2 <= place.y <= layout.size.height - place.size.height / 2 + 0.2
    assert arrange(nodes, lines) == layout


BOX = Size(80, 40)


def test_a_chain_is_a_straight_column() -> None:
    layout = arrange([BOX] * 5, [Line(number, number + 1) for number in range(4)])
    assert {place.x for place in layout.nodes} == {40.0}


def test_a_diamond_is_symmetric() -> None:
    layout = arrange([BOX] * 4, [Line(0, 1), Line(0, 2), Line(1, 3), Line(2, 3)])
    top, left, right, bottom = layout.nodes
    assert left.y == right.y
    assert top.x == bottom.x == pytest.approx((left.x + right.x) / 2)


def test_branches_that_can_do_without_crossings_do() -> None:
    # 0 → 3 and 1 → 2 would cross in the order in which they are given.
    layout = arrange([BOX] * 4, [Line(0, 3), Line(1, 2)])
    first, second, third, fourth = layout.nodes
    assert (first.x < second.x) == (fourth.x < third.x)


def test_a_start_stands_right_above_what_uses_it() -> None:
    layout = arrange([BOX] * 4, [Line(0, 1), Line(1, 3), Line(2, 3)])
    assert layout.nodes[2].y == layout.nodes[1].y


def test_nothing_at_all_has_no_size() -> None:
    assert arrange([], []) == Layout((), (), (), (), Size(0, 0))


def test_a_graph_with_endlessly_long_lines_is_laid_out_all_the_same() -> None:
    count = 300
    lines = [Line(number, number + 1) for number in range(count - 1)]
    lines += [Line(0, number) for number in range(2, count)]
    assert len(arrange([BOX] * count, lines).nodes) == count
