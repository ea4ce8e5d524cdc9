"""The order in which a Steiner problem is solved, and how much of each step by its size."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from bredband_gis.steiner_patches import Patches
from bredband_gis.steiner_problem import Graph, Problem, ascend, grow, grow_on_dual
from bredband_gis.steiner_search import Answer, Clock, Solver

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Trees = list[tuple[float, Bools]]

_LARGE = 300_000
"""Edges above which the tests look less far, and trees are bred before regions are solved."""

_SLACKS = (1.0, 1.1, 1.25, 1.5)
"""How far cuts may go on growing: another dual, and other trees along it, for each."""

_NOISE = 0.2
"""Share by which costs are raised at random at most, for trees that differ."""

_LITTLE = 3e-4
"""Share of the cost below which another round of such trees is not worth its time."""

_SIZES = (300, 600, 1200)
"""Nodes of the regions that are solved anew; after a round in vain, twice as many."""

_BRANCHINGS = 10
"""Branchings per region."""

_IN_VAIN = 8
"""Rounds without a better tree or bound after which the search ends by itself."""


@cache
def prepare() -> None:
    """Have everything compiled, or loaded, so that it takes no time of the search."""
    ring = np.arange(12)
    terminal = np.zeros(12, np.bool_)
    terminal[::3] = True
    cost = np.concatenate([np.linspace(2.0, 3.0, 12), np.full(12, 3.5)])
    u, v = np.concatenate([ring, ring]), np.concatenate([(ring + 1) % 12, (ring + 2) % 12])
    graph = Graph(u, v, cost, terminal)
    rng, clock = np.random.default_rng(0), Clock.of(np.inf)
    solver = Solver(graph, rng, clock)
    solver.problem.shrink()
    chosen, least = grow(graph, 0)
    grow_on_dual(graph, ascend(graph, 0, tree=chosen))
    Problem(graph).rule_out(ascend(graph, 0), least)
    Problem(graph).shorten(near_count=2, most=5)
    Problem(graph).fold(chosen)
    Patches(graph, chosen, rng, clock).sweep((6,), 1)
    Solver(graph, rng, clock).offer(chosen)


def solve(graph: Graph, *, start: Bools, rng: Generator, clock: Clock, gap: float) -> Answer:
    """Find a cheap tree and a lower bound.

    Parameters
    ----------
    graph : Graph
        Simple and connected, costs above 0.
    start : array of bool
        Edges that join all terminals.
    rng : Generator
        Chooses roots and regions.
    clock : Clock
        When to stop at the latest.
    gap : float
        Stop when the tree is proven to cost at most this share more than the cheapest.
    """
    solver = Solver(graph, rng, clock)
    solver.offer_whole(start)
    solver.problem.shrink()
    large = solver.problem.graph.u.size > _LARGE
    bred: Bools | None = None
    if large:
        solver.shorten(least=0.05, rounds=2, near_count=2, most=0)
        bred = _breed(solver, gap)
    else:
        if not solver.problem.is_solved:
            graph = solver.problem.graph
            solver.offer(grow(graph, int(rng.choice(graph.goals)))[0])
        solver.shorten(least=0.05, rounds=8)
        solver.bound(least=0.02, patience=2)
    pool: Trees = []
    in_vain = 0
    sizes: tuple[int, ...] = _SIZES
    while not _is_enough(solver.best, gap) and not clock.is_out and in_vain < _IN_VAIN:
        cost, bound = solver.best.cost, solver.best.bound
        if not clock.has(solver.round_seconds):
            break
        tree = _polish(solver, sizes, 1 if large else 4, bred)
        bred = None
        if tree is not None:
            pool.append((float(solver.problem.whole.cost[tree].sum()), tree))
            pool.sort(key=lambda item: item[0])
            del pool[4:]
            if len(pool) > 1 and not solver.best.is_closed:
                merged = merge(solver.problem.whole, pool, rng, clock, 20 * _BRANCHINGS)
                solver.offer_whole(merged)
        if not large or solver.best.cost < cost:
            solver.bound(least=0.02, patience=1 if large else 3)
        if solver.best.cost < cost or solver.best.bound > bound:
            in_vain = 0
        else:
            in_vain += 1
        if solver.best.cost >= cost:
            sizes = tuple(min(2 * size, 4 * most) for size, most in zip(sizes, _SIZES, strict=True))
    return solver.best


def _is_enough(best: Answer, gap: float) -> bool:
    return best.is_closed or best.cost <= (1.0 + gap) * best.bound


def _breed(solver: Solver, gap: float) -> Bools | None:
    """Grow trees that differ from each other and merge them, while that wins something.

    Gives the best of them on what is left of the graph.

    On a large graph this finds in seconds what regions solved one by one take minutes for.
    """
    problem, graph, rng = solver.problem, solver.problem.graph, solver.rng
    best: Trees = []
    won = np.inf
    while won > _LITTLE and not problem.is_solved and not _is_enough(solver.best, gap):
        trees = best.copy()
        for slack in _SLACKS:
            if not solver.clock.has(solver.round_seconds):
                break
            begun = solver.clock.now()
            root = graph.choose_root(rng)
            dual = ascend(graph, root, slack, best[0][1] if best else None)
            solver.prove(dual.bound + problem.fixed_cost)
            raised = 1.0 + _NOISE * rng.random(graph.u.size)
            w = graph.rows.w * raised[graph.rows.eid]
            grown = grow_on_dual(graph, dual), grow_on_dual(graph, dual, w), grow(graph, root, w)
            trees += [(cost, chosen) for chosen, cost in grown if np.isfinite(cost)]
            solver.round_seconds = solver.clock.now() - begun
        if len(trees) == len(best):
            break
        chosen = merge(graph, trees, rng, solver.clock)
        before = solver.best.cost
        best = [(float(graph.cost[chosen].sum()), chosen)]
        solver.offer(chosen)
        won = 1.0 - solver.best.cost / before
    return best[0][1] if best else None


def merge(graph: Graph, trees: Trees, rng: Generator, clock: Clock, branchings: int = 0) -> Bools:
    """Solve the graph of the edges that any of the trees has.

    What the trees agree upon is settled at once, and little is left. The tree that comes of
    it is no dearer than any of them.
    """
    edge = np.flatnonzero(np.logical_or.reduce([tree for _, tree in trees]))
    cost, best = min(trees, key=lambda item: item[0])
    nodes, flat = np.unique(np.concatenate([graph.u[edge], graph.v[edge]]), return_inverse=True)
    part = Graph(flat[: edge.size], flat[edge.size :], graph.cost[edge], graph.terminal[nodes])
    answer = Solver(part, rng, clock, cost).run([branchings])
    if answer.chosen is None:
        return best
    chosen = np.zeros(graph.u.size, np.bool_)
    chosen[edge[answer.chosen]] = True
    return chosen


def _polish(
    solver: Solver, sizes: tuple[int, ...], duals: int, start: Bools | None
) -> Bools | None:
    """Improve a tree: the one given, or the best of some grown along a few duals.

    Gives it on the whole.
    """
    graph, rng = solver.problem.graph, solver.rng
    best, least = start, np.inf
    if start is not None:
        duals = 0
    roots = rng.choice(graph.goals, min(duals, graph.goals.size), replace=False)
    for root in roots if graph.hub < 0 else [graph.hub] * min(duals, 1):
        dual = ascend(graph, int(root))
        for chosen, cost in (grow_on_dual(graph, dual), grow(graph, int(root))):
            if cost < least:
                best, least = chosen, cost
        if solver.clock.is_out:
            break
    if best is None:
        return None
    patches = Patches(graph, best, rng, solver.clock)
    patches.sweep(sizes, _BRANCHINGS)
    return solver.offer(patches.chosen)
