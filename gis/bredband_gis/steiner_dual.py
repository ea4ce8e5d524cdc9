"""A lower bound for Steiner trees by dual ascent, and what it rules out.

Wong, R. T. (1984). A dual ascent approach for Steiner tree problems on a directed
graph. Mathematical Programming 28, 271-287. The order of the cuts follows
Pajor, T., Uchoa, E. and Werneck, R. F. (2018). A robust and scalable algorithm for the
Steiner problem in graphs. Mathematical Programming Computation 10, 69-118; what may be
ruled out, Polzin, T. and Vahdati Daneshmand, S. (2001). Improved algorithms for the
Steiner problem in networks. Discrete Applied Mathematics 112, 263-300.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bredband_gis.steiner_paths import heap_pop, heap_push, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_AWRY = 25.0
"""What a further crossing by the guide weighs, in edges of the cut. Bounds on twelve access
networks were best from 10 to 30."""


@kernel
def point_tree(
    start: Ints, to: Ints, eid: Ints, mate: Ints, chosen: Bools, root: int, guide: Bools
) -> None:
    """Mark the slot by which chosen edges come in to each node that they join to the root."""
    n = start.size - 1
    seen = np.zeros(n, np.bool_)
    queue = np.empty(n, np.int64)
    seen[root] = True
    queue[0] = root
    count = 1
    i = 0
    while i < count:
        v = queue[i]
        i += 1
        for p in range(start[v], start[v + 1]):
            t = to[p]
            if chosen[eid[p]] and not seen[t]:
                seen[t] = True
                guide[mate[p]] = True
                queue[count] = t
                count += 1


@kernel
def dual_ascent(  # noqa: PLR0912, PLR0915 - one loop, for speed
    start: Ints,
    to: Ints,
    w: Floats,
    terminal: Bools,
    root: int,
    slack: float,
    guide: Bools,
    rest: Floats,
) -> float:
    """Raise the duals of cuts around terminals until the root reaches all of them.

    ``rest[p]`` gets what remains of the cost of the arc that comes *in* by slot p of a
    node, from ``to[p]``. Gives the lower bound; inf where a terminal cannot be reached.
    ``slack`` is how much larger than the next terminal's cut a cut may be and still go on.
    ``guide`` marks the slots by which a good tree, seen from the root, comes in: cuts that
    it crosses more than once come last, for a cheapest tree crosses each cut once that the
    bound is made of.
    """
    n = start.size - 1
    rest[:] = w
    active = terminal.copy()
    active[root] = False
    heap = np.empty(n, np.int64)
    place = np.full(n, -1, np.int64)
    score = np.zeros(n)
    size = 0
    for v in range(n):
        if active[v]:
            score[v] = start[v + 1] - start[v]
            size = heap_push(heap, place, score, size, v)
    mark = np.zeros(n, np.int64)
    inside = np.empty(n, np.int64)
    border = np.empty(to.size, np.int64)
    now = 0
    bound = 0.0
    while size > 0:
        t = heap_pop(heap, place, score, size)
        size -= 1
        limit = score[heap[0]] * slack if size > 0 else np.inf
        # All that reaches t along saturated arcs is inside the cut.
        now += 1
        mark[t] = now
        inside[0] = t
        count, seen, edge = 1, 0, 0
        met = False
        while True:
            # Take in what saturated arcs lead from.
            while seen < count and not met:
                v = inside[seen]
                seen += 1
                for p in range(start[v], start[v + 1]):
                    x = to[p]
                    if mark[x] == now:
                        continue
                    if rest[p] == 0.0:
                        if x == root or active[x]:
                            met = True
                            break
                        mark[x] = now
                        inside[count] = x
                        count += 1
                    else:
                        border[edge] = p
                        edge += 1
            if met:
                active[t] = False
                break
            kept, crossed = 0, 0
            least = np.inf
            for i in range(edge):
                p = border[i]
                if mark[to[p]] != now:
                    border[kept] = p
                    kept += 1
                    least = min(least, rest[p])
                    crossed += guide[p]
            edge = kept
            if edge == 0:
                return np.inf
            score[t] = edge + _AWRY * max(crossed - 1, 0)
            if score[t] > limit:
                size = heap_push(heap, place, score, size, t)
                break
            bound += least
            for i in range(edge):
                p = border[i]
                rest[p] -= least
                if rest[p] <= 0.0:
                    rest[p] = 0.0
                    x = to[p]
                    if mark[x] != now:
                        if x == root or active[x]:
                            met = True
                        else:
                            mark[x] = now
                            inside[count] = x
                            count += 1
    return bound


@kernel
def root_distances(
    start: Ints, to: Ints, mate: Ints, rest: Floats, root: int, limit: float, dist: Floats
) -> None:
    """Measure what is left to pay from the root to each node, inf beyond the limit."""
    n = start.size - 1
    dist[:] = np.inf
    heap = np.empty(n, np.int64)
    place = np.full(n, -1, np.int64)
    dist[root] = 0.0
    size = heap_push(heap, place, dist, 0, root)
    while size > 0:
        v = heap_pop(heap, place, dist, size)
        size -= 1
        for p in range(start[v], start[v + 1]):
            d = dist[v] + rest[mate[p]]
            t = to[p]
            if d < dist[t] and d <= limit:
                dist[t] = d
                size = heap_push(heap, place, dist, size, t)


@kernel
def rule_out(
    start: Ints,
    to: Ints,
    mate: Ints,
    eid: Ints,
    rest: Floats,
    terminal: Bools,
    far: Floats,
    dist: Floats,
    limit: float,
    gone: Bools,
    narrow: Bools,
) -> None:
    """Mark edges in no tree that costs less than the limit allows, and nodes that do not fork.

    ``limit`` is best known cost less lower bound; ``far`` are the two smallest remaining
    costs from each node to two terminals, ``dist`` that from the root to the node.
    """
    n = start.size - 1
    for v in range(n):
        if terminal[v]:
            continue
        if dist[v] + far[v, 0] > limit:
            for p in range(start[v], start[v + 1]):
                gone[eid[p]] = True
        elif dist[v] + far[v, 0] + far[v, 1] > limit:
            narrow[v] = True
    for v in range(n):
        for p in range(start[v], start[v + 1]):
            t = to[p]
            # Out of v and into t, and the other way round.
            if (
                t > v
                and dist[v] + rest[mate[p]] + far[t, 0] > limit
                and dist[t] + rest[p] + far[v, 0] > limit
            ):
                gone[eid[p]] = True
