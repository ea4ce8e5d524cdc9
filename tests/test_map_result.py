"""The map drawn anew from a finished result, and its command."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import geopandas as gpd
import pandas as pd
import pytest
import shapely
import sound_region
from axe_playwright_python.sync_playwright import Axe
from bredband.deliveries import compare_runs, read_run
from bredband.map_background import BACKGROUND, MAIN_ROADS, background_table
from bredband.map_draw import Drawing
from bredband.map_result import DRAWN, result_map
from bredband.map_stretches import draw_stretches
from bredband.map_terminal import draw_map
from bredband.map_words import map_words
from bredband.motivations import explain_areas
from bredband.pipeline import run
from bredband.region import Publication, Region
from bredband.stored import RESULT_SCHEMAS, read_manifest, read_stretches, read_tables
from bredband.tables import CHANGE, CHANGED_PREMISES, check_table
from bredband.tables_backbone import STRETCHES
from bredband.text import LANGUAGES
from bredband_gis.errors import GeodataError, UnreadableSourceError
from bredband_gis.store import connect, write_table
from bredband_gis.webmap import WebMap
from click.testing import CliRunner
from finished import finished  # noqa: F401 - a fixture
from opened import CRS, EAST, NORTH, Opened
from test_maps import EVIL, everything, roads, stretches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# ---- results to draw ------------------------------------------------------------------


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the result of the year before, when the one building with fibre was not connected."""
    folder = tmp_path_factory.mktemp("earlier")
    region = sound_region.write(folder / "region")

    def change(content: dict[str, Any]) -> None:
        content["region"]["year"] -= 1
        del content["sources"]["connected"]

    sound_region.write_settings(region, change)
    rows = sound_region.coverage()
    rows.loc[0, ["technology", "speed_mbit"]] = ["xdsl", 24]
    rows.to_csv(region / "coverage.csv", index=False)
    run(Region.read(region), folder / "out")
    return folder / "out"


@pytest.fixture
def tables(finished: Path) -> dict[str, pd.DataFrame]:  # noqa: F811
    return read_tables(finished)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    folder = tmp_path / "backbone"
    folder.mkdir()
    with connect(folder / "backbone.duckdb") as con:
        write_table(con, "stretches", stretches())
    told = {"made_by": "bredband", "settings": {"region": {"crs": CRS}},
            "network": {"along": "roads"}}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def command(*words: object) -> Any:
    return CliRunner().invoke(draw_map, [str(word) for word in words], catch_exceptions=False)


# ---- the same map, from memory and from a folder --------------------------------------


def test_the_map_from_the_folder_is_the_map_of_the_run(
    finished: Path,  # noqa: F811
    tables: dict[str, pd.DataFrame],
) -> None:
    made = result_map(tables, read_manifest(finished)).get_root().render()
    assert made == (finished / "map.html").read_text(encoding="utf-8")


def test_tables_that_are_not_there_leave_their_layers_out(
    finished: Path,  # noqa: F811
    tables: dict[str, pd.DataFrame],
    show: Callable[..., Opened],
) -> None:
    manifest = read_manifest(finished)
    bare = {name: tables[name] for name in ("municipalities", "coverage")}
    opened = show(result_map(bare, manifest))
    assert opened.said == []
    assert len(opened.texts(".webmap-entry > label:first-child")) == 4
    for name in bare:
        with pytest.raises(GeodataError, match=f"no table {name}"):
            result_map({key: table for key, table in bare.items() if key != name}, manifest)


def test_another_audience_and_another_language(
    finished: Path,  # noqa: F811
    tables: dict[str, pd.DataFrame],
    show: Callable[..., Opened],
) -> None:
    manifest = read_manifest(finished)
    page = result_map(tables, manifest, detail="internal", language="en")
    html = page.get_root().render()
    assert "Not to be passed on." in html
    ranked = tables["priority_areas"].sort_values("rank").iloc[0]
    swedish = str(ranked["motivation"])
    assert swedish in result_map(tables, manifest, detail="internal").get_root().render()
    assert swedish not in html
    english = explain_areas(tables["priority_areas"], tables["scores"], language="en").areas
    first = english.set_index("area_id").loc[ranked["area_id"], "motivation"]
    assert first[:30] in html
    told = set(tables["premises"]["reason"]) - {""}
    assert told
    assert not [reason for reason in told if reason in html], "reasons are in the run's language"
    opened = show(page)
    assert opened.page.get_attribute("html", "lang") == "en"


