"""PTS's rules by year, the list of buildings, and the likely projects, worked out by hand."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from bredband.prices import Price, Prices
from bredband.pts import (
    consultation_list,
    eligible_buildings,
    likely_projects,
    passed_aid,
)
from bredband.pts_rules import RulesError, pts_words, rule_findings, rules_of, rules_table
from bredband.settings_pts import PtsSettings
from bredband.tables import check_table
from bredband.tables_pts import (
    CONSULTATION,
    EXCLUSION_COUNTS,
    EXCLUSION_REASONS,
    EXCLUSIONS,
    LANDSDELAR,
    PTS_BUILDINGS,
    PTS_PROJECTS,
    PTS_RULES,
)
from bredband_gis.errors import (
    BadValueError,
    MissingColumnError,
    NoCrsError,
    WrongCrsError,
)
from bredband_gis.points import locate
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import box

if TYPE_CHECKING:
    from pathlib import Path

X, Y = 700_000.0, 7_305_000.0

# id, households, workplaces, holiday homes, segment, connected, passed and planned Mbit/s
BUILDINGS: list[tuple[str, int, int, int, str | None, float, float, float]] = [
    ("home", 1, 0, 0, "utanför", 24, 0, 0),
    ("shop", 0, 2, 0, "småort", 99.9, 0, 0),
    ("cabin", 0, 0, 1, "utanför", 0, 0, 0),
    ("town", 3, 1, 0, "tätort", 0, 0, 0),
    ("fast", 1, 0, 0, "utanför", 100, 0, 0),
    ("near", 1, 0, 2, "utanför", 24, 1000, 0),
    ("soon", 1, 0, 0, "småort", 0, 0, 100),
    ("both", 1, 0, 0, "utanför", 500, 1000, 1000),
    ("shed", 0, 0, 0, "tätort", 0, 0, 0),
    ("later", 2, 1, 0, "utanför", 0, 0, 0),
]


def status(rows: list[tuple[Any, ...]] | None = None) -> gpd.GeoDataFrame:
    ids, lives, works, away, segment, speed, passed, planned = zip(
        *(BUILDINGS if rows is None else rows), strict=True
    )
    n = len(ids)
    x, y = X + 100.0 * np.arange(n) + 0.6, Y + np.zeros(n) - 0.4
    table = pd.DataFrame(
        {
            "premises_id": pd.array(ids, dtype="str"),
            "x": x,
            "y": y,
            "municipality_code": pd.array(["2501"] * (n // 2) + ["2502"] * (n - n // 2), "str"),
            "households": np.array(lives, dtype=np.int64),
            "workplaces": np.array(works, dtype=np.int64),
            "holiday_homes": np.array(away, dtype=np.int64),
            "segment": pd.array(segment, dtype="str"),
            "speed_mbit": np.array(speed, dtype=float),
            "passed_speed_mbit": np.array(passed, dtype=float),
            "planned_speed_mbit": np.array(planned, dtype=float),
        }
    )
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(x, y), crs="EPSG:3006")


LATER = gpd.GeoDataFrame(geometry=[box(X + 880, Y - 50, X + 950, Y + 50)], crs="EPSG:3006")
RULES = rules_of(2023)
MUNICIPALITIES = pd.DataFrame(
    {"municipality_code": ["2501", "2502"], "municipality_name": ["Norr", "Syd"]}
)


# ---------------------------------------------------------------------------- the rules by year


def test_the_rules_of_2023_as_published() -> None:
    assert (RULES.threshold_mbit, RULES.plan_years) == (100, 3)
    assert RULES.excluded_segments == ("tätort",)
    assert RULES.useful_marks == 25
    assert RULES.budget == {
        "Norrland": 323_843_000, "Svealand": 418_368_000, "Götaland": 479_789_000,
    }  # fmt: skip
    assert not rule_findings(RULES)


def test_the_quota_is_a_whole_number_of_buildings_never_rounded_up() -> None:
    assert [RULES.quota(n) for n in (0, 3, 4, 10, 13, 8270)] == [0, 0, 1, 3, 3, 2481]


def test_the_discount_as_pts_gives_it() -> None:
    # 2 per cent for each prioritised building, never more than 50: 25 buildings.
    assert RULES.discount([0, 1, 10, 24, 25, 26, 400]) == pytest.approx(
        [0, 0.02, 0.20, 0.48, 0.50, 0.50, 0.50]
    )
    assert RULES.comparison([100_000.0, 100_000.0, 74_000.0], [0, 10, 30]) == pytest.approx(
        [100_000, 80_000, 37_000]
    )


def test_published_figures_add_up_as_published() -> None:
    known = RULES.published
    applied = sum(known.applications[f"{name}_sek"] for name in LANDSDELAR)
    assert applied == known.applications["sek"]
    each = known.applications["sek"] / known.applications["buildings"]
    assert each == pytest.approx(90_558, abs=1)
    assert known.outcome["sek"] / known.outcome["buildings"] == pytest.approx(74_027, abs=1)
    pot = known.outcome["pot_sek"] / known.outcome["pot_buildings"]
    assert pot == pytest.approx(120_732, abs=1)
    home = sum(known.outcome[f"{name}_projects"] for name in LANDSDELAR)
    assert home + known.outcome["pot_projects"] == known.outcome["projects"]


def test_a_year_takes_what_it_lacks_from_the_newest_earlier_and_says_so() -> None:
    rules = rules_of(2024)
    assert rules.year == 2024
    assert rules.facts["marks.quota_share"].year == 2023
    assert sum(rules.budget.values()) == pytest.approx(800e6)  # its own total
    assert rules.budget["Norrland"] / 800e6 == pytest.approx(323.843 / 1222.0)  # split as 2023
    said = {finding.rule for finding in rule_findings(rules, language="en")}
    assert said == {
        "pts-rules-of-another-year", "pts-budget-of-another-year",
        "pts-applications-of-another-year",
    }  # fmt: skip
    assert all("2023" in finding.message for finding in rule_findings(rules))
    # Dates are never those of another year.
    assert rules.facts["calendar.priorities"].value[0].isoformat() == "2024-04-11"
    assert "calendar.consultation" not in rules.facts


def test_2022_is_simulated_by_the_only_call_that_is_known_whole() -> None:
    rules = rules_of(2022)
    assert rules.published.year == 2023
    assert rules.budget["Norrland"] == 446_114_000
    assert rules.facts["marks.quota_share"].mark == "I"
    assert [finding.rule for finding in rule_findings(rules)] == [
        "pts-applications-of-another-year"
    ]


def test_years_without_rules() -> None:
    assert rules_of().year == 2024
    later = rules_of(2031)
    assert later.threshold_mbit == 100
    assert not [name for name in later.facts if name.startswith("calendar.")]
    with pytest.raises(RulesError, match="2021 are not known; the oldest are of 2022"):
        rules_of(2021)


NEXT = """
[2025.eligibility]
threshold_mbit = { value = 300, mark = "F", source = "a made call" }
excluded_segments = { value = ["tätort", "småort"], mark = "F", source = "a made call" }
[2025.marks]
quota_share = { value = 0.25, mark = "F", source = "a made call" }
discount = { value = 0.04, mark = "F", source = "a made call" }
[2025.budget]
Norrland = { value = 1000, mark = "F", source = "a made call" }
Svealand = { value = 2000, mark = "F", source = "a made call" }
"Götaland" = { value = 3000, mark = "F", source = "a made call" }
"""


def test_next_year_is_an_edit(tmp_path: Path) -> None:
    path = tmp_path / "regler.toml"
    path.write_text(NEXT, encoding="utf-8")
    rules = rules_of(path=path)
    assert rules.year == 2025
    assert (rules.threshold_mbit, rules.quota(100), rules.useful_marks) == (300, 25, 13)
    assert rules.discount([1, 12, 13]) == pytest.approx([0.04, 0.48, 0.50])  # the old cap
    assert rules.budget == {"Norrland": 1000, "Svealand": 2000, "Götaland": 3000}
    listed = eligible_buildings(status(), rules, later_connection=LATER).buildings
    reasons = listed.set_index("premises_id")["reason"]
    assert reasons["shop"] == "locality"  # a småort is excluded now
    assert pd.isna(reasons["fast"])  # 100 Mbit/s no longer excludes
    assert reasons["both"] == "connected"
    # Earlier years are as they were.
    assert rules_of(2023, path=path).threshold_mbit == 100


def test_a_fact_of_the_regions_own_replaces_the_built_in_one(tmp_path: Path) -> None:
    path = tmp_path / "regler.toml"
    path.write_text(
        '[2023.marks]\nquota_share = { value = 0.1, mark = "S", source = "oss" }\n', "utf-8"
    )
    rules = rules_of(2023, path=path)
    assert rules.quota(100) == 10
    assert rules.useful_marks == 25
    assert rules.facts["marks.quota_share"].mark == "S"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[soon.marks]\n", "is not a year"),
        ("[2025.marks]\nquota = 1\n", "2025.marks.quota"),
        ('[2025.marks]\nquota_share = { value = 3, mark = "F", source = "x" }\n', "less than"),
        ('[2025.marks]\nquota_share = { value = 0.3, mark = "F", source = "" }\n', "source"),
        ('[2025.marks]\nquota_share = { value = 0.3, mark = "Q", source = "x" }\n', "mark"),
        ("[2025.marks]\nquota_share = 0.3\n", "quota_share"),
        ("[2025.marks\n", "not valid TOML"),
        ('[2025.budget]\nLappland = { value = 3, mark = "F", source = "x" }\n', "Lappland"),
    ],
)
def test_faults_in_a_file_of_rules_are_named(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "regler.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulesError, match=words) as caught:
        rules_of(path=path)
    assert str(path) in str(caught.value)


def test_a_file_of_rules_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="cannot be read"):
        rules_of(path=tmp_path / "none.toml")


def test_every_fact_names_its_source_and_mark() -> None:
    for year in (2022, 2023, 2024):
        table = rules_table(rules_of(year))
        check_table(table, PTS_RULES, where="rules")
        assert (table["source"].str.len() > 5).all()
        assert table["mark"].isin(list("FDSIU")).all()
        assert (table.loc[table["fact"].str.startswith("landsdel"), "mark"] == "U").all()
    shown = table.set_index("fact")["value"]
    assert shown["marks.quota_share"] == "0.3"
    assert shown["calendar.quality_check"] == "2024-01-15, 2024-02-05"
    assert len(rules_of(2024).criteria) == 5
    assert [criterion.mark for criterion in rules_of(2024).criteria] == ["F", "F", "I", "I", "I"]


def test_every_county_lies_in_one_landsdel(shared_data: Path) -> None:
    folder = shared_data / "sverige" / "scb_granser" / "LanSweref99TM"
    counties = gpd.read_file(folder / "Lan_Sweref99TM_region.shp")
    code = next(name for name in counties if name.casefold() == "lnkod")
    assert len(counties) == 21
    assert RULES.landsdel_of(counties[code].astype("str")).notna().all()
    assert sum(RULES.counties_in(name) for name in LANDSDELAR) == 21
    north = counties.geometry.centroid.y.groupby(RULES.landsdel_of(counties[code])).mean()
    assert north["Norrland"] > north["Svealand"] > north["Götaland"]


def test_the_two_languages_hold_the_same_words() -> None:
    swedish, english = (
        tomllib.loads(files("bredband.text").joinpath(f"pts_{name}.toml").read_text("utf-8"))
        for name in ("sv", "en")
    )
    assert {k: list(v) for k, v in swedish.items()} == {k: list(v) for k, v in english.items()}
    assert set(EXCLUSION_REASONS) < set(swedish["reason"])
    with pytest.raises(ValueError, match="no words in 'no'"):
        pts_words("no")


# ------------------------------------------------------------------------- who may be applied for


def test_each_rule_by_hand() -> None:
    found = eligible_buildings(status(), RULES, later_connection=LATER)
    check_table(found.buildings, PTS_BUILDINGS, where="buildings")
    check_table(found.exclusions, EXCLUSIONS, where="exclusions")
    check_table(found.counts, EXCLUSION_COUNTS, where="counts")
    table = found.buildings.set_index("premises_id")
    assert table["reason"].fillna("").to_dict() == {
        "home": "", "shop": "", "cabin": "", "town": "locality", "fast": "connected",
        "near": "passed", "soon": "planned", "both": "connected", "shed": "empty",
        "later": "later_connection",
    }  # fmt: skip
    assert list(table.index[table["eligible"]]) == ["home", "shop", "cabin"]
    # A holiday home can be sought support for, but is outside the quota and the ranking.
    assert list(table.index[table["in_base"]]) == ["home", "shop"]
    assert table["kind"].to_dict() == {
        "home": "household", "shop": "workplace", "cabin": "holiday_home", "town": "household",
        "fast": "household", "near": "household", "soon": "household", "both": "household",
        "shed": "empty", "later": "household",
    }  # fmt: skip
    assert set(table["county_code"]) == {"25"}
    assert table["reason_text"]["near"].startswith("kan anslutas med minst 100 Mbit/s")
    assert pd.isna(table["reason_text"]["home"])
    assert not found.findings


def test_every_reason_that_applies_is_listed() -> None:
    found = eligible_buildings(status(), RULES, later_connection=LATER).exclusions
    by_id = found.groupby("premises_id")["reason"].agg(list).to_dict()
    assert by_id == {
        "town": ["locality"], "fast": ["connected"], "near": ["passed"], "soon": ["planned"],
        "both": ["connected", "passed", "planned"], "shed": ["empty", "locality"],
        "later": ["later_connection"],
    }  # fmt: skip
    assert found[found["first"]].groupby("premises_id")["reason"].agg(list).to_dict() == {
        **{name: reasons[:1] for name, reasons in by_id.items()}
    }


def test_counts_by_reason_and_municipality() -> None:
    counts = eligible_buildings(status(), RULES, later_connection=LATER).counts
    rows = counts.set_index(["municipality_code", "reason"])
    assert rows.loc[("2501", "eligible"), "first_buildings"] == 3
    assert rows.loc[("2501", "eligible"), "base_buildings"] == 2
    assert rows.loc[("2501", "eligible"), "holiday_homes"] == 1
    assert rows.loc[("2501", "locality"), ["households", "workplaces"]].tolist() == [3, 1]
    # "shed" holds nothing and lies in a tätort: it is counted first for the former.
    assert rows.loc[
        ("2502", "locality"), ["buildings", "first_buildings", "only_buildings"]
    ].tolist() == [1, 0, 0]
    assert rows.loc[("2502", "empty"), ["first_buildings", "base_buildings"]].tolist() == [1, 0]
    assert rows.loc[("2502", "planned"), ["buildings", "first_buildings"]].tolist() == [2, 1]
    assert rows.loc[("2502", "passed"), "households"] == 1
    assert counts["first_buildings"].sum() == len(BUILDINGS)


def test_without_localities_the_rule_is_not_applied_and_that_is_said() -> None:
    rows = [(*row[:4], None, *row[5:]) for row in BUILDINGS]
    found = eligible_buildings(status(rows), RULES, later_connection=LATER, language="en")
    table = found.buildings.set_index("premises_id")
    assert table.loc["town", "eligible"]
    assert not table["locality_known"].any()
    (finding,) = found.findings
    assert (finding.rule, finding.severity, finding.rows) == ("pts-locality-unknown", "warning", 4)
    assert "no localities are given" in finding.message


def test_only_the_buildings_whose_locality_is_not_known_are_told_of() -> None:
    rows = [(*row[:4], None if row[0] in ("home", "fast") else row[4], *row[5:])
            for row in BUILDINGS]  # fmt: skip
    found = eligible_buildings(status(rows), RULES, later_connection=LATER)
    assert [finding.rows for finding in found.findings] == [1]  # "fast" is out anyway
    assert (~found.buildings["locality_known"]).sum() == 2


def test_areas_of_later_connection_that_are_not_given_are_told_of() -> None:
    found = eligible_buildings(status(), RULES, language="en")
    assert found.buildings.set_index("premises_id").loc["later", "eligible"]
    assert [finding.rule for finding in found.findings] == ["pts-no-later-connection"]
    none = LATER.iloc[:0]
    assert not eligible_buildings(status(), RULES, later_connection=none).findings


def test_the_border_of_an_area_of_later_connection_is_inside() -> None:
    edge = gpd.GeoDataFrame(geometry=[box(X + 0.6, Y - 9, X + 9, Y + 9)], crs="EPSG:3006")
    table = eligible_buildings(status(), RULES, later_connection=edge).buildings
    assert table["reason"].iloc[0] == "later_connection"


def test_another_horizon_than_the_rules_is_told_of() -> None:
    found = eligible_buildings(status(), RULES, later_connection=LATER, plan_years=2, language="en")
    assert found.findings[0].message == "Plans are counted 2 years ahead, but the rules say 3 years"
    assert not eligible_buildings(status(), RULES, later_connection=LATER, plan_years=3).findings


def test_networks_that_the_speed_does_not_show_are_told_of() -> None:
    networks = status().assign(networks=[1, 0, 0, 1, 1, 1, 1, 1, 0, 0])
    (finding,) = eligible_buildings(networks, RULES, later_connection=LATER).findings
    assert (finding.rule, finding.rows) == ("pts-networks-differ", 1)


def test_wireless_alone_does_not_exclude() -> None:
    fast_air = status().assign(wireless_speed_mbit=1000.0)
    found = eligible_buildings(fast_air, RULES, later_connection=LATER).buildings
    assert found["eligible"].sum() == 3


def test_rules_that_are_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "regler.toml"
    path.write_text(
        """
        [2023.eligibility]
        passed_counts = { value = false, mark = "U", source = "test" }
        later_connection_excluded = { value = false, mark = "U", source = "test" }
        """,
        encoding="utf-8",
    )
    found = eligible_buildings(status(), rules_of(2023, path=path), later_connection=LATER)
    reasons = found.buildings.set_index("premises_id")["reason"]
    assert reasons[["near", "later"]].isna().all()
    assert set(found.exclusions["reason"]) == {"empty", "locality", "connected", "planned"}
    # What is not asked for need not be given.
    assert not eligible_buildings(status(), rules_of(2023, path=path)).findings


def test_layers_that_do_not_fit_are_refused() -> None:
    plain = pd.DataFrame(status().drop(columns="geometry"))
    with pytest.raises(NoCrsError, match="which CRS"):
        eligible_buildings(plain, RULES, later_connection=LATER)
    found = eligible_buildings(plain, RULES, later_connection=LATER, crs="EPSG:3006")
    assert found.buildings["reason"].iloc[-1] == "later_connection"
    with pytest.raises(WrongCrsError, match="later connection"):
        eligible_buildings(status(), RULES, later_connection=LATER.to_crs("EPSG:3010"))
    with pytest.raises(MissingColumnError, match="passed_speed_mbit"):
        eligible_buildings(status().drop(columns="passed_speed_mbit"), RULES)


def test_nobody_at_all() -> None:
    found = eligible_buildings(status().iloc[:0], RULES, later_connection=LATER)
    assert not len(found.buildings)
    assert not len(found.exclusions)
    assert not len(found.counts)
    assert not found.findings


def test_counties_of_other_countries() -> None:
    table = eligible_buildings(
        status(), RULES, later_connection=LATER, counties={"2501": "LI", "2502": "LI"}
    ).buildings
    assert set(table["county_code"]) == {"LI"}


rows_of_buildings = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 2), st.integers(0, 2),
        st.sampled_from(["tätort", "småort", "utanför", None]),
        st.sampled_from([0.0, 99.0, 100.0, 1000.0]), st.sampled_from([0.0, 1000.0]),
        st.sampled_from([0.0, 30.0, 100.0]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@given(rows_of_buildings)
@settings(max_examples=60)
def test_rows_add_up_and_the_base_is_eligible(rows: list[tuple[Any, ...]]) -> None:
    table = status([(f"b{number}", *row) for number, row in enumerate(rows)])
    found = eligible_buildings(table, RULES)
    buildings = found.buildings
    assert len(buildings) == len(table)
    assert (buildings["eligible"] == buildings["reason"].isna()).all()
    assert buildings.loc[buildings["in_base"], "eligible"].all()
    assert not (
        buildings["in_base"] & (buildings["households"] + buildings["workplaces"] == 0)
    ).any()
    assert found.exclusions["first"].sum() == (~buildings["eligible"]).sum()
    assert found.counts["first_buildings"].sum() == len(table)
    lost = buildings["premises_id"][~buildings["eligible"]]
    assert set(found.exclusions["premises_id"]) == set(lost)
    assert not (buildings["eligible"] & (buildings["segment"] == "tätort")).any()


def test_real_places_and_real_built_up_areas(shared_data: Path) -> None:
    """Villages of Norrbotten, Lantmäteriet's built-up areas standing in for the two layers."""
    path = shared_data / "sverige" / "sample_bd_m.gpkg"
    shapes = gpd.read_file(path, layer="bebyggelse_lm250k").to_crs("EPSG:3006")
    places = gpd.read_file(path, layer="orter_wof").to_crs("EPSG:3006")
    n = len(places)
    table = gpd.GeoDataFrame(
        {
            "premises_id": [f"o{number}" for number in range(n)],
            "x": places.geometry.x,
            "y": places.geometry.y,
            "municipality_code": pd.array(["2580"] * n, dtype="str"),
            "households": 1, "workplaces": 0, "holiday_homes": 0,
            "segment": pd.array(["utanför"] * n, dtype="str"),
            "speed_mbit": 0.0, "passed_speed_mbit": 0.0, "planned_speed_mbit": 0.0,
        },
        geometry=places.geometry,
        crs="EPSG:3006",
    )  # fmt: skip
    found = eligible_buildings(table, RULES, later_connection=shapes[["geometry"]])
    joined = gpd.sjoin(table[["geometry"]], shapes[["geometry"]], predicate="intersects")
    inside = table.index.isin(joined.index)
    assert 100 < inside.sum() < n
    assert (found.buildings["reason"].eq("later_connection").to_numpy() == inside).all()
    assert (locate(table["x"], table["y"], shapes.geometry.to_numpy()) >= 0).sum() == inside.sum()
    listed = consultation_list(found.buildings, MUNICIPALITIES, RULES)
    assert len(listed) == (~inside).sum()
    merged = listed.merge(table, left_on="building_id", right_on="premises_id")
    assert (merged["n_3006"] - merged["y"]).abs().max() <= 0.5
    assert (merged["e_3006"] - merged["x"]).abs().max() <= 0.5


