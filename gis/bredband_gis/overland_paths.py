"""Least-cost ways on a grid of prices: growing, tracing and straightening, compiled.

A cell has sixteen neighbours: the eight around it, and those a knight's move away. A move
costs exactly what the straight line between the middles of the two cells costs: half its
metres in each cell for the eight, a quarter in each of the four cells that a knight's
move passes. A cell of infinite price is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bredband_gis.steiner_paths import heap_pop, heap_push, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

# Eight moves and, from 8 on, their opposites: rows down, columns right.
DOWN = np.array([0, 1, 1, 1, 1, 1, 2, 2, 0, -1, -1, -1, -1, -1, -2, -2])
RIGHT = np.array([1, 0, 1, -1, 2, -2, 1, -1, -1, 0, -1, 1, -2, 2, -1, 1])


@kernel
def move_cost(price: Floats, row: int, column: int, move: int) -> float:
    """Give the cost of a move from a cell, cells as unit of length; inf where it is closed."""
    rows, columns = price.shape
    down, right = DOWN[move], RIGHT[move]
    to_row, to_column = row + down, column + right
    if to_row < 0 or to_row >= rows or to_column < 0 or to_column >= columns:
        return np.inf
    ends: float = price[row, column] + price[to_row, to_column]
    if down == 0 or right == 0:
        return 0.5 * ends
    if abs(down) == abs(right):
        # Between two closed cells that touch at a corner there is no way through.
        if np.isinf(price[to_row, column]) and np.isinf(price[row, to_column]):
            return np.inf
        return float(np.sqrt(0.5) * ends)
    if abs(down) == 2:
        middle = price[row + down // 2, column] + price[row + down // 2, to_column]
    else:
        middle = price[row, column + right // 2] + price[to_row, column + right // 2]
    return float(np.sqrt(5.0) / 4.0 * (ends + middle))


@kernel
def grow(
    price: Floats,
    end: NDArray[np.int32],
    beyond: Floats,
    start: Ints,
    group: Ints,
    enough: Floats,
    cost: Floats,
    label: NDArray[np.int32],
    came: NDArray[np.int8],
) -> None:
    """Grow regions around starts, cheapest cells first, until each has found what it needs.

    Parameters
    ----------
    price : array, shape (rows, columns)
        Price per length of a cell; inf is closed.
    end : array of int32, shape (rows, columns)
        Number of what a way can end at in the cell, -1 for nothing. Ways do not go on
        behind it.
    beyond : array
        Per number in ``end``, what it costs to go on from there.
    start, group : array
        Cells (row by row) that regions start from, and the group of each. A cell that
        stands twice is the first's.
    enough : array
        Per group, the cheapest cost to an end and beyond; inf to begin with. A region
        does not go on past it.
    cost, label, came : array, shape (rows, columns)
        Filled: cost from the start, which start (-1 none), and the move it was reached by
        (-1 at a start).
    """
    rows, columns = price.shape
    heap = np.empty(rows * columns, np.int32)
    place = np.full(rows * columns, -1, np.int32)
    key = cost.ravel()
    size = 0
    for i in range(start.size):
        cell = start[i]
        row, column = cell // columns, cell % columns
        if label[row, column] < 0 and np.isfinite(price[row, column]):
            label[row, column] = i
            key[cell] = 0.0
            size = heap_push(heap, place, key, size, cell)
    while size > 0:
        cell = heap_pop(heap, place, key, size)
        size -= 1
        row, column = cell // columns, cell % columns
        mine = group[label[row, column]]
        spent = key[cell]
        if spent > enough[mine]:
            continue
        if end[row, column] >= 0:
            enough[mine] = min(enough[mine], spent + beyond[end[row, column]])
            continue
        for move in range(16):
            step = move_cost(price, row, column, move)
            if not np.isfinite(step):
                continue
            to_row, to_column = row + DOWN[move], column + RIGHT[move]
            to = to_row * columns + to_column
            if spent + step < key[to]:
                key[to] = spent + step
                label[to_row, to_column] = label[row, column]
                came[to_row, to_column] = move
                size = heap_push(heap, place, key, size, to)


@kernel
def meetings(
    price: Floats,
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
    rows, columns = price.shape
    found = 0
    for row in range(rows):
        for column in range(columns):
            if label[row, column] < 0 or end[row, column] >= 0:
                continue
            mine = group[label[row, column]]
            for move in range(8):
                to_row, to_column = row + DOWN[move], column + RIGHT[move]
                if to_row >= rows or to_column < 0 or to_column >= columns:
                    continue
                if label[to_row, to_column] < 0 or end[to_row, to_column] >= 0:
                    continue
                theirs = group[label[to_row, to_column]]
                if theirs == mine:
                    continue
                whole = cost[row, column] + cost[to_row, to_column]
                whole += move_cost(price, row, column, move)
                if not whole <= max(enough[mine], enough[theirs]) or not whole < np.inf:
                    continue
                if fill:
                    one[found] = row * columns + column
                    other[found] = to_row * columns + to_column
                    total[found] = whole
                found += 1
    return found


@kernel
def trace(came: NDArray[np.int8], cell: int, path: Ints) -> int:
    """Write the cells from one back to its start; give how many. An empty path only counts."""
    columns = came.shape[1]
    row, column = cell // columns, cell % columns
    number = 0
    while True:
        if path.size:
            path[number] = row * columns + column
        number += 1
        move = came[row, column]
        if move < 0:
            return number
        row, column = row - DOWN[move], column - RIGHT[move]


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