def test_the_public_map_of_an_internal_result_is_public(
    finished: Path,  # noqa: F811
    tables: dict[str, pd.DataFrame],
) -> None:
    manifest = json.loads(json.dumps(read_manifest(finished)))
    manifest["settings"]["publication"]["detail"] = "internal"
    internal = result_map(tables, manifest).get_root().render()
    public = result_map(tables, manifest, detail="public").get_root().render()
    some = str(tables["premises"]["reason"].iloc[-1])
    assert some in internal
    assert some not in public
    assert public == (finished / "map.html").read_text(encoding="utf-8")


def test_a_manifest_that_says_too_little_is_refused(
    finished: Path,  # noqa: F811
    tables: dict[str, pd.DataFrame],
) -> None:
    manifest = read_manifest(finished)
    for part in ("region", "definitions", "publication"):
        short = {key: value for key, value in manifest["settings"].items() if key != part}
        with pytest.raises(UnreadableSourceError, match="does not tell what a map needs"):
            result_map(tables, {**manifest, "settings": short})


# ---- the background -------------------------------------------------------------------


def test_the_background_keeps_main_roads_and_lakes() -> None:
    def line(y: float) -> shapely.LineString:
        return shapely.LineString([(0, y), (500, y + 10), (1000, y), (2000, y)])

    roads = gpd.GeoDataFrame(
        {"road_class": ["primary", "primary", "secondary", "track", None]},
        geometry=[line(0), shapely.LineString([(2000, 0), (3000, 0)]), line(900), line(1), line(2)],
        crs=CRS,
    )
    water = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1e4, 1e4)], crs=CRS).to_crs("EPSG:32634")
    made = background_table(roads, water)
    assert made is not None
    check_table(made, BACKGROUND, where="background")
    assert made[["layer", "kind"]].to_numpy().tolist() == [
        ["roads", 0], ["roads", 1], ["water", 0],
    ]  # fmt: skip
    assert made.crs == CRS
    # One line of two that meet, and 10 m beside it are nothing on a map.
    assert shapely.get_coordinates(made.geometry.iloc[0]).tolist() == [[0, 0], [3000, 0]]
    assert made.geometry.iloc[2].area == pytest.approx(1e8, rel=1e-6)
    assert background_table(roads.iloc[3:]) is None
    assert background_table() is None
    assert set(MAIN_ROADS.values()) == {0, 1}


def test_a_stored_background_gives_the_same_map(tmp_path: Path) -> None:
    lake = gpd.GeoDataFrame(geometry=[roads().geometry.iloc[0].buffer(700)], crs=CRS)
    made = background_table(roads(), lake)
    assert made is not None
    with connect(tmp_path / "x.duckdb") as con:
        write_table(con, "background", made.assign(provenance="synthetic"))
        table = con.execute("SELECT * FROM background ORDER BY rowid").to_arrow_table()
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    stored = gpd.GeoDataFrame(
        table.drop_columns(["geometry"]).to_pandas(), geometry=shapes, crs=CRS
    )
    again = everything(roads=None, orientation=stored).get_root().render()
    assert again == everything(roads=roads(), water=lake).get_root().render()
    assert again != everything(roads=None).get_root().render()


# ---- change and networks --------------------------------------------------------------