# ---------------------------------------------------------------------------- the public list


def test_the_list_for_the_consultation() -> None:
    buildings = eligible_buildings(status(), RULES, later_connection=LATER).buildings
    listed = consultation_list(buildings, MUNICIPALITIES, RULES, language="en")
    check_table(listed, CONSULTATION, where="consultation")
    assert listed["building_id"].tolist() == ["cabin", "home", "shop"]
    assert listed["e_3006"].tolist() == [700_201, 700_001, 700_101]
    assert set(listed["n_3006"]) == {7_305_000}
    assert listed["household_or_workplace"].tolist() == [False, True, True]
    assert set(listed["municipality"]) == {"Norr"}
    assert "within 3 years" in listed["asked"].iloc[0]
    assert "100 Mbit/s" in listed["asked"].iloc[0]
    # Nothing of who lives there.
    assert not {"households", "workplaces", "x", "y"} & set(listed)


def test_the_list_is_in_sweref_99_tm_whatever_the_region_is_measured_in() -> None:
    there = status()
    local = there.to_crs("EPSG:3010")
    moved = local.assign(x=local.geometry.x, y=local.geometry.y)
    buildings = eligible_buildings(moved, RULES).buildings
    listed = consultation_list(buildings, MUNICIPALITIES, RULES, crs="EPSG:3010")
    assert listed["e_3006"].tolist()[:2] == [700_201, 700_001]


