"""A road network as a graph: nodes where roads truly meet, premises and fibre on its edges.

Everything is arrays over all vertices or all edges at once; nothing loops over
roads or premises. Which of two things comes first is settled by coordinates, not by
row numbers: the same roads in another order give the same graph, nodes and all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import shapely

from bredband_gis.crs import metric_crs
from bredband_gis.errors import BadValueError, NoCrsError
from bredband_gis.points import (
    LineVertices,
    line_vertices,
    plain_coordinates,
    plain_distance,
)
from bredband_gis.trees import SegmentTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray
    from pyproj import CRS

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_CENTIMETRE = 0.01
"""Vertices that agree to the centimetre are one, and so are feet along an edge."""

_TINY = 1e-5
"""Metres: below what lengths summed over a country's roads can tell apart."""

TapRule = Literal["anywhere", "nodes", "never"]
"""Where new trench may leave an existing fibre route; see :func:`attach`."""


@dataclass(frozen=True, eq=False)
class RoadGraph:
    """Nodes and edges of a road network.

    Two nodes can have several edges between them, and an edge can lead from a node
    back to itself (a roundabout that nothing else touches).

    Attributes
    ----------
    x, y : array of float64, shape (nodes,)
        Coordinates of the nodes (m). Where snapping joined ends, an edge's own end can
        lie up to the snapping distance away.
    tail, head : array of int64, shape (edges,)
        Node at each edge's start and stop.
    length : array of float64, shape (edges,)
        Metres along the road, in the plane of the CRS.
    line : array of int64, shape (edges,)
        Position of the edge's row in the roads table.
    start, stop : array of float64, shape (edges,)
        Metres along that row's geometry; start < stop. The parts of a multiline
        follow each other without gap.
    fibre : array of bool, shape (edges,)
        Existing fibre follows this edge from end to end.
    fibre_node : array of bool, shape (nodes,)
        The existing network can be tapped here.
    crs : pyproj.CRS
        A projected CRS in metres.
    source : LineVertices
        The vertices of the roads table, which the edges are cut from.
    """

    x: Floats
    y: Floats
    tail: Ints
    head: Ints
    length: Floats
    line: Ints
    start: Floats
    stop: Floats
    fibre: Bools
    fibre_node: Bools
    crs: CRS
    source: LineVertices = field(repr=False)

    def geometry(self, edges: ArrayLike | None = None) -> NDArray[np.object_]:
        """Cut the edges' lines, tail to head, out of the roads.

        Parameters
        ----------
        edges : array of int or bool, optional
            Numbers of the edges, or a mask over all; default all of them.

        Returns
        -------
        array of LineString
            One per edge asked for.
        """
        xy, first = _edge_vertices(self, edges)
        owner = np.repeat(np.arange(first.size - 1), np.diff(first))
        lines: NDArray[np.object_] = (
            shapely.linestrings(xy, indices=owner) if owner.size else np.empty(0, dtype=object)
        )
        return lines

    def components(self) -> NDArray[np.int64]:
        """Label the nodes by the connected part of the network that they lie in.

        Returns
        -------
        array of int64, shape (nodes,)
            Labels from 0, in the order of each part's first node.
        """
        return _connected(self.x.size, self.tail, self.head)


@dataclass(frozen=True, eq=False)
class Attachment:
    """A graph with points and fibre on it.

    Attributes
    ----------
    graph : RoadGraph
        The graph, its edges split where points or ends of fibre meet it. The nodes
        that it had before keep their numbers.
    node : array of int64, shape (points,)
        Node of each point; -1 where no edge is within reach.
    distance : array of float64, shape (points,)
        Metres from the point to the road; nan where no edge is within reach.
    fibre_on_road_m, fibre_off_road_m : float
        Metres of the fibre lines that follow a road, and that follow none.
    """

    graph: RoadGraph
    node: Ints
    distance: Floats
    fibre_on_road_m: float = 0.0
    fibre_off_road_m: float = 0.0


