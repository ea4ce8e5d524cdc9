"""The small region made whole, so that nothing is wrong with it, and ways to break it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import small_region
from bredband.checks import Report, check_region
from bredband.region import Region
from bredband.template import region_toml
from shapely.geometry import LineString, Point, box

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

X, Y = small_region.X, small_region.Y
C, P, M, R = "coverage.csv", "premises.gpkg", "municipalities.gpkg", "roads.gpkg"
MUNICIPALITIES = small_region.municipalities

# --- a region with which nothing is wrong ----------------------------------------------


def content() -> dict[str, Any]:
    settings_ = small_region.content()
    settings_["sources"] |= {
        "totals": {"path": "totals.csv"},
        "localities": {"path": "localities.gpkg"},
        "offers": {"path": "offers.csv"},
        "connected": {"path": "connected.gpkg"},
    }
    for source in settings_["sources"].values():
        source["year"] = 2024
    settings_["prices"] = {"surfaces": {"tertiary": "road_edge", "track": "soft"}}
    return settings_


def premises() -> gpd.GeoDataFrame:
    frame = small_region.premises().assign(
        municipality_code=["2501"] * 4 + ["2502"] * 3 + ["2501", "2502"]
    )
    frame.loc[6, "geometry"] = Point(X + 18_000, Y + 100)
    return frame


def coverage() -> pd.DataFrame:
    frame = pd.DataFrame({"premises_id": list("abcdefghi"), "technology": "xdsl", "speed_mbit": 24})
    frame.loc[0, ["technology", "speed_mbit"]] = ["fibre", 1000]
    return frame.assign(upload_mbit=frame["speed_mbit"], operator="Nät AB")


def plans() -> pd.DataFrame:
    return pd.DataFrame({"premises_id": ["f", "e"], "speed_mbit": 1000, "year": [2025, 2026]})


def totals() -> pd.DataFrame:
    return pd.DataFrame(
        {"municipality_code": ["2501", "2502"], "households": [10, 8], "population": [22, 18]}
    )


def localities() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "locality_code": ["T1", "T2"],
            "locality_name": ["Ettan", "Tvåan"],
            "segment": ["tätort", "småort"],
        },
        geometry=[box(X + 500, Y - 500, X + 2500, Y + 500), box(X + 5000, Y - 500, X + 7000, Y)],
        crs=3006,
    )


def offers() -> pd.DataFrame:
    return pd.DataFrame({"premises_id": ["a", "b"], "offered": [4, 2], "accepted": [3, 2]})


def connected() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"technology": ["fibre"], "speed_mbit": [1000]},
        geometry=[Point(X + 1000, Y + 25)],
        crs=3006,
    )


def csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, encoding="utf-8")


def write_settings(folder: Path, change: Callable[[dict[str, Any]], Any] | None = None) -> None:
    settings_ = content()
    if change is not None:
        change(settings_)
    (folder / "region.toml").write_text(region_toml(settings_), encoding="utf-8")


def write(folder: Path) -> Path:
    """Write the region's files and its region.toml; give the folder."""
    small_region.write(folder)
    premises().to_file(folder / "premises.gpkg")
    csv(coverage(), folder / "coverage.csv")
    csv(plans(), folder / "plans.csv")
    csv(totals(), folder / "totals.csv")
    csv(offers(), folder / "offers.csv")
    localities().to_file(folder / "localities.gpkg")
    connected().to_file(folder / "connected.gpkg")
    write_settings(folder)
    return folder


def check(folder: Path, **options: Any) -> Report:
    return check_region(Region.read(folder), **options)


# --- ways to break it -------------------------------------------------------------------


def rewrite(name: str, make: Callable[[], Any], change: Callable[[Any], Any]) -> Any:
    """Change a table and write it back."""

    def spoil(folder: Path) -> None:
        frame = make()
        changed = change(frame)
        frame = frame if changed is None else changed
        if name.endswith(".csv"):
            csv(frame, folder / name)
        else:
            frame.to_file(folder / name)

    return spoil


def put(row: int, column: str, value: object) -> Callable[[Any], Any]:
    """Put a value into a table, whatever type its column has."""

    def change(frame: Any) -> Any:
        frame = frame.astype({column: object})
        frame.loc[row, column] = value
        return frame

    return change


def move(row: int, geometry: Any) -> Callable[[Any], Any]:
    def change(frame: gpd.GeoDataFrame) -> None:
        frame.loc[[row], "geometry"] = gpd.GeoSeries([geometry], index=[row], crs=frame.crs)

    return change


def at(east: float, north: float) -> Point:
    return Point(X + east, Y + north)


def add_line(make: Callable[[], gpd.GeoDataFrame], *points: tuple[float, float]) -> Any:
    def change(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        line = LineString([(X + e, Y + n) for e, n in points])
        new = gpd.GeoDataFrame({"road_class": ["track"]}, geometry=[line], crs=3006)
        return pd.concat([frame, new[[c for c in new if c in frame]]], ignore_index=True)

    return change


def setting(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    return lambda folder: write_settings(folder, change)


def source(name: str, **values: object) -> Callable[[dict[str, Any]], None]:
    return lambda settings_: settings_["sources"][name].update(values)


def both(*spoils: Callable[[Path], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for one in spoils:
            one(folder)

    return spoil


def eastern(west: float) -> Callable[[gpd.GeoDataFrame], None]:
    """Let the eastern municipality begin elsewhere than where the western one ends."""
    return move(1, box(X + west, Y - 5000, X + 20_000, Y + 5000))
