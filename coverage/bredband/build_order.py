"""The cheapest order to build a tree in: Horn's algorithm, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from bredband_gis.steiner_paths import find_set, heap_pop, heap_push, kernel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


def cheapest_first(parent: ArrayLike, cost: ArrayLike, weight: ArrayLike) -> tuple[Ints, Ints]:
    """Order the jobs of a forest so that each step costs as little per weight as possible.

    A job may be done once its parent is. The first step is the set of jobs, closed towards
    the root, with the least cost per weight; the next is that of what remains, and so on
    (Sidney's decomposition). For a forest, Horn's rule finds it: the job with the least cost
    per weight of all comes right after its parent, so the two are made one; a job without
    a parent left is the next step.

    Parameters
    ----------
    parent : array of int, shape (jobs,)
        The job that each waits for; -1 for none.
    cost, weight : array of float, shape (jobs,)
        Not negative. Jobs that neither cost nor weigh are done as soon as possible, those
        that cost and lead to no weight last.

    Returns
    -------
    sequence : array of int
        The jobs in order; within a step every job after its parent.
    step : array of int
        Of each job, by its number; cost per weight does not fall from one step to the next.

    References
    ----------
    Horn, W. A. (1972). Single-machine job sequencing with treelike precedence ordering and
    linear delay penalties. SIAM Journal on Applied Mathematics 23, 189-202.
    Sidney, J. B. (1975). Decomposition algorithms for single-machine sequencing with
    precedence relations and deferral costs. Operations Research 23, 283-298.
    """
    above = np.ascontiguousarray(parent, dtype=np.int64)
    sequence, step = np.empty_like(above), np.empty_like(above)
    _order(
        above, np.array(cost, dtype=np.float64), np.array(weight, dtype=np.float64), sequence, step
    )
    return sequence, step


@kernel
def _order(parent: Ints, cost: Floats, weight: Floats, sequence: Ints, step: Ints) -> None:
    """Fill sequence and step; cost and weight are used up."""
    jobs = parent.size
    key = np.zeros(jobs)
    heap = np.empty(jobs, np.int64)
    place = np.full(jobs, -1, np.int64)
    size = 0
    for job in range(jobs):
        if weight[job] > 0:
            key[job] = cost[job] / weight[job]
        elif cost[job] > 0:
            key[job] = np.inf
        size = heap_push(heap, place, key, size, job)
    # Jobs made one, by the topmost of them; those that are done are one with number `jobs`.
    group = np.arange(jobs + 1)
    following = np.full(jobs, -1, np.int64)
    last = np.arange(jobs)
    at, number = 0, 0
    while size > 0:
        job = heap_pop(heap, place, key, size)
        size -= 1
        above = jobs if parent[job] < 0 else find_set(group, parent[job])
        group[job] = above
        if above == jobs:
            while job >= 0:
                sequence[at] = job
                step[job] = number
                at += 1
                job = following[job]
            number += 1
        else:
            cost[above] += cost[job]
            weight[above] += weight[job]
            following[last[above]] = job
            last[above] = last[job]
            if weight[above] > 0:
                # Never a hair up: what joins is no dearer than what it joins.
                key[above] = min(key[above], cost[above] / weight[above])
            size = heap_push(heap, place, key, size, above)
