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

_LARGE = 300_000
"""Edges above which the tests look less far."""

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
    grow_on_dual(graph, ascend(graph, 0))
    Problem(graph).rule_out(ascend(graph, 0), least)
    Problem(graph).shorten(near_count=2, most=5)
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
    if not solver.problem.is_solved:
        graph = solver.problem.graph
        solver.offer(grow(graph, int(rng.choice(graph.goals)))[0])
        solver.shorten(least=0.05, rounds=2, near_count=2, most=0)
    else:
        solver.shorten(least=0.05, rounds=8)
    solver.bound(least=0.02, patience=1 if large else 2)
    pool: list[tuple[float, Bools]] = []
    in_vain = 0
    sizes: tuple[int, ...] = _SIZES
    while not _is_enough(solver.best, gap) and not clock.is_out and in_vain < _IN_VAIN:
        cost, bound = solver.best.cost, solver.best.bound
        tree = _polish(solver, sizes, 1 if large else 4)
        if tree is not None:
            _combine(solver, pool, tree)
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


def _polish(solver: Solver, sizes: tuple[int, ...], duals: int) -> Bools | None:
    """Grow trees along a few duals and improve the best of them; gives it on the whole."""
    graph, rng = solver.problem.graph, solver.rng
    if not solver.clock.has(solver.round_seconds):
        return None
    best, least = None, np.inf
    for root in rng.choice(graph.goals, min(duals, graph.goals.size), replace=False):
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


def _combine(solver: Solver, pool: list[tuple[float, Bools]], tree: Bools) -> None:
    """Solve the graph of the edges that any of the best trees has."""
    whole = solver.problem.whole
    pool.append((float(whole.cost[tree].sum()), tree))
    pool.sort(key=lambda item: item[0])
    del pool[4:]
    if len(pool) < 2 or solver.best.is_closed:
        return
    edge = np.flatnonzero(np.logical_or.reduce([tree for _, tree in pool]))
    nodes, flat = np.unique(np.concatenate([whole.u[edge], whole.v[edge]]), return_inverse=True)
    part = Graph(flat[: edge.size], flat[edge.size :], whole.cost[edge], whole.terminal[nodes])
    answer = Solver(part, solver.rng, solver.clock, solver.best.cost).run([20 * _BRANCHINGS])
    if answer.chosen is not None:
        chosen = np.zeros(whole.u.size, np.bool_)
        chosen[edge[answer.chosen]] = True
        solver.offer_whole(chosen)
