"""Societal functions (schools, care, fire stations) and areas of later connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.store import quote
from bredband_gis.tabular import as_text

from bredband.placed import check_metric, municipality_of, points_in
from bredband.tables import MUNICIPALITY_CODE, PROVENANCES, column, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PROVENANCE = column(str, "real, derived or synthetic", isin=PROVENANCES)

FUNCTIONS: Final = table(
    "functions",
    "One row per societal function, as a point in the region's metric CRS",
    {
        "x": column("float64", "Easting", unit="m"),
        "y": column("float64", "Northing", unit="m"),
        "kind": column(str, "What it is, as the file says; empty where it does not"),
        "name": column(str, "Its name; empty where the file has none"),
        "municipality_code": MUNICIPALITY_CODE,
        "provenance": _PROVENANCE,
    },
)

LATER_CONNECTION: Final = table(
    "later_connection",
    "Polygons of areas of later connection (efteranslutning), not open for support",
    {"provenance": _PROVENANCE},
)

BORDER_M: Final = 200.0
"""A function outside every municipality but this near one belongs to it, m; as for premises (U)."""

OSM_KINDS: Final = {
    "amenity": (
        "school", "kindergarten", "childcare", "preschool", "college", "university",
        "hospital", "clinic", "doctors", "nursing_home", "social_facility", "fire_station",
        "police", "courthouse", "townhall", "library", "bus_station", "public_building",
    ),
    "healthcare": ("hospital", "clinic", "centre", "doctor", "nurse", "midwife", "hospice"),
    "building": (
        "school", "kindergarten", "college", "university", "hospital", "fire_station",
        "government", "public", "civic", "train_station",
    ),
}  # fmt: skip
"""Tags of OpenStreetMap buildings that say what Lantmäteriet calls Samhällsfunktion (skola,
vårdcentral, sjukhus, brandstation, kommunhus, busstation, F); which tags these are is inferred
(I). The first that a building has is its kind."""


class Functions(NamedTuple):
    """Societal functions, and the rows that are none of the region's."""

    frame: gpd.GeoDataFrame
    """``FUNCTIONS``."""
    outside: NDArray[np.intp]
    """Positions of the rows that lie outside every municipality."""


def osm_condition() -> str:
    """Write the SQL condition that keeps the societal functions of an extract's buildings."""
    return " OR ".join(
        f"{tag} IN ({', '.join(map(quote, values))})" for tag, values in OSM_KINDS.items()
    )


def osm_kind(frame: pd.DataFrame) -> pd.Series[str]:
    """Say what each building of an extract is, by the first tag that says it.

    Parameters
    ----------
    frame : DataFrame
        Columns amenity, healthcare and building, as read from an extract.

    Returns
    -------
    Series of str
        A value of ``OSM_KINDS``, or else what the building is tagged as.
    """
    kind = pd.Series(pd.NA, index=frame.index, dtype="str")
    for tag, values in OSM_KINDS.items():
        kind = kind.fillna(frame[tag].where(frame[tag].isin(values)).astype("str"))
    for tag in OSM_KINDS:
        kind = kind.fillna(frame[tag].astype("str"))
    return kind


def place_functions(
    frame: gpd.GeoDataFrame, municipalities: gpd.GeoDataFrame, *, provenance: str, where: str
) -> Functions:
    """Make a point of each societal function and find the municipality that it lies in.

    Parameters
    ----------
    frame : GeoDataFrame
        Points or polygons in a metric CRS, with ``kind`` and, if there, ``name``.
    municipalities : GeoDataFrame
        ``tables.MUNICIPALITIES``, same CRS.
    provenance : str
        real, derived or synthetic.
    where : str
        File and layer, for messages.

    Raises
    ------
    NoCrsError, NotMetricError
        The CRS is missing, or cannot measure a length.
    GeometryError
        Some are neither points nor polygons.
    """
    crs = check_metric(frame, where=where)
    _, x, y = points_in(frame, where)
    area, _ = municipality_of(x, y, municipalities, BORDER_M)
    here = area >= 0
    codes = municipalities["municipality_code"].to_numpy()
    texts = {
        name: as_text(frame[name].reset_index(drop=True)).fillna("").to_numpy()
        if name in frame
        else np.full(len(frame), "")
        for name in ("kind", "name")
    }
    found = gpd.GeoDataFrame(
        {
            "x": x[here],
            "y": y[here],
            **{name: text[here] for name, text in texts.items()},
            "municipality_code": codes[area[here]],
            "provenance": provenance,
        },
        geometry=shapely.points(x[here], y[here]),
        crs=crs,
    ).astype(dict.fromkeys(("kind", "name", "municipality_code", "provenance"), "str"))
    return Functions(found, np.flatnonzero(~here))
