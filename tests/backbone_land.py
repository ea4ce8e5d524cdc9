"""Places, links and roads small enough to plan by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
from bredband.tables import check_table
from bredband.tables_backbone import CUTS, PLACES, STRETCHES
from shapely.geometry import LineString, Point

if TYPE_CHECKING:
    import pandas as pd
    from bredband.backbone import Backbone

CRS = "EPSG:3006"
E0, N0 = 600_000.0, 7_300_000.0
KM = 1000.0


def places(rows: Any, **more: Any) -> gpd.GeoDataFrame:
    """Make places of (name, km east, km north, inhabitants)."""
    name, east, north, population = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {
            "locality_code": [f"C{text}" for text in name],
            "locality_name": list(name),
            "population": np.array(population, float),
            **more,
        },
        geometry=[Point(E0 + e * KM, N0 + n * KM) for e, n in zip(east, north, strict=True)],
        crs=CRS,
    )


def links(rows: Any, **more: Any) -> gpd.GeoDataFrame:
    """Make links of ((km, km), (km, km), true length in km)."""
    return gpd.GeoDataFrame(
        {"road_m": [length * KM for _, _, length in rows], **more},
        geometry=[
            LineString([(E0 + a * KM, N0 + b * KM), (E0 + c * KM, N0 + d * KM)])
            for (a, b), (c, d), _ in rows
        ],
        crs=CRS,
    )


def roads(rows: Any, classes: Any = "tertiary") -> gpd.GeoDataFrame:
    """Make roads of lists of (km, km)."""
    return gpd.GeoDataFrame(
        {"road_class": classes},
        index=range(len(rows)),
        geometry=[LineString([(E0 + a * KM, N0 + b * KM) for a, b in row]) for row in rows],
        crs=CRS,
    )


# Alstad has the backbone; 222 inhabitants are 100 households.
#
#   Dalby (50)
#     |12      \ 16
#   Alstad -10- Byn (100) -10- Centrum (200)       and Alstad -30- Centrum by another road
FOUR = [
    ("Alstad", 0, 0, 2220),
    ("Byn", 10, 0, 222),
    ("Centrum", 20, 0, 444),
    ("Dalby", 10, 10, 111),
]
ROADS = [
    ((0, 0), (10, 0), 10), ((10, 0), (20, 0), 10), ((10, 0), (10, 10), 12),
    ((10, 10), (20, 0), 16), ((0, 0), (20, 0), 30),
]  # fmt: skip


CROSS = [[(0, 0), (10, 0)], [(10, 0), (20, 0)], [(10, 0), (10, 10)], [(10, 10), (20, 0)],
         [(0, 0), (0, -10), (20, -10), (20, 0)]]  # fmt: skip


def check(plan: Backbone) -> Backbone:
    """See that the tables follow their schemas."""
    for table, schema in ((plan.stretches, STRETCHES), (plan.places, PLACES), (plan.cuts, CUTS)):
        check_table(table, schema, where=str(schema.name))
        assert [*table.columns.drop("geometry", errors="ignore")] == [*schema.columns]
    return plan


def stretch(plan: Backbone, name: str) -> pd.Series:
    one, other = name.split("-")
    rows = plan.stretches[
        (plan.stretches["from_place"] == one) & (plan.stretches["to_place"] == other)
    ]
    assert len(rows) == 1, plan.stretches[["from_place", "to_place"]]
    return rows.iloc[0]
