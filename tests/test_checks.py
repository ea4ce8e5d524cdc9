"""Every rule of the check: broken data that it finds, sound data that it leaves alone."""

from __future__ import annotations

import re
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pytest
import shapely
import small_region
from bredband import check_figures
from bredband.check_registry import RULES, SEVERITIES, describe_rules, rule_texts
from bredband.check_screen import Screen
from bredband.checks import Limits, count_rows
from bredband.inputs import survey_inputs
from bredband.region import Region
from bredband.tables import OFFENDERS, check_table
from bredband.template import region_toml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from languages import english_in
from shapely.geometry import LineString, Point, Polygon, box
from sound_region import (
    MUNICIPALITIES,
    C,
    M,
    P,
    R,
    X,
    Y,
    add_line,
    at,
    both,
    check,
    connected,
    coverage,
    csv,
    eastern,
    localities,
    move,
    offers,
    plans,
    premises,
    put,
    rewrite,
    setting,
    source,
    totals,
    write,
    write_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "in"))


def test_nothing_is_found_where_nothing_is_wrong(sound: Path) -> None:
    report = check(sound)
    assert [(finding.rule, finding.message) for finding in report.findings] == []
    assert report.offenders.empty
    assert report.counts["adds_up"].all()
    assert len(report.counts) == 10


# --- the faults, one by one ------------------------------------------------------------


def cut_off(folder: Path) -> None:
    path = folder / "roads.gpkg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_prj(folder: Path) -> None:
    small_region.roads().to_file(folder / "roads.shp")
    (folder / "roads.prj").unlink()
    write_settings(folder, source("roads", path="roads.shp"))


def stored_under(crs: int) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    return lambda frame: frame.to_crs(crs).set_crs(3006, allow_override=True)


def swap(frame: gpd.GeoDataFrame) -> None:
    frame["geometry"] = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])


def two_lists_of_buildings(folder: Path) -> None:
    shapes = premises().assign(geometry=premises().buffer(6))[["premises_id", "geometry"]]
    shapes.iloc[:5].to_file(folder / "one.gpkg")
    shapes.iloc[5:].to_file(folder / "two.gpkg")
    years = {"year": 2024}
    write_settings(
        folder,
        lambda s: s["sources"].update(
            premises=[{"path": "one.gpkg", **years}, {"path": "two.gpkg", **years}]
        ),
    )


def id_in_two_files(folder: Path) -> None:
    premises().iloc[[0]].to_file(folder / "more.gpkg")
    both_ = [{"path": name, "year": 2024} for name in ("premises.gpkg", "more.gpkg")]
    write_settings(folder, lambda s: s["sources"].update(premises=both_))


def gdal_extension(folder: Path) -> None:
    con = sqlite3.connect(folder / "roads.gpkg")
    con.execute("INSERT INTO gpkg_extensions VALUES ('roads', NULL, 'x_y', 'z', 'read-write')")
    con.commit()
    con.close()


def two_sheets(folder: Path) -> None:
    with pd.ExcelWriter(folder / "coverage.xlsx") as book:
        coverage().to_excel(book, sheet_name="Ett", index=False)
        coverage().to_excel(book, sheet_name="Två", index=False)
    write_settings(folder, source("coverage", path="coverage.xlsx"))


def double_column(folder: Path) -> None:
    path = folder / "coverage.csv"
    text = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join([f"{text[0]},operator", *(f"{line},x" for line in text[1:])]), encoding="utf-8"
    )


def as_cp1252(folder: Path) -> None:
    coverage().to_csv(folder / "coverage.csv", index=False, encoding="cp1252")


def crs_said_wrongly(folder: Path) -> None:
    small_region.roads().set_crs(3021, allow_override=True).to_file(folder / "roads.gpkg")
    write_settings(folder, source("roads", crs="EPSG:3006"))