def list_components(
    graph: RoadGraph, nodes: ArrayLike = (), *, starts: ArrayLike | None = None
) -> pd.DataFrame:
    """List the connected parts of the network and what each of them holds.

    Parameters
    ----------
    graph : RoadGraph
        The road network.
    nodes : array of int
        Nodes of things on it, as ``Attachment.node``; -1 is none and is not counted.
    starts : array of bool, shape (nodes,), optional
        Where new trench may start; default ``graph.fibre_node``.

    Returns
    -------
    DataFrame
        One row per part, the label of :meth:`RoadGraph.components` as index:
        ``nodes``, ``edges``, ``length_m``, ``fibre_m`` (of it, with existing fibre, m),
        ``starts``, ``points`` (of ``nodes``), and ``x``, ``y`` of the node nearest to the
        mean of its nodes (CRS of the graph).
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    label = graph.components()
    size = int(label.max(initial=-1)) + 1
    of_edge = label[graph.tail]
    held = np.asarray(nodes, dtype=np.int64)
    may_start = graph.fibre_node if starts is None else np.asarray(starts, dtype=bool)
    count = np.bincount(label, minlength=size)
    away = np.hypot(
        *(
            values - (np.bincount(label, values, size) / count)[label]
            for values in (graph.x, graph.y)
        )
    )
    order = np.lexsort((graph.y, graph.x, away, label))
    middle = order[_changes(label[order])]
    return pd.DataFrame(
        {
            "nodes": count,
            "edges": np.bincount(of_edge, minlength=size),
            "length_m": np.bincount(of_edge, graph.length, size),
            "fibre_m": np.bincount(of_edge, graph.length * graph.fibre, size),
            "starts": np.bincount(label[may_start], minlength=size),
            "points": np.bincount(label[held[held >= 0]], minlength=size),
            "x": graph.x[middle],
            "y": graph.y[middle],
        }
    ).rename_axis("component")


# --- from lines to a graph ---------------------------------------------------------


def build_graph(roads: gpd.GeoDataFrame, *, snap_m: float = 0.5) -> RoadGraph:
    """Make a graph of road lines.

    Roads meet where they share a vertex (to the centimetre), and where one ends within
    ``snap_m`` of another: there the nearest vertex of the other line within that
    distance is taken, or else the other line is split at the nearest point. Lines that
    only cross (bridge, tunnel) do not meet. Stretches that several lines draw with the
    same vertices count once. Lines of length zero are left out.

    Parameters
    ----------
    roads : GeoDataFrame
        LineStrings or MultiLineStrings in a projected CRS in metres.
    snap_m : float
        How far digitised ends may miss each other, in metres. Half a metre is well
        below a road's width; 0 joins exact matches only.

    Returns
    -------
    RoadGraph
        Nodes sorted by x, then y; edges by their nodes. Without fibre.

    Raises
    ------
    NoCrsError, NotMetricError
        The CRS is missing, or cannot measure a length.
    GeometryError
        A geometry is no line.
    BadValueError
        ``snap_m`` is negative or a coordinate is not a number.
    """
    if not 0 <= snap_m < np.inf:
        msg = f"snap_m is {snap_m}"
        raise BadValueError(msg, fix="give metres, 0 or more")
    if roads.crs is None:
        msg = "the roads do not say which coordinate reference system they are in"
        raise NoCrsError(msg, where="roads", fix="state it, e.g. crs = 'EPSG:3006'")
    crs = metric_crs(roads.crs)
    source = line_vertices(roads.geometry.to_numpy())
    stops = _read_stops(source)
    if snap_m > 0 and stops.part.size:
        stops = _snap(stops, snap_m)
    return _assemble(stops, source, crs, shortest_loop=2 * snap_m)


class _Stops(NamedTuple):
    """The places along every part where roads may meet, in the order of the parts.

    place: which place a stop is at; stops at the same place meet. end: a line ends there,
    so the place is a node whatever else.
    """

    part: Ints
    run: Floats
    x: Floats
    y: Floats
    place: Ints
    end: Bools
    line: Ints
    place_x: Floats
    place_y: Floats


def _read_stops(source: LineVertices) -> _Stops:
    """Take the vertices of each part, those that repeat the one before left out."""
    if not source.part.size:
        none, nothing = np.empty(0, dtype=np.int64), np.empty(0)
        ends = np.empty(0, dtype=bool)
        return _Stops(none, nothing, nothing, nothing, none, ends, none, nothing, nothing)
    place, place_x, place_y = _places(source.xy)
    fresh = _changes(source.part)
    kept = np.flatnonzero(fresh | _changes(place))
    # The last stop of a part is its last vertex, so that no centimetre is lost.
    is_last = np.append(fresh[1:], True)
    kept[np.append(_changes(source.part[kept])[1:], True)] = np.flatnonzero(is_last)

    part, place = source.part[kept], place[kept]
    is_first = _changes(part)
    is_last = np.append(is_first[1:], True)
    # A part of a single stop has no length, and is no road.
    long = ~(is_first & is_last)
    x, y = source.xy[kept[long]].T
    return _Stops(
        part=part[long],
        run=source.run[kept[long]],
        x=x,
        y=y,
        place=place[long],
        end=(is_first | is_last)[long],
        line=source.line[kept[long]],
        place_x=place_x,
        place_y=place_y,
    )


def _places(xy: Floats) -> tuple[Ints, Floats, Floats]:
    """Give each distinct coordinate, rounded to the centimetre, a number by x, then y."""
    column, row = np.rint(xy.T / _CENTIMETRE).astype(np.int64)
    column -= column.min()
    row -= row.min()
    if float(column.max() + 1) * float(row.max() + 1) >= 2.0**63:
        # Too far apart for one number: their ranks are not.
        column, row = (np.unique(values, return_inverse=True)[1] for values in (column, row))
    key = column * (row.max() + 1) + row
    order = np.argsort(key)
    key = key[order]
    fresh = _changes(key)
    place = np.empty(key.size, dtype=np.int64)
    place[order] = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    x, y = (np.minimum.reduceat(values[order], first) for values in xy.T)
    return place, x, y


def _snap(stops: _Stops, snap_m: float) -> _Stops:
    """Join line ends to what lies within reach of them."""
    same_part = stops.part[1:] == stops.part[:-1]
    tail = np.flatnonzero(same_part)
    tree = SegmentTree(stops.x[tail], stops.y[tail], stops.x[tail + 1], stops.y[tail + 1])
    ends = np.unique(stops.place[stops.end])
    end_x, end_y = stops.place_x[ends], stops.place_y[ends]
    which, segment, along = tree.within(end_x, end_y, snap_m)
    from_stop = tail[segment]
    # Segments that begin or end at the place itself have nothing to snap.
    own = (stops.place[from_stop] == ends[which]) | (stops.place[from_stop + 1] == ends[which])
    which, from_stop, along = which[~own], from_stop[~own], along[~own]
    far = ~_passes_nearby(stops, ends[which], from_stop, along, 2 * snap_m)
    which, from_stop, along = which[far], from_stop[far], along[far]
    if not which.size:
        return stops

    # Per end and part the nearest vertex within reach, or else the nearest point.
    place, to_x, to_y = ends[which], stops.x, stops.y
    near_end = [
        np.hypot(to_x[from_stop + k] - end_x[which], to_y[from_stop + k] - end_y[which])
        for k in (0, 1)
    ]
    second = near_end[1] < near_end[0]
    vertex = from_stop + second
    to_vertex = np.where(second, near_end[1], near_end[0])
    full = np.hypot(to_x[from_stop + 1] - to_x[from_stop], to_y[from_stop + 1] - to_y[from_stop])
    share = along / full
    foot_x = to_x[from_stop] + share * (to_x[from_stop + 1] - to_x[from_stop])
    foot_y = to_y[from_stop] + share * (to_y[from_stop + 1] - to_y[from_stop])
    to_foot = np.hypot(foot_x - end_x[which], foot_y - end_y[which])
    at_vertex = to_vertex <= snap_m
    gap = np.where(at_vertex, to_vertex, to_foot)
    part = stops.part[from_stop]
    order = np.lexsort((stops.place[vertex], gap, ~at_vertex, part, place))
    best = order[_changes(place[order]) | _changes(part[order])]

    at_vertex = at_vertex[best]
    joins = [(place[best][at_vertex], stops.place[vertex[best]][at_vertex])]
    cut = best[~at_vertex]
    run = stops.run[from_stop[cut]] + share[cut] * (
        stops.run[from_stop[cut] + 1] - stops.run[from_stop[cut]]
    )
    order = np.lexsort((place[cut], run, from_stop[cut]))
    cut, run = cut[order], run[order]
    # Two roads that end at the same spot of a third, from either side, meet there.
    close = (np.diff(from_stop[cut]) == 0) & (np.diff(run) <= _CENTIMETRE)
    joins.append((place[cut][:-1][close], place[cut][1:][close]))

    at = from_stop[cut] + 1
    new = {
        "part": part[cut],
        "run": run,
        "x": foot_x[cut],
        "y": foot_y[cut],
        "place": place[cut],
        "end": np.ones(cut.size, dtype=bool),
        "line": stops.line[from_stop[cut]],
    }
    joined = _join(stops, *(np.concatenate(side) for side in zip(*joins, strict=True)))
    return stops._replace(
        **{
            name: np.insert(getattr(stops, name), at, values)
            for name, values in new.items()
            if name != "place"
        },
        place=joined[np.insert(stops.place, at, new["place"])],
    )


def _passes_nearby(
    stops: _Stops, place: Ints, from_stop: Ints, along: Floats, near_m: float
) -> Bools:
    """Tell whether the segment's own part comes by the place close to the foot along it."""
    order = np.argsort(stops.place, kind="stable")
    sorted_place = stops.place[order]
    begin = np.searchsorted(sorted_place, place, side="left")
    count = np.searchsorted(sorted_place, place, side="right") - begin
    pair = np.repeat(np.arange(place.size), count)
    visit = order[_ranges(begin, count)]
    run = stops.run[from_stop] + along
    close = (stops.part[visit] == stops.part[from_stop][pair]) & (
        np.abs(stops.run[visit] - run[pair]) <= near_m
    )
    return np.bincount(pair[close], minlength=place.size) > 0


