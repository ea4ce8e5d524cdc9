"""What changed between two results, by hand; the parts add up to the whole."""

from __future__ import annotations

import dataclasses
import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import small_region
from bredband.caveats import Facts, change_warnings
from bredband.change import change_table, match_premises, matched_table
from bredband.changed import changed_premises
from bredband.cli import main
from bredband.deliveries import compare_runs, read_run
from bredband.pipeline import run
from bredband.region import Region
from bredband.statistics import coverage_table
from bredband.tables import CHANGE, CHANGED_PREMISES, check_table
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    GeodataError,
    MissingColumnError,
)
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

KEYS = ["area_kind", "area_code", "segment", "base", "measure", "speed_mbit"]
SPEEDS = (100, 1000)
PLACES = pd.DataFrame(
    {
        "municipality_code": ["2501", "2502", "1201"],
        "municipality_name": ["Ett", "Två", "Tre"],
        "county_code": ["25", "25", "12"],
        "county_name": ["Norr", "Norr", "Söder"],
    }
)


def status(**premises: dict[str, object]) -> pd.DataFrame:
    """Make premises by id; what one leaves out is one household in 2501 with nothing."""
    usual = {
        "municipality_code": "2501",
        "segment": "utanför",
        "households": 1,
        "workplaces": 0,
        "speed_mbit": 0.0,
        "wireless_speed_mbit": 0.0,
        "passed_speed_mbit": 0.0,
        "planned_speed_mbit": 0.0,
        "reason": "ingen fast anslutning",
        "x": 0.0,
        "y": 0.0,
    }
    rows = [usual | {"premises_id": name} | values for name, values in premises.items()]
    frame = pd.DataFrame(rows, columns=["premises_id", *usual])
    text = dict.fromkeys(("premises_id", "municipality_code", "segment", "reason"), "str")
    numbers = dict.fromkeys([name for name in usual if name.endswith("_mbit")], "float64")
    frame = frame.astype(text | numbers | {"households": "int64", "workplaces": "int64"})
    reaches = [frame[name] >= 100 for name in ("speed_mbit", "passed_speed_mbit",
                                               "planned_speed_mbit")]  # fmt: skip
    named = np.select([one.to_numpy() for one in reaches], ["connected", "passed", "planned"],
                      "unserved")  # fmt: skip
    return frame.assign(status=pd.array(named, dtype="str"))


def count(rows: pd.DataFrame, year: int, places: pd.DataFrame = PLACES, **more) -> pd.DataFrame:
    return coverage_table(
        rows, places, region_code="R", region_name="Regionen", year=year, speeds_mbit=SPEEDS, **more
    )


def compare(before: pd.DataFrame, after: pd.DataFrame, **more) -> pd.DataFrame:
    matched = matched_table(
        before, after, PLACES, region_code="R", speeds_mbit=SPEEDS, **more
    )  # fmt: skip
    table = change_table(count(before, 2021, **more), count(after, 2022, **more), matched)
    check_table(table, CHANGE, where="change")
    assert list(table.columns) == list(CHANGE.columns)
    assert not table.duplicated(KEYS).any()
    return table


def pick(table: pd.DataFrame, *key: object) -> pd.Series:
    return table.set_index(KEYS).loc[key]


CONNECTED = ("total", "households", "connected", 100)


def test_the_points_come_from_building_from_recounting_and_from_new_and_gone():
    """10 households, 2 with fibre, become 10 with 7; each part by hand."""
    before = status(
        a={"households": 2, "speed_mbit": 100},
        b={"households": 4},
        c={"households": 1},
        d={"households": 3},
    )
    after = status(
        a={"households": 2, "speed_mbit": 100},
        b={"households": 4, "speed_mbit": 1000},  # gained: 4
        c={"households": 3},  # counted anew: two more, without
        e={"households": 1, "speed_mbit": 100},  # new, and d is gone
    )
    row = pick(compare(before, after), "municipality", "2501", *CONNECTED)
    assert row[["total_before", "total_after", "served_before", "served_after"]].tolist() == [
        10, 10, 2, 7
    ]  # fmt: skip
    assert row[["gained", "lost", "recounted", "new", "gone"]].tolist() == [4, 0, 0, 1, 0]
    assert row["points"] == pytest.approx(50)
    # 2 of 10 -> 6 of 10 -> 6 of 12 (c has three) -> 7 of 10 (d's three gone, e's one come).
    assert row["points_same"] == pytest.approx(40)
    assert row["points_recounted"] == pytest.approx(-10)
    assert row["points_new_gone"] == pytest.approx(20)
    for kind, code in (("region", "R"), ("county", "25")):
        assert pick(compare(before, after), kind, code, *CONNECTED)["points_same"] == row[
            "points_same"
        ]  # fmt: skip
    nobody = pick(compare(before, after), "municipality", "1201", *CONNECTED)
    assert np.isnan(nobody["points"])
    assert np.isnan(nobody["points_same"])
    assert nobody["gained"] == 0


