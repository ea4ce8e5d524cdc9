"""Made-up ground for the example region: where it is easy to live and to build a road.

A mesh of nodes covers the land. Smooth random fields, stretched from north-west to
south-east as the rivers of northern Sweden run, say where the valleys are; a belt along
the western border stands in for the fells. Roads later take the cheapest way over the
mesh, so they gather in the valleys as real ones do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy import ndimage
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

MESH_M = 750.0
"""Distance between neighbouring mesh nodes, m."""

_MARGIN_M = 300.0
"""Nodes keep this distance to the border, so that rounded road curves stay inside, m."""

_FIELD_M = 1500.0
"""Resolution of the random fields, m."""

# South-east along the big rivers; west-east of the fells' belt. EPSG:3006, read off a map
# to a few kilometres: they only steer made-up data.
_RIVER_DIRECTION = np.array([0.72, -0.69])
_FELL_LINE = np.array([[530_000.0, 7_360_000.0], [740_000.0, 7_670_000.0]])
_COAST_LINE = np.array([[775_000.0, 7_235_000.0], [915_000.0, 7_330_000.0]])


@dataclass(frozen=True)
class Field:
    """A smooth random field over a rectangle, mean 0 and standard deviation 1."""

    values: Floats
    west: float
    south: float

    def at(self, x: Floats, y: Floats) -> Floats:
        """Give the field's value at each point, between its cells linearly."""
        rows = (np.asarray(y) - self.south) / _FIELD_M
        columns = (np.asarray(x) - self.west) / _FIELD_M
        return ndimage.map_coordinates(self.values, [rows, columns], order=1, mode="nearest")


@dataclass(frozen=True)
class Land:
    """The mesh: nodes, edges between neighbours, and what the ground is like at each node.

    Attributes
    ----------
    x, y : ndarray of float64
        Nodes, m, EPSG:3006.
    tail, head : ndarray of int64
        Edges between neighbouring nodes, both ends inside the land.
    valley : ndarray of float64
        1 in the middle of a valley, towards 0 on the heights.
    fell : ndarray of float64
        Towards 1 in the fells along the western border, 0 elsewhere.
    inland_m : ndarray of float64
        Distance from the coast line, m, negative off it.
    cost : ndarray of float64
        How much dearer than flat valley ground a metre of road is.
    """

    x: Floats
    y: Floats
    tail: Ints
    head: Ints
    valley: Floats
    fell: Floats
    inland_m: Floats
    cost: Floats


def make_field(
    bounds: tuple[float, float, float, float],
    along_m: float,
    across_m: float,
    rng: np.random.Generator,
) -> Field:
    """Draw a smooth random field that is ``along_m`` long down the rivers, ``across_m`` wide."""
    west, south, east, north = bounds
    shape = (int((north - south) / _FIELD_M) + 2, int((east - west) / _FIELD_M) + 2)
    ky = np.fft.fftfreq(shape[0], d=_FIELD_M)[:, None]
    kx = np.fft.rfftfreq(shape[1], d=_FIELD_M)[None, :]
    dx, dy = _RIVER_DIRECTION
    along, across = kx * dx + ky * dy, ky * dx - kx * dy
    smooth = np.exp(-2 * np.pi**2 * ((along * along_m) ** 2 + (across * across_m) ** 2) / 4)
    values = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * smooth, s=shape)
    return Field((values - values.mean()) / values.std(), west, south)


