"""Which stretches of which roads existing fibre follows, and where it can be tapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import shapely

from bredband_gis.points import line_vertices
from bredband_gis.roads_graph import (
    CENTIMETRE,
    TINY,
    Edges,
    RoadGraph,
    between,
    changes,
    ranges,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

TapRule = Literal["anywhere", "nodes", "never"]
"""Where new trench may leave an existing fibre route; see :func:`attach`."""

_STEP = 10.0
"""Metres: fibre is laid on the roads in straight pieces no longer than this."""

_ANGLE = 45.0
"""Degrees: a road that runs more across than along the fibre does not hold it."""

_SMOOTH = 1.0
"""Metres: wiggles of the fibre line smaller than this do not count."""

_SLIVER = 1.0
"""Metres: fibre this close to a node reaches it, and stretches this close are one."""

_BELIEVED = 2.0
"""A stretch shorter than this many times its distance to the road says nothing."""

_DRIFT = 0.5
"""Fibre that moves sideways more than this per metre (27 degrees) crosses the road."""


class Fibre(NamedTuple):
    """What fibre does to the edges.

    edge, begin, end: stretches (m along the edge) with fibre, sorted, apart from each
    other. tap_edge, tap: places beside those where it can be tapped.
    """

    edge: Ints
    begin: Floats
    end: Floats
    tap_edge: Ints
    tap: Floats
    on_road_m: float
    off_road_m: float

    def covers(self, edge: Ints, measure: Floats, length: Floats) -> Bools:
        """Tell whether fibre lies at places along edges, all edges' lengths given."""
        base = np.cumsum(length) - length
        at = base[edge] + measure
        before = np.searchsorted(base[self.edge] + self.begin, at, side="right") - 1
        inside = before >= 0
        before = before[inside]
        inside[inside] = (self.edge[before] == edge[inside]) & (self.end[before] >= measure[inside])
        return inside


NO_FIBRE = Fibre(
    np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.int64), np.empty(0), 0.0, 0.0
)


class _Pieces(NamedTuple):
    """Short straight pieces of the fibre routes, in order.

    x, y: middle; ux, uy: direction; half: half its length; route: which route;
    begin, end: metres along it; metres: of the line as it was drawn.
    """

    x: Floats
    y: Floats
    ux: Floats
    uy: Floats
    half: Floats
    route: Ints
    begin: Floats
    end: Floats
    metres: Floats


_OFF, _DETOUR = -1, -2
"""In place of an edge: the piece follows no road; it leaves the way and comes back."""


class _OnRoad(NamedTuple):
    """Where each piece lies: edge (or _OFF, _DETOUR), metres along it, and how it passes.

    along, across: metres that the piece advances along the edge and to its left;
    offset: metres to the road.
    """

    edge: Ints
    measure: Floats
    along: Floats
    across: Floats
    offset: Floats


class _Runs(NamedTuple):
    """Successive pieces on the same edge.

    first, last: pieces. edge, route, metres. low, high: metres along the edge that it
    covers; enter, leave: where it begins and ends. offset: mean distance to the road.
    drift: metres moved to the edge's left. begin, end: metres along the route. gap:
    metres off road up to the next run, inf where there is none within reach.
    """

    first: Ints
    last: Ints
    edge: Ints
    route: Ints
    metres: Floats
    low: Floats
    high: Floats
    enter: Floats
    leave: Floats
    offset: Floats
    drift: Floats
    begin: Floats
    end: Floats
    gap: Floats


