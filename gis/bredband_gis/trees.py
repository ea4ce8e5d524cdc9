"""Trees of boxes over millions of segments or points, asked which is nearest.

Neighbours along a Hilbert curve share a box, neighbouring boxes a larger one. Unlike a
uniform grid this needs no cell size, so long segments, empty expanses and one stray
coordinate far away cost nothing extra. The points that ask are walked along the same
curve, each starting from the answer of the one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bredband_gis.curve import compiled, curve_order, in_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_FAN = 16
"""Children of a box, and segments or points of a leaf; with 4 or 8 some 10-20 % slower."""

_FAR = 1e300
"""Coordinate that fills up the last block of a level."""


@dataclass(frozen=True, eq=False)
class _Tree:
    """What is looked for, packed in blocks of 16, and the boxes around them.

    Attributes
    ----------
    leaves : array of float64, shape (blocks, coordinates, 16)
        The coordinates of what is looked for, along the curve.
    ids : array of int64
        Their row numbers.
    boxes : array of float64, shape (blocks, 4, 16)
        Left, bottom, right, top of the blocks below, level after level.
    levels : array of int64
        Where the blocks of each level begin; the root is the one block of the last.
    """

    leaves: Floats
    ids: Ints
    boxes: Floats
    levels: Ints

    @classmethod
    def of(cls, columns: Sequence[Floats], order: Ints) -> _Tree:
        """Build the tree over rows of coordinates: x and y of one end or of both."""
        leaves, sides = _pack(columns, order)
        levels = []
        blocks = leaves
        while len(blocks) > 1:
            blocks, sides = _pack(sides, np.arange(len(blocks)))
            levels.append(blocks)
        boxes = np.concatenate(levels) if levels else np.empty((0, 4, _FAN))
        return cls(leaves, order, boxes, np.cumsum([0, *map(len, levels)]))

    def run(
        self,
        kernel: Callable[..., None],
        order: Ints,
        given: tuple[Any, ...],
        out: tuple[Any, ...],
    ) -> None:
        """Have threads run a kernel on the rows of ``order``."""
        ready = compiled(kernel)

        def batch(begin: int, end: int) -> None:
            ready(order, begin, end, *given, self.leaves, self.ids, self.boxes, self.levels, *out)

        in_batches(batch, order.size)


def _pack(columns: Sequence[Floats], order: Ints) -> tuple[Floats, list[Floats]]:
    """Group rows in blocks, and give the four sides of the box around each block."""
    count = -(-order.size // _FAN)
    blocks = np.empty((count, len(columns), _FAN))
    sides = [np.empty(count) for _ in range(4)]
    kernel = compiled(_pack_kernel)
    # x and y of the one end, and of the other where there is one.
    ends = [np.ascontiguousarray(column) for column in (*columns[:2], *columns[-2:])]

    def batch(begin: int, end: int) -> None:
        kernel(begin, end, order, *ends, blocks, *sides)

    if count:
        in_batches(batch, count)
    return blocks, sides


def _square(distance: float) -> float:
    # Finite, so that the infinitely far boxes that fill up a block are never within it.
    return min(float(distance) ** 2, float(np.finfo(np.float64).max))


# --- segments ----------------------------------------------------------------------


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
        order = curve_order((ax + bx) / 2, (ay + by) / 2)
        self.size = order.size
        self._tree = _Tree.of((ax, ay, bx, by), order)

    def nearest(
        self,
        x: Floats,
        y: Floats,
        *,
        max_distance: float,
        direction: tuple[Floats, Floats] | None = None,
        max_angle: float = 45.0,
        order: Ints | None = None,
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
        order : array of int64, optional
            The points to ask about, see :func:`bredband_gis.curve.curve_order`.

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
        found = np.full((count, 4), np.nan)
        found[:, 0] = np.inf
        self._nearest(x, y, max_distance, (segment, found), order, direction, max_angle)
        squared, along, foot_x, foot_y = found.T.copy()
        return NearestSegment(np.sqrt(squared), segment, along, foot_x, foot_y)

    def distance(
        self, x: Floats, y: Floats, *, max_distance: float, order: Ints | None = None
    ) -> NDArray[np.float64]:
        """Give the distance of :meth:`nearest` alone, in a third of the memory."""
        found = np.full((x.size, 1), np.inf)
        if x.size and self.size:
            nothing = np.empty(0, dtype=np.int64)
            self._nearest(x, y, max_distance, (nothing, found), order, None, 0.0)
        distance: Floats = found[:, 0]
        np.sqrt(distance, out=distance)
        return distance

    def _nearest(
        self,
        x: Floats,
        y: Floats,
        max_distance: float,
        out: tuple[Ints, Floats],
        order: Ints | None,
        direction: tuple[Floats, Floats] | None,
        max_angle: float,
    ) -> None:
        ux, uy = direction if direction is not None else (np.empty(0), np.empty(0))
        cosine = float(np.cos(np.radians(max_angle))) if direction is not None else -1.0
        order = curve_order(x, y) if order is None else order
        self._tree.run(_nearest_kernel, order, (x, y, ux, uy, cosine, _square(max_distance)), out)

    def within(
        self, x: Floats, y: Floats, radius: float, *, apart: tuple[Ints, Ints] | None = None
    ) -> tuple[Ints, Ints, Floats]:
        """Find every segment within a distance of each point.

        Parameters
        ----------
        x, y : array of float64, shape (n,)
            The points, finite.
        radius : float
            Metres; a segment at exactly this distance counts.
        apart : pair of arrays of int64, shapes (n,) and (segments,), optional
            A number per point and per segment: segments with the point's own number do
            not count.

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
        order = curve_order(x, y)
        place, segment, along = count, np.empty(0, dtype=np.int64), np.empty(0)
        # Once to count, once to write.
        none = count[:0]
        given = (x, y, _square(radius), *(apart if apart is not None else (none, none)))
        self._tree.run(_within_kernel, order, given, (count, place, segment, along))
        point = np.repeat(np.arange(x.size), count)
        segment, along = np.empty(point.size, dtype=np.int64), np.empty(point.size)
        place = np.cumsum(count) - count
        if point.size:
            order = order[count[order] > 0]
            self._tree.run(_within_kernel, order, given, (count, place, segment, along))
        sort = np.lexsort((segment, point))
        return point, segment[sort], along[sort]


