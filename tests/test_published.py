"""Published statistics as they come: PTS's sheets, Kolada's answers, plain tables, broken ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from bredband.figures import Kind, area_key, base_of, kind_of, parse_shares
from bredband.published import nearest_year, read_published
from bredband.tables import PUBLISHED, check_table
from bredband_gis.errors import (
    BadValueError,
    EmptyLayerError,
    GeodataError,
    MissingColumnError,
    UnreadableSourceError,
)
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from bredband.published import PublishedFigures

TEKNIK = [
    "Bas", "Aggregerat på", "Årtal", "Område", "Lännamn", "Kommunnamn", "Antal hushåll",
    "Tillgång via xDSL", "Tillgång via VDSL", "Tillgång via fiber eller fiber-lan",
    "I närhet av fiber", "Tillgång via kabel-tv", "Tillgång via fast radio",
    "Tillgång via LTE (ej 450 MHz)", "Tillgång via NR (5G)",
    "Tillgång via trådbunden accessteknik",
    "Total tillgång (trådbunden och trådlös accessteknik)",
]  # fmt: skip
# Gällivare 2022 as published (fibre 79.66 %, near 85.26 %, fixed radio 0.36 %, 8 718 households).
GALLIVARE = [
    "Hushåll", "Kommun", 2022, "total", "Norrbottens län", "Gällivare", 8718,
    0.31, "-", 0.7966, 0.8526, 0.412, 0.0036, ">99,99%", 0.57, 0.874, "..",
]  # fmt: skip


def write(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        page = book.create_sheet(name.replace("_", " "))
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def teknik(path: Path, *rows: list[Any], sheet: str = "4 Teknik kommun hushåll") -> Path:
    title = [
        ["Tabellbilaga till mobiltäcknings- och bredbandskartläggningen"],
        [],
        ["Tabell 4"],
        [],
    ]
    notes = [[], ["Källa: PTS. Ett streck betyder att uppgift saknas, 2022 års avgränsning."]]
    return write(path, **{sheet: [*title, TEKNIK, *rows, *notes],
                          "Innehåll": [["Innehåll"], ["Tabell 4", "Teknik"]]})  # fmt: skip


def one(found: PublishedFigures, **what: Any) -> pd.Series[Any]:
    table = found.table
    for column, value in what.items():
        table = table[table[column] == value]
    assert len(table) == 1, table
    return table.iloc[0]


def rules(found: PublishedFigures) -> set[str]:
    return {finding.rule for finding in found.findings}


def test_teknik_sheet_with_titles_notes_and_blank_rows(tmp_path: Path) -> None:
    other = list(GALLIVARE)
    other[3:7] = ["Glesbygd", "Norrbottens län", "Luleå", 4000]
    found = read_published(teknik(tmp_path / "teknik.xlsx", GALLIVARE, [], other))
    check_table(found.table, PUBLISHED, where="published")
    near = one(found, access="near_fibre", segment="total")
    assert near["share"] == 0.8526
    assert near[["area_kind", "area_name", "base", "measure", "year", "total"]].tolist() == [
        "municipality", "Gällivare", "households", "access", 2022, 8718,
    ]  # fmt: skip
    assert pd.isna(near["area_code"])
    assert pd.isna(near["speed_mbit"])
    assert near["series"] == "4 Teknik kommun hushåll: I närhet av fiber"
    assert "i närhet av fiber" in near["definition"]
    assert near["definition"].startswith("PTS:")
    # A bound keeps its sign; a dash and two points are no figure, and no row.
    lte = one(found, access="lte", segment="total")
    assert (lte["share"], lte["bound"]) == (0.9999, ">")
    assert set(found.table["access"]) == {
        "xdsl", "fibre", "near_fibre", "docsis", "fwa", "lte", "5g", "wired",
    }  # fmt: skip
    # 0.36 % of homes with fixed radio stay a share of 0.0036, not 0.36.
    assert one(found, access="fwa", segment="total")["share"] == 0.0036
    assert set(found.table["segment"]) == {"total", "glesbygd"}
    assert len(found.table) == 16
    assert {"sheet-skipped", "unit"} <= rules(found)


def test_workplaces_counties_and_the_country(tmp_path: Path) -> None:
    names = [*TEKNIK]
    names[6] = "Antal arbetsställen"
    row = ["Arbetsställen", "Riket", 2023, "total", None, None, 1_300_000, *[0.5] * 10]
    county = ["Arbetsställen", "Län", 2023, "tätbyggt", "Skåne län", None, 170_000, *[0.4] * 10]
    strange = ["Befolkning", "Län", 2023, "total", "Skåne län", None, 1_400_000, *[0.4] * 10]
    path = write(tmp_path / "t.xlsx", **{"2_Teknik": [names, row, county, strange]})
    found = read_published(path)
    assert set(found.table["base"]) == {"workplaces"}
    assert one(found, access="5g", area_kind="country")["area_code"] == "00"
    assert one(found, access="5g", area_kind="county")["area_name"] == "Skåne län"
    # xDSL is told from VDSL.
    assert one(found, access="xdsl", area_kind="county")["share"] == 0.4
    lost = next(f for f in found.findings if f.rule == "base-unknown")
    assert lost.rows == 1
    assert "Befolkning" in lost.message


def test_codes_are_taken_where_a_sheet_has_them(tmp_path: Path) -> None:
    head = ["Årtal", "Länskod", "Kommunkod", "Kommunnamn", "Tillgång via fiber eller fiber-lan"]
    rows = [[2023, 1, 114, "Upplands Väsby", 0.97], [2023, 25, 2580, "Luleå", 0.91]]
    found = read_published(write(tmp_path / "t.xlsx", Teknik_kommun_hushåll=[head, *rows]))
    assert found.table["area_code"].tolist() == ["0114", "2580"]
    assert set(found.table["base"]) == {"households"}  # from the sheet's name
    assert set(found.table["segment"]) == {"total"}
    assert "segment-assumed" in rules(found)
    county = [head[:2] + head[4:], [2023, 1, 0.9]]
    found = read_published(write(tmp_path / "l.xlsx", Teknik_län_hushåll=county))
    assert found.table["area_code"].tolist() == ["01"]


def test_hastighet_sheet_tells_speeds_and_vicinity(tmp_path: Path) -> None:
    head = [
        *TEKNIK[:7], "Minst 30 Mbit/s", "Minst 100 Mbit/s", "≥1 Gbit/s",
        "100 Mbit/s eller i absolut närhet", "1 Gbit/s, tillgång eller möjlighet",
        "30-100 Mbit/s", "Medelhastighet", "Total tillgång minst 100 Mbit/s",
    ]  # fmt: skip
    row = [*GALLIVARE[:7], 96.62, 84.53, "79,9", 90.1, 91, 12, 300, "98,5 %"]
    found = read_published(write(tmp_path / "h.xlsx", **{"4_Hastighet_kommun": [head, row]}))
    got = {
        (r.measure, r.speed_mbit): round(r.share, 6)
        for r in found.table.itertuples()
    }  # fmt: skip
    assert got == {
        ("connected", 30): 0.9662, ("connected", 100): 0.8453, ("connected", 1000): 0.799,
        ("passed", 100): 0.901, ("passed", 1000): 0.91, ("connected_any", 100): 0.985,
    }  # fmt: skip
    assert found.table["access"].isna().all()
    skipped = next(f for f in found.findings if f.rule == "column-skipped")
    assert "30-100 Mbit/s" in skipped.message
    assert "Medelhastighet" in skipped.message
    assert any("procent" in f.message for f in found.findings if f.rule == "unit")


def historic(path: Path, *, order: tuple[int, int, int] = (0, 1, 2)) -> Path:
    """Three rows of headings in rows 5-7, merged, data from row 8."""
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page.title = "Fast bredband-teknik, totalt"
    page["A1"] = "Historiska uppgifter om tillgång till fast bredband"
    page["A2"] = "Andel hushåll och arbetsställen"
    heads: list[list[Any]] = [[None] * 10, [None] * 10, [None] * 10]
    heads[0][2], heads[0][6] = "Fiber", "Fast radio"
    for at, year in ((2, 2015), (4, 2016), (6, 2015), (8, 2016)):
        heads[1][at] = year
    heads[2] = ["Kod", "Namn", *["Hushåll", "Arbetsställe"] * 4]
    for n, which in enumerate(order):
        for at, value in enumerate(heads[which]):
            page.cell(row=5 + n, column=1 + at, value=value)
    if order == (0, 1, 2):
        page.merge_cells("C5:F5")
        page.merge_cells("G5:J5")
        page.merge_cells("C6:D6")
    rows: list[list[Any]] = [
        ["25", "Norrbottens län", 50.1, 40.2, "55,5", "44,4", 0, 0, 0.1, 0.2],
        ["2523", "Gällivare", 24.36, 33.45, 26.71, "-", 0, 0, 0, "<0,01 %"],
        [1214, "Svalöv", 3, 2, 4, 3, 0, 0, 0, 0],
        [None, "Riket", 61, 50, 67, 56, 1, 1, 1, 1.5],
        [],
        ["Anm. 2016 ändrades metoden."],
    ]
    for n, row in enumerate(rows):
        for at, value in enumerate(row):
            page.cell(row=8 + n, column=1 + at, value=value)
    page["A10"].number_format = "0000"
    book.save(path)
    return path


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)])
def test_historic_sheet_with_three_rows_of_headings(
    tmp_path: Path, order: tuple[int, int, int]
) -> None:
    found = read_published(historic(tmp_path / "historiska.xlsx", order=order))
    town = one(found, area_code="2523", access="fibre", base="households", year=2016)
    assert town["share"] == pytest.approx(0.2671)
    assert town["area_name"] == "Gällivare"
    assert one(found, area_code="2523", base="workplaces", year=2015, access="fibre")[
        "share"
    ] == pytest.approx(0.3345)
    county = one(found, area_code="25", access="fibre", base="workplaces", year=2016)
    assert (county["share"], county["area_kind"]) == (pytest.approx(0.444), "county")
    assert one(found, area_code="1214", access="fibre", base="households", year=2015)[
        "share"
    ] == pytest.approx(0.03)
    whole = one(found, area_kind="country", access="fibre", base="households", year=2016)
    assert (whole["area_code"], whole["share"]) == ("00", pytest.approx(0.67))
    # Gällivare's workplaces of 2016 are a dash; a bound in per cent keeps its sign.
    assert set(found.table["segment"]) == {"total"}
    assert ((found.table["area_code"] == "2523") & (found.table["year"] == 2016)).sum() == 3
    low = one(found, area_code="2523", access="fwa", base="workplaces", year=2016)
    assert (low["share"], low["bound"]) == (pytest.approx(0.0001), "<")


@pytest.mark.parametrize(
    ("cells", "shares", "bounds", "unit"),
    [
        (["0.5", "1", "0"], [0.5, 1, 0], "===", "share"),
        (["50", "1", "0,5", "7"], [0.5, 0.01, 0.005, 0.07], "====", "percent"),
        ([">99,99%", "0.98", "-"], [0.9999, 0.98, np.nan], ">==", "share"),
        (["> 99,99 %", "<0,01 %", "≥98%"], [0.9999, 0.0001, 0.98], "><>", ""),
        (["..", "…", "–", "", None, "x", "Uppgift saknas"], [np.nan] * 7, "=======", ""),
        (["85,26\u00a0%", "100 %", "0 %"], [0.8526, 1, 0], "===", ""),
        (["1.0000000000001"], [1], "=", "share"),
    ],
)
def test_cells_of_shares(
    cells: list[str | None], shares: list[float], bounds: str, unit: str
) -> None:
    found = parse_shares(cells)
    np.testing.assert_allclose(found.share, shares)
    assert "".join(found.bound) == bounds
    assert (found.unit, found.doubt) == (unit, None)
    assert not found.bad.any()


def test_cells_that_are_no_share_and_units_in_doubt() -> None:
    found = parse_shares(["85", "abc", "101", "-3", "101 %", "12"])
    assert found.bad.tolist() == [False, True, True, True, True, False]
    assert np.isnan(found.share[found.bad]).all()
    # One value above 1 among shares: per cent, or a fault in one of them?
    assert parse_shares(["0.85", "0.91", "0.6", "87"]).doubt
    # Cells that the workbook shows as per cent hold shares, whatever the others are.
    shown = parse_shares(["0.85", "91"], np.array([True, False]))
    assert shown.share.tolist() == [0.85, 0.91]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_shares_read_the_same_as_shares_with_sign_and_comma(values: list[float]) -> None:
    as_share = parse_shares([repr(v) for v in values])
    with_sign = parse_shares([f"{100 * v:.12f} %".replace(".", ",") for v in values])
    np.testing.assert_allclose(as_share.share, values, atol=1e-11)
    np.testing.assert_allclose(with_sign.share, values, atol=1e-11)


def test_a_column_below_1_in_a_table_of_per_cent_is_left_out(tmp_path: Path) -> None:
    row = [*GALLIVARE[:7], 31, 2.5, 79.66, 85.26, 41.2, 0.36, 99, 57, 87.4, 99.5]
    found = read_published(teknik(tmp_path / "t.xlsx", row))
    assert "fwa" not in set(found.table["access"])
    assert one(found, access="near_fibre")["share"] == pytest.approx(0.8526)
    doubt = next(f for f in found.findings if f.rule == "unit-in-doubt")
    assert "fast radio" in doubt.message
    assert doubt.severity == "warning"
    # All zero is no doubt.
    row[12] = 0
    assert one(read_published(teknik(tmp_path / "z.xlsx", row)), access="fwa")["share"] == 0


def test_near_fibre_that_leaves_out_those_with_fibre_is_not_used(tmp_path: Path) -> None:
    row = list(GALLIVARE)
    row[10] = 0.056  # near but not connected
    found = read_published(teknik(tmp_path / "t.xlsx", row))
    assert "near_fibre" not in set(found.table["access"])
    assert "near-without-fibre" in rules(found)


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("Minst 100 Mbit/s", Kind("connected", None, 100)),
        ("≥1 Gbit/s", Kind("connected", None, 1000)),
        ("Tillgång till 2,5 Gbit/s", Kind("connected", None, 2500)),
        ("100 Mbit/s eller i absolut närhet", Kind("passed", None, 100)),
        ("Fiber i absoluta närheten", Kind("access", "near_fibre")),
        ("Tillgång via\ntrådbunden accessteknik", Kind("access", "wired")),
        ("Totalt (trådbunden och trådlös)", Kind("access", "any")),
        ("ADSL/xDSL", Kind("access", "xdsl")),
        ("Kabel-TV (DOCSIS 3.0)", Kind("access", "docsis")),
        ("30 Mbit/s, handhållen terminal utomhus", None),
        ("Minst 100 Mbit/s uppströms", None),
        ("10-30 Mbit/s", None),
        ("under 30 Mbit/s", None),
        ("Antal hushåll med tillgång till fiber", None),
        ("Kommentar", None),
        ("", None),
    ],
)
def test_headings(heading: str, kind: Kind | None) -> None:
    assert kind_of(heading) == kind


def test_names_of_areas_are_joined_however_they_are_written() -> None:
    same = [
        ("Norrbottens län", "Region Norrbotten"), ("Skåne län", "SKÅNE"), ("Dals Ed", "Dals-Ed"),
        ("Luleå kommun", "Luleå"), ("Malmö stad", "Malmö"), ("Örebro län", "Örebro"),
        ("Västra Götalands län", "Västra Götaland"), ("Upplands-Väsby", "Upplands  Väsby"),
    ]  # fmt: skip
    for one_name, other in same:
        left, right = area_key(pd.Series([one_name, other]))
        assert left == right, (one_name, left, right)
    assert area_key(pd.Series(["Habo", "Håbo", "Borås", "Bjurholm"])).nunique() == 4
    assert area_key(pd.Series(["Borås"])).tolist() == ["borås"]
    assert base_of("Antal hushåll") == "households"
    assert base_of("Hushåll och arbetsställen") is None


def test_names_of_all_municipalities_stay_apart(shared_data: Path) -> None:
    names = pd.read_csv(shared_data / "sverige" / "kommun_pop_2024.csv", dtype=str)["kommun_namn"]
    assert len(names) == 290
    assert area_key(names).is_unique


# --- Kolada -------------------------------------------------------------------------------------


def answer(*rows: tuple[str, str, int, float | None], **more: Any) -> dict[str, Any]:
    values = [
        {
            "kpi": kpi, "municipality": place, "period": year,
            "values": [{"gender": "T", "value": value, "count": 1, "status": ""}],
        }
        for kpi, place, year, value in rows
    ]  # fmt: skip
    return {"values": values, "count": len(values), **more}


def save(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


ROWS = [
    ("N07900", "2580", 2020, 88.0), ("N07900", "2580", 2021, 89.2), ("N07900", "0025", 2014, 43.0),
    ("N07900", "0000", 2021, 88.8), ("N07918", "2580", 2020, 95.5), ("N07919", "2580", 2020, 99.0),
    ("N07920", "2580", 2020, 53.0),
]  # fmt: skip


@pytest.mark.parametrize("next_key", ["next_url", "next_page"])
def test_kolada_answers_of_both_versions(tmp_path: Path, next_key: str) -> None:
    found = read_published(save(tmp_path / "k.json", answer(*ROWS, **{next_key: None})))
    town = one(found, series="N07900", area_code="2580", year=2020)
    assert town[["measure", "speed_mbit", "segment", "share", "counted"]].tolist() == [
        "connected", 100, "total", 0.88, "households",
    ]  # fmt: skip
    passed = one(found, series="N07918")
    assert (passed["measure"], passed["speed_mbit"]) == ("passed", 1000)
    assert one(found, series="N07919")["segment"] == "tätbyggt"
    assert one(found, series="N07920")["segment"] == "glesbygd"
    # What is inferred is said.
    assert "slutsats" in one(found, series="N07920")["definition"]
    assert "slutsats" not in passed["definition"]
    assert one(found, area_kind="county")["area_code"] == "25"
    assert one(found, area_kind="country")["area_code"] == "00"
    # Inhabitants until 2014 and from 2021: the definition says so.
    later = one(found, series="N07900", area_code="2580", year=2021)
    assert later["counted"] == one(found, area_kind="county")["counted"] == "inhabitants"
    assert "invånare" in later["definition"]
    assert "hushåll" in town["definition"]
    assert not [f for f in found.findings if f.severity != "info"]


def test_kolada_folder_of_pages_with_the_notes_of_its_fetching(tmp_path: Path) -> None:
    folder = tmp_path / "kolada"
    folder.mkdir()
    save(folder / "N07900-1.json", answer(*ROWS[:2], next_url="https://api.example/2"))
    save(folder / "N07900-2.json", answer(*ROWS[2:4], next_url=None))
    save(folder / "N07900-1.json.source.json", {"url": "https://api.example/1", "bytes": 3})
    save(folder / "kpi.json", {"values": [{"id": "N07900", "title": "Tillgång"}], "count": 1})
    found = read_published(folder)
    assert len(found.table) == 4
    assert set(found.table["file"]) == {"N07900-1.json", "N07900-2.json"}
    assert "kolada-page-missing" not in rules(found)
    for name in ("N07900-2.json", "kpi.json"):
        (folder / name).unlink()
    missing = read_published(folder)
    assert "kolada-page-missing" in rules(missing)


def test_kolada_as_bredband_fetches_it_with_titles_and_names(tmp_path: Path) -> None:
    content = answer(("N07919", "2580", 2020, 53.0), ("N07919", "0025", 2020, 60.0)) | {
        "kpi": {"id": "N07919", "title": "Hushåll med 1 Gbit/s i glesbebyggt område, andel (%)"},
        "municipalities": [
            {"id": "2580", "title": "Luleå"}, {"id": "0025", "title": "Region Norrbotten"},
        ],
    }  # fmt: skip
    found = read_published(save(tmp_path / "kolada_N07919.json", content)).table
    # Its own title decides over what was inferred of the KPI.
    assert set(found["segment"]) == {"glesbygd"}
    assert found["area_name"].tolist() == ["Luleå", "Region Norrbotten"]
    assert "glesbebyggt område" in found["definition"].iloc[0]
    assert "slutsats" not in found["definition"].iloc[0]


def test_kolada_what_is_left_out_is_told(tmp_path: Path) -> None:
    content = answer(*ROWS[:2], ("U09400", "2580", 2020, 75.0), ("N07900", "G35793", 2020, 70.0),
                     ("N07900", "2523", 2020, None))  # fmt: skip
    content["values"][0]["values"].append({"gender": "K", "value": 11.0, "count": 1})
    found = read_published(save(tmp_path / "k.json", content))
    assert len(found.table) == 2
    assert rules(found) == {"kolada-kpi-unknown", "kolada-area-unknown", "kolada-no-value"}
    short = answer(*ROWS[:2])
    short["count"] = 3
    assert "kolada-page-short" in rules(read_published(save(tmp_path / "s.json", short)))


def test_kolada_refusals(tmp_path: Path) -> None:
    text = json.dumps(answer(*ROWS))
    (tmp_path / "cut.json").write_text(text[:200], encoding="utf-8")
    with pytest.raises(UnreadableSourceError, match=r"cut\.json: the file is cut off"):
        read_published(tmp_path / "cut.json")
    with pytest.raises(UnreadableSourceError, match="not an answer of Kolada's"):
        read_published(save(tmp_path / "other.json", {"type": "FeatureCollection"}))
    with pytest.raises(EmptyLayerError, match="no figure of N07900"):
        read_published(save(tmp_path / "u.json", answer(("U09400", "2580", 2020, 75.0))))
    with pytest.raises(BadValueError, match=r"101\.5"):
        read_published(save(tmp_path / "b.json", answer(("N07900", "2580", 2020, 101.5))))
    with pytest.raises(EmptyLayerError, match="no rows with kpi"):
        read_published(save(tmp_path / "k.json", {"values": [{"id": "N07900"}]}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmptyLayerError, match="holds no JSON"):
        read_published(tmp_path / "empty")


# --- CSV, and what cannot be read -----------------------------------------------------------------


def test_plain_csv(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "kommunkod;andel;år;mått;speed_mbit;segment;bas\n"
        "2580;88,0;2020;connected;100;total;Hushåll\n"
        "0114;>99,9;2020;passed;1000;tätbebyggt;arbetsställen\n"
        "2523;85,26;2022;near_fibre;;total;hushåll\n",
        encoding="utf-8",
    )
    found = read_published(path)
    assert found.table["share"].round(6).tolist() == [0.88, 0.999, 0.8526]
    assert found.table["area_code"].tolist() == ["2580", "0114", "2523"]
    assert found.table["bound"].tolist() == ["=", ">", "="]
    assert found.table["measure"].tolist() == ["connected", "passed", "access"]
    assert found.table["base"].tolist() == ["households", "workplaces", "households"]
    assert found.table["segment"].tolist() == ["total", "tätbyggt", "total"]
    assert found.table["speed_mbit"].tolist()[:2] == [100, 1000]
    assert pd.isna(found.table["speed_mbit"].iloc[2])


def test_plain_csv_takes_year_and_measure_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("municipality_code,share\n114,0.5\n0025,0.7\n", encoding="utf-8")
    found = read_published(path, year=2022, measure="near_fibre").table
    assert found["area_code"].tolist() == ["0114", "25"]
    assert found["area_kind"].tolist() == ["municipality", "county"]
    assert found["year"].tolist() == [2022, 2022]
    assert found["access"].tolist() == ["near_fibre"] * 2
    with pytest.raises(MissingColumnError, match="do not say what they measure"):
        read_published(path, year=2022)
    with pytest.raises(MissingColumnError, match="no column year"):
        read_published(path, measure="near_fibre")
    with pytest.raises(MissingColumnError, match="no column speed_mbit"):
        read_published(path, year=2022, measure="connected")


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        ("code,value\n1,2\n", MissingColumnError, "found: code, value"),
        ("municipality_code,share,measure\n2580,0.5,coverage\n", BadValueError, "'coverage'"),
        ("municipality_code,share,measure\n2580,abc,fibre\n", BadValueError, "row 2: 'abc'"),
        ("municipality_code,share,segment\n2580,0.5,stad\n", BadValueError, "'stad' is no segment"),
        ("municipality_code,share\n2580,0.5\n1,0.6\n2,88\n", BadValueError, "per cent or shares"),
    ],
)
def test_plain_csv_refusals(
    tmp_path: Path, content: str, error: type[GeodataError], says: str
) -> None:
    path = tmp_path / "p.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(error, match=says):
        read_published(path, year=2020, measure=None if "measure" in content else "fibre")


def test_what_cannot_be_read_is_told_in_one_message(tmp_path: Path) -> None:
    whole = teknik(tmp_path / "t.xlsx", GALLIVARE)
    (tmp_path / "cut.xlsx").write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(UnreadableSourceError, match="cut off or damaged"):
        read_published(tmp_path / "cut.xlsx")
    prices = write(tmp_path / "p.xlsx", Priser=[["Vara", "Pris"], ["Rör", 12]], Tom=[])
    with pytest.raises(UnreadableSourceError, match=r"Priser \(Vara, Pris\); Tom \(empty\)"):
        read_published(prices)
    (tmp_path / "x.pdf").write_bytes(b"%PDF")
    with pytest.raises(UnreadableSourceError, match=r"ends in \.pdf"):
        read_published(tmp_path / "x.pdf")
    mobile = write(tmp_path / "m.xlsx", Mobiltäckning=[TEKNIK, GALLIVARE])
    with pytest.raises(UnreadableSourceError, match="no sheet holds"):
        read_published(mobile)
    no_year = [name for name in TEKNIK if name != "Årtal"]
    with pytest.raises(MissingColumnError, match="no column Årtal"):
        read_published(write(tmp_path / "y.xlsx", **{"4_Teknik": [no_year, GALLIVARE[1:]]}))


def test_two_figures_for_the_same_thing_are_told(tmp_path: Path) -> None:
    other = [*GALLIVARE[:9], 0.80, *GALLIVARE[10:]]
    found = read_published(teknik(tmp_path / "t.xlsx", GALLIVARE, other))
    twice = next(f for f in found.findings if f.rule == "published-twice")
    assert twice.rows == 2


def test_several_files_make_one_table_and_the_nearest_year_is_taken(tmp_path: Path) -> None:
    path = teknik(tmp_path / "t.xlsx", GALLIVARE)
    found = read_published([path, save(tmp_path / "k.json", answer(*ROWS))], language="en")
    assert set(found.table["file"]) == {"t.xlsx", "k.json"}
    assert one(found, series="N07918")["definition"].startswith("Kolada N07918: share of househ")
    kolada = found.table[found.table["series"] == "N07900"]
    assert set(nearest_year(kolada, 2020, ["series"])["year"]) == {2020}
    assert set(nearest_year(kolada, 2030, ["series"])["year"]) == {2021}
    assert set(nearest_year(kolada[kolada["year"] != 2020], 2020, ["series"])["year"]) == {2021}
