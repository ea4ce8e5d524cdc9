"""Cells of a grid, or zones: which one holds a point, and which part lies in which area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from bredband_gis.crs import same_crs, transform_points
from bredband_gis.points import locate, plain_coordinates

if TYPE_CHECKING:
    import pyproj
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Shapes = NDArray[Any]

_OFF: Final = 1e-3
"""How far, in sides of a cell, cells may lie off a regular grid: SCB's are some mm off."""

_SLIVER: Final = 1e-5
"""Part of a cell outside all areas that is the grid's or a border's last mm, not land."""

_SNAP: Final = 1e-4
"""Sides and corners this near, in sides, a whole number are that number."""


def find_cells(cells: Shapes, x: ArrayLike, y: ArrayLike) -> Ints:
    """Give the cell that holds each point.

    Equal upright cells of a regular grid are found by number, however many; others as
    polygons. A point on the edge of two cells belongs to the one whose lower left it
    lies on; where cells overlap, to the smallest.

    Parameters
    ----------
    cells : array of Polygon or MultiPolygon, shape (m,)
        None missing, each with an area.
    x, y : array of float, shape (n,)
        Points in the cells' CRS.

    Returns
    -------
    array of int64, shape (n,)
        Position of the cell, -1 where none. The order of the cells decides nothing.

    Raises
    ------
    BadValueError
        A coordinate is not a number, or x and y differ in length.
    """
    px, py = plain_coordinates(x, y)
    if not len(cells):
        return np.full(px.size, -1, dtype=np.int64)
    lattice = _Lattice.of(cells)
    if lattice is not None:
        return lattice.find(px, py)
    # The first polygon wins in locate(): the smallest, then the one to the upper right,
    # on whose lower left the point lies.
    bounds = shapely.bounds(cells)
    size = np.rint(np.log(shapely.area(cells)) * 1e4)
    order = np.lexsort((-bounds[:, 1], -bounds[:, 0], size))
    found = locate(px, py, cells[order])
    return np.where(found >= 0, order[found], -1)


def count_repeated(cells: Shapes) -> int:
    """Count the cells that have the same bounds as one before them."""
    bounds = shapely.bounds(cells)
    side = np.median(bounds[:, 2:] - bounds[:, :2], axis=0) * _OFF
    place = np.rint(bounds / np.tile(side, 2)).astype(np.int64)
    return len(place) - len(np.unique(place, axis=0))


