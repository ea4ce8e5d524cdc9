"""Totals, served and shares, by hand and against published figures."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pandas as pd
import pytest
from bredband.region import Goal
from bredband.statistics import coverage_table, goals_table, state_aid_table, technology_table
from bredband.tables import (
    ACCESS,
    GOALS,
    STATE_AID,
    STATISTICS,
    STATUS,
    TECHNOLOGIES,
    TECHNOLOGY,
    check_table,
)
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


def count(rows: pd.DataFrame, places: pd.DataFrame, speeds=(100, 1000), **more) -> pd.DataFrame:
    found = coverage_table(
        rows, places, region_code="R", region_name="Regionen", year=2021, speeds_mbit=speeds, **more
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
        {"households": 6, "wireless_speed_mbit": 300.0},
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
        # Connected with wire or without: neither those passed nor those planned.
        assert pick(table, *of, "connected_any", 100) == [20, 13, 0.65]
        assert pick(table, *of, "connected_any", 1000) == [20, 4, 0.2]
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


# ---------------------------------------------------------------- more areas, more measures


def test_built_up_and_rural_follow_the_segments_that_are_named():
    rows = status({"segment": "tätort", "households": 5, "speed_mbit": 100.0},
                  {"segment": "småort", "households": 3},
                  {"segment": "utanför", "households": 2, "speed_mbit": 100.0})  # fmt: skip
    of = ("municipality", "2501")
    at = ("households", "connected", 100)
    table = count(rows, municipalities("2501"))
    assert pick(table, *of, "tätbyggt", *at) == [8, 5, 0.625]
    assert pick(table, *of, "glesbygd", *at) == [2, 2, 1.0]
    table = count(rows, municipalities("2501"), built_up_segments=["tätort"])
    assert pick(table, *of, "tätbyggt", *at) == [5, 5, 1.0]
    assert pick(table, *of, "glesbygd", *at) == [5, 2, 0.4]


def test_localities_and_deso_have_rows_of_their_own():
    rows = status(
        {"segment": "tätort", "households": 5, "speed_mbit": 100.0},
        {"segment": "tätort", "households": 3, "municipality_code": "2502"},
        {"segment": "utanför", "households": 2},
    ).assign(locality_code=["T9", "T9", None], deso_code=["D2", "D1", "D2"])
    # A locality may be several polygons, lie in two municipalities, and have no name.
    localities = pd.DataFrame(
        {"locality_code": ["T9", "T9", "T1", None], "locality_name": ["Byn", "Byn", None, "x"]}
    )
    deso = pd.DataFrame({"deso_code": ["D2", "D1"]})
    table = count(rows, municipalities("2501", "2502"), localities=localities, deso=deso)
    at = ("total", "households", "connected", 100)
    assert pick(table, "locality", "T9", *at) == [8, 5, 0.625]
    assert pick(table, "locality", "T1", *at)[:2] == [0, 0]
    assert pick(table, "deso", "D2", *at) == [7, 5, 5 / 7]
    assert pick(table, "deso", "D1", *at) == [3, 0, 0.0]
    names = table.set_index("area_code")["area_name"]
    assert (names["T9"].unique().item(), names["T1"].unique().item()) == ("Byn", "T1")
    assert set(table.loc[table["area_kind"].isin(["locality", "deso"]), "segment"]) == {"total"}
    assert table["area_kind"].unique().tolist() == [
        "region", "county", "municipality", "locality", "deso"
    ]  # fmt: skip
    # The rest of the table is as without them.
    rest = table[table["area_kind"].isin(["region", "county", "municipality"])]
    assert rest.equals(count(rows, municipalities("2501", "2502")))
    with pytest.raises(BadValueError, match=r"2 of 3 premises lie in a locality not listed: T9"):
        count(rows, municipalities("2501", "2502"), localities=localities.iloc[2:])
    with pytest.raises(MissingColumnError, match="deso_code"):
        count(rows.drop(columns="deso_code"), municipalities("2501", "2502"), deso=deso)


def test_accepted_counts_of_those_who_got_an_offer():
    rows = status({"households": 10, "segment": "tätort"}, {"households": 4}).assign(
        offered_households=[8, 2], accepted_households=[6, 0]
    )
    table = count(rows, municipalities("2501", "2502"))
    accepted = table[table["measure"] == "accepted"]
    assert set(accepted["base"]) == {"households"}
    assert set(accepted["speed_mbit"]) == {100}
    assert pick(table, "region", "R", "total", "households", "accepted", 100) == [10, 6, 0.6]
    assert pick(table, "region", "R", "tätort", "households", "accepted", 100) == [8, 6, 0.75]
    nobody = pick(table, "municipality", "2502", "total", "households", "accepted", 100)
    assert nobody[:2] == [0, 0]
    assert pd.isna(nobody[2])
    # After the other measures of households, before those of workplaces.
    order = table["measure"].tolist()[:9]
    assert order[-3:] == ["connected_any", "connected_any", "accepted"]
    assert set(count(rows, municipalities("2501"), target_mbit=1000).query(
        "measure == 'accepted'")["speed_mbit"]) == {1000}  # fmt: skip
    rest = table[table["measure"] != "accepted"].reset_index(drop=True)
    assert rest.equals(
        count(rows.drop(columns="offered_households"), municipalities("2501", "2502"))
    )
    with pytest.raises(BadValueError, match=r"than got one, in 1 of 2"):
        count(rows.assign(accepted_households=[9, 0]), municipalities("2501"))


def test_norrbottens_goal_counts_who_accepted():
    goal = Goal(name="85 %", target=0.85, speed_mbit=100, measure="accepted")
    rows = status({"households": 100}).assign(offered_households=20, accepted_households=16)
    found = goals_table(count(rows, municipalities("2501", "2502")), [goal])
    check_table(found, GOALS, where="goals")
    assert set(found["base"]) == {"households"}
    row = found.set_index(["area_kind", "area_code"])
    wanted = ["share", "missing", "reached"]
    assert row.loc[("municipality", "2501"), wanted].tolist() == [0.8, 1, False]
    # Nobody got an offer: no share, nothing missing, neither reached nor not.
    for table in (found[found["area_code"] == "2502"],
                  goals_table(count(status({}), municipalities("2501")), [goal])):  # fmt: skip
        check_table(table, GOALS, where="goals")
        assert len(table)
        assert table["share"].isna().all()
        assert (table["missing"] == 0).all()
        assert table["reached"].isna().all()
    other = goal.model_copy(update={"speed_mbit": 1000})
    with pytest.raises(BadValueError, match=r"(?s)the offers are not.*target_speed_mbit"):
        goals_table(count(rows, municipalities("2501")), [other])


def test_a_goal_may_count_wireless():
    rows = status({"households": 3, "wireless_speed_mbit": 100.0}, {"households": 1})
    goals = [
        Goal(name=measure, target=1, speed_mbit=100, measure=measure, bases=["households"])
        for measure in ("connected", "connected_any")
    ]
    found = goals_table(count(rows, municipalities("2501")), goals).set_index(["goal", "area_kind"])
    assert found.loc[("connected", "region"), "missing"] == 4
    assert found.loc[("connected_any", "region"), "missing"] == 1


def equipped(*rows: dict[str, object]) -> pd.DataFrame:
    usual = {"technologies": "", "technology": None, "near_fibre": False, "aid_colour": "white"}
    frame = status(*({key: row[key] for key in row if key not in usual} for row in rows))
    more = pd.DataFrame([usual | {key: row[key] for key in row if key in usual} for row in rows])
    return frame.join(more.astype({"technology": "str", "technologies": "str"}))


def techs(rows: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    found = technology_table(rows, places, region_code="R", region_name="Regionen", year=2021)
    check_table(found, TECHNOLOGY, where="technology")
    assert list(found.columns) == list(TECHNOLOGY.columns)
    return found


def test_technologies_whatever_their_speed():
    rows = equipped(
        {"households": 4, "technologies": "fibre,docsis", "technology": "fibre",
         "near_fibre": True, "workplaces": 2},
        {"households": 3, "near_fibre": True},
        {"households": 2, "technologies": "5g", "segment": "tätort"},
        {"households": 1, "technologies": "xdsl, lte", "technology": "xdsl"},
        {"households": 10},
    )  # fmt: skip
    table = techs(rows, municipalities("2501", "2502"))
    region = table[(table["area_kind"] == "region") & (table["segment"] == "total")]
    households = region[region["base"] == "households"].set_index("access")
    assert households.index.tolist() == list(ACCESS)
    assert households["served"].to_dict() == {
        "xdsl": 1, "vdsl": 0, "fibre": 4, "near_fibre": 7, "docsis": 4, "fwa": 0, "lte": 1,
        "5g": 2, "satellite": 0, "wired": 5, "any": 7,
    }  # fmt: skip
    assert (households["total"] == 20).all()
    assert households["share"]["near_fibre"] == 0.35
    workplaces = region[region["base"] == "workplaces"].set_index("access")["served"]
    assert (workplaces["fibre"], workplaces["5g"]) == (2, 0)
    assert set(TECHNOLOGIES) < set(ACCESS)


def test_state_aid_colours_add_up():
    rows = equipped(
        {"households": 4, "aid_colour": "black", "segment": "tätort"},
        {"households": 3, "aid_colour": "grey", "workplaces": 1, "segment": "utanför"},
        {"households": 2, "segment": "utanför", "municipality_code": "2502"},
    )
    table = state_aid_table(
        rows, municipalities("2501", "2502"), region_code="R", region_name="Regionen"
    )
    check_table(table, STATE_AID, where="state_aid")
    assert list(table.columns) == list(STATE_AID.columns)
    assert (table[["white", "grey", "black"]].sum(axis=1) == table["total"]).all()
    row = table.set_index(["area_code", "segment", "base"])[["total", "white", "grey", "black"]]
    assert row.loc[("R", "total", "households")].tolist() == [9, 2, 3, 4]
    assert row.loc[("R", "glesbygd", "households")].tolist() == [5, 2, 3, 0]
    assert row.loc[("2501", "total", "workplaces")].tolist() == [1, 0, 1, 0]
    with pytest.raises(BadValueError, match=r"1 of 3 premises are not white"):
        state_aid_table(
            rows.assign(aid_colour=["blå", "grey", "white"]), municipalities("2501", "2502"),
            region_code="R", region_name="Regionen",
        )  # fmt: skip


def test_text_columns_of_any_kind_are_read():
    rows = equipped({"segment": "tätort", "technologies": "fibre", "technology": "fibre"}, {})
    wanted = count(rows, municipalities("2501")), techs(rows, municipalities("2501"))
    text = ["municipality_code", "segment", "technologies", "technology"]
    for kind in ("object", "category", "string"):
        other = rows.astype(dict.fromkeys(text, kind))
        if kind == "object":
            other = other.where(other.notna(), None)
        assert count(other, municipalities("2501")).equals(wanted[0])
        assert techs(other, municipalities("2501")).equals(wanted[1])
    nothing = rows.assign(segment=pd.Series([None, None], dtype="object"))
    assert set(count(nothing, municipalities("2501"))["segment"]) == {"total"}


def test_only_the_columns_of_the_contract_are_used():
    assert set(status({}).columns) | {"technologies", "near_fibre"} <= set(STATUS.columns)


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