def _join(stops: _Stops, one: Ints, other: Ints) -> Ints:
    """Give the place that each place has become, after joining pairs of them.

    Joined places are where the most roads lead off, so that a through road keeps its
    shape; among equals the first by x and y.
    """
    joined = np.arange(stops.place_x.size)
    places, ends = np.unique(np.concatenate([one, other]), return_inverse=True)
    group = _connected(places.size, *ends.reshape(2, -1))
    ways = np.bincount(stops.place, np.where(stops.end, 1, 2), minlength=joined.size)[places]
    order = np.lexsort((places, -ways, group))
    leader = order[np.searchsorted(group[order], np.arange(group.max(initial=-1) + 1))]
    joined[places] = places[leader[group]]
    return joined


def _assemble(stops: _Stops, source: LineVertices, crs: CRS, *, shortest_loop: float) -> RoadGraph:
    """Chain the pieces between stops into edges from node to node."""
    places = stops.place_x.size
    piece = np.flatnonzero(stops.part[1:] == stops.part[:-1])
    one, other = stops.place[piece], stops.place[piece + 1]
    moved = one != other
    piece, one, other = piece[moved], one[moved], other[moved]
    # Pieces are straight: between the same two places they are the same.
    pair = np.minimum(one, other) * places + np.maximum(one, other)
    kept = np.sort(np.unique(pair, return_index=True)[1])
    piece, one, other = piece[kept], one[kept], other[kept]

    degree = np.bincount(one, minlength=places) + np.bincount(other, minlength=places)
    is_node = degree != 2
    is_node[stops.place[stops.end]] = True
    # Where a line turns back on itself: a dead end, even if another line goes on.
    back = (stops.place[2:] == stops.place[:-2]) & (stops.part[2:] == stops.part[:-2])
    is_node[stops.place[1:-1][back]] = True
    # Where a chain of pieces ends, another line takes over.
    fresh = np.ones(piece.size, dtype=bool)
    fresh[1:] = np.diff(piece) != 1
    begin = np.flatnonzero(fresh | is_node[one])
    last = np.append(begin[1:], piece.size)[: begin.size] - 1
    tail, head = one[begin], other[last]
    line = stops.line[piece[begin]]
    start = stops.run[piece[begin]] - source.origin[line]
    stop = stops.run[piece[last] + 1] - source.origin[line]
    # What snapping has bent into a loop no longer than itself was a stub.
    real = (tail != head) | (stop - start > shortest_loop)
    tail, head, line, start, stop = (a[real] for a in (tail, head, line, start, stop))

    nodes, ends = np.unique(np.concatenate([tail, head]), return_inverse=True)
    tail, head = ends.reshape(2, -1).astype(np.int64)
    length = stop - start
    order = np.lexsort((line, length, np.maximum(tail, head), np.minimum(tail, head)))
    return RoadGraph(
        x=stops.place_x[nodes],
        y=stops.place_y[nodes],
        tail=tail[order],
        head=head[order],
        length=length[order],
        line=line[order],
        start=start[order],
        stop=stop[order],
        fibre=np.zeros(order.size, dtype=bool),
        fibre_node=np.zeros(nodes.size, dtype=bool),
        crs=crs,
        source=source,
    )


