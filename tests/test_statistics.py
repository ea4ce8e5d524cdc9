"""Totals, served and shares, by hand and against published figures."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pandas as pd
import pytest
from bredband.region import Goal
from bredband.statistics import coverage_table, goals_table
from bredband.tables import GOALS, STATISTICS, check_table
from bredband_gis.errors import BadValueError, MissingColumnError
from hypothesis import given, settings
from hypothesis import strategies as st

KEYS = ["area_kind", "area_code", "segment", "base", "measure", "speed_mbit"]


def status(*rows: dict[str, object]) -> pd.DataFrame:
    """Make premises; what a row leaves out is one household in 2501 with nothing."""
    usual = {
        "municipality_code": "2501",
        "segment": None,
        "households": 1,
        "workplaces": 0,
        "holiday_homes": 0,
        "speed_mbit": 0.0,
        "wireless_speed_mbit": 0.0,
        "passed_speed_mbit": 0.0,
        "planned_speed_mbit": 0.0,
    }
    frame = pd.DataFrame([usual | row for row in rows], columns=list(usual))
    return frame.astype({"segment": "str", "municipality_code": "str", "households": "int64"})


def municipalities(*codes: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "municipality_code": codes,
            "municipality_name": [f"Kommun {code}" for code in codes],
            "county_code": [code[:2] for code in codes],
            "county_name": [f"Län {code[:2]}" for code in codes],
        }
    )


def count(rows: pd.DataFrame, places: pd.DataFrame, speeds=(100, 1000)) -> pd.DataFrame:
    found = coverage_table(
        rows, places, region_code="R", region_name="Regionen", year=2021, speeds_mbit=speeds
    )
    check_table(found, STATISTICS, where="coverage")
    assert list(found.columns) == list(STATISTICS.columns)
    assert not found.duplicated(KEYS).any()
    return found


def pick(table: pd.DataFrame, *key: object) -> list[object]:
    """Give total, served and share of one row, by the columns of KEYS."""
    row = table.set_index(KEYS).loc[key]
    return [row["total"], row["served"], row["share"]]


def test_measures_are_cumulative_and_bases_apart():
    rows = status(
        {"households": 4, "speed_mbit": 1000.0, "workplaces": 1},
        {"households": 3, "speed_mbit": 100.0, "passed_speed_mbit": 1000.0},
        {"households": 2, "passed_speed_mbit": 1000.0, "planned_speed_mbit": 1000.0},
        {"households": 5, "planned_speed_mbit": 100.0, "workplaces": 3},
        {"households": 6, "wireless_speed_mbit": 1000.0},
        {"households": 0, "holiday_homes": 9, "speed_mbit": 1000.0},
    )
    table = count(rows, municipalities("2501"))
    for area in (("municipality", "2501"), ("county", "25"), ("region", "R")):
        of = (*area, "total", "households")
        assert pick(table, *of, "connected", 100) == [20, 7, 0.35]
        assert pick(table, *of, "passed", 100) == [20, 9, 0.45]
        assert pick(table, *of, "planned", 100) == [20, 14, 0.7]
        assert pick(table, *of, "connected", 1000) == [20, 4, 0.2]
        assert pick(table, *of, "passed", 1000) == [20, 9, 0.45]
        assert pick(table, *of, "planned", 1000) == [20, 9, 0.45]
        of = (*area, "total", "workplaces")
        assert pick(table, *of, "connected", 1000) == [4, 1, 0.25]
        assert pick(table, *of, "planned", 100) == [4, 4, 1.0]
    assert (table["year"] == 2021).all()


def test_every_area_has_every_row_even_without_premises():
    rows = status({"segment": "tätort"}, {"segment": "utanför", "municipality_code": "2502"})
    places = municipalities("2502", "2501", "1201")
    table = count(rows, places)
    # 1 region, 2 counties and 3 municipalities x 5 segments x 2 bases x 4 measures x 2 speeds.
    assert len(table) == 6 * 5 * 2 * 4 * 2
    segments = ["total", "tätort", "utanför", "tätbyggt", "glesbygd"]
    assert table["segment"].drop_duplicates().tolist() == segments
    areas = table[["area_kind", "area_code", "area_name"]].drop_duplicates()
    assert areas.to_numpy().tolist() == [
        ["region", "R", "Regionen"],
        ["county", "12", "Län 12"],
        ["county", "25", "Län 25"],
        ["municipality", "1201", "Kommun 1201"],
        ["municipality", "2501", "Kommun 2501"],
        ["municipality", "2502", "Kommun 2502"],
    ]
    empty = table[table["area_code"] == "1201"]
    assert (empty[["total", "served"]] == 0).all(axis=None)
    assert empty["share"].isna().all()
    first = table.head(8)[["base", "measure", "speed_mbit"]].to_numpy().tolist()
    assert first == [
        ["households", measure, speed]
        for measure in ("connected", "passed", "planned", "connected_any")
        for speed in (100, 1000)
    ]
    assert count(rows.iloc[::-1], places.iloc[::-1]).equals(table)


def test_where_nobody_has_anything_the_share_is_nought_not_unknown():
    table = count(status({"households": 555}), municipalities("2501"))
    for measure in ("connected", "passed", "planned"):
        assert pick(table, "municipality", "2501", "total", "households", measure, 100) == [
            555, 0, 0.0
        ]  # fmt: skip
    # Without workplaces there is no share of them.
    workplaces = pick(table, "municipality", "2501", "total", "workplaces", "connected", 100)
    assert workplaces[:2] == [0, 0]
    assert pd.isna(workplaces[2])


def test_without_localities_there_are_only_totals():
    table = count(status({}, {"speed_mbit": 100.0}), municipalities("2501"), speeds=[100, 100])
    assert set(table["segment"]) == {"total"}
    assert pick(table, "region", "R", "total", "households", "connected", 100) == [2, 1, 0.5]


def test_premises_without_segment_count_in_the_total_only():
    table = count(status({}, {"segment": "småort"}), municipalities("2501"))
    assert pick(table, "region", "R", "total", "households", "passed", 100)[0] == 2
    assert pick(table, "region", "R", "småort", "households", "passed", 100)[0] == 1


def test_no_premises_at_all():
    table = count(status({}).iloc[:0], municipalities("2501"))
    assert len(table) == 3 * 2 * 4 * 2
    assert (table["total"] == 0).all()


def test_what_does_not_fit_is_refused():
    rows = status({}, {"municipality_code": "9999"})
    with pytest.raises(BadValueError, match=r"1 of 2 premises .* not listed: 9999"):
        count(rows, municipalities("2501"))
    with pytest.raises(MissingColumnError, match="speed_mbit"):
        count(rows.drop(columns="speed_mbit"), municipalities("2501"))
    with pytest.raises(MissingColumnError, match="county_code"):
        count(rows, municipalities("2501").drop(columns="county_code"))


def test_osby_2015_as_published():
    """4 966 households in tätort at 42.69 % and 1 036 outside at 7.8 % are 36.7 % of Osby."""
    rows = status(
        {"households": 2120, "segment": "tätort", "speed_mbit": 100.0},
        {"households": 4966 - 2120, "segment": "tätort", "speed_mbit": 30.0},
        {"households": 81, "segment": "utanför", "speed_mbit": 100.0},
        {"households": 1036 - 81, "segment": "utanför"},
    ).assign(municipality_code="1273")
    table = count(rows, municipalities("1273"))
    shares = table.set_index(KEYS)["share"]
    of = ("municipality", "1273")
    at = ("households", "connected", 100)
    assert round(100 * shares[(*of, "tätort", *at)], 2) == 42.69
    assert round(100 * shares[(*of, "utanför", *at)], 1) == 7.8
    assert round(100 * shares[(*of, "total", *at)], 1) == 36.7
    # Not the mean of the two shares, which would be 25.2.
    assert pick(table, *of, "total", *at)[:2] == [6002, 2201]


def test_gallivare_2022_as_published():
    """Of 8 718 households 84.53 % have 100 Mbit/s, 79.66 % fibre and 85.26 % fibre or near it."""
    rows = status(
        {"households": 6945, "speed_mbit": 1000.0},
        {"households": 7369 - 6945, "speed_mbit": 100.0},
        {"households": 7433 - 6945, "passed_speed_mbit": 1000.0},
        {"households": 8718 - 7369 - 7433 + 6945},
    ).assign(municipality_code="2523")
    table = count(rows, municipalities("2523"))
    shares = (100 * table.set_index(KEYS)["share"]).round(2)
    of = ("municipality", "2523", "total", "households")
    assert shares[(*of, "connected", 100)] == 84.53
    assert shares[(*of, "connected", 1000)] == 79.66
    assert shares[(*of, "passed", 1000)] == 85.26
    assert pick(table, *of, "connected", 100)[0] == 8718


def test_goals_count_what_they_name():
    rows = status(
        {"households": 18, "speed_mbit": 100.0, "passed_speed_mbit": 1000.0},
        {"households": 1, "passed_speed_mbit": 1000.0},
        {"households": 1},
        {"households": 0, "workplaces": 3},
    )
    table = count(rows, municipalities("2501", "2502"))
    goals = [
        Goal(name="2020", target=0.95, speed_mbit=100, measure="connected"),
        Goal(name="2025", target=0.95, speed_mbit=1000, measure="passed", bases=["households"]),
    ]
    found = goals_table(table, goals)
    check_table(found, GOALS, where="goals")
    # Region, county and two municipalities: both bases for the first goal, one for the second.
    assert len(found) == 4 * 3
    assert list(found.columns) == list(GOALS.columns)
    row = found.set_index(["goal", "base", "area_code"])
    wanted = ["share", "missing", "reached"]
    assert row.loc[("2020", "households", "2501"), wanted].tolist() == [0.9, 1, False]
    assert row.loc[("2025", "households", "2501"), wanted].tolist() == [0.95, 0, True]
    assert row.loc[("2020", "workplaces", "2501"), wanted].tolist() == [0.0, 3, False]
    nobody = row.loc[("2020", "households", "2502"), wanted].tolist()
    assert np.isnan(nobody[0])
    assert nobody[1] == 0
    assert pd.isna(nobody[2])  # neither reached nor missed where nobody is counted


def test_segments_do_not_count_twice_towards_a_goal():
    rows = status({"segment": "tätort"}, {"segment": "utanför"})
    goal = Goal(name="mål", target=1, speed_mbit=100, measure="passed", bases=["households"])
    found = goals_table(count(rows, municipalities("2501")), [goal])
    assert found["missing"].tolist() == [2, 2, 2]


def test_a_goal_at_a_speed_that_was_not_counted_is_refused():
    table = count(status({}), municipalities("2501"))
    goal = Goal(name="mål", target=1, speed_mbit=30, measure="passed")
    with pytest.raises(BadValueError, match=r"(?s)30 Mbit/s.*add 30 to speeds_mbit"):
        goals_table(table, [goal])
    check_table(goals_table(table, []), GOALS, where="goals")


def test_a_share_that_is_a_hair_too_large_asks_for_no_extra_household():
    assert 0.07 * 100 > 7
    goal = Goal(name="mål", target=0.07, speed_mbit=100, measure="connected", bases=["households"])
    assert goals_table(count_of(100, 7), [goal])["missing"].tolist() == [0]


@given(thousandths=st.integers(0, 1000), total=st.integers(0, 10_000_000), data=st.data())
def test_missing_is_exact(thousandths, total, data):
    served = data.draw(st.integers(0, total))
    table = count_of(total, served)
    goal = Goal(
        name="mål", target=thousandths / 1000, speed_mbit=100, measure="connected",
        bases=["households"],
    )  # fmt: skip
    missing = max(0, ceil(Fraction(thousandths, 1000) * total) - served)
    found = goals_table(table, [goal]).iloc[0]
    assert found["missing"] == missing
    assert pd.isna(found["reached"]) if total == 0 else found["reached"] == (missing == 0)


def count_of(total: int, served: int) -> pd.DataFrame:
    """Make a coverage table of one row."""
    row = ["region", "R", "Regionen", "total", "households", "connected", 100, 2021, total, served]
    share = served / total if total else np.nan
    return pd.DataFrame([[*row, share]], columns=list(STATISTICS.columns))


speed = st.sampled_from([0.0, 30.0, 99.9, 100.0, 1000.0])
building = st.fixed_dictionaries(
    {
        "municipality_code": st.sampled_from(["2501", "2502", "1201"]),
        "segment": st.sampled_from(["tätort", "småort", "utanför"]),
        "households": st.integers(0, 30),
        "workplaces": st.integers(0, 5),
        "speed_mbit": speed,
        "wireless_speed_mbit": speed,
        "passed_speed_mbit": speed,
        "planned_speed_mbit": speed,
    }
)
PLACES = municipalities("2501", "2502", "1201")


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(building, min_size=1, max_size=25))
def test_parts_add_up_and_measures_only_grow(rows):
    frame = status(*rows)
    table = count(frame, PLACES)
    for base in ("households", "workplaces"):
        whole = table[(table["base"] == base) & (table["area_kind"] == "region")]
        assert (whole.loc[whole["segment"] == "total", "total"] == frame[base].sum()).all()

    numbers = ["total", "served"]
    by_kind = table.groupby([key for key in KEYS if key != "area_code"])[numbers].sum()
    for kind in ("county", "municipality"):
        assert by_kind.loc[kind].equals(by_kind.loc["region"])
    keys = [key for key in KEYS if key != "segment"]
    whole = table[table["segment"] == "total"].groupby(keys)[numbers].sum()
    for split in (("tätort", "småort", "utanför"), ("tätbyggt", "glesbygd")):
        assert table[table["segment"].isin(split)].groupby(keys)[numbers].sum().equals(whole)
    assert not table[table["segment"] == "tätbyggt"].empty

    wide = table.pivot_table(
        index=[key for key in KEYS if key != "measure"], columns="measure", values="served"
    )
    assert (wide["connected"] <= wide["passed"]).all()
    assert (wide["passed"] <= wide["planned"]).all()
    assert (wide["connected"] <= wide["connected_any"]).all()
    by_speed = table.pivot_table(index=KEYS[:-1], columns="speed_mbit", values="served")
    assert (by_speed[1000] <= by_speed[100]).all()
    assert (table["served"] <= table["total"]).all()


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(building, min_size=1, max_size=25), data=st.data())
def test_the_order_of_rows_and_splitting_buildings_change_nothing(rows, data):
    table = count(status(*rows), PLACES)
    shuffled = data.draw(st.permutations(rows))
    assert count(status(*shuffled), PLACES).equals(table)
    # Each building as two: what is true of the whole is true of the halves together.
    halves = [
        row | {base: (row[base] + part) // 2 for base in ("households", "workplaces")}
        for row in rows
        for part in (0, 1)
    ]
    assert count(status(*halves), PLACES).equals(table)


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(building, min_size=1, max_size=25), data=st.data())
def test_a_municipality_split_in_two_adds_up_to_the_whole(rows, data):
    whole = status(*rows)
    moved = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    split = whole.copy()
    split.loc[(whole["municipality_code"] == "2501") & moved, "municipality_code"] = "2503"
    one = count(whole, PLACES)
    two = count(split, municipalities("2501", "2502", "1201", "2503"))
    halves = two[two["area_code"].isin(["2501", "2503"])]
    keys = ["segment", "base", "measure", "speed_mbit"]
    summed = halves.groupby(keys)[["total", "served"]].sum()
    expected = one[one["area_code"] == "2501"].set_index(keys)[["total", "served"]].sort_index()
    assert summed.equals(expected)
    others = one[one["area_code"] != "2501"].reset_index(drop=True)
    assert two[~two["area_code"].isin(["2501", "2503"])].reset_index(drop=True).equals(others)