def make_land(
    land: shapely.Geometry, places_xy: Floats, rng: np.random.Generator
) -> tuple[Land, Field]:
    """Cover the land with a mesh and decide where the valleys and the fells are.

    Parameters
    ----------
    land : Polygon or MultiPolygon
        All municipalities together, EPSG:3006.
    places_xy : ndarray of float64, shape (n, 2)
        Real localities: the valleys are bent to pass through them.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    Land
        The mesh.
    Field
        A field of patches some kilometres wide, for whoever needs neighbours to be alike.
    """
    west, south, east, north = (float(v) for v in land.bounds)
    bounds = (west, south, east, north)
    valleys = make_field(bounds, 45_000, 7_500, rng)
    rough = make_field(bounds, 3_000, 2_500, rng)
    patches = make_field(bounds, 6_000, 6_000, rng)

    x, y, index = _lattice(bounds, rng)
    inner = land.buffer(-_MARGIN_M)
    shapely.prepare(inner)
    inside = shapely.contains_xy(inner, x, y)
    tail, head = _neighbours(index)
    kept = inside[tail] & inside[head]
    tail, head = tail[kept], head[kept]
    # Only edges near the border can leave the land between two nodes inside it.
    near = shapely.boundary(inner).buffer(MESH_M)
    shapely.prepare(near)
    edge = np.flatnonzero(
        shapely.contains_xy(near, x[tail], y[tail]) & shapely.contains_xy(near, x[head], y[head])
    )
    ends = np.stack(
        [np.stack([x[tail[edge]], x[head[edge]]], 1), np.stack([y[tail[edge]], y[head[edge]]], 1)],
        axis=2,
    )
    leaves = edge[~shapely.covers(inner, shapely.linestrings(ends))]
    tail, head = np.delete(tail, leaves), np.delete(head, leaves)
    number = np.cumsum(inside) - 1
    x, y, tail, head = x[inside], y[inside], number[tail], number[head]

    to_place = find_nearest(places_xy, x, y)[0]
    height = np.abs(valleys.at(x, y)) * (1 - np.exp(-((to_place / 9_000) ** 2)))
    valley = np.exp(-((height / 0.4) ** 2))
    fell = 1 / (1 + np.exp((_beside(_FELL_LINE, x, y) - 52_000) / 9_000))
    inland = -_beside(_COAST_LINE, x, y)
    cost = (1 + 1.6 * (1 - valley) + 2.5 * fell) * np.exp(0.3 * rough.at(x, y))
    return Land(x, y, tail, head, valley, fell, inland, cost), patches


def _lattice(
    bounds: tuple[float, ...], rng: np.random.Generator
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Lay a triangular lattice and shake it; its neighbours are known without a search."""
    west, south, east, north = bounds
    step = MESH_M * np.sqrt(3) / 2
    rows, columns = int((north - south) / step) + 1, int((east - west) / MESH_M) + 2
    index = np.arange(rows * columns).reshape(rows, columns)
    row, column = np.divmod(index.ravel(), columns)
    shake = rng.uniform(-0.33, 0.33, (2, rows * columns)) * MESH_M
    x = west + (column + 0.5 * (row % 2)) * MESH_M + shake[0]
    y = south + row * step + shake[1]
    return x, y, index


def _neighbours(index: npt.NDArray[np.int64]) -> tuple[Ints, Ints]:
    even, odd = index[0:-1:2], index[1::2]
    above_odd = index[2::2]
    pairs = [(index[:, :-1], index[:, 1:])]
    pairs += [(even[: len(odd)], odd), (even[: len(odd), 1:], odd[:, :-1])]
    lower = odd[: len(above_odd)]
    pairs += [(lower, above_odd), (lower[:, :-1], above_odd[:, 1:])]
    return (
        np.concatenate([a.ravel() for a, _ in pairs]),
        np.concatenate([b.ravel() for _, b in pairs]),
    )


def _beside(line: Floats, x: Floats, y: Floats) -> Floats:
    """Distance to the right of an endless line, m."""
    start, direction = line[0], (line[1] - line[0]) / np.hypot(*(line[1] - line[0]))
    return np.asarray((x - start[0]) * direction[1] - (y - start[1]) * direction[0])


def find_nearest(xy: Floats, x: Floats, y: Floats) -> tuple[Floats, Ints]:
    """Give the distance to the nearest of some points, and which it is."""
    distance, index = cKDTree(xy).query(np.column_stack([x, y]))
    return np.asarray(distance, dtype=np.float64), np.asarray(index, dtype=np.int64)
