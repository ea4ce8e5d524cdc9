"""From road lines to a graph: nodes where roads truly meet, one edge where several lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

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
    only cross (bridge, tunnel) do not meet. Stretches that several lines draw count once,
    also if they lie up to ``snap_m`` apart and have other vertices, and even if only a
    part of each; the longest line gives the edge its row and shape. The carriageways of
    one road are farther apart than that and stay two. Lines of length zero are left out.

    Where the roads have columns ``bridge``, ``tunnel`` or ``layer`` (as in OpenStreetMap),
    lines of different levels meet only where both end or a single one comes to its end: a
    vertex that a bridge shares with the road below is no crossing. Different levels are
    never merged, and no road on the ground is snapped to the middle of a bridge.

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
    stops = _read_stops(source, read_levels(roads))
    if snap_m > 0 and stops.part.size:
        stops = _overlay(_snap(stops, snap_m), snap_m)
    return _assemble(_part_levels(stops), source, crs, shortest_loop=2 * snap_m)


def read_levels(roads: pd.DataFrame) -> NDArray[np.int8]:
    """Give the level of each road: 0 on the ground, above 0 on a bridge, below in a tunnel.

    Parameters
    ----------
    roads : DataFrame
        ``layer`` (a small whole number) says it; where it does not, ``bridge`` makes 1
        and ``tunnel`` -1. All are optional, text or numbers; other values of ``layer``
        than -9 to 9 say nothing.

    Returns
    -------
    array of int8, shape (rows,)
        All 0 where no such column is there.
    """
    level = np.zeros(len(roads), dtype=np.int8)
    for column, value in (("tunnel", -1), ("bridge", 1)):
        if column in roads:
            text = roads[column].astype("string").str.strip().str.casefold().fillna("")
            level[~text.isin(_ON_THE_GROUND).to_numpy(dtype=bool)] = value
    if "layer" in roads:
        number = pd.to_numeric(roads["layer"], errors="coerce").to_numpy(dtype=np.float64)
        said = (np.abs(number) <= 9) & (np.rint(number) == number) & (number != 0)
        level[said] = number[said].astype(np.int8)
    return level


_ON_THE_GROUND = ("", "no", "n", "nej", "f", "false", "0", "0.0", "none", "nan", "<na>",
                  "building_passage")  # fmt: skip
"""Values of ``bridge`` and ``tunnel`` that are neither."""


class _Stops(NamedTuple):
    """The places along every part where roads may meet, in the order of the parts.

    place: which place a stop is at; stops at the same place meet. end: a line ends there,
    or at a place that was joined to it, so the place is a node whatever else. level: of
    the road.
    """

    part: Ints
    run: Floats
    x: Floats
    y: Floats
    place: Ints
    end: Bools
    line: Ints
    level: NDArray[np.int8]
    place_x: Floats
    place_y: Floats


def _read_stops(source: LineVertices, level: NDArray[np.int8]) -> _Stops:
    """Take the vertices of each part, those that repeat the one before left out."""
    if not source.part.size:
        none, nothing = np.empty(0, dtype=np.int64), np.empty(0)
        ends = np.empty(0, dtype=bool)
        return _Stops(
            none, nothing, nothing, nothing, none, ends, none, level[:0], nothing, nothing
        )
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
        level=level[source.line[kept[long]]],
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


class _Near(NamedTuple):
    """Places near a part that does not pass there, the nearest segment of the part to each.

    place; from_stop: the segment begins there. share: of the segment, up to the foot; x, y,
    run: of the foot, and metres. vertex: the stop of the part that is nearest among the
    segment's ends; to_vertex, to_foot: metres.
    """

    place: Ints
    from_stop: Ints
    share: Floats
    x: Floats
    y: Floats
    run: Floats
    vertex: Ints
    to_vertex: Floats
    to_foot: Floats

    def take(self, which: Ints | Bools) -> _Near:
        """Give some of them."""
        return self._replace(**{name: values[which] for name, values in self._asdict().items()})


def _find_near(stops: _Stops, places: Ints, reach_m: float, *, away_m: float) -> _Near:
    """Find the segments within reach of places, not those of parts that pass by there.

    A part passes by if it has a stop at the place within ``away_m`` of the foot, along it.
    """
    tail = np.flatnonzero(stops.part[1:] == stops.part[:-1])
    tree = SegmentTree(stops.x[tail], stops.y[tail], stops.x[tail + 1], stops.y[tail + 1])
    apart = None
    if np.isinf(away_m):
        # Most places lie on one part only, whose segments are passed over at once.
        visitor = np.full(stops.place_x.size, -1, dtype=np.int64)
        visitor[stops.place] = stops.part
        apart = visitor[places], stops.part[tail]
    which, segment, along = tree.within(
        stops.place_x[places], stops.place_y[places], reach_m, apart=apart
    )
    place, from_stop = places[which], tail[segment]
    other = (stops.place[from_stop] != place) & (stops.place[from_stop + 1] != place)
    place, from_stop, along = place[other], from_stop[other], along[other]
    away = ~_passes_nearby(stops, place, from_stop, along, away_m)
    place, from_stop, along = place[away], from_stop[away], along[away]

    x, y = stops.place_x[place], stops.place_y[place]
    to_ends = [np.hypot(stops.x[from_stop + k] - x, stops.y[from_stop + k] - y) for k in (0, 1)]
    step_x = stops.x[from_stop + 1] - stops.x[from_stop]
    step_y = stops.y[from_stop + 1] - stops.y[from_stop]
    share = along / np.hypot(step_x, step_y)
    foot_x, foot_y = stops.x[from_stop] + share * step_x, stops.y[from_stop] + share * step_y
    step = stops.run[from_stop + 1] - stops.run[from_stop]
    return _Near(
        place=place,
        from_stop=from_stop,
        share=share,
        x=foot_x,
        y=foot_y,
        run=stops.run[from_stop] + share * step,
        vertex=from_stop + (to_ends[1] < to_ends[0]),
        to_vertex=np.minimum(*to_ends),
        to_foot=np.hypot(foot_x - x, foot_y - y),
    )


def _insert(stops: _Stops, near: _Near, *, end: bool) -> _Stops:
    """Put places in at their feet, which are in the order of their segments and along them."""
    at, new = near.from_stop + 1, {"run": near.run, "x": near.x, "y": near.y, "place": near.place}
    copied = {name: getattr(stops, name)[near.from_stop] for name in ("part", "line", "level")}
    new |= {**copied, "end": np.full(at.size, end)}
    return stops._replace(
        **{name: np.insert(getattr(stops, name), at, values) for name, values in new.items()}
    )


def _in_order(near: _Near) -> tuple[_Near, tuple[Ints, Ints]]:
    """Sort feet by segment and along it; gives also the pairs that are at the same spot.

    Two roads that come to the same spot of a third, from either side, meet there.
    """
    near = near.take(np.lexsort((near.place, near.run, near.from_stop)))
    close = (np.diff(near.from_stop) == 0) & (np.diff(near.run) <= CENTIMETRE)
    return near, (near.place[:-1][close], near.place[1:][close])


def _snap(stops: _Stops, snap_m: float) -> _Stops:
    """Join line ends to what lies within reach of them."""
    near = _find_near(stops, np.unique(stops.place[stops.end]), snap_m, away_m=2 * snap_m)
    at_vertex = near.to_vertex <= snap_m
    # No road on the ground ends in the middle of a bridge.
    level = stops.level[near.from_stop]
    middle = ~(at_vertex & _is_tip(stops)[near.vertex])
    allowed = (level == 0) | ~middle | _has_level(stops, near.place, level)
    near, at_vertex = near.take(allowed), at_vertex[allowed]
    # Per end and part the nearest vertex within reach, or else the nearest point.
    gap = np.where(at_vertex, near.to_vertex, near.to_foot)
    part = stops.part[near.from_stop]
    order = np.lexsort((stops.place[near.vertex], gap, ~at_vertex, part, near.place))
    best = order[changes(near.place[order]) | changes(part[order])]
    near, at_vertex = near.take(best), at_vertex[best]
    one, other = near.place[at_vertex], stops.place[near.vertex[at_vertex]]
    near, close = _in_order(near.take(~at_vertex))
    joined = _join(stops, np.append(one, close[0]), np.append(other, close[1]))
    stops = _insert(stops, near, end=True)
    return stops._replace(place=joined[stops.place])


def _is_tip(stops: _Stops) -> Bools:
    """Tell which stops are the first or the last of their part."""
    first = changes(stops.part)
    tip: Bools = first | np.append(first[1:], [True] * min(first.size, 1))
    return tip


def _has_level(stops: _Stops, place: Ints, level: NDArray[np.int8]) -> Bools:
    """Tell whether any road at the place is of the level."""
    if not stops.level.any():
        return np.asarray(level == 0)
    key = np.unique(_with_level(stops.place, stops.level))
    return np.isin(_with_level(place, level), key)


def _with_level(key: Ints, level: NDArray[np.int8]) -> Ints:
    """Make one number of a number and a level, in the order of both."""
    return key * 32 + (level + np.int64(16))


_TOGETHER = 10.0
"""Lines are the same road where they lie together for this many times the distance that
they may be apart: 5 m of half a metre. Crossings at more than 12 degrees are shorter."""


_ROUNDS = 4
"""Lines are put together again, with the vertices that they then have, so many times."""


def _overlay(stops: _Stops, snap_m: float) -> _Stops:
    """Give lines that run on top of each other the same vertices, so that they are one."""
    used = np.zeros(stops.place_x.size, dtype=bool)
    used[stops.place] = True
    near = _find_near(stops, np.flatnonzero(used), snap_m, away_m=np.inf)
    # Of millions of parts few have a vertex near another; the others keep what they have.
    touched = np.zeros(stops.place_x.size, dtype=bool)
    touched[near.place] = True
    touched[stops.place[near.vertex]] = True
    concerned = np.zeros(int(stops.part[-1]) + 1, dtype=bool)
    concerned[stops.part[touched[stops.place]]] = True
    concerned[stops.part[near.from_stop]] = True
    few = concerned[stops.part]
    some, others = _take_stops(stops, few), _take_stops(stops, ~few)
    for _ in range(_ROUNDS):
        if not some.part.size:
            break
        joined, some, changed = _put_together(some, snap_m)
        others = others._replace(place=joined[others.place])
        if not changed:
            break
    order = np.argsort(np.append(others.part, some.part), kind="stable")
    return stops._replace(
        **{name: np.append(getattr(others, name), getattr(some, name))[order] for name in _OF_STOPS}
    )


def _put_together(stops: _Stops, snap_m: float) -> tuple[Ints, _Stops, bool]:
    """Give lines that run on top of each other the vertices that are nearest to the other.

    Each vertex that comes near another line is put into it, for a try. Where two lines
    then run between the same places for long enough, they are the same road, and what
    has made them so stays; what has not, as where a bridge crosses, goes again. Gives the
    place that each place has become, the stops, and whether anything is new.
    """
    near = _find_near(stops, np.unique(stops.place), snap_m, away_m=np.inf)
    near = near.take(_has_level(stops, near.place, stops.level[near.from_stop]))
    one, other = _mates(stops, near, snap_m)
    mate = np.arange(stops.place_x.size)
    mate[one], mate[other] = other, one
    # Once per part, the nearer of a place and its mate; a part that has the mate has both.
    part, name = stops.part[near.from_stop], np.minimum(near.place, mate[near.place])
    along = near.run - stops.run[near.from_stop]
    new = ~_passes_nearby(stops, mate[near.place], near.from_stop, along, np.inf)
    order = np.lexsort((near.from_stop, near.place, near.to_foot, part, name))
    best = order[changes(name[order]) | changes(part[order])]
    near = near.take(best[new[best]])
    low, high = stops.run[near.from_stop], stops.run[near.from_stop + 1]
    at_vertex = np.minimum(near.run - low, high - near.run) <= CENTIMETRE
    one = np.append(one, near.place[at_vertex])
    other = np.append(other, stops.place[near.vertex[at_vertex]])
    foot, close = _in_order(near.take(~at_vertex))

    tried = _insert(stops, foot, end=False)
    joined = _join(stops, np.append(one, close[0]), np.append(other, close[1]))
    together = _runs_together(tried._replace(place=joined[tried.place]), _TOGETHER * snap_m)
    where = foot.from_stop + 1 + np.arange(foot.place.size)
    stays, kept = _is_needed(tried, together, where, mate, one, other)
    foot, close = _in_order(foot.take(stays))
    joined = _join(stops, np.append(one[kept], close[0]), np.append(other[kept], close[1]))
    stops = _insert(stops, foot, end=False)
    stops = stops._replace(place=joined[stops.place])
    one, other = _same_tips(stops, snap_m)
    joined = _join(stops, one, other)[joined]
    stops = _without_repeats(stops._replace(place=joined[stops.place]))
    return joined, stops, bool(stays.any() or kept.any() or one.size)


def _same_tips(stops: _Stops, snap_m: float) -> tuple[Ints, Ints]:
    """Give the pairs of places that two long straight pieces from the same place lead to.

    Pieces whose ends are that near each other run together; two vertices near a crossing
    may have come in one order into the one line and in the other into the other.
    """
    piece = np.flatnonzero(stops.part[1:] == stops.part[:-1])
    piece = piece[stops.run[piece + 1] - stops.run[piece] >= _TOGETHER * snap_m]
    ends = np.stack([stops.place[piece], stops.place[piece + 1]])
    root, tip = ends.ravel(), ends[::-1].ravel()
    key = _with_level(root, np.tile(stops.level[piece], 2))
    order = np.lexsort((tip, key))
    root, tip, key = root[order], tip[order], key[order]
    fresh = changes(key) | changes(tip)
    root, tip, key = root[fresh], tip[fresh], key[fresh]
    first = np.flatnonzero(changes(key))
    one, other = _pairs(first, np.diff(np.append(first, key.size)))
    x, y = stops.place_x[tip], stops.place_y[tip]
    near = (one < other) & (np.hypot(x[one] - x[other], y[one] - y[other]) <= snap_m)
    return tip[one[near]], tip[other[near]]


def _pairs(first: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Give every two of first ... first + count - 1, in either order and with themselves."""
    pairs = count * count
    owner = np.repeat(np.arange(first.size), pairs)
    one, other = np.divmod(ranges(np.zeros(first.size, dtype=np.int64), pairs), count[owner])
    return first[owner] + one, first[owner] + other


