"""The GeoPackage opens coloured: layers, styles as QGIS reads them, nothing that may not show."""

from __future__ import annotations

import copy
import re
import sqlite3
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from bredband import geopackage, map_remaining, map_state
from bredband.geopackage import geopackage_layers, write_geopackage
from bredband.stored import read_manifest, read_tables
from bredband_gis import qml
from bredband_gis.errors import GeodataError
from finished import finished

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["finished"]

CELL = 250.0


@pytest.fixture(scope="module")
def tables(finished: Path) -> dict[str, pd.DataFrame]:
    return read_tables(finished)


@pytest.fixture(scope="module")
def manifest(finished: Path) -> dict[str, Any]:
    return read_manifest(finished)


def internal(manifest: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(manifest)
    changed["settings"]["publication"]["detail"] = "internal"
    return changed


@pytest.fixture(scope="module")
def public(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path_factory: Any
) -> Path:
    path: Path = tmp_path_factory.mktemp("gpkg") / "bredband.gpkg"
    write_geopackage(tables, manifest, path)
    return path


@pytest.fixture(scope="module")
def exact(tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path_factory: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("gpkg") / "internal.gpkg"
    write_geopackage(tables, internal(manifest), path)
    return path


def read(path: Path, layer: str) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(path, layer=layer)


def sql(path: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as con:
        return con.execute(query).fetchall()


def test_the_layers_of_a_public_file(public: Path) -> None:
    layers = {str(name): kind for name, kind in pyogrio.list_layers(public)}
    assert layers == {
        "municipalities": "MultiPolygon", "localities": "MultiPolygon",
        "choice": "MultiPolygon", "priority_areas": "MultiPolygon", "premises": "MultiPolygon",
        "unserved": "MultiPolygon", "trench": "MultiLineString", "layer_styles": None,
    }  # fmt: skip
    for name, kind in layers.items():
        info = pyogrio.read_info(public, layer=name)
        assert info["features"] > 0
        if kind is not None:
            assert info["crs"] == "EPSG:3006"
            assert info["geometry_name"] == "geom"
    assert sql(public, "PRAGMA integrity_check") == [("ok",)]
    types = dict(sql(public, "SELECT table_name, data_type FROM gpkg_contents"))
    assert types["layer_styles"] == "attributes"
    assert types["trench"] == "features"


def test_the_layers_of_an_internal_file(exact: Path, tables: dict[str, pd.DataFrame]) -> None:
    layers = {str(name): kind for name, kind in pyogrio.list_layers(exact)}
    assert layers["premises"] == "Point"
    assert "unserved" not in layers
    premises = read(exact, "premises").set_index("premises_id")
    whole = tables["premises"].set_index("premises_id")
    assert premises.geometry.geom_equals(whole.geometry.loc[premises.index]).all()
    assert (premises["status"] == whole["status"].loc[premises.index]).all()
    shares = tables["shares"].set_index("premises_id")["per_party_sek"]
    found = premises["per_party_sek"].dropna()
    assert found.to_dict() == pytest.approx(shares.loc[found.index].to_dict())
    trench = read(exact, "trench")
    assert trench["length_m"].sum() == pytest.approx(tables["trench"]["length_m"].sum())
    assert shapely.length(trench.geometry).sum() == pytest.approx(trench["length_m"].sum())


def test_municipalities_carry_the_tables_numbers(
    public: Path, tables: dict[str, pd.DataFrame]
) -> None:
    towns = read(public, "municipalities").set_index("municipality_code")
    cost = tables["cost"].set_index("area_code").loc[towns.index]
    for name in ("unserved_households", "trench_m", "gap_sek", "support_sek"):
        assert towns[name].to_numpy() == pytest.approx(cost[name].to_numpy())
    coverage = tables["coverage"]
    rows = coverage[(coverage["segment"] == "total") & (coverage["base"] == "households")]
    for measure in ("connected", "passed", "planned"):
        for speed in (30, 100, 1000):
            asked = rows[(rows["measure"] == measure) & (rows["speed_mbit"] == speed)]
            shares = asked.set_index("area_code")["share"].loc[towns.index]
            assert towns[f"{measure}_{speed}_share"].to_numpy() == pytest.approx(
                shares.to_numpy(), nan_ok=True
            )
    intervals = tables["intervals"]
    gap = intervals[intervals["measure"] == "gap"].set_index("area_code").loc[towns.index]
    assert towns["gap_p10_sek"].to_numpy() == pytest.approx(gap["p10_sek"].to_numpy())
    assert towns["gap_p90_sek"].to_numpy() == pytest.approx(gap["p90_sek"].to_numpy())
    standing = tables["standing"]
    first = standing[(standing["base"] == "households") & (standing["measure"] == "connected")
                     & (standing["speed_mbit"] == 100)].set_index("municipality_code")  # fmt: skip
    assert (towns["rank"] == first["rank"].loc[towns.index]).all()


def test_areas_and_choice_carry_the_tables_numbers(
    exact: Path, tables: dict[str, pd.DataFrame]
) -> None:
    areas = read(exact, "priority_areas").set_index("area_id")
    whole = tables["priority_areas"].set_index("area_id").loc[areas.index]
    for name in ("households", "capex_sek", "gap_sek", "score"):
        assert areas[name].to_numpy() == pytest.approx(whole[name].to_numpy(), nan_ok=True)
    assert list(areas["rank"].dropna()) == sorted(areas["rank"].dropna())
    choice = read(exact, "choice").set_index("area_id")
    chosen = tables["choice"].set_index("area_id")
    assert (choice["budget_chosen"] == chosen["chosen"].loc[choice.index]).all()
    first = tables["nested_areas"].set_index("area_id")["from_budget_sek"].loc[choice.index]
    assert choice["from_budget_sek"].to_numpy() == pytest.approx(first.to_numpy(), nan_ok=True)


def many_premises() -> gpd.GeoDataFrame:
    """Make cells that hold 2 households, 3 of which 2 are served, and a workplace alone."""
    rows = [
        (100.0, 100.0, 2, 0, "unserved"),
        (300.0, 100.0, 2, 1, "connected"), (310.0, 100.0, 1, 0, "unserved"),
        (600.0, 100.0, 0, 1, "unserved"),
        (900.0, 100.0, 0, 0, "unserved"),
        (1100.0, 100.0, 30, 0, "unserved"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["x", "y", "households", "workplaces", "status"])
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["x"], frame["y"]), crs=3006)


def test_cells_stand_for_buildings_when_public(manifest: dict[str, Any]) -> None:
    layers = {one.name: one.frame for one in
              geopackage_layers({"premises": many_premises()}, manifest)}  # fmt: skip
    cells = layers["premises"].set_index("cell_x")
    assert list(cells.index) == [0, 250, 500, 1000]
    assert list(cells["hidden"]) == [True, False, True, False]
    assert cells["households"].isna().tolist() == [True, False, True, False]
    assert cells["share"].loc[250] == pytest.approx(2 / 3)
    assert cells["share"].loc[1000] == 0.0
    unserved = layers["unserved"].set_index("cell_x")
    assert unserved["households"].fillna(-1).to_dict() == {0: -1, 250: -1, 500: -1, 1000: 30}
    assert all(shape.bounds[2] - shape.bounds[0] == CELL for shape in cells.geometry)
    assert "premises_id" not in cells


def test_no_exact_route_and_no_small_group_when_public(
    public: Path, tables: dict[str, pd.DataFrame]
) -> None:
    trench = read(public, "trench")
    corners = shapely.get_coordinates(trench.geometry.to_numpy())
    assert np.abs(corners / CELL - np.rint(corners / CELL)).max() < 1e-9
    assert set(trench.columns) == {"class_from", "provenance", "geometry"}
    areas = read(public, "priority_areas")
    corners = shapely.get_coordinates(areas.geometry.to_numpy())
    assert np.abs(corners / CELL - np.rint(corners / CELL)).max() < 1e-9
    whole = tables["priority_areas"].set_index("area_id").loc[areas["area_id"]]
    few = (whole["households"] < 3).to_numpy()
    assert few.any()
    assert (areas["hidden"] == few).all()
    assert areas.loc[few, ["households", "gap_sek", "motivation"]].isna().all(axis=None)
    choice = read(public, "choice").set_index("area_id")
    assert choice.loc[areas["area_id"][few], ["households", "gap_sek"]].isna().all(axis=None)
    assert not {"x", "y", "premises_id"} & {
        name for layer, _ in pyogrio.list_layers(public)
        for name in pyogrio.read_info(public, layer=layer)["fields"]
    }  # fmt: skip


# ---- styles ---------------------------------------------------------------------------


def styles_of(path: Path) -> pd.DataFrame:
    return pyogrio.read_dataframe(path, layer="layer_styles")


def test_the_table_of_styles_is_as_qgis_wants_it(public: Path, exact: Path) -> None:
    for path in (public, exact):
        styles = styles_of(path)
        named = [row[1] for row in sql(path, "PRAGMA table_info(layer_styles)")]
        assert named == [
            "id", "f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column",
            "styleName", "styleQML", "styleSLD", "useAsDefault", "description", "owner", "ui",
            "update_time",
        ]  # fmt: skip
        layers = {str(name) for name, kind in pyogrio.list_layers(path) if kind is not None}
        assert set(styles["f_table_name"]) == layers
        for layer in layers:
            # The very query of QGIS.
            found = sql(
                path,
                "SELECT useAsDefault FROM layer_styles WHERE f_table_schema = ''"
                f" AND f_table_name = '{layer}' AND f_geometry_column = 'geom'"
                " ORDER BY CASE WHEN useAsDefault THEN 1 ELSE 2 END, update_time DESC",
            )
            assert [bool(row[0]) for row in found] == [True, *[False] * (len(found) - 1)]
        assert (styles["styleName"].str.len() <= 30).all()
        assert not styles.duplicated(["f_table_name", "styleName"]).any()


def value_of(expression: str, row: dict[str, Any]) -> Any:
    """Work out the few expressions that the styles use, as QGIS would."""
    if found := re.fullmatch(r'coalesce\("(\w+)", (-?\d+)\)', expression):
        value = row[found[1]]
        return float(found[2]) if pd.isna(value) else float(value)
    if found := re.fullmatch(r"CASE WHEN \"(\w+)\" THEN 'yes' ELSE 'no' END", expression):
        value = row[found[1]]
        return "yes" if not pd.isna(value) and value else "no"
    found = re.fullmatch(r'"(\w+)"', expression)
    assert found, expression
    return row[found[1]]


def drawn(style: str, row: dict[str, Any]) -> tuple[str, str] | None:
    """Give the label and the colour that QGIS draws a row with; None where it draws nothing."""
    root = ET.fromstring(style)
    renderer = root.find("renderer-v2")
    assert renderer is not None
    value = value_of(renderer.attrib["attr"], row)
    colours = {}
    for symbol in renderer.findall("symbols/symbol"):
        options = {one.attrib["name"]: one.attrib["value"]
                   for one in symbol.findall("layer/Option/Option")}  # fmt: skip
        rgb = (options.get("color") or options["line_color"]).split(",")
        colours[symbol.attrib["name"]] = "#" + "".join(f"{int(one):02x}" for one in rgb[:3])
    if renderer.attrib["type"] == "graduatedSymbol":
        if pd.isna(value):
            return None
        for one in renderer.findall("ranges/range"):  # the first that fits, both ends in it
            if float(one.attrib["lower"]) <= value <= float(one.attrib["upper"]):
                return one.attrib["label"], colours[one.attrib["symbol"]]
        return None
    for one in renderer.findall("categories/category"):
        if one.attrib["value"] == value or (one.attrib["value"] == "" and pd.isna(value)):
            return one.attrib["label"], colours[one.attrib["symbol"]]
    return None


def test_everything_is_drawn_in_the_maps_colours(public: Path, exact: Path) -> None:
    for path in (public, exact):
        for style in styles_of(path).to_dict("records"):
            frame = read(path, style["f_table_name"])
            money = ("gap_per_household_sek", "per_party_sek")
            attribute = ET.fromstring(style["styleQML"]).find("renderer-v2").attrib["attr"]  # type: ignore[union-attr]
            for row in frame.drop(columns="geometry").to_dict("records"):
                if drawn(style["styleQML"], row) is None:
                    name = attribute.strip('"')
                    assert name in money, style["styleName"]
                    assert pd.isna(row[name])


def default(path: Path, layer: str) -> str:
    styles = styles_of(path)
    found = styles[(styles["f_table_name"] == layer) & styles["useAsDefault"].astype(bool)]
    return str(found["styleQML"].iloc[0])


@pytest.mark.parametrize("share", [0.0, 0.4999, 0.5, 0.7, 0.85, 0.9, 0.95, 1.0])
def test_a_share_has_the_colour_of_the_map(public: Path, share: float) -> None:
    found = drawn(default(public, "municipalities"), {"connected_100_share": share})
    assert found is not None
    at = int(np.searchsorted(map_state.SHARE_EDGES, share, "right"))
    assert found[1] == map_state.SHARE_COLOURS[at]


def test_classes_meet_as_on_the_map(public: Path, exact: Path) -> None:
    towns, areas = default(public, "municipalities"), default(public, "priority_areas")
    assert drawn(towns, {"connected_100_share": None}) == ("uppgift saknas", "#c8c8c8")
    assert drawn(towns, {"connected_100_share": 0.8}) == ("80–90\xa0%", "#7bccc4")
    assert drawn(areas, {"rank": 1}) == ("rang 1 och därefter", map_remaining.RANK_STYLES[0][0])
    none = drawn(areas, {"rank": None})
    assert none is not None
    assert none[0].startswith("utan rang")
    cells, unserved = default(public, "premises"), default(public, "unserved")
    assert drawn(cells, {"share": None}) == ("färre än 3", "#c8c8c8")
    assert drawn(cells, {"share": 0.0}) == ("under 50\xa0%", "#f0f9e8")
    assert drawn(unserved, {"households": None}) == ("färre än 3", "#fee0b6")
    assert [drawn(unserved, {"households": n})[0] for n in (3, 9, 10, 24, 25, 999)] == [  # type: ignore[index]
        "3–9", "3–9", "10–24", "10–24", "25 eller fler", "25 eller fler",
    ]  # fmt: skip
    trench = default(public, "trench")
    assert [drawn(trench, {"class_from": n})[0] for n in (3, 10, 100)] == [  # type: ignore[index]
        "3–9", "10–24", "100 eller fler",
    ]  # fmt: skip
    premises = default(exact, "premises")
    assert drawn(premises, {"status": "unserved"}) == (
        "Saknar", map_state.STATUS_COLOURS["unserved"]
    )  # fmt: skip
    localities = default(public, "localities")
    assert drawn(localities, {"segment": "tätort"})[0] == "Tätort"  # type: ignore[index]


def test_columns_have_headings_and_places_their_names(public: Path) -> None:
    root = ET.fromstring(default(public, "municipalities"))
    aliases = {one.attrib["field"]: one.attrib["name"] for one in root.findall("aliases/alias")}
    assert aliases["gap_sek"] == "Finansieringsgap"
    assert aliases["connected_100_share"] == "Anslutna, 100\xa0Mbit/s"
    text = root.find("labeling/settings/text-style")
    assert text is not None
    assert text.attrib["fieldName"] == "municipality_name"
    for style in styles_of(public).to_dict("records"):
        fields = set(pyogrio.read_info(public, layer=style["f_table_name"])["fields"])
        root = ET.fromstring(style["styleQML"])
        assert {one.attrib["field"] for one in root.findall("aliases/alias")} <= {
            *fields, "geometry"
        }  # fmt: skip


def test_a_style_is_sound_xml_whatever_the_words() -> None:
    nasty = "<script>&\"'\x08</qgis>"
    look = qml.Symbol("#ff0000", opacity=0.5)
    classes = [qml.Class(None, 1, nasty, look), qml.Class(1, None, "b", look)]
    style = qml.graduated(qml.column('a"b'), classes, kind="line", names=nasty,
                          headings={nasty: nasty})  # fmt: skip
    root = ET.fromstring(style)
    clean = nasty.replace("\x08", "")
    assert [one.attrib["label"] for one in root.findall("renderer-v2/ranges/range")] == ["b", clean]
    assert root.find("renderer-v2").attrib["attr"] == '"a""b"'  # type: ignore[union-attr]
    assert root.find("aliases/alias").attrib["name"] == clean  # type: ignore[union-attr]
    options = {one.attrib["name"]: one.attrib["value"] for one in root.iter("Option")
               if "name" in one.attrib}  # fmt: skip
    assert options["line_color"] == "255,0,0,128"
    both = qml.categorised("'x'", [qml.Category(None, "rest", look)], kind="marker")
    assert ET.fromstring(both).find("renderer-v2/categories/category").attrib == {  # type: ignore[union-attr]
        "value": "", "symbol": "0", "label": "rest", "render": "true", "type": "NULL",
    }  # fmt: skip


# ---- the file -------------------------------------------------------------------------


def test_it_says_where_it_comes_from(public: Path, exact: Path, manifest: dict[str, Any]) -> None:
    about = pyogrio.read_info(public, layer="municipalities")["dataset_metadata"]
    assert about["TITLE"] == manifest["region"]
    assert about["PROVENANCE"] == manifest["provenance"]
    assert about["AUDIENCE"] == "public"
    assert manifest["inputs"][0]["sha256"] in about["SOURCES"]
    other = pyogrio.read_info(exact, layer="municipalities")["dataset_metadata"]
    assert other["AUDIENCE"] == "internal"
    assert "Internt underlag" in other["NOTE"]
    for layer, kind in pyogrio.list_layers(public):
        if kind is not None:
            assert "provenance" in pyogrio.read_info(public, layer=layer)["fields"]
    described = dict(sql(public, "SELECT table_name, description FROM gpkg_contents"))
    assert described["trench"].startswith("Ny grävning")


def test_what_is_absent_is_left_out_and_said(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "few.gpkg"
    write_geopackage({"municipalities": tables["municipalities"]}, manifest, path)
    assert {str(name) for name, _ in pyogrio.list_layers(path)} == {
        "municipalities", "layer_styles"
    }  # fmt: skip
    about = pyogrio.read_info(path, layer="municipalities")["dataset_metadata"]
    assert "trench" in about["LEFT_OUT"]
    with pytest.raises(GeodataError, match="no table of the result has geometry"):
        write_geopackage({"cost": tables["cost"]}, manifest, tmp_path / "none.gpkg")
    assert not (tmp_path / "none.gpkg").exists()


def test_complete_or_not_at_all(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"earlier")

    def fail(_: object) -> pd.DataFrame:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(geopackage, "style_table", fail)
        with pytest.raises(GeodataError, match="No space left"):
            write_geopackage(tables, manifest, path)
    assert path.read_bytes() == b"earlier"
    assert [one.name for one in tmp_path.iterdir()] == ["a.gpkg"]
    write_geopackage(tables, manifest, path)
    assert pyogrio.read_info(path, layer="trench")["features"]


def test_the_same_result_gives_the_same_file(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path
) -> None:
    write_geopackage(tables, manifest, tmp_path / "a.gpkg")
    write_geopackage(tables, manifest, tmp_path / "b.gpkg")
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


def test_in_english(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path
) -> None:
    write_geopackage(tables, manifest, tmp_path / "en.gpkg", language="en")
    assert drawn(default(tmp_path / "en.gpkg", "premises"), {"share": None}) == (
        "fewer than 3", "#c8c8c8"
    )  # fmt: skip
