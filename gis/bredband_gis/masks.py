"""Ground that something covers, as rasters or polygons: at points, along lines, by zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from bredband_gis import crs as crs_
from bredband_gis.errors import BadValueError, WrongCrsError
from bredband_gis.grids import move
from bredband_gis.points import locate
from bredband_gis.rasters import open_raster, raster_band, raster_crs, sample_raster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from bredband_gis.files import Source

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Shapes = NDArray[Any]

MIXED_M: Final = 100.0
"""Side of the pixels on which layers of different kinds or grids are joined, m: BEREC's grid
for mobile coverage (BoR (20) 42, F)."""

_STRIP_PIXELS: Final = 1 << 22


@dataclass(frozen=True, eq=False)
class Mask:
    """What one layer covers: a raster from a threshold on, or polygons.

    Parameters
    ----------
    source : Source, optional
        The raster; `layer` is its band.
    threshold : float
        The raster covers where its value is this or more; no data is not covered.
    areas : array of Polygon or MultiPolygon, optional
        The polygons, in the CRS that the functions of this module are told.
    """

    source: Source | None = None
    threshold: float = 1.0
    areas: Shapes | None = None

    def __post_init__(self) -> None:
        if (self.source is None) == (self.areas is None):
            msg = "a layer of coverage is either a raster or polygons"
            raise BadValueError(msg, fix="give one of the two")


def mask_at(
    mask: Mask, x: ArrayLike, y: ArrayLike, *, crs: object, name: str, must_meet: bool = True
) -> Bools:
    """Tell which points a mask covers.

    Parameters
    ----------
    mask : Mask
        Its polygons are in `crs`.
    x, y : array of float, shape (n,)
        Points in `crs`.
    crs : CRS, str or int
        CRS of the points.
    name : str
        What it is used as; the section of region.toml that messages name.
    must_meet : bool
        Whether to refuse a raster that no point lies in.

    Returns
    -------
    array of bool, shape (n,)
        False outside a raster and where it holds no data.

    Raises
    ------
    UnreadableSourceError, NoCrsError, WrongCrsError
        As :func:`bredband_gis.rasters.sample_raster`.
    """
    if mask.areas is not None:
        return locate(x, y, mask.areas) >= 0
    assert mask.source is not None  # noqa: S101 - Mask holds one of the two
    value = sample_raster(mask.source, x, y, crs=crs, name=name, must_meet=must_meet)
    return np.asarray(value >= mask.threshold, dtype=bool)


def pixel_m(mask: Mask, x: float, y: float, *, crs: object, name: str) -> float:
    """Give the shorter side of a raster's pixels at a point of `crs`, in m; inf for polygons."""
    if mask.source is None:
        return np.inf
    with open_raster(mask.source, name=name) as raster:
        grid = _Grid.of(raster, mask.source)
    column, row = grid.pixels(*crs_.transform_points([x], [y], crs, grid.crs))
    corner = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    there_x, there_y = grid.at(column + corner[0], row + corner[1], crs)
    sides = np.hypot(there_x[1:] - there_x[0], there_y[1:] - there_y[0])
    return float(sides.min())


