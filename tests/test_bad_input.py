"""Every kind of bad input through the command line: one clear message, exit 1, no leftovers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import small_region
from bredband.cli import main
from bredband.template import region_toml
from click.testing import CliRunner, Result
from languages import english_in
from rasterio.transform import Affine
from result_files import stored
from shapely.geometry import Point, Polygon

if TYPE_CHECKING:
    from collections.abc import Callable


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def text_of(result: Result) -> str:
    """Give all that was said on one line, as a terminal's wrapping is no matter here."""
    return " ".join(result.output.split())


def rewrite(folder: Path, **sources: dict[str, object]) -> None:
    settings = small_region.content()
    settings["sources"].update(sources)
    (folder / "region.toml").write_text(region_toml(settings), encoding="utf-8")


def truncate(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def missing_file(folder: Path) -> None:
    (folder / "roads.gpkg").rename(folder / "road.gpkg")


def missing_column(folder: Path) -> None:
    frame = small_region.municipalities().rename(columns={"KnKod": "Kommunkod"})
    frame.to_file(folder / "municipalities.gpkg")


def no_crs(folder: Path) -> None:
    small_region.roads().to_file(folder / "roads.shp")
    (folder / "roads.prj").unlink()
    rewrite(folder, roads={"path": "roads.shp"})


def degrees_as_metres(folder: Path) -> None:
    frame = small_region.roads().to_crs(4326).set_crs(3006, allow_override=True)
    frame.to_file(folder / "roads.gpkg")


def swapped_axes(folder: Path) -> None:
    frame = small_region.premises()
    frame["geometry"] = shapely.transform(frame.geometry.to_numpy(), lambda c: c[:, ::-1])
    frame.to_file(folder / "premises.gpkg")


def wrong_crs(folder: Path) -> None:
    # RT 90 coordinates said to be SWEREF 99 TM.
    frame = small_region.premises().to_crs(3021).set_crs(3006, allow_override=True)
    frame.to_file(folder / "premises.gpkg")


def truncated_gpkg(folder: Path) -> None:
    truncate(folder / "premises.gpkg")


def truncated_parquet(folder: Path) -> None:
    small_region.roads().to_parquet(folder / "roads.parquet")
    truncate(folder / "roads.parquet")
    rewrite(folder, roads={"path": "roads.parquet"})


def truncated_geojson(folder: Path) -> None:
    small_region.roads().to_crs(4326).to_file(folder / "roads.geojson")
    truncate(folder / "roads.geojson", 0.8)
    rewrite(folder, roads={"path": "roads.geojson"})


def truncated_shapefile(folder: Path) -> None:
    small_region.roads().to_file(folder / "roads.shp")
    truncate(folder / "roads.shp", 0.7)
    rewrite(folder, roads={"path": "roads.shp"})


def truncated_csv(folder: Path) -> None:
    path = folder / "coverage.csv"
    path.write_bytes(path.read_bytes()[:-9])


def not_geodata(folder: Path) -> None:
    (folder / "roads.gpkg").write_text("<html>404 Not found</html>", encoding="utf-8")


def duplicate_ids(folder: Path) -> None:
    frame = small_region.premises()
    frame.loc[3, "premises_id"] = "a"
    frame.to_file(folder / "premises.gpkg")


def negative_households(folder: Path) -> None:
    frame = small_region.premises()
    frame.loc[2, "households"] = -3
    frame.to_file(folder / "premises.gpkg")


def words_for_numbers(folder: Path) -> None:
    frame = small_region.coverage().astype({"speed_mbit": str})
    frame.loc[1, "speed_mbit"] = "snabbt"
    frame.to_csv(folder / "coverage.csv", index=False, encoding="utf-8")


def unknown_technology(folder: Path) -> None:
    frame = small_region.coverage()
    frame.loc[1, "technology"] = "brevduva"
    frame.to_csv(folder / "coverage.csv", index=False, encoding="utf-8")


def wrong_declared_encoding(folder: Path) -> None:
    frame = small_region.coverage()
    frame["kommentar"] = "Överkalix"
    frame.to_csv(folder / "coverage.csv", index=False, encoding="cp1252")
    rewrite(folder, coverage={"path": "coverage.csv", "encoding": "utf-8"})


def wrong_geometry(folder: Path) -> None:
    frame = small_region.roads()
    frame["geometry"] = frame.geometry.centroid
    frame.to_file(folder / "roads.gpkg")


def empty_layer(folder: Path) -> None:
    small_region.roads().iloc[:0].to_file(folder / "roads.gpkg")


def everything_outside(folder: Path) -> None:
    frame = small_region.premises()
    frame["geometry"] = frame.translate(-200_000, -900_000)
    frame.to_file(folder / "premises.gpkg")


def negative_speed(folder: Path) -> None:
    frame = small_region.coverage()
    frame.loc[0, "speed_mbit"] = -5
    frame.to_csv(folder / "coverage.csv", index=False, encoding="utf-8")


def ids_of_another_list(folder: Path) -> None:
    frame = small_region.coverage()
    frame["premises_id"] = "x" + frame["premises_id"]
    frame.to_csv(folder / "coverage.csv", index=False, encoding="utf-8")


def impossible_plan_year(folder: Path) -> None:
    small_region.plans().assign(year=25).to_csv(folder / "plans.csv", index=False, encoding="utf-8")


CASES: dict[Callable[[Path], None], str] = {
    missing_file: r"roads\.gpkg.*road\.gpkg",
    missing_column: r"municipalities\.gpkg.*KnKod.*Kommunkod",
    no_crs: r"roads\.shp.*crs = \"EPSG:3006\"",
    degrees_as_metres: r"roads\.gpkg.*degrees",
    swapped_axes: r"premises\.gpkg.*(swapped|each other's place)",
    wrong_crs: r"premises\.gpkg.*EPSG:3021",
    truncated_gpkg: r"premises\.gpkg.*(truncated|damaged|cut)",
    truncated_parquet: r"roads\.parquet.*(truncated|damaged|cut)",
    truncated_geojson: r"roads\.geojson.*(truncated|damaged|cut)",
    truncated_shapefile: r"roads\.shp.*(truncated|damaged|cut|shorter)",
    truncated_csv: r"coverage\.csv.*(row|line)",
    not_geodata: r"roads\.gpkg.*no GeoPackage",
    duplicate_ids: r"premises\.gpkg.*(duplicate|more than one).*\ba\b",
    negative_households: r"premises\.gpkg.*households.*-3",
    words_for_numbers: r"coverage\.csv.*speed_mbit.*snabbt",
    unknown_technology: r"coverage\.csv.*brevduva",
    wrong_declared_encoding: r"coverage\.csv.*utf-8",
    wrong_geometry: r"roads\.gpkg.*(point|Point).*",
    empty_layer: r"roads\.gpkg.*(empty|no rows|nothing)",
    negative_speed: r"coverage.*-5",
    ids_of_another_list: r"coverage.*(no|none).*premises",
    impossible_plan_year: r"plan.*25",
    everything_outside: r"premises\.gpkg.*outside",
}


@pytest.mark.parametrize("spoil", CASES, ids=lambda spoil: spoil.__name__)
def test_bad_file_gives_one_clear_message(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    spoil(folder)
    result = call("run", folder, "--out", tmp_path / "out", "--lang", "en")
    said = text_of(result)
    assert result.exit_code == 1, said
    assert re.search(CASES[spoil], said, re.IGNORECASE), said
    assert "Traceback" not in said
    assert "fault in bredband" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    # check finds the same without running.
    checked = call("check", folder, "--lang", "en")
    found = text_of(checked)
    assert checked.exit_code == 1, found
    assert re.search(CASES[spoil], found, re.IGNORECASE), found
    for command in (("run", folder, "--out", tmp_path / "out"), ("check", folder)):
        assert not english_in(call(*command).output)


def test_check_lists_every_fault_at_once(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    missing_file(folder)
    words_for_numbers(folder)
    said = text_of(call("check", folder))
    assert "roads.gpkg" in said
    assert "snabbt" in said


def test_a_good_region_passes_the_check(tmp_path: Path) -> None:
    result = call("check", small_region.write(tmp_path / "in"))
    assert result.exit_code == 0, result.output
    assert "Inga fel" in result.output


def test_broken_and_missing_geometry_is_mended_or_set_aside_and_counted(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    frame = small_region.premises()
    extra = frame.iloc[:3].assign(premises_id=["x", "y", "z"])
    extra["geometry"] = [None, Point(), Point(small_region.X + 60_000, small_region.Y)]
    pd.concat([frame, extra]).to_file(folder / "premises.gpkg")
    polygons = small_region.municipalities()
    # On its way along the northern side the border crosses itself.
    east, north = small_region.X + 10_000, small_region.Y
    ring = [(0, -5000), (10_000, -5000), (10_000, 5000), (6000, 5000), (5000, 5500),
            (6000, 5500), (5000, 5000), (0, 5000)]  # fmt: skip
    polygons.loc[1, "geometry"] = Polygon([(east + dx, north + dy) for dx, dy in ring])
    polygons.to_file(folder / "municipalities.gpkg")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    aside = pd.read_csv(tmp_path / "out" / "set_aside.csv")
    assert set(aside["id"].dropna()) | {"y"} == {"x", "y", "z"}
    assert (aside["layer"] == "premises").all()
    assert aside["reason"].notna().all()
    checked = text_of(call("check", folder))
    assert re.search("municipalities.gpkg.*1 rad.*lagats", checked), checked


def test_swedish_csv_as_excel_saves_it(tmp_path: Path) -> None:
    """Semicolons, decimal commas, cp1252, coordinates in columns of the planner's own names."""
    folder = small_region.write(tmp_path / "in")
    frame = small_region.premises()
    table = pd.DataFrame(
        {
            "Byggnad": frame["premises_id"],
            "Östlig": frame.geometry.x.map(lambda v: f"{v:.1f}".replace(".", ",")),
            "Nordlig": frame.geometry.y.map(lambda v: f"{v:.1f}".replace(".", ",")),
            "Hushåll": frame["households"],
            "Arbetsställen": frame["workplaces"],
            "Fritidshus": frame["holiday_homes"],
        }
    )
    table.to_csv(folder / "premises.csv", sep=";", index=False, encoding="cp1252")
    rewrite(
        folder,
        premises={
            "path": "premises.csv",
            "crs": "EPSG:3006",
            "columns": {"premises_id": "Byggnad", "x": "Östlig", "y": "Nordlig",
                        "households": "Hushåll", "workplaces": "Arbetsställen",
                        "holiday_homes": "Fritidshus"},
        },
    )  # fmt: skip
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    out = gpd.read_parquet(tmp_path / "out" / "premises.parquet").set_index("premises_id")
    assert out.loc["a", ["x", "y"]].tolist() == [small_region.X + 1000, small_region.Y + 20]
    assert out["households"].sum() == sum(row[3] for row in small_region.PREMISES)


def test_an_excel_sheet_is_read_the_same(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    small_region.coverage().to_excel(folder / "coverage.xlsx", sheet_name="Täckning", index=False)
    rewrite(folder, coverage={"path": "coverage.xlsx", "layer": "Täckning"})
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    out = gpd.read_parquet(tmp_path / "out" / "premises.parquet").set_index("premises_id")
    assert out.loc["a", "status"] == "connected"


def test_region_without_fibre_reaches_nobody_and_says_so(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    settings = small_region.content()
    for layer in ("fibre", "coverage", "plans"):
        del settings["sources"][layer]
    (folder / "region.toml").write_text(region_toml(settings), encoding="utf-8")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    cost = pd.read_csv(tmp_path / "out" / "cost.csv").iloc[-1]
    assert cost["unserved_households"] == cost["unreached_households"] == 18
    assert cost["capex_sek"] == 0
    assert "nås inte" in result.output


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "brev.txt").write_text("viktigt", encoding="utf-8")
    result = call("run", folder, "--out", documents)
    assert result.exit_code == 1
    assert (documents / "brev.txt").read_text(encoding="utf-8") == "viktigt"


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert call("run").exit_code == 2
    assert call("fly").exit_code == 2
    assert call("init", tmp_path / "x", "--osm", tmp_path / "none.osm.pbf").exit_code == 2
    assert call("init", tmp_path / "x", "--demo-share", "0.8").exit_code == 2
    assert call("run", tmp_path, "--quiet", "--verbose").exit_code in {1, 2}


def test_init_does_not_write_over(tmp_path: Path) -> None:
    assert call("init", tmp_path / "r").exit_code == 0
    before = (tmp_path / "r" / "region.toml").read_bytes()
    result = call("init", tmp_path / "r")
    assert result.exit_code == 1
    assert "finns redan" in result.output
    assert (tmp_path / "r" / "region.toml").read_bytes() == before


def test_quiet_says_nothing(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    result = call("run", folder, "--out", tmp_path / "out", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_interrupted_run_leaves_the_earlier_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_region.write(tmp_path / "in")
    assert call("run", folder, "--out", tmp_path / "out").exit_code == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}

    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bredband.results.manifest", interrupt)
    assert call("run", folder, "--out", tmp_path / "out").exit_code != 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


def test_random_noise_is_never_a_traceback(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for name in ("premises.gpkg", "roads.gpkg", "coverage.csv"):
        folder = small_region.write(tmp_path / f"in-{name}")
        (folder / name).write_bytes(rng.bytes(3000))
        said = text_of(call("run", folder, "--out", tmp_path / "out"))
        assert name in said
        assert "fault in bredband" not in said


@pytest.mark.parametrize("encoding", ["cp850", "cp1252", "ascii"])
def test_an_old_code_page_is_no_fault(encoding: str, tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    script = Path(sys.executable).with_name("bredband")
    done = subprocess.run(
        [script, "run", folder, "--out", tmp_path / "out"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    said = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr
    assert "map.html" in said
    assert encoding == "ascii" or "Väst" in said


def test_coverage_rows_of_unknown_buildings_are_said_after_a_run(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    frame = small_region.coverage()
    frame.loc[[1, 2], "premises_id"] = ["okänd", "borta"]
    frame.to_csv(folder / "coverage.csv", index=False, encoding="utf-8")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "bredband check" in text_of(result)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    rules = {item["rule"]: item["rows"] for item in manifest["findings"]}
    assert rules["coverage-without-building"] == 2


def test_set_aside_rows_are_the_files_own(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    frame = small_region.premises()
    frame.loc[0, "geometry"] = None
    frame.loc[4, ["households", "workplaces", "holiday_homes"]] = 0
    frame.to_file(folder / "premises.gpkg")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    aside = pd.read_csv(tmp_path / "out" / "set_aside.csv")
    of_premises = aside[aside["layer"] == "premises"].set_index("id")["row"]
    assert of_premises.to_dict() == {"a": 0, "e": 4}
    # What was said of these two buildings is not used either.
    rest = aside[aside["layer"] != "premises"]
    assert rest[["layer", "row", "id"]].values.tolist() == [
        ["coverage", 0, "a"],
        ["plans", 1, "e"],
    ]


def test_road_classes_stored_as_numbers_keep_their_price(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    frame = small_region.roads().assign(road_class=[3, None, 7])
    frame.to_file(folder / "roads.gpkg")
    settings = small_region.content() | {
        "prices": {"surfaces": {"3": "asphalt", "7": "soft"}, "other_surface": "road_edge"}
    }
    (folder / "region.toml").write_text(region_toml(settings), encoding="utf-8")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    trench = gpd.read_parquet(tmp_path / "out" / "trench.parquet")
    assert set(trench["surface"]) == {"asphalt", "road_edge", "soft"}


def test_roads_that_no_trench_may_follow_reach_nobody(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    small_region.roads().assign(road_class="motorway").to_file(folder / "roads.gpkg")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    premises = gpd.read_parquet(tmp_path / "out" / "premises.parquet")
    assert set(premises["reach"].dropna()) == {"no_road"}


@pytest.mark.parametrize("least", [1, 2, 5, 30])
def test_any_size_of_hidden_groups_can_be_drawn(least: int, tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    settings = small_region.content() | {"publication": {"min_households": least}}
    (folder / "region.toml").write_text(region_toml(settings), encoding="utf-8")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output


def test_codes_that_lost_their_zero_get_it_back(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    small_region.municipalities().assign(KnKod=[180, 2502]).to_file(folder / "municipalities.gpkg")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    coverage = pd.read_csv(tmp_path / "out" / "coverage.csv", dtype={"area_code": str})
    counties = coverage.loc[coverage["area_kind"] == "county", "area_code"]
    assert set(counties) == {"01", "25"}
    assert "0180" in set(coverage["area_code"])


def test_holiday_homes_built_to_count_the_same_everywhere(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    settings = small_region.content() | {"buildout": {"include_holiday_homes": True}}
    (folder / "region.toml").write_text(region_toml(settings), encoding="utf-8")
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    cost = pd.read_csv(tmp_path / "out" / "cost.csv").iloc[-1]
    areas = stored(tmp_path / "out", "priority_areas")
    assert cost["unserved_premises"] == areas["premises"].sum() == 6
    assert cost["unserved_households"] == areas["households"].sum() == 7


def test_a_building_just_outside_the_border_is_counted_and_said(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    frame = small_region.premises()
    frame.loc[0, "geometry"] = Point(small_region.X - 150, small_region.Y)
    frame.loc[1, "geometry"] = Point(small_region.X - 250, small_region.Y)
    frame.to_file(folder / "premises.gpkg")
    said = text_of(call("check", folder))
    assert re.search(r"outside-border premises\.gpkg, lager premises, 1 rad", said), said
    assert call("run", folder, "--out", tmp_path / "out").exit_code == 0
    premises = gpd.read_parquet(tmp_path / "out" / "premises.parquet").set_index("premises_id")
    assert premises.loc["a", "municipality_code"] == "2501"
    assert "b" not in premises.index
    assert pd.read_csv(tmp_path / "out" / "set_aside.csv")["id"].tolist() == ["b"]


def test_a_raster_counts_as_the_technology_that_is_said(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    with rasterio.open(
        folder / "mbit.tif", "w", driver="GTiff", width=20, height=10, count=1, dtype="float32",
        crs="EPSG:3006", transform=Affine(1000, 0, small_region.X, 0, -1000, small_region.Y + 5000),
    ) as raster:  # fmt: skip
        raster.write(np.full((1, 10, 20), 300, dtype="float32"))
    rewrite(folder, coverage={"path": "mbit.tif"})
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert re.search(r"mbit\.tif.*vilken teknik.*constants", text_of(result)), result.output
    rewrite(folder, coverage={"path": "mbit.tif", "constants": {"technology": "fwa"}})
    result = call("run", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    premises = gpd.read_parquet(tmp_path / "out" / "premises.parquet")
    assert (premises["wireless_speed_mbit"] == 300).all()
    assert (premises["speed_mbit"] == 0).all()
