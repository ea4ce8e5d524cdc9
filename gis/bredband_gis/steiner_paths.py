"""Heaps, shortest paths and grown trees on plain arrays: what the Steiner solver stands on.

A graph is held by rows: ``start[v]`` to ``start[v + 1]`` are the slots of node v, each with
the node ``to`` at the far end, the edge ``eid`` and the slot ``mate`` of the way back.
Everything below is compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from bredband_gis.curve import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

F = TypeVar("F", bound="Callable[..., Any]")


def kernel(function: F) -> F:
    """Compile an inner loop that may call other compiled ones."""
    return cast("F", compiled(function))


# --- a heap of nodes, the smallest key first -----------------------------------------


@kernel
def heap_push(heap: Ints, place: Ints, key: Floats, size: int, node: int) -> int:
    """Insert a node, or move it up after its key has fallen; give the new size."""
    i = place[node]
    if i < 0:
        i = size
        size += 1
    k = key[node]
    while i > 0:
        parent = (i - 1) >> 2
        other = heap[parent]
        if key[other] <= k:
            break
        heap[i] = other
        place[other] = i
        i = parent
    heap[i] = node
    place[node] = i
    return size


@kernel
def heap_pop(heap: Ints, place: Ints, key: Floats, size: int) -> int:
    """Take the node with the smallest key; the caller lowers the size by one."""
    top: int = heap[0]
    place[top] = -1
    size -= 1
    if size > 0:
        node = heap[size]
        k = key[node]
        i = 0
        while True:
            child = 4 * i + 1
            if child >= size:
                break
            best = child
            for c in range(child + 1, min(child + 4, size)):
                if key[heap[c]] < key[heap[best]]:
                    best = c
            if key[heap[best]] >= k:
                break
            heap[i] = heap[best]
            place[heap[i]] = i
            i = best
        heap[i] = node
        place[node] = i
    return top


@kernel
def find_set(parent: Ints, v: int) -> int:
    """Find the representative of a set, halving the way to it."""
    while parent[v] != v:
        parent[v] = parent[parent[v]]
        v = parent[v]
    return v


# --- graphs --------------------------------------------------------------------------


@kernel
def build_rows(
    size: int,
    u: Ints,
    v: Ints,
    cost: Floats,
    start: Ints,
    to: Ints,
    eid: Ints,
    mate: Ints,
    w: Floats,
) -> None:
    """Fill the rows of a graph from its edges."""
    start[:] = 0
    for e in range(u.size):
        start[u[e] + 1] += 1
        start[v[e] + 1] += 1
    for i in range(size):
        start[i + 1] += start[i]
    fill = start[:size].copy()
    for e in range(u.size):
        p = fill[u[e]]
        fill[u[e]] += 1
        q = fill[v[e]]
        fill[v[e]] += 1
        to[p], to[q] = v[e], u[e]
        eid[p], eid[q] = e, e
        mate[p], mate[q] = q, p
        w[p], w[q] = cost[e], cost[e]


@kernel
def near_terminals(  # noqa: PLR0912, PLR0915 - one loop, for speed
    start: Ints, to: Ints, w: Floats, source: Bools, near: Ints, far: Floats
) -> None:
    """Find the ``near.shape[1]`` nearest sources of every node, and their distances.

    ``near`` is -1 and ``far`` inf where there are fewer.
    """
    n, most = near.shape
    near[:] = -1
    far[:] = np.inf
    count = np.zeros(n, np.int64)
    room = max(1024, 2 * n)
    key = np.empty(room, np.float64)
    node = np.empty(room, np.int64)
    origin = np.empty(room, np.int64)
    size = 0
    for v in range(n):
        if source[v]:
            # All keys are 0: already a heap.
            key[size], node[size], origin[size] = 0.0, v, v
            size += 1
    while size > 0:
        d, v, s = key[0], node[0], origin[0]
        size -= 1
        if size > 0:
            k, kn, ko = key[size], node[size], origin[size]
            i = 0
            while True:
                child = 2 * i + 1
                if child >= size:
                    break
                if child + 1 < size and key[child + 1] < key[child]:
                    child += 1
                if key[child] >= k:
                    break
                key[i], node[i], origin[i] = key[child], node[child], origin[child]
                i = child
            key[i], node[i], origin[i] = k, kn, ko
        c = count[v]
        if c >= most:
            continue
        known = False
        for i in range(c):
            known = known or near[v, i] == s
        if known:
            continue
        near[v, c] = s
        far[v, c] = d
        count[v] = c + 1
        for p in range(start[v], start[v + 1]):
            t = to[p]
            if count[t] >= most:
                continue
            known = False
            for i in range(count[t]):
                known = known or near[t, i] == s
            if known:
                continue
            if size == room:
                key = np.concatenate((key, np.empty(room, np.float64)))
                node = np.concatenate((node, np.empty(room, np.int64)))
                origin = np.concatenate((origin, np.empty(room, np.int64)))
                room *= 2
            k = d + w[p]
            i = size
            size += 1
            while i > 0 and key[(i - 1) >> 1] > k:
                parent = (i - 1) >> 1
                key[i], node[i], origin[i] = key[parent], node[parent], origin[parent]
                i = parent
            key[i], node[i], origin[i] = k, t, s


# --- trees ---------------------------------------------------------------------------


@kernel
def grow_tree(
    start: Ints,
    to: Ints,
    mate: Ints,
    eid: Ints,
    w: Floats,
    terminal: Bools,
    wanted: int,
    source: int,
    chosen: Bools,
) -> int:
    """Join one terminal after the other to the tree, the nearest first.

    The search goes on where it stood when a path is joined. ``chosen`` gets the edges;
    slots of infinite cost are closed. Gives the number of terminals joined.

    Takahashi, H. and Matsuyama, A. (1980). An approximate solution for the Steiner
    problem in graphs. Mathematica Japonica 24, 573-577.
    """
    n = start.size - 1
    dist = np.full(n, np.inf)
    before = np.full(n, -1, np.int64)
    inside = np.zeros(n, np.bool_)
    heap = np.empty(n, np.int64)
    place = np.full(n, -1, np.int64)
    dist[source] = 0.0
    inside[source] = True
    size = heap_push(heap, place, dist, 0, source)
    joined = 1 if terminal[source] else 0
    while size > 0 and joined < wanted:
        v = heap_pop(heap, place, dist, size)
        size -= 1
        if terminal[v] and not inside[v]:
            joined += 1
            x = v
            while not inside[x]:
                inside[x] = True
                dist[x] = 0.0
                if x != v:
                    size = heap_push(heap, place, dist, size, x)
                p = before[x]
                chosen[eid[p]] = True
                x = to[mate[p]]
        for p in range(start[v], start[v + 1]):
            d = dist[v] + w[p]
            t = to[p]
            if d < dist[t]:
                dist[t] = d
                before[t] = p
                size = heap_push(heap, place, dist, size, t)
    return joined


@kernel
def span_and_prune(
    start: Ints,
    to: Ints,
    mate: Ints,
    eid: Ints,
    w: Floats,
    terminal: Bools,
    chosen: Bools,
    source: int,
) -> float:
    """Turn the nodes that chosen edges touch into a minimum spanning tree without idle ends.

    ``chosen`` is changed in place; gives the tree's cost. ``source`` is a terminal.
    """
    n = start.size - 1
    inside = np.zeros(n, np.bool_)
    for v in range(n):
        for p in range(start[v], start[v + 1]):
            if chosen[eid[p]]:
                inside[v] = True
                break
    inside[source] = True
    key = np.full(n, np.inf)
    before = np.full(n, -1, np.int64)
    done = np.zeros(n, np.bool_)
    degree = np.zeros(n, np.int64)
    order = np.empty(n, np.int64)
    heap = np.empty(n, np.int64)
    place = np.full(n, -1, np.int64)
    key[source] = 0.0
    size = heap_push(heap, place, key, 0, source)
    found = 0
    chosen[:] = False
    while size > 0:
        v = heap_pop(heap, place, key, size)
        size -= 1
        done[v] = True
        order[found] = v
        found += 1
        if before[v] >= 0:
            chosen[eid[before[v]]] = True
            degree[v] += 1
            degree[to[mate[before[v]]]] += 1
        for p in range(start[v], start[v + 1]):
            t = to[p]
            if inside[t] and not done[t] and w[p] < key[t]:
                key[t] = w[p]
                before[t] = p
                size = heap_push(heap, place, key, size, t)
    # Children come after their parents in the order: idle ends fall from the back.
    total = 0.0
    for i in range(found - 1, -1, -1):
        v = order[i]
        p = before[v]
        if p < 0:
            continue
        if degree[v] == 1 and not terminal[v]:
            chosen[eid[p]] = False
            degree[to[mate[p]]] -= 1
        else:
            total += w[p]
    return total
