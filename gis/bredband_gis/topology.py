"""How the features of a layer lie to each other: overlaps, gaps, coinciding points, islands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from bredband_gis.roads import RoadGraph

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NOISE_M2: Final = 0.01
"""Smaller areas come of rounded coordinates: a centimetre's error along a metre."""


_OPEN_SHARE: Final = 0.25
"""A strip is open along no more of its border: it is three times as long as wide, or more."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Where two polygons cover the same ground, a row per place.

    Attributes
    ----------
    one, other : array of int64
        Positions of the two polygons, one < other.
    geometry : array of Polygon
        The ground.
    area : array of float64
        Square metres.
    width : array of float64
        Mean width, m: :func:`mean_width`.
    """

    one: Ints
    other: Ints
    geometry: NDArray[np.object_]
    area: Floats
    width: Floats


@dataclass(frozen=True, eq=False)
class Gaps:
    """Ground between polygons that none of them covers, a row per place.

    Attributes
    ----------
    geometry : array of Polygon
        The ground.
    area : array of float64
        Square metres.
    width : array of float64
        Mean width, m: :func:`mean_width`.
    enclosed : array of bool
        Polygons lie all round it; otherwise it is a strip between two of them that is
        open at an end.
    neighbours : list of array of int64
        Positions of the polygons that it touches.
    """

    geometry: NDArray[np.object_]
    area: Floats
    width: Floats
    enclosed: NDArray[np.bool_]
    neighbours: list[Ints]


def mean_width(geometry: NDArray[np.object_]) -> NDArray[np.float64]:
    """Give the mean width of polygons: 2 x area / perimeter, which a long strip's width is.

    Parameters
    ----------
    geometry : array of geometry
        In a metric CRS.

    Returns
    -------
    array of float64
        Metres; 0 where there is no area.
    """
    perimeter = shapely.length(geometry)
    width: Floats = np.divide(
        2 * shapely.area(geometry), perimeter, out=np.zeros(len(geometry)), where=perimeter > 0
    )
    return width


def find_overlaps(polygons: Sequence[shapely.Geometry] | NDArray[Any]) -> Overlaps:
    """Find where polygons overlap.

    Parameters
    ----------
    polygons : sequence of Polygon or MultiPolygon, shape (n,)
        Valid, in a metric CRS; None and empty ones overlap nothing.

    Returns
    -------
    Overlaps
        Sorted by the polygons. Polygons that share a border only do not overlap, nor do
        those that lie over each other by less than 0.01 m².
    """
    shapes = np.asarray(polygons, dtype=object)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pair = np.flatnonzero(one < other)
    # Neighbours touch and no more, as a rule: a cheap question before the dear one.
    pair = pair[~shapely.touches(shapes[one[pair]], shapes[other[pair]])]
    shared = shapely.intersection(shapes[one[pair]], shapes[other[pair]])
    parts, of = _polygon_parts(shared)
    one, other = one[pair][of], other[pair][of]
    order = np.lexsort((other, one))
    parts = parts[order]
    return Overlaps(one[order], other[order], parts, shapely.area(parts), mean_width(parts))


def find_gaps(
    polygons: Sequence[shapely.Geometry] | NDArray[Any], *, strip_m: float = 200.0
) -> Gaps:
    """Find ground between polygons that should lie border to border.

    Two kinds: ground that polygons lie all round, of any size; and strips no wider than
    ``strip_m`` between two polygons, open at an end, at least three times as long as wide.
    What is wider and open (the sea, a country outside) is no gap.

    Parameters
    ----------
    polygons : sequence of Polygon or MultiPolygon, shape (n,)
        Valid, in a metric CRS.
    strip_m : float
        Widest strip, m. 200 m is as far outside a border as a building is still counted
        inside it; there is no published source (U).

    Returns
    -------
    Gaps
        The largest first; none below 0.01 m².
    """
    shapes = np.asarray(polygons, dtype=object)
    shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    union = shapely.union_all(shapes)
    parts = shapely.get_parts(union)
    rings, part = shapely.get_rings(parts, return_index=True)
    inner = np.ones(len(rings), dtype=bool)
    inner[np.unique(part, return_index=True)[1]] = False  # the first ring of a part is its shell
    holes, _ = _polygon_parts(_without(shapely.polygons(rings[inner]), parts))
    strips, _ = _polygon_parts(_strips(shapes, union, strip_m))
    if len(strips) and len(holes):
        inside = shapely.STRtree(shapely.buffer(holes, 0.001)).query(strips, predicate="within")[0]
        strips = np.delete(strips, np.unique(inside))
    found = np.concatenate([holes, strips])
    enclosed = np.arange(len(found)) < len(holes)
    area = shapely.area(found)
    order = np.argsort(-area, kind="stable")
    order = order[area[order] >= NOISE_M2]
    found, enclosed = found[order], enclosed[order]
    which, near = shapely.STRtree(np.asarray(polygons, dtype=object)).query(
        found, predicate="dwithin", distance=0.01
    )
    sort = np.lexsort((near, which))
    neighbours = np.split(near[sort], np.searchsorted(which[sort], np.arange(1, len(found))))
    return Gaps(found, area[order], mean_width(found), enclosed, neighbours[: len(found)])