def test_what_is_lost_is_told_apart_from_what_is_gained():
    before = status(a={"households": 3, "speed_mbit": 100}, b={"households": 1})
    after = status(a={"households": 2}, b={"households": 5, "speed_mbit": 100})
    row = pick(compare(before, after), "municipality", "2501", *CONNECTED)
    # By the households of then 1 gained and 3 lost; b's four more households have it as well.
    assert row[["gained", "lost", "recounted", "new", "gone"]].tolist() == [1, 3, 4, 0, 0]


def test_where_everybody_is_counted_away_that_is_told_with_what_is_new():
    before = status(a={"households": 4, "speed_mbit": 100})
    after = status(a={"households": 0, "speed_mbit": 100}, b={"households": 2})
    row = pick(compare(before, after), "municipality", "2501", *CONNECTED)
    parts = row[["points", "points_same", "points_recounted", "points_new_gone"]]
    assert parts.tolist() == [-100, 0, 0, -100]


def test_a_building_in_another_municipality_is_gone_from_one_and_new_in_the_other():
    before = status(a={"speed_mbit": 100}, b={}, c={"municipality_code": "2502"})
    after = status(
        a={"speed_mbit": 100, "municipality_code": "2502"}, b={}, c={"municipality_code": "2502"}
    )
    table = compare(before, after)
    assert pick(table, "municipality", "2501", *CONNECTED)["gone"] == 1
    assert pick(table, "municipality", "2502", *CONNECTED)["new"] == 1
    # For the county it is neither.
    assert pick(table, "county", "25", *CONNECTED)[["new", "gone"]].tolist() == [0, 0]


def test_coverage_alone_gives_points_without_parts():
    before, after = status(a={}), status(a={"speed_mbit": 100})
    table = change_table(count(before, 2021), count(after, 2022))
    check_table(table, CHANGE, where="change")
    row = pick(table, "region", "R", *CONNECTED)
    assert row["points"] == 100
    assert pd.isna(row["gained"])
    assert pd.isna(row["points_same"])
    assert row[["year_before", "year_after"]].tolist() == [2021, 2022]


def test_accepted_offers_are_compared_but_have_no_parts():
    before = status(a={"households": 10}).assign(offered_households=10, accepted_households=5)
    after = before.assign(accepted_households=8)
    row = pick(compare(before, after), "region", "R", "total", "households", "accepted", 100)
    assert row["points"] == pytest.approx(30)
    assert pd.isna(row["gained"])


def test_only_what_both_count_is_compared_and_an_area_may_come_or_go():
    before = count(status(a={}), 2021, PLACES.iloc[:2])
    after = count(status(a={"segment": None}), 2022, PLACES.iloc[[0, 2]])
    after = after[after["speed_mbit"] == 100]
    table = change_table(before, after)
    assert set(table["segment"]) == {"total"}
    assert set(table["speed_mbit"]) == {100}
    codes = table.loc[table["area_kind"] == "municipality", "area_code"].unique().tolist()
    assert codes == ["1201", "2501", "2502"]  # what is gone comes last
    gone = pick(table, "municipality", "2502", *CONNECTED)
    assert gone["area_name"] == "Två"
    assert np.isnan(gone["points"])


def test_localities_and_deso_are_compared_too():
    before = status(a={}, b={}).assign(locality_code=["T1", None], deso_code=["D1", "D2"])
    after = before.assign(speed_mbit=[100.0, 0.0])
    more = {
        "localities": pd.DataFrame({"locality_code": ["T1"], "locality_name": ["Byn"]}),
        "deso": pd.DataFrame({"deso_code": ["D1", "D2"]}),
    }
    table = compare(before, after, **more)
    assert pick(table, "locality", "T1", *CONNECTED)["gained"] == 1
    assert pick(table, "deso", "D1", *CONNECTED)["points_same"] == 100
    assert pick(table, "deso", "D2", *CONNECTED)["gained"] == 0