# --- points ------------------------------------------------------------------------


class PointTree:
    """Points, ready to be asked which of them is nearest.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Coordinates, finite, in a metric CRS.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        order = curve_order(x, y)
        self.size = order.size
        self._tree = _Tree.of((x, y), order)

    def nearest(
        self, x: Floats, y: Floats, *, max_distance: float, order: Ints | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Find the nearest of the points within a distance.

        Parameters
        ----------
        x, y : array of float64, shape (n,)
            The points that ask, finite.
        max_distance : float
            Metres; a point at exactly this distance counts.
        order : array of int64, optional
            The points to ask about, see :func:`bredband_gis.curve.curve_order`.

        Returns
        -------
        distance : array of float64, shape (n,)
            Metres; inf where none.
        index : array of int64, shape (n,)
            Row number, -1 where none. Of several at the same distance, the first.
        """
        distance, index = np.full(x.size, np.inf), np.full(x.size, -1, dtype=np.int64)
        if x.size and self.size:
            order = curve_order(x, y) if order is None else order
            reach = float(max_distance)
            # Squares are rounded, so a little beyond; the kernel compares the root.
            limit = _square(reach * (1 + 1e-15))
            self._tree.run(_nearest_point_kernel, order, (x, y, reach, limit), (distance, index))
        return distance, index


# --- inner loops, compiled by numba --------------------------------------------------


