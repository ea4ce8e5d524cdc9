"""Rank and comparison with others, and the weights that published shares imply."""

from __future__ import annotations

import importlib.resources

import numpy as np
import pandas as pd
import pytest
from bredband.standing import (
    combine_shares,
    implied_weight,
    national_shares,
    series_breaks,
    standing_table,
)
from bredband.statistics import coverage_table
from bredband.tables import BASES, PUBLISHED, STANDING, check_table
from bredband_gis.errors import BadValueError
from hypothesis import given
from hypothesis import strategies as st

PLACES = pd.DataFrame(
    {
        "municipality_code": ["2501", "2502", "2503", "2504", "2505", "1201"],
        "municipality_name": ["A", "B", "C", "D", "E", "F"],
        "county_code": ["25"] * 5 + ["12"],
        "county_name": ["Norr"] * 5 + ["Söder"],
    }
)


@pytest.fixture(scope="module")
def anchors(shared_data):
    """Published figures by municipality, year and segment, per cent."""
    return pd.read_csv(shared_data / "sverige" / "pts_anchors_from_web.csv", dtype={"code": str})


def published(anchors, code: str, year: int, segment: str, metric: str = "hh_100mbit") -> pd.Series:
    rows = anchors.set_index(["code", "year_oct", "segment", "metric"]).sort_index()
    rows = rows.loc[[(code, year, segment, metric)]]
    assert len(rows) == 1
    return rows.iloc[0]


def coverage(year: int = 2020, **shares: tuple[int, int]) -> pd.DataFrame:
    """Count municipalities of so many households, of which so many have 100 Mbit/s."""
    rows = [
        {"municipality_code": code, "households": households, "speed_mbit": speed}
        for code, (total, served) in shares.items()
        for households, speed in ((served, 100.0), (total - served, 0.0))
    ]
    usual = {
        "segment": None, "workplaces": 0, "wireless_speed_mbit": 0.0, "passed_speed_mbit": 0.0,
        "planned_speed_mbit": 0.0,
    }  # fmt: skip
    status = pd.DataFrame([usual | row for row in rows])
    return coverage_table(
        status.astype({"segment": "str"}), PLACES, region_code="R", region_name="Regionen",
        year=year, speeds_mbit=[100],
    )  # fmt: skip


CASE = {"2501": (10, 9), "2502": (10, 5), "2503": (20, 10), "2504": (10, 1), "1201": (5, 1)}


def stand(table: pd.DataFrame, national: pd.DataFrame | None = None) -> pd.DataFrame:
    found = standing_table(table, PLACES, national)
    check_table(found, STANDING, where="standing")
    assert list(found.columns) == list(STANDING.columns)
    return found


def connected(found: pd.DataFrame) -> pd.DataFrame:
    rows = found[(found["base"] == "households") & (found["measure"] == "connected")]
    return rows.set_index("municipality_code")


def test_ranks_are_within_the_county_and_equals_share_them():
    rows = connected(stand(coverage(**CASE)))
    assert pd.isna(rows["rank"]["2505"])
    assert rows["rank"].drop("2505").to_dict() == {
        "2501": 1, "2502": 2, "2503": 2, "2504": 4, "1201": 1
    }  # fmt: skip
    assert rows["of"].to_dict() == {
        "2501": 4, "2502": 4, "2503": 4, "2504": 4, "2505": 4, "1201": 1
    }  # fmt: skip
    # 25 of 50 in the county.
    assert rows["county_points"]["2501"] == pytest.approx(40)
    assert rows["county_points"]["2504"] == pytest.approx(-40)
    assert rows["county_share"]["1201"] == 0.2
    assert np.isnan(rows["county_points"]["2505"])
    assert rows["country_share"].isna().all()


def test_the_country_is_compared_by_the_same_year_measure_base_and_speed():
    rows = connected(stand(coverage(2020, **CASE), national_shares()))
    assert (rows["country_share"] == 0.87).all()
    assert rows["country_points"]["2501"] == pytest.approx(3)
    assert rows["country_source"].str.startswith("PTS").all()
    found = stand(coverage(2020, **CASE), national_shares())
    others = found[(found["measure"] != "connected") | (found["base"] != "households")]
    assert others["country_share"].isna().all()
    # 2018's households are "about 82 %", 2023 has no figure.
    for year in (2018, 2023):
        rows = connected(stand(coverage(year, **CASE), national_shares()))
        assert rows["country_share"].isna().all()


def test_bounds_and_two_figures_for_one_thing_are_not_compared_with():
    national = national_shares()
    bound = national.assign(bound=">")
    assert connected(stand(coverage(2020, **CASE), bound))["country_share"].isna().all()
    other = national[national["year"] == 2020].assign(share=0.5, about=False)
    with pytest.raises(BadValueError, match=r"two shares, 87 % and 50 %.*households, connected"):
        stand(coverage(2020, **CASE), pd.concat([national, other]))
    # The same figure twice is one figure; a published table need not name a source.
    twice = pd.concat([national, national]).drop(columns=["source", "about", "note"])
    exact = twice[twice["measure"] == "connected"]
    rows = connected(stand(coverage(2020, **CASE), exact))
    assert len(rows) == 6
    assert rows["country_source"].eq("national.toml").all()