def test_tables_that_do_not_belong_together_are_refused():
    before, after = status(a={}), status(a={})
    with pytest.raises(BadValueError, match="no municipality in common"):
        change_table(count(before, 2021), count(after, 2022).assign(area_code="99"))
    with pytest.raises(BadValueError, match="2 years"):
        change_table(pd.concat([count(before, 2020), count(before, 2021)]), count(after, 2022))
    with pytest.raises(MissingColumnError, match="served"):
        change_table(count(before, 2021).drop(columns="served"), count(after, 2022))
    matched = matched_table(before, after, PLACES, region_code="R", speeds_mbit=SPEEDS)
    other = count(status(a={"households": 0}), 2021)
    with pytest.raises(BadValueError, match="counted on these premises"):
        change_table(other, count(after, 2022), matched)


# ---------------------------------------------------------------- which premises


def test_premises_are_matched_by_id_in_any_order():
    before, after = status(a={}, b={}, c={}), status(c={}, d={}, a={})
    found = match_premises(before, after)
    assert found.then.tolist() == [0, 2]
    assert found.now.tolist() == [2, 0]
    assert (found.gone.tolist(), found.new.tolist()) == ([1], [1])
    assert found.share == pytest.approx(2 / 3)
    same = match_premises(before, before)
    assert (same.share, len(same.gone), len(same.new)) == (1, 0, 0)
    nothing = match_premises(before.iloc[:0], after)
    assert (len(nothing.then), len(nothing.new), nothing.share) == (0, 3, 1)


@pytest.mark.parametrize("where", ["before", "after"])
def test_an_id_that_stands_twice_is_refused(where):
    one, doubled = status(a={}, b={}), status(a={}, c={}).iloc[[0, 0, 1]]
    tables = (doubled, one) if where == "before" else (one, doubled)
    with pytest.raises(DuplicateIdsError, match=where):
        match_premises(*tables)


def test_every_change_of_a_premises_is_named_with_its_reason():
    fibre = {"speed_mbit": 1000, "reason": "fiber 1000 Mbit/s enligt täckningstabellen"}
    near = {"passed_speed_mbit": 1000, "reason": "37 m från fiberväg"}
    plan = {"planned_speed_mbit": 1000, "reason": "planerad 2024, 1000 Mbit/s"}
    before = status(
        gain={}, built=plan, near={}, plan={}, slow=fibre, lost=fibre, far=near, dropped=plan,
        more={"households": 2, **fibre}, old={"households": 3}, same=fibre, brought=plan,
    )  # fmt: skip
    after = status(
        gain=fibre, built=fibre, near=near, plan=plan,
        slow={"speed_mbit": 24, "reason": "har xDSL 24 Mbit/s"}, lost={}, far={}, dropped={},
        more={"households": 5, **fibre}, new={"households": 4, **near}, same=fibre, brought=near,
    )  # fmt: skip
    after.loc[after["premises_id"] == "gain", "households"] = 7  # gained, not recounted as well
    table = changed_premises(before, after)
    check_table(table, CHANGED_PREMISES, where="changed")
    assert list(table.columns) == list(CHANGED_PREMISES.columns)
    got = table.set_index("premises_id")
    assert got["change"].to_dict() == {
        "built": "gained", "gain": "gained", "near": "gained", "plan": "gained",
        "brought": "gained", "dropped": "lost", "far": "lost", "lost": "lost", "slow": "lost",
        "new": "new", "old": "gone", "more": "recounted",
    }  # fmt: skip
    why = got["why"]
    nothing = "ingen fast anslutning"
    assert why["built"].startswith("Planen är genomförd: fiber 1000 Mbit/s enligt")
    assert why["built"].endswith("Förut: planerad 2024, 1000 Mbit/s.")
    assert why["gain"].startswith("Ansluten nu: fiber 1000 Mbit/s")
    assert why["near"] == f"Fiber har kommit i närheten: 37 m från fiberväg. Förut: {nothing}."
    assert why["brought"].startswith("Planen har gett fiber i närheten: 37 m")
    assert why["plan"].startswith("Ny trovärdig plan: planerad 2024")
    assert why["slow"].startswith("Lägre hastighet, 24 mot 1000 Mbit/s: har xDSL 24 Mbit/s.")
    assert why["lost"].startswith(f"Anslutningen finns inte längre i uppgifterna: {nothing}.")
    assert why["far"].startswith("Fiber räknas inte längre som i närheten")
    assert why["dropped"].startswith("Planen räknas inte längre")
    assert why["new"] == "Ny byggnad med 4 hushåll: 37 m från fiberväg."
    assert "den hade 3 hushåll" in why["old"]
    assert why["more"].startswith("5 hushåll mot 2 förut")
    row = got.loc["old"]
    assert (row["households_before"], row["households_after"]) == (3, 0)
    assert pd.isna(row["status_after"])
    assert got.loc["more", ["households_before", "households_after"]].tolist() == [2, 5]
    english = changed_premises(before, after, "en").set_index("premises_id")["why"]
    assert english["gain"].startswith("Connected now: fiber 1000 Mbit/s")


