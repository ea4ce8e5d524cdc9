"""Criteria, values, scores, ranks and the words for them."""

from __future__ import annotations

import string
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from bredband.criteria import CRITERIA, criteria_table, criteria_words, describe_surroundings
from bredband.motivations import explain_areas
from bredband.priority import rank_areas
from bredband.scores import direction, score_areas, to_values
from bredband.settings_priority import Criterion, CriterionName, PrioritySettings
from bredband.tables import check_table
from bredband.tables_scores import MOTIVATIONS, SCORES
from bredband_gis.errors import BadValueError, MissingColumnError
from hypothesis import given, settings
from hypothesis import strategies as st
from languages import english_in, swedish_in
from pydantic import ValidationError
from ranked_areas import areas, forests, is_before_what_it_needs, order_before_scores

LANGUAGES = ("sv", "en")
NAN = float("nan")


def number_of(name: str, **columns: object) -> list[float]:
    return CRITERIA[name].number(areas(**columns)).to_list()


def values(numbers: list[float], **setting: Any) -> list[float]:
    one = Criterion(**{"name": "households", **setting})
    return to_values(np.array(numbers)[:, None], one, direction(one))[:, 0].tolist()


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


# --- the register ------------------------------------------------------------------------


def test_the_settings_name_the_criteria_of_the_register() -> None:
    assert get_args(CriterionName) == tuple(CRITERIA)
    described = Criterion.model_fields["name"].description or ""
    assert described.removeprefix("Name of the criterion: ").split(", ") == list(CRITERIA)


def test_every_criterion_has_words_in_both_languages() -> None:
    sv, en = (criteria_words(language) for language in LANGUAGES)
    assert list(sv) == list(en) == ["motivation", "each", "unit", "better", *CRITERIA]
    for section in sv:
        assert list(sv[section]) == list(en[section])
        for key, text in sv[section].items():
            holes = [
                {name for _, name, _, _ in string.Formatter().parse(one) if name}
                for one in (text, en[section][key])
            ]
            assert holes[0] == holes[1], (section, key)
            assert not english_in(text.replace("{", "(").replace("}", ")")), text
            assert not swedish_in(en[section][key]), key
            text.encode("cp1252")
    for name in CRITERIA:
        assert set(sv[name]) == {"label", "description", "basis"}
        # Who uses it, with its mark: found in a source, or inferred.
        assert {"(F", "(I"} & {sv[name]["basis"][i : i + 2] for i in range(len(sv[name]["basis"]))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_criteria_are_listed_for_the_reader(language: str) -> None:
    table = criteria_table(language)
    assert table["criterion"].tolist() == list(CRITERIA)
    assert table.set_index("criterion").loc["functions", "source"] == "functions"
    assert (table[["label", "unit", "better", "description", "basis"]] != "").all(axis=None)


def test_every_criterion_of_the_practice_is_there() -> None:
    """What Swedish regions and PTS go by: direction and unit of each."""
    found = {name: (one.unit, one.better) for name, one in CRITERIA.items()}
    assert found == {
        "households": ("number", "more"),
        "workplaces": ("number", "more"),
        "functions": ("number", "more"),
        "support_per_household": ("SEK", "less"),
        "support_per_premises": ("SEK", "less"),
        "capex_per_household": ("SEK", "less"),
        "capex_per_premises": ("SEK", "less"),
        "distance_to_fibre": ("m", "more"),
        "spacing": ("m", "more"),
        "outside_localities": ("share", "more"),
        "expected_takeup": ("share", "more"),
        "breakeven_takeup": ("share", "less"),
        "municipality_coverage": ("share", "less"),
        "special_challenges": ("number", "more"),
        "planned_nearby": ("number", "more"),
        "holiday_homes": ("share", "more"),
        "no_mobile_households": ("number", "more"),
    }


# --- each criterion by hand ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        ("households", {"households": [3, 0]}, [3, 0]),
        ("workplaces", {"workplaces": [2, 0]}, [2, 0]),
        ("functions", {"functions": pd.array([1, None], dtype="Int64")}, [1, NAN]),
        (
            "support_per_household",
            {"gap_sek": [300.0, -50.0, 90.0], "households": [3, 5, 0]},
            [100, 0, NAN],
        ),
        (
            "support_per_premises",
            {"gap_sek": [300.0, -50.0], "premises": [4, 5], "households": [0, 1]},
            [75, 0],
        ),
        ("capex_per_household", {"capex_sek": [300.0, 80.0], "households": [3, 0]}, [100, NAN]),
        ("capex_per_premises", {"capex_sek": [300.0, 80.0], "premises": [4, 1]}, [75, 80]),
        ("distance_to_fibre", {"distance_to_fibre_m": [0.0, 1500.0]}, [0, 1500]),
        ("spacing", {"spacing_m": [120.0, NAN]}, [120, NAN]),
        ("outside_localities", {"outside_share": [0.25, NAN]}, [0.25, NAN]),
        ("expected_takeup", {"expected_takeup": [0.7, NAN]}, [0.7, NAN]),
        ("breakeven_takeup", {"breakeven_takeup": [1.4, NAN]}, [1.4, NAN]),
        ("municipality_coverage", {"municipality_coverage": [0.55, 0.89]}, [0.55, 0.89]),
        ("planned_nearby", {"planned_nearby": [4, 0]}, [4, 0]),
        (
            "holiday_homes",
            {"holiday_homes": [3, 0, 0], "households": [9, 4, 0]},
            [0.25, 0, NAN],
        ),
        ("no_mobile_households", {"no_mobile_households": [2, 0]}, [2, 0]),
        (
            # Medians: coverage 0.7, support per building 10. b: both; c: low coverage alone.
            "special_challenges",
            {
                "municipality_coverage": [0.9, 0.5, 0.6, 0.8, 0.7],
                "gap_sek": [200.0, 300.0, -500.0, 0.0, 100.0],
            },
            [1, 2, 1, 0, 0],
        ),
    ],
)
def test_each_criterion_by_hand(name: str, columns: dict[str, Any], expected: list[float]) -> None:
    assert number_of(name, **columns) == pytest.approx(expected, nan_ok=True)