def test_national_figures_never_mix_bases_or_measures(anchors):
    single = national_shares()
    check_table(single, PUBLISHED, where="national")
    assert set(single["base"]) <= set(BASES)
    assert single["source"].str.len().gt(3).all()
    key = ["year", "base", "measure", "speed_mbit", "segment"]
    everything = national_shares(every_base=True)
    assert not everything.duplicated(key).any()
    assert len(everything) > len(single)
    assert set(everything["measure"]) == {"connected", "passed"}
    shares = everything.set_index(key)["share"]
    # Passed is never below connected, and never of the same kind.
    assert shares[(2018, "households", "passed", 1000, "total")] == pytest.approx(0.906)
    country = anchors[(anchors["code"] == "00") & (anchors["metric"] == "hh_100mbit")]
    assert len(country) == 2
    for row in country.itertuples():
        ours = shares[(row.year_oct, "households", "connected", 100, "total")]
        assert ours == pytest.approx(row.percent / 100)
    passed = published(anchors, "00", 2020, "total", "hh_1gbit_or_passed")
    assert shares[(2020, "households", "passed", 1000, "total")] == passed["percent"] / 100


def test_the_figures_are_part_of_the_package():
    assert importlib.resources.files("bredband").joinpath("national.toml").is_file()


def test_series_breaks_lie_between_the_years_in_either_order():
    assert list(series_breaks(2014, 2015)) == ["2014/15"]
    assert list(series_breaks(2021, 2020)) == ["2020/21"]
    assert series_breaks(2015, 2020) == {}
    assert "households" in series_breaks(2020, 2021, language="en")["2020/21"]


# ---------------------------------------------------------------- parts and wholes


def test_osby_2015_is_weighed_by_households(anchors):
    """4 966 households at 42.69 % and 1 036 at 7.8 % give Osby's 36.7 %."""
    parts = [published(anchors, "1273", 2015, segment) for segment in ("tatort", "glesbygd")]
    totals = [part["households_base"] for part in parts]
    shares = [part["percent"] for part in parts]
    assert totals == [4966, 1036]
    assert round(combine_shares(shares, totals), 1) == 36.7
    assert round(sum(shares) / 2, 1) == 25.2  # what a mean would say
    # Back again: Osby's built-up share from the three figures.
    weight = implied_weight(combine_shares(shares, totals), *shares)
    assert weight.weight == pytest.approx(4966 / 6002)
    assert weight.low == weight.high == pytest.approx(weight.weight)


def test_gallivare_2020_implies_its_built_up_share(anchors):
    """83.04 in all, 88 in built-up areas, 44 in rural: 88.7 % live built-up."""
    total = published(anchors, "2523", 2020, "total")["percent"]
    built_up, rural = (
        published(anchors, "2523", 2020, segment, "hh_100mbit_approx")["percent"]
        for segment in ("tatbygd", "glesbygd")
    )
    assert (total, built_up, rural) == (83.04, 88, 44)
    weight = implied_weight(total, built_up, rural, rounding=(0.01, 1, 1))
    assert round(100 * weight.weight, 1) == 88.7
    # (83.035 - 44.5) / 44 and (83.045 - 43.5) / 44, by hand.
    assert weight.low == pytest.approx(38.535 / 44)
    assert weight.high == pytest.approx(39.545 / 44)


@pytest.mark.parametrize(
    ("year", "shares", "percent", "interval"),
    [
        (2018, (75, 82, 26), 87.5, (48 / 56, 50 / 56)),
        (2019, (79, 86, 46), 82.5, (32 / 40, 34 / 40)),
    ],
)
def test_eslov_implies_its_share_in_localities(anchors, year, shares, percent, interval):
    found = tuple(
        published(anchors, "1285", year, segment)["percent"]
        for segment in ("total", "tatort", "landsbygd")
    )
    assert found == shares
    weight = implied_weight(*found, rounding=1)
    assert round(100 * weight.weight, 1) == percent
    assert (weight.low, weight.high) == pytest.approx(interval)


def test_weights_that_no_figures_give_are_refused_or_left_open():
    with pytest.raises(BadValueError, match="90 does not lie between its parts, 88 and 44"):
        implied_weight(90, 88, 44)
    with pytest.raises(BadValueError, match="does not lie between"):
        implied_weight(42.9, 88, 44, rounding=1)
    assert implied_weight(88.4, 88, 44, rounding=1).high == 1
    same = implied_weight(50, 50, 50)
    assert np.isnan(same.weight)
    assert same[1:] == (0, 1)
    assert implied_weight(50.2, 50, 51, rounding=1)[1:] == (0, 1)
    # Parts the other way about.
    assert implied_weight(0.8304, 0.44, 0.88).weight == pytest.approx(1 - 0.88727, abs=1e-5)


def test_shares_that_cannot_be_combined_are_refused():
    assert combine_shares([0.5, np.nan], [10, 0]) == 0.5
    assert np.isnan(combine_shares([], []))
    assert np.isnan(combine_shares([np.nan], [0]))
    for shares, totals in (([0.5], [1, 2]), ([0.5], [-1]), ([0.5], [np.nan]), ([np.nan], [1])):
        with pytest.raises(BadValueError):
            combine_shares(shares, totals)


parts = st.integers(1, 100_000)


@given(one=parts, two=parts, data=st.data())
def test_a_weight_lies_within_the_interval_that_rounding_leaves(one, two, data):
    """Publish two parts and their whole in whole per cent: the true weight is in the interval."""
    shares = [data.draw(st.integers(0, n)) / n for n in (one, two)]
    total = combine_shares(shares, [one, two])
    rounded = [round(100 * share) for share in (total, *shares)]
    weight = implied_weight(*rounded, rounding=1)
    assert 0 <= weight.low <= weight.high <= 1
    assert weight.low - 1e-9 <= one / (one + two) <= weight.high + 1e-9
    assert min(shares) - 1e-12 <= total <= max(shares) + 1e-12
