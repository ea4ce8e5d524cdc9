"""Reading files: every format, and every way a file can be wrong, on real files."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import shapely
from bredband_gis import rasters, tabular
from bredband_gis.crs import transform_points
from bredband_gis.errors import (
    BadValueError,
    DegreesAsMetresError,
    DuplicateIdsError,
    EmptyLayerError,
    GeodataError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
    NotMetricError,
    SwappedAxesError,
    UnreadableSourceError,
    WrongCrsError,
)
from bredband_gis.sources import (
    Layer,
    Source,
    has_geometry,
    read_layer,
    read_table,
    sample_raster,
    sha256,
)
from bredband_gis.store import connect, write_table
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

X = np.array([827_000.25, 828_000.5, 829_000.0, 830_000.75])
Y = np.array([7_292_000.5, 7_293_000.25, 7_294_000.0, 7_295_000.75])
"""Four places in and near Luleå, EPSG:3006."""

IDS = ["0001", "0002", "0003", "0104"]
NAMES = ["Överkalix", "Åre", "Älvsbyn", "Luleå"]
EXTENT = (460_000.0, 7_200_000.0, 940_000.0, 7_680_000.0)


def _points(crs: int = 3006) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(
        {"premises_id": IDS, "namn": NAMES, "hushall": [1, 2, 3, 4]},
        geometry=shapely.points(X, Y),
        crs=3006,
    )
    return frame if crs == 3006 else frame.to_crs(crs)


def _squares(n: int = 300) -> gpd.GeoDataFrame:
    x = 500_000 + 1000 * (np.arange(n) % 20)
    y = 7_300_000 + 1000 * (np.arange(n) // 20)
    return gpd.GeoDataFrame(
        {"premises_id": [f"{i:05d}" for i in range(n)], "namn": "Överkalix"},
        geometry=shapely.box(x, y, x + 500, y + 500),
        crs=3006,
    )


def _write(frame: gpd.GeoDataFrame, path: Path, **options: Any) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
        return path
    if path.suffix == ".kml":
        options["driver"] = "LIBKML"
    if path.suffix == ".shp":  # its column names hold ten characters
        frame = frame.rename(columns={"premises_id": "husid"})
    pyogrio.write_dataframe(frame, path, **options)
    return path


def _read(path: Path, kind: str = "premises", name: str = "premises", **options: Any) -> Layer:
    """Read with the settings of the premises layer; source options and read options mixed."""
    source = {
        key: options.pop(key)
        for key in ("layer", "crs", "columns", "constants", "where", "encoding")
        if key in options
    }
    if path.suffix == ".shp" and name == "premises":
        source["columns"] = {"premises_id": "husid", **source.get("columns", {})}
    layer = read_layer(Source(path, **source), name=name, crs=3006, kind=kind, **options)
    facts = layer.facts
    assert facts["rows_in"] == facts["rows_out"] + facts["rows_set_aside"]
    assert facts["rows_out"] == len(layer.frame)
    assert facts["rows_set_aside"] == len(layer.set_aside)
    assert list(layer.set_aside) == ["layer", "file", "row", "id", "reason"]
    assert layer.frame.crs.to_epsg() == 3006
    assert shapely.is_valid(layer.frame.geometry.array).all()
    return layer


def _refused(error: type[GeodataError], read: Callable[[], object], *says: str) -> str:
    """Check that reading is refused with exactly this error and a message that helps."""
    with pytest.raises(error) as caught:
        read()
    text = str(caught.value)
    assert type(caught.value) is error, text
    assert "What to do: " in text
    assert "Traceback" not in text
    for part in says:
        assert part in text, text
    return text


def _rules(layer: Layer) -> list[str]:
    return [finding.rule for finding in layer.findings]


# --------------------------------------------------------------------------------------
# formats
# --------------------------------------------------------------------------------------

VECTOR_FORMATS = ["gpkg", "shp", "geojson", "fgb", "gml", "kml", "parquet", "sqlite"]


@pytest.mark.parametrize("suffix", VECTOR_FORMATS)
def test_every_format_gives_the_same_layer(tmp_path: Path, suffix: str) -> None:
    degrees = suffix in {"geojson", "kml"}
    frame = _points(4326 if degrees else 3006)
    options = {"COORDINATE_PRECISION": "12"} if suffix == "geojson" else {}
    path = _write(frame, tmp_path / f"hus.{suffix}", **options)
    path.with_suffix(".xsd").unlink(missing_ok=True)  # a GML file often comes without its schema
    before = sorted(tmp_path.iterdir())
    layer = _read(
        path,
        columns={"households": "hushall"},
        required=("premises_id",),
        numeric=("households",),
        id_column="premises_id",
        extent=EXTENT,
    )
    got = layer.frame.sort_values("premises_id", ignore_index=True)  # FlatGeobuf sorts by place
    assert got["premises_id"].tolist() == IDS
    assert got["namn"].tolist() == NAMES
    assert got["households"].tolist() == [1, 2, 3, 4]
    assert got["households"].dtype == np.float64
    assert got["premises_id"].dtype == "str"
    np.testing.assert_allclose(got["x"], X, atol=1e-3)
    np.testing.assert_allclose(got["y"], Y, atol=1e-3)
    np.testing.assert_array_equal(got.geometry.x, got["x"])
    assert layer.findings == ()
    assert sorted(tmp_path.iterdir()) == before  # reading leaves nothing beside the file


def test_layer_in_another_crs_is_transformed(tmp_path: Path) -> None:
    layer = _read(_write(_points(3021), tmp_path / "hus.gpkg"))
    np.testing.assert_allclose(layer.frame["x"], X, atol=1e-3)
    assert layer.facts["crs_of_file"] == "EPSG:3021 (RT90 2.5 gon V)"


def test_crs_with_heights_is_its_horizontal_part(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        _points().drop(columns="geometry"), geometry=shapely.points(X, Y, 12.5), crs=5845
    )
    layer = _read(_write(frame, tmp_path / "hus.gpkg"), crs="EPSG:3006")
    assert not layer.frame.has_z.any()
    np.testing.assert_array_equal(layer.frame["x"], X)


def test_measures_and_heights_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "ledning.geojsonl"
    line = (
        '{"type":"Feature","properties":{"a":%d},"geometry":{"type":"LineString","coordinates":%s}}'
    )
    rows = [line % (i, f"[[22.{i},65.5,7.5],[22.{i}5,65.6,8.5]]") for i in range(3)]
    path.write_text("\n".join(rows), encoding="utf-8")
    layer = _read(path, kind="line", name="fibre")
    assert len(layer.frame) == 3
    assert not layer.frame.has_z.any()


def test_curves_become_polygons(tmp_path: Path) -> None:
    # GDAL writes no curves from here, so a GeoPackage gets one through SQL.
    path = _write(_squares(2), tmp_path / "ytor.gpkg")
    wkb = bytes.fromhex("010a00000001000000010800000005000000")
    circle = [(500100, 7300000), (500000, 7300100), (499900, 7300000), (500000, 7299900)]
    wkb += np.array([*circle, circle[0]], dtype="<f8").tobytes()
    head = b"GP\x00\x01" + (3006).to_bytes(4, "little")
    con = sqlite3.connect(path)
    con.execute("DROP TRIGGER IF EXISTS rtree_ytor_geom_update1")
    for (trigger,) in con.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        con.execute(f'DROP TRIGGER "{trigger}"')
    con.execute("UPDATE ytor SET geom = ? WHERE fid = 1", (head + wkb,))
    con.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY'")
    con.commit()
    con.close()
    layer = _read(path, kind="polygon")
    # A circle of 100 m drawn with straight pieces.
    assert layer.frame.area[0] == pytest.approx(np.pi * 100**2, rel=2e-3)


def test_geoparquet_without_crs_is_in_degrees(tmp_path: Path) -> None:
    path = _write(_points(4326), tmp_path / "hus.parquet")
    table = pq.read_table(path)
    about = table.schema.metadata[b"geo"].replace(b'"crs"', b'"was"')
    pq.write_table(table.replace_schema_metadata({b"geo": about}), path)
    np.testing.assert_allclose(_read(path).frame["x"], X, atol=1e-3)


def test_plain_parquet_with_coordinates(tmp_path: Path) -> None:
    path = tmp_path / "hus.parquet"
    pd.DataFrame({"premises_id": IDS, "x": X, "y": Y}).to_parquet(path)
    layer = _read(path, crs="EPSG:3006", id_column="premises_id")
    np.testing.assert_array_equal(layer.frame["x"], X)
    _refused(NoCrsError, lambda: _read(path), "hus.parquet", 'crs = "EPSG:3006"')


def test_parquet_written_by_duckdb(tmp_path: Path) -> None:
    con = connect()
    write_table(con, "t", _points())
    con.execute(f"COPY t TO '{(tmp_path / 'hus.parquet').as_posix()}' (FORMAT parquet)")
    con.close()
    np.testing.assert_array_equal(_read(tmp_path / "hus.parquet").frame["y"], Y)


CSV_KINDS = {
    "plain": (",", ".", "utf-8", "{:.2f}"),
    "swedish excel": (";", ",", "cp1252", "{:.2f}"),
    "marked": (";", ",", "utf-8-sig", "{:.2f}"),
    "tab": ("\t", ",", "utf-16", "{:.2f}"),
    "thousands": (";", ",", "utf-8", "{:,.2f}"),
    "nbsp": (";", ",", "cp1252", "{:,.2f} "),
    "dos": (";", ",", "cp850", "{:.2f}"),
}


def _csv(path: Path, kind: str, head: str = "premises_id;namn;hushall;x;y") -> Path:
    separator, decimal, encoding, number = CSV_KINDS[kind]
    blank = "\u00a0" if kind == "nbsp" else " "
    lines = [head.replace(";", separator)]
    for i in range(4):
        values = [number.format(v).replace(",", blank).replace(".", decimal) for v in (X[i], Y[i])]
        lines.append(separator.join([IDS[i], NAMES[i], str(i + 1), *values]))
    path.write_text("\r\n".join(lines) + "\r\n", encoding=encoding, newline="")
    return path


@pytest.mark.parametrize("kind", CSV_KINDS)
def test_csv_of_every_habit(tmp_path: Path, kind: str) -> None:
    layer = _read(
        _csv(tmp_path / "hus.csv", kind),
        crs="EPSG:3006",
        columns={"households": "hushall"},
        numeric=("households",),
        id_column="premises_id",
    )
    assert layer.frame["premises_id"].tolist() == IDS
    assert layer.frame["namn"].tolist() == NAMES
    assert layer.frame["households"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(layer.frame["x"], X, atol=0.006)
    np.testing.assert_allclose(layer.frame["y"], Y, atol=0.006)
    assert layer.findings == ()


def test_csv_with_all_that_excel_leaves_behind(tmp_path: Path) -> None:
    path = tmp_path / "hus.csv"
    text = 'sep=;\npremises_id;"namn; ort";x;y;\n"0001";"Luleå\nnorra";827000,5;7292000;\n;;;;\n\n'
    path.write_text(text + '0002;"""Å""";828000;7293000;\n;;;;\n', encoding="cp1252")
    layer = _read(path, crs="EPSG:3006", id_column="premises_id")
    assert layer.frame["premises_id"].tolist() == ["0001", "0002"]
    assert layer.frame["namn; ort"].tolist() == ["Luleå\nnorra", '"Å"']
    assert list(layer.frame) == ["premises_id", "namn; ort", "x", "y", "geometry"]
    assert layer.facts["rows_in"] == 2


@pytest.mark.parametrize("names", [("X", "Y"), ("E", "N"), ("Lon", "LAT"), ("öst", "nord")])
def test_coordinate_columns_are_recognised(tmp_path: Path, names: tuple[str, str]) -> None:
    path = tmp_path / "hus.csv"
    degrees = names[0] == "Lon"
    x, y = transform_points(X, Y, 3006, 4326) if degrees else (X, Y)
    pd.DataFrame({"id": IDS, names[1]: y, names[0]: x}).to_csv(path, index=False)
    layer = _read(path, crs="EPSG:4326" if degrees else "EPSG:3006")
    np.testing.assert_allclose(layer.frame["x"], X, atol=1e-3)
    assert has_geometry(Source(path))


def _workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def test_xlsx_with_numbers_text_and_formatted_codes(tmp_path: Path) -> None:
    rows: list[list[object]] = [["premises_id", "kod", "namn", "hushall", "x", "y", None]]
    rows += [[IDS[i], 114 + i, NAMES[i], i + 1, X[i], Y[i]] for i in range(4)]
    rows += [[None] * 6, ["", None, " ", None, None, None]]
    path = _workbook(tmp_path / "hus.xlsx", {"Hus": rows, "Annat": [["a"], [1]]})
    book = openpyxl.load_workbook(path)
    for (cell,) in book["Hus"]["B2:B5"]:
        cell.number_format = "0000"
    book.save(path)
    layer = _read(path, crs="EPSG:3006", numeric=("hushall",), id_column="premises_id")
    assert layer.frame["premises_id"].tolist() == IDS
    assert layer.frame["kod"].tolist() == ["0114", "0115", "0116", "0117"]
    assert layer.frame["hushall"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(layer.frame["x"], X)
    assert _rules(layer) == ["first-sheet"]
    assert "Annat" in layer.findings[0].message
    other = read_table(Source(path, layer="Annat"), name="totals", numeric=("a",))
    assert other.frame["a"].tolist() == [1.0]
    _refused(
        UnreadableSourceError, lambda: _read(path, layer="Hsu"), "hus.xlsx", "'Hsu'", "Hus, Annat"
    )


def test_table_without_geometry(tmp_path: Path) -> None:
    path = tmp_path / "totaler.csv"
    path.write_text("kod;antal\n0114;1 234\n0115;\n", encoding="utf-8")
    layer = read_table(
        Source(path, columns={"municipality_code": "kod", "households": "antal"}),
        name="totals",
        required=("municipality_code", "households"),
        numeric=("households",),
        id_column="municipality_code",
    )
    assert layer.frame["municipality_code"].tolist() == ["0114", "0115"]
    assert layer.frame["households"].iloc[0] == 1234
    assert np.isnan(layer.frame["households"].iloc[1])
    assert not isinstance(layer.frame, gpd.GeoDataFrame)
    assert layer.facts["rows_in"] == layer.facts["rows_out"] == 2


@pytest.mark.parametrize("suffix", ["gpkg", "parquet", "dbf"])
def test_attributes_of_other_formats_as_a_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"hus.{suffix}"
    _write(_points(), path.with_suffix(".shp") if suffix == "dbf" else path)
    columns = {"premises_id": "husid"} if suffix == "dbf" else {}
    layer = read_table(Source(path, columns=columns), name="coverage", required=("premises_id",))
    assert layer.frame["premises_id"].tolist() == IDS
    assert layer.frame["namn"].tolist() == NAMES
    assert "geometry" not in layer.frame


def test_columns_constants_and_what_is_left(tmp_path: Path) -> None:
    path = _write(_points().rename(columns={"premises_id": "UUID"}), tmp_path / "hus.gpkg")
    layer = _read(
        path,
        columns={"premises_id": "UUID", "name": "namn"},
        constants={"technology": "fibre", "speed_mbit": 1000, "hushall": "9"},
        numeric=("speed_mbit", "hushall"),
        required=("technology",),
        id_column="premises_id",
    )
    assert {"UUID", "namn"}.isdisjoint(layer.frame)
    assert layer.frame["name"].tolist() == NAMES
    assert layer.frame["technology"].tolist() == ["fibre"] * 4
    assert layer.frame["speed_mbit"].tolist() == [1000.0] * 4
    assert layer.frame["hushall"].tolist() == [9.0] * 4  # a constant wins over the file


def test_ids_are_text_whatever_the_file_holds(tmp_path: Path) -> None:
    frame = _points().assign(premises_id=[1.0, 2.0, 3.0, 104.0], area_code=[7, 8, 9, 10])
    layer = _read(_write(frame, tmp_path / "hus.gpkg"), id_column="premises_id")
    assert layer.frame["premises_id"].tolist() == ["1", "2", "3", "104"]
    assert layer.frame["area_code"].tolist() == ["7", "8", "9", "10"]


def test_geopackage_feature_id_can_be_used(tmp_path: Path) -> None:
    path = _write(_points(), tmp_path / "hus.gpkg")
    layer = _read(path, columns={"premises_id": "fid"}, id_column="premises_id")
    assert layer.frame["premises_id"].tolist() == ["1", "2", "3", "4"]


# --------------------------------------------------------------------------------------
# where
# --------------------------------------------------------------------------------------


def test_where_keeps_rows_and_their_numbers(tmp_path: Path) -> None:
    frame = _points()
    frame.loc[2, "geometry"] = shapely.Point()
    path = _write(frame, tmp_path / "hus.gpkg")
    layer = _read(path, where="hushall >= 2 -- not the first", id_column="premises_id")
    assert layer.frame["premises_id"].tolist() == ["0002", "0104"]
    assert layer.set_aside["row"].tolist() == [2]
    assert layer.set_aside["id"].tolist() == ["0003"]
    assert layer.facts["rows_in_file"] == 4
    assert layer.facts["rows_in"] == 3


def test_where_on_text_columns(tmp_path: Path) -> None:
    path = _csv(tmp_path / "hus.csv", "plain")
    layer = _read(path, crs="EPSG:3006", where="namn LIKE 'Å%' OR CAST(hushall AS INT) = 4")
    assert layer.frame["namn"].tolist() == ["Åre", "Luleå"]


@pytest.mark.parametrize(
    ("where", "error", "says"),
    [
        ("hushal > 1", MissingColumnError, '"hushall" (text)'),
        ("hushall >", BadValueError, "Parser Error"),
        ("CAST(namn AS INT) > 1", BadValueError, "TRY_CAST"),
        ("namn = 'Kiruna'", EmptyLayerError, "no row fulfils"),
        ("1 = 1); DROP TABLE attributes; --", BadValueError, "correct where"),
        (
            "hushall IN (SELECT content FROM read_text('/etc/hosts'))",
            BadValueError,
            "correct where",
        ),
    ],
)
def test_where_that_cannot_be_used(
    tmp_path: Path, where: str, error: type[GeodataError], says: str
) -> None:
    path = _csv(tmp_path / "hus.csv", "plain")
    _refused(error, lambda: _read(path, crs="EPSG:3006", where=where), "hus.csv", says)


# --------------------------------------------------------------------------------------
# files that are missing, cut off or damaged
# --------------------------------------------------------------------------------------


def test_missing_file_suggests_the_one_that_is_there(tmp_path: Path) -> None:
    _write(_points(), tmp_path / "Byggnader_2024.gpkg")
    read = lambda name: lambda: _read(tmp_path / name)  # noqa: E731
    _refused(
        UnreadableSourceError, read("byggnader_2023.gpkg"), "no such file", "Byggnader_2024.gpkg"
    )
    _refused(UnreadableSourceError, read("Byggnader_2024.shp"), "Byggnader_2024.gpkg")
    _refused(UnreadableSourceError, read("indata/hus.gpkg"), "there is no folder", "indata")


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    _write(_points(), tmp_path / "hus.gpkg")
    _refused(UnreadableSourceError, lambda: _read(tmp_path), "a folder, not a file", "hus.gpkg")


def test_locked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _csv(tmp_path / "hus.csv", "plain")
    plainly = Path.open

    def locked(self: Path, *args: Any, **options: Any) -> Any:
        if self.name == "hus.csv":
            raise PermissionError(13, "Permission denied")
        return plainly(self, *args, **options)

    monkeypatch.setattr(Path, "open", locked)
    _refused(
        UnreadableSourceError,
        lambda: _read(path),
        "hus.csv",
        "Permission denied",
        "close the program",
    )


@pytest.mark.parametrize(
    "suffix", ["gpkg", "shp", "geojson", "fgb", "gml", "kml", "parquet", "csv", "xlsx", "osm.pbf"]
)
def test_file_of_no_bytes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"hus.{suffix}"
    path.write_bytes(b"")
    _refused(UnreadableSourceError, lambda: _read(path), f"hus.{suffix}", "0 bytes")


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "geojson", "fgb", "parquet", "xlsx", "osm.pbf"])
def test_file_of_something_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"hus.{suffix}"
    path.write_bytes(b"<html><body>404 Not Found</body></html>" * 20)
    for other in (".shx", ".dbf"):
        path.with_suffix(other).write_bytes(b"x" * 200)
    _refused(UnreadableSourceError, lambda: _read(path), f"hus.{suffix}")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.999])
@pytest.mark.parametrize(
    "suffix", ["gpkg", "shp", "geojson", "fgb", "gml", "kml", "parquet", "sqlite"]
)
def test_file_cut_off(tmp_path: Path, suffix: str, share: float) -> None:
    frame = _squares()
    path = _write(
        frame.to_crs(4326) if suffix in {"geojson", "kml"} else frame, tmp_path / f"h.{suffix}"
    )
    assert len(_read(path).frame) == len(frame)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    _refused(UnreadableSourceError, lambda: _read(path), f"h.{suffix}", "again")


def test_workbook_of_the_old_format(tmp_path: Path) -> None:
    path = tmp_path / "hus.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0" * 200)
    _refused(UnreadableSourceError, lambda: _read(path), "hus.xls", ".xlsx")


def test_workbook_cut_off(tmp_path: Path) -> None:
    rows: list[list[object]] = [["premises_id", "x", "y"]]
    rows += [[str(i), 827_000 + i, 7_292_000] for i in range(500)]
    path = _workbook(tmp_path / "hus.xlsx", {"a": rows})
    data = path.read_bytes()
    for share in (0.3, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        _refused(UnreadableSourceError, lambda: _read(path), "hus.xlsx", "cut off or damaged")
    # A workbook whose zip is whole but whose sheet is not.
    middle = data.index(b"sheet1.xml") + 400
    path.write_bytes(data[:middle] + b"\0" * 300 + data[middle + 300 :])
    _refused(UnreadableSourceError, lambda: _read(path), "hus.xlsx")


def test_geopackage_damaged_inside(tmp_path: Path) -> None:
    path = _write(_squares(3000), tmp_path / "hus.gpkg")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = b"\xff" * 20_000
    path.write_bytes(bytes(data))
    _refused(UnreadableSourceError, lambda: _read(path), "hus.gpkg", "malformed")


@pytest.mark.parametrize("lost", [".shx", ".dbf"])
def test_shapefile_without_its_other_files(tmp_path: Path, lost: str) -> None:
    path = _write(_squares(), tmp_path / "hus.shp")
    path.with_suffix(lost).unlink()
    _refused(UnreadableSourceError, lambda: _read(path), "hus.shp", f"lacks its {lost}", "copy all")


@pytest.mark.parametrize("cut", [".shx", ".dbf"])
def test_shapefile_with_a_companion_cut_off(tmp_path: Path, cut: str) -> None:
    path = _write(_squares(), tmp_path / "hus.shp")
    part = path.with_suffix(cut)
    part.write_bytes(part.read_bytes()[:-60])
    _refused(UnreadableSourceError, lambda: _read(path), f"hus{cut}", "cut off")


def test_json_lines_cut_off(tmp_path: Path) -> None:
    path = _write(_points(4326), tmp_path / "hus.geojsonl", driver="GeoJSONSeq")
    assert len(_read(path).frame) == 4
    path.write_bytes(path.read_bytes()[:-30])
    _refused(UnreadableSourceError, lambda: _read(path), "hus.geojsonl", "cut off")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("1;2;3\n4;5;6\n7;8", ("line 4 has 2 fields", "the header has 3", "cut off")),
        ("1;2;3\n4;5;6;7\n7;8;9\n", ("line 3 has 4 fields", "quotation marks")),
        ("1;2;3\n4;5\n7;8\n7;8;9\n", ("2 rows", "line 3 has 2 fields")),
        ('1;2;3\n4;"5;6\n7;8;9\n', ("line 4 has 2 fields",)),
        ("1;2\0;3\n", ("NUL",)),
    ],
)
def test_csv_rows_with_a_wrong_number_of_fields(
    tmp_path: Path, rows: str, says: tuple[str, ...]
) -> None:
    path = tmp_path / "hus.csv"
    path.write_text("a;x;y\n" + rows, encoding="utf-8")
    _refused(UnreadableSourceError, lambda: _read(path, crs="EPSG:3006"), "hus.csv", *says)


def test_layers_to_choose_from(tmp_path: Path) -> None:
    path = _write(_points(), tmp_path / "allt.gpkg", layer="hus")
    _write(_squares(), path, layer="rutor", append=True)
    text = _refused(UnreadableSourceError, lambda: _read(path), "allt.gpkg", "hus, rutor")
    assert 'layer = "hus" under [sources.premises]' in text
    assert len(_read(path, layer="hus").frame) == 4
    _refused(UnreadableSourceError, lambda: _read(path, layer="ruter"), 'layer = "rutor"')
    _write(_points().head(2), path, layer="premises", append=True)
    assert len(_read(path).frame) == 2  # named as what it is to be used as
    pyogrio.write_dataframe(pd.DataFrame({"a": [1]}), path, layer="tabell", append=True)
    assert has_geometry(Source(path))
    assert not has_geometry(Source(path, layer="tabell"))


def test_gdal_warning_becomes_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "hus.gpkg"
    _write(_points(), path)
    con = sqlite3.connect(path)
    con.execute("UPDATE gpkg_contents SET last_change = 'yesterday'")
    con.execute("INSERT INTO gpkg_extensions VALUES ('hus', NULL, 'x_y', 'z', 'read-write')")
    con.commit()
    con.close()
    layer = _read(path)
    assert _rules(layer) == ["gdal"]
    assert len(layer.frame) == 4


# --------------------------------------------------------------------------------------
# encoding
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("namn;x;y\nÅre;1;2\n".encode(), "cp1252", ("UTF-8, not in cp1252",)),
        ("namn;x;y\nÅre;1;2\n".encode("cp1252"), "utf-8", ("line 2", "cp1252")),
        (b"namn;x;y\n\x81\x8d\x90;1;2\n", None, ("line 2", "UTF-8 or Windows-1252")),
        (b"namn;x;y\na;1;2\n", "utf-ate", ("no encoding called 'utf-ate'",)),
    ],
)
def test_csv_encoding_that_does_not_fit(
    tmp_path: Path, text: bytes, given: str | None, says: tuple[str, ...]
) -> None:
    path = tmp_path / "hus.csv"
    path.write_bytes(text)
    _refused(UnreadableSourceError, lambda: _read(path, encoding=given), "hus.csv", *says)


def _shapefile(tmp_path: Path, encoding: str, *, said: str | None) -> Path:
    """Write a shapefile whose text is in one encoding and which says another, or nothing."""
    path = _write(_points(), tmp_path / "hus.shp", encoding=encoding)
    code_page = path.with_suffix(".cpg")
    code_page.unlink(missing_ok=True)
    if said is not None:
        code_page.write_text(said, encoding="ascii")
    table = path.with_suffix(".dbf")
    data = bytearray(table.read_bytes())
    data[29] = 0
    table.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("UTF-8", "UTF-8"), ("UTF-8", None), ("UTF-8", "ISO-8859-1"), ("ISO-8859-1", "ISO-8859-1"),
        ("ISO-8859-1", None), ("ISO-8859-1", "ANSI 1252"), ("cp1252", "1252"),
    ],
)  # fmt: skip
def test_shapefile_encoding_is_found_out(tmp_path: Path, encoding: str, said: str | None) -> None:
    layer = _read(_shapefile(tmp_path, encoding, said=said))
    assert layer.frame["namn"].tolist() == NAMES
    assert layer.findings == ()


def test_shapefile_encoding_that_does_not_fit(tmp_path: Path) -> None:
    path = _shapefile(tmp_path, "ISO-8859-1", said=None)
    _refused(UnreadableSourceError, lambda: _read(path, encoding="utf-8"), "hus.shp", "utf-8")
    _refused(UnreadableSourceError, lambda: _read(path, encoding="utf-ate"), "hus.shp", "utf-ate")
    assert _read(path, encoding="cp1252").frame["namn"].tolist() == NAMES
    path = _shapefile(tmp_path, "ISO-8859-1", said="UTF-8")
    _refused(UnreadableSourceError, lambda: _read(path), "hus.shp", "encoding = ")
    path = _shapefile(tmp_path, "UTF-8", said=None)
    _refused(
        UnreadableSourceError, lambda: _read(path, encoding="cp1252"), "in UTF-8, not in cp1252"
    )


@pytest.mark.parametrize("wrong", ["cp1252", "latin1"])
@pytest.mark.parametrize("suffix", ["gpkg", "csv"])
def test_text_converted_wrongly_is_noticed(tmp_path: Path, suffix: str, wrong: str) -> None:
    broken = [
        name.encode().decode(wrong, "replace") if wrong == "cp1252" else name.encode().decode(wrong)
        for name in NAMES
    ]
    frame = _points().assign(namn=broken)
    path = tmp_path / f"hus.{suffix}"
    if suffix == "csv":
        frame.assign(x=X, y=Y).drop(columns="geometry").to_csv(path, index=False)
    else:
        _write(frame, path)
    layer = _read(path, **({"crs": "EPSG:3006"} if suffix == "csv" else {}))
    assert _rules(layer) == ["mojibake"]
    assert layer.findings[0].rows == 4
    assert layer.findings[0].severity == "warning"
    assert repr(broken[0]) in layer.findings[0].message


def test_geojson_in_another_encoding(tmp_path: Path) -> None:
    path = _write(_points(4326), tmp_path / "hus.geojson")
    path.write_bytes(path.read_bytes().decode("utf-8").encode("cp1252"))
    _refused(UnreadableSourceError, lambda: _read(path), "hus.geojson")


# --------------------------------------------------------------------------------------
# coordinate reference systems
# --------------------------------------------------------------------------------------


def _without_crs(
    tmp_path: Path, suffix: str, frame: gpd.GeoDataFrame | None = None, number: int = -1
) -> Path:
    frame = _points() if frame is None else frame
    path = _write(frame, tmp_path / f"hus.{suffix}")
    if suffix == "shp":
        path.with_suffix(".prj").unlink()
    else:
        con = sqlite3.connect(path)
        con.execute("UPDATE gpkg_contents SET srs_id = ?", (number,))
        con.execute("UPDATE gpkg_geometry_columns SET srs_id = ?", (number,))
        con.commit()
        con.close()
    return path


@pytest.mark.parametrize(("suffix", "number"), [("shp", -1), ("gpkg", -1), ("gpkg", 0)])
def test_file_without_crs(tmp_path: Path, suffix: str, number: int) -> None:
    path = _without_crs(tmp_path, suffix, number=number)  # -1 and 0: undefined, in GeoPackage
    _refused(
        NoCrsError,
        lambda: _read(path),
        f"hus.{suffix}",
        'crs = "EPSG:3006" under [sources.premises]',
    )
    layer = _read(path, crs="EPSG:3006")
    np.testing.assert_array_equal(layer.frame["x"], X)
    assert layer.facts["crs_read_as"] == "EPSG:3006 (SWEREF99 TM)"


def test_file_without_crs_names_the_one_that_fits(tmp_path: Path) -> None:
    path = _without_crs(tmp_path, "shp", _points(3021))
    _refused(NoCrsError, lambda: _read(path, extent=EXTENT), 'crs = "EPSG:3021"')
    _refused(WrongCrsError, lambda: _read(path, crs="EPSG:3006"), 'crs = "EPSG:3021"')
    _refused(WrongCrsError, lambda: _read(path, crs="EPSG:999999"), "crs = 'EPSG:999999'")
    np.testing.assert_allclose(_read(path, crs="EPSG:3021").frame["x"], X, atol=1e-3)


def test_stated_crs_that_contradicts_the_file(tmp_path: Path) -> None:
    path = _write(_points(), tmp_path / "hus.gpkg")
    _refused(
        WrongCrsError, lambda: _read(path, crs="EPSG:3021"), "hus.gpkg", "EPSG:3021", "EPSG:3006",
        "take crs away",
    )  # fmt: skip


def test_stated_crs_corrects_a_file_that_is_wrong(tmp_path: Path) -> None:
    frame = _points(4326).set_crs(3006, allow_override=True)
    path = _write(frame, tmp_path / "hus.gpkg")
    _refused(
        DegreesAsMetresError, lambda: _read(path), "hus.gpkg",
        'crs = "EPSG:4326" under [sources.premises]',
    )  # fmt: skip
    layer = _read(path, crs="EPSG:4326")
    np.testing.assert_allclose(layer.frame["x"], X, atol=1e-3)
    assert _rules(layer) == ["crs"]


def test_geojson_in_metres(tmp_path: Path) -> None:
    path = _write(_points(), tmp_path / "hus.geojson")
    assert b'"crs"' in path.read_bytes()
    np.testing.assert_array_equal(_read(path).frame["x"], X)
    text = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join(line for line in text if '"crs"' not in line), encoding="utf-8")
    _refused(WrongCrsError, lambda: _read(path), "are metres, but", 'crs = "EPSG:3006"')
    layer = _read(path, crs="EPSG:3006")
    np.testing.assert_array_equal(layer.frame["x"], X)
    assert layer.findings == ()


@pytest.mark.parametrize("suffix", ["gpkg", "csv"])
def test_swapped_axes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"hus.{suffix}"
    frame = _points().set_geometry(shapely.points(Y, X), crs=3006)
    if suffix == "csv":
        pd.DataFrame({"id": IDS, "x": Y, "y": X}).to_csv(path, index=False)
        options = {"crs": "EPSG:3006"}
    else:
        _write(frame, path)
        options = {}
    text = _refused(
        SwappedAxesError, lambda: _read(path, **options), f"hus.{suffix}", "4 of 4 rows"
    )
    if suffix == "csv":
        assert 'columns = { x = "y", y = "x" }' in text
        layer = _read(path, columns={"x": "y", "y": "x"}, **options)
        np.testing.assert_array_equal(layer.frame["x"], X)


def test_swapped_degrees(tmp_path: Path) -> None:
    lon, lat = transform_points(X, Y, 3006, 4326)
    frame = _points().set_geometry(shapely.points(lat, lon), crs=3006)
    frame = frame.set_crs(4326, allow_override=True)
    path = _write(frame, tmp_path / "hus.gpkg")
    _refused(SwappedAxesError, lambda: _read(path), "hus.gpkg")
    _refused(SwappedAxesError, lambda: _read(path, extent=EXTENT), "hus.gpkg")


def test_table_says_no_crs(tmp_path: Path) -> None:
    path = _csv(tmp_path / "hus.csv", "plain")
    _refused(
        NoCrsError, lambda: _read(path), "hus.csv", 'crs = "EPSG:3006" under [sources.premises]'
    )
    lon, lat = transform_points(X, Y, 3006, 4326)
    pd.DataFrame({"lon": lon, "lat": lat}).to_csv(path, index=False)
    _refused(NoCrsError, lambda: _read(path, extent=EXTENT), 'crs = "EPSG:4326"')


def test_other_part_of_the_country_is_refused(tmp_path: Path) -> None:
    frame = _points().set_geometry(shapely.points(X - 450_000, Y - 1_150_000), crs=3006)
    path = _write(frame, tmp_path / "skane.gpkg")
    assert len(_read(path).frame) == 4
    _refused(WrongCrsError, lambda: _read(path, extent=EXTENT), "skane.gpkg", "outside the region")


def test_file_for_the_whole_country_is_kept(tmp_path: Path) -> None:
    x = np.r_[X, np.linspace(400_000, 450_000, 10)]
    y = np.r_[Y, np.linspace(6_200_000, 6_300_000, 10)]
    frame = gpd.GeoDataFrame({"id": range(14)}, geometry=shapely.points(x, y), crs=3006)
    layer = _read(_write(frame, tmp_path / "riket.gpkg"), extent=EXTENT)
    assert len(layer.frame) == 14
    assert _rules(layer) == ["outside-region"]
    assert layer.findings[0].rows == 10


def test_most_rows_in_another_crs_are_refused(tmp_path: Path) -> None:
    # One row happens to be right; the other three are RT90 and fall outside the region.
    old_x, old_y = transform_points(X, Y, 3006, 3021)
    frame = _points().set_geometry(
        shapely.points(np.r_[X[:1], old_x[1:]], np.r_[Y[:1], old_y[1:]]), crs=3006
    )
    path = _write(frame, tmp_path / "hus.gpkg")
    _refused(WrongCrsError, lambda: _read(path, extent=EXTENT), "3 of 4 rows", 'crs = "EPSG:3021"')


def test_few_rows_elsewhere_are_kept(tmp_path: Path) -> None:
    frame = _points().set_geometry(
        shapely.points(np.r_[X[:3], 100_000], np.r_[Y[:3], 6_100_000]), crs=3006
    )
    layer = _read(_write(frame, tmp_path / "hus.gpkg"), extent=EXTENT)
    assert len(layer.frame) == 4
    assert layer.findings[0].rows == 1


def test_region_in_degrees_is_refused(tmp_path: Path) -> None:
    path = _write(_points(), tmp_path / "hus.gpkg")
    with pytest.raises(NotMetricError, match="EPSG:4326"):
        read_layer(Source(path), name="premises", crs=4326, kind="point")


# --------------------------------------------------------------------------------------
# rows and columns
# --------------------------------------------------------------------------------------


def test_missing_column_names_what_is_there(tmp_path: Path) -> None:
    path = _write(_points().rename(columns={"premises_id": "PremisesID"}), tmp_path / "hus.gpkg")
    _refused(
        MissingColumnError, lambda: _read(path, required=("premises_id",)), "hus.gpkg",
        "PremisesID, namn, hushall", 'columns = { premises_id = "PremisesID" }',
    )  # fmt: skip
    _refused(
        MissingColumnError, lambda: _read(path, columns={"households": "hushåll"}), "'hushåll'",
        'households = "hushall"',
    )  # fmt: skip


def test_missing_coordinate_column(tmp_path: Path) -> None:
    path = _csv(tmp_path / "hus.csv", "plain", head="premises_id;namn;hushall;a;b")
    _refused(
        MissingColumnError, lambda: _read(path), "hus.csv", "no column holds coordinates", "x = "
    )
    _refused(MissingColumnError, lambda: _read(path, columns={"x": "a"}), "two columns")
    _refused(MissingColumnError, lambda: _read(path, columns={"x": "a", "y": "bb"}), "'bb'")
    assert not has_geometry(Source(path))
    assert has_geometry(Source(path, columns={"x": "a", "y": "b"}))
    assert len(_read(path, columns={"x": "a", "y": "b"}, crs="EPSG:3006").frame) == 4


def test_coordinate_that_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "hus.csv"
    path.write_text(
        "id;x;y\n1;827000;7292000\n2;okänd;7292000\n3;;7292000\n4;-;1\n", encoding="utf-8"
    )
    _refused(
        BadValueError, lambda: _read(path, crs="EPSG:3006"), "hus.csv", "2 of 4 rows", "'okänd'",
        "line 3", "column x",
    )  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "gpkg", "xlsx"])
def test_number_column_that_holds_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"hus.{suffix}"
    frame = _points().assign(hushall=["1", "två", "3", "4,5"])
    if suffix == "gpkg":
        _write(frame, path)
    else:
        table = frame.drop(columns="geometry").assign(x=X, y=Y)
        table.to_csv(path, index=False) if suffix == "csv" else table.to_excel(path, index=False)
    options = {} if suffix == "gpkg" else {"crs": "EPSG:3006"}
    _refused(
        BadValueError, lambda: _read(path, numeric=("hushall",), **options), f"hus.{suffix}",
        "1 of 4 rows", "'två'", "row 1" if suffix == "gpkg" else "line 3",
    )  # fmt: skip
    layer = _read(path, numeric=("hushall",), where="hushall <> 'två'", **options)
    assert layer.frame["hushall"].tolist() == [1, 3, 4.5]


def test_duplicate_ids(tmp_path: Path) -> None:
    path = _write(_points().assign(premises_id=["a", "b", "a", "b"]), tmp_path / "hus.gpkg")
    _refused(
        DuplicateIdsError, lambda: _read(path, id_column="premises_id"), "hus.gpkg", "4 of 4 rows",
        "2 values of premises_id", "'a', 'b'",
    )  # fmt: skip
    assert len(_read(path).frame) == 4


def test_rows_without_id(tmp_path: Path) -> None:
    path = _write(_points().assign(premises_id=["a", None, " ", "b"]), tmp_path / "hus.gpkg")
    _refused(
        BadValueError, lambda: _read(path, id_column="premises_id"), "hus.gpkg", "2 rows have no",
        "row 1",
    )  # fmt: skip


def test_doubtful_comma_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "totaler.csv"
    path.write_text("kod;antal\n1;1,234\n2;2,345\n3;17\n", encoding="utf-8")
    layer = read_table(Source(path), name="totals", numeric=("antal",))
    assert layer.frame["antal"].tolist() == [1.234, 2.345, 17]
    assert _rules(layer) == ["comma"]


def test_column_twice_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "totaler.csv"
    path.write_text("kod;antal;antal\n1;5;6\n", encoding="utf-8")
    layer = read_table(Source(path), name="totals")
    assert list(layer.frame) == ["kod", "antal", "antal_2"]
    assert _rules(layer) == ["double-column"]


# --------------------------------------------------------------------------------------
# geometry
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "fgb"])
def test_empty_layer(tmp_path: Path, suffix: str) -> None:
    frame = _points(4326).head(0)
    path = _write(frame, tmp_path / f"hus.{suffix}", geometry_type="Point")
    _refused(EmptyLayerError, lambda: _read(path), f"hus.{suffix}", "no rows")


def test_empty_tables(tmp_path: Path) -> None:
    path = tmp_path / "hus.csv"
    path.write_text("id;x;y\n;;\n", encoding="utf-8")
    _refused(EmptyLayerError, lambda: _read(path, crs="EPSG:3006"), "hus.csv")
    path.write_text("\n\n", encoding="utf-8")
    _refused(EmptyLayerError, lambda: _read(path, crs="EPSG:3006"), "hus.csv", "header")
    book = _workbook(tmp_path / "hus.xlsx", {"a": [], "b": [["id", "x", "y"]]})
    _refused(EmptyLayerError, lambda: _read(book), "hus.xlsx, sheet a")
    _refused(EmptyLayerError, lambda: _read(book, layer="b"), "hus.xlsx, sheet b")


@pytest.mark.parametrize(
    ("kind", "found"), [("line", "Point"), ("polygon", "Point"), ("point", "Polygon")]
)
def test_wrong_kind_of_geometry(tmp_path: Path, kind: str, found: str) -> None:
    frame = _points() if found == "Point" else _squares(4)
    path = _write(frame, tmp_path / "hus.gpkg")
    _refused(
        GeometryError, lambda: _read(path, kind=kind), "hus.gpkg", found, f"{kind}s are needed"
    )
    assert len(_read(path, kind="any").frame) == 4
    assert len(_read(path, kind="premises").frame) == 4


def test_rows_of_another_kind_are_set_aside(tmp_path: Path) -> None:
    geometry = [shapely.Point(X[0], Y[0]), *shapely.box(X[1:], Y[1:], X[1:] + 9, Y[1:] + 9)]
    frame = _points().set_geometry(geometry, crs=3006)
    layer = _read(_write(frame, tmp_path / "hus.gpkg"), kind="polygon", id_column="premises_id")
    assert layer.set_aside["id"].tolist() == ["0001"]
    assert "polygons" in layer.set_aside["reason"][0]
    assert "x" not in layer.frame


def test_single_points_in_multipoints_and_collections(tmp_path: Path) -> None:
    point = [shapely.Point(x, y) for x, y in zip(X, Y, strict=True)]
    geometry = [
        shapely.MultiPoint([point[0]]),
        shapely.GeometryCollection([point[1]]),
        shapely.MultiPoint([point[2], point[3]]),
        point[3],
    ]
    frame = _points().set_geometry(geometry, crs=3006)
    layer = _read(_write(frame, tmp_path / "hus.gpkg"), kind="point")
    np.testing.assert_array_equal(layer.frame["x"], X[[0, 1, 3]])
    assert layer.set_aside["row"].tolist() == [2]


def test_rows_without_coordinates_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "hus.csv"
    rows = "1;827000;7292000\n2;;7292000\n3;827000;NULL\n4;0;0\n5;828000;7292000\n"
    path.write_text("premises_id;x;y\n" + rows, encoding="utf-8")
    layer = _read(path, crs="EPSG:3006", id_column="premises_id", numeric=("n",))
    assert layer.frame["premises_id"].tolist() == ["1", "5"]
    assert layer.set_aside["id"].tolist() == ["2", "3", "4"]
    assert layer.set_aside["row"].tolist() == [1, 2, 3]
    assert layer.set_aside["reason"].tolist() == [
        "it has no coordinates", "it has no coordinates", "its coordinates are 0, 0",
    ]  # fmt: skip
    assert set(layer.set_aside["layer"]) == {"premises"}
    assert set(layer.set_aside["file"]) == {"hus.csv"}


def test_nothing_left_is_an_empty_layer(tmp_path: Path) -> None:
    frame = _points().set_geometry([None, None, shapely.Point(), None], crs=3006)
    path = _write(frame, tmp_path / "hus.gpkg", geometry_type="Point")
    _refused(EmptyLayerError, lambda: _read(path), "hus.gpkg", "it has no geometry")


def test_invalid_polygons_are_repaired_and_told(tmp_path: Path) -> None:
    x, y = 500_000, 7_300_000
    # A bow tie: two triangles of 100 x 100 / 4 m2 each that cancel in the ring's area.
    bow = shapely.Polygon([(x, y), (x + 100, y + 100), (x + 100, y), (x, y + 100)])
    flat = shapely.Polygon([(x, y), (x + 100, y), (x + 50, y)])
    good = shapely.box(x, y, x + 10, y + 10)
    frame = gpd.GeoDataFrame(
        {"premises_id": ["bow", "flat", "good", "none"]},
        geometry=[bow, flat, good, None],
        crs=3006,
    )
    layer = _read(_write(frame, tmp_path / "ytor.gpkg"), kind="polygon", id_column="premises_id")
    assert layer.frame["premises_id"].tolist() == ["bow", "good"]
    assert layer.frame.area.tolist() == [5000.0, 100.0]
    assert layer.facts["repaired"] == 1
    (finding,) = layer.findings
    assert finding.rule == "invalid-geometry"
    assert finding.rows == 1
    assert "was 0 m² and is 5000 m²" in finding.message
    assert "row 0" in finding.message
    reasons = dict(zip(layer.set_aside["id"], layer.set_aside["reason"], strict=True))
    assert "collapses" in reasons["flat"]
    assert reasons["none"] == "it has no geometry"


def test_lines_without_length_are_set_aside(tmp_path: Path) -> None:
    x, y = 500_000.0, 7_300_000.0
    frame = gpd.GeoDataFrame(
        {"a": [1, 2, 3]},
        geometry=[
            shapely.LineString([(x, y), (x, y)]),
            shapely.LineString([(x, y), (x + 3, y + 4)]),
            shapely.MultiLineString([[(x, y), (x, y)], [(x, y), (x + 6, y + 8)]]),
        ],
        crs=3006,
    )
    layer = _read(_write(frame, tmp_path / "vag.gpkg"), kind="line", name="roads")
    assert layer.frame.length.tolist() == [5, 10]
    assert layer.set_aside["row"].tolist() == [0]


def test_infinite_coordinates_are_set_aside(tmp_path: Path) -> None:
    x, y = 500_000.0, 7_300_000.0
    frame = gpd.GeoDataFrame(
        {"a": [1, 2]},
        geometry=[
            shapely.LineString([(x, y), (np.inf, y)]),
            shapely.LineString([(x, y), (x + 3, y + 4)]),
        ],
        crs=3006,
    )
    frame.to_parquet(tmp_path / "vag.parquet")
    layer = _read(tmp_path / "vag.parquet", kind="line")
    assert len(layer.frame) == 1
    assert layer.set_aside["reason"].tolist() == ["a coordinate of it is not a number"]


def test_shared_vertices_stay_shared_after_projection(tmp_path: Path) -> None:
    lon, lat = np.array([22.1, 22.123456789, 22.2]), np.array([65.5, 65.512345678, 65.6])
    first = shapely.linestrings(np.c_[lon[:2], lat[:2]])
    second = shapely.linestrings(np.c_[lon[1:], lat[1:]])
    frame = gpd.GeoDataFrame({"a": [1, 2]}, geometry=[first, second], crs=4326)
    layer = _read(_write(frame, tmp_path / "vag.gpkg"), kind="line", name="roads")
    one, other = (shapely.get_coordinates(line) for line in layer.frame.geometry)
    assert tuple(one[1]) == tuple(other[0])


# --------------------------------------------------------------------------------------
# the files of Statistics Sweden
# --------------------------------------------------------------------------------------


def test_scb_municipalities_with_an_unnamed_prj(shared_data: Path) -> None:
    path = shared_data / "sverige/scb_granser/Kommun_Sweref99TM/Kommun_Sweref99TM.shp"
    options: dict[str, Any] = {
        "kind": "polygon",
        "name": "municipalities",
        "columns": {"municipality_code": "KnKod", "municipality_name": "KnNamn"},
        "id_column": "municipality_code",
    }
    _refused(
        NoCrsError, lambda: _read(path, **options), "Kommun_Sweref99TM.shp", "'unnamed'",
        'crs = "EPSG:3006" under [sources.municipalities]',
    )  # fmt: skip
    layer = _read(path, crs="EPSG:3006", **options)
    assert len(layer.frame) == 290
    assert layer.frame["municipality_code"].iloc[0] == "0114"
    assert layer.frame["municipality_name"].iloc[0] == "Upplands Väsby"
    # Sweden without its four great lakes, which belong to no polygon here: 438 000 km2.
    assert layer.frame.area.sum() / 1e6 == pytest.approx(438_000, rel=0.01)


def test_scb_grid_with_an_undefined_srs(shared_data: Path) -> None:
    path = shared_data / "sverige/scb_rutnat_1km_200_rutor.gpkg"
    _refused(
        NoCrsError, lambda: _read(path, kind="polygon", name="coverage"), path.name, "Undefined",
        'crs = "EPSG:3006" under [sources.coverage]',
    )  # fmt: skip
    layer = _read(path, kind="polygon", name="coverage", crs="EPSG:3006")
    assert len(layer.frame) == 200
    np.testing.assert_allclose(layer.frame.area, 1e6, rtol=2e-5)
    assert layer.frame["rutid_scb"].dtype == "str"


def test_real_layers_of_a_geopackage(shared_data: Path) -> None:
    path = shared_data / "sverige/sample_bd_m.gpkg"
    layer = _read(
        path, kind="polygon", name="municipalities", layer="kommun", where="LAN_KOD = '25'"
    )
    assert len(layer.frame) == 14
    assert layer.facts["rows_in_file"] == 47
    stops = _read(
        path, kind="point", name="stops", layer="hallplats_bd",
        extent=tuple(layer.frame.total_bounds),
    )  # fmt: skip
    assert len(stops.frame) == 4135
    population = read_table(
        Source(shared_data / "sverige/kommun_pop_2024.csv"),
        name="totals", required=("kommun_kod",), numeric=("population",),
    )  # fmt: skip
    assert population.frame["kommun_kod"].str.len().eq(4).all()
    assert population.frame["population"].sum() == pytest.approx(10.58e6, rel=0.01)


# --------------------------------------------------------------------------------------
# digests and rasters
# --------------------------------------------------------------------------------------


def test_facts_say_what_was_read(tmp_path: Path) -> None:
    path = _csv(tmp_path / "hus.csv", "swedish excel")
    facts = _read(path, crs="EPSG:3006").facts
    assert facts["file"] == "hus.csv"
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() == sha256(path)
    assert facts["sha256_of"] == "hus.csv"
    assert facts["bytes"] == path.stat().st_size
    assert facts["encoding"] == "cp1252"
    assert facts["crs_of_file"] is None
    assert facts["crs"] == "EPSG:3006 (SWEREF99 TM)"


def test_digest_of_a_shapefile_is_of_all_its_files(tmp_path: Path) -> None:
    path = _write(_points(), tmp_path / "hus.shp")
    facts = _read(path).facts
    parts = [path.with_suffix(suffix) for suffix in (".shp", ".cpg", ".dbf", ".prj", ".shx")]
    together = b"".join(part.read_bytes() for part in parts)
    assert facts["sha256"] == hashlib.sha256(together).hexdigest()
    assert facts["sha256_of"] == "hus.shp + hus.cpg + hus.dbf + hus.prj + hus.shx"
    assert facts["bytes"] == len(together)
    path.with_suffix(".dbf").write_bytes(path.with_suffix(".dbf").read_bytes() + b" ")
    assert sha256(path) != facts["sha256"]


def _raster(path: Path, **options: Any) -> Path:
    values = np.arange(12, dtype="float32").reshape(3, 4) * 10
    values[0, 0] = -1
    about: dict[str, Any] = {
        "driver": "GTiff", "width": 4, "height": 3, "count": 1, "dtype": "float32", "nodata": -1,
        "crs": "EPSG:3006",
        "transform": rasterio.Affine(100, 0, 500_000, 0, -100, 7_300_300), **options,
    }  # fmt: skip
    with rasterio.open(path, "w", **about) as raster:
        raster.write(values, 1)
    return path


def test_raster_gives_the_pixel_each_point_lies_in(tmp_path: Path) -> None:
    path = _raster(tmp_path / "hastighet.tif")
    x = np.array([500_150, 500_399.9, 500_050, 500_000, 400_000, 500_400, 500_250])
    y = np.array([7_300_250, 7_300_000.1, 7_300_250, 7_300_100, 7_300_100, 7_300_150, 7_300_150])
    got = sample_raster(Source(path), x, y, crs=3006)
    # Rows run from north to south; the first pixel holds no data; a border belongs to the
    # pixel east and south of it, the raster's own east border to none.
    np.testing.assert_array_equal(got, [10, 110, np.nan, 80, np.nan, np.nan, 60])
    lon, lat = transform_points(x[:2], y[:2], 3006, 4326)
    np.testing.assert_array_equal(sample_raster(Source(path), lon, lat, crs=4326), [10, 110])
    assert len(sample_raster(Source(path), [], [], crs=3006)) == 0


def test_raster_is_read_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _raster(tmp_path / "hastighet.tif")
    x, y = np.meshgrid(500_050 + 100 * np.arange(4), 7_300_250 - 100 * np.arange(3))
    whole = sample_raster(Source(path), x.ravel(), y.ravel(), crs=3006)
    monkeypatch.setattr(rasters, "_STRIP_ROWS", 2)
    np.testing.assert_array_equal(
        sample_raster(Source(path), x.ravel(), y.ravel(), crs=3006), whole
    )
    assert np.isnan(whole[0])
    np.testing.assert_array_equal(whole[1:], np.arange(1, 12) * 10.0)


def test_rasters_that_cannot_be_used(tmp_path: Path) -> None:
    at = {"x": [500_050.0], "y": [7_300_050.0], "crs": 3006}
    path = _raster(tmp_path / "utan.tif", crs=None)
    _refused(NoCrsError, lambda: sample_raster(Source(path), **at), "utan.tif", "EPSG:3006")
    assert sample_raster(Source(path, crs="EPSG:3006"), **at).tolist() == [80]
    good = _raster(tmp_path / "hel.tif")
    _refused(
        UnreadableSourceError, lambda: sample_raster(Source(good, layer="2"), **at), "no band '2'"
    )
    away = {"x": [600_050.0], "y": [7_300_050.0], "crs": 3006}
    _refused(WrongCrsError, lambda: sample_raster(Source(good), **away), "hel.tif", "no point lies")
    cut = tmp_path / "kapad.tif"
    cut.write_bytes(good.read_bytes()[:60])
    _refused(UnreadableSourceError, lambda: sample_raster(Source(cut), **at), "kapad.tif")
    shutil.copy(good, tmp_path / "hel2.tif")
    _refused(
        UnreadableSourceError,
        lambda: sample_raster(Source(tmp_path / "hel3.tif"), **at),
        "hel2.tif",
    )


# --------------------------------------------------------------------------------------
# numbers written as text
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1), ("-1,5", -1.5), ("+2.5", 2.5), ("\u22123", -3), ("1e3", 1000), (" 7 ", 7),
        ("6 580 822,25", 6580822.25), ("6\u00a0580\u00a0822", 6580822), ("2'756'000", 2756000),
        ("1.234.567,8", 1234567.8), ("1,234,567.8", 1234567.8), (",5", 0.5), ("5,", 5),
        ("", None), ("NULL", None), ("n/a", None), ("NaN", None),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, number: float | None) -> None:
    got = tabular.parse_numbers(pd.Series([text, "x", None]))
    assert got.bad.tolist() == [False, True, False]
    assert got.values[0] == number or (number is None and np.isnan(got.values[0]))


@pytest.mark.parametrize(
    "text", ["abc", "12 34", "1,2,3", "1.2.3", "inf", "0x10", "5 st", "--1", "-"]
)
def test_what_is_no_number(text: str) -> None:
    got = tabular.parse_numbers(pd.Series([text, "1"]))
    assert got.bad.tolist() == [True, False]
    assert np.isnan(got.values[0])


@given(
    numbers=st.lists(st.floats(-1e9, 1e9).map(lambda v: round(v, 2)), min_size=1, max_size=20),
    decimal=st.sampled_from([".", ","]),
    blank=st.sampled_from(["", " ", "\u00a0", "\u202f", "'"]),
)
def test_numbers_come_back_from_text(numbers: list[float], decimal: str, blank: str) -> None:
    texts = [
        f"{value:,.2f}".replace(",", "_").replace(".", decimal).replace("_", blank)
        for value in numbers
    ]
    got = tabular.parse_numbers(pd.Series(texts))
    assert not got.bad.any()
    np.testing.assert_allclose(got.values, numbers, atol=0.005, rtol=0)


@given(codes=st.lists(st.text("0123456789", min_size=1, max_size=6), min_size=1, max_size=20))
def test_codes_stay_as_they_are(codes: list[str]) -> None:
    assert tabular.as_text(pd.Series(codes)).tolist() == codes
