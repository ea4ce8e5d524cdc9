"""Shrink a Steiner problem by tests, bounds and branching while its best tree improves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bredband_gis.steiner_problem import Graph, Problem, ascend, grow, grow_on_dual, tidy

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_CLOSED = 1e-12
"""Share of the cost that is rounding: a bound this close proves the tree cheapest."""


_HASTE = 0.05
"""Share of edges that a round must take away in a small part of the whole."""


@dataclass(frozen=True)
class Clock:
    """When to stop."""

    end: float

    @classmethod
    def of(cls, seconds: float) -> Clock:
        """Start a clock that runs out after some seconds."""
        return cls(time.monotonic() + seconds)

    @staticmethod
    def now() -> float:
        """Give the time, s."""
        return time.monotonic()

    @property
    def is_out(self) -> bool:
        """Whether the time is up."""
        return not self.has(0.0)

    def has(self, seconds: float) -> bool:
        """Whether there is time for something that takes so long."""
        return time.monotonic() + seconds < self.end


@dataclass
class Answer:
    """The best tree so far as chosen edges of a graph (None: none below the cutoff)."""

    chosen: Bools | None
    cost: float
    bound: float

    @property
    def is_closed(self) -> bool:
        """Whether the tree is proven cheapest."""
        return self.bound >= self.cost * (1.0 - _CLOSED)


class Solver:
    """Shrinks a graph by tests and bounds while it improves the tree.

    Parameters
    ----------
    graph : Graph
        The problem.
    rng : Generator
        Chooses roots.
    clock : Clock
        When to stop.
    cutoff : float
        Only trees cheaper than this are of interest.
    """

    def __init__(self, graph: Graph, rng: Generator, clock: Clock, cutoff: float = np.inf) -> None:
        self.problem = Problem(graph)
        self.rng = rng
        self.clock = clock
        self.best = Answer(None, cutoff, 0.0)
        self.round_seconds = 0.0

    def offer(self, chosen: Bools | None) -> Bools:
        """Unfold a tree on what is left to the whole and keep it if it is the best."""
        whole = self.problem.unfold(chosen)
        self.offer_whole(whole)
        return whole

    def offer_whole(self, whole: Bools) -> None:
        """Keep edges of the whole that join all terminals if they make the best tree."""
        cost = tidy(self.problem.whole, whole)
        if cost < self.best.cost:
            self.best.chosen, self.best.cost = whole, cost

    def prove(self, bound: float) -> None:
        """Take note that no tree on what is left costs less than this."""
        self.best.bound = min(max(self.best.bound, bound), self.best.cost)

    def shorten(self, *, least: float, rounds: int, near_count: int = 4, most: int = 60) -> None:
        """Apply the tests on distances while they take away a share of the edges."""
        for _ in range(rounds):
            edges = self.problem.graph.u.size
            if self.problem.is_solved or self.clock.is_out:
                break
            self.problem.shorten(near_count=near_count, most=most)
            if self.problem.graph.u.size > (1.0 - least) * edges:
                break

    def bound(self, *, least: float, patience: int, most: int = 50) -> None:
        """Raise the bound, grow trees on it and rule out, until little is won any more.

        A round that takes away less than the share ``least`` of the edges is one too many;
        ``patience`` of them in a row end it.
        """
        stale = 0
        for _ in range(most):
            problem = self.problem
            if problem.is_solved:
                self.offer(None)
                self.prove(np.inf)
            if self.best.is_closed or stale >= patience or not self.clock.has(self.round_seconds):
                break
            begun = time.monotonic()
            edges = problem.graph.u.size
            root = problem.graph.choose_root(self.rng)
            best = self.best.chosen
            tree = None if best is None else problem.fold(best)
            dual = ascend(problem.graph, root, tree=tree)
            self.prove(dual.bound + problem.fixed_cost)
            if self.best.is_closed:
                break
            for chosen, cost in (grow_on_dual(problem.graph, dual), grow(problem.graph, root)):
                if np.isfinite(cost):
                    self.offer(chosen)
            self.prove(dual.bound + problem.fixed_cost)
            if self.best.is_closed:
                break
            problem.rule_out(dual, self.best.cost)
            if problem.graph.u.size <= (1.0 - least) * edges:
                self.shorten(least=1.0, rounds=1, most=60 if least < _HASTE else 20)
                stale = 0
            else:
                stale += 1
            self.round_seconds = time.monotonic() - begun

    def branch(self, budget: list[int]) -> None:
        """Settle what is left by trying a node in the tree and out of it.

        ``budget`` holds the number of branchings that may still be made, and is lowered.
        """
        problem, graph = self.problem, self.problem.graph
        if self.best.is_closed or budget[0] <= 0 or self.clock.is_out or problem.is_solved:
            return
        fork = _fork(graph, self.rng)
        if fork < 0:
            return
        with_it = graph.terminal.copy()
        with_it[fork] = True
        apart = (graph.u != fork) & (graph.v != fork)
        parts = (
            (Graph(graph.u, graph.v, graph.cost, with_it), np.ones(apart.size, np.bool_)),
            (Graph(graph.u[apart], graph.v[apart], graph.cost[apart], graph.terminal), apart),
        )
        bound = np.inf
        for part, edges in parts:
            budget[0] -= 1
            child = Solver(part, self.rng, self.clock, self.best.cost - problem.fixed_cost)
            answer = child.run(budget)
            if answer.chosen is not None:
                chosen = np.zeros(graph.u.size, np.bool_)
                chosen[edges] = answer.chosen
                self.offer(chosen)
            bound = min(bound, answer.bound + problem.fixed_cost)
        self.prove(bound)

    def run(self, budget: list[int]) -> Answer:
        """Solve a small graph, if need be by so many branchings."""
        self.problem.shrink()
        self.shorten(least=0.1, rounds=3, most=20)
        self.bound(least=_HASTE, patience=2)
        self.branch(budget)
        return self.best


def _fork(graph: Graph, rng: Generator) -> int:
    """Choose a node to branch on: one where a grown tree forks the most."""
    chosen, cost = grow(graph, int(rng.choice(graph.goals)))
    if not np.isfinite(cost):
        return -1
    ends = np.concatenate([graph.u[chosen], graph.v[chosen]])
    degree = np.bincount(ends, minlength=graph.size)
    degree[graph.terminal] = 0
    if degree.max() == 0:
        degree = np.bincount(np.concatenate([graph.u, graph.v]), minlength=graph.size)
        degree[graph.terminal] = 0
    return int(degree.argmax()) if degree.max() > 0 else -1