def test_without_reasons_the_status_is_said():
    before, after = status(a={}), status(a={"speed_mbit": 100})
    table = changed_premises(before.drop(columns="reason"), after.drop(columns="reason"), "en")
    assert (
        table["why"].tolist() == ["Connected now: connected. Before: unserved."]
        or table["why"].str.startswith("Connected now: ").all()
    )


def test_where_nothing_changed_nothing_is_listed():
    rows = status(a={}, b={"speed_mbit": 100})
    table = changed_premises(rows, rows)
    check_table(table, CHANGED_PREMISES, where="changed")
    assert table.empty
    everything = changed_premises(rows.iloc[:0], rows)
    assert everything["change"].tolist() == ["new", "new"]


def test_a_status_that_is_none_is_refused():
    rows = status(a={})
    with pytest.raises(BadValueError, match="before, status"):
        changed_premises(rows.assign(status="bra"), rows)


# ---------------------------------------------------------------- warnings


def facts(year: int, **more: object) -> Facts:
    usual = {
        "name": str(year),
        "region": "25",
        "provenance": "real",
        "definitions": {"proximity_m": 50.0, "target_speed_mbit": 100},
    }
    return Facts(year=year, **(usual | more))  # type: ignore[arg-type]


def rules(*args, **more) -> list[str]:
    return [finding.rule for finding in change_warnings(*args, **more)]


@pytest.mark.parametrize(
    ("first", "last", "breaks"),
    [
        (2014, 2015, ["2014/15"]),
        (2020, 2021, ["2020/21"]),
        (2012, 2023, ["2014/15", "2020/21"]),
        (2015, 2020, []),
        (2021, 2024, []),
        (2013, 2014, []),
    ],
)
def test_breaks_of_the_series_are_warned_of(first, last, breaks):
    found = change_warnings(facts(first), facts(last))
    assert [finding.rule for finding in found] == ["series-break"] * len(breaks)
    assert all(years in one.message for years, one in zip(breaks, found, strict=True))
    assert all(finding.severity == "warning" and finding.fix for finding in found)


def test_what_differs_between_two_results_is_said():
    assert rules(facts(2022), facts(2023)) == []
    assert rules(facts(2023), facts(2022)) == ["years-reversed"]
    assert rules(facts(2022), facts(2022)) == ["same-year"]
    assert rules(facts(2022), facts(2023, region="12")) == ["other-region"]
    wider = facts(2023, definitions={"proximity_m": 250.0, "target_speed_mbit": 100, "new": 1})
    (found,) = change_warnings(facts(2022), wider)
    assert found.rule == "other-definition"
    assert "proximity_m är 50 i det första resultatet och 250 i det andra" in found.message
    farther = [facts(2022 + n, definitions={"search_m": 5000.0 + n}) for n in (0, 1)]
    assert rules(*farther) == []  # it moves no share
    assert rules(facts(2022), facts(2023, provenance="derived")) == ["other-provenance"]
    made_up = [facts(year, provenance="synthetic") for year in (2022, 2023)]
    assert rules(*made_up) == ["both-synthetic"]
    (found,) = change_warnings(facts(2020), facts(2021), language="en")
    assert "series breaks in 2020/21" in found.message