def test_what_changed_since_an_earlier_result(
    finished: Path,  # noqa: F811
    earlier: Path,
    tables: dict[str, pd.DataFrame],
    show: Callable[..., Opened],
) -> None:
    changed = compare_runs(read_run(earlier), read_run(finished))
    gained = changed.premises.query("change == 'gained'")
    assert len(gained) == 1, "what the test rests on"
    opened = show(result_map(tables, read_manifest(finished), detail="internal", changed=changed))
    assert opened.said == []
    year = read_manifest(earlier)["settings"]["region"]["year"]
    assert f"Förändring sedan {year}" in opened.text(".webmap-panel")
    shown = "map_0.webmapShown.find((l) => l.options.order === 43)._members.flat().length"
    assert opened.page.evaluate(shown) == 1
    assert str(gained["why"].iloc[0]) in opened.page.content()
    opened.check("Andel anslutna, procentenheter")
    row = changed.table.query(
        "area_kind == 'municipality' and segment == 'total' and base == 'households'"
        " and measure == 'connected' and speed_mbit == 100 and points > 0"
    ).iloc[0]
    search = opened.page.get_by_role("combobox", name="Sök kommun")
    search.fill(row["area_name"])
    search.press("Enter")
    opened.settle()
    points = f"{row['points']:.1f}".replace(".", ",")
    assert re.search(
        rf"Förändring sedan {year}, procentenheter\s+\+{points}", opened.text(".webmap-popup")
    )


