"""Where the boxes and lines of a layered graph go: ranks, order, coordinates.

The method is Sugiyama's: nodes stand in rows by their longest path from a start; lines that cross
rows pass through virtual nodes; rows are ordered by barycenters; coordinates pull each node to
the middle of its neighbours. Between two rows of boxes there is one for labels, so nothing overlaps.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

NODE_GAP = 36.0
LINE_GAP = 18.0
ROW_GAP = 24.0
PORT_GAP = 14.0

_SWEEPS = 8
_PULLS = 24
_STRAIGHTENINGS = 3
# Lines of more rows than this, all together, are drawn straight through: a huge graph is no picture anyway.
_MAX_VIRTUAL = 20_000


@dataclass(frozen=True)
class Size:
    """Width and height."""

    width: float
    height: float


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


@dataclass
class _Cell:
    size: Size
    row: int
    virtual: bool = False
    x: float = 0.0
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)


def arrange(nodes: Sequence[Size], lines: Sequence[Line]) -> Layout:
    """Place nodes and lines; the same input gives the same picture.

    Args:
        nodes: Sizes, in an order in which every line goes forward.
        lines: What is to be connected.
    """
    ranks = _ranks(len(nodes), lines)
    cells = [_Cell(size, 2 * rank) for size, rank in zip(nodes, ranks, strict=True)]
    routes, labels = _route(cells, lines)
    rows = _order(cells)
    _pull(cells, rows)
    for _ in range(_STRAIGHTENINGS):
        _straighten(cells, rows, [route for route in routes if len(route) > 1])
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


def _route(cells: list[_Cell], lines: Sequence[Line]) -> tuple[list[list[int]], list[int | None]]:
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
            cells.append(_Cell(size, row, virtual=True))
            _connect(cells, before, len(cells) - 1)
            before = len(cells) - 1
            route.append(before)
        if not straight or span == 2:
            _connect(cells, before, line.target)
        routes.append(route)
        labels.append(at)
    return routes, labels


def _connect(cells: list[_Cell], upper: int, lower: int) -> None:
    cells[upper].below.append(lower)
    cells[lower].above.append(upper)


def _order(cells: list[_Cell]) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(max((cell.row for cell in cells), default=-1) + 1)]
    for index in _by_depth(cells):
        rows[cells[index].row].append(index)
    best, fewest = [list(row) for row in rows], _crossings(cells, rows)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        for row in rows[1:] if downwards else rows[-2::-1]:
            _sort_row(cells, rows, row, downwards)
        crossings = _crossings(cells, rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _by_depth(cells: list[_Cell]) -> list[int]:
    """Return all cells, each followed by what hangs on it: a first order with few crossings."""
    found: dict[int, None] = {}
    for start in range(len(cells)):
        pending = [start] if not cells[start].above else []
        while pending:
            index = pending.pop()
            if index not in found:
                found[index] = None
                pending += reversed(cells[index].below)
    return list(found)


def _sort_row(cells: list[_Cell], rows: list[list[int]], row: list[int], downwards: bool) -> None:
    if not row:
        return
    beside = rows[cells[row[0]].row + (-1 if downwards else 1)]
    position = {index: place for place, index in enumerate(beside)}
    own = {index: place for place, index in enumerate(row)}

    def barycenter(index: int) -> float:
        neighbours = cells[index].above if downwards else cells[index].below
        places = [position[each] for each in neighbours if each in position]
        return sum(places) / len(places) if places else float(own[index])

    row.sort(key=barycenter)


def _crossings(cells: list[_Cell], rows: list[list[int]]) -> int:
    count = 0
    for upper, lower in zip(rows, rows[1:], strict=False):
        position = {index: place for place, index in enumerate(lower)}
        seen: list[int] = []
        for index in upper:
            places = sorted(position[each] for each in cells[index].below if each in position)
            count += sum(len(seen) - bisect_right(seen, place) for place in places)
            for place in places:
                insort(seen, place)
    return count


def _pull(cells: list[_Cell], rows: list[list[int]]) -> None:
    for row in rows:
        x = 0.0
        for before, index in zip([None, *row], row, strict=False):
            x += _distance(cells[before], cells[index]) if before is not None else 0.0
            cells[index].x = x
    for turn in range(_PULLS):
        downwards = turn % 2 == 0
        for row in rows if downwards else reversed(rows):
            _place_row(cells, row, downwards, both=turn >= _PULLS // 2)


def _straighten(cells: list[_Cell], rows: list[list[int]], routes: list[list[int]]) -> None:
    """Let each long line run straight down, where the gaps beside it are wide enough."""
    places = {index: place for row in rows for place, index in enumerate(row)}
    for route in routes:
        low, high = float("-inf"), float("inf")
        for index in route:
            row, place = rows[cells[index].row], places[index]
            if place:
                low = max(low, cells[row[place - 1]].x + _distance(cells[row[place - 1]], cells[index]))
            if place + 1 < len(row):
                high = min(high, cells[row[place + 1]].x - _distance(cells[index], cells[row[place + 1]]))
        if low <= high:
            middle = sum(cells[index].x for index in route) / len(route)
            for index in route:
                cells[index].x = min(max(middle, low), high)


def _distance(left: _Cell, right: _Cell) -> float:
    gap = LINE_GAP if left.virtual or right.virtual else NODE_GAP
    return (left.size.width + right.size.width) / 2 + gap


def _place_row(cells: list[_Cell], row: list[int], downwards: bool, both: bool) -> None:
    """Move the cells of a row as near to their neighbours as their order and the gaps allow.

    That is a least-squares problem under an order, which pooling adjacent violators solves exactly.
    """
    offsets, offset = [], 0.0
    for place, index in enumerate(row):
        offset += _distance(cells[row[place - 1]], cells[index]) if place else 0.0
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []
    for index, start in zip(row, offsets, strict=True):
        wish, weight = _wish(cells, index, downwards, both)
        pools.append((wish - start, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, its, members), (other, others, further) = pools[-2], pools[-1]
            total = its + others
            pools[-2:] = [((one * its + other * others) / total, total, members + further)]
    spread = [value for value, _, members in pools for _ in range(members)]
    for index, value, start in zip(row, spread, offsets, strict=True):
        cells[index].x = value + start


def _wish(cells: list[_Cell], index: int, downwards: bool, both: bool) -> tuple[float, float]:
    cell = cells[index]
    neighbours = cell.above + cell.below if both else cell.above if downwards else cell.below
    if not neighbours:
        return cell.x, 0.1
    # Long lines should be straight, so their virtual nodes hold together.
    weights = [(4.0 if cell.virtual and cells[each].virtual else 1.0) for each in neighbours]
    total = sum(weights)
    middle = sum(weight * cells[each].x for weight, each in zip(weights, neighbours, strict=True)) / total
    return middle, total


def _layout(
    cells: list[_Cell],
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