def points_along(lines: Shapes, step: float) -> tuple[Floats, Floats, Floats, Ints]:
    """Put points along lines, each standing for a piece of the line around it.

    Parameters
    ----------
    lines : array of LineString or MultiLineString
        None and empty ones have no points.
    step : float
        Longest piece, m. Every straight part of a line is cut into equal pieces.

    Returns
    -------
    x, y : array of float
        The middles of the pieces.
    length : array of float
        Metres of each piece; those of a line add up to its length.
    line : array of int64
        Position of the line.
    """
    parts, owner = shapely.get_parts(lines, return_index=True)
    xy, part = shapely.get_coordinates(parts, return_index=True)
    first = np.flatnonzero(part[1:] == part[:-1])
    ahead = xy[first + 1] - xy[first]
    long = np.hypot(ahead[:, 0], ahead[:, 1])
    pieces = np.ceil(long / step).astype(np.int64)
    segment = np.repeat(np.arange(len(first)), pieces)
    number = np.arange(len(segment)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    at = (number + 0.5) / pieces[segment]
    x = xy[first[segment], 0] + at * ahead[segment, 0]
    y = xy[first[segment], 1] + at * ahead[segment, 1]
    line = owner[part[first[segment]]].astype(np.int64)
    return x, y, long[segment] / pieces[segment], line


@dataclass(frozen=True, eq=False)
class ZoneCover:
    """Area of zones and how much of it groups of masks cover, in the square of the CRS's unit.

    Attributes
    ----------
    area : array of float, shape (zones,)
        Each zone's own area.
    covered : array of float, shape (groups, zones)
        What any mask of the group covers.
    beyond : array of float, shape (groups, zones)
        What lies outside every raster of the group; 0 where it has polygons.
    """

    area: Floats
    covered: Floats
    beyond: Floats


def cover_zones(
    masks: Sequence[Mask],
    zones: Shapes,
    groups: Sequence[Sequence[int]],
    *,
    crs: object,
    name: str,
) -> ZoneCover:
    """Measure how much of each zone the masks cover, alone and together.

    Polygons alone are intersected exactly. A raster is counted pixel by pixel on its own
    grid, a pixel belonging to the zone that holds its middle and weighing its true area,
    and the zone's own area is shared out in that proportion. A group of rasters on one
    grid, with or without polygons, is counted on that grid; a group of rasters on different
    grids on squares of :data:`MIXED_M`. A group is never given less than a group that it
    holds, which what is lost between grids could make it. Rasters are read some rows at a
    time, never whole.

    Parameters
    ----------
    masks : sequence of Mask
        Polygons in `crs`.
    zones : array of Polygon or MultiPolygon
        In `crs`, which must be metric.
    groups : sequence of sequence of int
        Positions of the masks of each group; a group covers what any of its masks covers.
    crs : CRS, str or int
        CRS of the zones.
    name : str
        What they are used as; the section of region.toml that messages name.

    Returns
    -------
    ZoneCover

    Raises
    ------
    UnreadableSourceError, NoCrsError
        As :func:`bredband_gis.rasters.sample_raster`.
    WrongCrsError
        A raster lies outside all zones.
    """
    area = shapely.area(zones)
    home = crs_.parse_crs(crs)
    grids = [_grid_of(mask, name) for mask in masks]
    # Each raster alone as well: to refuse one that lies elsewhere.
    wanted = [frozenset(group) for group in groups]
    wanted += [frozenset([k]) for k in range(len(masks)) if frozenset([k]) not in wanted]
    covered, beyond = np.zeros((len(wanted), len(area))), np.zeros((len(wanted), len(area)))
    on: dict[_Grid, list[int]] = {}
    lattices: dict[tuple[object, ...], _Grid] = {}
    for number, group in enumerate(wanted):
        theirs = {grid.lattice(): grid for k in group if (grid := grids[k]) is not None}
        if not theirs:
            covered[number] = _exact([masks[k] for k in group], zones)
        else:
            _, grid = theirs.popitem()
            grid = _Grid.mixed(zones, home) if theirs else lattices.setdefault(grid.lattice(), grid)
            on.setdefault(grid, []).append(number)
    for grid, numbers in on.items():
        there = _count(grid, grids, masks, [wanted[n] for n in numbers], zones, home, name)
        covered[numbers], beyond[numbers] = there[0] * area, there[1] * area
    for number, group in enumerate(wanted):
        for other, part in enumerate(wanted):
            if part < group:
                covered[number] = np.maximum(covered[number], covered[other])
        mask = masks[min(group)]
        if len(group) == 1 and mask.source is not None and (beyond[number] >= area).all():
            msg = "the raster lies outside the region"
            fix = "check the raster's CRS, or take another that covers the region"
            raise WrongCrsError(msg, where=mask.source.path.name, fix=fix)
    return ZoneCover(area, np.minimum(covered, area)[: len(groups)], beyond[: len(groups)])


@dataclass(frozen=True)
class _Grid:
    """A lattice of pixels without end, and which part of it a raster fills."""

    crs: str
    transform: tuple[float, float, float, float, float, float]
    width: int = 0
    height: int = 0

    @classmethod
    def of(cls, raster: Any, source: Source) -> _Grid:
        said = crs_.parse_crs(raster_crs(raster, source)).to_wkt()
        a, b, c, d, e, f = (float(value) for value in raster.transform[:6])
        return cls(said, (a, b, c, d, e, f), raster.width, raster.height)

    @classmethod
    def mixed(cls, zones: Shapes, crs: Any) -> _Grid:
        box = shapely.total_bounds(zones)
        left, top = np.floor(box[0] / MIXED_M) * MIXED_M, np.ceil(box[3] / MIXED_M) * MIXED_M
        return cls(crs.to_wkt(), (MIXED_M, 0.0, float(left), 0.0, -MIXED_M, float(top)))

    def affine(self, column: int = 0, row: int = 0) -> Any:
        """Give the transform of the lattice as seen from one of its corners."""
        from affine import Affine  # noqa: PLC0415 - comes with rasterio, slow to import

        a, b, c, d, e, f = self.transform
        return Affine(a, b, a * column + b * row + c, d, e, d * column + e * row + f)

    def lattice(self) -> tuple[object, ...]:
        """Give what pixels of one lattice have in common, wherever their rasters begin."""
        a, b, _, d, e, _ = self.transform
        column, row = self.pixels(np.zeros(1), np.zeros(1))
        phase = [round(float(value[0] % 1), 4) % 1 for value in (column, row)]
        return self.crs, round(a, 9), round(b, 9), round(d, 9), round(e, 9), *phase

    def pixels(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Give column and row of points of the grid's CRS."""
        a, b, c, d, e, f = (~self.affine())[:6]
        return a * x + b * y + c, d * x + e * y + f

    def at(self, column: Floats, row: Floats, crs: object) -> tuple[Floats, Floats]:
        """Give the place of pixel coordinates in a CRS."""
        a, b, c, d, e, f = self.transform
        return crs_.transform_points(
            a * column + b * row + c, d * column + e * row + f, self.crs, crs
        )

    def holds(self, column: Floats, row: Floats) -> Bools:
        inside = (column >= 0) & (column < self.width) & (row >= 0) & (row < self.height)
        return np.asarray(inside, dtype=bool)

    def pixel_area(self, column: float, rows: Floats, crs: object) -> Floats:
        """Measure the pixels of some rows in a metric CRS, at one column."""
        middle = np.full(len(rows), column)
        x, y = self.at(
            np.concatenate([middle, middle + 1, middle]),
            np.concatenate([rows, rows, rows + 1]),
            crs,
        )
        x, y = x.reshape(3, -1), y.reshape(3, -1)
        return np.asarray(
            np.abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])),
            dtype=np.float64,
        )


