"""Municipalities' own priorities: read, matched, merged within the quota, conflicts shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import small_submission as small
from bredband.submission_files import write_submission
from bredband.submission_lists import (
    areas_beside,
    known_names,
    read_list,
    read_motivations,
    read_own,
    read_towns,
)
from bredband.submission_merge import FIRSTS, Merged, merge_priorities, merge_report
from bredband.submission_text import submission_texts
from bredband.tables import check_table
from bredband.tables_submission import (
    CONFLICT_KINDS,
    CONFLICTS,
    MERGED,
    OWN_PRIORITIES,
    PTS_MOTIVATIONS,
)
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    MissingColumnError,
    UnreadableSourceError,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from languages import english_in, swedish_in

if TYPE_CHECKING:
    from pathlib import Path

E, N, NORTH = small.E, small.N, small.NORTH


def own(*rows: dict[str, Any], file: str = "lulea.csv") -> pd.DataFrame:
    """Give a municipality's file: a row per dict of their_id, x, y, marked, rank, comment."""
    table = pd.DataFrame(
        {
            "file": file,
            "line": np.arange(len(rows)) + 2,
            "their_id": pd.Series([row.get("id") for row in rows], dtype="str"),
            "x": pd.Series([row.get("x") for row in rows], dtype="float64"),
            "y": pd.Series([row.get("y") for row in rows], dtype="float64"),
            "marked": [row.get("marked", True) for row in rows],
            "rank": pd.Series([row.get("rank") for row in rows], dtype="float64"),
            "comment": pd.Series([row.get("comment") for row in rows], dtype="str"),
        }
    )
    check_table(table, OWN_PRIORITIES, where="own")
    return table


def scored() -> pd.DataFrame:
    """Give our buildings with the score 0.20 for 0020 down to 0.01 for 0001."""
    table = small.buildings()
    return table.assign(score=table["premises_id"].astype(int) / 100)


def merge(*theirs: pd.DataFrame, buildings: pd.DataFrame | None = None, **changes: Any) -> Merged:
    table = scored() if buildings is None else buildings
    merged = merge_priorities(table, theirs, rules=small.RULES, **changes)
    check_table(merged.table, MERGED, where="merged")
    check_table(merged.conflicts, CONFLICTS, where="conflicts")
    return merged


def marked(merged: Merged) -> list[str]:
    return sorted(merged.table["premises_id"][merged.table["marked"]])


def conflicts(merged: Merged) -> list[tuple[str, str | None]]:
    rows = merged.conflicts[["kind", "premises_id"]].astype(object)
    return [tuple(row) for row in rows.where(rows.notna(), None).to_numpy()]


# --- who gets the quota --------------------------------------------------------------------


def test_without_their_files_nothing_changes() -> None:
    merged = merge()
    assert marked(merged) == ["0001", "0002", "0011"]
    assert merged.conflicts.empty
    assert (merged.base, merged.allowed) == (16, 4)


def test_ours_go_first_and_theirs_fill_the_quota_by_their_rank() -> None:
    merged = merge(own({"id": "0007", "rank": 2}, {"id": "0008", "rank": 1}, {"id": "0002"}))
    assert merged.first == "ours"
    assert marked(merged) == ["0001", "0002", "0008", "0011"]
    assert conflicts(merged) == [("over_quota", "0007")]
    # Ours by score, then theirs by rank.
    assert merged.table["premises_id"].tolist() == ["0011", "0002", "0001", "0008", "0007"]
    row = merged.files.iloc[0]
    assert (row["municipality"], row["rows"], row["wanted"]) == ("Luleå", 3, 3)
    assert (row["ours_too"], row["marked"]) == (1, 2)


def test_theirs_first_the_first_of_every_municipality_before_the_second() -> None:
    south = own({"id": "0007", "rank": 1}, {"id": "0008", "rank": 2}, {"id": "0009", "rank": 3})
    north = own({"id": "0012", "rank": 1}, {"id": "0013", "rank": 2}, file="väsby.csv")
    merged = merge(south, north, first="theirs")
    assert merged.table["premises_id"].tolist()[:5] == ["0012", "0007", "0013", "0008", "0009"]
    assert marked(merged) == ["0007", "0008", "0012", "0013"]
    assert conflicts(merged) == [
        *(("ours_gives_way", id_) for id_ in ("0011", "0002", "0001")), ("over_quota", "0009"),
    ]  # fmt: skip