def crossing(frame: gpd.GeoDataFrame) -> None:
    ring = [(10_000, -5000), (20_000, -5000), (20_000, 5000), (16_000, 5000), (15_000, 5500),
            (16_000, 5500), (15_000, 5000), (10_000, 5000)]  # fmt: skip
    frame.loc[1, "geometry"] = Polygon([(X + e, Y + n) for e, n in ring])


def small_cells(folder: Path) -> None:
    cells = [box(X + e, Y, X + e + 100, Y + 100) for e in (950, 1950)]
    frame = gpd.GeoDataFrame(
        {"technology": "docsis", "speed_mbit": [250, 250]}, geometry=cells, crs=3006
    )
    frame.to_file(folder / "cells.gpkg")
    files = [{"path": name, "year": 2024} for name in ("coverage.csv", "cells.gpkg")]
    write_settings(folder, lambda s: s["sources"].update(coverage=files))


def overlapping_localities(frame: gpd.GeoDataFrame) -> None:
    frame.loc[1, "geometry"] = box(X + 2400, Y - 500, X + 7000, Y)


def crowd(folder: Path) -> None:
    rewrite("premises.gpkg", premises, put(2, "households", 600))(folder)
    csv(totals().assign(households=[607, 8], population=[1335, 18]), folder / "totals.csv")