def _grid_of(mask: Mask, name: str) -> _Grid | None:
    if mask.source is None:
        return None
    with open_raster(mask.source, name=name) as raster:
        raster_band(raster, mask.source)
        return _Grid.of(raster, mask.source)


def _exact(masks: Sequence[Mask], zones: Shapes) -> Floats:
    areas = [mask.areas for mask in masks if mask.areas is not None]
    union = shapely.union_all(np.concatenate(areas)) if areas else shapely.MultiPolygon()
    return np.asarray(shapely.area(shapely.intersection(zones, union)), dtype=np.float64)


def _count(
    grid: _Grid,
    grids: Sequence[_Grid | None],
    masks: Sequence[Mask],
    groups: Sequence[frozenset[int]],
    zones: Shapes,
    crs: Any,
    name: str,
) -> tuple[Floats, Floats]:
    """Count pixels: per group and zone, the share covered and the share beyond its rasters."""
    from rasterio.features import rasterize  # noqa: PLC0415 - slow to import

    there = crs_.parse_crs(grid.crs)
    shapes = move(zones, crs, there)
    column, row = grid.pixels(*shapely.get_coordinates(shapes).T)
    if not (np.isfinite(column).all() and np.isfinite(row).all()):  # the other side of the earth
        return np.zeros((len(groups), len(zones))), np.ones((len(groups), len(zones)))
    left, width = int(np.floor(column.min())), int(np.ceil(np.ptp(column))) + 1
    top, bottom = int(np.floor(row.min())), int(np.ceil(row.max()))
    used = sorted(set().union(*groups))
    polygons = {k: move(areas, crs, there) for k in used if (areas := masks[k].areas) is not None}
    total = np.zeros(len(zones))
    covered, beyond = np.zeros((len(groups), len(zones))), np.zeros((len(groups), len(zones)))
    rows = max(1, _STRIP_PIXELS // width)
    for first in range(top, bottom, rows):
        shape = (min(rows, bottom - first), width)
        burn: dict[str, Any] = {
            "out_shape": shape, "transform": grid.affine(left, first), "fill": 0,
        }  # fmt: skip
        numbered = ((one, k + 1) for k, one in enumerate(shapes) if one and not one.is_empty)
        zone = rasterize(numbered, dtype="int32", **burn)
        i, j = np.nonzero(zone)
        if not len(i):
            continue
        mine = zone[i, j].astype(np.int64) - 1
        height = np.arange(shape[0], dtype=np.float64)
        size = grid.pixel_area(left + width / 2, first + height, crs)[i]
        total += np.bincount(mine, weights=size, minlength=len(zones))
        cover = np.zeros(len(i), dtype=np.int64)  # a bit per mask
        within = np.zeros(len(i), dtype=np.int64)
        for bit, k in enumerate(used):
            mask, own = masks[k], grids[k]
            if mask.source is None or own is None:
                ones = [(one, 1) for one in polygons[k] if one and not one.is_empty]
                hit = rasterize(ones, dtype="uint8", **burn)[i, j] > 0 if ones else False
                known: Bools | bool = True
            elif own.lattice() == grid.lattice():
                whole, place = _read(mask, own, grid, (left, first), shape, name)
                hit, known = whole[i, j], place[i, j]
            else:
                at_column, at_row = np.asarray([j, i], dtype=np.float64) + 0.5
                x, y = grid.at(at_column + left, at_row + first, own.crs)
                hit = mask_at(mask, x, y, crs=own.crs, name=name, must_meet=False)
                known = own.holds(*own.pixels(x, y))
            cover |= np.asarray(hit, dtype=np.int64) << bit
            within |= np.asarray(known, dtype=np.int64) << bit
        for bits, sums, found in ((cover, covered, True), (within, beyond, False)):
            patterns, of_zone = _tally(bits, mine, size, len(zones))
            for number, group in enumerate(groups):
                ours = sum(1 << used.index(k) for k in group)
                sums[number] += of_zone[((patterns & ours) > 0) == found].sum(axis=0)
    # A zone too small to hold the middle of a pixel is as its own middle is.
    _count_small(np.flatnonzero(total == 0), zones, masks, groups, covered, total, crs, name)
    return covered / np.maximum(total, 1e-300), beyond / np.maximum(total, 1e-300)


def _tally(bits: Ints, zone: Ints, size: Floats, zones: int) -> tuple[Ints, Floats]:
    """Add sizes up by pattern of bits and by zone: one pass, however many groups ask."""
    top = int(bits.max()) + 1
    if top <= 1 << 14:
        patterns, place = np.arange(top, dtype=np.int64), bits
    else:
        patterns, place = np.unique(bits, return_inverse=True)
    sums = np.bincount(place * zones + zone, weights=size, minlength=len(patterns) * zones)
    return patterns, sums.astype(np.float64).reshape(len(patterns), zones)


def _read(
    mask: Mask,
    own: _Grid,
    grid: _Grid,
    corner: tuple[int, int],
    shape: tuple[int, int],
    name: str,
) -> tuple[Bools, Bools]:
    """Read a part of a lattice from a raster that lies on it: what it covers, where it is."""
    from rasterio.windows import Window  # noqa: PLC0415

    covered, known = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    start = grid.pixels(*np.array([[own.transform[2]], [own.transform[5]]]))
    left, top = corner[0] - round(start[0][0]), corner[1] - round(start[1][0])
    first_column, last_column = max(left, 0), min(left + shape[1], own.width)
    first_row, last_row = max(top, 0), min(top + shape[0], own.height)
    if first_column >= last_column or first_row >= last_row or mask.source is None:
        return covered, known
    window = Window(first_column, first_row, last_column - first_column, last_row - first_row)
    with open_raster(mask.source, name=name) as raster:
        band = raster_band(raster, mask.source)
        pixels = raster.read(band, window=window, masked=True)
        scale, offset = raster.scales[band - 1], raster.offsets[band - 1]
    values = pixels if (scale, offset) == (1, 0) else pixels * scale + offset
    part = np.s_[first_row - top : last_row - top, first_column - left : last_column - left]
    covered[part] = np.ma.filled(values >= mask.threshold, False)
    known[part] = True
    return covered, known


def _count_small(
    small: Ints,
    zones: Shapes,
    masks: Sequence[Mask],
    groups: Sequence[frozenset[int]],
    covered: Floats,
    total: Floats,
    crs: object,
    name: str,
) -> None:
    small = small[shapely.area(zones[small]) > 0]
    if not len(small):
        return
    middle = shapely.point_on_surface(zones[small])
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    total[small] = 1.0
    for number, group in enumerate(groups):
        hits = [mask_at(masks[k], x, y, crs=crs, name=name, must_meet=False) for k in group]
        covered[number, small] = np.logical_or.reduce(hits)