def _pack_kernel(
    begin: int,
    end: int,
    order: Ints,
    ax: Floats,
    ay: Floats,
    bx: Floats,
    by: Floats,
    blocks: Floats,
    left: Floats,
    bottom: Floats,
    right: Floats,
    top: Floats,
) -> None:
    """Fill the blocks begin:end and measure the boxes around them."""
    both = blocks.shape[1] > 2
    for number in range(begin, end):
        block = blocks[number]
        low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
        for j in range(_FAN):
            place = number * _FAN + j
            if place >= order.size:
                block[:, j] = _FAR
                continue
            row = order[place]
            block[0, j], block[1, j] = ax[row], ay[row]
            if both:
                block[2, j], block[3, j] = bx[row], by[row]
            low_x, high_x = min(low_x, ax[row], bx[row]), max(high_x, ax[row], bx[row])
            low_y, high_y = min(low_y, ay[row], by[row]), max(high_y, ay[row], by[row])
        left[number], bottom[number] = low_x, low_y
        right[number], top[number] = high_x, high_y


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
    """Nearest segments of the points order[begin:end]."""
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
                if turn == 1 and node == last:
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
                # Where any direction will do, only the quickly nearest can be the nearest.
                least = best
                if cosine < 0.0:
                    for j in range(_FAN):
                        least = near[j] if near[j] < least else least
                least = least * (1 + 1e-9) + 1e-6
                for j in range(_FAN):
                    if not near[j] <= least:
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
        found[point, 0] = best if best_id >= 0 else np.inf
        if segment.size > 0:
            segment[point] = best_id
            found[point, 1], found[point, 2], found[point, 3] = best_along, best_x, best_y
        if best_id >= 0:
            last = best_leaf


def _nearest_point_kernel(  # noqa: PLR0912, PLR0915 - one loop, for speed
    order: Ints,
    begin: int,
    end: int,
    x: Floats,
    y: Floats,
    reach: float,
    limit: float,
    leaves: Floats,
    ids: Ints,
    boxes: Floats,
    levels: Ints,
    distance: Floats,
    index: Ints,
) -> None:
    """Nearest points of the points order[begin:end]; walks as _nearest_kernel does."""
    top = levels.size - 1
    node_of = np.empty(16 * _FAN, dtype=np.int64)
    level_of = np.empty(16 * _FAN, dtype=np.int64)
    box_of = np.empty(16 * _FAN, dtype=np.float64)
    near = np.empty(_FAN, dtype=np.float64)
    last = np.int64(-1)
    for position in range(begin, end):
        point = order[position]
        px, py = x[point], y[point]
        best, best_id, best_leaf = limit, np.int64(-1), np.int64(-1)
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
                            k = depth
                            while k > bottom and box_of[k - 1] < d:
                                node_of[k], level_of[k] = node_of[k - 1], level_of[k - 1]
                                box_of[k] = box_of[k - 1]
                                k -= 1
                            node_of[k], level_of[k], box_of[k] = node * _FAN + j, level - 1, d
                            depth += 1
                    continue
                if turn == 1 and node == last:
                    continue
                block = leaves[node]
                x0, y0 = block[0], block[1]
                for j in range(_FAN):
                    near[j] = (px - x0[j]) * (px - x0[j]) + (py - y0[j]) * (py - y0[j])
                least = best
                for j in range(_FAN):
                    least = near[j] if near[j] < least else least
                for j in range(_FAN):
                    if near[j] == least:
                        name = ids[node * _FAN + j]
                        if least < best or best_id < 0 or name < best_id:
                            best, best_id, best_leaf = least, name, node
        if best_id >= 0:
            last = best_leaf
            metres = np.sqrt(best)
            if metres <= reach:
                distance[point], index[point] = metres, best_id


def _within_kernel(
    order: Ints,
    begin: int,
    end: int,
    x: Floats,
    y: Floats,
    limit: float,
    mine: Ints,
    theirs: Ints,
    leaves: Floats,
    ids: Ints,
    boxes: Floats,
    levels: Ints,
    count: Ints,
    place: Ints,
    segment: Ints,
    along: Floats,
) -> None:
    """Segments near the points order[begin:end], counted or written."""
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
                    row = ids[node * _FAN + j]
                    if mine.size and mine[point] == theirs[row]:
                        continue
                    if write:
                        segment[place[point] + found] = row
                        along[place[point] + found] = t * np.sqrt(square)
                    found += 1
        count[point] = found
