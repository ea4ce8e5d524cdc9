"""Millions of points against polygons, lines and other points, in plain arrays.

Making an object per point costs more than the joins themselves, so nothing here
does: coordinates go in and positions and distances come out.

Who asks several questions about the same points finds their order once
(:func:`bredband_gis.curve.curve_order`) and gives it along; rows that are left out of it
are not asked about.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from bredband_gis.borders import open_cells
from bredband_gis.curve import THREADS
from bredband_gis.errors import BadValueError, GeometryError
from bredband_gis.trees import PointTree, SegmentTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_MANY = 200_000
"""Points from which it pays to tell apart those that are far from every border."""

_LINE, _MULTILINE, _POLYGON, _MULTIPOLYGON = 1, 5, 3, 6


def locate(
    x: ArrayLike, y: ArrayLike, polygons: Sequence[shapely.Geometry] | NDArray[Any]
) -> NDArray[np.int64]:
    """Find the polygon that holds each point.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Coordinates of the points, in the polygons' CRS.
    polygons : sequence of Polygon or MultiPolygon, shape (m,)
        The polygons; None and empty ones hold nothing. They may overlap.

    Returns
    -------
    array of int64, shape (n,)
        Position of the polygon, -1 where none. A point on a border, or in several
        polygons, goes to the first of them, so that none is lost between neighbours.

    Raises
    ------
    BadValueError
        A coordinate is not a number, or x and y differ in length.
    GeometryError
        Something else than polygons was given.
    """
    px, py = plain_coordinates(x, y)
    shapes = _geometries(polygons, (_POLYGON, _MULTIPOLYGON), "polygons")
    cells = open_cells(px, py, shapes) if px.size >= _MANY and shapes.size else None
    if cells is None:
        return _inside(px, py, shapes)
    # A point for each group of cells, and each point near a border.
    near = np.flatnonzero(cells.group < 0)
    answers = _inside(
        np.concatenate([cells.x, px[near]]), np.concatenate([cells.y, py[near]]), shapes
    )
    found = answers[cells.group]
    found[near] = answers[cells.x.size :]
    return found


def _inside(px: Floats, py: Floats, shapes: NDArray[np.object_]) -> Ints:
    """Find the first polygon of each point, one polygon after the other."""
    found = np.full(px.size, -1, dtype=np.int64)
    if not px.size or not shapes.size:
        return found

    # Only the points within a polygon's span on one axis are looked at, so the axis
    # along which the points are spread the most is the one to sort.
    flip = np.ptp(py) > np.ptp(px)
    along, across = (py, px) if flip else (px, py)
    order = np.argsort(along, kind="stable")
    along, across = along[order], across[order]
    low_along, low_across, high_along, high_across = (
        shapely.bounds(shapes)[:, [1, 0, 3, 2] if flip else [0, 1, 2, 3]]
    ).T  # fmt: skip
    first = np.searchsorted(along, low_along, side="left")
    last = np.searchsorted(along, high_along, side="right")

    # An object listed twice is looked at once: its first place wins anyway, and two
    # threads must not prepare the same geometry.
    places = np.unique([id(shape) for shape in shapes], return_index=True)[1]
    places = places[first[places] < last[places]]
    places = np.sort(places)[::-1]

    def inside(place: int) -> Ints:
        shape = shapes[place]
        piece = slice(first[place], last[place])
        column = across[piece]
        near = np.flatnonzero((column >= low_across[place]) & (column <= high_across[place]))
        if not near.size:
            return near
        near += piece.start
        was_prepared = bool(shapely.is_prepared(shape))
        if not was_prepared:
            shapely.prepare(shape)
        one, other = across[near], along[near]
        if not flip:
            one, other = other, one
        hits: Ints = order[near[shapely.intersects_xy(shape, one, other)]]
        if not was_prepared:
            shapely.destroy_prepared(shape)
        return hits

    with ThreadPoolExecutor(THREADS) as pool:
        # From the last polygon to the first, so that the first has the last word.
        for place, hits in zip(places, pool.map(inside, places), strict=True):
            found[hits] = place
    return found


@dataclass(frozen=True, eq=False)
class NearestLine:
    """The nearest line of each point; all arrays have one value per point.

    Attributes
    ----------
    distance : array of float64
        Metres to the line; inf where none is within reach.
    line : array of int64
        Position of the line; -1 where none.
    measure : array of float64
        Metres along the line to the foot, the line's nearest point (a multiline's
        parts follow each other without gap); nan where none.
    foot_x, foot_y : array of float64
        The foot; nan where none.
    """

    distance: Floats
    line: Ints
    measure: Floats
    foot_x: Floats
    foot_y: Floats


def nearest_line(
    x: ArrayLike,
    y: ArrayLike,
    lines: Sequence[shapely.Geometry] | NDArray[Any],
    *,
    max_distance: float,
    order: NDArray[np.int64] | None = None,
) -> NearestLine:
    """Find the nearest line of each point, exactly.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Coordinates of the points in the lines' CRS, which must be metric.
    lines : sequence of LineString or MultiLineString, shape (m,)
        The lines; None and empty ones are never nearest. A line of length zero
        counts as a point.
    max_distance : float
        Lines farther away (m) are not reported; inf for no limit.
    order : array of int64, optional
        The points to ask about and in which order, see
        :func:`bredband_gis.curve.curve_order`; each at most once.

    Returns
    -------
    NearestLine
        Of several lines at the same distance, the first.

    Raises
    ------
    BadValueError
        A coordinate or the distance is not a number, or x and y differ in length.
    GeometryError
        Something else than lines was given.
    """
    px, py = plain_coordinates(x, y)
    reach = plain_distance(max_distance)
    vertices = line_vertices(lines)
    tree, start, segment_line = vertices.tree()
    hit = tree.nearest(px, py, max_distance=reach, order=plain_order(order, px.size))
    if not tree.size:
        return NearestLine(hit.distance, hit.segment, hit.along, hit.foot_x, hit.foot_y)
    # Where there is none, ``along`` is nan, and so is the measure.
    line, measure = segment_line[hit.segment], start[hit.segment] + hit.along
    line[hit.segment < 0] = -1
    return NearestLine(hit.distance, line, measure, hit.foot_x, hit.foot_y)


def line_distance(
    x: ArrayLike,
    y: ArrayLike,
    lines: Sequence[shapely.Geometry] | NDArray[Any],
    *,
    max_distance: float,
    order: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Measure the distance to the nearest line, exactly; :func:`nearest_line` without the rest.

    Parameters and errors are those of :func:`nearest_line`.

    Returns
    -------
    array of float64, shape (n,)
        Metres; inf where none is within reach.
    """
    px, py = plain_coordinates(x, y)
    reach = plain_distance(max_distance)
    xy, part, _ = _vertices(lines)
    tail = np.flatnonzero(part[1:] == part[:-1])
    ends = (xy[tail, 0], xy[tail, 1], xy[tail + 1, 0], xy[tail + 1, 1])
    del xy, part, tail
    tree = SegmentTree(*ends)
    del ends
    return tree.distance(px, py, max_distance=reach, order=plain_order(order, px.size))


