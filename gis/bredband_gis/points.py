"""Millions of points against polygons, lines and other points, in plain arrays.

Making an object per point costs more than the joins themselves, so nothing here
does: coordinates go in and positions and distances come out.

Nearest lines are found with a tree of bounding boxes over the lines' straight
segments (neighbours along a Hilbert curve share a box, neighbouring boxes a larger one).
Unlike a uniform grid it needs no cell size, so long segments, empty expanses and
one stray coordinate far away cost nothing extra. The points are walked along the
same curve, each starting from the answer of the one before.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from bredband_gis.errors import BadValueError, GeometryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_THREADS = min(os.cpu_count() or 1, 8)

_FAN = 16
"""Children of a box of the tree, and segments of a leaf; with 4 or 8 some 10-20 % slower."""

_BATCH = 1 << 16
"""Points that a thread takes at a time."""

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

    with ThreadPoolExecutor(_THREADS) as pool:
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
    hit = tree.nearest(px, py, max_distance=reach)
    if not tree.size:
        return NearestLine(hit.distance, hit.segment, hit.along, hit.foot_x, hit.foot_y)
    # Where there is none, ``along`` is nan, and so is the measure.
    line, measure = segment_line[hit.segment], start[hit.segment] + hit.along
    line[hit.segment < 0] = -1
    return NearestLine(hit.distance, line, measure, hit.foot_x, hit.foot_y)


def nearest_point(
    x: ArrayLike, y: ArrayLike, to_x: ArrayLike, to_y: ArrayLike, *, max_distance: float
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

    Returns
    -------
    distance : array of float64, shape (n,)
        Metres; inf where none is within reach.
    index : array of int64, shape (n,)
        Position of the nearest point, any of them where several are; -1 where none.

    Raises
    ------
    BadValueError
        A coordinate or the distance is not a number, or lengths differ.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

    px, py = plain_coordinates(x, y)
    tx, ty = plain_coordinates(to_x, to_y)
    reach = plain_distance(max_distance)
    if not px.size or not tx.size:
        return np.full(px.size, np.inf), np.full(px.size, -1, dtype=np.int64)
    # Neighbours one after the other find the tree's nodes still in the cache: many points
    # take a third of the time. Few are not worth the import of numba.
    order, to_order = (
        _curve_order(*each) if max(px.size, tx.size) > _BATCH else np.arange(each[0].size)
        for each in ((px, py), (tx, ty))
    )
    # Splitting at the middle instead of the median builds twice as fast.
    targets = np.column_stack([tx[to_order], ty[to_order]])
    tree = cKDTree(targets, balanced_tree=False, compact_nodes=False)
    # The tree's own bound leaves out points at exactly that distance.
    bound = reach * (1 + 1e-9) + 1e-9
    answer = tree.query(
        np.column_stack([px[order], py[order]]), distance_upper_bound=bound, workers=_THREADS
    )
    found = (answer[0] <= reach) & (answer[1] < tx.size)
    distance, index = np.empty(px.size), np.empty(px.size, dtype=np.int64)
    distance[order] = np.where(found, answer[0], np.inf)
    index[order] = np.where(found, to_order[np.where(found, answer[1], 0)], -1)
    return distance, index


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
    line = line_of_part[part].astype(np.int64, copy=False)
    run = np.zeros(part.size)
    if part.size:
        steps = np.hypot(*np.diff(xy, axis=0).T)
        steps[part[1:] != part[:-1]] = 0.0
        np.cumsum(steps, out=run[1:])
    first = np.searchsorted(line, np.arange(shapes.size))
    origin = run[np.minimum(first, run.size - 1)] if run.size else np.zeros(shapes.size)
    return LineVertices(xy, part.astype(np.int64, copy=False), line, run, origin)


# --- the tree of segments ----------------------------------------------------------


@dataclass(frozen=True, eq=False)
class NearestSegment:
    """The nearest segment of each point: position (-1 none), distance (inf), foot (nan).

    ``along`` is the distance (m) from the segment's first end to the foot (nan where none).
    """

    distance: Floats
    segment: Ints
    along: Floats
    foot_x: Floats
    foot_y: Floats


class SegmentTree:
    """Straight segments, ready to be asked which of them is nearest.

    Parameters
    ----------
    ax, ay, bx, by : array of float, shape (n,)
        The two ends of each segment, finite, in a metric CRS.
    """

    def __init__(self, ax: Floats, ay: Floats, bx: Floats, by: Floats) -> None:
        self.size = int(ax.size)
        self._ids = _curve_order((ax + bx) / 2, (ay + by) / 2)
        self._leaves = _blocks([ax, ay, bx, by], self._ids)
        levels, blocks, count = [], self._leaves, self.size
        while len(blocks) > 1:
            boxes = _surround(blocks, count)
            blocks, count = _blocks(boxes), len(boxes[0])
            levels.append(blocks)
        self._boxes = np.concatenate(levels) if levels else np.empty((0, 4, _FAN))
        # Where the blocks of each level begin; the root is the one block of the last.
        self._levels = np.cumsum([0, *map(len, levels)])

    def nearest(
        self,
        x: Floats,
        y: Floats,
        *,
        max_distance: float,
        direction: tuple[Floats, Floats] | None = None,
        max_angle: float = 45.0,
    ) -> NearestSegment:
        """Find the nearest segment of each point within a distance.

        Parameters
        ----------
        x, y : array of float64, shape (n,)
            The points, finite.
        max_distance : float
            Metres; a segment at exactly this distance counts.
        direction : pair of arrays of float64, shape (n,), optional
            A unit vector per point: only segments that run within ``max_angle`` of it,
            forth or back, count.
        max_angle : float
            Degrees, 0-90.

        Returns
        -------
        NearestSegment
            Of several at the same distance, the first. The answer of a point does not
            depend on the other points or their order.
        """
        count = x.size
        segment = np.full(count, -1, dtype=np.int64)
        if not count or not self.size:
            nothing = np.full(count, np.nan)
            return NearestSegment(
                np.full(count, np.inf), segment, nothing, nothing.copy(), nothing.copy()
            )
        # A row per point: one place in memory to write to instead of four.
        found = np.empty((count, 4))
        ux, uy = direction if direction is not None else (np.empty(0), np.empty(0))
        cosine = np.cos(np.radians(max_angle)) if direction is not None else -1.0
        self._run(
            _nearest_kernel,
            _curve_order(x, y),
            (x, y, ux, uy, float(cosine), _square(max_distance)),
            (segment, found),
        )
        squared, along, foot_x, foot_y = found.T.copy()
        return NearestSegment(np.sqrt(squared), segment, along, foot_x, foot_y)

    def within(self, x: Floats, y: Floats, radius: float) -> tuple[Ints, Ints, Floats]:
        """Find every segment within a distance of each point.

        Parameters
        ----------
        x, y : array of float64, shape (n,)
            The points, finite.
        radius : float
            Metres; a segment at exactly this distance counts.

        Returns
        -------
        point, segment : array of int64, shape (pairs,)
            Positions, sorted by point, then segment.
        along : array of float64, shape (pairs,)
            Metres from the segment's first end to the foot.
        """
        count = np.zeros(x.size, dtype=np.int64)
        if not x.size or not self.size:
            return count[:0], count[:0], np.empty(0)
        order = _curve_order(x, y)
        place, segment, along = count, np.empty(0, dtype=np.int64), np.empty(0)
        # Once to count, once to write.
        self._run(_within_kernel, order, (x, y, _square(radius)), (count, place, segment, along))
        point = np.repeat(np.arange(x.size), count)
        segment, along = np.empty(point.size, dtype=np.int64), np.empty(point.size)
        place = np.cumsum(count) - count
        if point.size:
            self._run(
                _within_kernel, order, (x, y, _square(radius)), (count, place, segment, along)
            )
        sort = np.lexsort((segment, point))
        return point, segment[sort], along[sort]

    def _run(
        self,
        kernel: Callable[..., None],
        order: Ints,
        given: tuple[Any, ...],
        out: tuple[Any, ...],
    ) -> None:
        compiled = _compile(kernel)

        def batch(begin: int) -> None:
            end = min(begin + _BATCH, order.size)
            tree = (self._leaves, self._ids, self._boxes, self._levels)
            compiled(order, begin, end, *given, *tree, *out)

        # The first batch, alone, has the function compiled once.
        batch(0)
        if order.size > _BATCH:
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(batch, range(_BATCH, order.size, _BATCH)))


@cache
def _compile(kernel: Callable[..., None]) -> Callable[..., None]:
    # Importing numba takes a second: whoever needs no lines does not wait for it.
    import numba  # noqa: PLC0415

    compiled: Callable[..., None]
    options = {"nogil": True, "error_model": "numpy"}
    try:
        compiled = numba.njit(cache=True, **options)(kernel)
    except RuntimeError:  # neither this folder nor the user's cache can be written
        compiled = numba.njit(**options)(kernel)
    return compiled


def _square(distance: float) -> float:
    # Finite, so that the infinitely far boxes that fill up a block are never within it.
    return min(float(distance) ** 2, np.finfo(np.float64).max)


def _blocks(columns: Sequence[Floats], order: Ints | None = None) -> Floats:
    """Group rows of four numbers: block, number, row in the block; the last filled up."""
    rows = columns[0].size
    count = -(-rows // _FAN)
    blocks = np.empty((count, 4, _FAN))
    padded = np.full(count * _FAN, 1e300)
    for number, column in enumerate(columns):
        padded[:rows] = column if order is None else column[order]
        blocks[:, number] = padded.reshape(count, _FAN)
    return blocks


def _surround(blocks: Floats, rows: int) -> Sequence[Floats]:
    """Give the box around each block of segments or boxes: left, bottom, right, top."""
    left, bottom = np.minimum(blocks[:, :2], blocks[:, 2:]).min(axis=2).T
    far = np.maximum(blocks[:, :2], blocks[:, 2:])
    far[-1, :, rows - (len(blocks) - 1) * _FAN :] = -np.inf
    right, top = far.max(axis=2).T
    return left, bottom, right, top


def _curve_order(x: Floats, y: Floats) -> Ints:
    """Order points along a Hilbert curve, so that neighbours follow each other."""
    key = np.empty(x.size, dtype=np.int64)
    if not x.size:
        return key
    # The square that the curve fills is three times the span of a sample without its
    # outermost hundredths; strays outside go to its rim and cannot make it coarse.
    low, high = np.percentile([values[:: x.size // 10_000 + 1] for values in (x, y)], [1, 99], 1)
    side = 3 * max((high - low).max(), 1.0)
    left, bottom = (low + high - side) / 2
    # Place and row number share 63 bits: sorting them takes a fifth of an argsort.
    row_bits = int(x.size).bit_length()
    depth = (63 - row_bits) // 2
    compiled = _compile(_curve_kernel)

    def batch(begin: int) -> None:
        end = min(begin + _BATCH, x.size)
        compiled(begin, end, x, y, left, bottom, side, depth, row_bits, key)

    batch(0)
    if x.size > _BATCH:
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(batch, range(_BATCH, x.size, _BATCH)))
    key.sort()
    key &= (1 << row_bits) - 1
    return key


def _curve_kernel(
    begin: int,
    end: int,
    x: Floats,
    y: Floats,
    left: float,
    bottom: float,
    side: float,
    depth: int,
    row_bits: int,
    key: Ints,
) -> None:
    """Place of the points begin:end on the Hilbert curve; compiled by numba."""
    cells = 1 << depth
    for point in range(begin, end):
        column = np.int64(min(max((x[point] - left) / side * cells, 0.0), cells - 1.0))
        row = np.int64(min(max((y[point] - bottom) / side * cells, 0.0), cells - 1.0))
        place = np.int64(0)
        half = np.int64(cells >> 1)
        while half > 0:
            right, upper = (column & half) > 0, (row & half) > 0
            # The quarters of the square in the order lower left, upper left, upper
            # right, lower right; the first and the last are turned.
            place = (place << 2) | ((3 if right else 0) ^ (1 if upper else 0))
            column &= half - 1
            row &= half - 1
            if not upper:
                if right:
                    column, row = half - 1 - column, half - 1 - row
                column, row = row, column
            half >>= 1
        key[point] = (place << row_bits) | point


def _nearest_kernel(  # noqa: PLR0912, PLR0915 - one loop, for speed
    order: Ints,
    begin: int,
    end: int,
    x: Floats,
    y: Floats,
    ux: Floats,
    uy: Floats,
    cosine: float,
    limit: float,
    leaves: Floats,
    ids: Ints,
    boxes: Floats,
    levels: Ints,
    segment: Ints,
    found: Floats,
) -> None:
    """Nearest segments of the points order[begin:end]; compiled by numba."""
    top = levels.size - 1
    node_of = np.empty(16 * _FAN, dtype=np.int64)
    level_of = np.empty(16 * _FAN, dtype=np.int64)
    box_of = np.empty(16 * _FAN, dtype=np.float64)
    near = np.empty(_FAN, dtype=np.float64)
    # Read beforehand: the waits for memory overlap.
    batch_x, batch_y = np.empty(end - begin), np.empty(end - begin)
    for position in range(begin, end):
        batch_x[position - begin] = x[order[position]]
        batch_y[position - begin] = y[order[position]]
    last = np.int64(-1)
    for position in range(begin, end):
        point = order[position]
        px, py = batch_x[position - begin], batch_y[position - begin]
        best, best_id, best_leaf = limit, np.int64(-1), np.int64(-1)
        best_along, best_x, best_y = np.nan, np.nan, np.nan
        # First only the leaf of the last answer, to have a good bound at once; then
        # the tree from its root.
        for turn in range(2):
            if turn == 0 and last < 0:
                continue
            depth = 1
            node_of[0] = last if turn == 0 else 0
            level_of[0] = 0 if turn == 0 else top
            box_of[0] = 0.0
            while depth > 0:
                depth -= 1
                if box_of[depth] > best:
                    continue
                node, level = node_of[depth], level_of[depth]
                if level > 0:
                    block = boxes[levels[level - 1] + node]
                    x0, y0, x1, y1 = block[0], block[1], block[2], block[3]
                    for j in range(_FAN):
                        dx = max(x0[j] - px, px - x1[j], 0.0)
                        dy = max(y0[j] - py, py - y1[j], 0.0)
                        near[j] = dx * dx + dy * dy
                    bottom = depth
                    for j in range(_FAN):
                        d = near[j]
                        if d <= best:
                            # Kept sorted, the nearest on top of the stack.
                            k = depth
                            while k > bottom and box_of[k - 1] < d:
                                node_of[k], level_of[k] = node_of[k - 1], level_of[k - 1]
                                box_of[k] = box_of[k - 1]
                                k -= 1
                            node_of[k], level_of[k], box_of[k] = node * _FAN + j, level - 1, d
                            depth += 1
                    continue
                block = leaves[node]
                x0, y0, x1, y1 = block[0], block[1], block[2], block[3]
                # A quick distance to all, so that few need the exact one below.
                for j in range(_FAN):
                    qx, qy = px - x0[j], py - y0[j]
                    vx, vy = x1[j] - x0[j], y1[j] - y0[j]
                    t = (qx * vx + qy * vy) / max(vx * vx + vy * vy, 1e-300)
                    t = min(max(t, 0.0), 1.0)
                    qx -= t * vx
                    qy -= t * vy
                    near[j] = qx * qx + qy * qy
                for j in range(_FAN):
                    if not near[j] <= best * (1 + 1e-9) + 1e-6:
                        continue
                    ax, ay, bx, by = x0[j], y0[j], x1[j], y1[j]
                    vx, vy = bx - ax, by - ay
                    square = vx * vx + vy * vy
                    if cosine >= 0.0:
                        dot = vx * ux[point] + vy * uy[point]
                        if dot * dot < cosine * cosine * square or square == 0.0:
                            continue
                    t = 0.0
                    if square > 0.0:
                        t = min(max(((px - ax) * vx + (py - ay) * vy) / square, 0.0), 1.0)
                    # At the ends exactly the end, and never outside the segment's box:
                    # then no rounding lets a box hide a segment that is as near.
                    if t <= 0.0:
                        fx, fy = ax, ay
                    elif t >= 1.0:
                        fx, fy = bx, by
                    else:
                        fx = min(max(ax + t * vx, min(ax, bx)), max(ax, bx))
                        fy = min(max(ay + t * vy, min(ay, by)), max(ay, by))
                    d = (px - fx) * (px - fx) + (py - fy) * (py - fy)
                    name = ids[node * _FAN + j]
                    if d < best or (d == best and (best_id < 0 or name < best_id)):
                        best, best_id, best_leaf = d, name, node
                        best_along, best_x, best_y = t * np.sqrt(square), fx, fy
        segment[point] = best_id
        found[point, 0] = best if best_id >= 0 else np.inf
        found[point, 1], found[point, 2], found[point, 3] = best_along, best_x, best_y
        if best_id >= 0:
            last = best_leaf


def _within_kernel(
    order: Ints,
    begin: int,
    end: int,
    x: Floats,
    y: Floats,
    limit: float,
    leaves: Floats,
    ids: Ints,
    boxes: Floats,
    levels: Ints,
    count: Ints,
    place: Ints,
    segment: Ints,
    along: Floats,
) -> None:
    """Segments near the points order[begin:end], counted or written; compiled by numba."""
    top = levels.size - 1
    node_of = np.empty(16 * _FAN, dtype=np.int64)
    level_of = np.empty(16 * _FAN, dtype=np.int64)
    write = segment.size > 0
    for position in range(begin, end):
        point = order[position]
        px, py = x[point], y[point]
        found = 0
        depth = 1
        node_of[0], level_of[0] = 0, top
        while depth > 0:
            depth -= 1
            node, level = node_of[depth], level_of[depth]
            if level > 0:
                block = boxes[levels[level - 1] + node]
                for j in range(_FAN):
                    dx = max(block[0, j] - px, px - block[2, j], 0.0)
                    dy = max(block[1, j] - py, py - block[3, j], 0.0)
                    if dx * dx + dy * dy <= limit:
                        node_of[depth], level_of[depth] = node * _FAN + j, level - 1
                        depth += 1
                continue
            block = leaves[node]
            for j in range(_FAN):
                ax, ay = block[0, j], block[1, j]
                vx, vy = block[2, j] - ax, block[3, j] - ay
                square = vx * vx + vy * vy
                t = 0.0
                if square > 0.0:
                    t = min(max(((px - ax) * vx + (py - ay) * vy) / square, 0.0), 1.0)
                fx, fy = ax + t * vx, ay + t * vy
                if (px - fx) * (px - fx) + (py - fy) * (py - fy) <= limit:
                    if write:
                        segment[place[point] + found] = ids[node * _FAN + j]
                        along[place[point] + found] = t * np.sqrt(square)
                    found += 1
        count[point] = found


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
