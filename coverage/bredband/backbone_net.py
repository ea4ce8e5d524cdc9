"""What stretches can follow, as one network: roads with fibre along them, or links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs, same_crs
from bredband_gis.errors import (
    BadValueError,
    EmptyLayerError,
    GeometryError,
    NoCrsError,
)
from bredband_gis.roads import attach, build_graph
from bredband_gis.trees import SegmentTree
from scipy.spatial import Delaunay, KDTree, QhullError

from bredband.backbone_graph import label_parts, thin_links
from bredband.buildout import price_roads
from bredband.tables import need_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from bredband.region import BuildoutSettings, Prices
    from bredband.settings_backbone import BackboneSettings

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Shapes = NDArray[np.object_]

_ROADS, _LINKS = "roads", "links"

_JOIN_M = 25.0
"""Ends of links this near each other are one: two stops on either side of a road (U)."""

_STEP_M = 25.0
"""Metres between the points at which routes and roads are compared."""

_ROUNDING = 0.001
"""A link this share shorter than the straight line between its ends is rounded, not wrong."""

_MOST = 0.5
"""Where more links than this share are too short, they are in another unit."""

_PARALLEL = 0.5
"""A road that runs beside the network for more than this share is beside it."""


@dataclass(frozen=True, eq=False)
class Net:
    """Nodes and edges that stretches can follow, with the places on them.

    Attributes
    ----------
    x, y : float array, shape (nodes,)
        Coordinates, m.
    tail, head : int array, shape (edges,)
        Ends of the edges.
    length : float array, shape (edges,)
        True length, m.
    price : float array, shape (edges,)
        Of new trench, SEK/m.
    existing : bool array, shape (edges,)
        Fibre is there.
    node : int array, shape (places,)
        Node of each place; -1 out of reach.
    distance : float array, shape (places,)
        From the place to the road or link, m; nan out of reach.
    label : int array, shape (nodes,)
        Nodes with the same label are one: within a place all existing fibre is.
    draw : callable
        Gives the lines of edges, by their numbers.
    drawn : bool
        Whether the lines are where the roads are; else they are straight.
    left_out : int
        Links that run on the same road as others.
    short : int
        Links said to be shorter than the straight line between their ends; that is used.
    """

    x: Floats
    y: Floats
    tail: Ints
    head: Ints
    length: Floats
    price: Floats
    existing: Bools
    node: Ints
    distance: Floats
    label: Ints
    draw: Callable[[Ints], Shapes]
    drawn: bool
    left_out: int = 0
    short: int = 0


def net_along_roads(
    roads: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    *,
    settings: BackboneSettings,
    buildout: BuildoutSettings,
    prices: Prices,
    fibre: gpd.GeoDataFrame | None = None,
) -> Net:
    """Hang places and existing fibre on the roads.

    Parameters
    ----------
    roads : GeoDataFrame
        Lines in a metric CRS; ``road_class``.
    places : GeoDataFrame
        From ``backbone_places.read_places``, same CRS.
    settings : BackboneSettings
        ``max_distance_m``, ``near_m`` and prices.
    buildout : BuildoutSettings
        ``no_dig``, ``road_snap_m``, ``fibre_snap_m``.
    prices : Prices
        Used with ``settings.price`` roads.
    fibre : GeoDataFrame, optional
        Existing routes, same CRS. Where a route follows no road it is an edge of its own.

    Raises
    ------
    MissingColumnError, EmptyLayerError, BadValueError
        There is no road_class, no road, or the layers differ in CRS.
    """
    need_columns(roads, ("road_class",), _ROADS, fix="name the column that holds the class")
    _same_crs(roads, places, _ROADS)
    usable = roads[~roads["road_class"].isin(buildout.no_dig)].reset_index(drop=True)
    if usable.empty:
        msg = "there is no road to follow"
        raise EmptyLayerError(msg, where=_ROADS, fix="give roads, or links with --links")
    routes = np.empty(0, dtype=object)
    if fibre is not None and len(fibre):
        _same_crs(fibre, places, "fibre")
        routes = _merge(fibre.geometry.to_numpy())
    zone = _zones(places, settings.near_m)
    spot = _fibre_spots(zone, places, routes)
    lit = np.flatnonzero(~np.isnan(spot[:, 0]))
    graph = build_graph(usable, snap_m=buildout.road_snap_m)
    met = attach(
        graph,
        np.concatenate([places["x"].to_numpy(), spot[lit, 0]]),
        np.concatenate([places["y"].to_numpy(), spot[lit, 1]]),
        max_distance=settings.max_distance_m,
        fibre_lines=routes if routes.size else None,
        fibre_snap_m=buildout.fibre_snap_m,
    )
    graph, count = met.graph, len(places)
    loose = _off_road(routes, graph.geometry(graph.fibre), buildout.fibre_snap_m, spot[lit])
    x, y, tail, head = _tie(loose, graph.x, graph.y, graph.tail, graph.head, graph.fibre_node)
    existing = np.concatenate([graph.fibre, np.ones(loose.line.size, np.bool_)])
    price = np.full(existing.size, settings.trench.value)
    if settings.price == "roads":
        of_road = price_roads(usable["road_class"], prices)["price_sek_per_m"].to_numpy()
        price[: graph.line.size] = of_road[graph.line]

    # A place with fibre lies on the fibre, wherever its point is.
    node = met.node[:count].copy()
    on_fibre = np.unique(np.concatenate([tail[existing], head[existing]]))
    if on_fibre.size and lit.size:
        tree = KDTree(np.column_stack([x[on_fibre], y[on_fibre]]))
        away, nearest = tree.query(spot[lit])
        near = np.asarray(away) <= settings.max_distance_m
        node[lit[near]] = on_fibre[np.asarray(nearest)[near]]
    label = _label_places(x, y, on_fibre, zone, node, lit, met.node[:count])

    def draw(edges: Ints) -> Shapes:
        lines = np.empty(edges.size, dtype=object)
        own = edges < graph.tail.size
        lines[own] = graph.geometry(edges[own])
        lines[~own] = loose.line[edges[~own] - graph.tail.size]
        return lines

    return Net(
        x, y, tail, head,
        np.concatenate([graph.length, shapely.length(loose.line)]),
        price, existing, node,
        np.where(node >= 0, np.hypot(*_from_node(places, x, y, node)), np.nan),
        label, draw, drawn=True,
    )  # fmt: skip


def net_along_links(
    links: gpd.GeoDataFrame, places: gpd.GeoDataFrame, *, settings: BackboneSettings
) -> Net:
    """Hang places on links from point to point, with their true length.

    Parameters
    ----------
    links : GeoDataFrame
        Lines in a metric CRS, of which only the ends count. ``road_m``: true length, m; where
        there is no such column the straight length times ``settings.detour``. ``existing``:
        fibre is there; False where there is no such column.
    places : GeoDataFrame
        From ``backbone_places.read_places``, same CRS; each hangs on the nearest end of a
        link.
    settings : BackboneSettings
        ``max_distance_m``, ``detour``, ``same_road``.

    Returns
    -------
    Net
        Links on the same road as shorter ones are left out, so that no road counts twice;
        existing ones stay.

    Raises
    ------
    EmptyLayerError, GeometryError, BadValueError
        There is no link, one is no line, or has no usable length.
    """
    if not len(links):
        msg = "there is no link to follow"
        raise EmptyLayerError(msg, where=_LINKS, fix="give lines from place to place")
    _same_crs(links, places, _LINKS)
    lines = links.geometry.to_numpy()
    if not np.isin(shapely.get_type_id(lines), (1, 5)).all() or shapely.is_empty(lines).any():
        msg = "a link is no line"
        raise GeometryError(msg, where=_LINKS, fix="give one line per link")
    first, last = _ends(lines)
    length, short = _true_length(links, np.hypot(*(last - first).T), settings.detour)
    existing = np.zeros(len(links), np.bool_)
    if "existing" in links:
        existing = links["existing"].fillna(False).to_numpy(dtype=np.bool_)
    node, x, y = _join_ends(np.concatenate([first, last]))
    tail, head = node[: len(links)], node[len(links) :]
    wanted = thin_links(x.size, tail, head, length, settings.same_road)
    stays = np.flatnonzero((wanted | existing) & (tail != head))
    tree = KDTree(np.column_stack([x, y]))
    point = np.column_stack([places["x"].to_numpy(), places["y"].to_numpy()])
    away, nearest = tree.query(point, distance_upper_bound=settings.max_distance_m)
    reached = np.isfinite(away)
    at = np.where(reached, nearest, -1).astype(np.int64)
    tail, head, existing = tail[stays], head[stays], existing[stays]
    on_fibre = np.unique(np.concatenate([tail[existing], head[existing]]))
    label = _label_places(
        x, y, on_fibre, _zones(places, settings.near_m), at,
        np.flatnonzero(reached & np.isin(at, on_fibre)), at,
    )  # fmt: skip
    straight = np.column_stack([x[tail], y[tail], x[head], y[head]]).reshape(-1, 2, 2)

    def draw(edges: Ints) -> Shapes:
        drawn: Shapes = shapely.linestrings(straight[edges]) if edges.size else np.empty(0, object)
        return drawn

    return Net(
        x, y, tail, head, length[stays], np.full(stays.size, settings.trench.value), existing,
        at, np.where(reached, away, np.nan), label, draw,
        drawn=False, left_out=len(links) - stays.size, short=short,
    )  # fmt: skip


def straight_links(x: ArrayLike, y: ArrayLike, *, crs: object, detour: float) -> gpd.GeoDataFrame:
    """Make up links between neighbouring points, for where no roads are known.

    Two points are neighbours where no third lies in the circle that has them as its
    diameter (Gabriel graph); the cheapest tree over straight lines is among these links.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        The points, m.
    crs : CRS
        Metric.
    detour : float
        True length over straight length.

    Returns
    -------
    GeoDataFrame
        ``road_m``, ``air_m`` (m), ``provenance`` (synthetic) and straight lines.

    References
    ----------
    Gabriel, K. R., Sokal, R. R. (1969). A new statistical approach to geographic variation
    analysis. Systematic Zoology 18, 259-278.
    """
    point = np.unique(np.column_stack([np.asarray(x, float), np.asarray(y, float)]), axis=0)
    one, other = _neighbours(point)
    middle, radius = (point[one] + point[other]) / 2, np.hypot(*(point[one] - point[other]).T) / 2
    away, _ = KDTree(point).query(middle) if len(point) else (np.empty(0), None)
    gabriel = away >= radius * (1 - 1e-9)
    one, other, air = one[gabriel], other[gabriel], 2 * radius[gabriel]
    lines = np.stack([point[one], point[other]], axis=1)
    return gpd.GeoDataFrame(
        {"road_m": air * detour, "air_m": air, "provenance": "synthetic"},
        geometry=shapely.linestrings(lines) if len(lines) else [],
        crs=metric_crs(crs),
    )


def runs_beside(net: Net, network: Bools, within_m: float) -> Bools:
    """Tell which edges outside a network lie in the same trench as one of its edges.

    An edge does where more than half of it runs within a distance of the network and in
    its direction: the other carriageway, or a cycle track beside the road. An edge that
    leads away at an angle does not.

    Parameters
    ----------
    net : Net
        The network of roads; links have no shape, so none of them is.
    network : array of bool, shape (edges,)
        Edges that are in it.
    within_m : float
        Metres; 0 for no such test.
    """
    beside = np.zeros(network.size, np.bool_)
    others = np.flatnonzero(~network)
    if not net.drawn or not within_m or not network.any() or not others.size:
        return beside
    ax, ay, bx, by, _ = _segments(net.draw(np.flatnonzero(network)))
    cx, cy, dx, dy, owner = _segments(shapely.segmentize(net.draw(others), _STEP_M))
    size = np.hypot(dx - cx, dy - cy)
    hit = SegmentTree(ax, ay, bx, by).nearest(
        (cx + dx) / 2,
        (cy + dy) / 2,
        max_distance=within_m,
        direction=((dx - cx) / size, (dy - cy) / size),
        max_angle=30.0,
    )
    near = np.bincount(owner, np.where(hit.segment >= 0, size, 0.0), others.size)
    beside[others] = near > _PARALLEL * np.bincount(owner, size, others.size)
    return beside


# --- places on fibre -------------------------------------------------------------------


def _zones(places: gpd.GeoDataFrame, near_m: float) -> Shapes:
    """Give the area within which fibre is the place's: its outline, or a circle."""
    shapes: Shapes = places.geometry.to_numpy().copy()
    points = shapely.get_type_id(shapes) == 0
    shapes[points] = shapely.buffer(shapes[points], near_m)
    return shapes