def nearest_point(
    x: ArrayLike,
    y: ArrayLike,
    to_x: ArrayLike,
    to_y: ArrayLike,
    *,
    max_distance: float,
    order: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the nearest of other points.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Coordinates of the points, in a metric CRS.
    to_x, to_y : array of float, shape (m,)
        Coordinates of the points to look among.
    max_distance : float
        Points farther away (m) are not reported; inf for no limit.
    order : array of int64, optional
        The points to ask about and in which order, see
        :func:`bredband_gis.curve.curve_order`; each at most once.

    Returns
    -------
    distance : array of float64, shape (n,)
        Metres; inf where none is within reach.
    index : array of int64, shape (n,)
        Position of the nearest point, the first where several are; -1 where none.

    Raises
    ------
    BadValueError
        A coordinate or the distance is not a number, or lengths differ.
    """
    px, py = plain_coordinates(x, y)
    tree = PointTree(*plain_coordinates(to_x, to_y))
    reach = plain_distance(max_distance)
    return tree.nearest(px, py, max_distance=reach, order=plain_order(order, px.size))


# --- lines as arrays ---------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LineVertices:
    """The vertices of many lines, one after the other.

    Attributes
    ----------
    xy : array of float64, shape (v, 2)
        Coordinates.
    part : array of int64, shape (v,)
        Which part a vertex belongs to; a line is one part, a multiline several.
    line : array of int64, shape (v,)
        Which line it belongs to.
    run : array of float64, shape (v,)
        Metres from the first vertex of all, summed over lines and parts without gaps:
        a difference within a line is a length along it.
    origin : array of float64, shape (lines,)
        ``run`` where each line begins.
    """

    xy: Floats
    part: Ints
    line: Ints
    run: Floats
    origin: Floats

    def tree(self) -> tuple[SegmentTree, Floats, Ints]:
        """Give the tree over all segments, their measure along their line, and their line."""
        joined = self.part[1:] == self.part[:-1]
        # A part of one vertex has no segment.
        tail = np.flatnonzero(joined)
        tree = SegmentTree(*self.xy[tail].T, *self.xy[tail + 1].T)
        line = self.line[tail]
        return tree, self.run[tail] - self.origin[line], line


def line_vertices(lines: Sequence[shapely.Geometry] | NDArray[Any]) -> LineVertices:
    """Take lines apart into vertices.

    Parameters
    ----------
    lines : sequence of LineString or MultiLineString
        None and empty ones have no vertices. Heights are left out.

    Raises
    ------
    GeometryError
        Something else than lines was given.
    BadValueError
        A coordinate is not a number.
    """
    xy, part, line_of_part = _vertices(lines)
    count = np.asarray(lines, dtype=object).size
    line = line_of_part[part].astype(np.int64, copy=False)
    run = np.zeros(part.size)
    if part.size:
        steps = np.hypot(*np.diff(xy, axis=0).T)
        steps[part[1:] != part[:-1]] = 0.0
        np.cumsum(steps, out=run[1:])
    first = np.searchsorted(line, np.arange(count))
    origin = run[np.minimum(first, run.size - 1)] if run.size else np.zeros(count)
    return LineVertices(xy, part.astype(np.int64, copy=False), line, run, origin)


def _vertices(
    lines: Sequence[shapely.Geometry] | NDArray[Any],
) -> tuple[Floats, Ints, Ints]:
    """Give the vertices of lines, the part of each, and the line of each part."""
    shapes = _geometries(lines, (_LINE, 2, _MULTILINE), "lines")
    if (shapely.get_type_id(shapes) == _MULTILINE).any():
        parts, line_of_part = shapely.get_parts(shapes, return_index=True)
    else:
        parts, line_of_part = shapes, np.arange(shapes.size, dtype=np.int64)
    xy, part = shapely.get_coordinates(parts, return_index=True)
    if not np.isfinite(xy).all():
        bad = np.unique(line_of_part[part[~np.isfinite(xy).all(axis=1)]])
        msg = f"{bad.size} of {shapes.size} lines have a coordinate that is not a number"
        raise BadValueError(msg, where=f"row {bad[0]}", fix="repair or leave out these lines")
    return xy, part, line_of_part


# --- checks ------------------------------------------------------------------------


def plain_coordinates(
    x: ArrayLike, y: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give coordinates as two arrays of the same length.

    Raises
    ------
    BadValueError
        A coordinate is not a number, or x and y differ in length.
    """
    px = np.ascontiguousarray(x, dtype=np.float64).ravel()
    py = np.ascontiguousarray(y, dtype=np.float64).ravel()
    if px.size != py.size:
        msg = f"{px.size} x but {py.size} y coordinates"
        raise BadValueError(msg, fix="give one x and one y per point")
    bad = np.flatnonzero(~(np.isfinite(px) & np.isfinite(py)))
    if bad.size:
        msg = f"{bad.size} of {px.size} points have a coordinate that is not a number"
        raise BadValueError(msg, where=f"row {bad[0]}", fix="leave out points without coordinates")
    return px, py


def plain_distance(distance: float) -> float:
    """Give a search distance in metres, 0 or more, or inf.

    Raises
    ------
    BadValueError
        It is negative or not a number.
    """
    metres = float(distance)
    if not metres >= 0:
        msg = f"the search distance is {distance}"
        raise BadValueError(msg, fix="give metres, 0 or more")
    return metres


def plain_order(order: NDArray[np.int64] | None, count: int) -> NDArray[np.int64] | None:
    """Give the rows to ask about as whole numbers, None for all.

    Raises
    ------
    BadValueError
        A row is not there.
    """
    if order is None:
        return None
    rows = np.ascontiguousarray(order, dtype=np.int64).ravel()
    if rows.size and (rows.min() < 0 or rows.max() >= count):
        msg = f"the order names rows {rows.min()} to {rows.max()} of {count} points"
        raise BadValueError(msg, fix="find the order of these points")
    return rows


def _geometries(
    shapes: Sequence[shapely.Geometry] | NDArray[Any], types: tuple[int, ...], what: str
) -> NDArray[np.object_]:
    found = np.asarray(shapes, dtype=object).ravel()
    kinds = shapely.get_type_id(found)
    wrong = np.flatnonzero(~np.isin(kinds, (*types, -1)))
    if wrong.size:
        kind = found[wrong[0]].geom_type
        msg = f"{wrong.size} of {found.size} geometries are no {what}, the first a {kind}"
        raise GeometryError(msg, where=f"row {wrong[0]}", fix=f"give {what} only")
    return found