def _without_repeats(stops: _Stops) -> _Stops:
    """Leave out stops at the same place as the one before in their part, but for the last."""
    if not stops.part.size:
        return stops
    ends = np.zeros(stops.place_x.size, dtype=bool)
    ends[stops.place[stops.end]] = True
    kept = np.flatnonzero(changes(stops.part) | changes(stops.place))
    last = np.append(np.flatnonzero(changes(stops.part))[1:], stops.part.size) - 1
    kept[np.append(changes(stops.part[kept])[1:], True)] = last
    which = np.zeros(stops.part.size, dtype=bool)
    which[kept] = True
    stops = _take_stops(stops, which)
    return stops._replace(end=ends[stops.place])


_OF_STOPS = ("part", "run", "x", "y", "place", "end", "line", "level")
"""The fields that have a value per stop."""


def _take_stops(stops: _Stops, which: Bools) -> _Stops:
    """Give some of the stops; the places stay all."""
    return stops._replace(**{name: getattr(stops, name)[which] for name in _OF_STOPS})


def _mates(stops: _Stops, near: _Near, reach_m: float) -> tuple[Ints, Ints]:
    """Give the pairs of places that are nearest to each other among those in reach."""
    near = near.take(near.to_vertex <= reach_m)
    vertex = stops.place[near.vertex]
    order = np.lexsort((vertex, near.to_vertex, near.place))
    order = order[changes(near.place[order])]
    nearest = np.full(stops.place_x.size, -1, dtype=np.int64)
    nearest[near.place[order]] = vertex[order]
    one = near.place[order]
    one = one[(nearest[nearest[one]] == one) & (one < nearest[one])]
    return one, nearest[one]


