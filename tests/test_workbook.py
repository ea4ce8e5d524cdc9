"""The workbook holds what the tables hold, typed, explained, and nothing that may not be shown."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from bredband import workbook
from bredband.audience import PUBLIC_TABLES, shown_tables
from bredband.stored import RESULT_SCHEMAS, read_manifest, read_tables
from bredband.table_words import heading, meaning, table_words
from bredband.workbook import INTERNAL_SHEETS, write_workbook
from bredband_gis.errors import GeodataError
from finished import finished
from languages import english_in

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["finished"]

SPATIAL = {"municipalities", "localities", "deso"}


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
) -> openpyxl.Workbook:
    path = tmp_path_factory.mktemp("book") / "tables.xlsx"
    write_workbook(tables, manifest, path)
    return openpyxl.load_workbook(path)


def sheet_of(book: openpyxl.Workbook, name: str, language: str = "sv") -> Any:
    return book[table_words(language).sheet.get(name, name)[:31]]


def test_every_table_for_showing_has_its_sheet(
    public: openpyxl.Workbook, tables: dict[str, pd.DataFrame]
) -> None:
    expected = [name for name in PUBLIC_TABLES if name in tables and name not in SPATIAL]
    assert len(expected) > 15
    names = table_words("sv").sheet
    assert public.sheetnames == ["Innehåll", "Kolumner", *(names[name] for name in expected)]
    assert all(len(name) <= 31 for name in public.sheetnames)


def test_cells_are_the_tables_numbers(
    public: openpyxl.Workbook, tables: dict[str, pd.DataFrame], manifest: dict[str, Any]
) -> None:
    for name, table in shown_tables(tables, manifest).items():
        if name in SPATIAL:
            continue
        rows = list(sheet_of(public, name).iter_rows(values_only=True))
        bare = pd.DataFrame(table.drop(columns="geometry", errors="ignore"))
        assert list(rows[0]) == list(bare.columns)
        assert len(rows) == len(bare) + 2, name
        for at, column in enumerate(bare.columns):
            written = [row[at] for row in rows[2:]]
            for one, other in zip(written, bare[column], strict=True):
                if pd.isna(other) or other == "":
                    assert one is None, (name, column)
                elif isinstance(other, float | np.floating):
                    assert one == pytest.approx(float(other), rel=1e-12), (name, column)
                else:
                    assert one == other, (name, column)


def test_headings_units_formats_and_help(public: openpyxl.Workbook) -> None:
    sheet = sheet_of(public, "cost")
    assert sheet.freeze_panes == "B3"
    assert sheet.auto_filter.ref.startswith("A2:")
    columns = {cell.value: cell.column_letter for cell in sheet[1]}
    gap = columns["gap_sek"]
    assert sheet[f"{gap}2"].value == "Finansieringsgap (kr)"
    assert "operatörens intäkt" in sheet[f"{gap}2"].comment.text
    assert sheet[f"{gap}3"].number_format == "#,##0"
    assert sheet[f"{columns['takeup']}3"].number_format == "0.0%"
    assert sheet[f"{columns['feasible']}3"].data_type == "b"
    assert sheet[f"{columns['area_code']}3"].data_type == "s"
    shares = sheet_of(public, "coverage")
    heads = {cell.value: cell.column_letter for cell in shares[1]}
    assert shares[f"{heads['share']}3"].number_format == "0.0%"
    assert shares[f"{heads['share']}2"].value == "Andel (%)"
    assert shares[f"{heads['year']}3"].number_format == "0"
    assert shares[f"{heads['total']}3"].number_format == "#,##0"


def test_the_first_sheet_explains(
    public: openpyxl.Workbook, tables: dict[str, pd.DataFrame], manifest: dict[str, Any]
) -> None:
    rows = list(public["Innehåll"].iter_rows(values_only=True))
    assert rows[0][0] == f"{manifest['region']}: bredband 2024, tabeller"
    by_sheet = {row[0]: row for row in rows}
    assert by_sheet["Kostnad"][1:5] == (
        "Vad det som återstår kostar, per kommun och för regionen", len(tables["cost"]),
        by_sheet["Kostnad"][3], "cost",
    )  # fmt: skip
    assert "kr" in by_sheet["Kostnad"][3]
    link = next(row[0] for row in public["Innehåll"].iter_rows() if row[0].value == "Teknik")
    assert link.hyperlink.location == "'Teknik'!A1"
    texts = [row[0] for row in rows]
    withheld, absent = (
        texts.index("Tabeller som bara finns i det interna underlaget"),
        texts.index("Tabeller som inte finns i resultatet"),
    )
    assert "premises" in texts[withheld:absent]
    assert {"mobile", "years"} <= set(texts[absent:])
    assert any("färre än 3 hushåll" in str(text) for text in texts)
    sources = texts[texts.index("Källor") :]
    assert "Byggnader" in sources
    listed = {row[1] for row in public["Kolumner"].iter_rows(min_row=2, values_only=True)}
    assert {"gap_sek", "share", "rank"} <= listed


def test_texts_stay_texts(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path
) -> None:
    nasty = ["=1+1", "+SUM(A1)", "-2", "@x", "<script>alert(1)</script>", "http://a.b", "a\x08b"]
    cost = pd.concat([tables["cost"]] * 4, ignore_index=True).head(len(nasty))
    cost["area_name"] = nasty[: len(cost)]
    changed = {**manifest, "region": "=1+1", "inputs": [{"layer": "=2", "source": "@SUM(1)"}]}
    path = tmp_path / "nasty.xlsx"
    write_workbook({"cost": cost}, changed, path)
    book = openpyxl.load_workbook(path)
    for row, text in enumerate(nasty, 3):
        cell = sheet_of(book, "cost").cell(row, 3)
        assert cell.data_type == "s"
        assert cell.hyperlink is None
        assert cell.value.replace("_x0008_", "\x08") == text
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def test_what_few_have_is_not_there_when_public(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path
) -> None:
    coverage = tables["coverage"].head(3).copy()
    coverage["area_kind"] = ["locality", "locality", "municipality"]
    coverage["total"], coverage["served"], coverage["share"] = [2, 3, 2], [1, 1, 1], [0.5, 0.3, 0.5]
    areas = tables["priority_areas"].copy()
    areas["households"] = [2, *[7] * (len(areas) - 1)]
    small = areas["area_id"].iloc[0]
    scores = pd.DataFrame({"area_id": [small, areas["area_id"].iloc[-1]], "criterion": "a",
                           "number": [5.0, 6.0], "provenance": "real"})  # fmt: skip
    motivations = scores[["area_id", "criterion"]].assign(motivation="2 hushåll")
    given = {"coverage": coverage, "priority_areas": areas, "scores": scores,
             "motivations": motivations}  # fmt: skip
    path = tmp_path / "public.xlsx"
    write_workbook(given, manifest, path)
    book = openpyxl.load_workbook(path)
    heads = [cell.value for cell in sheet_of(book, "coverage")[1]]
    served = [sheet_of(book, "coverage").cell(row, heads.index("served") + 1).value
              for row in (3, 4, 5)]  # fmt: skip
    assert served == [None, 1, 1]
    assert [sheet_of(book, "scores").cell(row, 3).value for row in (3, 4)] == [None, 6.0]
    assert [sheet_of(book, "motivations").cell(row, 3).value for row in (3, 4)] == [
        None, "2 hushåll",
    ]  # fmt: skip
    sheet = sheet_of(book, "priority_areas")
    heads = [cell.value for cell in sheet[1]]
    rows = {row[0]: dict(zip(heads, row, strict=True))
            for row in sheet.iter_rows(min_row=3, values_only=True)}  # fmt: skip
    assert rows[small]["households"] is None
    assert rows[small]["gap_sek"] is None
    assert rows[small]["motivation"] is None
    assert rows[small]["hidden"] is True
    assert "cumulative_households" not in heads
    path = tmp_path / "internal.xlsx"
    write_workbook(given, internal(manifest), path)
    book = openpyxl.load_workbook(path)
    assert [sheet_of(book, "scores").cell(row, 3).value for row in (3, 4)] == [5.0, 6.0]


def test_single_buildings_only_when_internal(
    public: openpyxl.Workbook, tables: dict[str, pd.DataFrame], manifest: dict[str, Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    names = table_words("sv").sheet
    path = tmp_path / "internal.xlsx"
    write_workbook(tables, internal(manifest), path)
    book = openpyxl.load_workbook(path)
    there = [name for name in INTERNAL_SHEETS if name in tables]
    assert {"shares", "build_order", "set_aside"} <= set(there)
    for name in there:
        assert names[name] not in public.sheetnames
        assert len(list(sheet_of(book, name).iter_rows())) == len(tables[name]) + 2
    assert names["premises"] not in book.sheetnames
    assert any("Internt underlag" in str(row[0]) for row in
               book["Innehåll"].iter_rows(values_only=True))  # fmt: skip


def test_more_rows_than_a_sheet_holds_are_said(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(workbook, "MAX_ROWS", 12)
    path = tmp_path / "long.xlsx"
    write_workbook({"coverage": tables["coverage"]}, manifest, path)
    book = openpyxl.load_workbook(path)
    assert sheet_of(book, "coverage").max_row == 12
    note = next(row[5] for row in book["Innehåll"].iter_rows(values_only=True)
                if row[0] == "Täckning")  # fmt: skip
    assert "de första 10 visas" in note


def test_a_long_text_is_cut_with_a_sign(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path
) -> None:
    cost = tables["cost"].head(1).assign(area_name="x" * 40_000)
    write_workbook({"cost": cost}, manifest, tmp_path / "x.xlsx")
    cell = sheet_of(openpyxl.load_workbook(tmp_path / "x.xlsx"), "cost")["C3"].value
    assert len(cell) == 32_767
    assert cell.endswith("x…")


def test_in_english(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path
) -> None:
    write_workbook(tables, manifest, tmp_path / "en.xlsx", language="en")
    book = openpyxl.load_workbook(tmp_path / "en.xlsx")
    assert book.sheetnames[:3] == ["Contents", "Columns", "coverage"]
    meanings = {row[1]: row[5] for row in book["Columns"].iter_rows(min_row=2, values_only=True)}
    about = RESULT_SCHEMAS["cost"].columns["unreached_households"].description
    assert meanings["unreached_households"] in {
        about, RESULT_SCHEMAS["last_resort"].columns["unreached_households"].description
    }  # fmt: skip
    heads = {cell.value: book["cost"].cell(2, cell.column).value for cell in book["cost"][1]}
    assert heads["trench_m"] == "Trench (m)"
    assert heads["gap_per_household_sek"] == "Gap per household (SEK)"


def test_every_column_and_table_has_swedish_words(tables: dict[str, pd.DataFrame]) -> None:
    w = table_words("sv")
    columns = {str(name) for table in tables.values() for name in table}
    columns |= {name for schema in RESULT_SCHEMAS.values() for name in schema.columns}
    columns -= {"geometry", "fid"}
    lost = sorted(name for name in columns if name not in w.heading)
    assert not lost
    for name in columns:
        head, told = heading(w, name), meaning(w, name)
        assert head
        assert told
        assert not english_in(head), head
    for name in {*PUBLIC_TABLES, *RESULT_SCHEMAS}:
        assert w.sheet[name]
        assert w.row[name]
    assert len({w.sheet[name] for name in w.sheet}) == len(list(w.sheet))


def test_both_languages_have_the_same_words() -> None:
    def keys(language: str) -> set[str]:
        partly = ("heading.", "sheet.", "row.", "unit_word.")
        return {key for key in table_words(language).keys() if not key.startswith(partly)}  # noqa: SIM118

    assert keys("sv") == keys("en")


def test_the_same_result_gives_the_same_file(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path
) -> None:
    few = {name: tables[name] for name in ("cost", "goals")}
    write_workbook(few, manifest, tmp_path / "a.xlsx")
    write_workbook(few, manifest, tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_complete_or_not_at_all(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = tmp_path / "tables.xlsx"
    path.write_text("earlier", encoding="utf-8")

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workbook, "_write_column", fail)
    with pytest.raises(GeodataError, match="cannot be written"):
        write_workbook({"cost": tables["cost"]}, manifest, path)
    assert path.read_text(encoding="utf-8") == "earlier"
    assert [one.name for one in tmp_path.iterdir()] == ["tables.xlsx"]


def test_an_empty_result_still_says_what_is_not_there(
    manifest: dict[str, Any], tmp_path: Path
) -> None:
    write_workbook({}, manifest, tmp_path / "x.xlsx")
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert book.sheetnames == ["Innehåll", "Kolumner"]
    texts = [row[0] for row in book["Innehåll"].iter_rows(values_only=True)]
    assert "coverage" in texts
