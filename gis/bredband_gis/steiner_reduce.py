"""Make a Steiner problem smaller without losing every cheapest tree.

Duin, C. W. and Volgenant, A. (1989). Reduction tests for the Steiner problem in graphs.
Networks 19, 549-567; Polzin, T. and Vahdati Daneshmand, S. (2001). Improved algorithms
for the Steiner problem in networks. Discrete Applied Mathematics 112, 263-300.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bredband_gis.steiner_paths import find_set, heap_pop, heap_push, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_WIDE = 64
"""Terminals with more edges are not searched for their cheapest one each time."""

_TIE = 1.0 - 1e-12
"""A way around must be shorter than an edge by more than rounding before the edge goes."""


# --- nodes with few edges, terminals with a neighbour that is settled ----------------


@kernel
def _unlink(first: Ints, after: Ints, before: Ints, degree: Ints, node: int, arc: int) -> None:
    if before[arc] >= 0:
        after[before[arc]] = after[arc]
    else:
        first[node] = after[arc]
    if after[arc] >= 0:
        before[after[arc]] = before[arc]
    degree[node] -= 1


@kernel
def _link(first: Ints, after: Ints, before: Ints, degree: Ints, node: int, arc: int) -> None:
    before[arc] = -1
    after[arc] = first[node]
    if first[node] >= 0:
        before[first[node]] = arc
    first[node] = arc
    degree[node] += 1


@kernel
def _arc_between(first: Ints, after: Ints, degree: Ints, tip: Ints, a: int, b: int) -> int:
    if degree[a] > degree[b]:
        a, b = b, a
    arc: int = first[a]
    while arc >= 0 and tip[arc] != b:
        arc = after[arc]
    return arc


@kernel
def _remove(first: Ints, after: Ints, before: Ints, degree: Ints, tip: Ints, edge: int) -> None:
    _unlink(first, after, before, degree, tip[2 * edge + 1], 2 * edge)
    _unlink(first, after, before, degree, tip[2 * edge], 2 * edge + 1)


@kernel
def degree_tests(  # noqa: PLR0912, PLR0915 - one loop, for speed
    u: Ints,
    v: Ints,
    cost: Floats,
    made: Ints,
    terminal: Bools,
    gone: Bools,
    narrow: Bools,
    near_edge: Ints,
    near_other: Ints,
    next_made: int,
    left: Ints,
    right: Ints,
    fixed: Ints,
    label: Ints,
) -> tuple[int, int, float]:
    """Apply deletions, contractions and replacements, and all that follows by degree.

    Changes ``u``, ``v``, ``cost``, ``made``, ``gone`` and ``terminal`` in place. ``made``
    names what each edge stands for; a name from ``next_made`` on stands for the two in
    ``left`` and ``right``. ``narrow`` nodes fork in no tree that is looked for; the edge
    ``near_edge[t]`` of terminal t is in one as long as t, its far end and the terminal
    ``near_other[t]`` are still themselves. ``label`` gets, per node, the node it became.
    Gives the counts of ``left`` and ``fixed`` that are filled, and the cost of what is fixed.
    """
    n = terminal.size
    m = u.size
    tip = np.empty(2 * m, np.int64)
    after = np.full(2 * m, -1, np.int64)
    before = np.full(2 * m, -1, np.int64)
    first = np.full(n, -1, np.int64)
    degree = np.zeros(n, np.int64)
    for e in range(m):
        tip[2 * e], tip[2 * e + 1] = v[e], u[e]
        if not gone[e]:
            _link(first, after, before, degree, u[e], 2 * e)
            _link(first, after, before, degree, v[e], 2 * e + 1)
    goals = 0
    for i in range(n):
        label[i] = i
        goals += terminal[i]
    stack = np.arange(n - 1, -1, -1)
    waits = np.ones(n, np.bool_)
    waiting = n
    touched = np.zeros(n, np.bool_)
    made_count, fixed_count, fixed_cost = 0, 0, 0.0
    neighbour = np.empty(3, np.int64)
    slot = np.empty(3, np.int64)
    price = np.empty(3)
    name = np.empty(3, np.int64)
    settle = 0
    while goals > 1:
        # First the contractions that were handed in, then node by node.
        join = -1
        if settle < n:
            x = settle
            settle += 1
            e = near_edge[x]
            if e < 0 or gone[e] or not terminal[x] or touched[x]:
                continue
            y = tip[2 * e] if tip[2 * e] != x else tip[2 * e + 1]
            if touched[y] or touched[near_other[x]] or label[x] != x:
                continue
            touched[near_other[x]] = True
            join = 2 * e if tip[2 * e + 1] == x else 2 * e + 1
        elif waiting > 0:
            waiting -= 1
            x = stack[waiting]
            waits[x] = False
            if label[x] != x:
                continue
        else:
            break

        if join < 0 and terminal[x]:
            if degree[x] == 1:
                join = first[x]
            elif degree[x] <= _WIDE:
                arc = first[x]
                while arc >= 0:
                    if join < 0 or cost[arc >> 1] < cost[join >> 1]:
                        join = arc
                    arc = after[arc]
                if join >= 0 and not terminal[tip[join]]:
                    join = -1
        if join >= 0:
            # Join x to the far end; who has more edges keeps its name.
            y = tip[join]
            touched[x] = True
            touched[y] = True
            fixed[fixed_count] = made[join >> 1]
            fixed_count += 1
            fixed_cost += cost[join >> 1]
            goals -= terminal[x] and terminal[y]
            gone[join >> 1] = True
            _remove(first, after, before, degree, tip, join >> 1)
            keep, lose = (x, y) if degree[x] > degree[y] else (y, x)
            terminal[keep] = True
            terminal[lose] = False
            label[lose] = keep
            arc = first[lose]
            while arc >= 0:
                follow = after[arc]
                z = tip[arc]
                twin = _arc_between(first, after, degree, tip, keep, z)
                if twin >= 0 and cost[twin >> 1] <= cost[arc >> 1]:
                    gone[arc >> 1] = True
                    _remove(first, after, before, degree, tip, arc >> 1)
                else:
                    if twin >= 0:
                        gone[twin >> 1] = True
                        _remove(first, after, before, degree, tip, twin >> 1)
                    _unlink(first, after, before, degree, lose, arc)
                    _link(first, after, before, degree, keep, arc)
                    tip[arc ^ 1] = keep
                if not waits[z]:
                    waits[z] = True
                    stack[waiting] = z
                    waiting += 1
                arc = follow
            if not waits[keep]:
                waits[keep] = True
                stack[waiting] = keep
                waiting += 1
            continue
        if terminal[x] or degree[x] > 3 or (degree[x] == 3 and not narrow[x]):
            continue
        # Take x out; where it had two or three edges, ways through it take their place.
        count = 0
        arc = first[x]
        while arc >= 0:
            neighbour[count] = tip[arc]
            slot[count] = arc >> 1
            price[count] = cost[arc >> 1]
            name[count] = made[arc >> 1]
            count += 1
            arc = after[arc]
        for i in range(count):
            gone[slot[i]] = True
            _remove(first, after, before, degree, tip, slot[i])
        used = 0
        for i in range(count):
            for j in range(i + 1, count):
                a, b = neighbour[i], neighbour[j]
                twin = _arc_between(first, after, degree, tip, a, b)
                if twin >= 0:
                    if cost[twin >> 1] <= price[i] + price[j]:
                        continue
                    gone[twin >> 1] = True
                    _remove(first, after, before, degree, tip, twin >> 1)
                e = slot[used]
                used += 1
                gone[e] = False
                cost[e] = price[i] + price[j]
                left[made_count], right[made_count] = name[i], name[j]
                made[e] = next_made + made_count
                made_count += 1
                tip[2 * e], tip[2 * e + 1] = b, a
                _link(first, after, before, degree, a, 2 * e)
                _link(first, after, before, degree, b, 2 * e + 1)
        for i in range(count):
            z = neighbour[i]
            if not waits[z]:
                waits[z] = True
                stack[waiting] = z
                waiting += 1
    for e in range(m):
        u[e], v[e] = tip[2 * e + 1], tip[2 * e]
        if goals <= 1:
            gone[e] = True
    for i in range(n):
        label[i] = find_set(label, i)
    return made_count, fixed_count, fixed_cost


# --- ways around ---------------------------------------------------------------------


@kernel
def bottleneck_forest(
    order: Ints, one: Ints, other: Ints, length: Floats, up: Ints, toll: Floats
) -> None:
    """Join terminals by links in the given order; ``toll[t]`` is paid going up from t.

    Sets are joined by size and ways are not shortened: the tolls rise on the way up and
    the dearest link between two terminals is found in as many steps as the tree is high.
    """
    members = np.ones(up.size, np.int64)
    for i in range(up.size):
        up[i] = i
        toll[i] = np.inf
    for k in order:
        a, b = one[k], other[k]
        while up[a] != a:
            a = up[a]
        while up[b] != b:
            b = up[b]
        if a != b:
            if members[a] > members[b]:
                a, b = b, a
            up[a] = b
            toll[a] = length[k]
            members[b] += members[a]


@kernel
def _bottleneck(up: Ints, toll: Floats, a: int, b: int) -> float:
    worst = 0.0
    while a != b:
        if toll[a] <= toll[b]:
            if up[a] == a:
                return np.inf
            worst = toll[a]
            a = up[a]
        else:
            worst = toll[b]
            b = up[b]
    return worst


@kernel
def _by_terminals(
    near: Ints, far: Floats, up: Ints, toll: Floats, a: int, b: int, enough: float
) -> float:
    """Bound the bottleneck Steiner distance by ways over terminals near both ends."""
    best = np.inf
    for i in range(near.shape[1]):
        if near[a, i] < 0 or far[a, i] >= min(best, enough):
            break
        for j in range(near.shape[1]):
            if near[b, j] < 0:
                break
            reach = max(far[a, i], far[b, j])
            if reach >= min(best, enough):
                break
            best = min(best, max(reach, _bottleneck(up, toll, near[a, i], near[b, j])))
    return best


@kernel
def _look_around(
    start: Ints,
    to: Ints,
    w: Floats,
    source: int,
    reach: float,
    most: int,
    dist: Floats,
    heap: Ints,
    place: Ints,
    seen: Ints,
) -> int:
    """Search from one node, no farther than ``reach`` and ``most`` nodes; fills ``seen``."""
    dist[source] = 0.0
    seen[0] = source
    count = 1
    size = heap_push(heap, place, dist, 0, source)
    settled = 0
    while size > 0 and settled < most:
        v = heap_pop(heap, place, dist, size)
        size -= 1
        settled += 1
        for p in range(start[v], min(start[v + 1], start[v] + _WIDE)):
            d = dist[v] + w[p]
            t = to[p]
            if d < reach and d < dist[t]:
                if dist[t] == np.inf:
                    seen[count] = t
                    count += 1
                dist[t] = d
                size = heap_push(heap, place, dist, size, t)
    for i in range(size):
        place[heap[i]] = -1
    return count


@kernel
def distance_tests(  # noqa: PLR0912, PLR0915 - one loop, for speed
    start: Ints,
    to: Ints,
    eid: Ints,
    w: Floats,
    terminal: Bools,
    near: Ints,
    far: Floats,
    up: Ints,
    toll: Floats,
    most: int,
    gone: Bools,
    narrow: Bools,
    near_edge: Ints,
    near_other: Ints,
) -> None:
    """Mark edges that a way around spares, nodes that need not fork, and first edges of terminals.

    Every edge marked is in no cheapest tree at all, so that all marks hold together.
    ``most`` nodes are looked at around each end; none where it is 0.
    """
    n = start.size - 1
    one, two = np.full(n, np.inf), np.full(n, np.inf)
    heap, seen, seen_two = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    place = np.full(n, -1, np.int64)
    apart = np.empty(3)
    for v in range(n):
        longest = 0.0
        for p in range(start[v], start[v + 1]):
            t = to[p]
            if gone[eid[p]]:
                continue
            if t > v and _by_terminals(near, far, up, toll, v, t, w[p] * _TIE) < w[p] * _TIE:
                gone[eid[p]] = True
            else:
                longest = max(longest, w[p])
        if most > 0 and longest > 0.0 and start[v + 1] - start[v] <= _WIDE:
            count = _look_around(start, to, w, v, longest, most, one, heap, place, seen)
            for p in range(start[v], start[v + 1]):
                t = to[p]
                if gone[eid[p]]:
                    continue
                reach = w[p] * _TIE
                spared = one[t] < reach
                if not spared and t > v:
                    other = _look_around(start, to, w, t, reach, most, two, heap, place, seen_two)
                    for i in range(other):
                        x = seen_two[i]
                        spared = spared or one[x] + two[x] < reach
                        spared = spared or (terminal[x] and max(one[x], two[x]) < reach)
                        two[x] = np.inf
                gone[eid[p]] = gone[eid[p]] or spared
            for i in range(count):
                one[seen[i]] = np.inf

    for v in range(n):
        row = start[v]
        if terminal[v] or start[v + 1] - row != 3:
            continue
        total = w[row] + w[row + 1] + w[row + 2]
        enough = total * _TIE
        for i in range(3):
            a, b = to[row + i], to[row + (i + 1) % 3]
            apart[i] = min(
                w[row + i] + w[row + (i + 1) % 3],
                _by_terminals(near, far, up, toll, a, b, enough),
            )
        if most > 0 and apart.sum() - apart.max() >= enough:
            for i in range(3):
                a, b = to[row + i], to[row + (i + 1) % 3]
                reach = w[row + i] + w[row + (i + 1) % 3]
                count = _look_around(start, to, w, a, reach, most, one, heap, place, seen)
                apart[i] = min(apart[i], one[b])
                for j in range(count):
                    one[seen[j]] = np.inf
        narrow[v] = narrow[v] or apart.sum() - apart.max() < enough

    for t in range(n):
        if not terminal[t] or start[t + 1] - start[t] > _WIDE:
            continue
        best, second = -1, np.inf
        for p in range(start[t], start[t + 1]):
            if best < 0 or w[p] < w[best]:
                if best >= 0:
                    second = w[best]
                best = p
            else:
                second = min(second, w[p])
        if best < 0:
            continue
        for i in range(near.shape[1]):
            x = near[to[best], i]
            if x >= 0 and x != t:
                if w[best] + far[to[best], i] <= second:
                    near_edge[t] = eid[best]
                    near_other[t] = x
                break