def _runs_together(stops: _Stops, least_m: float) -> Ints:
    """Give a number to the straight pieces that several lines share for long.

    It stands with the stop before the piece, and is the same for pieces between the same
    places; -1 is not shared, or for less than ``least_m`` along each line.
    """
    number = np.full(stops.part.size, -1, dtype=np.int64)
    piece = np.flatnonzero((stops.part[1:] == stops.part[:-1]) & (np.diff(stops.place) != 0))
    turn = np.arange(piece.size)
    key = _piece_key(stops, piece)
    order = np.argsort(key, kind="stable")
    fresh = changes(key[order])
    alone = fresh & np.append(fresh[1:], [True] * min(fresh.size, 1))
    same = np.empty(piece.size, dtype=np.int64)
    same[order] = np.cumsum(fresh) - 1
    shared = np.empty(piece.size, dtype=bool)
    shared[order] = ~alone
    piece, same, turn = piece[shared], same[shared], turn[shared]
    if not piece.size:
        return number
    first = np.flatnonzero(np.append([True], np.diff(turn) != 1) | changes(stops.part[piece]))
    metres = np.add.reduceat(stops.run[piece + 1] - stops.run[piece], first)
    long = np.repeat(metres >= least_m, np.diff(np.append(first, piece.size)))
    # Where it is long for one of the lines it is for all of them.
    is_long = np.zeros(same.max() + 1, dtype=bool)
    is_long[same[long]] = True
    number[piece] = np.where(is_long[same], same, -1)
    return number


