"""Second ways: the cheapest new stretches that leave places joined after any one cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from bredband_gis.steiner_paths import heap_pop, heap_push, kernel

from bredband.backbone_graph import Reduced, find_cuts, label_parts, lay_rows, reduce_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class SecondWays:
    """Edges that give places a second way, route by route in the order chosen.

    Attributes
    ----------
    route : int array, shape (edges,)
        Per edge of the graph, the route that it belongs to; -1 for none.
    place : int array, shape (routes,)
        The place that each route was found for.
    cost : float array, shape (routes,)
        What its edges cost.
    gained : float array, shape (routes,)
        Weight of all places that have a second way through it.
    through : int array, shape (places,)
        The route through which each place got its second way; -1 for none.
    left_cost : float array, shape (places,)
        What the cheapest second way of a place that has one way still would cost; inf
        where there is none; nan for other places.
    left_gained : float array, shape (places,)
        Weight that would have a second way then.
    """

    route: Ints
    place: Ints
    cost: Floats
    gained: Floats
    through: Ints
    left_cost: Floats
    left_gained: Floats


class _Offer(NamedTuple):
    """The cheapest second way of each place that has only one."""

    cost: Floats
    gained: Floats
    edges: list[Ints]


def find_second_ways(
    size: int,
    tail: Ints,
    head: Ints,
    cost: Floats,
    *,
    network: Bools,
    usable: Bools,
    root: int,
    node: Ints,
    weight: Floats,
    worth: float,
) -> SecondWays:
    """Choose second ways, the cheapest per weight first, as long as they are worth it.

    The second way of one place is exact: of all sets of new edges that leave it joined to
    the root after any one cut of the network, the cheapest (the second path of a flow of
    two units, as Suurballe finds it; what is there already is free, but each edge carries
    one unit). Which places come first is greedy; at the end, edges that turned out to be
    needed by nobody are left out.

    Parameters
    ----------
    size : int
        Number of nodes.
    tail, head : array of int, shape (edges,)
        Ends of the edges.
    cost : array of float, shape (edges,)
        What a new edge costs, not negative.
    network : array of bool, shape (edges,)
        Edges that are there already.
    usable : array of bool, shape (edges,)
        Edges that may be added.
    root : int
        Node that places are to be joined to.
    node : array of int, shape (places,)
        Node of each place; -1 for places that do not count.
    weight : array of float, shape (places,)
        E.g. households, not negative.
    worth : float
        A route is chosen where it costs at most this per weight that it gives a second
        way.

    Returns
    -------
    SecondWays

    References
    ----------
    Suurballe, J. W. (1974). Disjoint paths in a network. Networks 4, 125-145.
    """
    kept = np.zeros(size, np.bool_)
    kept[node[node >= 0]] = True
    kept[root] = True
    inside = np.flatnonzero(network | usable)
    small = reduce_graph(
        tail[inside],
        head[inside],
        np.where(network, 0.0, cost)[inside],
        network[inside].astype(np.int64),
        kept,
    )
    there = small.kind == 1
    added = np.full(there.size, -1, np.int64)
    found: list[int] = []
    while True:
        offer = _offer(size, small, there, root, node, weight)
        ratio = np.full(node.size, np.inf)
        good = np.isfinite(offer.cost) & (offer.gained > 0)
        ratio[good] = offer.cost[good] / offer.gained[good]
        best = int(np.argmin(ratio)) if node.size else -1
        # A hair's breadth for sums that ought to be equal.
        if best < 0 or np.isinf(ratio[best]) or ratio[best] > worth * (1 + 1e-9):
            break
        there[offer.edges[best]] = True
        added[offer.edges[best]] = len(found)
        found.append(best)
    added = _leave_out(size, small, added, root, node)
    return _sum_up(size, small, added, np.array(found, np.int64), inside, tail.size, root, node,
                   weight, offer, worth)  # fmt: skip


def _offer(
    size: int, small: Reduced, there: Bools, root: int, node: Ints, weight: Floats
) -> _Offer:
    """Find the cheapest second way of every place that has one way."""
    cuts = find_cuts(size, small.tail[there], small.head[there])
    block = cuts.block
    linked = label_parts(size, small.tail[there], small.head[there])
    one_way = node >= 0
    one_way[one_way] = (block[node[one_way]] != block[root]) & (
        linked[node[one_way]] == linked[root]
    )
    places = np.flatnonzero(one_way)
    result = _Offer(
        np.full(node.size, np.nan), np.zeros(node.size), [np.empty(0, np.int64)] * node.size
    )
    if not places.size:
        return result
    at = block[node[places]]
    kept = np.zeros(int(block.max()) + 1, np.bool_)
    kept[at] = True
    kept[block[root]] = True
    # What is there is free: the 2-edge-connected parts are nodes, the cuts between them edges.
    tree = reduce_graph(
        block[small.tail],
        block[small.head],
        np.where(there, 0.0, small.cost),
        there.astype(np.int64),
        kept,
    )
    rows = lay_rows(kept.size, tree.tail, tree.head, tree.cost)
    bridge = tree.kind == 1
    above = np.full(kept.size, -1, np.int64)
    _hang(rows.start, rows.to, rows.edge, bridge, int(block[root]), above)
    came = np.empty(kept.size, np.int64)
    key = np.empty(kept.size)
    members = _members(tree.edge, tree.tail.size)
    for place, start in zip(places, at, strict=True):
        total = _second_way(
            rows.start, rows.to, rows.edge, rows.cost, bridge, tree.tail, tree.head, above,
            int(start), int(block[root]), key, came,
        )  # fmt: skip
        result.cost[place] = total
        if not np.isfinite(total):
            continue
        way = _walk_back(came, tree.tail, tree.head, int(start), int(block[root]))
        new = way[~bridge[way]]
        both = bridge.copy()
        both[new] = True
        after = find_cuts(kept.size, tree.tail[both], tree.head[both]).block
        result.gained[place] = weight[places][after[at] == after[block[root]]].sum()
        result.edges[place] = np.concatenate([members[edge] for edge in new])
    return result


def _members(part: Ints, size: int) -> list[Ints]:
    """Give, per edge of the small graph, the edges of the large one."""
    order = np.argsort(part, kind="stable")
    order = order[part[order] >= 0]
    return np.split(order, np.searchsorted(part[order], np.arange(1, size)))


@kernel
def _hang(start: Ints, to: Ints, edge: Ints, bridge: Bools, root: int, above: Ints) -> None:
    """Find, per node, the bridge that leads to the root."""
    queue = np.empty(start.size, np.int64)
    queue[0] = root
    above[root] = -2
    count, done = 1, 0
    while done < count:
        node = queue[done]
        done += 1
        for slot in range(start[node], start[node + 1]):
            other = to[slot]
            if bridge[edge[slot]] and above[other] == -1:
                above[other] = edge[slot]
                queue[count] = other
                count += 1


@kernel
def _second_way(
    start: Ints,
    to: Ints,
    edge: Ints,
    cost: Floats,
    bridge: Bools,
    tail: Ints,
    head: Ints,
    above: Ints,
    source: int,
    root: int,
    key: Floats,
    came: Ints,
) -> float:
    """Find the cheapest way to the root that uses no bridge of the first way towards it.

    Against the first way its bridges may be used: that is where the two ways change
    places. Fills ``came`` with the edge that each node was reached by.
    """
    upward = np.zeros(bridge.size, np.bool_)
    node = source
    while above[node] >= 0:
        bar = above[node]
        upward[bar] = True
        node = head[bar] if tail[bar] == node else tail[bar]
    key[:] = np.inf
    came[:] = -1
    place = np.full(key.size, -1, np.int64)
    heap = np.empty(key.size, np.int64)
    key[source] = 0.0
    size = heap_push(heap, place, key, 0, source)
    while size > 0:
        node = heap_pop(heap, place, key, size)
        size -= 1
        if node == root:
            break
        for slot in range(start[node], start[node + 1]):
            by = edge[slot]
            if upward[by] and above[node] == by:
                continue
            there = key[node] + cost[slot]
            other = to[slot]
            if there < key[other]:
                key[other] = there
                came[other] = by
                size = heap_push(heap, place, key, size, other)
    total: float = key[root]
    return total


def _walk_back(came: Ints, tail: Ints, head: Ints, source: int, root: int) -> Ints:
    """Give the edges of the way that was found."""
    way = []
    at = root
    while at != source:
        way.append(came[at])
        at = int(tail[came[at]] + head[came[at]] - at)
    return np.array(way, np.int64)


def _secured(size: int, small: Reduced, there: Bools, root: int, node: Ints) -> Bools:
    """Tell which places have two ways to the root."""
    block = find_cuts(size, small.tail[there], small.head[there]).block
    return np.asarray((node >= 0) & (block[np.maximum(node, 0)] == block[root]))


def _leave_out(size: int, small: Reduced, added: Ints, root: int, node: Ints) -> Ints:
    """Drop added edges that no place needs for its second way, the dearest first."""
    there = (small.kind == 1) | (added >= 0)
    wanted = _secured(size, small, there, root, node)
    new = np.flatnonzero(added >= 0)
    for edge in new[np.argsort(-small.cost[new], kind="stable")]:
        there[edge] = False
        if (_secured(size, small, there, root, node) | ~wanted).all():
            added[edge] = -1
        else:
            there[edge] = True
    return added


def _sum_up(
    size: int, small: Reduced, added: Ints, place: Ints, inside: Ints, edges: int, root: int,
    node: Ints, weight: Floats, left: _Offer, worth: float,
) -> SecondWays:  # fmt: skip
    """Count what each route costs and gives, one after the other."""
    there = small.kind == 1
    before = _secured(size, small, there, root, node)
    cost, through = np.zeros(place.size), np.full(node.size, -1, np.int64)
    for number in range(place.size):
        cost[number] = small.cost[added == number].sum()
        there |= added == number
        after = _secured(size, small, there, root, node)
        through[after & ~before] = number
        before = after
    gained = np.bincount(through[through >= 0], weight[through >= 0], place.size).astype(float)
    group = _group_routes(cost, gained, worth)
    count = int(group.max(initial=-1)) + 1
    last = np.zeros(count, np.int64)
    last[group] = place
    route = np.full(edges, -1, np.int64)
    held = np.flatnonzero(small.edge >= 0)
    held = held[added[small.edge[held]] >= 0]
    route[inside[held]] = group[added[small.edge[held]]]
    through[through >= 0] = group[through[through >= 0]]
    return SecondWays(
        route,
        last,
        np.bincount(group, cost, count).astype(float),
        np.bincount(group, gained, count).astype(float),
        through,
        left.cost,
        left.gained,
    )


def _group_routes(cost: Floats, gained: Floats, worth: float) -> Ints:
    """Give the routes new numbers, the same to those that carry each other.

    Once edges are left out, an early route may rest on later ones: it goes together with
    as many of these as make it worth its cost.
    """
    ends: list[int] = []
    sums = [0.0, 0.0]
    for number in range(cost.size):
        sums = [sums[0] + cost[number], sums[1] + gained[number]]
        if sums[1] > 0 and sums[0] <= worth * sums[1] * (1 + 1e-9):
            ends.append(number)
            sums = [0.0, 0.0]
    # What is left over goes with those before it.
    while ends and sums != [0.0, 0.0]:
        begin = ends[-2] + 1 if len(ends) > 1 else 0
        total, weight = cost[begin:].sum(), gained[begin:].sum()
        ends[-1] = cost.size - 1
        if total <= worth * weight * (1 + 1e-9) or len(ends) == 1:
            break
        ends.pop()
    group = np.searchsorted(np.array(ends, np.int64), np.arange(cost.size))
    return group.astype(np.int64)