def test_a_base_that_moved_is_said_with_its_municipalities(shared_data):
    """Gällivare's households of 2020 and 2021, as PTS counted them."""
    anchors = pd.read_csv(shared_data / "sverige" / "pts_anchors_from_web.csv", dtype={"code": str})
    rows = anchors[(anchors["code"] == "2523") & (anchors["metric"] == "hh_100mbit")]
    rows = rows.dropna(subset=["households_base"]).set_index("year_oct")
    place = PLACES.iloc[:1].assign(municipality_code="2523", municipality_name="Gällivare")
    tables = []
    for year in (2020, 2021):
        total = int(rows["households_base"][year])
        has = round(total * rows["percent"][year] / 100)
        homes = status(a={"households": has, "speed_mbit": 100}, b={"households": total - has})
        tables.append(count(homes.assign(municipality_code="2523"), year, place))
    table = change_table(*tables)
    row = pick(table, "municipality", "2523", *CONNECTED)
    assert row[["total_before", "total_after"]].tolist() == [10274, 8664]
    assert row["points"] == pytest.approx(80.91 - 83.04, abs=0.01)
    found = change_warnings(facts(2020), facts(2021), change=table)
    assert [one.rule for one in found] == ["series-break", "other-totals"]
    assert "Gällivare" in found[1].message


def test_rewritten_ids_are_warned_of():
    before = status(**{f"a{i}": {} for i in range(10)})
    after = before.assign(premises_id=[f"a{i}" for i in range(4)] + [f"b{i}" for i in range(6)])
    matched = match_premises(before, after)
    assert rules(facts(2022), facts(2023), matched=matched) == ["ids-rewritten"]
    after = before.assign(premises_id=[f"a{i}" for i in range(5)] + [f"b{i}" for i in range(5)])
    assert rules(facts(2022), facts(2023), matched=match_premises(before, after)) == []
    # Building on a third more is no rewriting.
    after = pd.concat([before, status(**{f"c{i}": {} for i in range(30)})])
    assert rules(facts(2022), facts(2023), matched=match_premises(before, after)) == []