def _piece_key(stops: _Stops, piece: Ints) -> Ints:
    """Give a number to each straight piece that is the same for all of the same ends and level."""
    one, other = stops.place[piece], stops.place[piece + 1]
    pair = np.minimum(one, other) * stops.place_x.size + np.maximum(one, other)
    return _with_level(pair, stops.level[piece])


def _is_needed(
    stops: _Stops, together: Ints, where: Ints, mate: Ints, one: Ints, other: Ints
) -> tuple[Bools, Bools]:
    """Tell which stops that were put in, and which joins, make lines run together.

    A stop does if a piece beside it is shared with a line that has itself a vertex at the
    place or at its mate; a join, if lines from either place share a piece beside it.
    """
    piece = np.flatnonzero(together >= 0)
    count = int(together.max(initial=-1)) + 1
    own = np.ones(stops.part.size, dtype=bool)
    own[where] = False
    ends, number = np.concatenate([piece, piece + 1]), np.tile(together[piece], 2)
    witness = np.unique((stops.place[ends] * count + number)[own[ends]])

    stays = np.zeros(where.size, dtype=bool)
    for beside in (together[where - 1], together[where]):
        for there in (stops.place[where], mate[stops.place[where]]):
            stays |= (beside >= 0) & np.isin(there * count + beside, witness)
    kept = np.zeros(one.size, dtype=bool)
    for here in (one, mate[one]):
        begin, end = np.searchsorted(witness, [here * count, (here + 1) * count])
        join = np.repeat(np.arange(one.size), end - begin)
        number = witness[ranges(begin, end - begin)] - here[join] * count
        for there in (other, mate[other]):
            apart = here[join] != there[join]
            seen = np.isin(there[join] * count + number, witness)
            kept[join[apart & seen]] = True
    return stays, kept


