"""The cheapest network that joins many places to what already exists.

A Steiner tree on an undirected graph: pick edges of least total cost so that
every terminal hangs together with the root. Existing networks are the root:
all their nodes count as one, and moving along them costs nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from bredband_gis.errors import BadValueError
from bredband_gis.steiner_edges import cheapest_parallel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_USUAL_SECONDS, _SECONDS_PER_EDGE = 8.0, 18e-6
"""Time limit where none is given."""


@dataclass(frozen=True)
class SteinerTree:
    """A network that joins terminals, and how good it is.

    Attributes
    ----------
    edges : int array
        Chosen edges, positions in the input, ascending.
    cost : float
        Sum of their costs, in the unit of the input.
    lower_bound : float
        No network that joins the same terminals costs less than this.
    unreached : int array
        Terminals that no path joins to the root; they are in no edge.
    """

    edges: Ints
    cost: float
    lower_bound: float
    unreached: Ints


@dataclass(frozen=True)
class RootedTree:
    """A forest with every edge pointing away from the root.

    Attributes
    ----------
    edges : int array
        The same edges as given, parents before their children.
    from_node, to_node : int array
        Per edge, the end nearer to the root and the end farther from it.
    parent : int array
        Per edge, the position in ``edges`` of the edge that it hangs on; -1 at the root.
    """

    edges: Ints
    from_node: Ints
    to_node: Ints
    parent: Ints


def steiner_tree(
    tail: ArrayLike,
    head: ArrayLike,
    cost: ArrayLike,
    terminals: ArrayLike,
    *,
    roots: ArrayLike | Sequence[int] = (),
    time_limit: float | None = None,
    gap: float = 0.001,
    seed: int = 0,
) -> SteinerTree:
    """Join terminals to the existing network, or to each other, at low cost.

    Mehlhorn's tree is the start. Then the graph is made smaller by tests that keep a
    cheapest tree; dual ascent gives a lower bound, rules out more and shows where good
    trees lie; these are improved region by region, each region solved by the same means
    and by branching, and the best of them are combined.

    Parameters
    ----------
    tail, head : array of int, shape (edges,)
        The two ends of each undirected edge, nodes numbered from 0. Parallel
        edges and loops are allowed.
    cost : array of float, shape (edges,)
        Cost per edge, in any unit, finite and not negative.
    terminals : array of int
        Nodes that must be joined. Duplicates are allowed.
    roots : array of int, optional
        Nodes of existing networks: they count as one node and are joined for
        nothing. Where there are none, the terminals are joined to each other in
        the component that holds most of them.
    time_limit : float, optional
        Seconds after which the best tree so far is given; a step that has begun is
        finished first, and compiling, once on a machine, does not count. With 0,
        Mehlhorn's tree and the bound of his theorem. Default 8 s, or 18 s per million
        edges if that is more: what 2.8 million edges take to come within 0.5 % (F,
        ``benchmarks/steiner.py``).
    gap : float
        Stop as soon as the tree is proven to cost at most this share more than the
        cheapest possible; 0 to go on until it is the cheapest or nothing more is found.
    seed : int
        Where to look first. The same seed gives the same tree unless time runs out.

    Returns
    -------
    SteinerTree
        The cost is never more than that of Mehlhorn's tree, which is at most
        2 (1 - 1/k) times the cheapest possible, k being the number of terminals and
        the root together.

    Raises
    ------
    BadValueError
        A cost is negative or not a number, a node number is negative, the arrays differ
        in length, or a limit is not a number.

    References
    ----------
    Mehlhorn, K. (1988). A faster approximation algorithm for the Steiner problem
    in graphs. Information Processing Letters 27, 125-128. For the others see
    ``steiner_reduce.py``, ``steiner_dual.py``, ``steiner_patches.py``.
    """
    begun = time.monotonic()
    a, b, weight = _edges(tail, head, cost)
    usual = max(_USUAL_SECONDS, _SECONDS_PER_EDGE * a.size)
    end = begun + (usual if time_limit is None else _limit(time_limit, "time_limit"))
    enough = _limit(gap, "gap")
    wanted = np.unique(np.asarray(terminals, dtype=np.int64))
    root_nodes = np.unique(np.asarray(roots, dtype=np.int64))
    ends = (a, b, wanted, root_nodes)
    if min(int(part.min(initial=0)) for part in ends) < 0:
        msg = "a node number is negative"
        raise BadValueError(msg, fix="number the nodes from 0")
    size = max(int(part.max(initial=-1)) for part in ends) + 1
    # All existing networks become node 0; every other node keeps its order after it.
    label = np.arange(1, size + 1, dtype=np.int64)
    label[root_nodes] = 0
    graph = _simple_graph(label[a], label[b], weight, size + 1)

    _, component = csgraph.connected_components(graph.matrix, directed=False)
    goal = label[wanted]
    if root_nodes.size:
        home = component[0]
    elif goal.size:
        home = np.bincount(component[goal]).argmax()
    else:
        return SteinerTree(np.empty(0, np.int64), 0.0, 0.0, wanted)
    joined = component[goal] == home
    unreached = wanted[~joined]
    goal = np.unique(goal[joined])
    if root_nodes.size:
        goal = np.union1d(goal, [0])
    if goal.size < 2:
        return SteinerTree(np.empty(0, np.int64), 0.0, 0.0, unreached)

    picked, distance_tree = _mehlhorn(graph, goal)
    picked = _respan(graph, picked, goal)
    bound = distance_tree / (2.0 * (1.0 - 1.0 / goal.size))
    total = float(graph.cost[picked].sum())
    if total > (1.0 + enough) * bound and time.monotonic() < end:
        inside = component == home
        better, lower = _search(graph, picked, goal, inside, end=end, gap=enough, seed=seed)
        bound = max(bound, lower)
        if float(graph.cost[better].sum()) < total:
            picked = better
    edges = np.sort(graph.edge[picked])
    total = float(weight[edges].sum())
    return SteinerTree(edges, total, min(bound, total), unreached)


def _search(
    graph: _Graph,
    picked: Ints,
    goal: Ints,
    inside: NDArray[np.bool_],
    *,
    end: float,
    gap: float,
    seed: int,
) -> tuple[Ints, float]:
    """Search the component for a tree cheaper than the one picked; give it and a bound."""
    # Importing numba takes a second: whoever needs no better tree does not wait for it.
    left = end - time.monotonic()
    from bredband_gis import steiner_solve  # noqa: PLC0415
    from bredband_gis.steiner_problem import Graph, tidy  # noqa: PLC0415
    from bredband_gis.steiner_search import Clock  # noqa: PLC0415

    # The first search on a machine compiles its inner loops, half a minute once.
    steiner_solve.prepare()
    end = time.monotonic() + left
    # Nodes joined by edges that cost nothing are one.
    free = graph.cost == 0
    size = graph.matrix.shape[0]
    links = sparse.csr_array(
        (np.ones(int(free.sum())), (graph.low[free], graph.high[free])), shape=(size, size)
    )
    _, merged = csgraph.connected_components(links, directed=False)
    is_here = np.zeros(merged.max(initial=0) + 1, np.bool_)
    is_here[merged[inside]] = True
    here = np.flatnonzero(is_here)
    name = np.full(merged.max(initial=0) + 1, -1, np.int64)
    name[here] = np.arange(here.size)
    node = name[merged]
    low = np.minimum(node[graph.low], node[graph.high])
    high = np.maximum(node[graph.low], node[graph.high])
    edge = cheapest_parallel(low, high, graph.cost, here.size)
    edge = edge[low[edge] >= 0]
    terminal = np.zeros(here.size, np.bool_)
    terminal[node[goal]] = True
    whole = Graph(low[edge], high[edge], graph.cost[edge], terminal)

    # The tree picked may have the dearer of two edges that are parallel now.
    key = low * here.size + high
    start = np.isin(key[edge], key[picked])
    answer = steiner_solve.solve(
        whole, start=start, rng=np.random.default_rng(seed), clock=Clock(end), gap=gap
    )
    if answer.chosen is None:
        return picked, answer.bound
    # Back to single nodes, with those free edges that the tree needs.
    chosen = free & inside[graph.low]
    chosen[edge[answer.chosen]] = True
    terminal = np.zeros(size, np.bool_)
    terminal[goal] = True
    kept = np.flatnonzero(chosen)
    tree = Graph(graph.low[kept], graph.high[kept], graph.cost[kept], terminal)
    used = np.ones(kept.size, np.bool_)
    tidy(tree, used)
    return kept[used], answer.bound


def _limit(value: float, what: str) -> float:
    limit = float(value)
    if not limit >= 0:
        msg = f"{what} is {value}"
        raise BadValueError(msg, fix="give a number, 0 or more")
    return limit


def root_tree(
    tail: ArrayLike, head: ArrayLike, edges: ArrayLike, *, roots: ArrayLike | Sequence[int]
) -> RootedTree:
    """Point the edges of a tree away from the root, parents before children.

    Parameters
    ----------
    tail, head : array of int, shape (all edges,)
        Ends of every edge of the graph.
    edges : array of int
        Positions of the tree's edges, as from :func:`steiner_tree`.
    roots : array of int
        Nodes of existing networks; at least one.

    Raises
    ------
    BadValueError
        The edges hold a cycle, or some of them do not hang on the root.
    """
    a, b = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    chosen = np.asarray(edges, dtype=np.int64)
    root_nodes = np.asarray(roots, dtype=np.int64)
    nodes, flat = np.unique(np.concatenate([a[chosen], b[chosen]]), return_inverse=True)
    label = np.where(np.isin(nodes, root_nodes), 0, np.arange(1, nodes.size + 1))
    u, v = label[flat[: chosen.size]], label[flat[chosen.size :]]
    size = nodes.size + 1
    matrix = sparse.csr_array((np.ones(2 * u.size), (np.r_[u, v], np.r_[v, u])), shape=(size, size))
    order, before = csgraph.breadth_first_order(matrix, 0, directed=True)
    if order.size - 1 != chosen.size:
        msg = f"{chosen.size} edges reach {order.size - 1} nodes: they are no tree below the root"
        raise BadValueError(msg)
    # Each node but the root has one edge above it, the one whose other end is its parent.
    down = before[v] == u
    child = np.where(down, v, u)
    turn = np.empty(size, np.int64)
    turn[order] = np.arange(order.size)
    sequence = np.argsort(turn[child], kind="stable")
    position = np.full(size, -1, np.int64)
    position[child[sequence]] = np.arange(chosen.size)
    above = np.where(down, u, v)[sequence]
    first, second = a[chosen][sequence], b[chosen][sequence]
    down = down[sequence]
    return RootedTree(
        chosen[sequence],
        np.where(down, first, second),
        np.where(down, second, first),
        np.where(above == 0, -1, position[above]),
    )


def sum_below(tree: RootedTree, weight: ArrayLike) -> Floats:
    """Add up, per edge, the weight at its far end and at everything beyond it.

    Parameters
    ----------
    tree : RootedTree
        Edges with parents before children.
    weight : array of float, shape (edges,)
        Weight at the far end of each edge.
    """
    total = np.asarray(weight, dtype=np.float64).copy()
    depth = tree_depth(tree)
    # One level of the tree at a time, from the farthest: children before parents.
    by_depth = np.argsort(depth, kind="stable")
    cuts = np.searchsorted(depth[by_depth], np.arange(1, depth.max(initial=0) + 2))
    for level in range(cuts.size - 1, 0, -1):
        here = by_depth[cuts[level - 1] : cuts[level]]
        np.add.at(total, tree.parent[here], total[here])
    return total


def tree_depth(tree: RootedTree) -> Ints:
    """Count, per edge, the edges between it and the root (0 for those at the root)."""
    above = tree.parent.copy()
    depth = (above >= 0).astype(np.int64)
    while (active := above >= 0).any():
        # Each round looks twice as far up as the one before.
        depth[active] += depth[above[active]]
        above[active] = above[above[active]]
    return depth


@dataclass(frozen=True)
class _Graph:
    """A simple graph: the cheapest of each bundle of parallel edges, no loops."""

    low: Ints
    high: Ints
    cost: Floats
    edge: Ints
    matrix: Any


def _edges(tail: ArrayLike, head: ArrayLike, cost: ArrayLike) -> tuple[Ints, Ints, Floats]:
    a, b = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    weight = np.asarray(cost, dtype=np.float64)
    if not a.shape == b.shape == weight.shape:
        msg = f"tail, head and cost differ in length: {a.shape}, {b.shape}, {weight.shape}"
        raise BadValueError(msg)
    bad = ~np.isfinite(weight) | (weight < 0)
    if bad.any():
        msg = f"{bad.sum()} of {bad.size} edge costs are negative or not a number"
        raise BadValueError(msg)
    return a, b, weight


def _simple_graph(a: Ints, b: Ints, weight: Floats, size: int) -> _Graph:
    low, high = np.minimum(a, b), np.maximum(a, b)
    edge = cheapest_parallel(low, high, weight, size)
    low, high, cost = low[edge], high[edge], weight[edge]
    matrix = sparse.csr_array(
        (np.r_[cost, cost], (np.r_[low, high], np.r_[high, low])), shape=(size, size)
    )
    return _Graph(low, high, cost, edge, matrix)


def _mehlhorn(graph: _Graph, goal: Ints) -> tuple[Ints, float]:
    """Lay out the terminal distance tree; give its edges and its length."""
    distance, before, nearest = csgraph.dijkstra(
        graph.matrix, directed=True, indices=goal, min_only=True, return_predecessors=True
    )
    owner = nearest.astype(np.int64)
    left, right = owner[graph.low], owner[graph.high]
    bridge = np.flatnonzero((left != right) & (left >= 0) & (right >= 0))
    span = distance[graph.low[bridge]] + graph.cost[bridge] + distance[graph.high[bridge]]
    chosen = bridge[_spanning(left[bridge], right[bridge], span, graph.matrix.shape[0])]
    length = float(
        (distance[graph.low[chosen]] + graph.cost[chosen] + distance[graph.high[chosen]]).sum()
    )
    # Walk from both ends of every chosen bridge back to its terminal, all at once.
    on_path = np.zeros(graph.matrix.shape[0], bool)
    front = np.unique(np.r_[graph.low[chosen], graph.high[chosen]])
    while front.size:
        on_path[front] = True
        front = before[front]
        front = np.unique(front[front >= 0])
        front = front[~on_path[front]]
    steps = np.flatnonzero(on_path & (before >= 0))
    return np.union1d(chosen, _find(graph, steps, before[steps].astype(np.int64))), length


def _respan(graph: _Graph, picked: Ints, goal: Ints) -> Ints:
    """Take the minimum spanning tree of the nodes touched, without useless ends."""
    inside = np.zeros(graph.matrix.shape[0], bool)
    inside[graph.low[picked]] = True
    inside[graph.high[picked]] = True
    both = np.flatnonzero(inside[graph.low] & inside[graph.high])
    kept = both[
        _spanning(graph.low[both], graph.high[both], graph.cost[both], graph.matrix.shape[0])
    ]
    needed = np.zeros(graph.matrix.shape[0], bool)
    needed[goal] = True
    while True:
        degree = np.bincount(
            np.r_[graph.low[kept], graph.high[kept]], minlength=graph.matrix.shape[0]
        )
        useless = (degree == 1) & ~needed
        stays = ~(useless[graph.low[kept]] | useless[graph.high[kept]])
        if stays.all():
            return kept
        kept = kept[stays]


def _spanning(u: Ints, v: Ints, weight: Floats, size: int) -> Ints:
    """Give the positions of a minimum spanning forest's edges; ties go to the first."""
    order = np.lexsort((np.arange(u.size), weight))
    low, high = np.minimum(u, v)[order], np.maximum(u, v)[order]
    _, first = np.unique(low * size + high, return_index=True)
    # Ranks stand for weights: distinct, and never the zero that scipy takes for no edge.
    ranks = sparse.csr_array((first + 1.0, (low[first], high[first])), shape=(size, size))
    tree = csgraph.minimum_spanning_tree(ranks)
    picked: Ints = order[tree.data.astype(np.int64) - 1]
    return picked


def _find(graph: _Graph, u: Ints, v: Ints) -> Ints:
    size = graph.matrix.shape[0]
    key = graph.low * size + graph.high
    found: Ints = np.searchsorted(key, np.minimum(u, v) * size + np.maximum(u, v)).astype(np.int64)
    return found
