"""Networks as plain arrays: single cuts, chains of edges, and what can be left out.

Nodes are numbered from 0; an edge is a position in ``tail`` and ``head``. Two edges may
join the same two nodes: they are two ways. An edge from a node to itself leads nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from bredband_gis.steiner_paths import build_rows, heap_pop, heap_push, kernel
from scipy import sparse
from scipy.sparse import csgraph

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_MOST_EDGES = 2
"""A node with this many ends of edges only passes through."""


class Cuts(NamedTuple):
    """Where one cut parts a network."""

    bridge: Bools
    """Per edge: cutting it alone parts the network."""
    block: Ints
    """Per node: its 2-edge-connected part; nodes of one part stay joined after any one cut."""


class Chains(NamedTuple):
    """Edges in a row made one."""

    chain: Ints
    """Per edge, the number of its chain; -1 in a ring that no kept node lies on."""
    tail: Ints
    """Per chain, the node at one end."""
    head: Ints
    """Per chain, the node at the other end; the same where it comes back."""


class Rows(NamedTuple):
    """A graph by rows, see ``bredband_gis.steiner_paths``."""

    start: Ints
    to: Ints
    edge: Ints
    cost: Floats


def lay_rows(size: int, tail: ArrayLike, head: ArrayLike, cost: ArrayLike) -> Rows:
    """Arrange a graph by rows, for compiled loops.

    Parameters
    ----------
    size : int
        Number of nodes.
    tail, head : array of int, shape (edges,)
        Ends of the edges.
    cost : array of float, shape (edges,)
        Cost of each.
    """
    u, v = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    start = np.zeros(size + 1, np.int64)
    to, edge, mate = (np.empty(2 * u.size, np.int64) for _ in range(3))
    weight = np.empty(2 * u.size)
    build_rows(size, u, v, np.asarray(cost, dtype=np.float64), start, to, edge, mate, weight)
    return Rows(start, to, edge, weight)


def label_parts(size: int, tail: ArrayLike, head: ArrayLike) -> Ints:
    """Label the nodes by the connected part that they lie in, from 0.

    Parameters
    ----------
    size : int
        Number of nodes.
    tail, head : array of int, shape (edges,)
        Ends of the edges.
    """
    u, v = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    if not size:
        return np.empty(0, np.int64)
    links = sparse.coo_array((np.ones(u.size), (u, v)), shape=(size, size))
    label: Ints = csgraph.connected_components(links, directed=False)[1].astype(np.int64)
    return label


def find_cuts(size: int, tail: ArrayLike, head: ArrayLike) -> Cuts:
    """Find every edge whose loss parts a network, and the parts that no single cut parts.

    Parameters
    ----------
    size : int
        Number of nodes.
    tail, head : array of int, shape (edges,)
        Ends of the edges.

    Returns
    -------
    Cuts
        Two nodes have two ways between them that share no edge exactly where they lie in
        the same block (Menger).

    References
    ----------
    Tarjan, R. E. (1974). A note on finding the bridges of a graph. Information Processing
    Letters 2, 160-161.
    """
    u, v = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    rows = lay_rows(size, u, v, np.zeros(u.size))
    bridge = np.zeros(u.size, np.bool_)
    _bridges(rows.start, rows.to, rows.edge, bridge)
    return Cuts(bridge, label_parts(size, u[~bridge], v[~bridge]))


def count_ways(size: int, tail: ArrayLike, head: ArrayLike, root: int) -> Ints:
    """Count the ways from each node to the root that share no edge.

    Parameters
    ----------
    size : int
        Number of nodes.
    tail, head : array of int, shape (edges,)
        Ends of the edges.
    root : int
        A node.

    Returns
    -------
    array of int, shape (nodes,)
        0, 1, or 2 for two or more.
    """
    block = find_cuts(size, tail, head).block
    part = label_parts(size, tail, head)
    ways: Ints = (part == part[root]).astype(np.int64) + (block == block[root])
    return ways


@kernel
def _bridges(start: Ints, to: Ints, edge: Ints, bridge: Bools) -> None:
    """Mark the bridges: depth first, with a stack of its own for long chains."""
    size = start.size - 1
    order = np.full(size, -1, np.int64)
    low = np.zeros(size, np.int64)
    slot = start[:size].copy()
    came = np.full(size, -1, np.int64)
    stack = np.empty(size, np.int64)
    count = 0
    for first in range(size):
        if order[first] >= 0:
            continue
        order[first] = low[first] = count
        count += 1
        stack[0] = first
        depth = 1
        while depth > 0:
            node = stack[depth - 1]
            if slot[node] < start[node + 1]:
                at = slot[node]
                slot[node] += 1
                other = to[at]
                if edge[at] == came[node]:
                    continue
                if order[other] >= 0:
                    low[node] = min(low[node], order[other])
                    continue
                order[other] = low[other] = count
                count += 1
                came[other] = edge[at]
                stack[depth] = other
                depth += 1
            else:
                depth -= 1
                if depth > 0:
                    above = stack[depth - 1]
                    low[above] = min(low[above], low[node])
                    if low[node] > order[above]:
                        bridge[came[node]] = True


def merge_chains(
    tail: ArrayLike, head: ArrayLike, keep: ArrayLike, kind: ArrayLike | None = None
) -> Chains:
    """Make one of edges that follow each other with nothing between them.

    Parameters
    ----------
    tail, head : array of int, shape (edges,)
        Ends of the edges.
    keep : array of bool, shape (nodes,)
        Nodes where a chain ends whatever meets there. It also ends at every node where
        other than two edges meet.
    kind : array of int, shape (edges,), optional
        A chain holds edges of one kind only.

    Returns
    -------
    Chains
        Numbered by the first edge of each.
    """
    u, v = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    kept = np.asarray(keep, dtype=np.bool_)
    sort = np.zeros(u.size, np.int64) if kind is None else np.asarray(kind, dtype=np.int64)
    ends = np.concatenate([u, v])
    of = np.concatenate([np.arange(u.size), np.arange(u.size)])
    passes = ~kept & (np.bincount(ends, minlength=kept.size) == _MOST_EDGES)
    order = np.argsort(ends, kind="stable")
    order = order[passes[ends[order]]]
    one, other = of[order[::2]], of[order[1::2]]
    node = ends[order[::2]]
    # A loop meets itself; edges of different kinds end where they meet.
    stop = (one == other) | (sort[one] != sort[other])
    passes[node[stop]] = False
    label = label_parts(u.size, one[~stop], other[~stop])
    # Number chains by their first edge, and leave out rings without an end.
    at_end = ~passes[ends]
    count = np.bincount(label[of[at_end]], minlength=label.max(initial=-1) + 1)
    open_ = count == _MOST_EDGES
    number = np.cumsum(open_) - 1
    chain = np.where(open_[label], number[label], -1) if u.size else label
    last = np.flatnonzero(at_end)
    last = last[chain[of[last]] >= 0]
    last = last[np.argsort(chain[of[last]], kind="stable")]
    return Chains(chain, ends[last[::2]], ends[last[1::2]])


class Reduced(NamedTuple):
    """A smaller graph on the same nodes."""

    edge: Ints
    """Per edge of the large graph, the edge of the small one that it is part of, or -1."""
    tail: Ints
    head: Ints
    cost: Floats
    kind: Ints


def reduce_graph(
    tail: ArrayLike, head: ArrayLike, cost: ArrayLike, kind: ArrayLike, keep: ArrayLike
) -> Reduced:
    """Leave out what no cheapest way between kept nodes uses.

    Dead ends without a kept node go, edges in a row become one, and of several edges of
    kind 0 between the same two nodes only the cheapest stays. Edges of other kinds are
    never left out for being dear.

    Parameters
    ----------
    tail, head : array of int, shape (edges,)
        Ends of the edges.
    cost : array of float, shape (edges,)
        Not negative.
    kind : array of int, shape (edges,)
        Edges of different kinds are not put together.
    keep : array of bool, shape (nodes,)
        Nodes that stay.
    """
    u, v = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    weight, sort = np.asarray(cost, dtype=np.float64), np.asarray(kind, dtype=np.int64)
    kept = np.asarray(keep, dtype=np.bool_)
    part = np.arange(u.size)
    while True:
        before = u.size
        chains = merge_chains(u, v, kept, sort)
        inside = chains.chain >= 0
        weight = np.bincount(chains.chain[inside], weight[inside], chains.tail.size).astype(float)
        first = np.full(chains.tail.size, -1, np.int64)
        first[chains.chain[inside][::-1]] = np.flatnonzero(inside)[::-1]
        u, v, sort = chains.tail, chains.head, sort[first]
        stays = _is_useful(u, v, weight, sort, kept)
        number = np.where(stays, np.cumsum(stays) - 1, -1)
        for step in (chains.chain, number):
            part[part >= 0] = step[part[part >= 0]]
        u, v, weight, sort = u[stays], v[stays], weight[stays], sort[stays]
        if u.size == before:
            return Reduced(part, u, v, weight, sort)


def _is_useful(u: Ints, v: Ints, weight: Floats, sort: Ints, kept: Bools) -> Bools:
    """Tell which edges are no loops, no dead ends, and the cheapest of their kind 0 bundle."""
    useful: Bools = u != v
    degree = np.bincount(np.concatenate([u[useful], v[useful]]), minlength=kept.size)
    dead = (degree == 1) & ~kept
    useful &= ~(dead[u] | dead[v])
    low, high = np.minimum(u, v), np.maximum(u, v)
    order = np.lexsort((np.arange(u.size), weight, sort != 0, high, low))
    same = np.zeros(u.size, np.bool_)
    same[order[1:]] = (low[order[1:]] == low[order[:-1]]) & (high[order[1:]] == high[order[:-1]])
    useful &= ~(same & (sort == 0))
    return useful


def thin_links(
    size: int, tail: ArrayLike, head: ArrayLike, length: ArrayLike, same: float
) -> Bools:
    """Tell which links to keep, so that no road counts twice.

    A link from stop to stop along a road that has stops in between runs on the same road
    as the links between these. Links are looked at from the shortest: one is left out
    where the shortest way over those kept so far is as long as it, give or take a share.
    A way that is much longer or much shorter is another road.

    Parameters
    ----------
    size : int
        Number of nodes.
    tail, head : array of int, shape (links,)
        Ends of the links.
    length : array of float, shape (links,)
        True length, m.
    same : float
        Largest difference, as a share of the link's length, that is the same road.

    Returns
    -------
    array of bool, shape (links,)
        Links from a node to itself are not kept.
    """
    u, v = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    metres = np.asarray(length, dtype=np.float64)
    keep = np.zeros(u.size, np.bool_)
    order = np.argsort(metres, kind="stable")
    _thin(size, u, v, metres, order, float(same), keep)
    return keep


@kernel
def _thin(
    size: int, u: Ints, v: Ints, metres: Floats, order: Ints, same: float, keep: Bools
) -> None:
    """Mark the links to keep; the graph so far is a list of slots per node."""
    first = np.full(size, -1, np.int64)
    following = np.empty(2 * u.size, np.int64)
    key = np.full(size, np.inf)
    place = np.full(size, -1, np.int64)
    heap = np.empty(size, np.int64)
    touched = np.empty(size, np.int64)
    for link in order:
        if u[link] == v[link]:
            continue
        limit = metres[link] * (1.0 + same)
        key[u[link]] = 0.0
        count = 1
        touched[0] = u[link]
        room = heap_push(heap, place, key, 0, u[link])
        while room > 0:
            node = heap_pop(heap, place, key, room)
            room -= 1
            if node == v[link]:
                break
            slot = first[node]
            while slot >= 0:
                other = v[slot >> 1] if slot & 1 == 0 else u[slot >> 1]
                there = key[node] + metres[slot >> 1]
                if there <= limit and there < key[other]:
                    if key[other] == np.inf:
                        touched[count] = other
                        count += 1
                    key[other] = there
                    room = heap_push(heap, place, key, room, other)
                slot = following[slot]
        way = key[v[link]]
        for at in range(room):
            place[heap[at]] = -1
        for at in range(count):
            key[touched[at]] = np.inf
        if way < metres[link] * (1.0 - same) or way > limit:
            keep[link] = True
            following[2 * link] = first[u[link]]
            first[u[link]] = 2 * link
            following[2 * link + 1] = first[v[link]]
            first[v[link]] = 2 * link + 1