def test_by_score_whoever_wants_it() -> None:
    merged = merge(own({"id": "0010"}, {"id": "0007"}), first="score")
    assert merged.table["premises_id"].tolist() == ["0011", "0010", "0007", "0002", "0001"]
    assert marked(merged) == ["0002", "0007", "0010", "0011"]
    assert conflicts(merged) == [("ours_gives_way", "0001")]


def test_without_scores_ids_decide() -> None:
    merged = merge(own({"id": "0007"}), buildings=small.buildings())
    assert merged.table["premises_id"].tolist() == ["0001", "0002", "0011", "0007"]
    assert merged.table["score"].isna().all()


def test_equal_scores_go_to_what_a_municipality_wants_too() -> None:
    table = small.buildings().assign(score=0.5)
    merged = merge(own({"id": "0009"}), buildings=table, first="score")
    assert merged.table["premises_id"].tolist() == ["0009", "0001", "0002", "0011"]


@pytest.mark.parametrize(("first", "stays"), [("ours", True), ("score", True), ("theirs", False)])
def test_a_municipality_that_says_no(first: Any, stays: bool) -> None:
    merged = merge(own({"id": "0001", "marked": False}, {"id": "0007"}), first=first)
    assert ("0001" in marked(merged)) is stays
    assert conflicts(merged) == [("they_say_no", "0001")]
    said = merged.conflicts["what"].iloc[0]
    assert said.endswith("är kvar." if stays else "tas bort.")


def test_no_to_what_nobody_marks_is_no_conflict() -> None:
    assert merge(own({"id": "0009", "marked": False})).conflicts.empty


# --- which building is meant ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "found", "kind"),
    [
        ({"id": "0007"}, "0007", None),
        ({"id": "7"}, "0007", "id_by_zeros"),
        ({"id": "hus 7", "x": E + 710, "y": N}, "0007", "id_read_by_place"),
        ({"x": E + 700, "y": N + 12}, "0007", "id_read_by_place"),
        ({"id": "hus 7", "x": E + 700, "y": N + 60}, None, "not_listed"),
        ({"id": "hus 7"}, None, "not_listed"),
        ({}, None, "not_listed"),
        ({"x": E + 747, "y": N}, None, "several_near"),
        ({"id": "0007", "x": E + 900, "y": N}, "0007", "id_and_place_differ"),
        ({"id": "0007", "x": E + 720, "y": N}, "0007", None),
        ({"id": "0019"}, None, "not_eligible"),
        ({"id": "0017"}, None, "not_in_base"),
    ],
)
def test_which_building_a_row_means(
    row: dict[str, Any], found: str | None, kind: str | None
) -> None:
    # Two sure rows of Luleå say which municipality the file is of.
    merged = merge(own({"id": "0001"}, {"id": "0002"}, row), near_m=53.0)
    new = [id_ for id_ in merged.table["premises_id"] if id_ not in ("0001", "0002", "0011")]
    assert new == ([found] if found else [])
    assert [one for one, _ in conflicts(merged)] == ([kind] if kind else [])


def test_distances_in_conflicts_are_right() -> None:
    merged = merge(
        own({"id": "0001"}, {"id": "x", "x": E + 703.25, "y": N + 4.25},
            {"id": "0008", "x": E + 500.25, "y": N + 400.25}, {"id": "y", "x": E, "y": N - 5000}),
    )  # fmt: skip
    kinds = merged.conflicts.set_index("kind")
    assert kinds["distance_m"]["id_read_by_place"] == pytest.approx(5.0)
    assert kinds["distance_m"]["id_and_place_differ"] == pytest.approx(500.0)
    assert kinds["distance_m"]["not_listed"] == pytest.approx(np.hypot(100.25, 5000.25))
    assert "närmaste byggnad, 5\N{NO-BREAK SPACE}m bort" in kinds["what"]["id_read_by_place"]
    assert kinds["line"].dropna().to_dict() == {
        "id_read_by_place": 3, "not_listed": 5, "id_and_place_differ": 4
    }  # fmt: skip


