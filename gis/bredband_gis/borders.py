"""Cells that no border passes: all points of such a cell lie in the same polygons.

Most of millions of points lie far from every border. A grid is laid over them, and the
cells that a border touches are marked. Unmarked cells side by side lie in the same
polygons, so that one point answers for all of them, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from bredband_gis.curve import compiled, in_batches, middle_span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_MOST_CELLS = 1 << 22
_SLACK = 1e-6
"""Part of a cell by which a border is widened, for what is lost in computing cells."""


@dataclass(frozen=True, eq=False)
class OpenCells:
    """Which of the points lie in cells that no border passes.

    Attributes
    ----------
    group : array of int32, shape (n,)
        Points of the same group lie in the same polygons; -1 where a border is near.
    x, y : array of float64, shape (groups,)
        A point of each group.
    """

    group: NDArray[np.int32]
    x: Floats
    y: Floats


def open_cells(x: Floats, y: Floats, polygons: NDArray[np.object_]) -> OpenCells | None:
    """Group points that no border can part.

    Parameters
    ----------
    x, y : array of float64, shape (n,)
        The points, finite.
    polygons : array of Polygon or MultiPolygon
        None and empty ones have no border.

    Returns
    -------
    OpenCells or None
        None where the coordinates do not suit a grid.
    """
    low, high = middle_span(x, y)
    margin = (high - low) / 10
    low, high = low - margin, high + margin
    area = float((high - low).prod())
    size = float(np.sqrt(area / min(_MOST_CELLS, max(x.size, 1))))
    if not size > 0:
        return None
    columns, rows = (int(n) for n in np.ceil((high - low) / size))
    slack = _SLACK + 8 * float(np.spacing(np.abs([low, high]).max())) / size
    # A multipolygon has no rings of its own, only its parts have.
    rings = shapely.get_rings(shapely.get_parts(polygons))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    if slack > 1e-3 or max(columns, rows) > _MOST_CELLS or not np.isfinite(xy).all():
        return None
    left, bottom = float(low[0]), float(low[1])

    border = np.zeros((rows, columns), dtype=np.bool_)
    mark = compiled(_mark_kernel)

    def mark_batch(begin: int, end: int) -> None:
        mark(begin, end, xy, ring, left, bottom, size, slack, border)

    if len(xy) > 1:
        in_batches(mark_batch, len(xy) - 1)

    label = np.empty((rows, columns), dtype=np.int32)
    first = np.empty(border.size, dtype=np.int32)
    count = np.zeros(1, dtype=np.int64)
    compiled(_label_kernel)(border, label, first, count)
    row, column = np.divmod(first[: count[0]].astype(np.int64), columns)

    group = np.empty(x.size, dtype=np.int32)
    look = compiled(_look_kernel)

    def look_batch(begin: int, end: int) -> None:
        look(begin, end, x, y, left, bottom, size, label, group)

    in_batches(look_batch, x.size)
    return OpenCells(group, left + (column + 0.5) * size, bottom + (row + 0.5) * size)


def _mark_kernel(
    begin: int,
    end: int,
    xy: Floats,
    ring: Ints,
    left: float,
    bottom: float,
    size: float,
    slack: float,
    border: NDArray[np.bool_],
) -> None:
    """Mark the cells that the edges begin:end touch; compiled by numba."""
    rows, columns = border.shape
    for edge in range(begin, end):
        if ring[edge] != ring[edge + 1]:
            continue
        # Coordinates in cells, and the edge running upwards.
        u0, v0 = (xy[edge, 0] - left) / size, (xy[edge, 1] - bottom) / size
        u1, v1 = (xy[edge + 1, 0] - left) / size, (xy[edge + 1, 1] - bottom) / size
        if v1 < v0:
            u0, v0, u1, v1 = u1, v1, u0, v0
        wide = slack + 1e-12 * max(abs(u0), abs(u1), abs(v0), abs(v1))
        if v1 < -wide or v0 > rows + wide:
            continue
        low = np.int64(max(np.floor(v0 - wide), 0.0))
        high = np.int64(min(np.floor(v1 + wide), rows - 1.0))
        for row in range(low, high + 1):
            a, b = u0, u1
            if high > low and v1 - v0 > wide:
                # The piece of the edge beside this row; of a level edge, all of it.
                a = u0 + (u1 - u0) * min(max((row - wide - v0) / (v1 - v0), 0.0), 1.0)
                b = u0 + (u1 - u0) * min(max((row + 1 + wide - v0) / (v1 - v0), 0.0), 1.0)
            # Held within the grid before they are made whole numbers.
            one = np.int64(min(max(np.floor(min(a, b) - wide), 0.0), float(columns)))
            other = np.int64(min(max(np.floor(max(a, b) + wide), -1.0), columns - 1.0))
            for column in range(one, other + 1):
                border[row, column] = True


def _label_kernel(
    border: NDArray[np.bool_],
    label: NDArray[np.int32],
    first: NDArray[np.int32],
    count: Ints,
) -> None:
    """Give stretches of unmarked cells the number of those below; compiled by numba."""
    rows, columns = border.shape
    found = 0
    for row in range(rows):
        column = 0
        while column < columns:
            if border[row, column]:
                label[row, column] = -1
                column += 1
                continue
            begin, name = column, -1
            while column < columns and not border[row, column]:
                if name < 0 and row > 0:
                    name = label[row - 1, column]
                column += 1
            if name < 0:
                name = found
                first[found] = row * columns + begin
                found += 1
            label[row, begin:column] = name
    count[0] = found


def _look_kernel(
    begin: int,
    end: int,
    x: Floats,
    y: Floats,
    left: float,
    bottom: float,
    size: float,
    label: NDArray[np.int32],
    group: NDArray[np.int32],
) -> None:
    """Give the points begin:end the number of their cell; compiled by numba."""
    rows, columns = label.shape
    for point in range(begin, end):
        u, v = np.floor((x[point] - left) / size), np.floor((y[point] - bottom) / size)
        if 0 <= u < columns and 0 <= v < rows:
            group[point] = label[np.int64(v), np.int64(u)]
        else:
            group[point] = -1
