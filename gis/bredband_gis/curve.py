"""Points in the order of a Hilbert curve, where neighbours in space follow each other.

Work on millions of points is several times faster along the curve: what one point has
read is still at hand for the next. Also here: the compiling of inner loops, and the
threads that run them.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

THREADS = min(os.cpu_count() or 1, 8)

BATCH = 1 << 16
"""Rows that a thread takes at a time."""

_STEP = 4
"""Levels of the curve that are looked up at a time."""


def curve_order(x: Floats, y: Floats) -> NDArray[np.int64]:
    """Order points along a Hilbert curve, so that neighbours follow each other.

    Parameters
    ----------
    x, y : array of float64, shape (n,)
        The points, finite.

    Returns
    -------
    array of int64, shape (n,)
        Row numbers in the order of the curve.
    """
    key = np.empty(x.size, dtype=np.int64)
    if not x.size:
        return key
    # The square that the curve fills is three times the span of a sample without its
    # outermost hundredths; strays outside go to its rim and cannot make it coarse.
    low, high = middle_span(x, y)
    side = 3 * max(float((high - low).max()), 1.0)
    left, bottom = (float(v) for v in (low + high - side) / 2)
    # Place and row number share 63 bits: sorting them takes a fifth of an argsort.
    row_bits = int(x.size).bit_length()
    steps = (63 - row_bits) // 2 // _STEP
    kernel, table = compiled(_curve_kernel), _curve_table()

    def batch(begin: int, end: int) -> None:
        kernel(begin, end, x, y, left, bottom, side, steps, row_bits, table, key)

    in_batches(batch, x.size)
    key.sort()
    key &= (1 << row_bits) - 1
    return key


def middle_span(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Give the corners of the box around a sample without its outermost hundredths."""
    sample = [values[:: x.size // 10_000 + 1] for values in (x, y)]
    low, high = np.percentile(sample, [1, 99], axis=1)
    return low, high


def in_batches(work: Callable[[int, int], None], rows: int) -> None:
    """Have threads do ``work(begin, end)`` on all rows."""
    # The first batch, alone, has the function compiled once.
    work(0, min(BATCH, rows))
    if rows > BATCH:
        begins = range(BATCH, rows, BATCH)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, begins, [min(begin + BATCH, rows) for begin in begins]))


@cache
def compiled(kernel: Callable[..., None]) -> Callable[..., None]:
    """Compile a function of arrays and numbers; later processes load what was compiled."""
    # Importing numba takes a second: whoever needs no lines does not wait for it.
    import numba  # noqa: PLC0415

    compiled_kernel: Callable[..., None]
    options = {"nogil": True, "error_model": "numpy"}
    try:
        compiled_kernel = numba.njit(cache=True, **options)(kernel)
    except RuntimeError:  # neither this folder nor the user's cache can be written
        compiled_kernel = numba.njit(**options)(kernel)
    return compiled_kernel


@cache
def _curve_table() -> NDArray[np.int64]:
    """Tabulate the curve: turn, bits of column and of row -> place and next turn.

    The four turns of a square on the curve are its coordinates swapped (1), turned
    about (2), both or neither.
    """
    turn, column, row = np.indices((4, 1 << _STEP, 1 << _STEP)).reshape(3, -1)
    swap, about = turn & 1, turn >> 1
    place = np.zeros_like(turn)
    for bit in range(_STEP - 1, -1, -1):
        right, upper = (column >> bit) & 1, (row >> bit) & 1
        right, upper = np.where(swap, upper, right) ^ about, np.where(swap, right, upper) ^ about
        # The quarters of the square in the order lower left, upper left, upper right,
        # lower right; the first and the last are turned.
        place = (place << 2) | ((3 * right) ^ upper)
        about, swap = about ^ (right & ~upper), swap ^ (1 - upper)
    table: NDArray[np.int64] = (place << 2) | (about << 1) | swap
    return table


def _curve_kernel(
    begin: int,
    end: int,
    x: Floats,
    y: Floats,
    left: float,
    bottom: float,
    side: float,
    steps: int,
    row_bits: int,
    table: Ints,
    key: Ints,
) -> None:
    """Place of the points begin:end on the Hilbert curve; compiled by numba."""
    cells = float(np.int64(1) << np.int64(_STEP * steps))
    mask = (1 << _STEP) - 1
    for point in range(begin, end):
        column = np.int64(min(max((x[point] - left) / side * cells, 0.0), cells - 1.0))
        row = np.int64(min(max((y[point] - bottom) / side * cells, 0.0), cells - 1.0))
        place, turn = np.int64(0), np.int64(0)
        for step in range(steps - 1, -1, -1):
            piece = ((column >> (step * _STEP)) & mask) << _STEP | (row >> (step * _STEP)) & mask
            found = table[turn << (2 * _STEP) | piece]
            place = place << (2 * _STEP) | found >> 2
            turn = found & 3
        key[point] = (place << row_bits) | point