def test_a_network_between_places_is_read(network: Path) -> None:
    rows, straight = read_stretches(network)
    assert not straight
    assert rows.crs == CRS
    expected = stretches()
    assert rows["stretch_id"].tolist() == expected["stretch_id"].tolist()
    assert shapely.equals(rows.geometry.to_numpy(), expected.geometry.to_numpy()).all()
    told = json.loads((network / "manifest.json").read_text(encoding="utf-8"))
    told["network"]["along"] = "straight"
    (network / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    assert read_stretches(network)[1]


def test_existing_stretches_are_drawn_on_an_internal_page_alone() -> None:
    for detail, number in (("public", 2), ("internal", 3)):
        page = WebMap("x", bounds=(17, 65, 24, 69))
        settings = Publication.model_validate({"detail": detail})
        draw = Drawing(page, map_words("sv"), settings, stretches().crs, {})
        assert len(draw_stretches(draw, stretches())) == number


def test_what_is_no_network_is_refused(network: Path, tmp_path: Path, finished: Path) -> None:  # noqa: F811
    with pytest.raises(UnreadableSourceError, match=r"no manifest\.json"):
        read_stretches(tmp_path)
    with pytest.raises(UnreadableSourceError, match=r"no backbone\.duckdb"):
        read_stretches(finished)
    told = (network / "manifest.json").read_text(encoding="utf-8")
    for wrong, message in (
        ("{", "not a network's"),
        ("[]", "not a network's"),
        ('{"made_by": "bredband"}', "not a network's"),
        (told.replace('"bredband"', '"other"'), "was made by 'other'"),
    ):
        (network / "manifest.json").write_text(wrong, encoding="utf-8")
        with pytest.raises(GeodataError, match=message):
            read_stretches(network)
    (network / "manifest.json").write_text(told, encoding="utf-8")
    (network / "backbone.duckdb").write_bytes(b"no database" * 99)
    with pytest.raises(UnreadableSourceError, match="cannot be read"):
        read_stretches(network)


# ---- the command ----------------------------------------------------------------------


def test_the_command_writes_beside_the_result(finished: Path, tmp_path: Path) -> None:  # noqa: F811
    folder = tmp_path / "result"
    shutil.copytree(finished, folder)
    told = command(folder)
    assert told.exit_code == 0
    assert "result-map.html" in told.output
    assert "offentlig" in told.output
    made = (tmp_path / "result-map.html").read_text(encoding="utf-8")
    assert "Får inte spridas" not in made
    assert command(folder, "--internal", "-q").output == ""
    assert "Får inte spridas" in (tmp_path / "result-internal.html").read_text(encoding="utf-8")
    told = command(folder, "--internal", "--lang", "en", "--out", tmp_path / "new" / "x.html")
    assert "internal, not for spreading" in told.output
    assert "are left out" in told.output
    assert 'lang="en"' in (tmp_path / "new" / "x.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "new", "result", "result-internal.html", "result-map.html",
    ]  # fmt: skip


def test_the_command_takes_change_network_and_background(
    finished: Path,  # noqa: F811
    earlier: Path,
    network: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "all.html"
    told = command(finished, "--out", out, "--changed", earlier, "--backbone", network,
                   "--background", "online")  # fmt: skip
    assert told.exit_code == 0
    html = out.read_text(encoding="utf-8")
    assert "Förändring sedan" in html
    assert "Andra väg till orter" in html
    assert "tile.openstreetmap.org" in html
    out.unlink()
    command(finished, "--out", out)
    html = out.read_text(encoding="utf-8")
    assert "Förändring sedan" not in html
    assert "Andra väg till orter" not in html
    assert "tile.openstreetmap.org" not in html


def test_the_results_own_map_is_not_written_over(finished: Path, tmp_path: Path) -> None:  # noqa: F811
    folder = tmp_path / "result"
    shutil.copytree(finished, folder)
    before = (folder / "map.html").read_bytes()
    for name in ("map.html", "manifest.json"):
        with pytest.raises(GeodataError, match="is the result's own"):
            command(folder, "--internal", "--out", folder / name)
    assert (folder / "map.html").read_bytes() == before
    assert command(folder, "--out", folder / "other.html").exit_code == 0
    with pytest.raises(GeodataError):
        command(tmp_path, "--out", tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


# ---- names that want to be code -------------------------------------------------------


def spoil(table: pd.DataFrame, schema: Any) -> pd.DataFrame:
    """Put code before every text of a table that is not one of a few that its schema lists.

    Codes and ids are spoilt alike everywhere, so that tables still fit each other.
    """
    told = {} if schema is None else schema.columns
    spoilt = table.copy()
    for name in table.columns:
        if name == "geometry" or not (
            pd.api.types.is_string_dtype(table[name]) or table[name].dtype == object
        ):
            continue
        listed = name in told and any("isin" in str(check) for check in told[name].checks)
        if listed or name in {
            "provenance",
            "status_provenance",
            "reach",
            "criterion",
            "status_before",
            "status_after",
        }:
            continue
        texts = table[name].astype(object)
        spoilt[name] = texts.map(lambda text: EVIL + text if isinstance(text, str) else text)
    return spoilt


@pytest.mark.parametrize("detail", ["public", "internal"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_code_in_any_text_of_any_table_stays_text(
    finished: Path,  # noqa: F811
    earlier: Path,
    tables: dict[str, pd.DataFrame],
    show: Callable[..., Opened],
    detail: Any,
    language: Any,
) -> None:
    spoilt = {
        name: spoil(table, RESULT_SCHEMAS.get(name, BACKGROUND)) for name, table in tables.items()
        if name in {*DRAWN, "scores"}
    }  # fmt: skip
    changed = compare_runs(read_run(earlier), read_run(finished))
    background = background_table(roads())
    assert background is not None
    spoilt["background"] = background.assign(name=EVIL)
    object.__setattr__(changed, "table", spoil(changed.table, CHANGE))
    object.__setattr__(changed, "premises", spoil(changed.premises, CHANGED_PREMISES))
    manifest = json.loads(json.dumps(read_manifest(finished)))
    manifest["region"] = EVIL + manifest["region"]
    for file in manifest["inputs"]:
        for key in ("file", "source", "licence"):
            file[key] = EVIL + str(file.get(key))
    page = result_map(
        spoilt, manifest, detail=detail, language=language, changed=changed,
        stretches=spoil(stretches(), STRETCHES),
    )  # fmt: skip
    opened = show(page)
    assert "alert(1)" in opened.page.title()
    boxes = opened.page.locator(".webmap-entry input[type=checkbox]")
    for at in range(boxes.count()):
        boxes.nth(at).check()
    opened.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    # Every feature of every layer is told of once.
    told = opened.page.evaluate(
        """() => {
            let told = 0;
            for (const layer of [...map_0.webmapShown]) {
                if (!layer.options.popup) { continue; }
                for (let i = 0; i < Math.min(layer.data.length, 25); i++) {
                    webmap.visit(map_0, layer, i);
                    told += document.querySelector(".webmap-popup") ? 1 : 0;
                }
            }
            return told;
        }"""
    )
    assert told > 10
    opened.page.locator(".webmap-toggle").nth(1).click()
    opened.page.get_by_role("combobox").first.fill("</script")
    assert opened.page.locator(".webmap-hits li").count() > 1
    opened.page.wait_for_timeout(100)
    assert opened.dialogs == []
    assert opened.said == []
    assert len(opened.asked) == 1
    assert opened.page.locator("img").count() == 0
    assert opened.page.evaluate("document.scripts.length") == 4


# ---- in a notebook --------------------------------------------------------------------


def test_a_notebook_shows_the_map_inline(
    finished: Path,  # noqa: F811
    tables: dict[str, pd.DataFrame],
    show: Callable[..., Opened],
) -> None:
    page = result_map(tables, read_manifest(finished))
    opened = show(f"<!DOCTYPE html><title>x</title><div>{page._repr_html_()}</div>")
    frame = opened.page.frames[1]
    frame.wait_for_selector(".webmap-panel")
    assert frame.evaluate("map_0.webmapShown.length") > 3
    size = frame.evaluate("[window.innerWidth, window.innerHeight]")
    assert size[0] > 800
    assert size[1] > 300
    assert opened.said == []
    assert not [url for url in opened.asked if url.startswith("http")]


# ---- the example region ---------------------------------------------------------------


@pytest.fixture(scope="module")
def example(example_run: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Give the tables of the example region."""
    folder = example_run / "outputs" / "norrbotten"
    return read_tables(folder, DRAWN), read_manifest(folder)


def in_swedish(number: float, decimals: int = 0) -> str:
    return f"{number:,.{decimals}f}".replace(",", " ").replace(".", ",")


def test_the_example_region_is_read_from_its_map(
    example: tuple[dict[str, pd.DataFrame], dict[str, Any]], show: Callable[..., Opened]
) -> None:
    tables, manifest = example
    opened = show(result_map(tables, manifest))
    before = opened.page.evaluate("map_0.getZoom()")
    # Search.
    search = opened.page.get_by_role("combobox", name="Sök kommun")
    search.fill("overkalix")
    assert opened.texts(".webmap-hits li")[0] == "Överkalix\nkommun"
    search.press("Enter")
    opened.settle()
    assert opened.text(".webmap-popup h2") == "Överkalix"
    rows = tables["coverage"].query(
        "area_kind == 'municipality' and area_name == 'Överkalix' and segment == 'total'"
        " and base == 'households' and speed_mbit == 100"
    ).set_index("measure")  # fmt: skip
    shares = [in_swedish(100 * rows.loc[measure, "share"], 1) + " %"
              for measure in ("connected", "passed", "planned")]  # fmt: skip
    line = next(row for row in opened.text(".webmap-table tbody").splitlines() if "100" in row)
    assert [cell.strip() for cell in line.split("\t")][1:] == shares
    cost = tables["cost"].query("area_kind == 'municipality' and area_name == 'Överkalix'").iloc[0]
    popup = opened.text(".webmap-popup")
    assert re.search(rf"Stödbehov\s+{in_swedish(cost['support_sek'] / 1e6, 1)} mkr", popup)
    left = rows.loc["planned", "total"] - rows.loc["planned", "served"]
    assert re.search(rf"Hushåll utan tillgång eller plan\s+{in_swedish(left)}\b", popup)
    # A click on an area that is large enough to be told of.
    areas = tables["priority_areas"]
    area = areas[areas["rank"].notna() & (areas["capex_sek"] > 1e6)].sort_values("rank").iloc[0]
    opened.page.evaluate("map_0.closePopup()")
    middle = area.geometry.representative_point()
    opened.zoom_to(middle.x - EAST, middle.y - NORTH, 13)
    opened.page.get_by_role("button", name="Kartlager").click()
    opened.click(middle.x - EAST, middle.y - NORTH)
    popup = opened.text(".webmap-popup")
    assert re.search(rf"Rang\s+{in_swedish(area['rank'])}\b", popup)
    assert re.search(rf"Kommun\s+{area['municipality']}", popup)
    homes = in_swedish(area["households"])
    assert re.search(rf"Hushåll utan tillgång eller plan\s+{homes}\b", popup)
    assert re.search(rf"Ny grävning\s+{in_swedish(area['trench_m'] / 1000, 1)} km", popup)
    assert re.search(rf"Investering\s+{in_swedish(area['capex_sek'] / 1e6, 1)} mkr", popup)
    # The list.
    opened.page.get_by_role("button", name="Områden i ordning").click()
    assert opened.text(".webmap-list li >> nth=0").startswith("1\n")
    opened.page.locator("#webmap-panel-list-1 select").select_option("Överkalix")
    expected = areas[(areas["municipality"] == "Överkalix") & areas["rank"].notna()]
    # Also of what is not scrolled into view.
    ranks = opened.page.locator(".webmap-list .webmap-rank").all_text_contents()
    assert ranks == [in_swedish(rank) for rank in sorted(expected["rank"])]
    opened.page.evaluate("map_0.setZoom(5, {animate: false})")
    opened.page.locator(".webmap-list button").first.click()
    opened.settle()
    assert opened.page.evaluate("map_0.getZoom()") > before
    assert re.search(rf"Rang\s+{ranks[0]}\b", opened.text(".webmap-popup"))
    assert opened.said == []
    assert len(opened.asked) == 1


@pytest.mark.parametrize("detail", ["public", "internal"])
@pytest.mark.parametrize("width", [1400, 390])
def test_axe_finds_nothing_serious_with_all_layers_on(
    finished: Path,  # noqa: F811
    tables: dict[str, pd.DataFrame],
    show: Callable[..., Opened],
    detail: Any,
    width: int,
) -> None:
    page = result_map(
        tables, read_manifest(finished), detail=detail, stretches=stretches(),
    )  # fmt: skip
    opened = show(page, width=width)
    if width < 500:
        opened.page.get_by_role("button", name="Kartlager").click()
    boxes = opened.page.locator(".webmap-entry input[type=checkbox]")
    for at in range(boxes.count()):
        boxes.nth(at).check()
    opened.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert [(one["id"], one["nodes"][0]["html"]) for one in Axe().run(opened.page).response[
        "violations"] if one["impact"] in ("serious", "critical")] == []  # fmt: skip
    opened.page.get_by_role("button", name="Områden i ordning").click()
    opened.page.locator(".webmap-list button").first.click()
    assert [(one["id"], one["nodes"][0]["html"]) for one in Axe().run(opened.page).response[
        "violations"] if one["impact"] in ("serious", "critical")] == []  # fmt: skip
    assert opened.said == []


def test_on_a_phone_the_list_makes_room_for_the_area(
    finished: Path,  # noqa: F811
    tables: dict[str, pd.DataFrame],
    show: Callable[..., Opened],
) -> None:
    opened = show(result_map(tables, read_manifest(finished)), width=390, height=800)
    opened.page.get_by_role("button", name="Områden i ordning").tap()
    opened.page.locator(".webmap-list button").first.tap()
    opened.settle()
    popup = opened.page.locator(".leaflet-popup-content-wrapper").bounding_box()
    panel = opened.page.locator(".webmap-panel").bounding_box()
    head = opened.page.locator(".webmap-head").bounding_box()
    assert popup
    assert panel
    assert head
    assert head["y"] + head["height"] <= popup["y"]
    assert popup["y"] + popup["height"] <= panel["y"]
    scale = opened.page.locator(".leaflet-control-scale").bounding_box()
    assert scale
    assert scale["y"] + scale["height"] <= panel["y"]


def test_duckdb_stays_closed_after_reading(network: Path) -> None:
    read_stretches(network)
    with duckdb.connect(str(network / "backbone.duckdb")) as con:
        con.execute("CREATE TABLE free AS SELECT 1")
