"""What may be shown to others: cells for points, coarse lines, coarse areas.

Where one household lies, and exactly where cables run or start, is not for
publication (Ledningskollen gives out squares of 1 km; SCB disturbs counts
below 4). These functions turn exact tables into what a published map or file
shows. Every grid starts at (0, 0) of the CRS, so that cells of one size and of
sizes that divide each other always fit together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs
from bredband_gis.errors import NoCrsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray
    from pyproj import CRS

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CELL_M = 250.0
"""Size of published cells, m: what PTS shows (bredbandskartan.se)."""

MIN_HOUSEHOLDS = 3
"""Groups with fewer households are shown as "fewer than" (no published source)."""

COARSE = 4
"""Cells of groups with too few households are this many times larger."""

HOUSEHOLD_CLASSES = (3, 10, 25, 50, 100)
"""Lower bounds of the classes that published trench is shown in."""


def public_cells(
    premises: pd.DataFrame,
    *,
    crs: Any = None,
    cell_m: float = CELL_M,
    min_households: int = MIN_HOUSEHOLDS,
    sums: Sequence[str] = ("workplaces",),
) -> gpd.GeoDataFrame:
    """Count premises per square cell and hide small counts.

    Parameters
    ----------
    premises : DataFrame
        ``x``, ``y`` (m), ``households`` and the columns of ``sums`` that are there: the
        premises to be shown, e.g. the unserved ones.
    crs : optional
        Metric CRS of ``x`` and ``y``; not needed for a GeoDataFrame.
    cell_m : float
        Side of the cells, m.
    min_households : int
        A cell with fewer households has its counts hidden.
    sums : sequence of str
        Further columns of numbers to add up in each cell; 0 where one is not there.

    Returns
    -------
    GeoDataFrame
        One row per cell that holds a premises, from south-west to north-east:
        ``cell_x``, ``cell_y`` (int64, its south-west corner, m), ``hidden`` (bool),
        ``households``, ``sums``, ``premises`` (whole numbers as Int64; empty where hidden)
        and the square, in the CRS of the premises.

    Raises
    ------
    NoCrsError, NotMetricError
        The CRS is missing, or cannot measure a length.
    """
    metric = _metric(crs if crs is not None else getattr(premises, "crs", None), "premises")
    counted = pd.DataFrame(
        {
            "column": _cell(premises["x"], cell_m),
            "row": _cell(premises["y"], cell_m),
            "households": premises["households"].to_numpy(np.int64),
            **{name: premises[name].to_numpy() if name in premises else 0 for name in sums},
            "premises": 1,
        }
    )
    cells = counted.groupby(["row", "column"], as_index=False).sum()
    hidden = cells["households"] < min_households
    counted = cells[["households", *sums, "premises"]]
    whole = [name for name in counted if pd.api.types.is_integer_dtype(counted[name])]
    counts = counted.astype(dict.fromkeys(whole, "Int64")).mask(hidden)
    x, y = cells["column"].to_numpy() * cell_m, cells["row"].to_numpy() * cell_m
    return gpd.GeoDataFrame(
        {"cell_x": x.astype(np.int64), "cell_y": y.astype(np.int64), "hidden": hidden, **counts},
        geometry=shapely.box(x, y, x + cell_m, y + cell_m),
        crs=metric,
    )


def generalise_lines(
    trench: gpd.GeoDataFrame,
    *,
    cell_m: float = CELL_M,
    min_households: int = MIN_HOUSEHOLDS,
    classes: Sequence[float] = HOUSEHOLD_CLASSES,
    by: str = "households_below",
) -> gpd.GeoDataFrame:
    """Make the network of new trench coarse enough to show.

    Every vertex is moved to the nearest corner of the grid, so that a line is off by
    up to 0.71 cells but lines that met still meet; stretches that serve too few
    households, which would point out a house, are left out. Stretches that fall
    together become one.

    Parameters
    ----------
    trench : GeoDataFrame
        ``households_below``, ``by`` and lines in a metric CRS (``tables.TRENCH``).
    cell_m : float
        Grid size, m.
    min_households : int
        Edges that serve fewer are left out.
    classes : sequence of float
        Lower bounds of the classes, rising. Exact numbers are not given: where a
        number falls by one, a household lies.
    by : str
        Column of the number that is classed. Where stretches fall together, the highest
        class counts.

    Returns
    -------
    GeoDataFrame
        ``class_from`` (lower bound of the class) and the lines.
    """
    metric = _metric(trench.crs, "trench")
    pieces = snapped_pieces(
        trench, cell_m=cell_m, min_households=min_households, classes=classes, by=by
    )
    kind = pieces["class_from"].to_numpy().dtype
    found, merged = [], []
    for bound, group in pieces.groupby("class_from"):
        ends = group[["x0", "y0", "x1", "y1"]].to_numpy().reshape(-1, 2, 2) * cell_m
        joined = shapely.line_merge(shapely.multilinestrings(shapely.linestrings(ends)))
        parts = shapely.get_parts(joined)
        merged.append(shapely.simplify(parts, 0.0))
        found.append(np.full(parts.size, bound, kind))
    return gpd.GeoDataFrame(
        {"class_from": np.concatenate([np.empty(0, kind), *found])},
        geometry=np.concatenate([np.empty(0, object), *merged]),
        crs=metric,
    )


def snapped_pieces(
    trench: gpd.GeoDataFrame,
    *,
    cell_m: float = CELL_M,
    min_households: int = MIN_HOUSEHOLDS,
    classes: Sequence[float] = HOUSEHOLD_CLASSES,
    by: str = "households_below",
) -> pd.DataFrame:
    """Give the straight pieces that the published network of trench is made of.

    Parameters
    ----------
    trench, cell_m, min_households, classes, by
        As in :func:`generalise_lines`.

    Returns
    -------
    DataFrame
        ``x0``, ``y0``, ``x1``, ``y1`` (int64, ends in cells from (0, 0)), each piece once,
        and ``class_from``. Stretches that met have pieces that share an end.
    """
    lowest = min_households if by == "households_below" else 0
    bounds = np.unique(np.r_[lowest, classes])
    bounds = bounds[bounds >= lowest]
    kept = trench[trench["households_below"].to_numpy() >= min_households]
    value = bounds[np.searchsorted(bounds, kept[by].to_numpy(), "right") - 1]

    lines, owner = shapely.get_parts(kept.geometry.to_numpy(), return_index=True)
    # Ends stay where they are, so that lines that share one still do once moved.
    lines = shapely.simplify(lines, cell_m / 2)
    start, end, line = _segments(lines)
    start = np.rint(start / cell_m).astype(np.int64)
    end = np.rint(end / cell_m).astype(np.int64)
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    first = np.where(swap[:, None], end, start)
    last = np.where(swap[:, None], start, end)
    pieces = pd.DataFrame(np.column_stack([first, last]), columns=["x0", "y0", "x1", "y1"])
    pieces["class_from"] = value[owner[line]]
    pieces = pieces[(first != last).any(axis=1)]
    once: pd.DataFrame = pieces.groupby(["x0", "y0", "x1", "y1"], as_index=False).max()
    return once


def generalise_areas(
    area_id: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    households: ArrayLike,
    trench: gpd.GeoDataFrame,
    *,
    cell_m: float = CELL_M,
    min_households: int = MIN_HOUSEHOLDS,
    coarse: int = COARSE,
) -> gpd.GeoSeries:
    """Show each build area as the cells that its premises and its trench lie in.

    Parameters
    ----------
    area_id : array of str
        Area of each premises; rows without one are left out.
    x, y : arrays of float
        Their coordinates, m, in the CRS of ``trench``.
    households : array of int
        Their households.
    trench : GeoDataFrame
        ``area_id`` and lines in a metric CRS; may be empty, but must have the CRS.
    cell_m : float
        Side of the cells, m.
    min_households : int
        An area with fewer households is shown in larger cells.
    coarse : int
        How many times larger.

    Returns
    -------
    GeoSeries
        A polygon or multipolygon per area, the index is ``area_id`` (sorted); areas that
        share a cell overlap there. :func:`cell_sizes` says how large each one's cells are.

    Raises
    ------
    NoCrsError, NotMetricError
        The CRS is missing, or cannot measure a length.
    """
    metric = _metric(trench.crs, "trench")
    of_premises = pd.Series(np.asarray(area_id, dtype=object))
    of_trench = pd.Series(trench["area_id"].to_numpy(dtype=object))
    code, names = pd.factorize(pd.concat([of_premises, of_trench]), sort=True)
    at_premises, at_trench = code[: of_premises.size], code[of_premises.size :]

    column, row, owner = _crossed_cells(trench.geometry.to_numpy(), cell_m)
    area = np.concatenate([at_premises, at_trench[owner]])
    column = np.concatenate([_cell(x, cell_m), column])
    row = np.concatenate([_cell(y, cell_m), row])
    known = area >= 0
    held = np.bincount(
        at_premises[at_premises >= 0],
        weights=np.asarray(households, float)[at_premises >= 0],
        minlength=names.size,
    )
    factor = _factors(held, min_households, coarse)
    polygons = _union_cells(
        area[known], column[known], row[known], factor, cell_m, number=names.size
    )
    return gpd.GeoSeries(polygons, index=pd.Index(names, name="area_id"), crs=metric)


def cell_sizes(
    households: ArrayLike,
    *,
    cell_m: float = CELL_M,
    min_households: int = MIN_HOUSEHOLDS,
    coarse: int = COARSE,
) -> Floats:
    """Give the size of the cells that an area is shown in, m, to be stated beside it.

    Parameters
    ----------
    households : array of int
        Households of each area.
    cell_m, min_households, coarse
        As in :func:`generalise_areas`.
    """
    return _factors(households, min_households, coarse) * np.float64(cell_m)


def _factors(households: ArrayLike, min_households: int, coarse: int) -> Ints:
    return np.where(np.asarray(households) < min_households, coarse, 1).astype(np.int64)


def hide_small_areas(areas: gpd.GeoDataFrame, min_households: int) -> gpd.GeoDataFrame:
    """Leave out what would tell how few households an area has.

    Parameters
    ----------
    areas : GeoDataFrame
        ``tables_areas.AREAS``.
    min_households : int
        Areas with fewer unserved households have their numbers hidden.

    Returns
    -------
    GeoDataFrame
        With ``hidden`` (bool); in hidden areas only their name, place, rank and what they hang
        on are left. Sums over the areas before are left out or, for support, rounded to
        100 000 SEK: their differences would give the hidden numbers away.
    """
    hidden = (areas["households"] < min_households).to_numpy()
    kept = {"area_id", "name", "rank", "reached", "municipality_code", "municipality",
            "upstream_area_id", "cumulative_gap_sek", "within_budget", "below_min", "cell_m",
            "provenance", areas.geometry.name}  # fmt: skip
    told = areas.drop(columns="cumulative_households", errors="ignore").copy()
    for name in told.columns.difference(list(kept)):
        if pd.api.types.is_integer_dtype(told[name]):
            told[name] = told[name].astype("Int64")
        told[name] = told[name].mask(hidden)
    if "cumulative_gap_sek" in told:
        told["cumulative_gap_sek"] = told["cumulative_gap_sek"].round(-5)
    return told.assign(hidden=hidden)


def generalise_polygons(
    polygons: gpd.GeoSeries,
    households: ArrayLike,
    *,
    cell_m: float = CELL_M,
    min_households: int = MIN_HOUSEHOLDS,
    coarse: int = COARSE,
) -> gpd.GeoSeries:
    """Replace each polygon by the cells that it touches.

    A polygon that is made of whole cells already stays as it is. Cells are larger
    for polygons with fewer than ``min_households`` households.

    Parameters
    ----------
    polygons : GeoSeries
        Polygons in a metric CRS.
    households : array of int
        Households in each.
    cell_m, min_households, coarse
        As in :func:`generalise_areas`.

    Returns
    -------
    GeoSeries
        With the index of ``polygons``.
    """
    metric = _metric(polygons.crs, "areas")
    factor = _factors(households, min_households, coarse)
    shapes = polygons.to_numpy().copy()
    corner, owner = shapely.get_coordinates(shapes, return_index=True)
    size = cell_m * factor[owner][:, None]
    off_grid = np.abs(corner / size - np.rint(corner / size)).max(axis=1, initial=0.0) > 1e-6
    exact = np.unique(owner[off_grid])
    parts, part_of = shapely.get_parts(shapes[exact], return_index=True)
    column, row, part = _crossed_cells(shapely.boundary(parts), cell_m)
    # A part less than a cell high or wide holds no cell that its outline does not cross.
    west, south, east, north = shapely.bounds(parts).reshape(-1, 4).T
    wide = np.flatnonzero(np.minimum(east - west, north - south) >= cell_m)
    inner = [_inner_cells(parts[at], cell_m) for at in wide]
    inner_part = np.repeat(wide, [len(found) for found in inner])
    inside = np.concatenate([np.empty((0, 2), np.int64), *inner])
    shapes[exact] = _union_cells(
        part_of[np.concatenate([part, inner_part])],
        np.concatenate([column, inside[:, 0]]),
        np.concatenate([row, inside[:, 1]]),
        factor[exact],
        cell_m,
        number=exact.size,
    )
    return gpd.GeoSeries(shapes, index=polygons.index, crs=metric)


def _metric(crs: object, where: str) -> CRS:
    if crs is None:
        msg = "the table does not say which CRS its coordinates are in"
        raise NoCrsError(msg, where=where, fix="set the region's CRS on it")
    return metric_crs(crs)


def _inner_cells(polygon: Any, cell_m: float) -> Ints:
    """Give column and row of the cells whose middle is inside."""
    west, south, east, north = np.floor(np.array(polygon.bounds) / cell_m)
    grid = np.meshgrid(np.arange(west, east + 1), np.arange(south, north + 1))
    column, row = (axis.ravel() for axis in grid)
    shapely.prepare(polygon)
    inside = shapely.contains_xy(polygon, (column + 0.5) * cell_m, (row + 0.5) * cell_m)
    return np.column_stack([column[inside], row[inside]]).astype(np.int64)


def _cell(coordinate: ArrayLike, cell_m: float) -> Ints:
    return np.floor(np.asarray(coordinate, float) / cell_m).astype(np.int64)


def _segments(lines: NDArray[np.object_]) -> tuple[Floats, Floats, Ints]:
    """Give both ends of every straight piece, and the line that it belongs to."""
    corner, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    return corner[:-1][same], corner[1:][same], line[1:][same]


def _crossed_cells(lines: NDArray[np.object_], cell_m: float) -> tuple[Ints, Ints, Ints]:
    """Find every cell that a line passes: column, row and the line's position.

    Each straight piece is cut where it crosses a grid line; the middle of each part
    lies in one cell. So no cell is missed, however short the stretch in it.
    """
    parts, source = shapely.get_parts(lines, return_index=True)
    start, end, line = _segments(parts)
    start, end = start / cell_m, end / cell_m
    number = np.arange(start.shape[0])
    piece, where = [number, number], [np.zeros(number.size), np.ones(number.size)]
    for axis in (0, 1):
        a, b = start[:, axis], end[:, axis]
        low, high = np.ceil(np.minimum(a, b)), np.floor(np.maximum(a, b))
        count = np.maximum(high - low + 1, 0).astype(np.int64)
        count[a == b] = 0
        at = np.repeat(number, count)
        step = np.arange(at.size) - np.repeat(np.cumsum(count) - count, count)
        piece.append(at)
        where.append(np.clip((low[at] + step - a[at]) / (b[at] - a[at]), 0.0, 1.0))
    index, along = np.concatenate(piece), np.concatenate(where)
    order = np.lexsort((along, index))
    index, along = index[order], along[order]
    same = index[1:] == index[:-1]
    index, middle = index[1:][same], (along[1:][same] + along[:-1][same]) / 2
    point = start[index] + (end[index] - start[index]) * middle[:, None]
    cell = np.floor(point).astype(np.int64)
    return cell[:, 0], cell[:, 1], source[line[index]]


def _union_cells(
    group: Ints, column: Ints, row: Ints, factor: Ints, cell_m: float, *, number: int
) -> NDArray[np.object_]:
    """Dissolve each group's cells into one polygon; ``factor`` enlarges a group's cells."""
    column, row = column // factor[group], row // factor[group]
    order = np.lexsort((column, row, group))
    group, column, row = group[order], column[order], row[order]
    new = np.ones(group.size, bool)
    new[1:] = (np.diff(group) != 0) | (np.diff(row) != 0) | (np.diff(column) != 0)
    group, column, row = group[new], column[new], row[new]
    side = cell_m * factor[group]
    boxes = shapely.box(column * side, row * side, (column + 1) * side, (row + 1) * side)
    polygons = np.full(number, None, dtype=object)
    found, first = np.unique(group, return_index=True)
    for at, cells in zip(found, np.split(boxes, first)[1:], strict=True):
        polygons[at] = shapely.coverage_union_all(cells)
    return polygons