def _fibre_spots(zone: Shapes, places: pd.DataFrame, routes: Shapes) -> Floats:
    """Give the point on fibre nearest to each place within its zone; nan where none."""
    spot = np.full((zone.size, 2), np.nan)
    if not routes.size:
        return spot
    place, route = shapely.STRtree(routes).query(zone, predicate="intersects")
    part = shapely.intersection(zone[place], routes[route])
    site = shapely.points(places["x"].to_numpy(), places["y"].to_numpy())
    line = shapely.shortest_line(site[place], part)
    away = shapely.length(line)
    there = np.flatnonzero(~np.isnan(away) & ~shapely.is_empty(part))
    order = there[np.lexsort((route[there], away[there], place[there]))]
    best = order[np.unique(place[order], return_index=True)[1]]
    end = shapely.get_point(line[best], -1)
    spot[place[best]] = np.column_stack([shapely.get_x(end), shapely.get_y(end)])
    return spot


def _label_places(
    x: Floats, y: Floats, on_fibre: Ints, zone: Shapes, node: Ints, lit: Ints, road: Ints
) -> Ints:
    """Make one of all existing nodes within each place that has fibre, and its road."""
    points = shapely.points(x[on_fibre], y[on_fibre])
    which, inside = shapely.STRtree(points).query(zone[lit], predicate="contains")
    joined = np.concatenate([node[lit[which]], node[lit]])
    with_ = np.concatenate([on_fibre[inside], road[lit]])
    met = (joined >= 0) & (with_ >= 0)
    return label_parts(x.size, joined[met], with_[met])