@dataclass(frozen=True, eq=False)
class _Lattice:
    """Equal upright cells of a regular grid."""

    origin: Floats
    side: Floats
    low: Ints
    width: int
    key: Ints
    order: Ints

    @classmethod
    def of(cls, cells: Shapes) -> _Lattice | None:
        bounds = shapely.bounds(cells)
        size = bounds[:, 2:] - bounds[:, :2]
        side = np.median(size, axis=0)
        if (np.abs(size - side) > _OFF * side).any():
            return None
        if (shapely.area(cells) < (1 - 2 * _OFF) * size.prod(axis=1)).any():
            return None  # turned or cut
        corner = bounds[:, :2]
        origin = corner.min(axis=0)
        steps = np.rint((corner - origin) / side)
        # Cells some mm too narrow would drift across a country; their corners tell the step.
        for axis in (0, 1):
            if np.ptp(steps[:, axis]) > 0:
                side[axis], origin[axis] = np.polyfit(steps[:, axis], corner[:, axis], 1)
        whole = np.rint(side)
        side = np.where((whole > 0) & (np.abs(whole - side) < _SNAP * side), whole, side)
        multiple = np.rint(origin / side) * side
        near = np.where(np.abs(multiple - origin) < _SNAP * side, multiple, np.rint(origin))
        origin = np.where(np.abs(near - origin) < _SNAP * side, near, origin)
        place = (corner - origin) / side
        cell = np.rint(place).astype(np.int64)
        if (np.abs(place - cell) > _OFF).any():
            return None
        low = cell.min(axis=0)
        width = int(np.ptp(cell[:, 0])) + 1
        key = (cell[:, 1] - low[1]) * width + cell[:, 0] - low[0]
        order = np.argsort(key, kind="stable")
        return cls(origin, side, low, width, key[order], order)

    def find(self, x: Floats, y: Floats) -> Ints:
        column = np.floor((x - self.origin[0]) / self.side[0]).astype(np.int64) - self.low[0]
        row = np.floor((y - self.origin[1]) / self.side[1]).astype(np.int64) - self.low[1]
        key = row * self.width + column
        at = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        hit = (self.key[at] == key) & (column >= 0) & (column < self.width)
        return np.where(hit, self.order[at], -1)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Parts of cells in areas, one row per cell and area that share land.

    Attributes
    ----------
    cell, area : array of int64
        Positions of the two.
    share : array of float64
        Part of the cell's land; those of one cell add up to 1 at most.
    shapes : array of geometry
        The part itself.
    """

    cell: Ints
    area: Ints
    share: Floats
    shapes: Shapes

    def only(self, keep: NDArray[np.bool_]) -> Pieces:
        """Keep some of the pieces."""
        return Pieces(self.cell[keep], self.area[keep], self.share[keep], self.shapes[keep])


def split_cells(cells: Shapes, areas: Shapes, *, wet: Shapes | None = None) -> Pieces:
    """Part cells between areas by how much of their land lies in each.

    Parameters
    ----------
    cells : array of Polygon or MultiPolygon
        The cells.
    areas : array of Polygon or MultiPolygon
        Such as municipalities; same CRS. Where they overlap, shares are made smaller.
    wet : array of Polygon or MultiPolygon, optional
        Water, which is no land; same CRS. A cell or a part of one that is all water where
        nothing else is left counts by its plain area.

    Returns
    -------
    Pieces
        A cell that no area touches has none.
    """
    number = len(cells)
    tree = shapely.STRtree(cells)
    # A cell wholly in one area needs no cutting; most are.
    within = tree.query(areas, predicate="contains")
    first = np.unique(within[1], return_index=True)[1]
    within = within[:, first]
    whole = np.zeros(number, dtype=bool)
    whole[within[1]] = True
    touched = tree.query(areas, predicate="intersects")
    touched = touched[:, ~whole[touched[1]]]
    parts = shapely.intersection(cells[touched[1]], areas[touched[0]])
    real = shapely.area(parts) > 0
    parts, touched = parts[real], touched[:, real]
    split = touched[1].astype(np.int64)
    land, size = shapely.area(parts), shapely.area(cells[split])
    if wet is not None and len(split):
        dry, dry_size = land - _covered(parts, wet), size - _covered(cells[split], wet)
        some = np.bincount(split, weights=dry, minlength=number)[split] > 1e-6 * size
        land, size = np.where(some, np.maximum(dry, 0.0), land), np.where(some, dry_size, size)
    share = np.minimum(land / size, 1.0)
    together = np.bincount(split, weights=share, minlength=number)[split]
    share = share / np.where(together > 1 - _SLIVER, together, 1.0)
    return Pieces(
        np.concatenate([within[1].astype(np.int64), split]),
        np.concatenate([within[0], touched[0]]).astype(np.int64),
        np.concatenate([np.ones(within.shape[1]), share]),
        np.concatenate([cells[within[1]], parts]),
    )


def _covered(shapes: Shapes, others: Shapes) -> Floats:
    """Measure how much of each shape the others cover, overlaps once."""
    covered = np.zeros(len(shapes))
    others = others[~shapely.is_missing(others)]
    pair = shapely.STRtree(others).query(shapes, predicate="intersects")
    bits = shapely.intersection(shapes[pair[0]], others[pair[1]])
    rows, start = np.unique(pair[0], return_index=True)
    for row, group in zip(rows, np.split(bits, start[1:]), strict=bool(len(rows))):
        covered[row] = shapely.area(shapely.union_all(group) if len(group) > 1 else group[0])
    return covered


def move(shapes: Shapes, from_crs: pyproj.CRS, to: pyproj.CRS) -> Shapes:
    """Bring polygons from one CRS to another; what crosses itself there is repaired."""
    if same_crs(from_crs, to):
        return shapes
    xy = shapely.get_coordinates(shapes)
    there = np.column_stack(transform_points(xy[:, 0], xy[:, 1], from_crs, to))
    moved: Shapes = shapely.set_coordinates(shapes.copy(), there)
    broken = ~shapely.is_valid(moved) & ~shapely.is_missing(moved)
    moved[broken] = shapely.make_valid(moved[broken])
    return moved
