"""A Steiner problem while it is made smaller: what is left, and the way back to the input."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bredband_gis.steiner_dual import dual_ascent, point_tree, root_distances, rule_out
from bredband_gis.steiner_paths import (
    build_rows,
    grow_tree,
    kernel,
    near_terminals,
    span_and_prune,
)
from bredband_gis.steiner_reduce import bottleneck_forest, degree_tests, distance_tests

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_ROUNDING = 1e-11
"""Share of the cost by which a bound must exceed it before anything is ruled out."""

_HUB = 1000
"""A terminal with more edges than this is a hub."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The slots of each node, see :mod:`bredband_gis.steiner_paths`."""

    start: Ints
    to: Ints
    eid: Ints
    mate: Ints
    w: Floats


@dataclass(frozen=True, eq=False)
class Graph:
    """A simple connected graph with terminals; edges cost more than nothing.

    Attributes
    ----------
    u, v : array of int64
        Ends of the edges.
    cost : array of float64
        Their costs.
    terminal : array of bool
        Per node, whether it must be joined.
    """

    u: Ints
    v: Ints
    cost: Floats
    terminal: Bools

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self.terminal.size

    @cached_property
    def goals(self) -> Ints:
        """The terminals."""
        return np.flatnonzero(self.terminal)

    @cached_property
    def hub(self) -> int:
        """The terminal with the most edges if these are very many, otherwise -1.

        Existing networks count as one node, which may have tens of thousands of edges.
        """
        degree = np.diff(self.rows.start)
        node = int(self.goals[degree[self.goals].argmax()])
        return node if degree[node] > _HUB else -1

    def choose_root(self, rng: Generator) -> int:
        """Choose the terminal that a dual ascent starts from.

        It is the hub where there is one: the cut around it, raised over all its edges step
        by step, takes longer than all others together.
        """
        return self.hub if self.hub >= 0 else int(rng.choice(self.goals))

    @cached_property
    def rows(self) -> Rows:
        """The edges node by node."""
        slots = 2 * self.u.size
        rows = Rows(
            np.empty(self.size + 1, np.int64),
            np.empty(slots, np.int64),
            np.empty(slots, np.int64),
            np.empty(slots, np.int64),
            np.empty(slots),
        )
        build_rows(
            self.size, self.u, self.v, self.cost, rows.start, rows.to, rows.eid, rows.mate, rows.w
        )
        return rows


def grow(graph: Graph, source: int, w: Floats | None = None) -> tuple[Bools, float]:
    """Grow a tree from one node, the nearest terminal first, and tidy it.

    ``w`` are costs per slot to go by instead of the true ones. Gives the chosen edges and
    their true cost, inf where closed slots leave a terminal out.
    """
    rows = graph.rows
    chosen = np.zeros(graph.u.size, np.bool_)
    joined = grow_tree(
        rows.start, rows.to, rows.mate, rows.eid, rows.w if w is None else w,
        graph.terminal, graph.goals.size, source, chosen,
    )  # fmt: skip
    if joined < graph.goals.size:
        return chosen, np.inf
    return chosen, tidy(graph, chosen)


def tidy(graph: Graph, chosen: Bools) -> float:
    """Make chosen edges that join all terminals a tree without idle ends; give its cost."""
    rows = graph.rows
    cost: float = span_and_prune(
        rows.start, rows.to, rows.mate, rows.eid, rows.w, graph.terminal, chosen,
        int(graph.goals[0]),
    )  # fmt: skip
    return cost


@dataclass(frozen=True, eq=False)
class Dual:
    """A lower bound and what the ascent left of the cost of each arc, by root."""

    root: int
    bound: float
    rest: Floats


def ascend(graph: Graph, root: int, slack: float = 1.25, tree: Bools | None = None) -> Dual:
    """Bound the cost of the cheapest tree from below, the better if a good tree is given."""
    rows = graph.rows
    rest = np.empty(rows.w.size)
    guide = np.zeros(rows.w.size, np.bool_)
    if tree is not None:
        point_tree(rows.start, rows.to, rows.eid, rows.mate, tree, root, guide)
    bound = dual_ascent(rows.start, rows.to, rows.w, graph.terminal, root, slack, guide, rest)
    return Dual(root, bound, rest)


def grow_on_dual(graph: Graph, dual: Dual, w: Floats | None = None) -> tuple[Bools, float]:
    """Grow a tree along the arcs that the ascent saturated, by costs as in :func:`grow`."""
    rows = graph.rows
    # The arc that leaves a node by a slot comes in by the slot's mate.
    saturated = dual.rest[rows.mate] == 0.0
    return grow(graph, dual.root, np.where(saturated, rows.w if w is None else w, np.inf))


