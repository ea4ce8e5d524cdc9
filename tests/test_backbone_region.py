"""bredband backbone on a region, its words, and real places of Norrbotten and Skåne."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from string import Formatter
from typing import TYPE_CHECKING

import duckdb
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import sound_region
from backbone_land import CRS, check
from bredband.backbone import plan_backbone
from bredband.backbone_run import connect_region, region_places, write_backbone
from bredband.backbone_terminal import backbone
from bredband.backbone_words import backbone_words
from bredband.cli import main
from bredband.inputs import read_inputs
from bredband.region import Region
from bredband.settings_backbone import BackboneSettings
from bredband.tables_backbone import ENDS, JOINS
from bredband_gis.errors import (
    EmptyLayerError,
)
from bredband_gis.webmap import find_resources
from click.testing import CliRunner
from languages import english_in, swedish_in
from shapely.geometry import LineString, box

if TYPE_CHECKING:
    from pathlib import Path

# --- a region --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def region_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = sound_region.write(tmp_path_factory.mktemp("backbone") / "region")
    x, y = sound_region.X, sound_region.Y
    towns = sound_region.localities().assign(population=[300, 120])
    more = gpd.GeoDataFrame(
        {
            "locality_code": ["T3"], "locality_name": ["Trean <b>"], "segment": ["småort"],
            "population": [80],
        },
        geometry=[box(x + 7800, y + 2500, x + 8200, y + 3100)], crs=3006,
    )  # fmt: skip
    pd.concat([towns, more]).to_file(folder / "localities.gpkg")
    return folder


def call(*words: object) -> tuple[int, str]:
    if "backbone" not in main.commands:
        main.add_command(backbone)
    done = CliRunner().invoke(main, [str(word) for word in words], env={"COLUMNS": "200"})
    return done.exit_code, done.output.replace("\N{NO-BREAK SPACE}", " ")


def test_a_region_from_files_to_files(region_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said = call("backbone", region_folder, "--out", out, "--budget", 1_100_000)
    assert code == 0, said
    assert not english_in(said.split("Karta:")[0].replace("Trean <b>", "")), said
    assert "Trean <b>" in said
    names = {path.name for path in out.iterdir()}
    assert names == {"stretches.csv", "places.csv", "cuts.csv", "stretches.geojson",
                     "backbone.html", "backbone.duckdb", "manifest.json"}  # fmt: skip
    listed = pd.read_csv(out / "places.csv").set_index("locality_code")
    assert listed["join"].to_dict() == {"T1": "backbone", "T2": "new", "T3": "new"}
    table = pd.read_csv(out / "stretches.csv")
    # Fibre ends at km 4, Tvåan lies at km 6, Trean at the end of the side road at km 8.
    assert table["length_m"].tolist() == [2000, 5000 - 200]
    assert table["within_budget"].tolist() == [True, True]
    with duckdb.connect(str(out / "backbone.duckdb"), read_only=True) as con:
        rows = con.execute("SELECT count(*), sum(new::int) FROM stretches").fetchone()
        assert rows == (len(table) + 1, len(table))
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert told["files"]["backbone.duckdb"]["audience"] == "internal"
    assert told["files"]["stretches.csv"]["audience"] == "public"
    assert told["network"]["roots"] == "fibre"
    assert told["settings"]["backbone"]["budget_sek"] == 1_100_000
    assert told["sums"]["places"] == {"backbone": 1, "new": 2}
    assert {one["layer"] for one in told["inputs"]} >= {"localities", "roads", "fibre"}
    shapes = json.loads((out / "stretches.geojson").read_text(encoding="utf-8"))
    assert [f["properties"]["stretch"] for f in shapes["features"]] == [
        "fiber vid Tvåan – Tvåan", "Tvåan – Trean <b>",
    ]  # fmt: skip
    longitude, latitude = np.array(shapes["features"][1]["geometry"]["coordinates"]).T
    assert ((longitude > 19) & (longitude < 20) & (latitude > 65) & (latitude < 67)).all()
    html = (out / "backbone.html").read_text(encoding="utf-8")
    assert not find_resources(html)
    assert "<b>" not in html.replace("\\u003cb\\u003e", "")
    # A second run takes the first one's place; somebody's own folder is left alone.
    assert call("backbone", region_folder, "--out", out, "-q") == (0, "")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear", encoding="utf-8")
    code, said = call("backbone", region_folder, "--out", mine)
    assert code == 1
    assert [path.name for path in mine.iterdir()] == ["letter.txt"]


def test_a_region_in_english_internally_along_links(region_folder: Path, tmp_path: Path) -> None:
    x, y = sound_region.X, sound_region.Y
    ways = gpd.GeoDataFrame(
        {"road_m": [4500.0, 4200.0]},
        geometry=[LineString([(x + 1500, y), (x + 6000, y)]),
                  LineString([(x + 6000, y), (x + 8000, y + 2800)])], crs=CRS,
    )  # fmt: skip
    ways.to_file(tmp_path / "links.gpkg", layer="bus")
    out = tmp_path / "out"
    code, said = call("backbone", region_folder, "--out", out, "--links", tmp_path / "links.gpkg",
                      "--layer", "bus", "--lang", "en", "--internal", "--no-second-route",
                      "--with-backbone", "ettan", "-v")  # fmt: skip
    assert code == 0, said
    assert not swedish_in(said.replace("Tvåan", "")), said
    table = pd.read_csv(out / "stretches.csv")
    assert table["length_m"].tolist() == [4500, 4200]
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert told["network"]["along"] == "links"
    assert told["network"]["roots"] == "chosen"
    assert {one["audience"] for one in told["files"].values()} == {"internal"}
    assert "The fibre layer is not used" in said
    assert "links" in {one["layer"] for one in told["inputs"]}
    assert "single_cut" in pd.read_csv(out / "places.csv")


def test_what_a_region_lacks_is_said_without_a_traceback(
    region_folder: Path, tmp_path: Path
) -> None:
    for words, part in (
        (["--with-backbone", "Nowhere"], "Nowhere"),
        (["--links", region_folder / "premises.gpkg"], "premises.gpkg"),
        (["--straight", "--links", region_folder / "roads.gpkg"], "--straight"),
        (["-q", "-v"], "--quiet"),
    ):
        code, said = call("backbone", region_folder, "--out", tmp_path / "no", *words)
        assert code in (1, 2)
        assert part in said
        assert "Traceback" not in said
        assert not (tmp_path / "no").exists()
    region = Region.read(region_folder)
    bare = region.model_copy(
        update={"sources": region.sources.model_copy(update={"localities": []})}
    )
    with pytest.raises(EmptyLayerError, match="no localities"):
        connect_region(bare)
    lost = region.model_copy(
        update={"backbone": region.backbone.model_copy(update={"along": "links"})}
    )
    with pytest.raises(EmptyLayerError, match="names no file of links"):
        connect_region(lost)
    named = lost.model_copy(
        update={"backbone": lost.backbone.model_copy(update={"links": "roads.gpkg"})}
    )
    run = connect_region(named)  # the file that region.toml names; straight times detour
    write_backbone(run, tmp_path / "links")
    assert run.plan.along == "links"


def test_people_of_a_region_s_places(region_folder: Path) -> None:
    inputs = read_inputs(Region.read(region_folder))
    found = region_places(inputs).set_index("locality_code")
    assert found["municipality_code"].tolist() == ["2501"] * 3
    # Ettan holds the buildings a and b; nobody is known to live in Tvåan, so inhabitants count.
    assert found["households"].tolist()[0] == 6
    assert np.isnan(found["households"].tolist()[1])
    assert found["population"].tolist() == [300, 120, 80]


# --- words -----------------------------------------------------------------------------


def test_both_languages_have_the_same_words() -> None:
    folder = files("bredband.text")
    sv, en = (
        tomllib.loads(folder.joinpath(f"backbone_{name}.toml").read_text("utf-8"))
        for name in ("sv", "en")
    )
    assert {s: list(part) for s, part in sv.items()} == {s: list(part) for s, part in en.items()}
    for section, part in sv.items():
        for key, text in part.items():
            other = en[section][key]
            assert text
            holes = [{h for _, h, _, _ in Formatter().parse(t) if h} for t in (text, other)]
            assert holes[0] == holes[1], key
            assert not set("åäöÅÄÖ") & set(other), key
            assert not english_in(text), key
            text.encode("cp1252")
            other.encode("cp1252")
    for language in ("sv", "en"):
        w = backbone_words(language)
        for kind in ("roads", "links", "straight"):
            assert w["backbone.along_" + kind]
        for why in ("chosen", "fibre", "municipality", "largest"):
            assert "{places}" in w["backbone.roots_" + why]
    assert set(ENDS) == {"place", "junction", "fibre"}
    assert len(set(JOINS)) == 6


# --- real places -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sverige(shared_data: Path) -> Path:
    return shared_data / "sverige" / "sample_bd_m.gpkg"


@pytest.fixture(scope="module")
def localities(sverige: Path) -> gpd.GeoDataFrame:
    """Give the real localities of Norrbotten and Skåne 2020 (SCB)."""
    return gpd.read_file(sverige, layer="tatort_punkt_2020").rename(
        columns={"code": "locality_code", "name": "locality_name", "pop": "population",
                 "mun_code": "municipality_code"}
    )  # fmt: skip


def test_the_detour_is_that_of_norrbotten_s_bus_links(sverige: Path) -> None:
    bus = gpd.read_file(sverige, layer="lankar_bd_gtfs")
    measured = bus["road_m"].sum() / bus["air_m"].sum()
    assert BackboneSettings().detour == pytest.approx(measured, abs=0.005)


def test_norrbotten_along_its_real_bus_roads(sverige: Path, localities: gpd.GeoDataFrame) -> None:
    north = localities[localities["lan_code"] == "25"]
    bus = gpd.read_file(sverige, layer="lankar_bd_gtfs")
    chosen = BackboneSettings(worth_sek_per_household=5000)
    plan = check(plan_backbone(north, links=bus, settings=chosen, seconds=3))
    assert len(plan.places) == 89
    assert (plan.places["join"] == "backbone").sum() == 14
    lost = plan.places[plan.places["join"] == "no_road"]
    assert set(lost["locality_name"]) == {"Kangos", "Södra Hertsölandet"}
    first = plan.stretches[~plan.stretches["second_route"]]
    assert first["length_m"].sum() / 1e3 == pytest.approx(1166, abs=2)
    assert plan.joining_sek <= 1.001 * plan.joining_bound_sek
    assert plan.total_sek <= 1.08 * plan.total_bound_sek
    assert plan.links_left_out == 564
    assert plan.links_short == 144
    # Made-up links between neighbours, times the measured detour, come near the real roads.
    there = north[~north["locality_code"].isin(lost["locality_code"])]
    made_up = plan_backbone(
        there, settings=BackboneSettings(along="straight", second_route=False), seconds=3
    )
    assert made_up.joining_sek == pytest.approx(plan.joining_sek, rel=0.15)


def test_skane_s_bas_network_is_of_this_size(sverige: Path, localities: gpd.GeoDataFrame) -> None:
    """306 places, 2 300 km, 850 MSEK were built 2003-2015 (S): ours is within a factor of 2.

    The places are the 248 localities of 2020 and the 58 largest other settlements.
    """
    south = localities[localities["lan_code"] == "12"]
    towns = gpd.read_file(sverige, layer="kommun")
    small = gpd.read_file(sverige, layer="bebyggelse_lm250k")
    small = small[small["KATEGORI"] != "Tätort"]
    small = small.assign(size=small.area, geometry=small.representative_point())
    small = small.sjoin(towns.loc[towns["LAN_KOD"] == "12", ["KOM_KOD", "geometry"]])
    small = small.sort_values("size", ascending=False).head(306 - len(south))
    every = pd.concat(
        [
            south,
            gpd.GeoDataFrame(
                {
                    "locality_code": [f"s{n}" for n in range(len(small))],
                    "locality_name": small["NAMN1"].fillna("").to_list(),
                    "population": 100.0,  # a small locality has 50-199
                },
                geometry=small.geometry.to_numpy(), crs=south.crs,
            ),
        ],
        ignore_index=True,
    )  # fmt: skip
    assert len(every) == 306
    one = BackboneSettings(along="straight", with_backbone=["Malmö"], second_route=False)
    tree = plan_backbone(every, settings=one, seconds=3)
    assert (tree.places["join"] == "new").sum() == 305
    km = tree.stretches["length_m"].sum() / 1e3
    assert 2300 / 2 < km < 2300
    assert 850e6 / 2 < tree.total_sek < 850e6
    # The cheapest tree cannot be longer than what was built; with two ways to all it comes near.
    assert km == pytest.approx(1508, rel=0.02)
    two = one.model_copy(update={"second_route": True, "worth_sek_per_household": 1e9})
    ring = plan_backbone(every, settings=two, seconds=1)
    assert (ring.places["ways_after"] == 2).sum() >= 300
    assert ring.stretches["length_m"].sum() / 1e3 == pytest.approx(2043, rel=0.03)
    assert 850e6 / 2 < ring.total_sek < 2 * 850e6
