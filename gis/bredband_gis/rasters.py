"""Values of rasters at points."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bredband_gis import crs as crs_
from bredband_gis.errors import NoCrsError, UnreadableSourceError, WrongCrsError
from bredband_gis.files import check_file
from bredband_gis.store import first_line

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from bredband_gis.files import Source

_STRIP_ROWS: Final = 2048


def sample_raster(
    source: Source, x: ArrayLike, y: ArrayLike, *, crs: object
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
    import rasterio  # noqa: PLC0415 - slow to import, and few regions have rasters
    from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415

    path = check_file(source, name="coverage")
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # told as NoCrsError below
            with rasterio.open(path) as raster:
                return _sample(raster, source, x, y, crs)
    except RasterioError as error:
        reason = first_line(error).replace(str(path), path.name)
        msg = f"the raster cannot be read; it is cut off, damaged or no raster ({reason})"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch it again") from None


def _sample(
    raster: Any, source: Source, x: NDArray[np.float64], y: NDArray[np.float64], crs: object
) -> NDArray[np.float64]:
    from rasterio.windows import Window  # noqa: PLC0415

    name = source.path.name
    said = source.crs or (raster.crs.to_wkt() if raster.crs else None)
    if said is None:
        msg = "the raster does not say its coordinate reference system"
        fix = 'write crs = "EPSG:3006" (or what it is in) under its section in region.toml'
        raise NoCrsError(msg, where=name, fix=fix)
    wanted = source.layer or "1"
    band = int(wanted) if re.fullmatch(r"\d+", wanted) else 0
    if not 1 <= band <= raster.count:
        msg = f"there is no band {wanted!r}; there are {raster.count}"
        raise UnreadableSourceError(msg, where=name, fix='write layer = "1"')
    there_x, there_y = crs_.transform_points(x, y, crs, said)
    a, b, c, d, e, f = (~raster.transform)[:6]
    column, row = a * there_x + b * there_y + c, d * there_x + e * there_y + f
    inside = (column >= 0) & (column < raster.width) & (row >= 0) & (row < raster.height)
    values = np.full(len(x), np.nan)
    if len(x) and not inside.any():
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
