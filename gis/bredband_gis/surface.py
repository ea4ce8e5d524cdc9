"""What lies under lines: classes of rasters, slopes and polygons, to the metre.

Lines are cut exactly where they pass from one cell of a raster to the next, or over the
border of a polygon. Rasters are read window by window, only where lines are, so that they
may be larger than memory. A raster in another CRS is not warped: the lines' vertices are
brought over, with so many between them that a piece's bend is less than a decimetre.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import shapely

from bredband_gis import crs as crs_
from bredband_gis.curve import compiled
from bredband_gis.errors import WrongCrsError
from bredband_gis.points import LineVertices, line_vertices, locate
from bredband_gis.rasters import open_raster, raster_band, raster_crs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from bredband_gis.files import Source

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Codes = NDArray[np.int16]
    Lines = Sequence[shapely.Geometry] | NDArray[Any]

UNLISTED: Final = -1
"""Code of a value that no class lists, and of what no polygon holds."""

NO_DATA: Final = -2
"""Code of what lies outside the raster, or where it holds no data."""

_TILE: Final = 2048
"""Pixels along the side of the tiles by which pieces of lines are gathered."""

_LONGEST_PX: Final = 1024
_LONGEST_M: Final = 1000.0
"""A piece of a line is no longer than this; metres where the raster has another CRS. A
straight kilometre bends less than 0.1 m between two conformal projections of a country."""

_TINY: Final = 1e-6
"""Metres: cuts nearer to each other than this are one."""


class ValueClass(NamedTuple):
    """Values of a raster that are one class: listed, or from a lowest up to below a highest."""

    values: tuple[float, ...] = ()
    at_least: float = np.nan
    below: float = np.nan


@dataclass(frozen=True, eq=False)
class Stretches:
    """Lines cut where what lies under them changes; all arrays have one row per stretch.

    Attributes
    ----------
    line : array of int64
        Position of the line; rising. Together a line's stretches are the line.
    start, stop : array of float64
        Metres along it; the parts of a multiline follow each other without gap.
    code : array of int64, shape (n,) or (n, layers)
        What lies there: position of its class, ``UNLISTED`` or ``NO_DATA``.
    """

    line: Ints
    start: Floats
    stop: Floats
    code: Ints

    @property
    def length(self) -> Floats:
        """Metres of each stretch."""
        return self.stop - self.start

    def metres(self, codes: ArrayLike, *, layer: int | None = None) -> Floats:
        """Add up the metres of each of some codes, over all lines."""
        held = self.code if layer is None else self.code[:, layer]
        return np.array([self.length[held == code].sum() for code in np.asarray(codes)])


def classify(values: ArrayLike, classes: Sequence[ValueClass]) -> Codes:
    """Give each value the position of the first class that holds it.

    Parameters
    ----------
    values : array of number
        Values; nan is no data.
    classes : sequence of ValueClass
        What is held by none is ``UNLISTED``.
    """
    held = np.asarray(values)
    code = np.full(held.shape, UNLISTED, dtype=np.int16)
    for place in range(len(classes) - 1, -1, -1):
        one = classes[place]
        if one.values:
            code[np.isin(held, one.values)] = place
        if not (np.isnan(one.at_least) and np.isnan(one.below)):
            inside = np.ones(held.shape, dtype=bool)
            if not np.isnan(one.at_least):
                inside &= held >= one.at_least
            if not np.isnan(one.below):
                inside &= held < one.below
            code[inside] = place
    if held.dtype.kind == "f":
        code[np.isnan(held)] = NO_DATA
    return code


def lay_on_raster(
    lines: Lines,
    source: Source,
    classes: Sequence[ValueClass],
    *,
    crs: object,
    name: str = "land_cover",
    must_meet: bool = True,
) -> Stretches:
    """Cut lines where the class of a raster's values changes.

    Parameters
    ----------
    lines : sequence of LineString or MultiLineString
        In ``crs``.
    source : Source
        The raster; ``layer`` is the number of its band (1 when not given), ``crs`` what it
        is in where it does not say. Scale and offset are applied.
    classes : sequence of ValueClass
        What values mean.
    crs : CRS, str or int
        CRS of the lines, metric.
    name : str
        What the raster is used as; the section of region.toml that messages name.
    must_meet : bool
        Whether to refuse a raster that no line lies in.

    Returns
    -------
    Stretches
        A line that runs along a border of cells lies in the cell to the right of it or
        below it. Lines of no length have no stretch.

    Raises
    ------
    UnreadableSourceError
        Missing, damaged or no raster, or no such band.
    NoCrsError
        Neither the raster nor ``source`` says the CRS.
    WrongCrsError
        No line at all lies in the raster.
    NotMetricError
        ``crs`` cannot measure lengths.
    """
    metric = crs_.metric_crs(crs)
    vertices = line_vertices(lines)
    with open_raster(source, name=name) as raster:
        said, band = raster_crs(raster, source), raster_band(raster, source)
        pixel = float(np.sqrt(abs(raster.transform.determinant)))
        same = crs_.same_crs(crs_.parse_crs(said), metric)
        pieces = _pieces(vertices, _LONGEST_PX * pixel if same else _LONGEST_M)
        tail, head = (
            _to_pixels(raster, *crs_.transform_points(xy[:, 0], xy[:, 1], metric, said))
            for xy in (pieces.tail, pieces.head)
        )
        shape = (raster.height, raster.width)
        known = np.isfinite(np.column_stack([tail, head])).all(axis=1)
        if must_meet and known.size and not _meets(tail[known], head[known], shape):
            box = ", ".join(f"{value:.0f}" for value in raster.bounds)
            msg = f"no line lies in the raster ({box} in {crs_.name_crs(said)})"
            fix = "check the raster's CRS, or take another that covers the region"
            raise WrongCrsError(msg, where=source.path.name, fix=fix)
        at, share, code = [], [], []
        for mine, window in _windows(tail, head, np.flatnonzero(known), shape):
            codes = _read_codes(raster, band, window, classes)
            top, left = window[:2]
            which, begin, found = _cut(tail[mine], head[mine], codes, left, top)
            at.append(mine[which])
            share.append(begin)
            code.append(found)
        rest = np.flatnonzero(~known)
        at.append(rest)
        share.append(np.zeros(rest.size))
        code.append(np.full(rest.size, NO_DATA))
    return _gather(
        vertices, pieces, np.concatenate(at), np.concatenate(share), np.concatenate(code)
    )


def lay_on_grid(
    lines: Lines, codes: NDArray[Any], *, west: float, north: float, cell_m: float
) -> Stretches:
    """Cut lines where the code of a grid in memory changes.

    Parameters
    ----------
    lines : sequence of LineString or MultiLineString
        In the CRS of the grid.
    codes : array of int, shape (rows, columns)
        Codes of square cells, the first row the northernmost.
    west, north : float
        Upper left corner of the grid, m.
    cell_m : float
        Side of the cells, m.

    Returns
    -------
    Stretches
        Outside the grid the code is ``NO_DATA``.
    """
    vertices = line_vertices(lines)
    pieces = _pieces(vertices, np.inf)
    tail, head = (
        np.column_stack([(xy[:, 0] - west) / cell_m, (north - xy[:, 1]) / cell_m])
        for xy in (pieces.tail, pieces.head)
    )
    found = _cut(tail, head, np.ascontiguousarray(codes), 0, 0)
    return _gather(vertices, pieces, *found)


def lay_on_polygons(
    lines: Lines, polygons: Sequence[shapely.Geometry] | NDArray[Any], code: ArrayLike
) -> Stretches:
    """Cut lines where they pass the borders of polygons.

    Parameters
    ----------
    lines : sequence of LineString or MultiLineString
        The lines.
    polygons : sequence of Polygon or MultiPolygon
        In the CRS of the lines; where several overlap, the first counts.
    code : array of int
        What each polygon is.

    Returns
    -------
    Stretches
        ``UNLISTED`` where no polygon is.
    """
    vertices = line_vertices(lines)
    shapes = np.asarray(polygons, dtype=object)
    pieces = _pieces(vertices, np.inf)
    piece, share = _crossings(pieces, shapes)
    at = np.concatenate([np.arange(pieces.start.size), piece])
    share = np.concatenate([np.zeros(pieces.start.size), share])
    order = np.lexsort((share, at))
    at, share = at[order], share[order]
    # The middle of each piece tells what it lies in.
    end = np.ones(at.size)
    end[:-1] = np.where(at[1:] == at[:-1], share[1:], 1.0)
    middle = ((share + end) / 2)[:, np.newaxis]
    x, y = (pieces.tail[at] * (1 - middle) + pieces.head[at] * middle).T
    found = locate(x, y, shapes)
    codes = np.append(np.asarray(code, dtype=np.int16), np.int16(UNLISTED))[found]
    return _gather(vertices, pieces, at, share, codes)


def lay_on_slope(
    lines: Lines,
    source: Source,
    classes: Sequence[ValueClass],
    *,
    crs: object,
    step_m: float,
    name: str = "elevation",
    must_meet: bool = True,
) -> Stretches:
    """Cut lines where the class of their slope changes.

    Parameters
    ----------
    lines, source, crs, name, must_meet
        As :func:`lay_on_raster`; the raster holds heights in metres.
    classes : sequence of ValueClass
        Of slopes, per cent, rising or falling alike.
    step_m : float
        Each part of a line is taken in steps of one length, the longest that is no longer
        than this; a step's slope is the difference in height of its ends over its length.
        Shorter steps see more of the raster's noise.

    Returns
    -------
    Stretches
        Heights are interpolated between the middles of pixels; ``NO_DATA`` where an end
        of a step has none.

    Raises
    ------
    UnreadableSourceError, NoCrsError, WrongCrsError, NotMetricError
        As :func:`lay_on_raster`.
    """
    metric = crs_.metric_crs(crs)
    vertices = line_vertices(lines)
    first = _firsts(vertices.part)
    last = np.append(first[1:], vertices.part.size)[: first.size] - 1
    length = vertices.run[last] - vertices.run[first]
    first, last, length = (a[length > 0] for a in (first, last, length))
    count = np.ceil(length / step_m).astype(np.int64)
    owner = np.repeat(np.arange(count.size), count + 1)
    number = np.arange(owner.size) - np.repeat(np.cumsum(count + 1) - count - 1, count + 1)
    run = vertices.run[first][owner] + number * (length / count)[owner]
    before = np.searchsorted(vertices.run, run, side="right") - 1
    before = np.clip(before, first[owner], last[owner] - 1)
    size = vertices.run[before + 1] - vertices.run[before]
    share = np.divide(run - vertices.run[before], size, out=np.zeros(run.size), where=size > 0)
    share = np.clip(share, 0.0, 1.0)[:, np.newaxis]
    x, y = (vertices.xy[before] * (1 - share) + vertices.xy[before + 1] * share).T
    height = sample_heights(source, x, y, crs=metric, name=name, must_meet=must_meet)
    step = np.flatnonzero(owner[1:] == owner[:-1])
    with np.errstate(invalid="ignore"):
        slope = 100.0 * np.abs(height[step + 1] - height[step]) / (run[step + 1] - run[step])
    line = vertices.line[first][owner[step]]
    return _merge(vertices, line, run[step], classify(slope, classes))


def sample_heights(
    source: Source,
    x: ArrayLike,
    y: ArrayLike,
    *,
    crs: object,
    name: str = "elevation",
    must_meet: bool = True,
) -> Floats:
    """Interpolate a raster's values at points, bilinearly between the middles of its pixels.

    Parameters
    ----------
    source, crs, name, must_meet
        As :func:`lay_on_raster`.
    x, y : array of float
        Points in ``crs``.

    Returns
    -------
    array of float64
        nan outside the raster and where the pixel holds no data; the pixel's own value
        where a neighbour holds none.
    """
    with open_raster(source, name=name) as raster:
        said, band = raster_crs(raster, source), raster_band(raster, source)
        there = crs_.transform_points(
            np.asarray(x, dtype=float), np.asarray(y, dtype=float), crs, said
        )
        at = _to_pixels(raster, *there)
        shape = (raster.height, raster.width)
        inside = np.isfinite(at).all(axis=1) & (at >= 0).all(axis=1)
        inside &= (at[:, 0] < shape[1]) & (at[:, 1] < shape[0])
        if must_meet and at.size and not inside.any():
            box = ", ".join(f"{value:.0f}" for value in raster.bounds)
            msg = f"no line lies in the raster ({box} in {crs_.name_crs(said)})"
            fix = "check the raster's CRS, or take another that covers the region"
            raise WrongCrsError(msg, where=source.path.name, fix=fix)
        height = np.full(len(at), np.nan)
        for mine, window in _windows(at, at, np.flatnonzero(inside), shape, margin=1):
            values = _read_values(raster, band, window)
            top, left = window[:2]
            height[mine] = _bilinear(values, at[mine, 0] - left, at[mine, 1] - top)
    return height


def overlay(layers: Sequence[Stretches], vertices: LineVertices) -> Stretches:
    """Lay several cuts of the same lines over each other.

    Parameters
    ----------
    layers : sequence of Stretches
        One or more, of the same lines.
    vertices : LineVertices
        The lines.

    Returns
    -------
    Stretches
        Cut where any of them is cut; ``code`` has a column per layer.
    """
    # End to end all lines are one axis.
    begins = [vertices.origin[layer.line] + layer.start for layer in layers]
    line = np.concatenate([layer.line for layer in layers])
    run = np.concatenate(begins)
    order = np.lexsort((run, line))
    line, run = line[order], run[order]
    fresh = np.ones(run.size, dtype=bool)
    fresh[1:] = (line[1:] != line[:-1]) | (np.diff(run) > _TINY)
    line, run = line[fresh], run[fresh]
    end = _ends(vertices, line, run)
    middle = (run + end) / 2
    code = np.column_stack(
        [
            layer.code[np.searchsorted(begin, middle, side="right") - 1]
            for layer, begin in zip(layers, begins, strict=True)
        ]
    ).astype(np.int64)
    origin = vertices.origin[line]
    return Stretches(line, run - origin, end - origin, code)


def join_equal(stretches: Stretches) -> Stretches:
    """Join neighbours on a line that have the same code.

    Parameters
    ----------
    stretches : Stretches
        With one code each.
    """
    fresh = np.ones(stretches.line.size, dtype=bool)
    fresh[1:] = stretches.line[1:] != stretches.line[:-1]
    fresh[1:] |= stretches.code[1:] != stretches.code[:-1]
    last = np.append(fresh[1:], np.ones(min(fresh.size, 1), dtype=bool))
    return Stretches(
        stretches.line[fresh], stretches.start[fresh], stretches.stop[last], stretches.code[fresh]
    )


class Spans(NamedTuple):
    """Spans of lines cut by stretches.

    owner: the span; row: the stretch; start, stop: metres along the line. In the order of
    the spans, and along each.
    """

    owner: Ints
    row: Ints
    start: Floats
    stop: Floats


def cut_spans(
    stretches: Stretches, vertices: LineVertices, line: Ints, start: Floats, stop: Floats
) -> Spans:
    """Cut spans of lines, such as a graph's edges, where the stretches of their lines end.

    Parameters
    ----------
    stretches : Stretches
        Of all lines.
    vertices : LineVertices
        The lines.
    line, start, stop : array
        Each span's line, and metres along it.
    """
    begin = vertices.origin[stretches.line] + stretches.start
    low, high = vertices.origin[line] + start, vertices.origin[line] + stop
    # The stretch that holds the span's beginning, then those that begin inside it.
    first = np.searchsorted(begin, low + _TINY, side="right") - 1
    after = np.searchsorted(begin, high - _TINY, side="left")
    count = np.maximum(after - first, 1)
    owner = np.repeat(np.arange(line.size), count)
    row = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count) + first[owner]
    origin = vertices.origin[line][owner]
    at = np.maximum(begin[row] - origin, start[owner])
    is_first = np.ones(owner.size, dtype=bool)
    is_first[1:] = owner[1:] != owner[:-1]
    at[is_first] = start
    end = np.append(at[1:], 0.0)[: at.size]
    end[np.append(is_first[1:], True)[: at.size]] = stop
    return Spans(owner, row, at, end)


# --- rasters as grids --------------------------------------------------------------


class Grid(NamedTuple):
    """Square cells with north up: upper left corner (m), side (m), rows and columns."""

    west: float
    north: float
    cell_m: float
    rows: int
    columns: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north, m."""
        south = self.north - self.rows * self.cell_m
        return self.west, south, self.west + self.columns * self.cell_m, self.north


