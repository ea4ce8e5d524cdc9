"""From road lines to a graph: nodes where roads truly meet, one edge where several lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bredband_gis.crs import metric_crs
from bredband_gis.errors import BadValueError, NoCrsError
from bredband_gis.points import LineVertices, line_vertices
from bredband_gis.roads_graph import CENTIMETRE, RoadGraph, changes, connected, ranges
from bredband_gis.trees import SegmentTree

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


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
    fresh = changes(source.part)
    kept = np.flatnonzero(fresh | changes(place))
    # The last stop of a part is its last vertex, so that no centimetre is lost.
    is_last = np.append(fresh[1:], True)
    kept[np.append(changes(source.part[kept])[1:], True)] = np.flatnonzero(is_last)

    part, place = source.part[kept], place[kept]
    is_first = changes(part)
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
    column, row = np.rint(xy.T / CENTIMETRE).astype(np.int64)
    column -= column.min()
    row -= row.min()
    if float(column.max() + 1) * float(row.max() + 1) >= 2.0**63:
        # Too far apart for one number: their ranks are not.
        column, row = (np.unique(values, return_inverse=True)[1] for values in (column, row))
    key = column * (row.max() + 1) + row
    order = np.argsort(key)
    key = key[order]
    fresh = changes(key)
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
    best = order[changes(place[order]) | changes(part[order])]

    at_vertex = at_vertex[best]
    joins = [(place[best][at_vertex], stops.place[vertex[best]][at_vertex])]
    cut = best[~at_vertex]
    run = stops.run[from_stop[cut]] + share[cut] * (
        stops.run[from_stop[cut] + 1] - stops.run[from_stop[cut]]
    )
    order = np.lexsort((place[cut], run, from_stop[cut]))
    cut, run = cut[order], run[order]
    # Two roads that end at the same spot of a third, from either side, meet there.
    close = (np.diff(from_stop[cut]) == 0) & (np.diff(run) <= CENTIMETRE)
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
    visit = order[ranges(begin, count)]
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
    group = connected(places.size, *ends.reshape(2, -1))
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