def test_two_buildings_in_the_very_same_place_are_not_guessed_between() -> None:
    table = scored()
    table.loc[table["premises_id"] == "0008", ["x", "y"]] = [E + 700.25, N + 0.25]
    merged = merge(own({"id": "0001"}, {"x": E + 700.25, "y": N + 0.25}), buildings=table)
    assert [kind for kind, _ in conflicts(merged)] == ["several_near"]


def test_the_same_building_twice_and_in_two_files() -> None:
    one = own({"id": "0007", "rank": 5, "comment": "sen"}, {"id": "0007", "rank": 1})
    two = own({"id": "0007", "rank": 3}, {"id": "0008"}, file="b.csv")
    merged = merge(one, two)
    assert conflicts(merged) == [("same_building", "0007"), ("two_files", "0007"),
                                 ("over_quota", "0008")]  # fmt: skip
    row = merged.table.set_index("premises_id").loc["0007"]
    assert (row["rank"], row["file"]) == (1.0, "lulea.csv")
    assert merged.conflicts["line"].tolist()[:2] == [2, 2]


def test_a_building_in_another_municipality_is_not_used() -> None:
    merged = merge(own({"id": "0007"}, {"id": "0008"}, {"id": "0012"}))
    assert conflicts(merged)[0] == ("other_municipality", "0012")
    assert "0012" not in set(merged.table["premises_id"])


def test_a_list_that_came_back_is_of_the_municipality_that_changed_it() -> None:
    """Väsby got the whole list, with our marks, and moved one of its own; it touched 0007."""
    table = scored()
    rows = [
        {"id": id_, "marked": bool(mark)}
        for id_, mark in zip(table["premises_id"], table["marked"], strict=True)
        if id_ not in ("0017", "0018", "0019", "0020")
    ]
    wanted = {"0011": False, "0012": True, "0013": True, "0007": True}
    rows = [{**row, "marked": wanted.get(row["id"], row["marked"])} for row in rows]
    merged = merge(own(*rows, file="lista.xlsx"), first="theirs")
    assert merged.files["municipality"].tolist() == ["Upplands Väsby"]
    assert conflicts(merged) == [("other_municipality", "0007"), ("they_say_no", "0011")]
    assert marked(merged) == ["0001", "0002", "0012", "0013"]


def test_every_kind_of_conflict_has_words_and_is_met_here() -> None:
    for language, other in (("sv", english_in), ("en", swedish_in)):
        words = submission_texts(language).conflict
        assert set(words) - {"mark_goes", "mark_stays"} == {
            name for kind in CONFLICT_KINDS for name in (kind, f"{kind}_title")
        }
        assert not any(other(text) for text in words.values())


def test_tables_that_are_wrong_are_refused() -> None:
    with pytest.raises(DuplicateIdsError):
        merge(buildings=pd.concat([scored()] * 2, ignore_index=True))
    with pytest.raises(MissingColumnError, match="in_base"):
        merge(buildings=scored().drop(columns="in_base"))
    with pytest.raises(MissingColumnError, match="rank"):
        merge(own({"id": "0007"}).drop(columns="rank"))


# --- what always holds -----------------------------------------------------------------------

WISH = st.fixed_dictionaries(
    {
        "id": st.one_of(
            st.none(), st.integers(1, 22).map(lambda n: f"{n:04}"), st.integers(1, 20).map(str),
            st.just("okänd"),
        ),
        "place": st.one_of(st.none(), st.tuples(st.integers(0, 2100), st.integers(-80, 80))),
        "marked": st.booleans(),
        "rank": st.one_of(st.none(), st.integers(1, 4)),
    }
)  # fmt: skip