# --- points and fibre on the edges -------------------------------------------------


def attach(
    graph: RoadGraph,
    x: ArrayLike,
    y: ArrayLike,
    *,
    max_distance: float,
    fibre_lines: Sequence[shapely.Geometry] | NDArray[Any] | None = None,
    fibre_snap_m: float = 40.0,
    tap: TapRule = "anywhere",
) -> Attachment:
    """Hang points on the nearest point of a road, and lay existing fibre along the roads.

    The tap rule says which nodes on the fibre become ``fibre_node``. They are all joined
    to each other by what exists, so moving between them costs nothing.

    - "anywhere": every node on the fibre, also one that a point has made, and where a
      route off the roads crosses a road or is nearest to one.
    - "nodes": nodes that ``graph`` had before (crossings, dead ends, where a line ends),
      and where a route ends at a road, leaves it or comes to it. A point beside the fibre
      is not on it: its trench runs along the road to the next such node.
    - "never": none. The edges are marked ``fibre`` all the same.

    Parameters
    ----------
    graph : RoadGraph
        The road network.
    x, y : array of float, shape (points,)
        Coordinates in the graph's CRS.
    max_distance : float
        Points farther (m) from every road stay without a node.
    fibre_lines : sequence of LineString or MultiLineString, optional
        Routes of existing fibre in the graph's CRS. An edge that one follows becomes
        ``fibre``; a route that only crosses a road makes a node there that can be
        tapped. The edge is split where the fibre begins and ends.
    fibre_snap_m : float
        How far from a road (m) fibre may lie and still follow it. The default, 40 m,
        spans a wide road reserve and a generalised route.
    tap : {"anywhere", "nodes", "never"}
        Where the routes can be tapped. Nodes that could be tapped before still can.

    Returns
    -------
    Attachment
        The points' order does not matter to the graph.

    Raises
    ------
    BadValueError
        A coordinate or a distance is not a number, or there is no such tap rule.
    GeometryError
        ``fibre_lines`` holds something else than lines.
    """
    reach, snap_m = plain_distance(max_distance), plain_distance(fibre_snap_m)
    px, py = plain_coordinates(x, y)
    if tap not in get_args(TapRule):
        msg = f"tap is {tap!r}"
        raise BadValueError(msg, fix=f"give one of {', '.join(get_args(TapRule))}")
    edges = _read_edges(graph)
    hit = edges.tree.nearest(px, py, max_distance=reach)
    reached = hit.segment >= 0
    segment = hit.segment[reached]
    edge, measure = edges.edge[segment], edges.measure[segment] + hit.along[reached]

    fibre = _NO_FIBRE if fibre_lines is None else _follow(graph, edges, fibre_lines, snap_m, tap)
    split, at = _split(
        graph,
        edges,
        np.concatenate([edge, fibre.edge, fibre.edge, fibre.tap_edge]),
        np.concatenate([measure, fibre.begin, fibre.end, fibre.tap]),
        fibre,
    )
    node = np.full(px.size, -1, dtype=np.int64)
    node[reached] = at[: edge.size]
    split.fibre_node[at[at.size - fibre.tap.size :]] = True
    if tap == "nodes":
        split.fibre_node[at[edge.size :]] = True
    if tap != "never":
        on_fibre = np.concatenate([split.tail[split.fibre], split.head[split.fibre]])
        within = split.x.size if tap == "anywhere" else graph.x.size
        split.fibre_node[on_fibre[on_fibre < within]] = True
    distance = np.where(reached, hit.distance, np.nan)
    return Attachment(split, node, distance, fibre.on_road_m, fibre.off_road_m)