def test_challenges_are_beside_the_areas_that_have_both_numbers() -> None:
    found = number_of(
        "special_challenges",
        municipality_coverage=[0.5, 0.9, NAN],
        gap_sek=[100.0, 300.0, 9e9],
    )
    assert found == pytest.approx([1, 1, NAN], nan_ok=True)
    lost = number_of("special_challenges", municipality_coverage=[NAN], gap_sek=[1.0])
    assert np.isnan(lost).all()


def test_areas_that_no_trench_reaches_have_no_number() -> None:
    found = number_of("households", households=[3, 8], reached=[True, False])
    assert found == pytest.approx([3, NAN], nan_ok=True)


@pytest.mark.parametrize(
    ("name", "column", "source"),
    [
        ("functions", "functions", "functions"),
        ("no_mobile_households", "no_mobile_households", "mobile"),
        ("outside_localities", "outside_share", "localities"),
        ("expected_takeup", "expected_takeup", "offers"),
        ("planned_nearby", "planned_nearby", "plans"),
    ],
)
def test_a_criterion_without_its_source_names_it(name: str, column: str, source: str) -> None:
    words = rf"criterion {name} has no numbers[\s\S]*\[sources\.{source}\] in region\.toml"
    with pytest.raises(MissingColumnError, match=words):
        score_areas(areas(households=[1, 2]), [Criterion(name=name)])
    empty = areas(**{column: pd.array([None, None], dtype="Float64")})
    with pytest.raises(MissingColumnError, match=words):
        score_areas(empty, [Criterion(name=name)])
    # One number is enough, but not where no trench reaches.
    partly = areas(**{column: pd.array([0.5, None], dtype="Float64")})
    assert len(score_areas(partly, [Criterion(name=name)]).scores) == 2
    with pytest.raises(MissingColumnError, match=words):
        score_areas(partly.assign(reached=[False, True]), [Criterion(name=name)])


def test_a_column_that_a_step_should_have_made_is_named() -> None:
    with pytest.raises(MissingColumnError, match="column spacing_m is missing"):
        score_areas(areas(households=[1]), [Criterion(name="spacing")])