def wish(given_: dict[str, Any]) -> dict[str, Any]:
    place = given_.pop("place")
    return given_ if place is None else {**given_, "x": E + place[0], "y": N + place[1]}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@example(
    files=[[
        {"id": "0006", "place": None, "marked": True, "rank": None},
        {"id": "0011", "place": None, "marked": False, "rank": None},
    ]],
    ours={6},
    first="ours",
)  # fmt: skip
@given(
    files=st.lists(st.lists(WISH, min_size=1, max_size=8), max_size=3),
    ours=st.sets(st.integers(1, 16), max_size=6),
    first=st.sampled_from(FIRSTS),
)
def test_the_quota_holds_and_every_wish_is_accounted_for(
    files: list[list[dict[str, Any]]], ours: set[int], first: Any
) -> None:
    buildings = scored()
    buildings["marked"] = [n in ours for n in range(1, 21)]
    theirs = [
        own(*(wish(dict(one)) for one in rows), file=f"{n}.csv") for n, rows in enumerate(files)
    ]
    merged = merge(*theirs, buildings=buildings, first=first)
    table = merged.table
    assert table["marked"].sum() == min(merged.allowed, len(table))
    assert table["place"].tolist() == list(range(1, len(table) + 1))
    assert table["marked"].is_monotonic_decreasing
    assert (table["ours"] | table["theirs"]).all()
    usable = buildings.set_index("premises_id").loc[table["premises_id"]]
    assert (usable["eligible"] & usable["in_base"]).all()
    # Every row of theirs that wants a mark is in the table or among the conflicts.
    told = merged.conflicts.dropna(subset=["file", "line"])
    told = set(zip(told["file"], told["line"], strict=True))
    ids = set(table["premises_id"][table["theirs"]])
    # One of another municipality's that is ours already changes nothing, and stays ours.
    ids |= {f"{n:04}" for n in ours} & set(table["premises_id"])
    for one in theirs:
        for row in one[one["marked"]].itertuples(index=False):
            assert row.their_id in ids or (row.file, row.line) in told or (
                isinstance(row.their_id, str) and row.their_id.zfill(4) in ids
            )  # fmt: skip
    # Every mark of ours is in the table, or was said no to.
    lost = {f"{n:04}" for n in ours} - set(table["premises_id"])
    no = merged.conflicts["premises_id"][merged.conflicts["kind"] == "they_say_no"]
    assert lost <= set(no)
    assert first == "theirs" or not lost
    # What the quota had no room for is told of.
    out = set(table["premises_id"][~table["marked"]])
    left = merged.conflicts["kind"].isin(("over_quota", "ours_gives_way"))
    assert out == set(merged.conflicts["premises_id"][left])
    # The order of the rows of a file says nothing where ranks are given, nor that of the files.
    if first == "ours" and len(ours) >= 4:
        assert set(table["premises_id"][table["marked"]]) <= {f"{n:04}" for n in ours}
    again = merge(*theirs[::-1], buildings=buildings, first=first)
    assert set(marked(again)) == set(marked(merged)) or table["rank"].duplicated().any()


# --- what comes of it --------------------------------------------------------------------------


def test_the_merged_marks_make_a_submission() -> None:
    merged = merge(
        own({"id": "0007", "comment": "Skolskjutsen vänder här"}, {"id": "0002", "marked": False}),
        first="theirs",
    )
    table = merged.apply(small.buildings(), criterion="other_measures")
    made = small.submission(buildings=table)
    assert made.facts["quota"]["marked"] == 3
    said = made.buildings.set_index("premises_id")
    assert said["marked"]["0007"]
    assert not said["marked"]["0002"]
    assert said["criterion"]["0007"] == "other_measures"
    assert said["motivation"]["0007"] == "Kommunen prioriterar byggnaden. Skolskjutsen vänder här"
    assert said["criterion"]["0001"] == "sparse"
    assert said["motivation"]["0001"] == "Byn ligger långt från fiber."