class _Edges(NamedTuple):
    """The edges' vertices and straight segments.

    xy, first: the vertices, and where each edge's begin. run: metres from the first
    vertex of all. tree: over the segments; edge, measure: of each segment, its edge
    and the metres along it to the segment's beginning; ux, uy: its direction.
    """

    xy: Floats
    first: Ints
    run: Floats
    tree: SegmentTree
    edge: Ints
    measure: Floats
    ux: Floats
    uy: Floats


def _read_edges(graph: RoadGraph) -> _Edges:
    xy, first = _edge_vertices(graph)
    owner = np.repeat(np.arange(first.size - 1), np.diff(first))
    steps = np.diff(xy, axis=0) if owner.size else np.empty((0, 2))
    size = np.hypot(*steps.T)
    size[owner[1:] != owner[:-1]] = 0.0
    run = np.zeros(owner.size)
    np.cumsum(size, out=run[1:])
    tail = np.flatnonzero(size > 0)
    tree = SegmentTree(*xy[tail].T, *xy[tail + 1].T)
    ux, uy = steps[tail].T / size[tail]
    edge = owner[tail]
    return _Edges(xy, first, run, tree, edge, run[tail] - run[first[edge]], ux, uy)


def _edge_vertices(graph: RoadGraph, edges: ArrayLike | None = None) -> tuple[Floats, Ints]:
    """Cut edges out of the roads: their vertices, and where each edge's begin and end."""
    line, start, stop = graph.line, graph.start, graph.stop
    if edges is not None:
        wanted = np.asarray(edges)
        wanted = wanted if wanted.dtype == bool else wanted.astype(np.int64)
        line, start, stop = line[wanted], start[wanted], stop[wanted]
    source = graph.source
    begin, end = source.origin[line] + start, source.origin[line] + stop
    # Vertices strictly inside, by the metres from the first vertex of all; where a part
    # ends and the next begins at the same metre, the sides say which one is meant.
    inner = np.searchsorted(source.run, begin + _TINY, side="right")
    after = np.searchsorted(source.run, end - _TINY, side="left")
    count = np.maximum(after - inner, 0)
    first = np.zeros(line.size + 1, dtype=np.int64)
    np.cumsum(count + 2, out=first[1:])
    xy = np.empty((first[-1], 2))
    xy[first[:-1]] = _interpolate(source.xy, source.run, inner - 1, begin)
    xy[first[1:] - 1] = _interpolate(source.xy, source.run, after - 1, end)
    xy[_ranges(first[:-1] + 1, count)] = source.xy[_ranges(inner, count)]
    return xy, first


