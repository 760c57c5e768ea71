"""The rows of a layered graph: who stands beside whom, and where."""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from itertools import pairwise

NODE_GAP = 36.0
LINE_GAP = 18.0

_SWEEPS = 8
_PULLS = 24
_STRAIGHTENINGS = 3


@dataclass(frozen=True)
class Size:
    """Width and height."""

    width: float
    height: float


@dataclass
class Cell:
    """A node of the graph, or a virtual one that a line passes through.

    Attributes:
        above: Indices of the cells that it hangs on.
        below: Indices of those that hang on it.
    """

    size: Size
    row: int
    virtual: bool = False
    x: float = 0.0
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)


def order_rows(cells: list[Cell]) -> list[list[int]]:
    """Return the cells of each row in an order with few crossings of lines."""
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


def _by_depth(cells: list[Cell]) -> list[int]:
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


def _sort_row(cells: list[Cell], rows: list[list[int]], row: list[int], downwards: bool) -> None:
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


def _crossings(cells: list[Cell], rows: list[list[int]]) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        position = {index: place for place, index in enumerate(lower)}
        seen: list[int] = []
        for index in upper:
            places = sorted(position[each] for each in cells[index].below if each in position)
            count += sum(len(seen) - bisect_right(seen, place) for place in places)
            for place in places:
                insort(seen, place)
    return count


def place_cells(cells: list[Cell], rows: list[list[int]], routes: list[list[int]]) -> None:
    """Give each cell its place across, keeping the order of its row.

    Args:
        cells: All cells.
        rows: Their indices, by row and in order.
        routes: The virtual cells of each line.
    """
    for row in rows:
        x = 0.0
        for before, index in zip([None, *row], row, strict=False):
            x += _distance(cells[before], cells[index]) if before is not None else 0.0
            cells[index].x = x
    for turn in range(_PULLS):
        downwards = turn % 2 == 0
        for row in rows if downwards else reversed(rows):
            _place_row(cells, row, downwards, both=turn >= _PULLS // 2)
    for _ in range(_STRAIGHTENINGS):
        _straighten(cells, rows, [route for route in routes if len(route) > 1])


def _straighten(cells: list[Cell], rows: list[list[int]], routes: list[list[int]]) -> None:
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


def _distance(left: Cell, right: Cell) -> float:
    gap = LINE_GAP if left.virtual or right.virtual else NODE_GAP
    return (left.size.width + right.size.width) / 2 + gap


def _place_row(cells: list[Cell], row: list[int], downwards: bool, both: bool) -> None:
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


def _wish(cells: list[Cell], index: int, downwards: bool, both: bool) -> tuple[float, float]:
    cell = cells[index]
    neighbours = cell.above + cell.below if both else cell.above if downwards else cell.below
    if not neighbours:
        return cell.x, 0.1
    # Long lines should be straight, so their virtual nodes hold together.
    weights = [(4.0 if cell.virtual and cells[each].virtual else 1.0) for each in neighbours]
    total = sum(weights)
    middle = sum(weight * cells[each].x for weight, each in zip(weights, neighbours, strict=True)) / total
    return middle, total
