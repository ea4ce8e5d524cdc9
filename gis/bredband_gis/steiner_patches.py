"""Improve a Steiner tree region by region: solve each anew, keep the tree outside of it.

Where the tree outside joins places of the region they count as one, and they must be
joined; so the region is a Steiner problem of its own, small enough to be solved well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bredband_gis.steiner_edges import cheapest_parallel
from bredband_gis.steiner_paths import find_set, heap_pop, heap_push, kernel
from bredband_gis.steiner_problem import Graph, tidy
from bredband_gis.steiner_search import Answer, Clock, Solver

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_TIE = 1.0 - 1e-12
"""A region's new tree must be cheaper by more than rounding."""

_WIDE = 40_000
"""Nodes above which a tree is first taken apart in regions of so many nodes, so that the
work per region does not grow with the graph."""


@kernel
def _gather(
    start: Ints,
    to: Ints,
    w: Floats,
    centre: int,
    dist: Floats,
    heap: Ints,
    place: Ints,
    inside: Ints,
    number: Ints,
) -> int:
    """Fill ``inside`` with the nodes nearest to one, and ``number`` with their positions."""
    dist[centre] = 0.0
    size = heap_push(heap, place, dist, 0, centre)
    count = 0
    while size > 0 and count < inside.size:
        v = heap_pop(heap, place, dist, size)
        size -= 1
        number[v] = count
        inside[count] = v
        count += 1
        for p in range(start[v], start[v + 1]):
            d = dist[v] + w[p]
            t = to[p]
            if d < dist[t]:
                dist[t] = d
                size = heap_push(heap, place, dist, size, t)
    for i in range(size):
        place[heap[i]] = -1
        dist[heap[i]] = np.inf
    for i in range(count):
        dist[inside[i]] = np.inf
    return count


@kernel
def _cut_out(
    start: Ints,
    to: Ints,
    eid: Ints,
    u: Ints,
    v: Ints,
    terminal: Bools,
    chosen: Bools,
    inside: Ints,
    number: Ints,
    label: Ints,
    goal: Bools,
    edge: Ints,
) -> int:
    """Find a region's edges, its goals, and by ``label`` what hangs together outside of it."""
    edges = 0
    for i in range(inside.size):
        x = inside[i]
        goal[i] = terminal[x]
        for p in range(start[x], start[x + 1]):
            t = to[p]
            if number[t] < 0:
                goal[i] = goal[i] or chosen[eid[p]]
            elif t > x:
                edge[edges] = eid[p]
                edges += 1
    for x in range(label.size):
        label[x] = x
    for e in range(chosen.size):
        if chosen[e] and (number[u[e]] < 0 or number[v[e]] < 0):
            label[find_set(label, u[e])] = find_set(label, v[e])
    for i in range(inside.size):
        label[inside[i]] = find_set(label, inside[i])
    return edges


class Patches:
    """A tree that is improved region by region.

    Parameters
    ----------
    graph : Graph
        The problem.
    chosen : array of bool
        Edges of a tree that joins all terminals; changed in place.
    rng, clock
        Where to look first, and when to stop.
    """

    def __init__(self, graph: Graph, chosen: Bools, rng: Generator, clock: Clock) -> None:
        n = graph.size
        self.graph, self.chosen, self.rng, self.clock = graph, chosen, rng, clock
        self.cost = float(graph.cost[chosen].sum())
        self._dist = np.full(n, np.inf)
        self._heap = np.empty(n, np.int64)
        self._place = np.full(n, -1, np.int64)
        self._number = np.full(n, -1, np.int64)
        self._label = np.empty(n, np.int64)

    def sweep(self, sizes: tuple[int, ...], branchings: int) -> None:
        """Improve regions of each size all over the tree, one size after the other."""
        if self.graph.size > 2 * _WIDE:
            self._pass(_WIDE, sizes, branchings)
            return
        for most in sizes:
            self._pass(most, (), branchings)
            if most >= self.graph.size:
                break

    def _pass(self, most: int, sizes: tuple[int, ...], branchings: int) -> None:
        graph = self.graph
        covered = np.zeros(graph.size, np.bool_)
        on_tree = np.union1d(graph.u[self.chosen], graph.v[self.chosen])
        for centre in self.rng.permutation(on_tree):
            if self.clock.is_out:
                break
            if not covered[centre]:
                inside = self._improve(int(centre), most, sizes, branchings)
                # What lies near the rim is looked at again from another centre.
                covered[inside[: inside.size // 2 + 1]] = True
        # What hung on a region at two places may now hang there by one, with an idle end.
        self.cost = tidy(graph, self.chosen)

    def _improve(self, centre: int, most: int, sizes: tuple[int, ...], branchings: int) -> Ints:
        """Solve the region of the ``most`` nodes around a centre; give its nodes."""
        graph, rows, number = self.graph, self.graph.rows, self._number
        inside = np.empty(min(most, graph.size), np.int64)
        count = _gather(
            rows.start, rows.to, rows.w, centre, self._dist, self._heap, self._place, inside, number
        )
        inside = inside[:count]
        goal = np.empty(count, np.bool_)
        edge = np.empty(int((rows.start[inside + 1] - rows.start[inside]).sum()), np.int64)
        edges = _cut_out(
            rows.start, rows.to, rows.eid, graph.u, graph.v, graph.terminal, self.chosen, inside,
            number, self._label, goal, edge,
        )  # fmt: skip
        part, edge = _part(graph, edge[:edges], self._label[inside], number, goal)
        number[inside] = -1
        if part.goals.size < 2:
            return inside
        old = self.chosen[edge]
        before = float(part.cost[old].sum())
        if sizes:
            inner = Patches(part, old.copy(), self.rng, self.clock)
            inner.sweep(sizes, branchings)
            answer = Answer(inner.chosen, inner.cost, 0.0)
        else:
            answer = Solver(part, self.rng, self.clock, before * _TIE).run([branchings])
        if answer.chosen is not None and answer.cost < before:
            self.chosen[edge] = answer.chosen
            self.cost -= before - answer.cost
        return inside


def _part(graph: Graph, edge: Ints, label: Ints, number: Ints, goal: Bools) -> tuple[Graph, Ints]:
    """Make a region a graph of its own; gives it and the edges that it has."""
    _, name = np.unique(label, return_inverse=True)
    u, v = name[number[graph.u[edge]]], name[number[graph.v[edge]]]
    terminal = np.zeros(int(name.max()) + 1, np.bool_)
    terminal[name[goal]] = True
    # Nodes that hang together outside may have become ends of parallel edges and loops.
    u, v = np.minimum(u, v), np.maximum(u, v)
    kept = cheapest_parallel(u, v, graph.cost[edge], terminal.size)
    return Graph(u[kept], v[kept], graph.cost[edge[kept]], terminal), edge[kept]