def read_on_grid(
    source: Source, grid: Grid, *, crs: object, name: str, heights: bool = False
) -> NDArray[Any]:
    """Read a raster on other cells: the value at the middle of each.

    Parameters
    ----------
    source, name
        As :func:`lay_on_raster`.
    grid : Grid
        The cells, in ``crs``.
    crs : CRS, str or int
        CRS of the grid; the raster is warped where it has another.
    heights : bool
        Interpolate between pixels, instead of taking the pixel that holds the middle.

    Returns
    -------
    array of float64, shape (rows, columns)
        Scale and offset applied; nan outside the raster and where it holds no data.
    """
    from rasterio import Affine  # noqa: PLC0415 - slow to import
    from rasterio.enums import Resampling  # noqa: PLC0415
    from rasterio.vrt import WarpedVRT  # noqa: PLC0415

    with open_raster(source, name=name) as raster:
        said, band = raster_crs(raster, source), raster_band(raster, source)
        size = grid.cell_m
        with WarpedVRT(
            raster,
            src_crs=said,
            crs=crs_.parse_crs(crs).to_wkt(),
            transform=Affine(size, 0, grid.west, 0, -size, grid.north),
            width=grid.columns,
            height=grid.rows,
            resampling=Resampling.bilinear if heights else Resampling.nearest,
            # Without a value for no data, only an alpha band says what is outside.
            add_alpha=raster.nodata is None and not _has_alpha(raster),
            tolerance=0.01,
        ) as warped:
            pixels = warped.read(band, masked=True).astype(float)
            values = pixels.filled(np.nan)
            found: NDArray[Any] = values * raster.scales[band - 1] + raster.offsets[band - 1]
            return found