# ---------------------------------------------------------------- two runs, read back


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run the small region twice: a year later e and b have fibre, and c is gone."""
    folder = tmp_path_factory.mktemp("runs")
    first = small_region.write(folder / "first")
    run(Region.read(first), folder / "2024")
    later = small_region.content()
    later["region"]["year"] = 2025
    second = small_region.write(folder / "second", later)
    fibre = pd.DataFrame({"premises_id": ["e", "b"], "technology": "fibre", "speed_mbit": 1000})
    rows = pd.concat([small_region.coverage(), fibre])
    rows.to_csv(second / "coverage.csv", index=False)
    homes = small_region.premises()
    homes[homes["premises_id"] != "c"].to_file(second / "premises.gpkg")
    run(Region.read(second), folder / "2025")
    return folder


def test_two_runs_are_read_back_and_compared(runs):
    before, after = read_run(runs / "2024"), read_run(runs / "2025")
    assert (before.facts.year, after.facts.year) == (2024, 2025)
    found = compare_runs(before, after)
    check_table(found.table, CHANGE, where="change")
    row = pick(found.table, "municipality", "2501", *CONNECTED)
    # 4 of 10 -> 6 of 10 with b's two -> 6 of 7 without c's three.
    assert row[["served_before", "served_after", "gained", "gone"]].tolist() == [4, 6, 2, 0]
    assert row["points_same"] == pytest.approx(20)
    assert row["points_new_gone"] == pytest.approx(100 * (6 / 7 - 6 / 10))
    row = pick(found.table, "municipality", "2502", *CONNECTED)
    assert row[["served_before", "served_after", "gained"]].tolist() == [0, 2, 2]
    changes = found.premises.set_index("premises_id")["change"]
    assert {key: changes[key] for key in "bce"} == {"b": "gained", "c": "gone", "e": "gained"}
    assert found.premises.crs.to_epsg() == 3006
    assert [one.rule for one in found.warnings] == ["other-totals"]


def test_the_command_prints_warnings_first_and_writes_files(runs, tmp_path):
    out = tmp_path / "change"
    answer = CliRunner().invoke(
        main, ["change", str(runs / "2024"), str(runs / "2025"), "--out", str(out)]
    )
    assert answer.exit_code == 0, answer.output
    assert answer.output.index("varning other-totals") < answer.output.index("2024 till 2025")
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) == {
        "change.csv", "changed_premises.parquet", "changed_premises.gpkg"
    }  # fmt: skip
    audiences = {name: file["audience"] for name, file in manifest["files"].items()}
    assert audiences.pop("change.csv") == "public"
    assert set(audiences.values()) == {"internal"}
    assert str(tmp_path) not in json.dumps(manifest)
    table = pd.read_csv(out / "change.csv", dtype={"area_code": str})
    assert list(table.columns) == list(CHANGE.columns)
    premises = gpd.read_parquet(out / "changed_premises.parquet")
    check_table(premises, CHANGED_PREMISES, where="changed")
    assert len(gpd.read_file(out / "changed_premises.gpkg")) == len(premises)
    # An earlier comparison is replaced; English on request.
    again = ["change", str(runs / "2025"), str(runs / "2024"), "--out", str(out), "--lang", "en"]
    answer = CliRunner().invoke(main, again)
    assert answer.exit_code == 0, answer.output
    assert "runs backwards in time" in answer.output


def test_a_folder_that_is_no_run_is_refused(runs, tmp_path):
    with pytest.raises(GeodataError, match=r"no manifest\.json"):
        read_run(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(runs / "2024", copy)
    for name, what in (
        ("premises.parquet", "premises cannot be read"),
        ("bredband.duckdb", "tables cannot be read"),
        ("manifest.json", "manifest is not a run's"),
    ):
        kept = (copy / name).read_bytes()
        (copy / name).write_bytes(b"[1]")
        with pytest.raises(GeodataError, match=what):
            read_run(copy)
        (copy / name).write_bytes(kept)
        (copy / name).rename(copy / "away")
        with pytest.raises(GeodataError, match=f"no {name}"):
            read_run(copy)
        (copy / "away").rename(copy / name)
    text = (copy / "manifest.json").read_text(encoding="utf-8")
    (copy / "manifest.json").write_text(text.replace('"made_by": "bredband"', '"made_by": "x"'))
    with pytest.raises(GeodataError, match="made by 'x'"):
        read_run(copy)


def test_runs_in_different_coordinates_are_refused(runs):
    before, after = read_run(runs / "2024"), read_run(runs / "2025")
    with pytest.raises(GeodataError, match="EPSG:3006 in one result and EPSG:3010"):
        compare_runs(before, dataclasses.replace(after, crs="EPSG:3010"))


# ---------------------------------------------------------------- invariants

speed = st.sampled_from([0.0, 100.0, 1000.0])
building = st.fixed_dictionaries(
    {
        "municipality_code": st.sampled_from(["2501", "2502", "1201"]),
        "segment": st.sampled_from(["tätort", "småort", "utanför"]),
        "households": st.integers(0, 9),
        "workplaces": st.integers(0, 3),
        "speed_mbit": speed,
        "wireless_speed_mbit": speed,
        "passed_speed_mbit": speed,
        "planned_speed_mbit": speed,
    }
)
delivery = st.dictionaries(st.sampled_from("abcdefgh"), building, max_size=8)


@settings(max_examples=15, deadline=None)
@given(one=delivery, two=delivery)
def test_the_parts_add_up_exactly(one, two):
    before, after = status(**one), status(**two)
    table = compare(before, after)
    counted = table[table["gained"].notna()]
    assert len(counted) == len(table)
    assert (
        counted["served_before"] + counted["gained"] - counted["lost"] + counted["recounted"]
        + counted["new"] - counted["gone"] == counted["served_after"]
    ).all()  # fmt: skip
    assert (counted[["gained", "lost", "new", "gone"]] >= 0).all(axis=None)
    points = table[["points_same", "points_recounted", "points_new_gone"]].sum(axis=1, skipna=False)
    np.testing.assert_allclose(points, table["points"], atol=1e-9)
    # Municipalities add up to the region in what was gained at the same premises, if none moved.
    if all(one[key]["municipality_code"] == two[key]["municipality_code"]
           for key in one.keys() & two.keys()):  # fmt: skip
        keys = [key for key in KEYS if key != "area_code"]
        sums = table.groupby(keys)[["gained", "lost", "recounted", "new", "gone"]].sum()
        assert sums.loc["municipality"].equals(sums.loc["region"])


@settings(max_examples=8, deadline=None)
@given(one=delivery, two=delivery, data=st.data())
def test_neither_order_nor_direction_hides_anything(one, two, data):
    before, after = status(**one), status(**two)
    shuffled = data.draw(st.permutations(range(len(after))))
    assert compare(before, after.iloc[shuffled]).equals(compare(before, after))
    forth, back = changed_premises(before, after), changed_premises(after, before)
    turned = {"gained": "lost", "lost": "gained", "new": "gone", "gone": "new"}
    mirrored = back.set_index("premises_id")["change"].replace(turned)
    assert forth.set_index("premises_id")["change"].to_dict() == mirrored.to_dict()
    assert change_table(count(before, 2021), count(before, 2022))["points"].fillna(0).eq(0).all()