def _without(holes: NDArray[np.object_], parts: NDArray[np.object_]) -> NDArray[np.object_]:
    """Take out of each hole the polygons that lie in it: islands in a lake."""
    hole, island = shapely.STRtree(parts).query(holes, predicate="contains")
    holes = holes.copy()
    for row in np.unique(hole):
        inside = shapely.union_all(parts[island[hole == row]])
        holes[row] = shapely.difference(holes[row], inside)
    return holes


def _strips(
    shapes: NDArray[np.object_], union: shapely.Geometry, strip_m: float
) -> NDArray[np.object_]:
    """Give the strips between two polygons: what closing the polygons by half the width fills.

    Closing also fills the corners where two coasts meet: those are open along much of
    their border, a strip at its ends only.
    """
    edges: NDArray[np.object_] = shapely.coverage_invalid_edges(shapes, gap_width=strip_m)
    edges = edges[~shapely.is_empty(edges)]
    if not len(edges):
        return edges
    near = shapely.intersection(union, shapely.buffer(shapely.union_all(edges), 1.5 * strip_m))
    closed = shapely.buffer(
        shapely.buffer(near, strip_m / 2, quad_segs=16), -strip_m / 2, quad_segs=16
    )
    filled, _ = _polygon_parts(np.array([shapely.difference(closed, union)], dtype=object))
    if not len(filled):
        return filled
    border = shapely.boundary(filled)
    inner = shapely.difference(border, shapely.buffer(near, 0.01))
    strip = shapely.length(inner) <= _OPEN_SHARE * shapely.length(border)
    row, _ = shapely.STRtree(shapes).query(filled, predicate="dwithin", distance=0.01)
    between = np.bincount(row, minlength=len(filled)) >= 2
    found: NDArray[np.object_] = filled[strip & between]
    return found


def _polygon_parts(geometry: NDArray[np.object_]) -> tuple[NDArray[np.object_], Ints]:
    """Take geometries apart into polygons above the noise; give the row of each."""
    parts, of = shapely.get_parts(geometry, return_index=True)
    nested, inner = shapely.get_parts(parts, return_index=True)  # a collection's multipolygons
    kept = (shapely.get_type_id(nested) == 3) & (shapely.area(nested) >= NOISE_M2)
    return nested[kept], of[inner][kept]


def same_place(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find points with the very same coordinates.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Coordinates; a point without (nan) shares its place with none.

    Returns
    -------
    place : array of int64, shape (n,)
        Number of each point's place, by x, then y.
    count : array of int64, shape (n,)
        How many points are there.
    """
    px, py = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    order = np.lexsort((py, px))
    fresh = np.ones(px.size, dtype=bool)
    fresh[1:] = (np.diff(px[order]) != 0) | (np.diff(py[order]) != 0)
    place = np.empty(px.size, dtype=np.int64)
    place[order] = np.cumsum(fresh) - 1
    count = np.bincount(place, minlength=1).astype(np.int64)[place]
    return place, count


@dataclass(frozen=True, eq=False)
class RoadIslands:
    """The connected parts of a road network, the longest first.

    Attributes
    ----------
    metres : array of float64, shape (islands,)
        Length of the roads of each.
    lines : array of int64, shape (islands,)
        Rows of the roads table that lie in it, wholly or in part.
    x, y : array of float64, shape (islands,)
        A node of each: its first by x.
    of_line : array of int64, shape (rows of the roads table,)
        Island of each row, that of its first edge; -1 where it is no road (no length).
    """

    metres: Floats
    lines: Ints
    x: Floats
    y: Floats
    of_line: Ints


def road_islands(graph: RoadGraph, lines: int) -> RoadIslands:
    """Find the parts of a road network that no road joins to each other.

    Parameters
    ----------
    graph : RoadGraph
        From :func:`bredband_gis.roads.build_graph`.
    lines : int
        Rows of the roads table that it was made of.

    Returns
    -------
    RoadIslands
    """
    label = graph.components()
    size = int(label.max(initial=-1)) + 1
    of_edge = label[graph.tail]
    metres = np.bincount(of_edge, weights=graph.length, minlength=size).astype(np.float64)
    order = np.argsort(-metres, kind="stable")
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.arange(size)
    of_edge = rank[of_edge]
    of_line = np.full(lines, -1, dtype=np.int64)
    of_line[graph.line[::-1]] = of_edge[::-1]  # the first edge is written last, and stays
    touched = np.unique(np.column_stack([of_edge, graph.line]), axis=0)[:, 0]
    first = np.empty(size, dtype=np.int64)
    first[rank[label[::-1]]] = np.arange(label.size)[::-1]
    return RoadIslands(
        metres=metres[order],
        lines=np.bincount(touched, minlength=size).astype(np.int64),
        x=graph.x[first],
        y=graph.y[first],
        of_line=of_line,
    )
