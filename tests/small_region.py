"""A region small enough to work out by hand, written as files that can then be broken.

Two municipalities of 10 x 10 km side by side. One road runs east through both, 20 km,
with a side road north at 8 km. Fibre lies in the first 4 km. Everything is in SWEREF 99 TM.

    y = 7 305 000   municipality 2501 (x 700-710 km) | 2502 (x 710-720 km)
                          D road end (708, 7308)
                          |
    A====fibre====B-------C--------------- ... E     y = 7 305 000
    700          704     708                   720
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
from bredband.template import region_toml
from shapely.geometry import LineString, Point, box

if TYPE_CHECKING:
    from pathlib import Path

CRS = "EPSG:3006"
X, Y = 700_000.0, 7_305_000.0


def municipalities() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"KnKod": ["2501", "2502"], "KnNamn": ["Väst", "Öst"]},
        geometry=[
            box(X, Y - 5000, X + 10_000, Y + 5000),
            box(X + 10_000, Y - 5000, X + 20_000, Y + 5000),
        ],
        crs=CRS,
    )


def roads() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"road_class": ["tertiary", "tertiary", "track"]},
        geometry=[
            LineString([(X, Y), (X + 8000, Y)]),
            LineString([(X + 8000, Y), (X + 20_000, Y)]),
            LineString([(X + 8000, Y), (X + 8000, Y + 3000)]),
        ],
        crs=CRS,
    )


def fibre() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[LineString([(X, Y), (X + 4000, Y)])], crs=CRS)


# id, metres east, metres north, households, workplaces, holiday homes
PREMISES = [
    ("a", 1000, 20, 4, 1, 0),  # connected, in the table
    ("b", 2000, 30, 2, 0, 0),  # passed: 30 m from the route
    ("c", 6000, 40, 3, 0, 0),  # unserved: 2 km beyond the end of the route
    ("d", 8000, 3020, 1, 1, 0),  # unserved: at the end of the side road
    ("e", 12_000, -50, 2, 0, 0),  # unserved, in the eastern municipality
    ("f", 15_000, 60, 5, 0, 0),  # planned
    ("g", 18_000, 4000, 1, 0, 0),  # unserved, 4 km from any road
    ("h", 9000, 25, 0, 0, 1),  # a holiday home
    ("i", 13_000, 30, 0, 2, 0),  # workplaces only, has wireless
]


def premises() -> gpd.GeoDataFrame:
    ids, east, north, households, workplaces, holiday = zip(*PREMISES, strict=True)
    return gpd.GeoDataFrame(
        {
            "premises_id": ids,
            "households": households,
            "workplaces": workplaces,
            "holiday_homes": holiday,
        },
        geometry=[Point(X + e, Y + n) for e, n in zip(east, north, strict=True)],
        crs=CRS,
    )


def coverage() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "premises_id": ["a", "c", "i"],
            "technology": ["fibre", "xdsl", "fwa"],
            "speed_mbit": [1000, 24, 300],
        }
    )


def plans() -> pd.DataFrame:
    return pd.DataFrame(
        {"premises_id": ["f", "e"], "speed_mbit": [1000, 1000], "year": [2025, 2031]}
    )


def content() -> dict[str, Any]:
    return {
        "region": {"name": "Småland i miniatyr", "code": "25", "year": 2024},
        "sources": {
            "municipalities": {
                "path": "municipalities.gpkg",
                "columns": {"municipality_code": "KnKod", "municipality_name": "KnNamn"},
            },
            "premises": {"path": "premises.gpkg"},
            "roads": {"path": "roads.gpkg"},
            "fibre": {"path": "fibre.gpkg", "licence": "under secrecy"},
            "coverage": {"path": "coverage.csv"},
            "plans": {"path": "plans.csv"},
        },
        # Tests that are not about these need not wait for them.
        "pts": {"draws": 50},
        "files": {"report": False, "workbook": False, "geopackage": False},
    }


def write(folder: Path, settings: dict[str, Any] | None = None) -> Path:
    """Write the region's files and its region.toml; give the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    municipalities().to_file(folder / "municipalities.gpkg")
    premises().to_file(folder / "premises.gpkg")
    roads().to_file(folder / "roads.gpkg")
    fibre().to_file(folder / "fibre.gpkg")
    coverage().to_csv(folder / "coverage.csv", index=False, encoding="utf-8")
    plans().to_csv(folder / "plans.csv", index=False, encoding="utf-8")
    (folder / "region.toml").write_text(region_toml(settings or content()), encoding="utf-8")
    return folder
