"""Least-cost ways on a grid of prices: growing, tracing and straightening, compiled.

A cell has sixteen neighbours: the eight around it, and those a knight's move away. A move
costs exactly what the straight line between the middles of the two cells costs: half its
metres in each cell for the eight, a quarter in each of the four cells that a knight's
move passes. A cell of infinite price is closed, and between two closed cells that touch
at a corner there is no way through.

Cells are numbered row by row. The two outermost rows and columns of every grid must be
closed, so that no move leads out of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bredband_gis.steiner_paths import heap_pop, heap_push, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

# Eight moves and, from 8 on, their opposites: rows down, columns right.
DOWN = np.array([0, 1, 1, 1, 1, 1, 2, 2, 0, -1, -1, -1, -1, -1, -2, -2])
RIGHT = np.array([1, 0, 1, -1, 2, -2, 1, -1, -1, 0, -1, 1, -2, 2, -1, 1])
STRAIGHT, SLANTED, KNIGHT = 0, 1, 2
KIND = np.array([0, 0, 1, 1, 2, 2, 2, 2] * 2)
# The two other cells: beside the corner of a slanted move, or on the way of a knight's.
DOWN_A = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, -1, -1, 0, 0, -1, -1])
RIGHT_A = np.array([0, 0, 0, 0, 1, -1, 0, 0, 0, 0, 0, 0, -1, 1, 0, 0])
DOWN_B = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, -1, -1, -1, -1])
RIGHT_B = np.array([0, 0, 1, -1, 1, -1, 1, -1, 0, 0, -1, 1, -1, 1, -1, 1])

_HALF_DIAGONAL = np.sqrt(0.5)
_QUARTER_KNIGHT = np.sqrt(5.0) / 4.0


@kernel
def move_cost(price: Floats, cell: int, to: int, a: int, b: int, kind: int) -> float:
    """Give the cost of a move between cells, cells as unit of length; inf where it is closed.

    ``price`` is flat; ``a`` and ``b`` are the two other cells of the move.
    """
    ends: float = price[cell] + price[to]
    if kind == STRAIGHT:
        return float(0.5 * ends)
    if kind == SLANTED:
        if price[a] == np.inf and price[b] == np.inf:
            return np.inf
        return float(_HALF_DIAGONAL * ends)
    return float(_QUARTER_KNIGHT * (ends + price[a] + price[b]))


@kernel
def how_far(cell: int, other: int, columns: int) -> float:
    """Give the straight distance between the middles of two cells, in cells."""
    down, right = cell // columns - other // columns, cell % columns - other % columns
    return float(np.sqrt(down * down + right * right))


@kernel
def grow(
    price: Floats,
    columns: int,
    end: NDArray[np.int32],
    beyond: Floats,
    start: Ints,
    group: Ints,
    most: float,
    enough: Floats,
    cost: Floats,
    label: NDArray[np.int32],
    came: NDArray[np.int8],
) -> None:
    """Grow regions around starts, cheapest cells first, until each has found what it needs.

    Parameters
    ----------
    price : array, shape (cells,)
        Price per length of a cell; inf is closed.
    columns : int
        Cells of a row.
    end : array of int32, shape (cells,)
        Number of what a way can end at in the cell, -1 for nothing. No region holds such a
        cell, since each may end there, and ways do not go on behind it; see ``arrivals``.
    beyond : array
        Per number in ``end``, what it costs to go on from there.
    start, group : array
        Cells that regions start from, and the group of each. A cell that stands twice is
        the first's.
    most : float
        Ends farther from a start than this, as the crow flies, in cells, do not count.
    enough : array
        Per group, the cheapest cost to an end and beyond; inf to begin with. Nothing is
        looked at that lies farther from its start than the largest of these: each region
        must be whole up to there for meetings to hold a cheapest tree.
    cost, label, came : array, shape (cells,)
        Filled: cost from the start (inf to begin with), which start (-1), and the move it
        was reached by (-1, as at a start).
    """
    # Half the memory of whole numbers as they are.
    heap: Any = np.empty(price.size, np.int32)
    place: Any = np.full(price.size, -1, np.int32)
    size = 0
    for i in range(start.size):
        cell = start[i]
        if label[cell] < 0 and price[cell] < np.inf:
            label[cell] = i
            cost[cell] = 0.0
            size = heap_push(heap, place, cost, size, cell)
    step_to = DOWN * columns + RIGHT
    step_a, step_b = DOWN_A * columns + RIGHT_A, DOWN_B * columns + RIGHT_B
    # The group that needs the most.
    last = 0
    while size > 0:
        cell = heap_pop(heap, place, cost, size)
        size -= 1
        mine = group[label[cell]]
        spent = cost[cell]
        if spent > enough[last]:
            last = int(np.argmax(enough))
            if spent > enough[last]:
                break
        if end[cell] >= 0:
            enough[mine] = min(enough[mine], spent + beyond[end[cell]])
            continue
        for move in range(16):
            to = cell + step_to[move]
            # What is closed or has been reached more cheaply needs no look.
            if price[to] == np.inf or cost[to] <= spent:
                continue
            whole = spent + move_cost(
                price, cell, to, cell + step_a[move], cell + step_b[move], KIND[move]
            )
            if end[to] >= 0:
                if how_far(start[label[cell]], to, columns) <= most:
                    enough[mine] = min(enough[mine], whole + beyond[end[to]])
            elif whole < cost[to]:
                cost[to] = whole
                label[to] = label[cell]
                came[to] = move
                size = heap_push(heap, place, cost, size, to)


@kernel
def spread(
    price: Floats,
    columns: int,
    start: Ints,
    begin: Floats,
    target: NDArray[np.int32],
    cost: Floats,
    label: NDArray[np.int32],
    came: NDArray[np.int8],
    reached: Ints,
) -> None:
    """Spread from starts until a cell of every group is reached, whatever lies between.

    Parameters
    ----------
    price, columns, start, cost, label, came
        As :func:`grow`.
    begin : array
        Cost that each start begins with.
    target : array of int32, shape (cells,)
        Group of a cell, -1 for none.
    reached : array of int
        Per group; filled with the cell of it that was reached first, -1 for none.
    """
    heap: Any = np.empty(price.size, np.int32)
    place: Any = np.full(price.size, -1, np.int32)
    size = 0
    for i in range(start.size):
        cell = start[i]
        if begin[i] < cost[cell] and price[cell] < np.inf:
            label[cell] = i
            cost[cell] = begin[i]
            size = heap_push(heap, place, cost, size, cell)
    step_to = DOWN * columns + RIGHT
    step_a, step_b = DOWN_A * columns + RIGHT_A, DOWN_B * columns + RIGHT_B
    reached[:] = -1
    left = reached.size
    while size > 0 and left > 0:
        cell = heap_pop(heap, place, cost, size)
        size -= 1
        if target[cell] >= 0 and reached[target[cell]] < 0:
            reached[target[cell]] = cell
            left -= 1
        spent = cost[cell]
        for move in range(16):
            to = cell + step_to[move]
            if price[to] == np.inf or cost[to] <= spent:
                continue
            whole = spent + move_cost(
                price, cell, to, cell + step_a[move], cell + step_b[move], KIND[move]
            )
            if whole < cost[to]:
                cost[to] = whole
                label[to] = label[cell]
                came[to] = move
                size = heap_push(heap, place, cost, size, to)


@kernel
def arrivals(
    price: Floats,
    columns: int,
    end: NDArray[np.int32],
    group: Ints,
    enough: Floats,
    cost: Floats,
    label: NDArray[np.int32],
    one: Ints,
    other: Ints,
    total: Floats,
    fill: bool,
) -> int:
    """List the moves by which regions come to what a way can end at, or count them.

    ``one`` is the last cell of the region, ``other`` the cell of the end (the same for a
    start there), ``total`` the cost from the start; only where the group needs no less.
    """
    step_to = DOWN * columns + RIGHT
    step_a, step_b = DOWN_A * columns + RIGHT_A, DOWN_B * columns + RIGHT_B
    found = 0
    for cell in range(price.size):
        if label[cell] < 0:
            continue
        if end[cell] >= 0:
            if fill:
                one[found], other[found], total[found] = cell, cell, 0.0
            found += 1
            continue
        most = enough[group[label[cell]]]
        for move in range(16):
            to = cell + step_to[move]
            if end[to] < 0:
                continue
            whole = cost[cell] + move_cost(
                price, cell, to, cell + step_a[move], cell + step_b[move], KIND[move]
            )
            if not whole <= most or not whole < np.inf:
                continue
            if fill:
                one[found], other[found], total[found] = cell, to, whole
            found += 1
    return found


@kernel
def meetings(
    price: Floats,
    columns: int,
    end: NDArray[np.int32],
    group: Ints,
    enough: Floats,
    cost: Floats,
    label: NDArray[np.int32],
    one: Ints,
    other: Ints,
    total: Floats,
    fill: bool,
) -> int:
    """List the moves on which regions of different groups meet, or count them.

    ``one`` and ``other`` are the cells, ``total`` the cost from start to start; only where
    it is no more than either group needs.
    """
    step_to = DOWN * columns + RIGHT
    step_a, step_b = DOWN_A * columns + RIGHT_A, DOWN_B * columns + RIGHT_B
    found = 0
    for cell in range(price.size):
        if label[cell] < 0 or end[cell] >= 0:
            continue
        mine = group[label[cell]]
        for move in range(8):
            to = cell + step_to[move]
            if label[to] < 0 or end[to] >= 0:
                continue
            theirs = group[label[to]]
            if theirs == mine:
                continue
            whole = (
                cost[cell]
                + cost[to]
                + move_cost(price, cell, to, cell + step_a[move], cell + step_b[move], KIND[move])
            )
            if not whole <= max(enough[mine], enough[theirs]) or not whole < np.inf:
                continue
            if fill:
                one[found], other[found], total[found] = cell, to, whole
            found += 1
    return found


@kernel
def trace(came: NDArray[np.int8], columns: int, cell: int, path: Ints) -> int:
    """Write the cells from one back to its start; give how many. An empty path only counts."""
    number = 0
    while True:
        if path.size:
            path[number] = cell
        number += 1
        move = came[cell]
        if move < 0:
            return number
        cell -= DOWN[move] * columns + RIGHT[move]


@kernel
def line_cost(price: Floats, x0: float, y0: float, x1: float, y1: float) -> float:
    """Give the cost of a straight line over the grid: column and row of its ends, as floats."""
    rows, columns = price.shape
    dx, dy = x1 - x0, y1 - y0
    size = np.sqrt(dx * dx + dy * dy)
    step_x, step_y = (1.0 if dx > 0 else -1.0), (1.0 if dy > 0 else -1.0)
    next_x = np.floor(x0) + 1.0 if dx > 0 else np.ceil(x0) - 1.0
    next_y = np.floor(y0) + 1.0 if dy > 0 else np.ceil(y0) - 1.0
    t, total = 0.0, 0.0
    last_row, last_column = np.int64(-1), np.int64(-1)
    while t < 1.0:
        tx = (next_x - x0) / dx if dx != 0 else np.inf
        ty = (next_y - y0) / dy if dy != 0 else np.inf
        after = min(tx, ty, 1.0)
        if after > t:
            middle = (t + after) / 2
            column, row = np.int64(np.floor(x0 + dx * middle)), np.int64(np.floor(y0 + dy * middle))
            if row < 0 or row >= rows or column < 0 or column >= columns:
                return np.inf
            total += (after - t) * size * price[row, column]
            if not total < np.inf:
                return np.inf
            if (
                last_row >= 0
                and row != last_row
                and column != last_column
                and np.isinf(price[row, last_column])
                and np.isinf(price[last_row, column])
            ):
                return np.inf
            last_row, last_column = row, column
            t = after
        if after >= 1.0:
            break
        if tx <= after:
            next_x += step_x
        if ty <= after:
            next_y += step_y
    return total


@kernel
def straighten(
    price: Floats, x: Floats, y: Floats, kept: NDArray[np.bool_], look_back: int
) -> float:
    """Find which vertices of a way to keep so that straight lines between them cost least.

    Looks at lines from each vertex to the ``look_back`` before it and to the first of all.
    Marks the vertices in ``kept``; gives the cost.
    """
    count = x.size
    best = np.full(count, np.inf)
    before = np.full(count, -1, np.int64)
    best[0] = 0.0
    for j in range(1, count):
        low = max(0, j - look_back)
        for i in range(low - 1 if low > 0 else 0, j):
            # The vertex before the others stands for the first of all.
            k = 0 if i < low else i
            if not best[k] < best[j]:
                continue
            total = best[k] + line_cost(price, x[k], y[k], x[j], y[j])
            # Of ways of the same cost the one with fewer vertices, whatever the rounding.
            if total < best[j] - 1e-9 * total:
                best[j] = total
                before[j] = k
    at = count - 1
    kept[:] = False
    while at >= 0:
        kept[at] = True
        at = before[at]
    return float(best[count - 1])