def _from_node(places: pd.DataFrame, x: Floats, y: Floats, node: Ints) -> tuple[Floats, Floats]:
    return places["x"].to_numpy() - x[node], places["y"].to_numpy() - y[node]


# --- fibre that follows no road --------------------------------------------------------


class _Loose(NamedTuple):
    """Parts of routes away from roads: both ends (m), which of them lie on a road."""

    begin: Floats
    end: Floats
    begin_on: Bools
    end_on: Bools
    line: Shapes


def _merge(lines: Shapes) -> Shapes:
    """Join lines that continue each other; where they fork, each is its own."""
    parts = shapely.get_parts(shapely.force_2d(lines))
    parts = parts[shapely.length(parts) > 0]
    merged: Shapes = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts)))
    return merged


def _off_road(routes: Shapes, along: Shapes, snap_m: float, spots: Floats) -> _Loose:
    """Find the parts of routes that lie farther from the roads with fibre than fibre may.

    A part ends at each spot, where a place is.
    """
    nothing = np.empty((0, 2))
    none = _Loose(nothing, nothing, *(np.empty(0, np.bool_),) * 2, np.empty(0, dtype=object))
    if not routes.size:
        return none
    xy, route = shapely.get_coordinates(shapely.segmentize(routes, _STEP_M), return_index=True)
    on = np.zeros(route.size, np.bool_)
    if along.size:
        ax, ay, bx, by, _ = _segments(along)
        tree = SegmentTree(ax, ay, bx, by)
        on = np.isfinite(tree.distance(*xy.T.copy(), max_distance=snap_m + _STEP_M))
    begins = np.append(True, route[1:] != route[:-1])
    off = np.flatnonzero(~on & ~begins)
    if off.size and len(spots):
        away, nearest = KDTree(xy[off]).query(spots, distance_upper_bound=_STEP_M)
        at = np.unique(off[np.asarray(nearest)[np.isfinite(away)]])
        # The vertex ends one part and begins the next.
        begins[at] = True
        begins = np.insert(begins, at, False)
        xy, on = np.insert(xy, at, xy[at], axis=0), np.insert(on, at, False)
    route = np.cumsum(begins)
    fresh = np.ones(route.size, np.bool_)
    fresh[1:] = route[1:] != route[:-1]
    start = fresh | np.append(True, on[1:] != on[:-1])
    first = np.flatnonzero(start & ~on)
    stop = np.append(np.flatnonzero(start), route.size)
    last = stop[np.searchsorted(stop, first, side="right")] - 1
    # The neighbour on the road belongs to the part too.
    begin_on = ~fresh[first]
    end_on = np.append(route[1:] == route[:-1], False)[last]
    first, last = first - begin_on, last + end_on
    long = last > first
    first, last, begin_on, end_on = (a[long] for a in (first, last, begin_on, end_on))
    if not first.size:
        return none
    count = last - first + 1
    of = np.repeat(np.arange(first.size), count)
    at = np.arange(count.sum()) + np.repeat(first - np.cumsum(count) + count, count)
    return _Loose(xy[first], xy[last], begin_on, end_on, shapely.linestrings(xy[at], indices=of))