def slope_of(height: Floats, cell_m: float) -> Floats:
    """Give the steepest slope in each cell of a grid of heights, per cent.

    Parameters
    ----------
    height : array of float64, shape (rows, columns)
        Heights at the middle of the cells, m.
    cell_m : float
        Side of the cells, m.

    Returns
    -------
    array of float64, shape (rows, columns)
        From the differences between the cells on either side (one side at the rim); nan
        where one of these has no height.
    """
    if min(height.shape) < 2:
        return np.full(height.shape, np.nan)
    down, right = np.gradient(height, cell_m)
    slope: Floats = 100.0 * np.hypot(down, right)
    return slope


def _has_alpha(raster: Any) -> bool:
    from rasterio.enums import ColorInterp  # noqa: PLC0415 - slow to import

    return ColorInterp.alpha in raster.colorinterp


# --- pieces of lines ---------------------------------------------------------------


class _Pieces(NamedTuple):
    """Straight pieces of lines, in order: ends, line, and the run of both ends."""

    tail: Floats
    head: Floats
    line: Ints
    start: Floats
    stop: Floats


def _pieces(vertices: LineVertices, longest: float) -> _Pieces:
    """Take lines apart into straight pieces that are not longer than this."""
    tail = np.flatnonzero((vertices.part[1:] == vertices.part[:-1]) & (np.diff(vertices.run) > 0))
    run, length = vertices.run[tail], vertices.run[tail + 1] - vertices.run[tail]
    count = np.maximum(np.ceil(length / longest), 1).astype(np.int64)
    owner = np.repeat(np.arange(tail.size), count)
    number = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    begin, end = number / count[owner], (number + 1) / count[owner]
    one, other = vertices.xy[tail][owner], vertices.xy[tail + 1][owner]

    def at(share: Floats) -> Floats:
        share = share[:, np.newaxis]
        there: Floats = one * (1 - share) + other * share
        return there

    return _Pieces(
        at(begin),
        at(end),
        vertices.line[tail][owner],
        run[owner] + begin * length[owner],
        run[owner] + end * length[owner],
    )


