"""Submissions to PTS: what is built, written, and survives a round trip."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import jsonschema
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
import small_submission as small
from bredband.publication import MIN_HOUSEHOLDS
from bredband.submission import DIGITS, Submission, collection, motivation_text, sheet
from bredband.submission_check import check_submission
from bredband.submission_files import (
    AREAS_GEOJSON,
    BUILDINGS_GEOJSON,
    CSV,
    MOTIVATION,
    SCHEMA,
    XLSX,
    write_geojson,
    write_submission,
)
from bredband.submission_read import read_draft
from bredband.submission_schema import ROW, columns, definition, schema, titles
from bredband.tables import check_table
from bredband.tables_pts import BUILDING_KINDS
from bredband.tables_submission import SUBMITTED, SUBMITTED_AREAS
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    MissingColumnError,
)
from bredband_gis.store import connect
from pyproj import Geod, Transformer
from shapely.geometry import shape

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made() -> Submission:
    return small.submission()


@pytest.fixture(scope="module")
def written(made: Submission, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("submission") / "pts"
    write_submission(made, out)
    return out


# --- what is built -----------------------------------------------------------------------


def test_every_eligible_building_is_there_by_municipality_and_id(made: Submission) -> None:
    check_table(made.buildings, SUBMITTED, where="buildings")
    assert made.buildings["premises_id"].tolist() == [
        *(f"{n:04}" for n in (11, 12, 13, 14, 15, 16, 18, 20)),
        *(f"{n:04}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17)),
    ]
    assert made.facts["quota"] == {
        "share": 0.3, "base_premises": 16, "allowed": 4, "marked": 3
    }  # fmt: skip
    assert made.facts["year"] == 2023
    assert made.facts["audience"] == "internal"


def test_places_are_whole_metres_and_the_point_is_that_very_place(made: Submission) -> None:
    one = made.buildings.set_index("premises_id").loc["0007"]
    assert (one["e_3006"], one["n_3006"]) == (810_700, 7_300_000)
    lon, lat = Transformer.from_crs(3006, 4326, always_xy=True).transform(810_700, 7_300_000)
    assert one["lon"] == pytest.approx(lon, abs=1e-7)
    assert one["lat"] == pytest.approx(lat, abs=1e-7)


def test_places_are_rounded_to_the_nearest_metre() -> None:
    table = small.buildings()
    table.loc[6, ["x", "y"]] = [810_700.75, 7_299_999.5001]
    one = small.submission(buildings=table).buildings.set_index("premises_id").loc["0007"]
    assert (one["e_3006"], one["n_3006"]) == (810_701, 7_300_000)


def test_another_crs_is_transformed(made: Submission) -> None:
    moved = small.buildings()
    moved["x"], moved["y"] = Transformer.from_crs(3006, 3021, always_xy=True).transform(
        moved["x"], moved["y"]
    )
    again = small.submission(buildings=moved, crs=3021)
    assert (again.buildings["e_3006"] - made.buildings["e_3006"]).abs().max() <= 1
    assert (again.buildings["n_3006"] - made.buildings["n_3006"]).abs().max() <= 1


def test_marked_buildings_are_motivated_by_themselves_their_area_or_their_criterion() -> None:
    table = small.buildings().set_index("premises_id")
    table.loc["0002", "motivation"] = "Skolan\x0b ligger här.\n"
    table.loc["0009", ["marked", "criterion"]] = [True, "sparse"]  # in no area
    table.loc["0003", ["criterion", "motivation"]] = ["demand", "inte prioriterad"]
    made = small.submission(buildings=table.reset_index())
    said = made.buildings.set_index("premises_id")
    assert said["motivation"]["0001"] == "Byn ligger långt från fiber."
    assert said["motivation"]["0002"] == "Skolan ligger här."
    assert said["motivation"]["0009"] == "Långt mellan husen."
    assert said.loc[~said["marked"], ["criterion", "motivation"]].isna().all(axis=None)


def test_areas_of_the_buildings_are_there_with_their_counts(made: Submission) -> None:
    table = made.areas
    check_table(table, SUBMITTED_AREAS, where="areas")
    assert table["area_id"].tolist() == ["0114-0001", "2580-0001", "2580-0002"]
    assert table["area_name"].tolist() == ["Grimstaby", "Älvsbacka", "Ersnäs"]
    assert table["listed_premises"].tolist() == [6, 6, 2]
    assert table["marked_premises"].tolist() == [1, 2, 0]
    assert table["criterion"].tolist()[:2] == ["sparse", "sparse"]
    assert table["trench_m"].tolist() == [801, 1200, pd.NA]
    assert table["gap_sek"].tolist() == [-1000, 250_000, pd.NA]


def test_areas_of_an_older_run_without_names_are_called_by_their_id() -> None:
    bare = small.areas().drop(columns=["name", "holiday_homes", "cell_m"])
    table = small.submission(areas=bare).areas
    assert table["area_name"].tolist() == table["area_id"].tolist()
    assert table["holiday_homes"].eq(0).all()
    assert table["cell_m"].isna().all()


def broken(**columns_: Any) -> pd.DataFrame:
    table = small.buildings().set_index("premises_id")
    for name, values in columns_.items():
        for id_, value in values.items():
            table.loc[id_, name] = value
    return table.reset_index()


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"buildings": small.buildings().drop(columns="in_base")}, MissingColumnError, "in_base"),
        ({"buildings": pd.concat([small.buildings()] * 2)}, DuplicateIdsError, "20 premises_id"),
        ({"buildings": broken(marked={"0019": True}, criterion={"0019": "sparse"})},
         BadValueError, "1 marked buildings are not in the base of the quota, e.g. 0019"),
        ({"buildings": broken(marked={"0017": True}, criterion={"0017": "sparse"})},
         BadValueError, "not in the base of the quota, e.g. 0017"),
        ({"buildings": broken(
            marked=dict.fromkeys(("0004", "0005"), True),
            criterion=dict.fromkeys(("0004", "0005"), "sparse"))},
         BadValueError, "5 buildings are marked, but the quota is 4 of 16"),
        ({"buildings": broken(criterion={"0001": None})}, BadValueError,
         "1 marked buildings have no criterion, e.g. 0001"),
        ({"buildings": broken(criterion={"0001": "Gles bygd"})}, BadValueError, "criterion"),
        ({"motivations": small.motivations().iloc[:0]}, BadValueError, "no motivation"),
        ({"buildings": broken(area_id={"0009": "9999-0001"})}, BadValueError,
         "area 9999-0001 of 1 buildings is not among the areas"),
        ({"buildings": small.buildings().assign(eligible=False, in_base=False, marked=False)},
         EmptyLayerError, "no building is eligible"),
        ({"buildings": broken(x={"0001": 100.0})}, BadValueError, "outside Sweden, e.g. 0001"),
        ({"buildings": broken(municipality_code={"0001": "80"})}, BadValueError,
         "municipality_code"),
        ({"buildings": broken(kind={"0001": "church"})}, BadValueError, "kind"),
        ({"buildings": broken(households={"0001": -1})}, BadValueError, "households"),
    ],
)  # fmt: skip
def test_what_cannot_be_submitted_is_refused(
    changes: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said.replace("(", r"\(")):
        small.submission(**changes)


def test_the_quota_is_exact_at_its_edge() -> None:
    four = broken(marked={"0004": True}, criterion={"0004": "sparse"})
    assert small.submission(buildings=four).facts["quota"]["marked"] == 4


# --- the collections ---------------------------------------------------------------------


@pytest.mark.parametrize("content", ["buildings", "areas"])
def test_a_collection_is_as_its_schema_and_rfc_7946_say(made: Submission, content: Any) -> None:
    document = collection(made, content)
    validator = jsonschema.Draft202012Validator(schema())
    assert not list(validator.iter_errors(json.loads(json.dumps(document))))
    assert "crs" not in document
    for feature in document["features"]:
        assert feature["id"] == feature["properties"]["premises_id" if content == "buildings"
                                                      else "area_id"]  # fmt: skip
        corners = shapely.get_coordinates(shape(feature["geometry"]))
        assert np.array_equal(corners, np.round(corners, 7))
        assert (corners[:, 0] < 25).all()
        assert (corners[:, 1] > 60).all()


def test_rings_follow_the_right_hand_rule_and_keep_their_area(made: Submission) -> None:
    geod = Geod(ellps="GRS80")
    for feature in collection(made, "areas")["features"]:
        polygon = shape(feature["geometry"])
        for part in getattr(polygon, "geoms", [polygon]):
            assert shapely.is_ccw(part.exterior)
            assert not any(shapely.is_ccw(ring) for ring in part.interiors)
    holed = shape(collection(made, "areas")["features"][0]["geometry"])
    assert len(holed.interiors) == 1
    # 1 km by 1 km less 100 m by 100 m; the projection's scale is 0.9996 to 1.002 here.
    assert abs(geod.geometry_area_perimeter(holed)[0]) == pytest.approx(990_000, rel=0.01)


def test_values_are_json_s_own_and_null_where_there_is_none(made: Submission) -> None:
    row = collection(made, "buildings")["features"][-1]["properties"]
    assert row == {
        "premises_id": "0017", "e_3006": 811_700, "n_3006": 7_300_000, "municipality_code": "2580",
        "municipality": "Luleå", "households": 0, "workplaces": 0, "holiday_homes": 1,
        "kind": "holiday_home", "eligible": True, "in_base": False, "marked": False,
        "area_id": None, "area_name": None, "criterion": None, "motivation": None,
    }  # fmt: skip
    assert [type(row[name]) for name in ("e_3006", "eligible")] == [int, bool]


def test_the_schema_names_the_columns_and_kinds_of_the_tables() -> None:
    assert columns("buildings") == list(SUBMITTED.columns)
    assert columns("areas") == list(SUBMITTED_AREAS.columns)
    assert tuple(definition("building")["properties"]["kind"]["enum"]) == BUILDING_KINDS
    jsonschema.Draft202012Validator.check_schema(schema())
    for content, row in ROW.items():
        about = definition(row)
        assert about["additionalProperties"] is False
        assert all(part["title"] and part["description"] for part in about["properties"].values())
        assert len(set(titles(content).values())) == len(columns(content))


# --- the files ---------------------------------------------------------------------------


def test_the_folder_holds_every_file_and_says_who_may_read_it(written: Path) -> None:
    names = {BUILDINGS_GEOJSON, AREAS_GEOJSON, CSV, XLSX, MOTIVATION, SCHEMA}
    assert {path.name for path in written.iterdir()} == names | {"manifest.json"}
    manifest = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    public = {name for name, file in manifest["files"].items() if file["audience"] == "public"}
    assert public == {MOTIVATION, SCHEMA}
    assert set(manifest["files"]) == names
    for name in (BUILDINGS_GEOJSON, AREAS_GEOJSON):
        document = json.loads((written / name).read_text(encoding="utf-8"))
        assert document["audience"] == "internal"
        assert "internt" in document["name"]


def test_nothing_is_written_when_a_file_fails(made: Submission, tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise RuntimeError

    out = tmp_path / "pts"
    with pytest.raises(RuntimeError):
        write_submission(made, out, more={"more.txt": fail})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [BUILDINGS_GEOJSON, AREAS_GEOJSON, CSV, XLSX])
def test_our_own_files_are_found_right(written: Path, name: str) -> None:
    checked = check_submission(written / name, against=small.against())
    assert not checked.remarks, [one.finding for one in checked.remarks]
    assert not checked.unchecked
    if name != AREAS_GEOJSON:
        assert (checked.marked, checked.allowed, checked.base) == (3, 4, 16)
        assert checked.rows == 19


def test_a_feature_stands_on_the_line_after_its_number(written: Path) -> None:
    lines = (written / BUILDINGS_GEOJSON).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[17].rstrip(","))["id"] == "0009"  # the seventeenth
    assert len(lines) == 1 + 19 + 1


def test_csv_opens_in_a_swedish_excel_and_is_the_same_table(
    made: Submission, written: Path
) -> None:
    raw = (written / CSV).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfpremises_id;e_3006;")
    table = pd.read_csv(written / CSV, sep=";", encoding="utf-8-sig", dtype={
        "premises_id": "str", "municipality_code": "str", "area_id": "str",
    })  # fmt: skip
    same = sheet(made, "buildings")
    pd.testing.assert_frame_equal(table, same, check_dtype=False)
    assert table["marked"].dtype == bool


def test_a_text_that_excel_takes_for_a_formula_stays_text(tmp_path: Path) -> None:
    table = small.buildings().set_index("premises_id")
    table.loc["0001", "motivation"] = "=SUM(A1:A9) är ingen motivering"
    table.loc["0002", "motivation"] = "-5 grader"
    write_submission(small.submission(buildings=table.reset_index()), tmp_path / "pts")
    assert ";'=SUM(A1:A9)" in (tmp_path / "pts" / CSV).read_text(encoding="utf-8-sig")
    book = openpyxl.load_workbook(tmp_path / "pts" / XLSX)
    cells = [cell for row in book["byggnader"] for cell in row if str(cell.value)[:4] == "=SUM"]
    assert [cell.data_type for cell in cells] == ["s"]
    for name in (CSV, XLSX):
        draft = read_draft(tmp_path / "pts" / name)
        said = dict(zip(draft.ids, draft.text("motivation"), strict=True))
        assert said["0001"] == "=SUM(A1:A9) är ingen motivering"
        assert said["0002"] == "-5 grader"


def test_the_workbook_keeps_ids_and_codes_as_text(made: Submission, written: Path) -> None:
    book = openpyxl.load_workbook(written / XLSX)
    assert book.sheetnames == ["byggnader", "områden", "motivering", "läsmig"]
    page = book["byggnader"]
    assert page.freeze_panes == "A2"
    assert page.auto_filter.ref == "A1:P20"
    assert [cell.value for cell in page[1]] == list(titles("buildings").values())
    assert all(cell.font.bold for cell in page[1])
    assert page.column_dimensions["P"].width > page.column_dimensions["F"].width
    first = {cell.value: other for cell, other in zip(page[1], page[2], strict=True)}
    assert first["Byggnads-id"].value == "0011"
    assert first["Byggnads-id"].number_format == "@"
    assert first["Kommunkod"].value == "0114"
    assert first["Kommunkod"].number_format == "@"
    assert first["E, SWEREF 99 TM"].value == 811_100
    assert first["Prioriterad"].value is True
    told = "\n".join(str(cell.value) for row in book["läsmig"] for cell in row)
    assert "får inte publiceras" in told
    assert "Norrbottens län" in told


def test_pandas_reads_the_workbook_back_unchanged(made: Submission, written: Path) -> None:
    text = {"Byggnads-id": "str", "Kommunkod": "str"}  # else pandas makes numbers of texts
    table = pd.read_excel(written / XLSX, sheet_name="byggnader", dtype=text)
    table.columns = columns("buildings")
    pd.testing.assert_frame_equal(table, sheet(made, "buildings"), check_dtype=False)
    assert table["municipality_code"].tolist()[:2] == ["0114", "0114"]
    areas = pd.read_excel(written / XLSX, sheet_name="områden")
    areas.columns = columns("areas")
    assert areas["gap_sek"].tolist()[:2] == [-1000, 250_000]
    told = pd.read_excel(written / XLSX, sheet_name="motivering")
    assert told["Motivering"].tolist() == [
        "Långt mellan husen.", "Ängar å öar.", "Byn ligger långt från fiber.",
    ]  # fmt: skip


def test_the_motivation_may_be_published(made: Submission) -> None:
    text = motivation_text(made)
    assert "3 byggnader är prioriterade av högst 4" in text
    assert "### Gles bebyggelse eller långt till befintligt nät\n\nLångt mellan husen." in text
    assert "#### Grimstaby" in text
    assert f"Prioriterade byggnader: färre än {MIN_HOUSEHOLDS}" in text
    assert "Ersnäs" not in text  # nothing is marked there
    for id_ in made.buildings["premises_id"]:
        assert id_ not in text.replace("0114-0001", "").replace("2580-0001", "")
    few = small.areas()
    few.loc[few["area_id"] == "0114-0001", "households"] = 2
    text = motivation_text(small.submission(areas=few))
    assert "Ängar å öar." not in text
    assert "området har få hushåll" in text
    assert "Byn ligger långt från fiber." in text


def test_synthetic_data_are_told_of(tmp_path: Path) -> None:
    made = small.submission(provenance="synthetic")
    assert "syntetiska data och får inte lämnas in" in motivation_text(made)
    write_submission(made, tmp_path / "pts")
    checked = check_submission(tmp_path / "pts" / BUILDINGS_GEOJSON, against=small.against())
    assert small.rules_found(checked) == {"synthetic"}
    book = openpyxl.load_workbook(tmp_path / "pts" / XLSX)
    assert any("syntetiska" in str(cell.value) for row in book["läsmig"] for cell in row)


# --- round trips -------------------------------------------------------------------------

EMPTY_NUMBERS = ("rank", "trench_m", "gap_sek")
"""Whole numbers that are empty for an area which no trench reaches."""


def same_features(path: Path, content: str) -> None:
    """Assert that a file holds our features: every property, type and coordinate."""
    ours = small.document(content)["features"]
    theirs = json.loads(path.read_text(encoding="utf-8"))["features"]
    assert len(theirs) == len(ours)
    for one, other in zip(ours, theirs, strict=True):
        properties = other["properties"]
        assert properties.pop("id", one["id"]) == one["id"]
        properties.pop("OGC_FID", None)
        assert properties == one["properties"]
        for name, value in properties.items():
            # Pandas has no empty whole number: with one, a column of them becomes 1200.0.
            kinds = {type(one["properties"][name])} | ({float} if name in EMPTY_NUMBERS else set())
            assert type(value) in kinds, name
        assert shape(other["geometry"]).equals_exact(shape(one["geometry"]), 0.0)


@pytest.fixture(params=["buildings", "areas"])
def one_file(request: pytest.FixtureRequest, written: Path) -> tuple[str, Path]:
    name = {"buildings": BUILDINGS_GEOJSON, "areas": AREAS_GEOJSON}[request.param]
    return request.param, written / name


def refound(path: Path) -> set[str]:
    return small.rules_found(check_submission(path, against=small.against()))


def test_geopandas_round_trip(one_file: tuple[str, Path], tmp_path: Path) -> None:
    content, path = one_file
    back = tmp_path / "back.geojson"
    frame = gpd.read_file(path)
    assert frame.crs == "EPSG:4326"
    frame.to_file(back, driver="GeoJSON", RFC7946="YES")
    same_features(back, content)
    assert not refound(back)
    frame.to_file(back, driver="GeoJSON")
    same_features(back, content)
    assert refound(back) - {"ring-orientation"} == {"crs-member"}


def test_gdal_round_trip_through_geopackage(one_file: tuple[str, Path], tmp_path: Path) -> None:
    content, path = one_file
    package, back = tmp_path / "p.gpkg", tmp_path / "back.geojson"
    pyogrio.write_dataframe(pyogrio.read_dataframe(path), package)
    frame = pyogrio.read_dataframe(package)
    pyogrio.write_dataframe(frame, back, driver="GeoJSON", RFC7946="YES")
    same_features(back, content)
    assert not refound(back)


def test_duckdb_round_trip(one_file: tuple[str, Path], tmp_path: Path) -> None:
    content, path = one_file
    back = tmp_path / "back.geojson"
    with connect() as con:
        con.execute(f"CREATE TABLE t AS SELECT * FROM ST_Read('{path.as_posix()}')")
        kinds = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE t)").fetchall())
        assert kinds["municipality_code"] == "VARCHAR"
        if content == "buildings":
            assert kinds["marked"] == "BOOLEAN"
            assert kinds["e_3006"] in ("INTEGER", "BIGINT")
        con.execute(f"COPY t TO '{back.as_posix()}' WITH (FORMAT gdal, DRIVER 'GeoJSON')")
    same_features(back, content)
    assert refound(back) <= {"crs-member", "ring-orientation"}


def test_a_file_of_duckdb_with_swapped_axes_is_found(written: Path, tmp_path: Path) -> None:
    """DuckDB 1.5 writes latitude first when GDAL is asked for RFC 7946."""
    back = tmp_path / "back.geojson"
    with connect() as con:
        con.execute(
            f"COPY (SELECT * FROM ST_Read('{(written / BUILDINGS_GEOJSON).as_posix()}'))"
            f" TO '{back.as_posix()}' WITH (FORMAT gdal, DRIVER 'GeoJSON',"
            " LAYER_CREATION_OPTIONS 'RFC7946=YES')"
        )
    first = json.loads(back.read_text(encoding="utf-8"))["features"][0]
    if first["geometry"]["coordinates"][0] > 50:
        assert refound(back) == {"swapped-axes"}


def test_openpyxl_round_trip(written: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(written / XLSX)
    book.save(tmp_path / "again.xlsx")
    assert not refound(tmp_path / "again.xlsx")
    with zipfile.ZipFile(tmp_path / "again.xlsx") as archive:
        assert archive.testzip() is None


def test_fifty_thousand_buildings_of_a_region_pass(tmp_path: Path) -> None:
    """As many as a large region has, checked column by column; a faulty one is still found."""
    one = small.submission()
    times = 50_000 // len(one.buildings) + 1
    many = pd.concat([one.buildings] * times, ignore_index=True)
    many["premises_id"] = [f"{n:06}" for n in range(len(many))]
    many["e_3006"] = many["e_3006"] + many.index.to_numpy() // len(one.buildings)
    lon, lat = Transformer.from_crs(3006, 4326, always_xy=True).transform(
        many["e_3006"], many["n_3006"]
    )
    many["lon"], many["lat"] = np.round(lon, DIGITS), np.round(lat, DIGITS)
    document = collection(Submission(many, one.areas, one.motivations, one.facts), "buildings")
    document["features"][40_000]["properties"]["municipality_code"] = "12"
    document["features"][40_001]["geometry"]["coordinates"].reverse()
    write_geojson(document, tmp_path / "many.geojson")
    checked = check_submission(tmp_path / "many.geojson", against=small.against(listed=None))
    assert small.remark(checked, "municipality-code").numbers.tolist() == [40_001]
    assert small.remark(checked, "swapped-axes").numbers.tolist() == [40_002]
    assert checked.errors == 2