def test_surroundings_come_from_the_statistics_and_the_offers() -> None:
    codes = ["2501", "2501", "2502", "2501"]
    table = areas(households=[1, 1, 1, 1], municipality_code=codes)
    rows = [
        # kind, code, segment, base, measure, speed, share
        ("municipality", "2501", "total", "households", "passed", 100, 0.6),
        ("municipality", "2502", "total", "households", "passed", 100, 0.8),
        ("municipality", "2501", "total", "households", "connected", 100, 0.1),
        ("municipality", "2501", "glesbygd", "households", "passed", 100, 0.2),
        ("municipality", "2501", "total", "workplaces", "passed", 100, 0.3),
        ("municipality", "2501", "total", "households", "passed", 1000, 0.4),
        ("county", "2501", "total", "households", "passed", 100, 0.5),
        ("municipality", "2501", "total", "households", "accepted", 100, 0.7),
    ]
    names = ["area_kind", "area_code", "segment", "base", "measure", "speed_mbit", "share"]
    coverage = pd.DataFrame(rows, columns=names)
    premises = pd.DataFrame(
        {
            "area_id": ["a", "a", "b", None, "d"],
            "offered_households": pd.array([4, 6, None, 9, 1], dtype="Int64"),
            "accepted_households": pd.array([1, 4, None, 9, 0], dtype="Int64"),
        }
    )
    made = describe_surroundings(table, coverage, premises, speed_mbit=100)
    assert made["municipality_coverage"].tolist() == [0.6, 0.6, 0.8, 0.6]
    # The answers of a and d, those of b's municipality, and none in c's.
    assert made["expected_takeup"].tolist() == pytest.approx([0.5, 0.7, NAN, 0], nan_ok=True)
    # Without offers there is nothing to go by.
    bare = coverage[coverage["measure"] != "accepted"]
    made = describe_surroundings(table, bare, premises[["area_id"]], speed_mbit=1000)
    assert made["expected_takeup"].isna().all()
    share = made["municipality_coverage"].tolist()
    assert share == pytest.approx([0.4, 0.4, NAN, 0.4], nan_ok=True)


# --- value functions by hand -----------------------------------------------------------------


def test_linear_values() -> None:
    assert values([10, 20, 15, NAN]) == pytest.approx([0, 1, 0.5, NAN], nan_ok=True)
    assert values([10, 20, 15], better="less") == [1, 0, 0.5]
    # Beyond the ends nothing more is gained or lost.
    assert values([0, 5, 6, 9], worst=5, best=7) == [0, 0, 0.5, 1]
    assert values([0, 5, 6, 9], worst=7, best=5) == [1, 1, 0.5, 0]
    # One end given, the other that of the areas.
    assert values([2, 4, 8], best=10) == [0, 0.25, 0.75]
    assert values([2, 4, 8], worst=0) == [0.25, 0.5, 1]
    assert values([2, 4, 8], best=0, better="less") == [0.75, 0.5, 0]


def test_log_values() -> None:
    assert values([1, 10, 100], value="log") == pytest.approx([0, 0.5, 1])
    assert values([1, 10, 1000], value="log", worst=10, best=1000) == [0, 0, 1]
    assert values([4, 16], value="log", worst=1, best=16) == pytest.approx([0.5, 1])
    # 0 and less have no logarithm: as the lower end, or the smallest positive number.
    assert values([0, -5, 2, 8], value="log") == pytest.approx([0, 0, 0, 1])
    assert values([0, -5, 4, 8], value="log", worst=2) == pytest.approx([0, 0, 0.5, 1])
    assert values([0, 2, 8], value="log", better="less") == pytest.approx([1, 1, 0])
    assert values([0, NAN], value="log") == pytest.approx([1, NAN], nan_ok=True)


def test_threshold_values() -> None:
    assert values([1, 2, 3, NAN], value="threshold", best=2) == pytest.approx(
        [0, 1, 1, NAN], nan_ok=True
    )
    assert values([1, 2, 3], value="threshold", best=2, better="less") == [1, 1, 0]


def test_values_where_all_areas_are_alike() -> None:
    assert values([7, 7]) == [1, 1]
    assert values([7, 7], better="less") == [1, 1]
    assert values([7, 7], best=7) == [1, 1]
    assert values([7, 9], best=5) == [1, 1]  # nobody falls short
    assert values([7, 9], worst=10) == [0, 0]  # nobody comes beyond
    assert values([7, 7], worst=7) == [0, 0]
    assert values([7, 9], best=20, better="less") == [1, 1]
    assert values([7, 9], worst=5, better="less") == [0, 0]


