"""The trench network as plain arrays: what each edge hangs on, and each premises.

What shares, orders or prices the trench edge by edge starts from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from bredband_gis.errors import BadValueError
from bredband_gis.steiner import RootedTree

from bredband.cost import REACHED, add_capex, connect, fund

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from bredband.region import Prices

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


class Hung(NamedTuple):
    """The trench as a forest, and the edge that each premises hangs on."""

    tree: RootedTree
    edge_above: Ints
    """Per premises, the edge that ends at its node; -1 at existing fibre."""


def hang(trench: pd.DataFrame, reached: pd.DataFrame) -> Hung:
    """Give what each trench edge and each premises hangs on.

    Parameters
    ----------
    trench : DataFrame
        ``tables.TRENCH``: a forest, parents before children.
    reached : DataFrame
        Rows of ``tables.REACH`` with reach ``trench`` or ``at_fibre``.

    Raises
    ------
    BadValueError
        Two edges lead to one node, a parent stands after its child, or a premises hangs
        on a node that no trench leads to.
    """
    tail = trench["from_node"].to_numpy(dtype=np.int64)
    head = trench["to_node"].to_numpy(dtype=np.int64)
    where, fix = "trench", "use the tables of one and the same build-out, in their order"
    # The edge that ends at a node, by binary search: node numbers may be large and sparse.
    order = np.argsort(head, kind="stable")
    ends = head[order]
    if (ends[1:] == ends[:-1]).any():
        msg = "several edges lead to the same node"
        raise BadValueError(msg, where=where, fix=fix)

    def edge_to(node: Ints) -> Ints:
        if not ends.size:
            return np.full(node.size, -1, np.int64)
        place = np.minimum(np.searchsorted(ends, node), ends.size - 1)
        return np.where(ends[place] == node, order[place], -1)

    parent = edge_to(tail)
    if (parent >= np.arange(parent.size)).any():
        msg = "an edge stands before the edge that it hangs on"
        raise BadValueError(msg, where=where, fix=fix)
    above = edge_to(reached["node"].to_numpy(dtype=np.int64))
    lost = (reached["reach"] == "trench").to_numpy() & (above < 0)
    if lost.any():
        msg = f"{int(lost.sum())} of {lost.size} premises hang on a node that no trench leads to"
        raise BadValueError(msg, where=where, fix=fix)
    return Hung(RootedTree(np.arange(head.size), tail, head, parent), above)


def sum_above(parent: ArrayLike, value: ArrayLike) -> Floats:
    """Add up, per edge, its own value and those of all edges between it and the root.

    Parameters
    ----------
    parent : array of int, shape (edges,)
        The edge that each hangs on; -1 at the root.
    value : array of float, shape (edges,)
        Value of each edge.
    """
    above = np.array(parent, dtype=np.int64)
    total = np.array(value, dtype=np.float64)
    active = np.flatnonzero(above >= 0)
    while active.size:
        # Each round adds a stretch twice as long as the one before.
        up = above[active]
        total[active] += total[up]
        above[active] = above[up]
        active = active[above[active] >= 0]
    return total


def at_edge(edge: Ints, value: Floats) -> Floats:
    """Pick the value of each premises' edge; 0 for those at existing fibre."""
    picked = np.zeros(edge.size)
    picked[edge >= 0] = value[edge[edge >= 0]]
    return picked


class Parts(NamedTuple):
    """What each part of the build-out costs; all parts together are the capex."""

    trench_sek: Floats
    """Per trench edge, SEK."""
    own_sek: Floats
    """Per row of the reach table: its drop and what else it needs alone, SEK."""
    paid_sek: Floats
    """Per row of the reach table: own contribution and operator revenue, SEK."""


def price_parts(
    trench: pd.DataFrame, reach: pd.DataFrame, status: pd.DataFrame, prices: Prices
) -> Parts:
    """Split the capex and what customers pay among trench edges and premises.

    Parameters
    ----------
    trench : DataFrame
        ``tables.TRENCH``.
    reach : DataFrame
        ``tables.REACH``.
    status : DataFrame
        ``tables.STATUS``, for what each premises holds.
    prices : Prices
        ``[prices]`` of region.toml: take-up, co-laying, further items, design and
        contingency as ``cost.cost_table`` counts them.
    """
    columns = ["premises_id", "households", *({"segment"} & set(status))]
    held = connect(reach.merge(status[columns], on="premises_id", how="left"), prices)
    own = held.assign(
        trench_m=0.0, trench_sek=0.0, premises=held["reach"].isin(REACHED).astype("int64")
    )
    own = fund(add_capex(own, prices, premises="premises"), prices, households="households")
    dug = trench[["length_m", "cost_sek"]].set_axis(["trench_m", "trench_sek"], axis=1)
    dug = add_capex(dug.assign(drop_sek=0.0, lines=0.0, premises=0), prices, premises="premises")
    return Parts(
        dug["capex_sek"].to_numpy(dtype=np.float64),
        own["capex_sek"].to_numpy(dtype=np.float64),
        (own["own_contribution_sek"] + own["operator_revenue_sek"]).to_numpy(dtype=np.float64),
    )