def _gather(
    vertices: LineVertices, pieces: _Pieces, at: Ints, share: Floats, code: NDArray[Any]
) -> Stretches:
    """Put cuts of pieces in the order of the lines, and join what has the same code."""
    run = pieces.start[at] + share * (pieces.stop - pieces.start)[at]
    # The cuts of one piece are in order already.
    order = np.argsort(at, kind="stable")
    return _merge(vertices, pieces.line[at][order], run[order], code[order])


def _merge(vertices: LineVertices, line: Ints, run: Floats, code: NDArray[Any]) -> Stretches:
    """Join neighbours on a line that have the same code."""
    fresh = np.ones(line.size, dtype=bool)
    fresh[1:] = (line[1:] != line[:-1]) | (code[1:] != code[:-1])
    line, run = line[fresh], run[fresh]
    origin = vertices.origin[line]
    end = _ends(vertices, line, run)
    return Stretches(line, run - origin, end - origin, code[fresh].astype(np.int64))


def _ends(vertices: LineVertices, line: Ints, run: Floats) -> Floats:
    """Give the run where each stretch ends: where the next begins, or its line ends."""
    after = np.searchsorted(vertices.line, line, side="right") - 1
    end = vertices.run[after]
    same = line[1:] == line[:-1]
    end[:-1][same] = run[1:][same]
    return end