CASES: list[tuple[str, Callable[[Path], None], int | None, Sequence[str | None] | None]] = [
    # rule, how to break the data, rows that the finding says, ids that the offenders have
    ("unreadable-source", cut_off, None, None),
    ("no-crs", without_prj, None, None),
    ("wrong-crs", rewrite(P, premises, stored_under(3021)), None, None),
    ("swapped-axes", rewrite(P, premises, swap), None, None),
    ("degrees-as-metres", rewrite(R, small_region.roads, stored_under(4326)), None, None),
    ("not-metric", setting(lambda s: s["region"].update(crs="EPSG:3857")), None, None),
    ("missing-column", rewrite(C, coverage, lambda f: f.drop(columns="technology")), None, None),
    ("empty-layer", rewrite(R, small_region.roads, lambda f: f.iloc[:0]), None, None),
    ("geometry", rewrite(R, small_region.roads, lambda f: f.set_geometry(f.centroid)), 3, None),
    ("geodata", two_lists_of_buildings, None, None),
    ("bad-value", rewrite(C, coverage, put(3, "speed_mbit", "snabbt")), 1, None),
    ("duplicate-ids", rewrite(P, premises, put(3, "premises_id", "a")), 2, ["a", "a"]),
    ("duplicate-ids", id_in_two_files, 1, ["a"]),
    ("negative-count", rewrite(P, premises, put(2, "households", -3)), 1, ["c"]),
    ("negative-count", rewrite(P, premises, put(2, "workplaces", -1)), 1, ["c"]),
    ("missing-count", rewrite(P, premises, put(4, "households", None)), 1, ["e"]),
    ("fraction-of-count", rewrite(P, premises, put(5, "households", 2.5)), 1, ["f"]),
    ("unknown-technology", rewrite(C, coverage, put(2, "technology", "brevduva")), 1, ["c"]),
    ("unknown-technology", rewrite(C, coverage, put(2, "technology", None)), 1, ["c"]),
    ("impossible-speed", rewrite(C, coverage, put(0, "speed_mbit", -5)), 1, ["a"]),
    ("impossible-speed", rewrite(C, coverage, put(0, "speed_mbit", 1_000_000)), 1, ["a"]),
    ("impossible-speed", rewrite(C, coverage, put(1, "speed_mbit", None)), 1, ["b"]),
    ("impossible-year", rewrite("plans.csv", plans, put(1, "year", 25)), 1, ["e"]),
    ("more-accepted-than-offered", rewrite("offers.csv", offers, put(1, "accepted", 5)), 1, ["b"]),
    ("more-offered-than-live-there", rewrite("offers.csv", offers, put(1, "offered", 50)), 1,
     ["b"]),
    ("mojibake", rewrite(P, premises, lambda f: f.assign(namn=["Ã–vre", *"bcdefghi"])), 1, ["a"]),
    ("encoding", as_cp1252, 0, None),
    ("comma", rewrite(P, premises, put(0, "households", "4,000")), None, None),
    ("crs", crs_said_wrongly, None, None),
    ("outside-region", rewrite(R, small_region.roads, add_line(small_region.roads,
     (90_000, 0), (91_000, 0))), 1, None),
    ("invalid-geometry", rewrite(M, MUNICIPALITIES, crossing), 1, ["2502"]),
    ("gdal", gdal_extension, None, None),
    ("first-sheet", two_sheets, None, None),
    ("double-column", double_column, None, None),
    ("set-aside", rewrite(P, premises, move(0, None)), 1, ["a"]),
    ("left-out", rewrite(P, premises, put(1, "households", 0)), 1, ["b"]),
    ("empty-name", rewrite(M, MUNICIPALITIES, put(1, "KnNamn", " ")), 1, ["2502"]),
    ("municipality-code-short", rewrite(M, MUNICIPALITIES, put(0, "KnKod", "180")), 1, None),
    ("municipality-overlap", rewrite(M, MUNICIPALITIES, eastern(9900)), 1, ["2501"]),
    ("municipality-gap", rewrite(M, MUNICIPALITIES, eastern(10_050)), 1, ["2501"]),
    ("municipality-sliver", rewrite(M, MUNICIPALITIES, eastern(9998)), 1, ["2501"]),
    ("municipality-sliver", rewrite(M, MUNICIPALITIES, eastern(10_002)), 1, ["2501"]),
    ("outside-municipalities", rewrite(P, premises, move(1, at(2000, 9000))), 1, ["b"]),
    ("outside-border", rewrite(P, premises, move(1, at(-150, 10))), 1, ["b"]),
    ("municipality-code", rewrite(P, premises, put(1, "municipality_code", "2502")), 1, ["b"]),
    ("duplicate-points", rewrite(P, premises, move(1, at(1000, 20))), 2, ["a", "b"]),
    ("far-from-road", rewrite(P, premises, move(1, at(2000, 1001))), 1, ["b"]),
    ("long-drop", rewrite(P, premises, move(1, at(2000, 201))), 1, ["b"]),
    ("crowded-building", crowd, 1, ["c"]),
    ("households-against-totals",
     rewrite("totals.csv", totals, put(1, "households", 9)), 1, ["2502"]),
    ("households-against-population",
     rewrite("totals.csv", totals, put(0, "population", 60)), 1, ["2501"]),
    ("road-islands", rewrite(R, small_region.roads, add_line(small_region.roads,
     (1900, 45), (2100, 45))), 1, None),
    ("road-class-without-price",
     rewrite(R, small_region.roads, lambda f: f.assign(road_class="vinterväg")), 3, None),
    ("localities-overlap",
     rewrite("localities.gpkg", localities, overlapping_localities), 1, ["Ettan"]),
    ("fibre-far-from-road", rewrite("fibre.gpkg", small_region.fibre, add_line(small_region.fibre,
     (1000, 300), (3000, 300))), 1, None),
    ("coverage-without-building", rewrite(C, coverage, put(2, "premises_id", "zz")), 1, ["zz"]),
    ("building-without-coverage", rewrite(C, coverage, lambda f: f.drop(index=2)), 1, ["c"]),
    ("row-without-building", rewrite("plans.csv", plans, put(0, "premises_id", "zz")), 1, ["zz"]),
    ("row-without-building", rewrite("offers.csv", offers, put(0, "premises_id", "z")), 1, ["z"]),
    ("connected-without-building",
     rewrite("connected.gpkg", connected, move(0, at(1000, 46))), 1, None),
    ("implausible-speed", rewrite(C, coverage, put(2, "speed_mbit", 61)), 1, ["c"]),
    ("upload-above-download", rewrite(C, coverage, put(2, "upload_mbit", 241)), 1, ["c"]),
    ("speed-unit", rewrite(C, coverage, lambda f: f.assign(speed_mbit=24_000)), 9, None),
    ("speed-unit", rewrite(C, coverage, put(0, "speed_mbit", 1)), 9, None),
    ("duplicate-coverage",
     rewrite(C, coverage, lambda f: pd.concat([f, f.iloc[[4]]])), 1, ["e"]),
    ("small-cell", small_cells, 2, None),
    ("cell-too-fine", setting(lambda s: s.update(publication={"cell_m": 100})), 0, None),
    ("plan-overdue", rewrite("plans.csv", plans, put(1, "year", 2024)), 1, ["e"]),
    ("plan-for-connected", rewrite("plans.csv", plans, put(0, "premises_id", "a")), 1, ["a"]),
    ("years-differ", setting(source("municipalities", year=2022)), 0, None),
    ("years-differ", both(setting(lambda s: (source("coverage", year=2025)(s),
     source("municipalities", year=2023)(s)))), 0, None),
    ("year-unknown", setting(lambda s: s["sources"]["roads"].pop("year")), 0, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "spoil", "rows", "ids"),
    CASES,
    ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)],
)
def test_a_fault_is_found_by_its_rule(
    rule: str,
    spoil: Callable[[Path], None],
    rows: int | None,
    ids: Sequence[str | None] | None,
    folder: Path,
) -> None:
    spoil(folder)
    report = check(folder)
    found = [finding for finding in report.findings if finding.rule == rule]
    said = [(finding.rule, finding.message) for finding in report.findings]
    assert len(found) == 1, said
    if rows is not None:
        assert found[0].rows == rows, found[0]
    assert found[0].severity == RULES[rule].severity
    assert found[0].message
    assert found[0].fix
    assert not re.search(r"[{}]|\bnan\b|None", found[0].message), found[0].message
    for one in report.findings:
        if one.rule == "gdal":  # the library's own words
            continue
        assert not english_in(f"{one.message} {one.fix}"), one
    mine = report.offenders[report.offenders["rule"] == rule]
    if ids is not None:
        assert sorted(mine["id"].dropna()) == sorted(ids), mine
    check_table(pd.DataFrame(report.offenders.drop(columns="geometry")), OFFENDERS, where=rule)
    assert not mine["message"].str.contains(r"[{}]|\bnan\b|None", regex=True).any()
    # One fault in one row does not stop the rest from being looked at.
    assert report.counts["adds_up"].fillna(value=True).all(), report.counts.to_string()