def test_the_direction_is_by_the_ends_then_by_the_planner_then_as_usual() -> None:
    assert direction(Criterion(name="spacing")) == "more"
    assert direction(Criterion(name="spacing", better="less")) == "less"
    assert direction(Criterion(name="spacing", worst=400, best=200)) == "less"
    assert direction(Criterion(name="support_per_household", worst=0, best=9)) == "more"
    assert direction(Criterion(name="support_per_household", best=9)) == "less"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"value": "threshold"}, "a threshold needs best"),
        ({"value": "threshold", "best": 1, "worst": 0}, "a threshold has no worst"),
        ({"value": "log", "worst": 0}, "must be above 0"),
        ({"value": "log", "best": -1}, "must be above 0"),
        ({"worst": 2, "best": 2}, "the same number"),
        ({"worst": 1, "best": 2, "better": "less"}, "say the opposite"),
        ({"worst": 2, "best": 1, "better": "more"}, "say the opposite"),
        ({"weight": -1}, "greater than or equal to 0"),
        ({"weight": float("inf")}, "finite"),
        ({"best": float("nan")}, "finite"),
        ({"name": "beauty"}, "'households', 'workplaces'"),
    ],
)
def test_settings_that_cannot_be_meant(setting: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Criterion(**{"name": "households", **setting})


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ([{"name": "households"}, {"name": "households", "weight": 2}], "named more than once"),
        ([{"name": "households", "weight": 0}], "no criterion has a weight above 0"),
    ],
)
def test_criteria_that_do_not_go_together(criteria: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PrioritySettings(criteria=criteria)
    with pytest.raises(BadValueError, match=words):
        score_areas(areas(households=[1]), [Criterion(**one) for one in criteria])


# --- scores ------------------------------------------------------------------------------------

TWO = [
    Criterion(name="households", weight=3, worst=0, best=100),
    Criterion(name="functions", weight=1, worst=0, best=2, missing="mean"),
]
FUNCTIONS = pd.array([2, 1, None], dtype="Int64")


def test_a_score_by_hand() -> None:
    table = areas(households=[40, 80, 10], functions=FUNCTIONS)
    scored = score_areas(table, TWO)
    check_table(scored.scores, SCORES, where="scores")
    # 0.75 * 0.4 + 0.25 * 1; 0.75 * 0.8 + 0.25 * 0.5; 0.75 * 0.1 + 0.25 * mean(1, 0.5).
    assert scored.areas["score"].tolist() == pytest.approx([0.55, 0.725, 0.2625])
    last = scored.scores[scored.scores["area_id"] == "c"].set_index("criterion")
    assert last["number"].tolist() == pytest.approx([10, NAN], nan_ok=True)
    assert last["value"].tolist() == pytest.approx([0.1, 0.75])
    assert last["weight"].tolist() == [0.75, 0.25]
    assert last["contribution"].tolist() == pytest.approx([0.075, 0.1875])
    assert last["missing"].isna().tolist() == [True, False]
    assert last.loc["functions", "missing"] == "mean"
    assert scored.scores["unit"].unique().tolist() == ["number"]
    assert scored.scores["criterion"].tolist() == ["households", "functions"] * 3
    assert scored.scores["area_id"].tolist() == ["a", "a", "b", "b", "c", "c"]


@pytest.mark.parametrize(
    ("missing", "score", "value", "weight"),
    [("worst", 0.075, 0, 0.25), ("leave_out", 0.1, NAN, 0), ("mean", 0.2625, 0.75, 0.25)],
)
def test_a_missing_number_is_filled_as_said(
    missing: Any, score: float, value: float, weight: float
) -> None:
    table = areas(households=[40, 80, 10], functions=FUNCTIONS)
    scored = score_areas(table, [TWO[0], TWO[1].model_copy(update={"missing": missing})])
    check_table(scored.scores, SCORES, where="scores")
    assert scored.areas["score"].iloc[2] == pytest.approx(score)
    last = scored.scores.iloc[-1]
    assert [last["value"], last["weight"]] == pytest.approx([value, weight], nan_ok=True)
    assert last["missing"] == missing
    assert last["contribution"] == pytest.approx(np.nan_to_num(value) * weight)


def test_without_a_rule_costs_are_worst_and_the_rest_is_the_mean() -> None:
    table = areas(
        households=[10, 5, 0], functions=FUNCTIONS, gap_sek=[100.0, 500.0, 1.0], spacing_m=1.0
    )
    worst = score_areas(table, [Criterion(name="support_per_household")])
    assert worst.areas["score"].tolist() == [1, 0, 0]
    assert worst.scores["missing"].iloc[-1] == "worst"
    mean = score_areas(table, [Criterion(name="functions")])
    assert mean.areas["score"].tolist() == [1, 0, 0.5]
    assert {name for name, one in CRITERIA.items() if one.missing == "worst"} == {
        "support_per_household",
        "support_per_premises",
        "capex_per_household",
        "capex_per_premises",
        "breakeven_takeup",
    }


def test_a_number_that_nobody_has() -> None:
    """Workplaces only: no support per household anywhere, and still a table."""
    table = areas(households=[0, 0])
    for missing in ("worst", "mean"):
        one = Criterion(name="support_per_household", missing=missing)
        assert score_areas(table, [one]).areas["score"].tolist() == [0, 0]
    left_out = score_areas(table, [Criterion(name="support_per_household", missing="leave_out")])
    assert left_out.areas["score"].isna().all()
    check_table(left_out.scores, SCORES, where="scores")
    assert rank_areas(left_out.areas)["rank"].tolist() == [1, 2]


def test_rows_that_no_trench_reaches_have_no_score_and_are_no_yardstick() -> None:
    table = areas(households=[10, 20, 9000], reached=[True, True, False])
    table.loc[2, ["gap_sek", "capex_sek", "trench_m"]] = NAN
    scored = score_areas(table, [Criterion(name="households")])
    assert scored.areas["score"].tolist() == pytest.approx([0, 1, NAN], nan_ok=True)
    assert scored.scores["area_id"].tolist() == ["a", "b"]


def test_a_criterion_without_weight_is_shown() -> None:
    table = areas(households=[40, 80], holiday_homes=[10, 0])
    both = [TWO[0], Criterion(name="holiday_homes", weight=0)]
    scored = score_areas(table, both)
    assert scored.areas["score"].tolist() == pytest.approx([0.4, 0.8])
    shown = scored.scores[scored.scores["criterion"] == "holiday_homes"]
    assert shown["number"].tolist() == [0.2, 0]
    assert shown["contribution"].tolist() == [0, 0]


def test_no_areas_give_empty_tables() -> None:
    none = areas(households=[1]).iloc[:0]
    scored = score_areas(none, [Criterion(name="households")])
    check_table(scored.scores, SCORES, where="scores")
    explained = explain_areas(rank_areas(scored.areas), scored.scores)
    check_table(explained.motivations, MOTIVATIONS, where="motivations")
    assert explained.areas.empty


def test_an_infinite_number_is_refused() -> None:
    with pytest.raises(BadValueError, match="criterion spacing is infinite for 1 areas"):
        score_areas(areas(spacing_m=[1.0, np.inf]), [Criterion(name="spacing")])


@st.composite
def criteria(draw: st.DrawFn) -> list[Criterion]:
    names = draw(
        st.lists(
            st.sampled_from(
                ["households", "support_per_household", "functions", "workplaces", "spacing",
                 "capex_per_premises"]
            ),
            min_size=1,
            max_size=5,
            unique=True,
        )
    )  # fmt: skip
    made = []
    for name in names:
        value = draw(st.sampled_from(["linear", "log", "threshold"]))
        better = draw(st.sampled_from([None, "more", "less"]))
        best = draw(st.integers(1, 9)) if value == "threshold" or draw(st.booleans()) else None
        missing = draw(st.sampled_from([None, "mean", "worst", "leave_out"]))
        weight = draw(st.integers(0, 5)) if made else draw(st.integers(1, 5))
        made.append(
            Criterion(name=name, value=value, better=better, best=best, missing=missing,
                      weight=weight)
        )  # fmt: skip
    return made


@settings(max_examples=40)
@given(forests(), criteria())
def test_scores_lie_between_0_and_1_and_add_up(table: pd.DataFrame, wanted: Any) -> None:
    scored = score_areas(table, wanted)
    total = scored.scores.groupby("area_id")[["weight", "contribution"]].sum(min_count=1)
    score = scored.areas.set_index("area_id")["score"]
    assert score.dropna().between(0, 1).all()
    total = total.reindex(score.index)
    assert total["contribution"].to_list() == pytest.approx(score.to_list(), nan_ok=True)
    assert total["weight"].dropna().to_list() == pytest.approx([1.0] * score.notna().sum())


@settings(max_examples=25)
@given(forests(), criteria(), st.floats(1e-9, 1e9), st.randoms(use_true_random=False))
def test_neither_the_scale_of_weights_nor_the_order_of_rows_matters(
    table: pd.DataFrame, wanted: Any, factor: float, chance: Any
) -> None:
    first = rank_areas(score_areas(table, wanted).areas, budget_sek=5000.0)
    scaled = [one.model_copy(update={"weight": one.weight * factor}) for one in wanted]
    rows = list(range(len(table)))
    chance.shuffle(rows)
    turned = table.iloc[rows].reset_index(drop=True)
    second = rank_areas(score_areas(turned, scaled[::-1]).areas, budget_sek=5000.0)
    assert first["area_id"].tolist() == second["area_id"].tolist()
    assert first["score"].tolist() == pytest.approx(second["score"].tolist(), nan_ok=True)


@settings(max_examples=40)
@given(
    forests(),
    criteria(),
    st.integers(0, 8),
    st.integers(1, 5),
)
def test_more_of_the_good_never_lowers_a_score(
    table: pd.DataFrame, wanted: Any, row: int, more: int
) -> None:
    row %= len(table)
    # With fixed ends, so that the yardstick does not move along.
    fixed = [
        Criterion(name=one.name, weight=one.weight, value=one.value, better=direction(one),
                  best=one.best, missing="worst")
        if one.value == "threshold"
        else Criterion(name=one.name, weight=one.weight, value=one.value, missing="worst",
                       **dict(zip(("worst", "best"), (1, 9) if direction(one) == "more"
                                  else (9, 1), strict=True)))
        for one in wanted
    ]  # fmt: skip
    columns = {"households": "households", "workplaces": "workplaces", "functions": "functions",
               "spacing": "spacing_m"}  # fmt: skip
    named = [one for one in fixed if one.name in columns]
    alone = [one for one in named if columns[one.name] != "households"]
    for one in alone:
        column = columns[one.name]
        if pd.isna(table[column].iloc[row]):
            continue
        better = table.copy()
        sign = 1 if direction(one) == "more" else -1
        better.loc[row, column] = better[column].iloc[row] + sign * more
        before, after = (score_areas(t, fixed).areas["score"] for t in (table, better))
        assert after.iloc[row] >= before.iloc[row]
        assert after.drop(row).equals(before.drop(row))


# --- ranks ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(forests(), st.booleans())
def test_support_per_household_alone_ranks_as_ever(table: pd.DataFrame, lost: bool) -> None:
    if lost:
        extra = table.iloc[[0]].assign(
            area_id="0000", reached=False, upstream_area_id=pd.Series([None], dtype="str"),
            gap_sek=NAN, gap_per_household_sek=NAN,
        )  # fmt: skip
        table = pd.concat([extra, table], ignore_index=True)
    expected = order_before_scores(table)
    assert rank_areas(table)["area_id"].tolist() == expected
    scored = score_areas(table, PrioritySettings().criteria).areas
    ranked = rank_areas(scored, budget_sek=9000.0)
    assert ranked["area_id"].tolist() == expected
    ranks = ranked.loc[ranked["reached"], "rank"].tolist()
    assert ranks == list(range(1, len(ranks) + 1))
    assert ranked.loc[~ranked["reached"], "rank"].isna().all()
    same = rank_areas(table, budget_sek=9000.0)
    assert same.equals(ranked.drop(columns="score"))


@settings(max_examples=40)
@given(forests(), criteria())
def test_no_area_ranks_before_what_it_needs(table: pd.DataFrame, wanted: Any) -> None:
    ranked = rank_areas(score_areas(table, wanted).areas)
    assert sorted(ranked["rank"]) == list(range(1, len(table) + 1))
    assert not is_before_what_it_needs(table, ranked["area_id"].tolist())
    # Among areas that hang on nothing, the score decides.
    free = ranked[ranked["upstream_area_id"].isna()]["score"].fillna(-1)
    assert free.is_monotonic_decreasing


def test_a_dependant_takes_the_lower_score_and_comes_right_after() -> None:
    table = areas(
        households=[10] * 6,
        upstream_area_id=[None, "a", "a", None, None, "c"],
        gap_sek=[500.0, 900.0, 100.0, 9000.0, 100.0, 200.0],
    ).assign(score=[0.3, 0.9, 0.8, 0.5, 0.2, 0.25])
    # d first; then a; b before c by their own score although b's gap is greater; f, then e.
    assert rank_areas(table)["area_id"].tolist() == ["d", "a", "b", "c", "f", "e"]


def test_ties_go_by_gap_per_household_along_the_chain() -> None:
    table = areas(
        households=[10] * 4,
        upstream_area_id=[None, "a", None, None],
        gap_sek=[300.0, 100.0, 200.0, -5.0],
    ).assign(score=[0.5] * 4)
    assert rank_areas(table)["area_id"].tolist() == ["d", "c", "a", "b"]


def test_an_area_without_any_score_is_last() -> None:
    table = areas(households=[10] * 3, upstream_area_id=[None, "a", None], gap_sek=[1.0, 1.0, 9e9])
    ranked = rank_areas(table.assign(score=[NAN, 0.9, 0.0]))
    assert ranked["area_id"].tolist() == ["c", "a", "b"]


def test_areas_that_hang_on_nothing_known_or_in_a_circle() -> None:
    lost = areas(households=[1, 1], upstream_area_id=[None, "z"])
    with pytest.raises(BadValueError, match="1 areas hang on an area that is not in the table"):
        rank_areas(lost)
    circle = areas(households=[1, 1, 1], upstream_area_id=["b", "a", None])
    with pytest.raises(BadValueError, match="2 areas hang on each other in a circle"):
        rank_areas(circle)


# --- in words ------------------------------------------------------------------------------


def explained(language: str = "sv", budget_sek: float | None = 300_000.0) -> Any:
    table = areas(
        households=[1240, 80, 10, 20, 5],
        functions=pd.array([0, 1, None, 2, 0], dtype="Int64"),
        upstream_area_id=[None, None, None, "c", None],
        gap_sek=[1e5, 2e5, 3e5, 4e5, NAN],
        reached=[True, True, True, True, False],
    )
    wanted = [
        Criterion(name="households", weight=3, worst=0, best=100),
        Criterion(name="functions", worst=0, best=2, missing="mean"),
        Criterion(name="support_per_household", weight=0),
    ]
    scored = score_areas(table, wanted)
    ranked = rank_areas(scored.areas, budget_sek=budget_sek)
    return explain_areas(ranked, scored.scores, language=language)


def test_every_area_says_why_it_ranks_where_it_does() -> None:
    made = explained()
    check_table(made.motivations, MOTIVATIONS, where="motivations")
    # Scores: a 0,75; b 0,725; c 0,2; d 0,4, held back by c. Medians: 50 households, 1 function.
    assert [plain(text) for text in made.areas["motivation"]] == [
        "Plats 1 av 4 med poängen 0,75 (median 0,56). Lyfts av hushåll som saknar bredband:"
        " 1 240 (median 50). Hålls tillbaka av samhällsfunktioner: 0 (median 1). Ryms i budgeten.",
        "Plats 2 av 4 med poängen 0,72 (median 0,56). Lyfts av hushåll som saknar bredband:"
        " 80 (median 50). Ryms i budgeten.",
        "Plats 3 av 4 med poängen 0,20 (median 0,56). Hålls tillbaka av hushåll som saknar"
        " bredband: 10 (median 50). Uppgift saknas och räknas som medelvärdet:"
        " samhällsfunktioner. Ryms inte i budgeten.",
        "Plats 4 av 4 med poängen 0,40 (median 0,56). Lyfts av samhällsfunktioner: 2 (median 1)."
        " Hålls tillbaka av hushåll som saknar bredband: 20 (median 50). Poängen ensam gav en"
        " högre plats, men området byggs inte före c (plats 3). Ryms inte i budgeten.",
        "Nås inte av någon grävning och har därför ingen plats.",
    ]
    first = made.motivations[made.motivations["area_id"] == "a"]["motivation"]
    assert [plain(text) for text in first] == [
        "Hushåll som saknar bredband: 1 240 (median 50). Värde 1,00 med vikten 75 % ger 0,75 av"
        " poängen 0,75.",
        "Samhällsfunktioner: 0 (median 1). Värde 0,00 med vikten 25 % ger 0,00 av poängen 0,75.",
        "Stöd per hushåll: 81 kr (median 11 200 kr). Visas utan att räknas (vikt 0).",
    ]
    third = made.motivations[made.motivations["area_id"] == "c"]["motivation"].iloc[1]
    assert plain(third) == (
        "Samhällsfunktioner: uppgift saknas, medelvärdet 0,50 räknas i stället. Med vikten 25 %"
        " ger det 0,12 av poängen 0,20."
    )


def test_english_on_request_and_no_budget_no_word_of_it() -> None:
    made = explained("en", None)
    assert plain(made.areas["motivation"].iloc[0]) == (
        "Rank 1 of 4 with the score 0.75 (median 0.56). Lifted by households without broadband:"
        " 1,240 (median 50). Held back by societal functions: 0 (median 1)."
    )
    for text in (*made.areas["motivation"], *made.motivations["motivation"]):
        assert not swedish_in(plain(text))
    for text in (*explained().areas["motivation"], *explained().motivations["motivation"]):
        assert not english_in(plain(text))


def test_units_are_written_as_the_reader_writes_them() -> None:
    table = areas(distance_to_fibre_m=[900.0, 4300.0], gap_sek=[2e6, 3e8], outside_share=[0.5, 1.0])
    wanted = [Criterion(name=name) for name in
              ("distance_to_fibre", "support_per_household", "outside_localities")]  # fmt: skip
    scored = score_areas(table, wanted)
    made = explain_areas(rank_areas(scored.areas), scored.scores)
    assert [plain(text).split(" (")[0] for text in made.motivations["motivation"]] == [
        "Avstånd till fiber: 4,3 km",
        "Stöd per hushåll: 30,0 mkr",
        "Andel hushåll utanför tätort och småort: 100 %",
        "Avstånd till fiber: 900 m",
        "Stöd per hushåll: 200 000 kr",
        "Andel hushåll utanför tätort och småort: 50 %",
    ]


def test_what_is_left_out_worst_or_waited_for_is_told() -> None:
    table = areas(
        households=[10, 0, 10],
        functions=pd.array([1, None, 3], dtype="Int64"),
        upstream_area_id=[None, "c", "a"],
    )
    wanted = [
        Criterion(name="functions", missing="leave_out"),
        Criterion(name="support_per_household", missing="leave_out"),
        Criterion(name="capex_per_household", weight=1e-6),
    ]
    scored = score_areas(table, wanted)
    texts = explain_areas(rank_areas(scored.areas), scored.scores).areas.set_index("area_id")
    text = plain(texts.loc["b", "motivation"])
    assert "räknas inte med: samhällsfunktioner och stöd per hushåll." in text
    assert "räknas som sämst: kostnad per hushåll." in text
    assert "Hänger på grävningen i c (plats 2)." in text
    named = scored.areas.assign(name=["Alfa N", None, "Beta SO"])
    texts = explain_areas(rank_areas(named), scored.scores).areas.set_index("area_id")
    assert "i Beta SO, c (plats 2)" in plain(texts.loc["b", "motivation"])
    alone = score_areas(table, wanted[:1])
    made = explain_areas(rank_areas(alone.areas), alone.scores)
    texts = made.areas.set_index("area_id")["motivation"]
    assert plain(texts["b"]).startswith("Plats 3 av 3: inget av kriterierna har någon uppgift här.")
    assert plain(made.motivations.set_index("area_id").loc["b", "motivation"]) == (
        "Samhällsfunktioner: uppgift saknas och räknas inte med; övriga kriterier väger desto mer."
    )
    same = score_areas(areas(households=[5, 5]), [Criterion(name="households")])
    text = explain_areas(rank_areas(same.areas), same.scores).areas["motivation"].iloc[1]
    assert "Ligger nära medianen i alla kriterier." in text


def test_a_choice_is_told_instead_of_what_the_budget_reaches_in_order() -> None:
    scored = score_areas(areas(households=[3, 2, 1]), [Criterion(name="households")])
    ranked = rank_areas(scored.areas, budget_sek=200_000.0)
    ranked["chosen"] = pd.array([False, True, None], dtype="boolean")
    texts = explain_areas(ranked, scored.scores).areas["motivation"]
    assert [text.rsplit(". ", 1)[1] for text in texts[:2]] == [
        "Väljs inte för stöd.", "Väljs för stöd."
    ]  # fmt: skip
    assert not texts[2].endswith("stöd.")
    assert not texts.str.contains("budgeten").any()


def test_an_area_that_bears_itself_needs_no_support() -> None:
    scored = score_areas(areas(households=[3, 2]), [Criterion(name="households")])
    table = scored.areas.assign(gap_sek=[0.0, 0.01])
    for budget in (None, 1e9):
        ranked = rank_areas(table, budget_sek=budget)
        texts = explain_areas(ranked, scored.scores).areas["motivation"]
        assert texts.str.contains("Behöver inget stöd").tolist() == [True, False]
        assert not texts[0].endswith("budgeten.")


def test_areas_must_be_scored_and_ranked_first() -> None:
    scored = score_areas(areas(households=[1]), [Criterion(name="households")])
    with pytest.raises(MissingColumnError, match="score_areas, rank_areas"):
        explain_areas(scored.areas, scored.scores)
