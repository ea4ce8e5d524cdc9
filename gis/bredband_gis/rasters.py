"""Values of rasters at points, and their pixels as cells."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from bredband_gis import crs as crs_
from bredband_gis.errors import NoCrsError, UnreadableSourceError, WrongCrsError
from bredband_gis.files import check_file
from bredband_gis.store import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from bredband_gis.files import Source

_STRIP_ROWS: Final = 2048


def sample_raster(
    source: Source,
    x: ArrayLike,
    y: ArrayLike,
    *,
    crs: object,
    name: str = "coverage",
    must_meet: bool = True,
) -> NDArray[np.float64]:
    """Read the value of the pixel that each point lies in.

    Parameters
    ----------
    source : Source
        The raster; `layer` is the number of its band (1 when not given), `crs` what it is
        in where it does not say.
    x, y : array of float
        Points in `crs`.
    crs : CRS, str or int
        CRS of the points.
    name : str
        What it is used as; the section of region.toml that messages name.
    must_meet : bool
        Whether to refuse a raster that none of the points lies in.

    Returns
    -------
    array of float64
        Per point; nan outside the raster and where it holds no data. The raster's scale
        and offset are applied. Only the rows that hold points are read, some at a time.

    Raises
    ------
    UnreadableSourceError
        Missing, damaged or no raster, or no such band.
    NoCrsError
        Neither the raster nor `source` says the CRS.
    WrongCrsError
        No point at all lies in the raster.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    with open_raster(source, name=name) as raster:
        return _sample(raster, source, x, y, crs, must_meet=must_meet)


