"""The whole chain on a region that can be worked out by hand, file by file."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pytest
import shapely
import small_region
from bredband import Region, run
from bredband_gis.store import connect
from result_files import stored

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_region.write(tmp_path_factory.mktemp("in"))
    out = tmp_path_factory.mktemp("out") / "results"
    run(Region.read(folder), out)
    return out


def test_who_has_what(out: Path) -> None:
    table = gpd.read_parquet(out / "premises.parquet").set_index("premises_id")
    assert table["status"].to_dict() == {
        "a": "connected", "b": "passed", "c": "unserved", "d": "unserved", "e": "unserved",
        "f": "planned", "g": "unserved", "h": "unserved", "i": "unserved",
    }  # fmt: skip
    assert table.loc["i", ["speed_mbit", "wireless_speed_mbit"]].tolist() == [0, 300]
    assert table.loc["b", "distance_to_fibre_m"] == 30
    assert table.crs.to_epsg() == 3006
    assert table["municipality_code"].tolist() == ["2501"] * 4 + ["2502"] * 3 + ["2501", "2502"]


def share(out: Path, code: str, measure: str, base: str = "households") -> tuple[int, int]:
    table = pd.read_csv(out / "coverage.csv", dtype={"area_code": str})
    row = table[
        (table["area_code"] == code) & (table["measure"] == measure) & (table["base"] == base)
        & (table["speed_mbit"] == 100) & (table["segment"] == "total")
    ].drop_duplicates(["served", "total"])  # fmt: skip
    assert len(row) == 1  # county and region are the same here
    return int(row["served"].iloc[0]), int(row["total"].iloc[0])


def test_shares(out: Path) -> None:
    assert share(out, "2501", "connected") == (4, 10)
    assert share(out, "2501", "passed") == (6, 10)
    assert share(out, "2502", "planned") == (5, 8)
    assert share(out, "25", "planned") == (11, 18)
    assert share(out, "25", "connected", "workplaces") == (1, 4)


def test_trench(out: Path) -> None:
    trench = gpd.read_parquet(out / "trench.parquet")
    # From the end of the fibre at 4 km along the road to i at 13 km, and 3 km up the side road.
    assert trench["length_m"].sum() == pytest.approx(9000 + 3000, abs=12)
    by_surface = trench.groupby("surface")["length_m"].sum()
    assert by_surface["soft"] == pytest.approx(3000, abs=1)
    assert trench["cost_sek"].sum() == pytest.approx(9000 * 250 + 3000 * 150, rel=2e-3)
    # Everybody hangs on the first edge: c, d, e and the workplaces i.
    assert trench["households_below"].max() == 3 + 1 + 2
    assert trench["premises_below"].max() == 4
    # The border runs at 10 km.
    inside = trench.groupby("municipality_code")["length_m"].sum()
    assert inside["2502"] == pytest.approx(3000, abs=2000)


def test_cost(out: Path) -> None:
    cost = pd.read_csv(out / "cost.csv", dtype={"area_code": str}).set_index("area_code")
    whole = cost.loc["25"]
    assert whole["unserved_households"] == 3 + 1 + 2 + 1
    assert whole["planned_households"] == 5
    assert (whole["unreached_premises"], whole["unreached_households"]) == (1, 1)
    drops = 4 * 5000 + 90 * (40 + 20 + 50 + 30)
    assert whole["drop_sek"] == pytest.approx(drops, abs=1)
    assert whole["own_contribution_sek"] == 6 * 20_000
    assert whole["operator_revenue_sek"] == 6 * 10_000
    assert whole["gap_sek"] == pytest.approx(whole["capex_sek"] - 6 * 30_000)
    assert cost.loc[["2501", "2502"], "trench_m"].sum() == pytest.approx(whole["trench_m"])


def test_areas(out: Path) -> None:
    areas = stored(out, "priority_areas")
    # c and d in the west; beyond the border e and the workplaces i, which need their trench.
    assert areas["households"].tolist() == [4, 2, 1]
    assert areas["premises"].tolist() == [2, 2, 1]
    assert areas["reached"].tolist() == [True, True, False]
    # By the northernmost building where both are as near the middle: d, then i.
    assert areas["area_id"].tolist() == ["2501-708-7308", "2502-713-7305", "2502-0000"]
    assert areas["upstream_area_id"].fillna("").tolist() == ["", "2501-708-7308", ""]
    assert areas["below_min"].tolist() == [True, True, False]
    assert areas["name"].tolist() == ["Väst NO", "Öst V", "Öst (ej nådda)"]
    # The trench to c and d is 4 km along the road and 3 km north, the rest is for e and i.
    assert areas["trench_m"].tolist()[:2] == pytest.approx([7000, 5000], abs=12)
    cost = pd.read_csv(out / "cost.csv").iloc[-1]
    assert areas["gap_sek"].sum() == pytest.approx(cost["gap_sek"], abs=0.2)


def test_public_areas_hide_few_households(out: Path) -> None:
    areas = gpd.read_file(out / "priority_areas.geojson")
    assert areas["hidden"].astype(bool).tolist() == [False, True, True]
    assert areas["households"].fillna(-1).tolist() == [4, -1, -1]
    assert areas["gap_sek"].notna().tolist() == [True, False, False]
    assert areas["rank"].notna().tolist() == [True, True, False]


def test_geojson_follows_rfc_7946_and_hides_exact_places(out: Path) -> None:
    text = (out / "priority_areas.geojson").read_text(encoding="utf-8")
    content = json.loads(text)
    assert "crs" not in content
    for feature in content["features"]:
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        west, south, east, north = shape.bounds
        assert 10 < west < east < 25
        assert 65 < south < north < 67
        for polygon in shapely.get_parts(shape):
            assert shapely.is_ccw(polygon.exterior)
        # A single household is never drawn: its cell is a kilometre wide.
        local = gpd.GeoSeries([shape], crs=4326).to_crs(3006)
        assert local.area.iloc[0] >= 1e6 * 0.99


def test_one_duckdb_file_holds_every_table(out: Path) -> None:
    with connect(out / "bredband.duckdb") as con:
        tables = {
            row[0] for row in con.execute("select table_name from duckdb_tables()").fetchall()
        }
        assert {"premises", "coverage", "goals", "trench", "cost", "priority_areas",
                "municipalities", "set_aside"} <= tables  # fmt: skip
        metres = con.execute("select sum(ST_Length(geometry)) from trench").fetchone()
        told = con.execute("select sum(length_m) from trench").fetchone()
        assert metres is not None
        assert told is not None
        assert metres[0] == pytest.approx(told[0], rel=1e-6)


def test_manifest_names_the_price_book(tmp_path: Path) -> None:
    settings = {**small_region.content(), "prices": {"book": "prisbok.toml"}}
    folder = small_region.write(tmp_path / "in", settings)
    text = "[drop_fixed]\nvalue = 7000\nunit = 'SEK/premises'\nsource = 'anbud'\n"
    (folder / "prisbok.toml").write_bytes(text.encode())
    run(Region.read(folder), tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["price_book"] == {
        "file": "prisbok.toml", "sha256": hashlib.sha256(text.encode()).hexdigest()
    }  # fmt: skip
    assert manifest["settings"]["prices"]["drop_fixed"]["value"] == 7000


def test_manifest_tells_from_what(out: Path) -> None:
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    layers = {item["layer"]: item for item in manifest["inputs"]}
    assert set(layers) == {"municipalities", "premises", "roads", "fibre", "coverage", "plans"}
    for item in layers.values():
        assert len(item["sha256"]) == 64
        assert item["rows_in"] == item["rows_out"] + item["rows_set_aside"]
        assert item["provenance"] == "real"
    assert layers["fibre"]["licence"] == "under secrecy"
    assert manifest["files"]["premises.parquet"]["audience"] == "internal"
    assert manifest["files"]["priority_areas.geojson"]["audience"] == "public"
    assert manifest["settings"]["definitions"]["proximity_m"] == 50
    assert set(manifest["files"]) == {
        "coverage.csv", "technology.csv", "state_aid.csv", "standing.csv", "goals.csv",
        "cost.csv", "share_summary.csv", "cost_curve.csv", "goal_cost.csv", "last_resort.csv",
        "intervals.csv", "tornado.csv", "set_aside.csv", "premises.parquet",
        "road_components.csv", "scores.csv", "motivations.csv", "robustness.csv", "flips.csv",
        "choice.csv", "choice_payments.csv", "choice_summary.csv", "nested.csv",
        "nested_areas.csv", "pts_rules.csv", "pts_consultation.csv", "pts_exclusion_counts.csv",
        "pts_competition.csv", "pts_mark_comparison.csv", "pts_calibration.csv",
        "trench.parquet", "priority_areas.geojson", "map.html", "bredband.duckdb",
    }  # fmt: skip


def test_same_in_same_out(out: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    run(Region.read(small_region.write(tmp_path / "in")), again)
    for name in ("coverage.csv", "goals.csv", "cost.csv", "priority_areas.geojson"):
        assert (again / name).read_bytes() == (out / name).read_bytes(), name
