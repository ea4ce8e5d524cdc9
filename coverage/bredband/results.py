"""Everything that a run writes to disk, complete or not at all.

Tables for people and programs (CSV, GeoParquet, GeoJSON), one DuckDB file that
holds them all, the map, and a manifest that says from what and how they came.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import shapely
from bredband_gis.files import sha256
from bredband_gis.store import MAKER, connect, write_folder, write_table

from bredband.audience import hide_few
from bredband.check_registry import translate_reasons
from bredband.cost import REACHED
from bredband.display import show_results
from bredband.geopackage import write_geopackage
from bredband.inputs import least_certain
from bredband.map_background import BACKGROUND
from bredband.publication import hide_small_areas
from bredband.report import write_report
from bredband.stored import DATABASE, RESULT_SCHEMAS
from bredband.tables import (
    COST,
    GOALS,
    MOBILE,
    POPULATION,
    RESTS_ON,
    SET_ASIDE,
    STANDING,
    STATE_AID,
    STATISTICS,
    STATUS,
    STATUS_RESTS_ON,
    TECHNOLOGY,
    TRENCH,
    check_table,
)
from bredband.tables_areas import AREAS
from bredband.workbook import write_workbook

if TYPE_CHECKING:
    from collections.abc import Mapping

    import folium
    import geopandas as gpd
    import pandas as pd

    from bredband.buildout import Buildout
    from bredband.inputs import Inputs
    from bredband.region import Region

MANIFEST: Final = "manifest.json"

PUBLIC: Final = (
    "coverage.csv", "technology.csv", "state_aid.csv", "standing.csv", "goals.csv", "mobile.csv",
    "population.csv", "cost.csv", "share_summary.csv", "goal_cost.csv",
    "last_resort.csv", "intervals.csv", "tornado.csv", "choice_summary.csv", "nested.csv",
    "years_summary.csv", "pts_exclusion_counts.csv", "pts_mark_comparison.csv",
    "pts_calibration.csv",
    "road_components.csv", "priority_areas.geojson", "map.html", "report.html", "tables.xlsx",
    "bredband.gpkg",
)  # fmt: skip
"""Files that may be shown to others when ``[publication] detail`` is public."""

FOLLOWING: Final = {
    name: RESULT_SCHEMAS[name]
    for name in (
        "road_components", "shares", "share_summary", "cost_curve", "build_order", "goal_cost",
        "last_resort", "intervals", "tornado", "scores", "motivations", "robustness", "flips",
        "choice", "choice_payments", "choice_summary", "nested", "nested_areas", "years",
        "years_summary", "pts_rules", "pts_consultation", "pts_buildings", "pts_exclusions",
        "pts_exclusion_counts", "pts_projects", "pts_marks", "pts_competition",
        "pts_mark_comparison", "pts_calibration",
    )
}  # fmt: skip
"""Tables that follow from the network: what it costs, which areas come first, what PTS gets."""

INTERNAL: Final = ("shares", "build_order", "pts_buildings", "pts_exclusions", "pts_marks")
"""Tables of single buildings: in the database only."""

PACKAGES: Final = (
    "bredband",
    "geopandas",
    "shapely",
    "duckdb",
    "pyproj",
    "scipy",
    "numpy",
    "pandas",
)


@dataclass(frozen=True)
class Results:
    """Every table of a run.

    Attributes
    ----------
    region : Region
        The settings.
    inputs : Inputs
        What was read, and what was set aside.
    premises : GeoDataFrame
        ``tables.STATUS`` with ``reach``, ``road_distance_m`` and ``area_id`` where unserved.
    coverage, technology, state_aid, standing, goals, cost : DataFrame
        ``tables.STATISTICS``, ``tables.TECHNOLOGY``, ``tables.STATE_AID``,
        ``tables.STANDING``, ``tables.GOALS``, ``tables.COST``.
    following : dict of DataFrame
        What follows from the network, by the names in ``FOLLOWING``.
    mobile, population : DataFrame or None
        ``tables.MOBILE`` where mobile coverage is given, ``tables.POPULATION`` where a
        population grid was laid on buildings.
    buildout : Buildout
        The network's cost and bound.
    trench : GeoDataFrame
        ``tables.TRENCH``.
    areas : GeoDataFrame
        ``tables.AREAS`` by rank; polygons made of cells, in the region's metric CRS.
    background : GeoDataFrame or None
        ``map_background.BACKGROUND``: roads and water to find one's way by.
    map : folium.Map
        The map, for a notebook or a file.
    """

    region: Region
    inputs: Inputs
    premises: gpd.GeoDataFrame
    coverage: pd.DataFrame
    technology: pd.DataFrame
    state_aid: pd.DataFrame
    standing: pd.DataFrame
    mobile: pd.DataFrame | None
    population: pd.DataFrame | None
    goals: pd.DataFrame
    cost: pd.DataFrame
    following: dict[str, pd.DataFrame]
    buildout: Buildout
    trench: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    background: gpd.GeoDataFrame | None
    map: folium.Map

    @property
    def provenance(self) -> str:
        """How sure the results are: as the least certain layer that they rest on."""
        return least_certain(self.inputs.provenance().values())

    def check(self) -> None:
        """Refuse results that do not follow their schemas or whose sums disagree.

        Raises
        ------
        BadValueError
            A table is not as its schema says.
        AssertionError
            Two tables give different sums for the same thing: a fault of ours.
        """
        for table, schema in (
            (self.coverage, STATISTICS), (self.technology, TECHNOLOGY),
            (self.state_aid, STATE_AID), (self.standing, STANDING), (self.mobile, MOBILE),
            (self.population, POPULATION), (self.goals, GOALS), (self.cost, COST),
            (self.trench, TRENCH), (self.areas, AREAS),
        ):  # fmt: skip
            if table is None:
                continue
            check_table(table, schema, where=str(schema.name))
            check_table(table, RESTS_ON, where=str(schema.name))
        for name, table in self.following.items():
            check_table(table, FOLLOWING[name], where=name)
            check_table(table, RESTS_ON, where=name)
        if self.background is not None:
            check_table(self.background, BACKGROUND, where="background")
        check_table(self.premises, STATUS, where="premises")
        check_table(self.premises, STATUS_RESTS_ON, where="premises")
        check_table(self.inputs.set_aside, SET_ASIDE, where="set_aside")
        for name, (one, other) in self.sums().items():
            if abs(one - other) > 1e-6 * max(1.0, abs(one)):
                msg = f"{name}: {one} in one table, {other} in another"
                raise AssertionError(msg)

    def sums(self) -> dict[str, tuple[float, float]]:
        """Give the sums that must agree across tables, each from two of them."""
        whole = self.cost[self.cost["area_kind"] == "region"].iloc[0]
        parts = self.cost[self.cost["area_kind"] == "municipality"]
        target = self.region.definitions.target_speed_mbit
        row = self.coverage[
            (self.coverage["area_kind"] == "region")
            & (self.coverage["segment"] == "total")
            & (self.coverage["base"] == "households")
            & (self.coverage["measure"] == "planned")
            & (self.coverage["speed_mbit"] == target)
        ]
        built = self.areas[self.areas["reached"].astype(bool)]
        found = {
            "trench, m (municipalities, region)": (parts["trench_m"].sum(), whole["trench_m"]),
            "trench, m (edges, region)": (self.trench["length_m"].sum(), whole["trench_m"]),
            "trench, SEK (network, edges)": (
                self.buildout.trench_sek, self.trench["cost_sek"].sum()
            ),
            "capex, SEK (areas, region)": (built["capex_sek"].sum(), whole["capex_sek"]),
            "gap, SEK (areas, region)": (built["gap_sek"].sum(), whole["gap_sek"]),
            "unserved households (areas, cost)": (
                self.areas["households"].sum(), whole["unserved_households"]
            ),
            "support, SEK (ranked areas, region)": (
                built["cumulative_gap_sek"].max() if len(built) else 0.0,
                whole["support_sek"],
            ),
            "unserved premises (areas, cost)": (
                self.areas["premises"].sum(),
                whole["unserved_premises"],
            ),
            "unserved households (reached and not, all)": (
                whole["reached_households"] + whole["unreached_households"],
                whole["unserved_households"],
            ),
        }  # fmt: skip
        if len(row):
            found["unserved households (coverage, cost)"] = (
                float(row["total"].iloc[0] - row["served"].iloc[0]),
                whole["unserved_households"],
            )
        return found

    def _repr_html_(self) -> str:
        return show_results(self)


def write_results(
    results: Results, out: Path, *, seconds: Mapping[str, float] | None = None
) -> None:
    """Write a run's results to a folder, all of them or nothing.

    Parameters
    ----------
    results : Results
        What the pipeline made.
    out : Path
        The folder. An earlier result there is replaced when the new one is complete.
    seconds : mapping, optional
        Seconds per step, for the manifest.

    Raises
    ------
    GeodataError
        The folder holds something that is no earlier result.
    """
    results.check()
    publication, wanted = results.region.publication, results.region.files
    with write_folder(out) as folder:
        for name, table in _sheets(results).items():
            if publication.detail == "public":
                table = hide_few(table, publication.min_households)  # noqa: PLW2901
            table.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8")
        set_aside(results).to_csv(folder / "set_aside.csv", index=False, encoding="utf-8")
        results.premises.to_parquet(folder / "premises.parquet", index=False)
        results.trench.to_parquet(folder / "trench.parquet", index=False)
        areas = results.areas
        if publication.detail == "public":
            areas = hide_small_areas(areas, publication.min_households)
        geojson = area_geojson(areas, name=results.region.region.name,
                               provenance=results.provenance)  # fmt: skip
        _write_json(folder / "priority_areas.geojson", geojson)
        results.map.save(str(folder / "map.html"))
        stored = _stored(results)
        said = manifest(results, folder, seconds=seconds or {})
        # DuckDB works in C++: pages and sheets are written meanwhile.
        with ThreadPoolExecutor(1) as pool:
            database = pool.submit(_write_database, stored, folder / DATABASE)
            for is_wanted, write, name in (
                (wanted.report, write_report, "report.html"),
                (wanted.workbook, write_workbook, "tables.xlsx"),
                (wanted.geopackage, write_geopackage, "bredband.gpkg"),
            ):
                if is_wanted:
                    write(stored, said, folder / name)
            database.result()
        _write_json(folder / MANIFEST, manifest(results, folder, seconds=seconds or {}), indent=2)


def _write_database(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    with connect(path) as con:
        for name, table in tables.items():
            write_table(con, name, table)


def _sheets(results: Results) -> dict[str, pd.DataFrame]:
    """Give the tables that are written as CSV."""
    tables = {
        "coverage": results.coverage,
        "technology": results.technology,
        "state_aid": results.state_aid,
        "standing": results.standing,
        "mobile": results.mobile,
        "population": results.population,
        "goals": results.goals,
        "cost": results.cost.round(2),
        **{
            name: _rounded(table)
            for name, table in results.following.items()
            if name not in INTERNAL
        },
    }
    return {name: table for name, table in tables.items() if table is not None}


def set_aside(results: Results) -> pd.DataFrame:
    """Give the rows set aside with their reasons in the region's language."""
    return translate_reasons(results.inputs.set_aside, results.region.region.language)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Round money to öre and metres to centimetres, for reading."""
    money = [name for name in table if str(name).endswith(("_sek", "_m"))]
    return table.round(dict.fromkeys(money, 2))


def _stored(results: Results) -> dict[str, pd.DataFrame]:
    tables = {
        **_sheets(results),
        "municipalities": results.inputs.municipalities,
        "localities": results.inputs.localities,
        "deso": results.inputs.deso,
        "premises": results.premises,
        "cost": results.cost,
        **results.following,
        "trench": results.trench,
        "priority_areas": results.areas,
        "set_aside": set_aside(results),
        "background": results.background,
    }
    return {name: table for name, table in tables.items() if table is not None}


def area_geojson(
    areas: gpd.GeoDataFrame, *, name: str, provenance: str, digits: int = 6
) -> dict[str, Any]:
    """Give build areas as a GeoJSON feature collection (RFC 7946).

    Parameters
    ----------
    areas : GeoDataFrame
        ``tables.AREAS``, any CRS.
    name : str
        Name of the region.
    provenance : str
        real, derived or synthetic: of the least certain layer they rest on.
    digits : int
        Decimals of the coordinates; 6 is about 0.1 m.

    Returns
    -------
    dict
        WGS 84 longitude and latitude, exterior rings anticlockwise, no ``crs`` member.
    """
    shapes = areas.geometry.to_crs("EPSG:4326").to_numpy()
    shapes = shapely.set_precision(shapes, 10.0**-digits)
    shapes = shapely.orient_polygons(shapes, exterior_cw=False)
    table = areas.drop(columns=areas.geometry.name)
    money = [c for c in table if c.endswith(("_sek", "_m"))]
    table[money] = table[money].round(1)
    rows = json.loads(table.to_json(orient="records", force_ascii=False))
    return {
        "type": "FeatureCollection",
        "name": name,
        "provenance": provenance,
        "features": [
            {
                "type": "Feature",
                "id": row["area_id"],
                "properties": row,
                "geometry": json.loads(shape),
            }
            for row, shape in zip(rows, shapely.to_geojson(shapes), strict=True)
        ],
    }


def manifest(results: Results, folder: Path, *, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Say from what and how the results came: inputs, settings, versions, sums, seconds."""
    reach = results.premises["reach"]
    detail = results.region.publication.detail
    return {
        "made_by": MAKER,
        "region": results.region.region.name,
        "provenance": results.provenance,
        "inputs": results.inputs.files,
        "price_book": _price_book(results.region),
        "set_aside": {
            str(reason): int(count)
            for reason, count in set_aside(results).groupby("reason").size().items()
        },
        "findings": [vars(finding) for finding in results.inputs.findings],
        "settings": results.region.model_dump(mode="json"),
        "network": {
            "method": "Steiner tree on road edges priced by surface: reductions, dual ascent,"
            " local search; the bound is its own",
            "trench_sek": results.buildout.trench_sek,
            "lower_bound_sek": results.buildout.lower_bound_sek,
            "at_most_above_cheapest": (
                results.buildout.trench_sek / results.buildout.lower_bound_sek - 1
                if results.buildout.lower_bound_sek > 0
                else None
            ),
            "fibre_on_road_m": results.buildout.fibre_on_road_m,
            "fibre_off_road_m": results.buildout.fibre_off_road_m,
            "unserved_premises_by_reach": {
                str(key): int(value) for key, value in reach.value_counts().items()
            },
            "unserved_premises_reached": int(reach.isin(REACHED).sum()),
        },
        "sums": {name: float(one) for name, (one, _) in results.sums().items()},
        "files": {
            path.name: {
                "bytes": path.stat().st_size,
                "audience": "public" if path.name in PUBLIC and detail == "public" else "internal",
            }
            for path in sorted(folder.iterdir())
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
    }


def _price_book(region: Region) -> dict[str, str] | None:
    if region.prices.book is None:
        return None
    path = region.folder / region.prices.book
    return {"file": region.relative(path), "sha256": sha256(path)}


def _write_json(path: Path, content: dict[str, Any], *, indent: int | None = None) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=indent, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    """Give JSON's form of what json does not know: numpy numbers and paths."""
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, Path):
        return value.as_posix()
    return str(value)