@contextmanager
def open_raster(source: Source, *, name: str) -> Iterator[Any]:
    """Open a raster, also one without a place in the world; faults become readable errors.

    Raises
    ------
    UnreadableSourceError
        Missing, damaged or no raster.
    """
    import rasterio  # noqa: PLC0415 - slow to import, and few regions have rasters
    from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415

    path = check_file(source, name=name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # told as NoCrsError later
            with rasterio.open(path) as raster:
                yield raster
    except RasterioError as error:
        reason = first_line(error).replace(str(path), path.name)
        msg = f"the raster cannot be read; it is cut off, damaged or no raster ({reason})"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch it again") from None


def raster_crs(raster: Any, source: Source) -> str:
    """Give the CRS that the source states, or else the raster.

    Raises
    ------
    NoCrsError
        Neither says it.
    """
    said = source.crs or (raster.crs.to_wkt() if raster.crs else None)
    if said is None:
        msg = "the raster does not say its coordinate reference system"
        fix = 'write crs = "EPSG:3006" (or what it is in) under its section in region.toml'
        raise NoCrsError(msg, where=source.path.name, fix=fix)
    return str(said)


def raster_band(raster: Any, source: Source) -> int:
    """Give the number of the band that the source's layer names, 1 where it names none.

    Raises
    ------
    UnreadableSourceError
        There is no such band.
    """
    wanted = source.layer or "1"
    band = int(wanted) if re.fullmatch(r"\d+", wanted) else 0
    if not 1 <= band <= raster.count:
        msg = f"there is no band {wanted!r}; there are {raster.count}"
        raise UnreadableSourceError(msg, where=source.path.name, fix='write layer = "1"')
    return band


def read_cells(
    source: Source, *, crs: object, extent: crs_.Bounds | None = None, name: str = "population"
) -> gpd.GeoDataFrame:
    """Read the pixels of a raster that hold something as cells.

    Parameters
    ----------
    source : Source
        The raster; `layer` is the number of its band (1 when not given), `crs` what it is
        in where it does not say.
    crs : CRS, str or int
        CRS of `extent`.
    extent : tuple of float, optional
        minx, miny, maxx, maxy; only this part is read.
    name : str
        What it is used as; the section of region.toml that messages name.

    Returns
    -------
    GeoDataFrame
        value (scale and offset applied) and the pixel's polygon, in the raster's own CRS,
        row by row from the top. Pixels of no data and of 0 are left out.

    Raises
    ------
    UnreadableSourceError, NoCrsError
        As :func:`sample_raster`.
    WrongCrsError
        No part of the raster lies in `extent`.
    """
    from rasterio.windows import Window  # noqa: PLC0415

    with open_raster(source, name=name) as raster:
        said, band = raster_crs(raster, source), raster_band(raster, source)
        left, top, right, bottom = 0, 0, raster.width, raster.height
        if extent is not None:
            left, top, right, bottom = _pixels_of(raster, said, extent, crs)
            if left >= right or top >= bottom:
                box = ", ".join(f"{value:.0f}" for value in raster.bounds)
                msg = f"no part of the raster lies in the region ({box} in {crs_.name_crs(said)})"
                fix = "check the raster's CRS, or take another that covers the region"
                raise WrongCrsError(msg, where=source.path.name, fix=fix)
        found: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        for first in range(top, bottom, _STRIP_ROWS):
            rows = min(_STRIP_ROWS, bottom - first)
            window = Window(left, first, right - left, rows)
            pixels = raster.read(band, window=window, masked=True).astype(float)
            values = pixels.filled(np.nan) * raster.scales[band - 1] + raster.offsets[band - 1]
            row, column = np.nonzero(np.isfinite(values) & (values != 0))
            found.append((column + left, row + first, values[row, column]))
        column, row, value = (np.concatenate(part) for part in zip(*found, strict=True))
        a, b, c, d, e, f = raster.transform[:6]
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    i, j = column[:, None] + corner[:, 0], row[:, None] + corner[:, 1]
    ring = np.stack([a * i + b * j + c, d * i + e * j + f], axis=2)
    return gpd.GeoDataFrame(
        {"value": pd.Series(value, dtype="float64")},
        geometry=shapely.polygons(ring),
        crs=crs_.parse_crs(said),
    )


def _pixels_of(
    raster: Any, said: str, extent: crs_.Bounds, crs: object
) -> tuple[int, int, int, int]:
    """Give the columns and rows (left, top, right, bottom) that an extent touches."""
    minx, miny, maxx, maxy = extent
    # A straight side of one CRS is bent in another: its middle may reach farther.
    t = np.linspace(0, 1, 21)
    along_x, along_y = minx + t * (maxx - minx), miny + t * (maxy - miny)
    x = np.concatenate([along_x, along_x, np.full(21, minx), np.full(21, maxx)])
    y = np.concatenate([np.full(21, miny), np.full(21, maxy), along_y, along_y])
    there_x, there_y = crs_.transform_points(x, y, crs, said)
    a, b, c, d, e, f = (~raster.transform)[:6]
    column, row = a * there_x + b * there_y + c, d * there_x + e * there_y + f
    if not (np.isfinite(column).all() and np.isfinite(row).all()):
        return 0, 0, 0, 0
    return (
        max(int(np.floor(column.min())), 0),
        max(int(np.floor(row.min())), 0),
        min(int(np.ceil(column.max())), raster.width),
        min(int(np.ceil(row.max())), raster.height),
    )


def _sample(
    raster: Any,
    source: Source,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    crs: object,
    *,
    must_meet: bool,
) -> NDArray[np.float64]:
    from rasterio.windows import Window  # noqa: PLC0415

    name = source.path.name
    said, band = raster_crs(raster, source), raster_band(raster, source)
    there_x, there_y = crs_.transform_points(x, y, crs, said)
    a, b, c, d, e, f = (~raster.transform)[:6]
    column, row = a * there_x + b * there_y + c, d * there_x + e * there_y + f
    inside = (column >= 0) & (column < raster.width) & (row >= 0) & (row < raster.height)
    values = np.full(len(x), np.nan)
    if must_meet and len(x) and not inside.any():
        box = ", ".join(f"{value:.0f}" for value in raster.bounds)
        msg = f"no point lies in the raster ({box} in {crs_.name_crs(said)})"
        fix = "check the raster's CRS, or take another that covers the region"
        raise WrongCrsError(msg, where=name, fix=fix)
    point = np.flatnonzero(inside)
    column, row = column[point].astype(np.int64), row[point].astype(np.int64)
    left, width = (int(column.min()), int(np.ptp(column)) + 1) if len(point) else (0, 1)
    for top in range(0, raster.height, _STRIP_ROWS):
        mine = (row >= top) & (row < top + _STRIP_ROWS)
        if mine.any():
            first, last = int(row[mine].min()), int(row[mine].max())
            pixels = raster.read(
                band, window=Window(left, first, width, last - first + 1), masked=True
            )
            taken = pixels[row[mine] - first, column[mine] - left].astype(float).filled(np.nan)
            values[point[mine]] = taken * raster.scales[band - 1] + raster.offsets[band - 1]
    return values