# ---------------------------------------------------------------------------- likely projects

PRICES = Prices(
    drop_fixed=Price(value=1000, unit="SEK/premises", source="test"),
    drop_per_m=Price(value=100, unit="SEK/m", source="test"),
    own_contribution=Price(value=20000, unit="SEK/household", source="test"),
    operator_revenue=Price(value=10000, unit="SEK/household", source="test"),
)


def laid() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Two areas: a with 3 buildings on 1 000 m of trench, b with 1 at existing fibre."""
    trench = pd.DataFrame(
        {"area_id": ["a", "a"], "length_m": [600.0, 400.0], "cost_sek": [60_000.0, 40_000.0]}
    )
    reach = pd.DataFrame(
        {
            "premises_id": ["p1", "p2", "p3", "p4", "p5"],
            "area_id": ["a", "a", "a", "b", "2501-0000"],
            "reach": ["trench", "trench", "trench", "at_fibre", "no_road"],
            "road_distance_m": [10.0, 20.0, 30.0, 40.0, np.nan],
        }
    )
    held = pd.DataFrame(
        {"premises_id": ["p1", "p2", "p3", "p4", "p5"], "households": [1, 2, 0, 1, 4]}
    )
    return trench, reach, held


def test_aid_goes_to_the_plot_boundary_whatever_the_scope() -> None:
    trench, reach, held = laid()
    aid = passed_aid(trench, reach, held, PRICES)
    # Trench only: no drop, and nobody's 30 000 SEK taken off.
    assert aid.to_dict() == {"a": 100_000.0, "b": 0.0}
    more = PRICES.model_copy(update={"design_share": Price(value=0.1, unit="share", source="test")})
    assert passed_aid(trench, reach, held, more)["a"] == pytest.approx(110_000)
    assert PRICES.scope == "connected"


def areas() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area_id": ["b", "a", "c", "2501-0000"],
            "municipality_code": ["2501", "2501", "0180", "2501"],
            "reached": [True, True, True, False],
            "gap_sek": [-5000.0, 90_000.0, 40_000.0, np.nan],
            "rank": pd.array([1, 2, 3, pd.NA], dtype="Int64"),
            "score": [0.9, 0.5, 0.1, np.nan],
        }
    )


def held_by_areas() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "area_id": ["a", "a", "a", "a", "b", "c", "2501-0000", pd.NA],
            "households": [1, 2, 0, 0, 1, 1, 1, 1],
            "workplaces": [0, 1, 1, 0, 0, 0, 0, 0],
            "kind": ["household", "household", "workplace", "holiday_home", *["household"] * 4],
            "in_base": [True, True, False, False, True, True, True, True],
        }
    )
    return table.astype({"area_id": "str"})


def test_projects_of_areas() -> None:
    made = likely_projects(areas(), held_by_areas(), RULES)
    check_table(made, PTS_PROJECTS, where="projects")
    rows = made.set_index("area_id")
    # b needs nothing, what no trench reaches is no project.
    assert rows.index.tolist() == ["a", "c"]
    # Two of the area's three household and workplace buildings are eligible: two thirds of it.
    assert rows.loc["a", "base_buildings"] == 2
    assert rows.loc["a", ["households", "workplaces"]].tolist() == [3, 1]
    assert rows.loc["a", "aid_sek"] == pytest.approx(60_000)
    assert rows.loc["a", "aid_per_building_sek"] == pytest.approx(30_000)
    assert rows["landsdel"].to_dict() == {"a": "Norrland", "c": "Svealand"}
    assert rows["rank"].to_dict() == {"a": 2, "c": 3}


def test_settings_of_projects() -> None:
    held, whole = held_by_areas(), areas()
    aid = pd.Series({"a": 300_000.0, "b": 8_000.0, "c": 20.0})  # c: half of it is the least
    made = likely_projects(whole, held, RULES, aid=aid, aid_share=0.5, min_aid_sek=10.0)
    assert made.set_index("area_id")["aid_sek"].to_dict() == {"a": 100_000, "b": 4000}
    made = likely_projects(whole, held, RULES, landsdel="Götaland")
    assert set(made["landsdel"]) == {"Götaland"}
    unranked = likely_projects(whole.drop(columns=["rank", "score"]), held, RULES)
    assert unranked["rank"].isna().all()
    assert "score" not in unranked
    foreign = whole.assign(municipality_code="7001")
    with pytest.raises(BadValueError, match="county 70 lies in no landsdel"):
        likely_projects(foreign, held, RULES)
    with pytest.raises(MissingColumnError, match="gap_sek"):
        likely_projects(whole.drop(columns="gap_sek"), held, RULES)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValidationError, match="twice"):
        PtsSettings(mark_order=["households", "households"])
    with pytest.raises(ValidationError, match="negative"):
        PtsSettings(budget_sek={"Norrland": -1.0})
    with pytest.raises(ValidationError, match="Norrland"):
        PtsSettings(landsdel="Lappland")  # type: ignore[arg-type]