def _passes_nearby(
    stops: _Stops, place: Ints, from_stop: Ints, along: Floats, near_m: float
) -> Bools:
    """Tell whether the segment's own part comes by the place close to the foot along it."""
    wanted = np.zeros(stops.place_x.size, dtype=bool)
    wanted[place] = True
    there = np.flatnonzero(wanted[stops.place])
    order = there[np.argsort(stops.place[there], kind="stable")]
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
    kept = _first_of_each(_piece_key(stops, piece), _rank_parts(stops)[stops.part[piece]])
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


def _rank_parts(stops: _Stops) -> Ints:
    """Rank the parts: the longest first, then by where they begin."""
    first = np.flatnonzero(changes(stops.part))
    last = np.append(first[1:], stops.part.size)[: first.size] - 1
    length = np.round(stops.run[last] - stops.run[first], 3)
    order = np.lexsort((stops.y[first], stops.x[first], -length))
    rank = np.zeros(int(stops.part.max(initial=-1)) + 1, dtype=np.int64)
    rank[stops.part[first[order]]] = np.arange(order.size)
    return rank


def _first_of_each(key: Ints, rank: Ints) -> Ints:
    """Give the positions of the best ranked of each key, the first of several, ascending."""
    order = np.argsort(key, kind="stable")
    fresh = changes(key[order])
    group = np.cumsum(fresh) - 1
    again = np.flatnonzero(np.bincount(group)[group] > 1)
    some = again[np.lexsort((order[again], rank[order[again]], group[again]))]
    order[again] = order[some]
    kept: Ints = np.sort(order[fresh])
    return kept


def _part_levels(stops: _Stops) -> _Stops:
    """Give roads of different levels at the same place a place each, where they do not meet.

    They meet where both have an end, or where one of them has a single end and nothing
    else: where a bridge lands, where steps lead up to it.
    """
    if not stops.level.any():
        return stops
    key, of_stop = np.unique(_with_level(stops.place, stops.level), return_inverse=True)
    place = key // 32
    visits = np.bincount(of_stop)
    ends = np.bincount(of_stop, _is_tip(stops)).astype(np.int64)
    first = np.flatnonzero(changes(place))
    count = np.diff(np.append(first, place.size))
    # Every two levels at the same place.
    one, other = _pairs(first[count > 1], count[count > 1])
    single = (visits == 1) & (ends == 1)
    meet = ((ends[one] > 0) & (ends[other] > 0)) | single[one] | single[other]
    leader = _leaders(place.size, one[meet], other[meet])
    leaders, new = np.unique(leader, return_inverse=True)
    return stops._replace(
        place=new[of_stop],
        place_x=stops.place_x[place[leaders]],
        place_y=stops.place_y[place[leaders]],
    )


def _leaders(size: int, one: Ints, other: Ints) -> Ints:
    """Give the smallest of what pairs connect to each of 0 ... size - 1."""
    group = connected(size, one, other)
    order = np.argsort(group, kind="stable")
    first = order[np.flatnonzero(changes(group[order]))]
    return first[group]