def _interpolate(xy: Floats, run: Floats, before: Ints, at: Floats) -> Floats:
    """Give the coordinates at a metre, which lies in the segment after vertex ``before``."""
    step = run[before + 1] - run[before]
    share = np.divide(at - run[before], step, out=np.zeros(at.size), where=step > 0)
    share = np.clip(share, 0.0, 1.0)[:, np.newaxis]
    # Written so that 0 and 1 give the vertices themselves.
    there: Floats = xy[before] * (1 - share) + xy[before + 1] * share
    return there


def _split(
    graph: RoadGraph, edges: _Edges, edge: Ints, measure: Floats, fibre: _Fibre
) -> tuple[RoadGraph, Ints]:
    """Split edges at places along them; give the node at each place."""
    length = graph.length[edge]
    at_tail = measure <= _CENTIMETRE
    at_head = ~at_tail & (measure >= length - _CENTIMETRE)
    node = np.where(at_tail, graph.tail[edge], graph.head[edge])
    inside = np.flatnonzero(~at_tail & ~at_head)
    order = inside[np.lexsort((measure[inside], edge[inside]))]
    fresh = _changes(edge[order])
    fresh[1:] |= np.diff(measure[order]) > _CENTIMETRE
    node[order] = graph.x.size + np.cumsum(fresh) - 1
    cut_edge, cut = edge[order][fresh], measure[order][fresh]
    new = graph.x.size + np.arange(cut.size)

    pieces = np.bincount(cut_edge, minlength=graph.tail.size) + 1
    owner = np.repeat(np.arange(pieces.size), pieces)
    after = np.arange(cut.size) + cut_edge + 1
    low, high = np.zeros(owner.size), graph.length[owner]
    tail, head = graph.tail[owner], graph.head[owner]
    low[after], high[after - 1] = cut, cut
    tail[after], head[after - 1] = new, new
    stop = graph.start[owner] + high
    last = np.cumsum(pieces) - 1
    stop[last] = graph.stop

    at = edges.run[edges.first[cut_edge]] + cut
    before = np.searchsorted(edges.run, at, side="right") - 1
    before = np.clip(before, edges.first[cut_edge], edges.first[cut_edge + 1] - 2)
    x, y = _interpolate(edges.xy, edges.run, before, at).T
    covered = graph.fibre[owner] | fibre.covers(owner, (low + high) / 2, graph.length)
    split = replace(
        graph,
        x=np.append(graph.x, x),
        y=np.append(graph.y, y),
        tail=tail,
        head=head,
        length=high - low,
        line=graph.line[owner],
        start=graph.start[owner] + low,
        stop=stop,
        fibre=covered,
        fibre_node=np.append(graph.fibre_node, np.zeros(cut.size, dtype=bool)),
    )
    return split, node


