"""Ids and names of build areas, both from where an area lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
import shapely

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Texts = NDArray[np.object_]

Language = Literal["sv", "en"]

CELL_M: Final = 1000.0
"""Side of the cell that an id names, m: a whole kilometre points at no house."""

PARTS: Final = 4
"""Into so many parts each way a cell is divided for the letter: of 250 m, as PTS publishes (F)."""

MANY: Final = 10
"""From so many households the id of an area may tell the part of the cell (U)."""

COMPASS: Final[Mapping[str, tuple[str, ...]]] = {
    "sv": ("N", "NO", "O", "SO", "S", "SV", "V", "NV"),
    "en": ("N", "NE", "E", "SE", "S", "SW", "W", "NW"),
}
"""The eight directions, clockwise from north."""

NOT_REACHED: Final[Mapping[str, str]] = {"sv": "ej nådda", "en": "not reached"}


def place_ids(codes: Texts, x: Floats, y: Floats, lettered: NDArray[np.bool_]) -> Texts:
    """Give every area an id that comes from where it lies, and from nothing else.

    Parameters
    ----------
    codes : array of str
        Municipality of each area.
    x, y : array of float
        Its middle building, m.
    lettered : array of bool
        Whether its id may tell the part of the cell; an area of a few homes should not.

    Returns
    -------
    array of str
        Municipality code, and the kilometres east and north of the cell of 1 km that holds
        the middle building, with a letter for the part of the cell, a in the north-west to p
        in the south-east: 2513-832-7468k. So an id stays as it is when prices or other areas
        change. Should several areas have the same, all but the northernmost have a number
        after it.
    """
    east, north = np.floor(x / CELL_M), np.floor(y / CELL_M)
    column = np.floor((x / CELL_M - east) * PARTS).astype(np.int64).clip(0, PARTS - 1)
    row = PARTS - 1 - np.floor((y / CELL_M - north) * PARTS).astype(np.int64).clip(0, PARTS - 1)
    letter = np.array([*"abcdefghijklmnop"], dtype=object)[row * PARTS + column]
    cell = pd.DataFrame({"east": east, "north": north}).astype("int64")
    text = pd.Series(codes, dtype=object).astype("str")
    for name, digits in (("east", 3), ("north", 4)):
        text = text + "-" + cell[name].astype("str").str.zfill(digits)
    text = text + np.where(lettered, letter, "")
    rows = pd.DataFrame({"text": text, "x": x, "y": y})
    order = rows.sort_values(["y", "x"], ascending=[False, True], kind="stable")
    number = order.groupby("text").cumcount().sort_index()
    return _numbered(text, number, "-")


def name_areas(
    x: Floats,
    y: Floats,
    municipality: Texts,
    *,
    localities: gpd.GeoDataFrame | None = None,
    municipalities: gpd.GeoDataFrame | None = None,
    language: Language = "sv",
) -> Texts:
    """Name areas after the nearest locality.

    Parameters
    ----------
    x, y : array of float
        The middle building of each area, m; the order decides ties.
    municipality : array of str
        Name of the municipality of each.
    localities : GeoDataFrame, optional
        Polygons or points with ``locality_name``, same CRS; rows without a name do not count.
    municipalities : GeoDataFrame, optional
        ``tables.MUNICIPALITIES``: where there are no localities, areas are named after their
        municipality and the direction from its middle.
    language : {"sv", "en"}
        Of the directions: NO or NE.

    Returns
    -------
    array of str
        Its name alone for an area whose middle building lies in the locality, otherwise with
        the direction from the middle of the locality: Vittangi NO. Where several are called
        the same, all but the nearest have a number: Vittangi NO 2.
    """
    named = None
    if localities is not None and "locality_name" in localities:
        text = localities["locality_name"].astype("object")
        shapes = localities.geometry
        has = text.notna() & text.astype("str").str.strip().ne("")
        has &= ~shapes.isna() & ~shapes.is_empty
        named = localities[has] if has.any() else None
    points = shapely.points(x, y)
    if named is not None:
        shapes = named.geometry.to_numpy()
        nearest, distance = _nearest(points, shapes)
        base = named["locality_name"].astype("str").str.strip().to_numpy(dtype=object)[nearest]
        middle = shapely.centroid(shapes)[nearest]
        inside = distance == 0
    else:
        base, distance = municipality, np.zeros(x.size)
        middle, inside = points, np.ones(x.size, np.bool_)
        if municipalities is not None and "geometry" in municipalities:
            by_name = municipalities.drop_duplicates("municipality_name")
            row = pd.Index(by_name["municipality_name"]).get_indexer(pd.Index(municipality))
            middle = shapely.centroid(by_name.geometry.to_numpy())[row]
            distance = shapely.distance(points, middle)
            inside = row < 0
    east, north = x - shapely.get_x(middle), y - shapely.get_y(middle)
    eighth = np.rint(np.arctan2(east, north) / (np.pi / 4)).astype(np.int64) % 8
    way = np.array(COMPASS[language], dtype=object)[eighth]
    name = np.where(inside, base, base + " " + way) if x.size else base
    rows = pd.DataFrame({"name": name, "distance": distance})
    number = rows.sort_values("distance", kind="stable").groupby("name").cumcount().sort_index()
    return _numbered(rows["name"].astype("str"), number, " ")


def _numbered(text: pd.Series[str], number: pd.Series[int], sign: str) -> Texts:
    """Write a number after all but the first of those that are called the same."""
    later = text + sign + (number + 1).astype("str")
    found: Texts = text.where(number == 0, later).to_numpy(dtype=object)
    return found


def _nearest(points: Any, shapes: Any) -> tuple[NDArray[np.int64], Floats]:
    """Find the nearest shape of each point, the first of several as near, and its distance."""
    tree = shapely.STRtree(shapes)
    (asked, found), distance = tree.query_nearest(points, return_distance=True, all_matches=True)
    order = np.lexsort((found, asked))
    first = np.unique(asked[order], return_index=True)[1]
    return found[order][first].astype(np.int64), distance[order][first]
