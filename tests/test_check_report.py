"""The report of the check as a page, as JSON, as a GeoPackage, and at the terminal."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import small_region
from bredband import check_report
from bredband.check_registry import RULES, rule_texts
from bredband.cli import main
from bredband_gis.webmap import find_resources
from click.testing import CliRunner, Result
from sound_region import (
    C,
    M,
    P,
    R,
    X,
    Y,
    add_line,
    at,
    check,
    coverage,
    eastern,
    move,
    premises,
    put,
    rewrite,
    write_settings,
)

if TYPE_CHECKING:
    from bredband.checks import Report


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "in"))


# --- reports ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nasty(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A region of which much is wrong, and whose names are no names."""
    folder = Path(shutil.copytree(sound, tmp_path_factory.mktemp("nasty") / "in"))
    frame = premises()
    frame.loc[0, "premises_id"] = "<script>alert(1)</script>"
    frame.loc[1, "premises_id"] = "{{ 7 * 7 }}\"'&"
    move(1, at(1000, 20))(frame)
    move(2, at(6000, 1500))(frame)
    move(3, at(6000, 9000))(frame)
    frame.to_file(folder / P)
    polygons = small_region.municipalities().assign(KnNamn=["<b>Väst</b>", "Öst"])
    eastern(9900)(polygons)
    polygons.to_file(folder / M)
    rewrite(R, small_region.roads, add_line(small_region.roads, (9000, 4000), (9300, 4000)))(folder)
    write_settings(folder, lambda s: s["region"].update(name="<img src=x onerror=alert(1)>"))
    return check(folder)


def test_the_page_is_whole_and_loads_nothing(nasty: Report) -> None:
    page = check_report.as_html(nasty)
    assert find_resources(page) == []
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>Väst" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "49" not in re.findall(r"<td>([^<]*)</td>", page)
    assert page.count("<svg") == 1
    for finding in nasty.findings:
        assert finding.rule in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_page_of_a_sound_region_says_so(sound: Path) -> None:
    page = check_report.as_html(check(sound))
    assert "Inga anmärkningar." in page
    assert "Rader in och ut" in page


def test_json_is_as_documented(nasty: Report) -> None:
    content_ = json.loads(check_report.as_json(nasty))
    assert content_["format"] == "bredband-check/1"
    assert content_["summary"]["errors"] == nasty.errors
    assert content_["summary"]["offenders"] == len(content_["offenders"]) == len(nasty.offenders)
    assert len(content_["findings"]) == len(nasty.findings)
    assert {"rule", "severity", "layer", "file", "rows", "message", "fix", "details"} == set(
        content_["findings"][0]
    )
    assert len(content_["rules"]) == len(RULES)
    assert content_["counts"][0]["adds_up"] is True
    far = next(row for row in content_["offenders"] if row["rule"] == "far-from-road")
    assert (far["x"], far["y"], far["distance_m"]) == (X + 6000, Y + 1500, 1500)
    assert content_ == json.loads(check_report.as_json(nasty))


def test_the_geopackage_opens_in_gdal(nasty: Report, tmp_path: Path) -> None:
    path = tmp_path / "new" / "fel.gpkg"
    check_report.write_geopackage(nasty, path)
    layers = dict(pyogrio.list_layers(path).tolist())
    assert set(layers) == {
        "offenders_points", "offenders_lines", "offenders_polygons", "offenders_without_place",
        "findings", "counts", "rules",
    }  # fmt: skip
    assert layers["findings"] is None
    rows = 0
    for name in ("offenders_points", "offenders_lines", "offenders_polygons"):
        frame = gpd.read_file(path, layer=name)
        assert frame.crs.to_epsg() == 3006
        assert frame.geometry.notna().all()
        assert {"rule", "severity", "layer", "file", "row", "id", "message"} <= set(frame)
        rows += len(frame)
    rows += len(pyogrio.read_dataframe(path, layer="offenders_without_place"))
    assert rows == len(nasty.offenders)
    assert len(pyogrio.read_dataframe(path, layer="findings")) == len(nasty.findings)
    assert len(pyogrio.read_dataframe(path, layer="rules")) == len(RULES)
    over = gpd.read_file(path, layer="offenders_polygons").set_index("rule")
    assert over.loc["municipality-overlap", "area_m2"] == pytest.approx(100 * 10_000)
    assert over.loc["municipality-overlap", "geometry"].area == pytest.approx(100 * 10_000)


