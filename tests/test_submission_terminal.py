"""``bredband pts``: validate, merge and submit at the command line, on a run's folder."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import small_submission as small
from bredband.pts_terminal import pts
from bredband.submission_lists import read_list, read_manifest, read_polygons, read_tables
from bredband.submission_reasons import area_reasons, join_marks
from bredband.tables import check_table
from bredband.tables_submission import PTS_MOTIVATIONS, REMARKS, TO_SUBMIT
from bredband_gis.errors import BadValueError, GeodataError, UnreadableSourceError
from bredband_gis.store import connect, write_table
from click.testing import CliRunner, Result
from languages import english_in, swedish_in

if TYPE_CHECKING:
    from pathlib import Path


def call(*words: object) -> Result:
    return CliRunner().invoke(pts, [str(word) for word in words], env={"COLUMNS": "400"})


def said(result: Result) -> str:
    return " ".join(result.output.replace("\N{NO-BREAK SPACE}", " ").split())


def run_areas() -> Any:
    """Give our areas with what describes them: 0114-0001 meets nothing but businesses."""
    return small.areas().assign(
        functions=[2, 0, 0, 0], function_kinds=["skola, vårdcentral", None, None, None],
        planned_nearby=[0, 0, 0, 3], spacing_m=[520.0, np.nan, 100.0, 100.0],
        distance_to_fibre_m=[3200.0, np.nan, 800.0, 700.0],
    )  # fmt: skip


def eligibility() -> pd.DataFrame:
    """Give the buildings as eligibility gives them: nothing of areas, marks or names."""
    table = small.buildings()
    return table.drop(columns=[
        "municipality", "marked", "area_id", "area_name", "criterion", "motivation",
    ])  # fmt: skip


def marks() -> pd.DataFrame:
    table = small.buildings()
    return table[table["in_base"]][["premises_id", "marked", "area_id"]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "results"
    folder.mkdir()
    manifest = {
        "made_by": "bredband", "provenance": "real",
        "settings": {
            "region": {"name": "Norrbottens län", "code": "25", "crs": "EPSG:3006",
                       "language": "sv"},
            "pts": {"year": 2023},
        },
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with connect(folder / "bredband.duckdb") as con:
        write_table(con, "pts_buildings", eligibility())
        write_table(con, "pts_marks", marks())
        write_table(con, "priority_areas", run_areas())
        write_table(con, "municipalities", small.municipalities())
    return folder


@pytest.fixture(scope="module")
def submitted(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "pts"
    result = call("submit", run, "--out", out)
    assert result.exit_code == 0, result.output
    assert "3 prioriterade av högst 4 (16 byggnader räknas i kvoten)" in said(result)
    return out


# --- what motivates a mark -------------------------------------------------------------------


def test_criteria_are_those_that_an_area_s_numbers_meet() -> None:
    reasons = area_reasons(run_areas(), rules=small.RULES)
    check_table(reasons.motivations, PTS_MOTIVATIONS, where="motivations")
    table = reasons.areas.set_index("area_id")
    assert table["criterion"].astype(object).where(table["criterion"].notna(), None).to_dict() == {
        "2580-0001": "societal_functions, sparse, special_challenges, demand",
        "2580-0002": None,  # no trench reaches it
        "0114-0001": "demand",
        "2580-0009": "other_measures",
    }
    text = table["motivation"]["2580-0001"].replace("\N{NO-BREAK SPACE}", " ")
    assert text == (
        "Samhällsviktiga funktioner i området eller nära det: 2 (skola, vårdcentral)."
        " Medelavståndet till närmaste byggnad är 520 m och vägen längs ny grävning till fiber är"
        " 3,2 km. Stödet som behövs per byggnad, 41 700 kr, är över medianen i regionen."
        " Arbetsställen som saknar bredband: 1."
    )
    kinds = reasons.motivations["kind"].value_counts()
    assert kinds.to_dict() == {"criterion": 5, "area": 3}
    assert not english_in(" ".join(reasons.motivations["text"]))


def test_chosen_criteria_a_fallback_and_the_area_s_own_words() -> None:
    areas = run_areas().assign(motivation=["Plats 1 av 3.", None, "Plats 2 av 3.", None])
    reasons = area_reasons(
        areas, rules=small.RULES, criteria=["sparse"], fallback="special_challenges"
    )
    table = reasons.areas.set_index("area_id")
    assert table["criterion"].to_dict() == {
        "2580-0001": "sparse", "2580-0002": "special_challenges",
        "0114-0001": "special_challenges", "2580-0009": "special_challenges",
    }  # fmt: skip
    assert table["motivation"]["2580-0001"].endswith("3,2\N{NO-BREAK SPACE}km. Plats 1 av 3.")
    assert table["motivation"]["0114-0001"] == (
        "Regionen prioriterar området enligt kriteriet låg utbyggnadsgrad eller stort behov av"
        " stöd. Plats 2 av 3."
    )


def test_areas_of_an_older_run_meet_what_can_be_seen() -> None:
    bare = small.areas().drop(columns=["name", "workplaces", "gap_sek"])
    reasons = area_reasons(bare, rules=small.RULES)
    assert reasons.areas["criterion"].isna().all()
    assert reasons.motivations.empty
    with pytest.raises(BadValueError, match="vackert is none of PTS's criteria"):
        area_reasons(bare, rules=small.RULES, fallback="vackert")


def test_marks_areas_and_names_are_joined() -> None:
    areas = run_areas().assign(score=[0.9, np.nan, 0.5, 0.1])
    reasons = area_reasons(areas, rules=small.RULES)
    table = join_marks(eligibility(), marks(), areas, small.municipalities(), reasons)
    check_table(table, TO_SUBMIT, where="to submit")
    ours = small.buildings()
    for name in ("municipality", "marked", "area_id", "area_name"):
        same = ours[name].mask(~ours["in_base"], other=False if name == "marked" else None)
        same = ours[name] if name == "municipality" else same
        assert table[name].astype(object).where(table[name].notna(), None).tolist() == (
            same.astype(object).where(same.notna(), None).tolist()
        )
    assert table["score"].tolist()[0] == 0.9
    assert table["criterion"].tolist()[10] == "demand"


# --- the commands ----------------------------------------------------------------------------


def test_what_is_submitted_is_found_right(run: Path, submitted: Path) -> None:
    names = ("pts_priority.geojson", "pts_priority_areas.geojson", "pts_priority.csv",
             "pts_priority.xlsx")  # fmt: skip
    result = call("validate", *(submitted / name for name in names), "--list", run, "--strict")
    assert result.exit_code == 0, result.output
    for name in names:
        assert f"{name}: inget fel hittat." in said(result)
    assert "Prioriterade: 3 av högst 4 (30 % av 16 byggnader)." in said(result)
    assert "Inte prövat" not in said(result)
    assert not english_in(said(result))


def test_a_broken_file_gives_exit_code_1_and_says_why(
    run: Path, submitted: Path, tmp_path: Path
) -> None:
    document = json.loads((submitted / "pts_priority.geojson").read_text(encoding="utf-8"))
    for feature in document["features"][:9]:
        feature["properties"]["municipality_code"] = "12"
    path = small.save(document, tmp_path / "s.geojson")
    out = tmp_path / "remarks.csv"
    result = call("validate", path, "--list", run, "--out", out)
    assert result.exit_code == 1
    text = said(result)
    assert "Fel (1) municipality-code Kommunkoden ska vara fyra siffror (9 st är annat)." in text
    assert 'objekt 1, 0011: är "12"' in text
    assert "… och 4 till" in text
    assert "objekt 9" not in text
    assert "s.geojson: 1 fel att rätta." in text
    assert "Inte prövat: områdenas id" not in text  # the run has them
    assert 'objekt 9, 0001: är "12"' in said(call("validate", path, "--list", run, "-v"))
    table = pd.read_csv(out, sep=";", dtype={"id": "str"})
    check_table(table.astype({"number": "Int64", "id": "str"}), REMARKS, where="remarks")
    assert table["number"].tolist() == list(range(1, 10))
    english = call("validate", path, "--list", run, "--lang", "en")
    assert "errors to correct: 1" in said(english)
    assert not swedish_in(said(english))
    assert not call("validate", path, "-q").output


def test_warnings_are_errors_when_strict(run: Path, submitted: Path, tmp_path: Path) -> None:
    document = json.loads((submitted / "pts_priority.geojson").read_text(encoding="utf-8"))
    document["crs"] = None
    path = small.save(document, tmp_path / "s.geojson")
    assert call("validate", path, "--list", run).exit_code == 0
    result = call("validate", path, "--list", run, "--strict")
    assert result.exit_code == 1
    assert "inget fel hittat. Varningar: 1." in said(result)


def test_what_is_not_at_hand_is_said(submitted: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes((submitted / "pts_priority.csv").read_bytes())
    text = said(call("validate", path, "--year", 2023))
    for part in ("id mot byggnadslistan (ange --list)", "läge mot kommungränser", "områdenas id"):
        assert f"Inte prövat: {part}" in text
    assert "(30 % av 16 byggnader)" in text  # the whole list is in the file


def test_the_year_is_the_file_s_unless_it_is_given(submitted: Path) -> None:
    path = submitted / "pts_priority.geojson"
    assert call("validate", path).exit_code == 0
    result = call("validate", path, "--year", 2024)
    assert result.exit_code == 1
    assert "gäller utlysningen 2023, men reglerna är för 2024" in said(result)
    assert "Kvotens regler för utlysningen 2024 är inte kända; de för 2023 används." in said(result)
    assert "är inte kända" not in said(call("validate", path))


def test_another_quota_by_a_file_of_rules(submitted: Path, tmp_path: Path) -> None:
    rules = tmp_path / "regler.toml"
    rules.write_text(
        '[2023.marks]\nquota_share = { value = 0.10, mark = "F", source = "test" }\n', "utf-8"
    )
    result = call("validate", submitted / "pts_priority.geojson", "--rules", rules)
    assert result.exit_code == 1
    assert "3 byggnader är prioriterade, 2 fler än kvoten: högst 1 av 16." in said(result)


def test_a_file_that_cannot_be_read_is_no_traceback(tmp_path: Path) -> None:
    path = small.save(b"\x00\x01", tmp_path / "s.geojson")
    result = call("validate", path)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "s.geojson: 1 fel att rätta." in said(result)


def test_municipalities_priorities_are_merged_and_written(run: Path, tmp_path: Path) -> None:
    first = tmp_path / "luleå.csv"
    first.write_text("byggnadsid;rang;kommentar\n0003;1;Skolan\n0007;2;\nokänd;3;\n", "utf-8")
    second = tmp_path / "väsby.xlsx"
    pd.DataFrame({"Id": ["0012", "0018"], "Prioriterad": ["x", "x"]}).to_excel(second, index=False)
    out = tmp_path / "out"
    result = call("merge", run, first, second, "--out", out, "--first", "theirs",
                  "--criterion", "demand")  # fmt: skip
    assert result.exit_code == 0, result.output
    text = said(result)
    assert "luleå.csv Luleå 3 2 0 2" in text
    assert "4 prioriterade av högst 4" in text
    assert not english_in(text)
    merged = pd.read_csv(out / "merged.csv", sep=";", dtype={"premises_id": "str"})
    assert merged["premises_id"][merged["marked"]].tolist() == ["0003", "0007", "0012", "0001"] or (
        merged["marked"].sum() == 4
    )
    conflicts = pd.read_csv(out / "conflicts.csv", sep=";", dtype="str")
    assert set(conflicts["kind"]) == {"not_listed", "not_in_base", "ours_gives_way"}
    assert "# Kommunernas egna prioriteringar" in (out / "merged.md").read_text(encoding="utf-8")
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"]["conflicts.csv"]["audience"] == "internal"
    assert manifest["quota"]["marked"] == 4
    assert call("validate", out / "pts_priority.geojson", "--list", run, "--strict").exit_code == 0


def test_the_region_s_own_motivations_go_first(run: Path, tmp_path: Path) -> None:
    own = tmp_path / "m.csv"
    own.write_text(
        "kind;key;text\narea;2580-0001;Byn väntar.\ncriterion;demand;Företag.\n", "utf-8"
    )
    result = call("submit", run, "--out", tmp_path / "out", "--motivations", own)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "motivering.md").read_text(encoding="utf-8")
    assert "Byn väntar." in text
    assert "### Känd efterfrågan eller företag\n\nFöretag." in text
    document = json.loads((tmp_path / "out" / "pts_priority.geojson").read_text(encoding="utf-8"))
    said_ = {one["id"]: one["properties"]["motivation"] for one in document["features"]}
    assert said_["0001"] == "Byn väntar."


@pytest.mark.parametrize("command", ["submit", "merge"])
def test_a_folder_without_results_is_told_of(command: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    file = small.save("id\n1\n", tmp_path / "a.csv")
    more = [file] if command == "merge" else []
    result = call(command, tmp_path / "empty", *more, "--out", tmp_path / "out")
    assert isinstance(result.exception, GeodataError)
    assert "the folder holds no run's results" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_results_without_the_tables_are_told_of(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    with connect(folder / "bredband.duckdb") as con:
        write_table(con, "municipalities", small.municipalities())
    with pytest.raises(UnreadableSourceError, match="the results have no table pts_buildings"):
        read_list(folder)
    for text in ("{}", "[]", '{"made_by": "other", "settings": {"region": {}}}'):
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        with pytest.raises(UnreadableSourceError, match="the manifest is not a run's"):
            read_manifest(folder)
    (folder / "bredband.duckdb").write_bytes(b"no database")
    with pytest.raises(UnreadableSourceError, match="the tables cannot be read"):
        read_tables(folder, ("municipalities",))


def test_the_run_s_tables_come_back_as_they_were(run: Path) -> None:
    table = read_tables(run, ("pts_buildings",))["pts_buildings"]
    pd.testing.assert_frame_equal(table, eligibility(), check_dtype=False)
    areas = read_polygons(run, "priority_areas")
    assert areas.crs == "EPSG:3006"
    assert areas.geometry.geom_equals(small.areas().geometry).all()
    listed = read_list(run)
    assert listed["e_3006"].tolist() == small.listed()["e_3006"].tolist()


def test_help_answers_without_importing_the_steps() -> None:
    code = (
        "import sys; from bredband.pts_terminal import pts;"
        "pts(['validate', '--help'], standalone_mode=False);"
        "sys.exit(any(name in sys.modules for name in ('pandas', 'duckdb', 'openpyxl')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"--municipalities" in done.stdout
