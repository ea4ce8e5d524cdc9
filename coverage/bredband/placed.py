"""Where buildings lie: a point in each, its municipality, and in what CRS that is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from bredband_gis.crs import metric_crs, name_crs, same_crs
from bredband_gis.errors import GeometryError, NoCrsError, WrongCrsError
from bredband_gis.points import locate, nearest_line

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import pyproj
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


def check_metric(frame: gpd.GeoDataFrame, *, where: str) -> pyproj.CRS:
    """Give the CRS of a layer that lengths and areas are measured in.

    Raises
    ------
    NoCrsError, NotMetricError
        It has none, or one that cannot measure a length.
    """
    if frame.crs is None:
        msg = "the layer has no CRS"
        raise NoCrsError(msg, where=where, fix="state it: frame.set_crs('EPSG:3006')")
    return metric_crs(frame.crs)


def check_same_crs(frame: gpd.GeoDataFrame, crs: pyproj.CRS, *, where: str) -> None:
    """Refuse a layer that is not in the CRS of the premises.

    Raises
    ------
    NoCrsError, NotMetricError, WrongCrsError
        It has no CRS, one that cannot measure a length, or another one.
    """
    found = check_metric(frame, where=where)
    if not same_crs(found, crs):
        msg = f"the layer is in {name_crs(found)}, the premises are in {name_crs(crs)}"
        raise WrongCrsError(msg, where=where, fix="bring it over: frame.to_crs(premises.crs)")


def points_in(
    buildings: gpd.GeoDataFrame, where: str
) -> tuple[NDArray[np.object_], Floats, Floats]:
    """Give a point in each building, with its coordinates; nan where there is no geometry.

    Raises
    ------
    GeometryError
        Some are neither points nor polygons.
    """
    shapes = np.asarray(buildings.geometry.array, dtype=object)
    types = shapely.get_type_id(shapes)
    wrong = np.isin(types, [1, 2, 4, 5, 7])
    if wrong.any():
        msg = f"{wrong.sum()} of {len(wrong)} geometries are neither points nor polygons"
        raise GeometryError(msg, where=where, fix="give each building as a point or a polygon")
    points = shapes.copy()
    polygon = np.isin(types, [3, 6])
    points[polygon] = shapely.point_on_surface(shapes[polygon])
    points = shapely.force_2d(points)
    return points, shapely.get_x(points), shapely.get_y(points)


def municipality_of(
    x: Floats, y: Floats, municipalities: gpd.GeoDataFrame, tolerance: float
) -> tuple[Ints, NDArray[np.bool_]]:
    """Give the row of the municipality of each point, -1 for none, and who is only near one.

    Parameters
    ----------
    x, y : array of float
        Points in the CRS of the municipalities; nan lies in none.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES.
    tolerance : float
        A point outside all of them but this near to one belongs to it, m.
    """
    polygons = np.asarray(municipalities.geometry.array, dtype=object)
    found = np.full(len(x), -1, dtype=np.int64)
    known = np.flatnonzero(~np.isnan(x))
    found[known] = locate(x[known], y[known], polygons)
    near = np.zeros(len(x), dtype=bool)
    lost = known[found[known] < 0]
    if len(lost) and tolerance > 0:
        border = shapely.boundary(polygons)
        found[lost] = nearest_line(x[lost], y[lost], border, max_distance=tolerance).line
        near[lost] = found[lost] >= 0
    return found, near


def code_keys(codes: pd.Series[Any]) -> pd.Series[str]:
    """Make codes comparable: 0180, "180" and 180.0 are one municipality."""
    text = codes.astype("str").reset_index(drop=True).str.strip()
    return text.str.replace(r"\.0+$", "", regex=True).str.lstrip("0")