def _tie(
    loose: _Loose, x: Floats, y: Floats, tail: Ints, head: Ints, taps: Bools
) -> tuple[Floats, Floats, Ints, Ints]:
    """Tie parts away from roads to the nodes where they leave them, or to nodes of their own."""
    if not loose.line.size:
        return x, y, tail, head
    ends = np.concatenate([loose.begin, loose.end])
    on = np.concatenate([loose.begin_on, loose.end_on])
    node = np.empty(len(ends), np.int64)
    tap = np.flatnonzero(taps)
    if on.any() and tap.size:
        node[on] = tap[KDTree(np.column_stack([x[tap], y[tap]])).query(ends[on])[1]]
    else:
        on = np.zeros(on.size, np.bool_)
    own, number = np.unique(np.rint(ends[~on] * 10).astype(np.int64), axis=0, return_inverse=True)
    node[~on] = x.size + number.reshape(-1)
    both = loose.line.size
    return (
        np.concatenate([x, own[:, 0] / 10.0]),
        np.concatenate([y, own[:, 1] / 10.0]),
        np.concatenate([tail, node[:both]]),
        np.concatenate([head, node[both:]]),
    )


# --- links -----------------------------------------------------------------------------


def _ends(lines: Shapes) -> tuple[Floats, Floats]:
    """Give the first and the last point of each line."""
    xy, of = shapely.get_coordinates(lines, return_index=True)
    first = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
    last = np.append(first[1:], of.size) - 1
    return xy[first], xy[last]


