"""Inputs as they come: cells, connected points, offers, DeSO, population grids, OFDS, mobile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import small_region
from bredband import Region, compute, run
from bredband.inputs import fibre_distance, find_status, read_inputs
from bredband_gis.cells import cell_corners, name_cells
from bredband_gis.errors import BadValueError, GeodataError, MissingColumnError
from rasterio import Affine
from shapely.geometry import LineString, Point, box
from small_region import CRS, X, Y

if TYPE_CHECKING:
    from pathlib import Path


def region(folder: Path, **sources: Any) -> Region:
    """Make the small region with more, or other, sources."""
    content = small_region.content()
    content["sources"] = {**content["sources"], **sources}
    content["sources"] = {k: v for k, v in content["sources"].items() if v is not None}
    small_region.write(folder, content)
    return Region.read(folder)


def status_of(region: Region) -> gpd.GeoDataFrame:
    return find_status(region, read_inputs(region)).set_index("premises_id")


def test_a_table_of_cells_by_their_corners(tmp_path: Path) -> None:
    where = region(
        tmp_path,
        coverage=[
            {"path": "coverage.csv"},
            {"path": "cells.csv", "cell_m": 250, "crs": CRS, "columns": {"x": "E", "y": "N"}},
        ],
    )
    # Building c lies at 6 000 m east, 40 m north: in the cell 6 000-6 250.
    pd.DataFrame(
        {
            "E": [X + 6000, X + 6250], "N": [Y, Y], "technology": ["DOCSIS", "fiber"],
            "speed_mbit": [1000, 1000],
        }
    ).to_csv(tmp_path / "cells.csv", index=False)  # fmt: skip
    found = status_of(where)
    assert found["status"]["c"] == "connected"
    assert found["reason"]["c"] == "i ruta 7060007305000 med kabel-tv 1000 Mbit/s"
    # d, at 8 000 m, is in neither.
    assert found["status"]["d"] == "unserved"


def test_a_table_of_cells_by_grid_id(tmp_path: Path) -> None:
    where = region(
        tmp_path,
        coverage={"path": "cells.csv", "cell_m": 250, "columns": {"cell_id": "ruta"}},
    )
    pd.DataFrame({"ruta": ["7060007305000"], "technology": ["vdsl"], "speed_mbit": [60]}).to_csv(
        tmp_path / "cells.csv", index=False
    )
    found = status_of(where)
    assert found.loc["c", ["technology", "speed_mbit"]].tolist() == ["vdsl", 60]
    assert found["technology"].notna().sum() == 1


def test_grid_ids_and_corners_are_each_other() -> None:
    ids = pd.Series(["4910006994000", "4870007002000"])
    x, y = cell_corners(ids)
    assert x.tolist() == [491_000, 487_000]
    assert y.tolist() == [6_994_000, 7_002_000]
    assert name_cells(x, y).tolist() == ids.tolist()
    with pytest.raises(BadValueError, match="13 digits"):
        cell_corners(pd.Series(["49100069940"]))


def test_connected_points_of_an_operator(tmp_path: Path) -> None:
    where = region(
        tmp_path,
        connected={
            "path": "connected.csv", "crs": CRS, "columns": {"x": "E", "y": "N"},
            "constants": {"operator": "Nät AB"},
        },
    )  # fmt: skip
    pd.DataFrame(
        {"E": [X + 12_003, X + 13_040], "N": [Y - 50, Y + 30], "speed_mbit": [250, 1000]}
    ).to_csv(tmp_path / "connected.csv", index=False)
    found = status_of(where)
    assert found.loc["e", ["status", "speed_mbit"]].tolist() == ["connected", 250]
    assert found.loc["i", ["status", "speed_mbit"]].tolist() == ["passed", 0]  # 40 m off
    inputs = read_inputs(where)
    told = {finding.rule: finding for finding in compute(where, inputs).inputs.findings}
    assert told["connected-without-building"].rows == 1
    away = fibre_distance(where, inputs, 5000).set_axis(inputs.premises["premises_id"])
    assert away["e"] == 0
    assert away["i"] == 40
    assert away["b"] == 30
    assert away["g"] == np.inf


def test_offers_give_take_up_in_tables_and_goals(tmp_path: Path) -> None:
    content = small_region.content()
    content["sources"]["offers"] = {"path": "offers.csv"}
    content["goals"] = [
        {"name": "Ja", "target": 0.85, "speed_mbit": 100, "measure": "accepted",
         "bases": ["households"]},
    ]  # fmt: skip
    small_region.write(tmp_path / "in", content)
    answers = {"premises_id": ["a", "b", "c", "nobody"], "accepted": ["ja", "nej", "ja", "ja"]}
    pd.DataFrame(answers).to_csv(tmp_path / "in" / "offers.csv", index=False)
    results = run(Region.read(tmp_path / "in"), tmp_path / "out")
    told = {(f.rule, f.layer): f.rows for f in results.inputs.findings}
    assert told["row-without-building", "offers"] == 1
    goals = results.goals.set_index(["area_kind", "area_code"])
    # 4 + 2 + 3 households got an offer, 4 + 3 accepted: 8 of 9 are 85 %.
    assert goals.loc[("municipality", "2501"), "share"] == pytest.approx(7 / 9)
    assert goals.loc[("municipality", "2501"), "missing"] == 1
    assert np.isnan(goals.loc[("municipality", "2502"), "share"])
    assert pd.isna(goals.loc[("municipality", "2502"), "reached"])


def test_localities_and_deso_of_their_own(tmp_path: Path) -> None:
    where = region(
        tmp_path / "in",
        localities={"path": "localities.gpkg"},
        deso={"path": "deso.gpkg", "columns": {"deso_code": "desokod"}},
    )
    gpd.GeoDataFrame(
        {"locality_code": ["T1", "T1", "T2"], "locality_name": ["By", "By", "Långt bort"],
         "segment": ["tätort"] * 3, "population": [300, 300, 900]},
        geometry=[box(X, Y - 100, X + 1500, Y + 100), box(X + 1600, Y - 100, X + 2500, Y + 100),
                  box(X + 90_000, Y, X + 90_100, Y + 100)],
        crs=CRS,
    ).to_file(tmp_path / "in" / "localities.gpkg")  # fmt: skip
    gpd.GeoDataFrame(
        {"desokod": ["2501A0010", "2501C0020"]},
        geometry=[
            box(X, Y - 5000, X + 7000, Y + 5000), box(X + 7000, Y - 5000, X + 10_000, Y + 5000),
        ],
        crs=CRS,
    ).to_file(tmp_path / "in" / "deso.gpkg")  # fmt: skip
    results = run(where, tmp_path / "out")
    rows = results.coverage[
        (results.coverage["base"] == "households") & (results.coverage["measure"] == "passed")
        & (results.coverage["speed_mbit"] == 100) & (results.coverage["segment"] == "total")
    ].set_index("area_code")  # fmt: skip
    assert rows.loc["T1", ["area_kind", "area_name", "total", "served"]].tolist() == [
        "locality", "By", 6, 6,
    ]  # fmt: skip
    assert rows.loc["2501A0010", ["area_kind", "total", "served"]].tolist() == ["deso", 9, 6]
    assert rows.loc["2501C0020", ["area_kind", "total", "served"]].tolist() == ["deso", 1, 0]
    assert "T2" not in rows.index
    # One household: what it has is not for showing, but stands in the internal database.
    shown = pd.read_csv(tmp_path / "out" / "coverage.csv").set_index("area_code")
    assert shown.loc["2501C0020"].query("base == 'households'")["share"].isna().all()
    assert shown.loc["2501C0020"].query("base == 'households'")["total"].eq(1).all()
    assert shown.loc["2501A0010"].query("base == 'households'")["share"].notna().all()
    assert shown.loc["2502"].query("segment == 'total'")["share"].notna().all()
    aside = results.inputs.set_aside
    assert aside[aside["layer"] == "localities"]["reason"].tolist() == [
        "lies in no municipality of the region"
    ]


def test_routes_by_the_open_fibre_data_standard(tmp_path: Path) -> None:
    where = region(tmp_path, fibre={"path": "spans.geojson"})
    line = gpd.GeoSeries([LineString([(X, Y), (X + 4000, Y)])], crs=CRS).to_crs(4326)[0]

    def span(number: int, status: str) -> dict[str, Any]:
        return {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": [list(p) for p in line.coords]},
            "properties": {
                "id": str(number), "status": status, "fibreTypes": [], "darkFibre": False,
                "transmissionMedium": ["fibre"],
                "networkProviders": [{"id": "1", "name": "Byanätet"}],
                "network": {"id": "n", "name": "Byanätet"},
            },
        }  # fmt: skip

    spans = {"type": "FeatureCollection", "features": [span(1, "operational"), span(2, "planned")]}
    (tmp_path / "spans.geojson").write_text(json.dumps(spans), encoding="utf-8")
    inputs = read_inputs(where)
    assert inputs.fibre is not None
    assert inputs.fibre["operator"].tolist() == ["Byanätet"]
    aside = inputs.set_aside[inputs.set_aside["layer"] == "fibre"]
    assert len(aside) == 1
    assert "planned" in aside["reason"].iloc[0]
    assert find_status(where, inputs).set_index("premises_id")["status"]["b"] == "passed"


def mobile_raster(path: Path, covered_to: float) -> None:
    """Cover the region from the west to a number of metres."""
    values = np.zeros((100, 200), dtype=np.uint8)
    values[:, : int(covered_to / 100)] = 1
    with rasterio.open(
        path, "w", driver="GTiff", width=200, height=100, count=1, dtype="uint8", crs=CRS,
        transform=Affine(100, 0, X, 0, -100, Y + 5000),
    ) as raster:  # fmt: skip
        raster.write(values, 1)


def test_mobile_coverage_by_premises_area_and_road(tmp_path: Path) -> None:
    where = region(
        tmp_path / "in",
        mobile=[
            {"path": "a.tif", "constants": {"operator": "A", "technology": "4G"}},
            {"path": "b.tif", "constants": {"operator": "B", "technology": "lte"}},
        ],
    )
    mobile_raster(tmp_path / "in" / "a.tif", 7000)
    mobile_raster(tmp_path / "in" / "b.tif", 12_500)
    results = run(where, tmp_path / "out")
    table = results.premises.set_index("premises_id")
    assert table["mobile_networks"].to_dict() == {
        "a": 2, "b": 2, "c": 2, "d": 1, "e": 1, "f": 0, "g": 0, "h": 1, "i": 0,
    }  # fmt: skip
    mobile = results.mobile
    assert mobile is not None
    rows = mobile[mobile["area_kind"] == "region"].set_index(["operator", "technology"])
    one = rows.loc[("A", "lte")]
    assert one["area_covered_km2"] == pytest.approx(70)
    assert one["road_covered_m"] == pytest.approx(7000, abs=60)
    assert one["road_m"] == pytest.approx(23_000)
    assert one["households_covered"] == 4 + 2 + 3
    assert rows.loc[("any", "any"), "households_covered"] == 4 + 2 + 3 + 1 + 2
    # g is unserved and has no mobile coverage either.
    assert rows.loc[("any", "any"), "unserved_not_covered"] == 1
    assert (tmp_path / "out" / "mobile.csv").exists()
    assert table.index[table["unserved_no_mobile"]].tolist() == ["g"]


def test_totals_may_hold_the_population_alone_and_a_grid_is_laid_once(tmp_path: Path) -> None:
    places = [(500, 500), (1500, 500), (11_500, 500)]
    frame = gpd.GeoDataFrame(
        {"premises_id": list("abc"), "building": "house"},
        geometry=[Point(X + e, Y + n).buffer(8, quad_segs=1) for e, n in places], crs=CRS,
    )  # fmt: skip
    sources: dict[str, Any] = {
        "population": {"path": "grid.gpkg"}, "totals": {"path": "totals.csv"},
        "coverage": None, "plans": None,
    }  # fmt: skip
    where = region(tmp_path, premises={"path": "all.gpkg"}, **sources)
    frame.to_file(tmp_path / "all.gpkg")
    frame[:2].to_file(tmp_path / "one.gpkg")
    frame[2:].to_file(tmp_path / "two.gpkg")
    gpd.GeoDataFrame(
        {"population": [111.0, 111.0, 222.0]},
        geometry=[box(X + e, Y, X + e + 1000, Y + 1000) for e in (0, 1000, 11_000)], crs=CRS,
    ).to_file(tmp_path / "grid.gpkg")  # fmt: skip
    pd.DataFrame({"municipality_code": ["2501", "2502"], "population": [444, 222]}).to_csv(
        tmp_path / "totals.csv", index=False
    )
    # 444 persons in the west are 200 households of 2.22, 222 in the east 100.
    inputs = read_inputs(where)
    assert inputs.premises.set_index("premises_id")["households"].to_dict() == {
        "a": 100, "b": 100, "c": 100,
    }  # fmt: skip
    parted = region(
        tmp_path, premises=[{"path": "one.gpkg"}, {"path": "two.gpkg"}],
        **{**sources, "totals": None},
    )  # fmt: skip
    frame[:2].to_file(tmp_path / "one.gpkg")
    with pytest.raises(GeodataError, match="over one file only"):
        read_inputs(parted)
    pd.DataFrame({"municipality_code": ["2501"], "persons": [4]}).to_csv(
        tmp_path / "totals.csv", index=False
    )
    with pytest.raises(MissingColumnError, match="neither a column households nor population"):
        read_inputs(where)


def test_a_mobile_raster_must_say_whose_it_is(tmp_path: Path) -> None:
    where = region(tmp_path, mobile={"path": "a.tif"})
    mobile_raster(tmp_path / "a.tif", 7000)
    with pytest.raises(MissingColumnError, match="operator"):
        read_inputs(where)


def test_a_population_grid_on_buildings_without_households(tmp_path: Path) -> None:
    where = region(
        tmp_path / "in",
        premises={"path": "buildings.gpkg"},
        population={"path": "grid.gpkg"},
        totals={"path": "totals.csv"},
        coverage=None,
        plans=None,
    )
    # Four houses and a barn in the west, one house in the east.
    places = [(500, 500), (520, 500), (1500, 500), (1520, 500), (1540, 500), (11_500, 500)]
    gpd.GeoDataFrame(
        {
            "premises_id": list("abcdef"),
            "building": ["house", "house", "house", "house", "barn", "house"],
        },
        geometry=[Point(X + e, Y + n).buffer(8, quad_segs=1) for e, n in places],
        crs=CRS,
    ).to_file(tmp_path / "in" / "buildings.gpkg")
    gpd.GeoDataFrame(
        {"population": [8.0, 2.0, 4.0]},
        geometry=[box(X + e, Y, X + e + 1000, Y + 1000) for e in (0, 1000, 11_000)],
        crs=CRS,
    ).to_file(tmp_path / "in" / "grid.gpkg")
    pd.DataFrame(
        {"municipality_code": ["2501", "2502"], "households": [5, 2], "population": [20, 4]}
    ).to_csv(tmp_path / "in" / "totals.csv", index=False)
    results = run(where, tmp_path / "out")
    held = results.premises.set_index("premises_id")["households"]
    # 8 of 10 people in the west live in a and b: 4 of its 5 households.
    assert held[["a", "b"]].tolist() == [2, 2]
    assert held.reindex(["c", "d"]).fillna(0).sum() == 1
    assert held["f"] == 2
    assert "e" not in held.index
    table = results.population
    assert table is not None
    west = table.set_index("municipality_code").loc["2501"]
    assert west[["on_buildings", "total", "population", "residual"]].tolist() == [10, 20, 20, 0]
    assert west["factor"] == 2
    assert (results.premises["provenance"] == "derived").all()
    assert (tmp_path / "out" / "population.csv").exists()
