"""Edges as plain arrays, for what needs nothing compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def cheapest_parallel(low: Ints, high: Ints, weight: Floats, size: int) -> Ints:
    """Give the cheapest edge, the first of several, between each two nodes; no loops.

    ``low`` is not greater than ``high``; both are less than ``size``. The edges are
    in the order of their ends.
    """
    key = low * size + high
    order: Ints = np.argsort(key, kind="stable")
    order = order[low[order] != high[order]]
    key = key[order]
    again = np.flatnonzero(key[1:] == key[:-1])
    if not again.size:
        return order
    # Only bundles of parallel edges are looked at one by one.
    bundled = np.zeros(order.size, np.bool_)
    bundled[again] = True
    bundled[again + 1] = True
    some = order[bundled]
    order[bundled] = some[np.lexsort((some, weight[some], key[bundled]))]
    first: Ints = order[np.concatenate([[True], key[1:] != key[:-1]])]
    return first