def test_a_mark_that_both_want_keeps_our_motivation() -> None:
    table = small.buildings().assign(motivation=pd.Series(["Vår egen."] * 20, dtype="str"))
    merged = merge(own({"id": "0001", "comment": "deras"}), buildings=table)
    assert merged.apply(table)["motivation"].tolist()[0] == "Vår egen."


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_report_says_it_all_in_one_language(language: str) -> None:
    merged = merge(
        own({"id": "0007", "rank": 1, "comment": "Hit | dit"}, {"id": "0008"}, {"id": "okänd"},
            {"id": "0017"}, {"id": "0001", "marked": False}),
        language=language,
    )  # fmt: skip
    text = merge_report(merged).replace("\N{NO-BREAK SPACE}", " ")
    other = {"sv": english_in, "en": swedish_in}[language]
    assert not other(text)
    if language == "sv":
        assert "Prioriterade: 4 av högst 4 (16 byggnader räknas i kvoten)." in text
        assert "Våra prioriteringar går först" in text
        assert "| lulea.csv | Luleå | 5 | 2 | 0 | 1 |" in text
        assert "| Finns inte i byggnadslistan | 1 |" in text
        assert "| lulea.csv | 5 | 0017 | 0017 |" in text
        assert text.startswith("# Kommunernas egna prioriteringar\n\nInternt")
    assert "Hit | dit" not in text  # would break the table
    assert all(line.count("|") >= 3 for line in text.splitlines() if line.startswith("|"))


def test_a_report_without_conflicts() -> None:
    assert "Inga konflikter." in merge_report(merge(own({"id": "0001"})))


# --- reading ---------------------------------------------------------------------------------


def csv(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_a_municipality_s_file_in_swedish(tmp_path: Path) -> None:
    path = csv(
        tmp_path / "luleå.csv",
        "Prioritet;Byggnads-id;Kommentar\n1;0007;Nära skolan\n;0008;\n2;0009;\n",
        "cp1252",
    )
    table = read_own(path)
    check_table(table, OWN_PRIORITIES, where="own")
    assert table["their_id"].tolist() == ["0007", "0008", "0009"]
    assert table["marked"].tolist() == [True, False, True]
    assert table["rank"].tolist()[::2] == [1.0, 2.0]
    assert table["line"].tolist() == [2, 3, 4]
    assert table["comment"].tolist()[0] == "Nära skolan"


def test_a_list_without_marks_and_ranks_is_all_marks(tmp_path: Path) -> None:
    assert read_own(csv(tmp_path / "a.csv", "id\n0007\n0008\n"))["marked"].all()


def test_marks_in_words(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "id;prioriterad;rang\n1;Ja;1\n2;nej;2\n3;;3\n")
    assert read_own(path)["marked"].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("e;n\n810700;7300000\n", (810_700, 7_300_000)),
        ("x;y\n7300000;810700\n", (810_700, 7_300_000)),  # x is north in Swedish surveying
        ("X-koordinat;Y-koordinat\n810 700,4;7 300 000,6\n", (810_700.4, 7_300_000.6)),
        ("lat;lon\n65.6377474;21.7568262\n", None),
        ("longitud;latitud\n65,6377474;21,7568262\n", None),  # swapped
    ],
)
def test_coordinates_whichever_is_which(
    text: str, place: tuple[float, float] | None, tmp_path: Path
) -> None:
    table = read_own(csv(tmp_path / "a.csv", text))
    found = gpd.GeoSeries.from_xy([21.7568262], [65.6377474], crs=4326).to_crs(3006)
    x, y = place or (found.x.iloc[0], found.y.iloc[0])
    assert table["x"].iloc[0] == pytest.approx(x, abs=0.01)
    assert table["y"].iloc[0] == pytest.approx(y, abs=0.01)
    assert table["marked"].all()