def _firsts(part: Ints) -> Ints:
    fresh = np.ones(part.size, dtype=bool)
    fresh[1:] = part[1:] != part[:-1]
    return np.flatnonzero(fresh)


def _crossings(pieces: _Pieces, shapes: NDArray[np.object_]) -> tuple[Ints, Floats]:
    """Find where pieces cross the polygons' borders: piece and share of its length."""
    nothing = np.empty(0, dtype=np.int64), np.empty(0)
    rings = shapely.get_parts(shapely.boundary(shapes[~shapely.is_missing(shapes)]))
    if not rings.size or not pieces.start.size:
        return nothing
    corner, ring = shapely.get_coordinates(rings, return_index=True)
    side = np.flatnonzero(ring[1:] == ring[:-1])
    sides = shapely.linestrings(np.stack([corner[side], corner[side + 1]], axis=1))
    # Most pieces are far from all polygons.
    west, south, east, north = shapely.bounds(shapes[~shapely.is_missing(shapes)]).T
    boxes = shapely.STRtree(shapely.box(west, south, east, north))
    low, high = np.minimum(pieces.tail, pieces.head), np.maximum(pieces.tail, pieces.head)
    near = np.unique(boxes.query(shapely.box(*low.T, *high.T))[0])
    straight = shapely.linestrings(np.stack([pieces.tail[near], pieces.head[near]], axis=1))
    one, other = shapely.STRtree(sides).query(straight, predicate="intersects")
    piece = near[one]
    p, r = pieces.tail[piece], pieces.head[piece] - pieces.tail[piece]
    q, s = corner[side][other], (corner[side + 1] - corner[side])[other]
    across = r[:, 0] * s[:, 1] - r[:, 1] * s[:, 0]
    gap = q - p
    share = np.divide(
        gap[:, 0] * s[:, 1] - gap[:, 1] * s[:, 0],
        across,
        out=np.zeros(across.size),
        where=across != 0,
    )
    inside = (share > 0) & (share < 1)
    return piece[inside], share[inside]