def follow(
    graph: RoadGraph,
    edges: Edges,
    fibre_lines: Sequence[shapely.Geometry] | NDArray[Any],
    snap_m: float,
    tap_rule: TapRule,
) -> Fibre:
    """Find out which stretches of which edges the fibre follows.

    Each short piece of fibre goes to the nearest road that runs its way. What remains
    are the places where that misleads: an overshoot at a bend or a junction, a road
    that is only crossed, a route between two roads.
    """
    pieces = _cut_fibre(fibre_lines)
    on_road = _lay(edges, pieces, snap_m)
    # Detours go first: they are what keeps apart what belongs together.
    for _ in range(10):
        runs = _group(graph, pieces, on_road, snap_m)
        detour = _is_detour(graph, runs, snap_m)
        if not detour.any():
            break
        on_road = _drop(on_road, runs, detour, edge=_DETOUR)
    on_road = _drop(on_road, runs, _is_unlikely(graph, runs, snap_m), edge=_OFF)
    runs = _group(graph, pieces, on_road, snap_m)
    link = _link(graph, runs, snap_m)

    used = between(runs.first, runs.last, pieces.x.size)
    used |= between(runs.last[link.run], runs.first[link.run + 1], pieces.x.size)
    stretches = _stretches(graph, runs, link)
    tap_edge, tap = _find_taps(edges, pieces, used, snap_m, tap_rule)
    total = float(pieces.metres.sum())
    on = float(pieces.metres[used].sum())
    fibre = Fibre(*stretches, tap_edge, tap, on, total - on)
    # On the fibre of another route a node can be tapped anyhow, or must be told of.
    outside = ~fibre.covers(tap_edge, tap, graph.length) | (tap_rule == "nodes")
    return fibre._replace(tap_edge=tap_edge[outside], tap=tap[outside])


def _cut_fibre(fibre_lines: Sequence[shapely.Geometry] | NDArray[Any]) -> _Pieces:
    """Cut fibre into straight pieces of about ``_STEP`` metres."""
    vertices = line_vertices(fibre_lines)
    parts = shapely.linestrings(
        vertices.xy, indices=np.cumsum(changes(vertices.part)) - 1
    ) if vertices.part.size else np.empty(0, dtype=object)  # fmt: skip
    # Lines that continue each other are one route; where they fork, each is its own.
    routes = shapely.get_parts(
        shapely.line_merge(shapely.multilinestrings(parts[shapely.length(parts) > 0]))
    )
    smooth = shapely.simplify(routes, _SMOOTH, preserve_topology=False)
    lost = ~(shapely.length(smooth) > 0)
    smooth[lost] = routes[lost]
    xy, route = shapely.get_coordinates(smooth, return_index=True)
    steps = np.diff(xy, axis=0)
    size = np.hypot(*steps.T)
    size[route[1:] != route[:-1]] = 0.0
    run = np.append([0.0], np.cumsum(size))
    tail = np.flatnonzero(size > 0)
    count = np.ceil(size[tail] / _STEP).astype(np.int64)
    owner = np.repeat(tail, count)
    length = size[owner] / np.repeat(count, count)
    offset = ranges(np.zeros(count.size, dtype=np.int64), count) * length
    ux, uy = steps[owner].T / size[owner]
    where = route[owner].astype(np.int64)
    drawn = shapely.length(routes) / shapely.length(smooth)
    return _Pieces(
        x=xy[owner, 0] + ux * (offset + length / 2),
        y=xy[owner, 1] + uy * (offset + length / 2),
        ux=ux,
        uy=uy,
        half=length / 2,
        route=where,
        begin=run[owner] + offset,
        end=run[owner] + offset + length,
        metres=length * drawn[where],
    )


def _lay(edges: Edges, pieces: _Pieces, snap_m: float) -> _OnRoad:
    """Give each piece to the nearest edge that runs its way."""
    hit = edges.tree.nearest(
        pieces.x,
        pieces.y,
        max_distance=snap_m,
        direction=(pieces.ux, pieces.uy),
        max_angle=_ANGLE,
    )
    # A road that lies ahead or behind, past its end, does not run beside the piece.
    ahead = np.abs(
        (pieces.x - hit.foot_x) * pieces.ux + (pieces.y - hit.foot_y) * pieces.uy
    ) > hit.distance * np.cos(np.radians(_ANGLE))
    on = (hit.segment >= 0) & ~(ahead & (hit.distance > _SLIVER))
    segment = hit.segment[on]
    ux, uy = edges.ux[segment], edges.uy[segment]
    metres = 2 * pieces.half[on]
    edge = np.full(on.size, _OFF, dtype=np.int64)
    measure, along, across = np.zeros(on.size), np.zeros(on.size), np.zeros(on.size)
    edge[on] = edges.edge[segment]
    measure[on] = edges.measure[segment] + hit.along[on]
    along[on] = metres * (ux * pieces.ux[on] + uy * pieces.uy[on])
    across[on] = metres * (ux * pieces.uy[on] - uy * pieces.ux[on])
    return _OnRoad(edge, measure, along, across, np.where(on, hit.distance, 0.0))