# --- fibre along roads -------------------------------------------------------------

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


class _Fibre(NamedTuple):
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


_NO_FIBRE = _Fibre(
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


def _follow(
    graph: RoadGraph,
    edges: _Edges,
    fibre_lines: Sequence[shapely.Geometry] | NDArray[Any],
    snap_m: float,
    tap_rule: TapRule,
) -> _Fibre:
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

    used = _between(runs.first, runs.last, pieces.x.size)
    used |= _between(runs.last[link.run], runs.first[link.run + 1], pieces.x.size)
    stretches = _stretches(graph, runs, link)
    tap_edge, tap = _find_taps(edges, pieces, used, snap_m, tap_rule)
    total = float(pieces.metres.sum())
    on = float(pieces.metres[used].sum())
    fibre = _Fibre(*stretches, tap_edge, tap, on, total - on)
    # On the fibre of another route a node can be tapped anyhow, or must be told of.
    outside = ~fibre.covers(tap_edge, tap, graph.length) | (tap_rule == "nodes")
    return fibre._replace(tap_edge=tap_edge[outside], tap=tap[outside])


def _cut_fibre(fibre_lines: Sequence[shapely.Geometry] | NDArray[Any]) -> _Pieces:
    """Cut fibre into straight pieces of about ``_STEP`` metres."""
    vertices = line_vertices(fibre_lines)
    parts = shapely.linestrings(
        vertices.xy, indices=np.cumsum(_changes(vertices.part)) - 1
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
    offset = _ranges(np.zeros(count.size, dtype=np.int64), count) * length
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


def _lay(edges: _Edges, pieces: _Pieces, snap_m: float) -> _OnRoad:
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
    inside = _between(runs.first[which], runs.last[which], on_road.edge.size)
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
    real = high - low > _CENTIMETRE
    return edge[real], low[real], high[real]


def _find_taps(
    edges: _Edges, pieces: _Pieces, used: Bools, snap_m: float, tap_rule: TapRule
) -> tuple[Ints, Floats]:
    """Find where fibre off the roads can be tapped from one.

    Where it ends at a road; if it can be tapped anywhere also where it crosses one, and
    a route that does neither, where it is nearest to a road within reach.
    """
    spare = np.flatnonzero(~used)
    crossing = edges.tree.nearest(pieces.x[spare], pieces.y[spare], max_distance=_STEP / 2)
    crosses = crossing.distance <= pieces.half[spare] + _TINY
    starts = np.flatnonzero(_changes(pieces.route) & ~used)
    stops = np.flatnonzero(
        np.append(_changes(pieces.route)[1:], [True] * min(used.size, 1)) & ~used
    )
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
    closest = order[_changes(pieces.route[lone][order])]
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
    apart = _changes(edge)
    apart[1:] |= np.diff(measure) > _STEP
    return edge[apart], measure[apart]


# --- arrays ------------------------------------------------------------------------


def _changes(values: NDArray[Any]) -> Bools:
    """Tell which values differ from the one before; the first does."""
    fresh = np.ones(values.size, dtype=bool)
    fresh[1:] = values[1:] != values[:-1]
    return fresh


def _ranges(start: Ints, count: Ints) -> Ints:
    """Give start, start + 1, ... count numbers in all, one such range after the other."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if ends.size else 0
    numbers: Ints = np.arange(total) + np.repeat(start - ends + count, count)
    return numbers


def _between(first: Ints, last: Ints, size: int) -> Bools:
    """Tell which of 0 ... size - 1 lie in one of the ranges, ends included."""
    depth = np.bincount(first, minlength=size + 1) - np.bincount(last + 1, minlength=size + 1)
    inside: Bools = np.cumsum(depth)[:size] > 0
    return inside


def _connected(size: int, one: Ints, other: Ints) -> Ints:
    """Label 0 ... size - 1 by what pairs connect them."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - slow to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    if not size:
        return np.empty(0, dtype=np.int64)
    links = coo_array((np.ones(one.size), (one, other)), shape=(size, size))
    labels: Ints = connected_components(links, directed=False)[1].astype(np.int64)
    return labels