OTHERS = {
    "cells-unusable", "cells-across-border", "population-not-placed", "no-population-in-grid",
    "total-not-met", "mobile-partly",
}  # fmt: skip
"""Tested where population and mobile coverage are, and their words in test_swedish."""


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} | {"rows-do-not-add-up"} | OTHERS == set(RULES)


def test_every_rule_has_its_words_in_both_languages() -> None:
    sv, en = rule_texts("sv"), rule_texts("en")
    assert set(sv.entries) == set(en.entries) == set(RULES)
    assert sv.reasons.keys() == en.reasons.keys()
    assert sv.report.keys() == en.report.keys()
    places = re.compile(r"\{(\w*)")
    for rule in RULES:
        assert sv.entries[rule].keys() == en.entries[rule].keys(), rule
        for key in sv.entries[rule]:
            one, other = (set(places.findall(t.entries[rule][key])) for t in (sv, en))
            assert one == other, (rule, key)
    for listed in (describe_rules("sv"), describe_rules("en")):
        assert len(listed) == len(RULES)
        assert all(all(rule.values()) for rule in listed)
        assert {rule["severity"] for rule in listed} == set(SEVERITIES)
    assert not any(set("åäö") & set("".join(t.values())) for t in en.entries.values())


def test_every_rule_of_the_readers_is_in_the_registry() -> None:
    """What a reader notes under a name of its own has words here."""
    source_ = Path(check_figures.__file__).parent
    gis = source_.parents[1] / "gis" / "bredband_gis"
    noted = set()
    for path in (source_ / "inputs.py", *source_.glob("check*.py"), *gis.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        noted |= set(re.findall(r'rule="([\w-]+)"', text))
        noted |= set(re.findall(r'\.note\(\s*"([\w-]+)"', text))
        noted |= set(re.findall(r'Found\(\s*"([\w-]+)"', text))
    assert "invalid-geometry" in noted
    assert noted <= set(RULES)


# --- many faults at once ----------------------------------------------------------------


def test_a_locality_of_several_polygons_is_no_lost_row(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    path = folder / "localities.gpkg"
    drawn = gpd.read_file(path)
    first = drawn.iloc[[0]].copy()
    beside = first.assign(geometry=first.translate(0, 3000))
    coded = pd.concat([drawn, beside], ignore_index=True)
    codes = [f"T{number}" for number in range(len(drawn))]
    coded.assign(locality_code=[*codes, "T0"]).to_file(path)
    report = check(folder)
    assert "rows-do-not-add-up" not in {finding.rule for finding in report.findings}
    assert report.counts["adds_up"].all()


def test_no_fault_hides_another(folder: Path) -> None:
    frame = premises().astype({"households": object})
    frame.loc[1, "households"] = -2
    frame.loc[4, "premises_id"] = "a"
    frame.loc[5, "households"] = None
    frame.loc[[7], "geometry"] = gpd.GeoSeries([Point(X + 3000, Y + 9000)], index=[7], crs=3006)
    frame.to_file(folder / P)
    table = coverage().astype({"speed_mbit": object})
    table.loc[2, "technology"] = "duva"
    table.loc[3, "speed_mbit"] = "snabbt"
    table.loc[6, "speed_mbit"] = 61
    csv(table, folder / C)
    report = check(folder)
    rules = {finding.rule for finding in report.findings}
    assert rules >= {
        "negative-count", "duplicate-ids", "missing-count", "outside-municipalities",
        "unknown-technology", "bad-value", "implausible-speed", "coverage-without-building",
    }  # fmt: skip
    row = report.offenders.set_index("rule")["row"]
    assert row["negative-count"] == 1
    assert sorted(row["duplicate-ids"]) == [0, 4]
    assert row["bad-value"] == 3
    counts = report.counts.set_index("file")
    assert counts.loc[P, ["rows_in", "used", "set_aside"]].tolist() == [9, 5, 4]
    assert counts.loc[C, ["rows_in", "used", "set_aside"]].tolist() == [9, 3, 6]
    assert report.counts["adds_up"].all()
    # English says the same of the same rows.
    english = check(folder, language="en")
    assert [(f.rule, f.rows) for f in english.findings] == [
        (f.rule, f.rows) for f in report.findings
    ]
    assert not any(set("åäöÅÄÖ") & set(f.fix) for f in english.findings)
    # The gravest stand first.
    order = [SEVERITIES.index(finding.severity) for finding in report.findings]
    assert order == sorted(order)


def test_rules_go_on_without_roads(folder: Path) -> None:
    cut_off(folder)
    rewrite(M, MUNICIPALITIES, eastern(9900))(folder)
    rewrite(C, coverage, put(2, "speed_mbit", 61))(folder)
    rules = {finding.rule for finding in check(folder).findings}
    assert rules >= {"unreadable-source", "municipality-overlap", "implausible-speed"}


def test_limits_can_be_set(folder: Path) -> None:
    rewrite(P, premises, move(1, at(2000, 300)))(folder)
    assert "far-from-road" not in {f.rule for f in check(folder).findings}
    report = check(folder, limits=Limits(road_m=299))
    assert report.offenders.set_index("rule").loc["far-from-road", "distance_m"] == 300
    write_settings(folder, lambda s: s.update(buildout={"max_road_distance_m": 299}))
    assert "far-from-road" in {f.rule for f in check(folder).findings}


def test_swapped_rows_are_told(folder: Path) -> None:
    rewrite(P, premises, move(1, Point(Y + 30, X + 2000)))(folder)
    (found,) = (f for f in check(folder).findings if f.rule == "outside-municipalities")
    assert found.details["swapped"] == 1


def test_areas_before_and_after_a_repair(folder: Path) -> None:
    rewrite(M, MUNICIPALITIES, crossing)(folder)
    report = check(folder)
    mine = report.offenders[report.offenders["rule"] == "invalid-geometry"].iloc[0]
    # The bow at the northern side counts against itself: 500 x 500 / 2 each way.
    assert mine["area_before_m2"] == pytest.approx(1e8, abs=1)
    assert mine["area_after_m2"] == pytest.approx(mine["geometry"].area)
    assert mine["area_after_m2"] > mine["area_before_m2"]
    assert "korsar sig själv" in mine["message"]


def test_islands_count_what_hangs_on_them(folder: Path) -> None:
    rewrite(R, small_region.roads, add_line(small_region.roads, (1900, 45), (2100, 45)))(folder)
    (found,) = (f for f in check(folder).findings if f.rule == "road-islands")
    assert found.details["premises"] == 1
    assert found.details["households"] == 2
    assert found.details["sum_m"] == 200
    # With nobody on it, it is for the record only.
    rewrite(R, small_region.roads, add_line(small_region.roads, (9000, 4000), (9300, 4000)))(folder)
    (found,) = (f for f in check(folder).findings if f.rule == "road-islands")
    assert (found.severity, found.details["premises"]) == ("info", 0)


# --- rows in and out ---------------------------------------------------------------------


def test_a_row_that_vanishes_is_told(sound: Path) -> None:
    survey = survey_inputs(Region.read(sound))
    assert survey.inputs is not None
    assert not list(check_figures.row_sums(count_rows(survey)))
    fewer = replace(survey, inputs=replace(survey.inputs, roads=survey.inputs.roads.iloc[1:]))
    (found,) = check_figures.row_sums(count_rows(fewer))
    assert (found.rule, found.layer, found.rows) == ("rows-do-not-add-up", "roads", 1)
    assert found.details == {"rows_in": 3, "used": 2, "aside": 0}
    twice = [*survey.files, next(f for f in survey.files if f["layer"] == "fibre")]
    (found,) = check_figures.row_sums(count_rows(replace(survey, files=twice)))
    assert found.layer == "fibre"
    unlisted = [{**f, "rows_in": 4} if f["layer"] == "totals" else f for f in survey.files]
    (found,) = check_figures.row_sums(count_rows(replace(survey, files=unlisted)))
    assert found.layer == "totals"


def test_rows_taken_out_are_in_the_readers_counts(folder: Path) -> None:
    rewrite(P, premises, put(2, "households", -3))(folder)
    survey = survey_inputs(Region.read(folder), screen=Screen())
    (facts,) = (file for file in survey.files if file["layer"] == "premises")
    assert (facts["rows_in"], facts["rows_out"], facts["rows_set_aside"]) == (9, 8, 1)
    aside = survey.set_aside
    assert aside.loc[aside["layer"] == "premises", "id"].tolist() == ["c"]
    # Without the screen, the run's own refusal is what is found.
    assert "duplicate-ids" not in {f.rule for f in survey_inputs(Region.read(folder)).findings}
    assert "bad-value" in {f.rule for f in survey_inputs(Region.read(folder)).findings}


_fault = st.sampled_from(
    ["none", "negative", "missing", "no geometry", "outside", "double", "empty", "fraction"]
)


@given(faults=st.lists(_fault, min_size=9, max_size=9), lost=st.sets(st.integers(0, 8)))
@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_in_are_rows_used_and_set_aside(faults: list[str], lost: set[int], sound: Path,
                                             tmp_path: Path) -> None:  # fmt: skip
    folder = Path(shutil.copytree(sound, tmp_path / "in", dirs_exist_ok=True))
    frame = premises().astype({"households": object})
    shapes = frame.geometry.to_numpy().copy()
    for row, fault in enumerate(faults):
        if fault in {"negative", "missing", "fraction", "empty"}:
            value = {"negative": -1, "missing": None, "fraction": 0.5, "empty": 0}[fault]
            frame.loc[row, "households"] = value
        if fault == "empty":
            frame.loc[row, ["workplaces", "holiday_homes"]] = 0
        if fault == "double":
            frame.loc[row, "premises_id"] = "a"
        if fault in {"no geometry", "outside"}:
            shapes[row] = None if fault == "no geometry" else Point(X, Y + 9000)
    frame = frame.set_geometry(gpd.GeoSeries(shapes, crs=3006))
    frame.to_file(folder / P)
    table = coverage()
    table.loc[table.index.isin(lost), "technology"] = "duva"
    csv(table, folder / C)
    report = check(folder)
    counts = report.counts[report.counts["rows_in"].notna()]
    assert (counts["rows_in"] == counts["used"] + counts["set_aside"]).all()
    assert "rows-do-not-add-up" not in {finding.rule for finding in report.findings}
    aside = report.set_aside.groupby("file").size()
    assert (counts.set_index("file")["set_aside"].loc[aside.index] == aside).all()
    assert report.set_aside["reason"].str.len().gt(0).all()


# --- real borders ---------------------------------------------------------------------------


def test_generalised_borders_lose_islands_and_lakes(shared_data: Path, tmp_path: Path) -> None:
    """Norrbotten by SCB's generalised borders, with one building on an island they leave out."""
    sample = shared_data / "sverige" / "sample_bd_m.gpkg"
    borders = gpd.read_file(sample, layer="kommun_scb_generaliserad_riket")
    borders[borders["KnKod"].str.startswith("25")].to_file(tmp_path / "kommun.gpkg")
    detailed = gpd.read_file(sample, layer="kommun").query("LAN_KOD == '25'")
    lost = detailed.geometry.union_all().difference(borders.geometry.union_all().buffer(200))
    far = max(shapely.get_parts(lost), key=lambda part: part.area)
    inside = borders.set_index("KnKod").geometry["2580"].representative_point()
    points = [inside, far.representative_point()]
    gpd.GeoDataFrame(
        {"premises_id": ["land", "ö"], "households": [1, 1]}, geometry=points, crs=3006
    ).to_file(tmp_path / "hus.gpkg")
    line = LineString([(inside.x - 500, inside.y), (inside.x + 500, inside.y)])
    gpd.GeoDataFrame({"road_class": ["track"]}, geometry=[line], crs=3006).to_file(
        tmp_path / "vag.gpkg"
    )
    (tmp_path / "region.toml").write_text(
        region_toml({
            "region": {"name": "Norrbotten", "code": "25", "year": 2024},
            "sources": {
                "municipalities": {
                    "path": "kommun.gpkg",
                    "columns": {"municipality_code": "KnKod", "municipality_name": "KnNamn"},
                },
                "premises": {"path": "hus.gpkg"},
                "roads": {"path": "vag.gpkg"},
            },
        }),
        encoding="utf-8",
    )  # fmt: skip
    report = check(tmp_path)
    mine = report.offenders.set_index("rule")
    assert mine.loc["outside-municipalities", "id"] == "ö"
    gap = mine.loc["municipality-gap"]
    assert gap["area_m2"] / 1e6 == pytest.approx(771.6, abs=0.1)
    assert "Arvidsjaur, Arjeplog" in gap["message"]  # the lakes Storavan and Uddjaure
    assert report.errors == 0