def _group(graph: RoadGraph, pieces: _Pieces, on_road: _OnRoad, snap_m: float) -> _Runs:
    """Gather successive pieces on the same edge."""
    on = np.flatnonzero(on_road.edge >= 0)
    edge, route, measure = on_road.edge[on], pieces.route[on], on_road.measure[on]
    apart = pieces.begin[on[1:]] - pieces.end[on[:-1]]
    off = np.cumsum(np.where(on_road.edge == _OFF, 2 * pieces.half, 0.0))[on]
    gap = np.full(on.size, np.inf)
    gap[:-1] = np.where(route[1:] == route[:-1], np.diff(off), np.inf)
    gap[gap > snap_m] = np.inf
    ends = np.ones(on.size, dtype=bool)
    ends[:-1] = (
        (edge[1:] != edge[:-1])
        | np.isinf(gap[:-1])
        | (np.abs(np.diff(measure)) > 2 * apart + 3 * _STEP)
    )
    last = np.flatnonzero(ends)
    first = np.append([0], last[:-1] + 1)[: last.size].astype(np.int64)
    half = on_road.along[on] / 2
    length = graph.length[edge]
    low = np.clip(measure - np.abs(half), 0, length)
    high = np.clip(measure + np.abs(half), 0, length)
    metres = np.add.reduceat(pieces.metres[on], first)
    return _Runs(
        first=on[first],
        last=on[last],
        edge=edge[first],
        route=route[first],
        metres=metres,
        low=np.minimum.reduceat(low, first),
        high=np.maximum.reduceat(high, first),
        enter=np.clip(measure - half, 0, length)[first],
        leave=np.clip(measure + half, 0, length)[last],
        offset=np.add.reduceat(pieces.metres[on] * on_road.offset[on], first) / metres,
        drift=np.abs(np.add.reduceat(on_road.across[on], first)),
        begin=pieces.begin[on[first]],
        end=pieces.end[on[last]],
        gap=gap[last],
    )


def _drop(on_road: _OnRoad, runs: _Runs, which: Bools, *, edge: int) -> _OnRoad:
    """Take the pieces of some runs off their edge."""
    inside = between(runs.first[which], runs.last[which], on_road.edge.size)
    inside &= on_road.edge >= 0
    return on_road._replace(edge=np.where(inside, edge, on_road.edge))


class _Link(NamedTuple):
    """Runs that continue on another edge: run goes on to run + 1.

    at, on_at: which end of either edge they meet at, 0 tail, 1 head. metres: from where
    the fibre leaves the one and enters the other to there. edge: a short edge between
    the two that the fibre has missed, -1 where they meet.
    """

    run: Ints
    at: Ints
    on_at: Ints
    metres: Floats
    edge: Ints