def test_offenders_without_place_are_a_table(folder: Path, tmp_path: Path) -> None:
    rewrite(C, coverage, put(2, "premises_id", "zz"))(folder)
    check_report.write_geopackage(check(folder), tmp_path / "fel.gpkg")
    frame = pyogrio.read_dataframe(tmp_path / "fel.gpkg", layer="offenders_without_place")
    assert frame["id"].tolist() == ["zz"]


def test_reports_are_written_whole_or_not_at_all(
    nasty: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rapport"
    check_report.write_report(nasty, out)
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*check_report.FILES, "manifest.json"]
    )
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fail(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check_report, "describe_rules", fail)
    with pytest.raises(KeyboardInterrupt):
        check_report.write_report(nasty, out)
    with pytest.raises(KeyboardInterrupt):
        check_report.write_geopackage(nasty, tmp_path / "fel.gpkg")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["rapport"]
    monkeypatch.undo()
    check_report.write_report(nasty, out)  # an earlier report is replaced


# --- the command ---------------------------------------------------------------------------------


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_rules_are_listed_without_a_region() -> None:
    said = call("check", "--rules").output
    assert all(rule in said for rule in RULES)
    assert "Letar efter" in said
    assert "Looks for" in call("check", "--rules", "--lang", "en").output
    assert call("check").exit_code == 2


def test_exit_codes(sound: Path, folder: Path) -> None:
    assert call("check", sound, "--strict").exit_code == 0
    rewrite(P, premises, move(1, at(1000, 20)))(folder)
    assert call("check", folder).exit_code == 0
    assert call("check", folder, "--strict").exit_code == 1
    rewrite(P, premises, put(2, "households", -3))(folder)
    result = call("check", folder)
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert re.search(r"negative-count premises\.gpkg, lager premises, 1 rad: .*-3", said)
    assert "Rader in och ut" in said


def test_files_are_written_by_the_command(folder: Path, tmp_path: Path) -> None:
    rewrite(P, premises, move(1, at(1000, 20)))(folder)
    page, data, places = (tmp_path / f"r.{ending}" for ending in ("html", "json", "gpkg"))
    result = call(
        "check", folder, "--out", tmp_path / "ut", "--html", page, "--json", data, "--gpkg", places,
        "--quiet",
    )  # fmt: skip
    assert (result.exit_code, result.output) == (0, "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads(data.read_text(encoding="utf-8"))["language"] == "sv"
    assert places.stat().st_size > 0
    assert (tmp_path / "ut" / "check.gpkg").is_file()


def test_the_results_of_a_run_are_never_replaced_by_a_report(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    manifest = {"made_by": "bredband", "files": {"map.html": {}}}
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (out / "map.html").write_text("karta", encoding="utf-8")
    result = call("check", folder, "--out", out)
    assert result.exit_code == 1
    assert (out / "map.html").read_text(encoding="utf-8") == "karta"


def test_numbers_take_their_noun() -> None:
    sv, en = rule_texts("sv"), rule_texts("en")
    values = {"n": 1, "sum_m2": 25_000.0, "largest_m2": 25_000.0}
    assert en.fill("municipality-gap", "found", values).startswith("1\N{NO-BREAK SPACE}gap of 2.5")
    assert sv.fill("municipality-gap", "found", values).startswith("1\N{NO-BREAK SPACE}lucka på")
    assert sv.area(999) == "999\N{NO-BREAK SPACE}m²"
    assert sv.area(0.25) == "0,25\N{NO-BREAK SPACE}m²"
    assert sv.area(25_000) == "2,5\N{NO-BREAK SPACE}ha".replace("2,5", "2,50")
    assert sv.area(5.44e9) == "5\N{NO-BREAK SPACE}440,0\N{NO-BREAK SPACE}km²"
    assert np.isnan(float("nan"))
    assert sv.write("x", float("nan")) == "–"