def _true_length(links: pd.DataFrame, air: Floats, detour: float) -> tuple[Floats, int]:
    """Give each link's length and how many were said to be shorter than a straight line."""
    if "road_m" not in links:
        return air * detour, 0
    length = pd.to_numeric(links["road_m"], errors="coerce").to_numpy(dtype=np.float64)
    fix = "correct road_m; leave the column out to use straight length times detour"
    bad = ~np.isfinite(length) | (length <= 0)
    if bad.any():
        msg = f"{int(bad.sum())} of {len(links)} links have no length, first row {bad.argmax() + 1}"
        raise BadValueError(msg, where=_LINKS, fix=fix)
    short = length < air * (1 - _ROUNDING)
    if short.mean() > _MOST:
        msg = (
            f"{int(short.sum())} of {len(links)} links are shorter than the straight line between"
            " their ends"
        )
        raise BadValueError(msg, where=_LINKS, fix="give road_m in metres")
    return np.maximum(length, air), int(short.sum())


def _join_ends(xy: Floats) -> tuple[Ints, Floats, Floats]:
    """Make one node of ends that lie close together; give each end's node, and its x and y."""
    pairs = KDTree(xy).query_pairs(_JOIN_M, output_type="ndarray")
    label = label_parts(len(xy), pairs[:, 0], pairs[:, 1])
    first = np.unique(label, return_index=True)[1]
    return label, xy[first, 0], xy[first, 1]


def _neighbours(point: Floats) -> tuple[Ints, Ints]:
    """Give the pairs of a Delaunay triangulation; points on one line follow each other."""
    if len(point) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    try:
        corner = Delaunay(point).simplices.astype(np.int64)
    except (QhullError, ValueError):
        order = np.lexsort(point.T)
        return order[:-1], order[1:]
    pairs = np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [0, 2]]])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


# --- lines -----------------------------------------------------------------------------


def _same_crs(layer: gpd.GeoDataFrame, places: gpd.GeoDataFrame, where: str) -> None:
    if layer.crs is None:
        msg = "the layer does not say which coordinate reference system it is in"
        raise NoCrsError(msg, where=where, fix="state it, e.g. crs = 'EPSG:3006'")
    if not same_crs(metric_crs(layer.crs), metric_crs(places.crs)):
        msg = "the layer is in another coordinate reference system than the places"
        raise BadValueError(msg, where=where, fix="bring both into the same one")


def _segments(lines: Shapes) -> tuple[Floats, Floats, Floats, Floats, Ints]:
    """Give both ends of every straight piece, and the number of its line."""
    parts, of = shapely.get_parts(lines, return_index=True)
    xy, part = shapely.get_coordinates(parts, return_index=True)
    inside = np.flatnonzero((part[1:] == part[:-1]) & (xy[1:] != xy[:-1]).any(axis=1))
    ax, ay = xy[inside].T.copy()
    bx, by = xy[inside + 1].T.copy()
    return ax, ay, bx, by, of[part[inside]].astype(np.int64)