@dataclass(eq=False)
class Problem:
    """What is left of a graph, what of the tree is settled, and what made edges stand for.

    Attributes
    ----------
    whole : Graph
        The graph at the outset.
    graph : Graph
        What is left of it.
    made : array of int64
        Per edge of ``graph``, its name: an edge of ``whole``, or from ``whole.u.size`` on
        a position in ``left`` and ``right``, which name the two that it joins.
    fixed : list of array of int64
        Names of what is in the tree for certain.
    fixed_cost : float
        Its cost.
    """

    whole: Graph
    graph: Graph = field(init=False)
    made: Ints = field(init=False)
    fixed_cost: float = 0.0
    fixed: list[Ints] = field(default_factory=list)
    left: list[Ints] = field(default_factory=list)
    right: list[Ints] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.graph = self.whole
        self.made = np.arange(self.whole.u.size)

    @property
    def is_solved(self) -> bool:
        """Whether no choice is left."""
        return self.graph.goals.size < 2

    def shrink(
        self,
        gone: Bools | None = None,
        narrow: Bools | None = None,
        near: tuple[Ints, Ints] | None = None,
    ) -> None:
        """Leave out edges, replace nodes, contract edges, and draw all conclusions by degree."""
        graph = self.graph
        n, m = graph.size, graph.u.size
        gone = np.zeros(m, np.bool_) if gone is None else gone
        narrow = np.zeros(n, np.bool_) if narrow is None else narrow
        none = np.full(n, -1, np.int64)
        near_edge, near_other = (none, none) if near is None else near
        room = n + 3 * int(narrow.sum()) + 1
        left, right = np.empty(room, np.int64), np.empty(room, np.int64)
        fixed, label = np.empty(n, np.int64), np.empty(n, np.int64)
        u, v = graph.u.copy(), graph.v.copy()
        cost, terminal = graph.cost.copy(), graph.terminal.copy()
        named = self.whole.u.size + sum(part.size for part in self.left)
        made_count, fixed_count, fixed_cost = degree_tests(
            u, v, cost, self.made, terminal, gone, narrow, near_edge, near_other, named,
            left, right, fixed, label,
        )  # fmt: skip
        self.left.append(left[:made_count].copy())
        self.right.append(right[:made_count].copy())
        self.fixed.append(fixed[:fixed_count].copy())
        self.fixed_cost += fixed_cost
        kept = ~gone
        u, v, cost, self.made = u[kept], v[kept], cost[kept], self.made[kept]
        stays = terminal.copy()
        stays[u] = True
        stays[v] = True
        number = np.cumsum(stays) - 1
        self.graph = Graph(number[u], number[v], cost, terminal[stays])

    def shorten(self, *, near_count: int, most: int) -> None:
        """Apply the tests on distances, see :func:`steiner_reduce.distance_tests`."""
        graph, rows = self.graph, self.graph.rows
        n = graph.size
        near = np.empty((n, near_count), np.int64)
        far = np.empty((n, near_count))
        near_terminals(rows.start, rows.to, rows.w, graph.terminal, near, far)
        owner, reach = near[:, 0], far[:, 0]
        link = np.flatnonzero(owner[graph.u] != owner[graph.v])
        length = reach[graph.u[link]] + graph.cost[link] + reach[graph.v[link]]
        order = np.argsort(length, kind="stable")
        up, toll = np.empty(n, np.int64), np.empty(n)
        bottleneck_forest(order, owner[graph.u[link]], owner[graph.v[link]], length, up, toll)
        gone, narrow = np.zeros(graph.u.size, np.bool_), np.zeros(n, np.bool_)
        near_edge, near_other = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        distance_tests(
            rows.start, rows.to, rows.eid, rows.w, graph.terminal, near, far, up, toll, most,
            gone, narrow, near_edge, near_other,
        )  # fmt: skip
        self.shrink(gone, narrow, (near_edge, near_other))

    def rule_out(self, dual: Dual, best: float) -> None:
        """Leave out what is in no tree cheaper than ``best``, a cost of the whole."""
        graph, rows = self.graph, self.graph.rows
        limit = best - self.fixed_cost - dual.bound + _ROUNDING * best
        goals = graph.terminal.copy()
        goals[dual.root] = False
        near, far = np.empty((graph.size, 2), np.int64), np.empty((graph.size, 2))
        near_terminals(rows.start, rows.to, dual.rest, goals, near, far)
        dist = np.empty(graph.size)
        root_distances(rows.start, rows.to, rows.mate, dual.rest, dual.root, np.inf, dist)
        gone, narrow = np.zeros(graph.u.size, np.bool_), np.zeros(graph.size, np.bool_)
        rule_out(
            rows.start, rows.to, rows.mate, rows.eid, dual.rest, graph.terminal, far,
            dist, limit, gone, narrow,
        )  # fmt: skip
        self.shrink(gone, narrow)

    def unfold(self, chosen: Bools | None = None) -> Bools:
        """Give the edges of the whole that settled and chosen edges stand for."""
        names = self.made[:0] if chosen is None else self.made[chosen]
        joined = np.zeros(self.whole.u.size, np.bool_)
        none = np.empty(0, np.int64)
        _unfold(
            np.concatenate([none, *self.fixed, names]),
            np.concatenate([none, *self.left]),
            np.concatenate([none, *self.right]),
            joined,
        )
        return joined

    def fold(self, whole: Bools) -> Bools:
        """Give the edges of what is left that stand for edges of the whole only."""
        none = np.empty(0, np.int64)
        left, right = np.concatenate([none, *self.left]), np.concatenate([none, *self.right])
        joined = np.concatenate([whole, np.zeros(left.size, np.bool_)])
        _fold(left, right, whole.size, joined)
        folded: Bools = joined[self.made]
        return folded


@kernel
def _fold(left: Ints, right: Ints, m: int, joined: Bools) -> None:
    for i in range(left.size):
        joined[m + i] = joined[left[i]] and joined[right[i]]


@kernel
def _unfold(names: Ints, left: Ints, right: Ints, joined: Bools) -> None:
    m = joined.size
    stack = np.empty(left.size + 2, np.int64)
    for name in names:
        stack[0] = name
        count = 1
        while count > 0:
            count -= 1
            x = stack[count]
            if x < m:
                joined[x] = True
            else:
                stack[count] = right[x - m]
                stack[count + 1] = left[x - m]
                count += 2
