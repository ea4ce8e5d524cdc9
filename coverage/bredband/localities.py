"""Localities: one row each, their population counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import BadValueError

from bredband.tables import need_columns

if TYPE_CHECKING:
    from collections.abc import Sequence


def dissolve_localities(
    localities: gpd.GeoDataFrame,
    *,
    code: str = "locality_code",
    once: Sequence[str] = ("population",),
    where: str = "layer localities",
) -> gpd.GeoDataFrame:
    """Make one row of each locality that is drawn as several polygons.

    Maps draw a locality on both sides of a river or a motorway as two polygons, each of
    which carries the whole locality's population: summed by polygon it counts twice.

    Parameters
    ----------
    localities : GeoDataFrame
        Polygons; rows without a code (empty or 0) are localities of their own.
    code : str
        The column that names the locality.
    once : sequence of str
        Columns that hold a number of the whole locality, such as its population; those that
        are not there do not matter.
    where : str
        Named in messages.

    Returns
    -------
    GeoDataFrame
        The same columns, one row per locality, each as its first polygon has it; the
        geometry is that of all its polygons. Index: that of the first polygon.

    Raises
    ------
    MissingColumnError
        There is no column ``code``.
    BadValueError
        Polygons of one locality say different numbers in a column of ``once``.
    """
    need_columns(localities, (code,), where, fix="name the column that holds the code")
    group = _groups(localities[code])
    first = np.unique(group, return_index=True)[1]
    for name in once:
        if name not in localities:
            continue
        told = localities[name].reset_index(drop=True)
        rows = pd.DataFrame({"group": group, "told": told}).drop_duplicates()["group"]
        differ = rows[rows.duplicated()].unique()
        if len(differ):
            codes = localities[code].iloc[first[differ]].astype("str").tolist()
            msg = f"polygons of {len(codes)} localities say different {name}: " + ", ".join(
                codes[:5]
            )
            raise BadValueError(
                msg, where=where, fix=f"correct {name}, or give the polygons codes of their own"
            )
    shapes = np.asarray(localities.geometry.array, dtype=object)
    joined = shapes[first].copy()
    several = np.flatnonzero(np.bincount(group) > 1)
    for each in several:
        joined[each] = shapely.union_all(shapes[group == each])
    order = np.argsort(first, kind="stable")
    rows = localities.iloc[first[order]].copy()
    rows[localities.geometry.name] = gpd.GeoSeries(
        joined[order], index=rows.index, crs=localities.crs
    )
    return rows


def _groups(codes: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Give each locality a number; a row without a code is one of its own."""
    text = codes.astype("str").str.strip().str.replace(r"\.0+$", "", regex=True)
    nameless = codes.isna() | text.isin(["", "0"])
    number = pd.factorize(text)[0].astype(np.int64)
    own = number.max(initial=-1) + 1 + np.arange(len(codes))
    group = np.where(nameless.to_numpy(), own, number)
    return np.unique(group, return_inverse=True)[1].reshape(-1).astype(np.int64)
