"""What a planner reads is Swedish, and English on request."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import bredband
import bredband_gis
import geopandas as gpd
import pandas as pd
import pytest
import small_region
import sound_region
from bredband import phrases
from bredband.check_registry import rule_texts, translate_reasons
from bredband.cli import main
from bredband.fetch import Fetched
from bredband.phrases import explain, translate, translate_place
from bredband.template import region_toml
from bredband.terminal import show_fetched
from bredband_gis.errors import MissingColumnError, OfflineError
from click.testing import CliRunner
from languages import english_in, swedish_in
from rich.console import Console
from shapely.geometry import Point, Polygon, box
from small_region import X, Y

if TYPE_CHECKING:
    from collections.abc import Iterator

UNLIKE = {"sv": english_in, "en": swedish_in}
LANGUAGES = ("sv", "en")


def call(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words], env={"COLUMNS": "300"})
    return done.exit_code, done.output.replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sound region odd in as many ways as do not stop it."""
    folder = sound_region.write(tmp_path_factory.mktemp("odd") / "in")
    towns = small_region.municipalities()
    towns["KnKod"] = ["180", "2502"]
    ring = [(10_000, -5000), (20_000, -5000), (20_000, 5000), (16_000, 5000), (15_000, 5500),
            (15_500, 5500), (14_500, 5000), (10_000, 5000)]  # fmt: skip
    towns.loc[1, "geometry"] = Polygon([(X + e, Y + n) for e, n in ring])
    towns.to_file(folder / "municipalities.gpkg")
    buildings = sound_region.premises()
    extra = buildings.iloc[:4].assign(premises_id=list("wxyz"), households=[1, 1, 1, 0])
    extra["workplaces"] = 0
    extra["geometry"] = [None, Point(), Point(X + 60_000, Y), Point(X + 100, Y)]
    pd.concat([buildings, extra]).to_file(folder / "premises.gpkg")
    roads = small_region.roads()
    far = roads.iloc[[0]].assign(road_class="mystery")
    far["geometry"] = far.translate(90_000, 0)
    near = roads.iloc[[0]].assign(road_class="mystery")
    pd.concat([roads, far, near]).to_file(folder / "roads.gpkg")
    table = sound_region.coverage()
    table.loc[9] = ["nobody", "fibre", 1000, 1000, "Nät AB"]
    sound_region.csv(table, folder / "coverage.csv")
    answers = sound_region.offers()
    answers.loc[2] = ["nobody", 2, 1]
    sound_region.csv(answers, folder / "offers.csv")
    points = pd.concat([sound_region.connected(), sound_region.connected()], ignore_index=True)
    points.loc[[1], "geometry"] = gpd.GeoSeries([Point(X + 9500, Y + 3000)], [1], crs=3006)
    points.to_file(folder / "connected.gpkg")
    spans = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": {"type": "LineString", "coordinates": line},
             "properties": {"id": str(n), "status": status, "fibreTypes": [],
                            "darkFibre": False, "transmissionMedium": ["fibre"],
                            "network": {"id": "n", "name": "Nät"}}}
            for n, (line, status) in enumerate([
                ([[19.9, 65.8], [19.95, 65.8]], "operational"),
                ([[19.9, 65.81], [19.95, 65.81]], "planned"),
                ([[19.9, 65.82], [19.95, 65.82]], "proposed"),
            ])
        ],
    }  # fmt: skip
    lines = gpd.GeoSeries(small_region.fibre().geometry).to_crs(4326)
    spans["features"][0]["geometry"]["coordinates"] = [list(p) for p in lines.iloc[0].coords]
    (folder / "fibre.geojson").write_text(json.dumps(spans), encoding="utf-8")
    settings = sound_region.content()
    settings["sources"]["fibre"]["path"] = "fibre.geojson"
    (folder / "region.toml").write_text(region_toml(settings), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def results(spoiled: Path) -> dict[str, Path]:
    found = {}
    for language in LANGUAGES:
        found[language] = spoiled.parent / f"out_{language}"
        code, said = call("run", spoiled, "--out", found[language], "--lang", language)
        assert code == 0, said
        assert not UNLIKE[language](said), said
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_check_speaks_one_language(language: str, spoiled: Path, tmp_path: Path) -> None:
    out = tmp_path / "check"
    code, said = call("check", spoiled, "--lang", language, "--out", out)
    assert code == 0, said
    for rule in ("municipality-code-short", "outside-region", "coverage-without-building",
                 "row-without-building", "connected-without-building", "invalid-geometry",
                 "set-aside", "road-class-without-price"):  # fmt: skip
        assert rule in said, said
    assert not UNLIKE[language](said), said
    report = json.loads((out / "check.json").read_text(encoding="utf-8"))
    for finding in report["findings"]:
        words = json.dumps([finding["message"], finding["fix"]], ensure_ascii=False)
        assert not UNLIKE[language](words.replace('"', "")), words
    rows = gpd.read_file(out / "check.gpkg", layer="offenders_polygons")
    crossing = rows["message"][rows["rule"] == "invalid-geometry"].iloc[0]
    assert ("korsar sig själv" if language == "sv" else "Self-intersection") in crossing
    aside = pd.read_csv(out / "set_aside.csv")
    assert not [one for one in aside["reason"].unique() if UNLIKE[language](one)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasons_are_in_the_language_of_the_results(
    language: str, results: dict[str, Path]
) -> None:
    reasons = set(pd.read_csv(results[language] / "set_aside.csv")["reason"])
    manifest = json.loads((results[language] / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["set_aside"]) == reasons
    assert not [one for one in reasons if UNLIKE[language](one)]
    planned = {"sv": "planerad, finansieringen beslutad",
               "en": "planned: planned, financing decided"}  # fmt: skip
    assert planned[language] in reasons


@pytest.mark.parametrize("language", LANGUAGES)
def test_compare_change_and_calibrate_speak_one_language(
    language: str, spoiled: Path, results: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "municipality_code,share,measure,speed_mbit,year,total\n"
        "0180,0.6,connected,100,2019,99\n2502,0.1,connected,100,2019,8\n"
        "2502,0.2,connected,100,2019,8\n2502,0.2,connected,30,2013,8\n",
        encoding="utf-8",
    )
    code, said = call("compare", results[language], path, "--lang", language, "-v")
    assert code == 0, said
    rules = ("year-differs", "series-break", "totals-differ", "published-twice")
    assert all(rule in said for rule in rules), said
    assert not UNLIKE[language](said), said

    path.write_text("municipality_code,share\n0180,0.01\n2502,0.99\n2503,0.5\n", encoding="utf-8")
    code, said = call("calibrate", spoiled, "--published", path, "--lang", language, "-v")
    assert code == 0, said
    for rule in ("below-fibre", "beyond-reach", "none-held-out"):
        assert rule in said, said
    assert not UNLIKE[language](said), said

    code, said = call("change", results["sv"], results["en"], "--lang", language)
    assert code == 0, said
    assert "same-year" in said
    assert not UNLIKE[language](said), said


def test_population_that_does_not_fit_is_told_without_a_row_s_numbers(tmp_path: Path) -> None:
    settings = small_region.content()
    settings["sources"] |= {
        "population": {"path": "grid.gpkg"}, "totals": {"path": "totals.csv"},
    }  # fmt: skip
    folder = small_region.write(tmp_path / "in", settings)
    frame = small_region.premises().drop(columns=["households", "workplaces", "holiday_homes"])
    frame.geometry = frame.geometry.buffer(6)
    frame.assign(building="house").to_file(folder / "premises.gpkg")
    cells = [box(X - 500, Y - 500, X + 1500, Y + 1500), box(X + 4000, Y - 4000, X + 4500, Y - 3500),
             box(X + 1500, Y - 4000, X + 2000, Y - 3500), box(X, Y, X, Y)]  # fmt: skip
    gpd.GeoDataFrame({"population": [40, 7, 9, 5]}, geometry=cells, crs=3006).to_file(
        folder / "grid.gpkg"
    )
    totals = {"municipality_code": ["2501", "2502"], "population": [60, 20]}
    pd.DataFrame(totals).to_csv(folder / "totals.csv", index=False)
    for language in LANGUAGES:
        _, said = call("check", folder, "--lang", language, "-v")
        for rule in ("cells-across-border", "population-not-placed", "no-population-in-grid"):
            assert rule in said, said
        assert not UNLIKE[language](said), said
    assert "16 persons" in said
    _, said = call("check", folder)
    assert "16 personer bor i rutor där ingen byggnad inom 1,0 km" in said
    assert "2 rader används inte: ingen byggnad som någon kan bo i är nära nog" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_rules_of_population_and_mobile_coverage_have_words(language: str) -> None:
    texts = rule_texts(language)
    for rule, details in {
        "cells-unusable": {"n": 2, "reason": texts.reason("its population is negative")},
        "total-not-met": {"names": "Väst"},
        "mobile-partly": {"operator": "A", "technology": "5g", "beyond_share": 0.125},
    }.items():
        said = texts.fill(rule, "found", details)
        assert said
        assert not UNLIKE[language](said)
    assert ("12,5" if language == "sv" else "12.5") in said


def test_notes_of_what_was_fetched_are_translated(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}", encoding="utf-8")
    note = "N07900: no figures for 2506 Arjeplog, 2510 Jokkmokk"
    one = Fetched(path=path, rows=1, source="s", licence="l", year=2024, notes=(note,))
    for language, wanted in (("sv", "N07900: siffror saknas för 2506 Arjeplog"), ("en", note)):
        console = Console(width=200, record=True, quiet=False)
        with console.capture() as said:
            show_fetched(console, [one], tmp_path, language=language)
        assert wanted in said.get()


def test_an_error_is_told_in_the_language_of_the_command(tmp_path: Path) -> None:
    folder = small_region.write(tmp_path / "in")
    (folder / "roads.gpkg").unlink()
    code, said = call("run", folder, "--out", tmp_path / "out")
    assert code == 1
    assert "filen finns inte\nGör så här: rätta path under [sources.roads]" in said
    code, said = call("run", folder, "--out", tmp_path / "out", "--lang", "en")
    assert "there is no such file\nWhat to do: correct path under [sources.roads]" in said
    settings = small_region.content()
    settings["region"]["language"] = "en"
    (folder / "region.toml").write_text(region_toml(settings), encoding="utf-8")
    assert "What to do" in call("run", folder, "--out", tmp_path / "out")[1]
    assert "filen finns inte" in call("run", tmp_path / "none")[1]


def test_an_error_keeps_what_is_specific() -> None:
    error = MissingColumnError(
        "column KnKod is missing; there is: Kod, the name",
        where="a.gpkg, layer roads, 3 of 9 rows",
        fix="something new",
    )  # fmt: skip
    assert explain(error, "sv", to_do="Gör så här:") == (
        "a.gpkg, lager roads, 3 av 9 rader: kolumnen KnKod saknas; det finns: Kod, the name\n"
        "Gör så här: something new"
    )
    assert explain(error, "en", to_do="What to do:") == str(error)
    assert explain(OfflineError("the connection was cut"), "sv", to_do="") == "anslutningen bröts"


def test_sentences_within_sentences_are_translated_and_values_are_not() -> None:
    assert translate("no row can be used: 3 of 4: it has no coordinates", "sv") == (
        "ingen rad kan användas: 3 av 4: koordinater saknas"
    )
    assert translate("the layer holds lines, but points or polygons are needed", "sv") == (
        "lagret innehåller lines, men punkter eller ytor behövs"
    )
    assert translate(
        "none of the 3 rows is a premises: 2 lies outside every municipality; 1 has no geometry",
        "sv",
    ) == (
        "ingen av 3 rader är en byggnad som räknas: 2 ligger utanför alla kommuner;"
        " 1 geometri saknas"
    )
    assert translate("what nobody has translated", "sv") == "what nobody has translated"
    assert translate_place("a, b.gpkg, line 3", "sv") == "a, b.gpkg, rad 3"
    unknown = pd.DataFrame({"reason": pd.Series(["of its own", "it has no geometry"], dtype="str")})
    assert translate_reasons(unknown, "sv")["reason"].tolist() == [
        "of its own", "geometri saknas"
    ]  # fmt: skip


# --- the sentences are those of the program ----------------------------------------------------


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Give every text of a program with its values as \\0."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
            )
        elif isinstance(node, ast.Constant) and id(node) not in inside:
            yield str(node.value)


def test_every_sentence_is_one_that_the_program_says() -> None:
    """A sentence that is worded anew in the program must be so here as well.

    Reasons that a program makes of a word and a sentence are left out, as are those of GEOS.
    """
    said: set[str] = set()
    for package in (bredband, bredband_gis):
        for path in Path(str(package.__file__)).parent.rglob("*.py"):
            said |= set(texts_of(ast.parse(path.read_text(encoding="utf-8"))))
        for path in Path(str(package.__file__)).parent.rglob("*.toml"):
            if path.parent.name != "text":
                said.add(path.read_text(encoding="utf-8"))
    soup = "\n".join(said)
    lost = []
    for section, entries in phrases.phrases("sv").items():
        if section in ("word", "geometry", "reason"):
            continue
        for one in entries:
            # Some are put together of parts: what stands between values, or after a ";".
            between = r"\{\w+\}|[][]|; |, (?=e\.g\.|or )| (?=\()"
            parts = re.split(between + ("|: " if section == "report" else ""), one.english)
            lost += [
                (section, one.english, part)
                for part in parts
                if len(part) > 3 and part.strip() not in soup
            ]
    # Put together of words in the program: "3 times", "crs under [sources.roads]".
    known = {one for one in (e[1] for e in lost) if one.startswith(("asked ", "find out"))}
    known |= {"No such file or directory", "Permission denied", "No space left on device",
             "Is a directory"}  # fmt: skip
    lost = [one for one in lost if one[1] not in known]
    assert not lost, "\n".join(map(str, lost))


def test_both_sides_of_a_sentence_name_the_same_values() -> None:
    for entries in phrases.phrases("sv").values():
        for one in entries:
            theirs = set(re.findall(r"\{(\w+)\}", one.english))
            ours = set(re.findall(r"\{(\w+)(?::said|:counts)?\}", one.other))
            assert ours <= theirs, one.english
            assert not english_in(one.other.replace("{", "(").replace("}", ")")), one.other


def test_a_sentence_is_found_whatever_its_values_are() -> None:
    for entries in phrases.phrases("sv").values():
        for one in entries:
            english = re.sub(r"\{(\w+)\}", r"<\1>", one.english)
            found = one.fits.fullmatch(english)
            assert found
            assert all(value == f"<{name}>" for name, value in found.groupdict().items())
