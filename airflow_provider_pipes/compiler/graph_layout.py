"""Where the boxes and lines of a layered graph go: ranks, order, coordinates.

The method is Sugiyama's: nodes stand in rows by their longest path from a start; lines that cross
rows pass through virtual nodes; rows are ordered by barycenters; coordinates pull each node to
the middle of its neighbours. Between two rows of boxes there is one for labels, so nothing overlaps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_pipes.compiler.graph_rows import Cell, Size, order_rows, place_cells

ROW_GAP = 24.0
PORT_GAP = 14.0

# Lines of more rows than this, all together, are drawn straight through: a huge graph is no picture anyway.
_MAX_VIRTUAL = 20_000


@dataclass(frozen=True)
class Line:
    """A line to draw, from node to node, with the size of its label if it has one."""

    source: int
    target: int
    label: Size | None = None


@dataclass(frozen=True)
class Place:
    """The centre of something, and its size."""

    x: float
    y: float
    size: Size


@dataclass(frozen=True)
class Layout:
    """The result; all coordinates start at zero.

    Attributes:
        nodes: One place for each node.
        routes: For each line, the places that it goes through, without its ends.
        ports: For each line, where it leaves its source and where it enters its target: side by side,
            so that lines don't cross there.
        labels: For each line, the index in its route where its label stands, or None.
    """

    nodes: tuple[Place, ...]
    routes: tuple[tuple[Place, ...], ...]
    ports: tuple[tuple[float, float], ...]
    labels: tuple[int | None, ...]
    size: Size


def arrange(nodes: Sequence[Size], lines: Sequence[Line]) -> Layout:
    """Place nodes and lines; the same input gives the same picture.

    Args:
        nodes: Sizes, in an order in which every line goes forward.
        lines: What is to be connected.
    """
    ranks = _ranks(len(nodes), lines)
    cells = [Cell(size, 2 * rank) for size, rank in zip(nodes, ranks, strict=True)]
    routes, labels = _route(cells, lines)
    rows = order_rows(cells)
    place_cells(cells, rows, routes)
    return _layout(cells, rows, lines, routes, labels)


def _ranks(count: int, lines: Sequence[Line]) -> list[int]:
    ranks = [0] * count
    incoming: dict[int, list[int]] = defaultdict(list)
    outgoing: dict[int, list[int]] = defaultdict(list)
    for line in lines:
        incoming[line.target].append(line.source)
        outgoing[line.source].append(line.target)
    for node in range(count):
        ranks[node] = max((ranks[source] + 1 for source in incoming[node]), default=0)
    for node in range(count):
        # A start stands right above what it is first used by, not at the top.
        if not incoming[node] and outgoing[node]:
            ranks[node] = min(ranks[target] for target in outgoing[node]) - 1
    return ranks


def _route(cells: list[Cell], lines: Sequence[Line]) -> tuple[list[list[int]], list[int | None]]:
    """Add the virtual nodes of all lines; return them by line, and where the labels are."""
    spans = [cells[line.target].row - cells[line.source].row for line in lines]
    straight = sum(spans) > _MAX_VIRTUAL
    routes: list[list[int]] = []
    labels: list[int | None] = []
    for line, span in zip(lines, spans, strict=True):
        first = cells[line.source].row
        passed = [first + 1] if straight else list(range(first + 1, first + span))
        # In the row for labels that is nearest to the middle.
        at = (len(passed) // 4) * 2 if line.label else None
        route = []
        before = line.source
        for index, row in enumerate(passed):
            size = line.label if index == at and line.label else Size(2.0, 0.0)
            cells.append(Cell(size, row, virtual=True))
            _connect(cells, before, len(cells) - 1)
            before = len(cells) - 1
            route.append(before)
        if not straight or span == 2:
            _connect(cells, before, line.target)
        routes.append(route)
        labels.append(at)
    return routes, labels


def _connect(cells: list[Cell], upper: int, lower: int) -> None:
    cells[upper].below.append(lower)
    cells[lower].above.append(upper)


def _layout(
    cells: list[Cell],
    rows: list[list[int]],
    lines: Sequence[Line],
    routes: list[list[int]],
    labels: list[int | None],
) -> Layout:
    centres, heights, y = [], [], 0.0
    for row in rows:
        heights.append(max((cells[index].size.height for index in row), default=0.0))
        centres.append(y + heights[-1] / 2)
        y += heights[-1] + ROW_GAP
    left = min((cell.x - cell.size.width / 2 for cell in cells), default=0.0)
    right = max((cell.x + cell.size.width / 2 for cell in cells), default=0.0)
    # A line crosses a whole row straight down, so that it stays clear of what stands beside it.
    sizes = [Size(cell.size.width, heights[cell.row]) if cell.virtual else cell.size for cell in cells]
    places = [
        Place(round(cell.x - left, 1), round(centres[cell.row], 1), size)
        for cell, size in zip(cells, sizes, strict=True)
    ]
    return Layout(
        nodes=tuple(place for place, cell in zip(places, cells, strict=True) if not cell.virtual),
        routes=tuple(tuple(places[index] for index in route) for route in routes),
        ports=_ports(places, lines, routes),
        labels=tuple(labels),
        size=Size(round(right - left, 1), round(max(y - ROW_GAP, 0.0), 1)),
    )


def _ports(
    places: list[Place], lines: Sequence[Line], routes: list[list[int]]
) -> tuple[tuple[float, float], ...]:
    leaving: dict[int, list[tuple[float, int]]] = defaultdict(list)
    entering: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for number, (line, route) in enumerate(zip(lines, routes, strict=True)):
        leaving[line.source].append((places[route[0] if route else line.target].x, number))
        entering[line.target].append((places[route[-1] if route else line.source].x, number))
    exits, entries = _side_by_side(places, leaving), _side_by_side(places, entering)
    return tuple((exits[number], entries[number]) for number in range(len(lines)))


def _side_by_side(places: list[Place], touching: dict[int, list[tuple[float, int]]]) -> dict[int, float]:
    found = {}
    for node, numbers in touching.items():
        gap = min(PORT_GAP, (places[node].size.width - PORT_GAP) / len(numbers))
        for place, (_, number) in enumerate(sorted(numbers)):
            found[number] = round(places[node].x + (place - (len(numbers) - 1) / 2) * gap, 1)
    return found


__all__ = ["Layout", "Line", "Place", "Size", "arrange"]