# --- windows of rasters ------------------------------------------------------------

Window = tuple[int, int, int, int]
"""Top, left, rows, columns."""


def _to_pixels(raster: Any, x: Floats, y: Floats) -> Floats:
    """Give column and row of points, shape (n, 2)."""
    a, b, west, d, e, north = raster.transform[:6]
    # From the corner, so that whole metres give whole pixels.
    x, y = x - west, y - north
    if b == d == 0:
        return np.column_stack([x / a, y / e])
    determinant = a * e - b * d
    return np.column_stack([(e * x - b * y) / determinant, (a * y - d * x) / determinant])


def _meets(tail: Floats, head: Floats, shape: tuple[int, int]) -> bool:
    """Tell whether any piece comes near the raster."""
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    size = np.array([shape[1], shape[0]])
    return bool(((high > 0) & (low < size)).all(axis=1).any())


def _windows(
    tail: Floats, head: Floats, rows: Ints, shape: tuple[int, int], *, margin: int = 0
) -> Iterator[tuple[Ints, Window]]:
    """Gather pieces by the tile that they begin in; give each group with the window it needs."""
    if not rows.size:
        return
    size = np.array([shape[1], shape[0]])
    tile = np.clip(np.floor(tail[rows] / _TILE), -1, size // _TILE + 1).astype(np.int64)
    key = tile[:, 1] * (size[0] // _TILE + 4) + tile[:, 0]
    order = np.argsort(key, kind="stable")
    bounds = np.append(_firsts(key[order]), rows.size)
    for begin, end in pairwise(bounds):
        mine = rows[order[begin:end]]
        low = np.minimum(tail[mine], head[mine]).min(axis=0)
        high = np.maximum(tail[mine], head[mine]).max(axis=0)
        left, top = np.clip(np.floor(low) - margin, 0, size).astype(int).tolist()
        right, bottom = np.clip(np.floor(high) + 1 + margin, 0, size).astype(int).tolist()
        yield mine, (top, left, max(bottom - top, 0), max(right - left, 0))


def _read_values(raster: Any, band: int, window: Window) -> Floats:
    from rasterio.windows import Window as Pixels  # noqa: PLC0415 - slow to import

    top, left, rows, columns = window
    pixels = raster.read(band, window=Pixels(left, top, columns, rows), masked=True)
    scale, offset = float(raster.scales[band - 1]), float(raster.offsets[band - 1])
    values: Floats = pixels.astype(float).filled(np.nan) * scale + offset
    return values


def _read_codes(raster: Any, band: int, window: Window, classes: Sequence[ValueClass]) -> Codes:
    from rasterio.windows import Window as Pixels  # noqa: PLC0415 - slow to import

    top, left, rows, columns = window
    if not rows or not columns:
        return np.empty((0, 0), dtype=np.int16)
    pixels = raster.read(band, window=Pixels(left, top, columns, rows), masked=True)
    scale, offset = raster.scales[band - 1], raster.offsets[band - 1]
    data = np.ma.getdata(pixels)
    if data.dtype.kind in "ui" and data.dtype.itemsize <= 2:
        # Each of the few values that there can be is classified once.
        limits = np.iinfo(data.dtype)
        every = np.arange(limits.min, limits.max + 1)
        table = classify(every * scale + offset, classes)
        code = table[data.astype(np.int32) - limits.min]
    else:
        code = classify(data * scale + offset, classes)
    mask = np.ma.getmask(pixels)
    if mask is not np.ma.nomask:
        code[mask] = NO_DATA
    return code


def _bilinear(values: Floats, column: Floats, row: Floats) -> Floats:
    rows, columns = values.shape
    c, r = column - 0.5, row - 0.5
    left, top = np.floor(c).astype(np.int64), np.floor(r).astype(np.int64)
    fc, fr = c - left, r - top
    left0, left1 = np.clip(left, 0, columns - 1), np.clip(left + 1, 0, columns - 1)
    top0, top1 = np.clip(top, 0, rows - 1), np.clip(top + 1, 0, rows - 1)
    upper = values[top0, left0] * (1 - fc) + values[top0, left1] * fc
    lower = values[top1, left0] * (1 - fc) + values[top1, left1] * fc
    found = upper * (1 - fr) + lower * fr
    own = values[
        np.clip(np.floor(row).astype(np.int64), 0, rows - 1),
        np.clip(np.floor(column).astype(np.int64), 0, columns - 1),
    ]
    filled: Floats = np.where(np.isnan(found) | np.isnan(own), own, found)
    return filled


def _cut(
    tail: Floats, head: Floats, codes: NDArray[Any], left: int, top: int
) -> tuple[Ints, Floats, NDArray[np.int64]]:
    """Cut straight pieces, in pixels, where the code changes: piece, share and code."""
    walk = compiled(_walk_kernel)
    ends = (*tail.T.copy(), *head.T.copy())
    count = np.zeros(len(tail), dtype=np.int64)
    none, nothing = np.empty(0), np.empty(0, dtype=np.int64)
    walk(*ends, codes, left, top, count, none, nothing, False)
    offset = np.cumsum(count) - count
    share, code = np.empty(count.sum()), np.empty(count.sum(), dtype=np.int64)
    walk(*ends, codes, left, top, offset, share, code, True)
    return np.repeat(np.arange(len(tail)), count), share, code


def _walk_kernel(
    x0: Floats,
    y0: Floats,
    x1: Floats,
    y1: Floats,
    codes: NDArray[Any],
    left: int,
    top: int,
    place: Ints,
    share: Floats,
    code: Ints,
    fill: bool,
) -> None:
    """Walk each piece from cell to cell; compiled by numba.

    Counts the runs of equal codes into ``place``, or writes them from there on.
    """
    rows, columns = codes.shape
    for piece in range(x0.size):
        dx, dy = x1[piece] - x0[piece], y1[piece] - y0[piece]
        step_x, step_y = (1.0 if dx > 0 else -1.0), (1.0 if dy > 0 else -1.0)
        next_x = np.floor(x0[piece]) + 1.0 if dx > 0 else np.ceil(x0[piece]) - 1.0
        next_y = np.floor(y0[piece]) + 1.0 if dy > 0 else np.ceil(y0[piece]) - 1.0
        t, number, last = 0.0, 0, np.int64(0)
        while True:
            tx = (next_x - x0[piece]) / dx if dx != 0 else np.inf
            ty = (next_y - y0[piece]) / dy if dy != 0 else np.inf
            after = min(tx, ty, 1.0)
            if after > t or (t == 0.0 and after >= 1.0):
                # The middle lies in one cell, whatever the rounding.
                middle = (t + after) / 2
                column = np.int64(np.floor(x0[piece] + dx * middle)) - left
                row = np.int64(np.floor(y0[piece] + dy * middle)) - top
                found = np.int64(-2)
                if 0 <= column < columns and 0 <= row < rows:
                    found = np.int64(codes[row, column])
                if number == 0 or found != last:
                    if fill:
                        share[place[piece] + number] = t
                        code[place[piece] + number] = found
                    number += 1
                    last = found
                t = after
            if after >= 1.0:
                break
            if tx <= after:
                next_x += step_x
            if ty <= after:
                next_y += step_y
        if not fill:
            place[piece] = number