def test_a_municipality_s_layer_and_geojson(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"namn": ["a"], "rang": [1]}, geometry=gpd.points_from_xy([E + 700], [N]), crs=3006
    )
    frame.to_file(tmp_path / "a.gpkg")
    frame.to_crs(4326).to_file(tmp_path / "a.geojson")
    for name in ("a.gpkg", "a.geojson"):
        table = read_own(tmp_path / name)
        assert table["x"].iloc[0] == pytest.approx(E + 700, abs=0.01)
        assert table["rank"].tolist() == [1.0]
        assert table["line"].tolist() == [1]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("a;b\n1;2\n", MissingColumnError, "no column holds ids of buildings"),
        ("id;rang\n1;först\n", BadValueError, "1 values are no numbers, e.g. 'först'"),
        ("id;marked\n1;kanske\n", BadValueError, "neither yes nor no, e.g. 'kanske'"),
    ],
)
def test_files_that_say_too_little_are_refused(
    text: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        read_own(csv(tmp_path / "a.csv", text))


def test_pts_s_list_as_a_table(tmp_path: Path) -> None:
    path = csv(
        tmp_path / "lista.csv",
        "byggnads_id;N;E;Kommunkod;Hushåll;Arbetsställen;Fritidshus\n"
        "0001;7300000;810100;0114;1;0;0\n0002;7300001;810200;0114;0;0;1\n",
    )
    table = read_list(path)
    assert table["premises_id"].tolist() == ["0001", "0002"]
    assert table["e_3006"].tolist() == [810_100, 810_200]
    assert table["municipality_code"].tolist() == ["0114", "0114"]
    assert table["eligible"].all()
    assert table["in_base"].tolist() == [True, False]


def test_our_own_files_are_lists_too(tmp_path: Path) -> None:
    write_submission(small.submission(), tmp_path / "pts")
    ours = small.submission().buildings
    for name in ("pts_priority.geojson", "pts_priority.csv", "pts_priority.xlsx"):
        table = read_list(tmp_path / "pts" / name)
        assert table["premises_id"].tolist() == ours["premises_id"].tolist()
        assert table["in_base"].tolist() == ours["in_base"].tolist()
        assert table["e_3006"].round().astype(int).tolist() == ours["e_3006"].tolist()
        assert areas_beside(tmp_path / "pts" / name) == {"0114-0001", "2580-0001", "2580-0002"}
    assert areas_beside(tmp_path / "none.geojson") is None


@pytest.mark.parametrize(
    ("text", "error"),
    [("namn\nx\n", MissingColumnError), ("id\n1\n1\n", DuplicateIdsError)],
)
def test_lists_that_cannot_be_used_are_refused(
    text: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        read_list(csv(tmp_path / "a.csv", text))


def test_a_list_that_is_no_geojson_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="cut-off"):
        read_list(csv(tmp_path / "a.geojson", json.dumps(small.document())[:900]))


def test_columns_are_known_by_many_names() -> None:
    assert known_names(["Id", "Byggnads-ID", "X_koord", "Y koord", "Antal hushåll"]) == {
        "premises_id": "Byggnads-ID", "e": "X_koord", "n": "Y koord",
        "households": "Antal hushåll",
    }  # fmt: skip
    assert known_names(["id"]) == {"premises_id": "id"}


def test_borders_of_a_layer(tmp_path: Path) -> None:
    towns = small.municipalities()
    renamed = towns.rename(columns={"municipality_code": "KnKod", "municipality_name": "KnNamn"})
    renamed.to_crs(4326).to_file(tmp_path / "k.geojson")
    found = read_towns(tmp_path / "k.geojson")
    assert found["municipality_code"].tolist() == ["2580", "0114"]
    assert found.crs == "EPSG:3006"
    renamed[["KnKod", "geometry"]].to_file(tmp_path / "k.gpkg")
    with pytest.raises(MissingColumnError, match="municipality_name"):
        read_towns(tmp_path / "k.gpkg")


def test_motivations_that_the_region_has_changed(tmp_path: Path) -> None:
    write_submission(small.submission(), tmp_path / "pts")
    table = read_motivations(tmp_path / "pts" / "pts_priority.xlsx")
    check_table(table, PTS_MOTIVATIONS, where="motivations")
    assert table["key"].tolist() == ["sparse", "0114-0001", "2580-0001"]
    assert table["kind"].tolist() == ["criterion", "area", "area"]
    path = csv(tmp_path / "m.csv", "kind;key;text\nområde;2580-0001;Ny text\n")
    assert read_motivations(path)["kind"].tolist() == ["area"]
    with pytest.raises(BadValueError, match="neither criterion nor area"):
        read_motivations(csv(tmp_path / "m.csv", "kind;key;text\nby;1;x\n"))
    with pytest.raises(MissingColumnError, match="text"):
        read_motivations(csv(tmp_path / "m.csv", "kind;key\nby;1\n"))