def _meet(graph: RoadGraph, runs: _Runs, one: Ints, other: Ints, snap_m: float) -> _Link:
    """Find the node where one run goes over to another; metres is inf where there is none."""
    ends = np.stack([graph.tail, graph.head], axis=1)
    nodes, on_nodes = ends[runs.edge[one]], ends[runs.edge[other]]
    away, on_away = _from_ends(graph, runs, one, other)
    metres = away[:, :, np.newaxis] + on_away[:, np.newaxis, :]
    reach = snap_m + _STEP
    apart = (
        (nodes[:, :, np.newaxis] != on_nodes[:, np.newaxis, :])
        | (away > reach)[:, :, np.newaxis]
        | (on_away > reach)[:, np.newaxis, :]
    )
    # On the same edge only the two ends of a loop meet.
    apart |= (runs.edge[one] == runs.edge[other])[:, np.newaxis, np.newaxis] & np.eye(2, dtype=bool)
    metres = np.where(apart, np.inf, metres).reshape(-1, 4)
    best = np.argmin(metres, axis=1)
    nowhere = np.full(one.size, -1, dtype=np.int64)
    return _Link(one, best // 2, best % 2, metres[np.arange(one.size), best], nowhere)


def _from_ends(graph: RoadGraph, runs: _Runs, one: Ints, other: Ints) -> tuple[Floats, Floats]:
    """Give the metres to tail and head, from where a run leaves and where another enters."""
    leave, enter = runs.leave[one], runs.enter[other]
    return (
        np.stack([leave, graph.length[runs.edge[one]] - leave], axis=1),
        np.stack([enter, graph.length[runs.edge[other]] - enter], axis=1),
    )


def _link(graph: RoadGraph, runs: _Runs, snap_m: float) -> _Link:
    """Find the runs that continue on another edge, directly or over one short edge more."""
    one = np.flatnonzero(np.isfinite(runs.gap))
    link = _meet(graph, runs, one, one + 1, snap_m)
    found = np.isfinite(link.metres)
    if not found.all():
        missed = _bridge(graph, runs, one[~found], snap_m)
        link = _Link(*(np.concatenate([a[found], b]) for a, b in zip(link, missed, strict=True)))
    return link


def _bridge(graph: RoadGraph, runs: _Runs, one: Ints, snap_m: float) -> _Link:
    away, on_away = _from_ends(graph, runs, one, one + 1)
    at, on_at = np.argmin(away, axis=1), np.argmin(on_away, axis=1)
    rows = np.arange(one.size)
    metres, on_metres = away[rows, at], on_away[rows, on_at]
    ends = np.stack([graph.tail, graph.head], axis=1)
    begin, end = ends[runs.edge[one], at], ends[runs.edge[one + 1], on_at]

    reach = snap_m + _STEP
    short = np.flatnonzero((graph.length <= reach) & (graph.tail != graph.head))
    size = graph.x.size
    pair = np.sort(ends[short], axis=1) @ np.array([size, 1])
    order = np.lexsort((graph.length[short], pair))
    wanted = np.minimum(begin, end) * size + np.maximum(begin, end)
    place = np.searchsorted(pair[order], wanted)
    inside = place < order.size
    edge = np.full(one.size, -1, dtype=np.int64)
    edge[inside] = short[order[place[inside]]]
    there = inside & (metres <= reach) & (on_metres <= reach)
    there[inside] &= pair[order[place[inside]]] == wanted[inside]
    return _Link(*(a[there] for a in (one, at, on_at, metres + on_metres, edge)))


def _is_detour(graph: RoadGraph, runs: _Runs, snap_m: float) -> Bools:
    """Tell which short runs lie off a way that goes on without them.

    Fibre beside a road goes on straight a little before it turns with the road, and
    comes near other roads on its way; such a run is no longer than the fibre is away
    from the roads.
    """
    detour = np.zeros(runs.edge.size, dtype=bool)
    run = np.flatnonzero(np.isfinite(runs.gap[1:]) & np.isfinite(runs.gap[:-1])) + 1
    before, after = run - 1, run + 1
    offset = np.maximum(np.maximum(runs.offset[before], runs.offset[after]), runs.offset[run])
    metres = runs.metres[run]
    brief = metres < np.minimum(max(snap_m, 2 * _STEP), 2 * offset + _STEP)
    # Of neighbours that are both short, only the shorter goes at a time.
    brief &= (metres < runs.metres[before]) & (metres <= runs.metres[after])
    run, before, after = run[brief], before[brief], after[brief]
    skipped = runs.begin[after] - runs.end[before]
    same = (runs.edge[before] == runs.edge[after]) & (
        np.abs(runs.enter[after] - runs.leave[before]) <= 2 * skipped + 3 * _STEP
    )
    meets = np.isfinite(_meet(graph, runs, before, after, snap_m).metres)
    detour[run[same | meets]] = True
    return detour


def _is_unlikely(graph: RoadGraph, runs: _Runs, snap_m: float) -> Bools:
    """Tell which runs are too short for their distance to the road, or cross it.

    Runs that pass into each other within a few metres are judged together; those with
    runs before and after are part of a way.
    """
    link = _link(graph, runs, snap_m)
    onward = np.zeros(runs.edge.size + 1, dtype=bool)
    onward[link.run + 1] = True
    tight = np.zeros(runs.edge.size, dtype=bool)
    tight[link.run[link.metres <= 2 * _STEP] + 1] = True
    first = np.flatnonzero(~tight)
    last = np.append(first[1:], runs.edge.size)[: first.size] - 1
    metres, weighted, drift = (
        np.add.reduceat(values, first)
        for values in (runs.metres, runs.metres * runs.offset, runs.drift)
    )
    unlikely = (metres * metres < _BELIEVED * weighted) | (drift > _DRIFT * metres)
    unlikely &= ~(onward[first] & onward[last + 1])
    answer: Bools = np.repeat(unlikely, last - first + 1)
    return answer


def _stretches(graph: RoadGraph, runs: _Runs, link: _Link) -> tuple[Ints, Floats, Floats]:
    """Give the stretches of edges that the runs cover, up to the nodes where they go on."""
    length = graph.length[runs.edge]
    low, high = runs.low.copy(), runs.high.copy()
    for run, at in ((link.run, link.at), (link.run + 1, link.on_at)):
        low[run[at == 0]] = 0.0
        high[run[at == 1]] = length[run[at == 1]]
    missed = link.edge[link.edge >= 0]
    edge = np.concatenate([runs.edge, missed])
    low = np.concatenate([low, np.zeros(missed.size)])
    high = np.concatenate([high, graph.length[missed]])
    low[low < _SLIVER] = 0.0
    short = graph.length[edge] - high < _SLIVER
    high[short] = graph.length[edge][short]

    # End to end with room between them, all edges are one axis.
    room = graph.length + 2 * _SLIVER
    base = (np.cumsum(room) - room)[edge]
    order = np.lexsort((high, base + low))
    edge, low, high, base = edge[order], low[order], high[order], base[order]
    fresh = np.ones(order.size, dtype=bool)
    fresh[1:] = (base + low)[1:] > np.maximum.accumulate(base + high)[:-1] + _SLIVER
    first = np.flatnonzero(fresh)
    edge, low, high = edge[first], low[first], np.maximum.reduceat(high, first)
    real = high - low > CENTIMETRE
    return edge[real], low[real], high[real]


def _find_taps(
    edges: Edges, pieces: _Pieces, used: Bools, snap_m: float, tap_rule: TapRule
) -> tuple[Ints, Floats]:
    """Find where fibre off the roads can be tapped from one.

    Where it ends at a road; if it can be tapped anywhere also where it crosses one, and
    a route that does neither, where it is nearest to a road within reach.
    """
    spare = np.flatnonzero(~used)
    crossing = edges.tree.nearest(pieces.x[spare], pieces.y[spare], max_distance=_STEP / 2)
    crosses = crossing.distance <= pieces.half[spare] + TINY
    starts = np.flatnonzero(changes(pieces.route) & ~used)
    stops = np.flatnonzero(np.append(changes(pieces.route)[1:], [True] * min(used.size, 1)) & ~used)
    tips = np.concatenate([starts, stops])
    back = np.where(np.arange(tips.size) < starts.size, -1.0, 1.0) * pieces.half[tips]
    ending = edges.tree.nearest(
        pieces.x[tips] + back * pieces.ux[tips],
        pieces.y[tips] + back * pieces.uy[tips],
        max_distance=_STEP,
    )
    ends = ending.segment >= 0

    met = np.zeros(pieces.route.max(initial=-1) + 1, dtype=bool)
    met[pieces.route[used]] = True
    met[pieces.route[spare[crosses]]] = True
    met[pieces.route[tips[ends]]] = True
    lone = np.flatnonzero(~met[pieces.route])
    nearing = edges.tree.nearest(pieces.x[lone], pieces.y[lone], max_distance=snap_m)
    order = np.lexsort((nearing.distance, pieces.route[lone]))
    closest = order[changes(pieces.route[lone][order])]
    nears = np.zeros(lone.size, dtype=bool)
    nears[closest] = nearing.segment[closest] >= 0

    found = [(crossing, crosses), (ending, ends), (nearing, nears)]
    if tap_rule != "anywhere":
        found = [(ending, ends & (tap_rule == "nodes"))]
    segment = np.concatenate([hit.segment[good] for hit, good in found])
    edge = edges.edge[segment]
    measure = edges.measure[segment] + np.concatenate([hit.along[good] for hit, good in found])
    order = np.lexsort((measure, edge))
    edge, measure = edge[order], measure[order]
    apart = changes(edge)
    apart[1:] |= np.diff(measure) > _STEP
    return edge[apart], measure[apart]
