"""Choices under the planner's budgets, from tables to tables."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bredband.choice_areas import choose_areas, nest_areas, schedule_areas
from bredband.choice_text import tell_choice
from bredband.settings_priority import Budget, PrioritySettings
from bredband.tables import check_table
from bredband.tables_choice import (
    CHOICE,
    CHOICE_SUMMARY,
    NESTED,
    NESTED_AREAS,
    PAYMENTS,
    YEARS,
    YEARS_SUMMARY,
)
from bredband.text import read_words
from bredband_gis.errors import BadValueError, MissingColumnError


def areas(rows: dict[str, tuple[Any, ...]]) -> pd.DataFrame:
    """Make areas from id: (municipality, upstream, households, gap); no gap: not reached."""
    table = pd.DataFrame.from_dict(
        rows, orient="index", columns=["municipality_code", "upstream_area_id", "households", "gap"]
    )
    gap = table.pop("gap").astype("float64")
    return table.assign(
        area_id=table.index.astype("str"),
        upstream_area_id=table["upstream_area_id"].astype("str"),
        reached=gap.notna(),
        gap_sek=gap,
        capex_sek=gap.clip(lower=0) * 2 + 10.0,
        premises=table["households"] + 1,
        rank=pd.array(np.where(gap.notna(), np.arange(len(gap)) + 1, 0), dtype="Int64"),
        breakeven_takeup=0.5,
    ).reset_index(drop=True)


VILLAGE = {
    "near": ("2501", None, 4, 40.0),
    "far": ("2501", "near", 10, 60.0),
    "farther": ("2502", "far", 1, 200.0),
    "free": ("2502", None, 3, -20.0),
    "beside": ("2502", None, 6, 50.0),
    "none": ("2501", None, 2, None),
}


def chosen(table: pd.DataFrame, plan: str = "budget") -> set[str]:
    rows = table[table["plan"] == plan]
    return set(rows.loc[rows["chosen"], "area_id"])


def reasons(table: pd.DataFrame, plan: str = "budget") -> dict[str, Any]:
    rows = table[(table["plan"] == plan) & ~table["chosen"]]
    return dict(zip(rows["area_id"], rows["reason"], strict=True))


def needs(table: pd.DataFrame) -> dict[str, Any]:
    rows = table[table["needs_area_id"].notna()]
    return dict(zip(rows["area_id"], rows["needs_area_id"], strict=True))


def test_one_budget_in_every_column() -> None:
    made = choose_areas(areas(VILLAGE), PrioritySettings(budget_sek=100.0))
    check_table(made.choice, CHOICE, where="choice")
    check_table(made.payments, PAYMENTS, where="payments")
    check_table(made.summary, CHOICE_SUMMARY, where="summary")
    assert made.choice["area_id"].tolist() == list(VILLAGE)
    # near and far (14 for 100) and what pays for itself, rather than near and beside (10).
    assert chosen(made.choice) == {"near", "far", "free"}
    assert reasons(made.choice) == {
        "farther": "too_dear", "beside": "over_budget", "none": "not_reached",
    }  # fmt: skip
    assert not made.choice["needs_area_id"].notna().any()
    assert made.choice["support_sek"].fillna(-1).tolist() == [40, 60, 200, 0, 50, -1]
    paid = made.choice.set_index("area_id")["paid_by"]
    assert paid["near"] == "budget_sek"
    assert paid.isna()[["free", "beside", "none"]].all()
    row = made.summary.iloc[0]
    assert row[["plan", "objective", "budget_sek"]].tolist() == ["budget", "households", 100]
    assert row[["areas", "households", "premises", "support_sek"]].tolist() == [3, 17, 20, 100]
    assert row[["value", "bound", "gap"]].tolist() == [17, 17, 0]
    assert set(made.summary.attrs["seconds"]) == {"budget"}


def test_what_others_would_have_reached() -> None:
    table = areas(VILLAGE)
    # By hand: far with near, 14 for 100, beats beside, 6 for 50, per krona.
    made = choose_areas(table, PrioritySettings(budget_sek=130.0)).summary.iloc[0]
    assert made["value"] == 17
    assert made["greedy_value"] == 17
    assert made["list_value"] == 14  # near, far; then 200 is too much
    table = areas({"a": ("1", None, 5, 10.0), "b": ("1", None, 9, 20.0), "c": ("1", None, 1, 1.0)})
    made = choose_areas(table, PrioritySettings(budget_sek=20.0)).summary.iloc[0]
    assert made["value"] == 9
    assert made["greedy_value"] == 6
    assert made["list_value"] == 5
    capped = PrioritySettings(budget_sek=20.0, caps_sek={"1": 15.0})
    made = choose_areas(table, capped).summary.iloc[0]
    assert made[["value", "greedy_value"]].tolist() == [6, 6]
    assert np.isnan(made["list_value"])
    floored = PrioritySettings(budget_sek=20.0, floors_sek={"1": 12.0})
    made = choose_areas(table, floored).summary.iloc[0]
    assert made["value"] == 9
    assert np.isnan(made["greedy_value"])
    made = choose_areas(table.drop(columns="rank"), PrioritySettings(budget_sek=20.0))
    assert np.isnan(made.summary["list_value"].iloc[0])


def test_areas_that_need_too_many_customers_and_what_hangs_on_them() -> None:
    table = areas(VILLAGE)
    table["breakeven_takeup"] = [0.71, 0.3, 0.3, np.nan, np.nan, np.nan]
    made = choose_areas(table, PrioritySettings(budget_sek=1000.0, max_breakeven_takeup=0.7))
    # No figure: it never breaks even, unless it needs nothing.
    assert chosen(made.choice) == {"free"}
    assert reasons(made.choice) == {
        "near": "take_up", "far": "needs", "farther": "needs", "beside": "take_up",
        "none": "not_reached",
    }  # fmt: skip
    assert needs(made.choice) == {"far": "near", "farther": "near"}
    table["breakeven_takeup"] = 0.7
    made = choose_areas(table, PrioritySettings(budget_sek=1000.0, max_breakeven_takeup=0.7))
    assert reasons(made.choice) == {"none": "not_reached"}
    assert made.summary["list_value"].iloc[0] == 24


def test_an_area_waits_for_the_one_it_hangs_on() -> None:
    made = choose_areas(areas(VILLAGE), PrioritySettings(budget_sek=50.0))
    assert chosen(made.choice) == {"beside", "free"}
    assert needs(made.choice) == {"far": "near", "farther": "far"}
    assert reasons(made.choice)["far"] == "too_dear"
    assert reasons(made.choice)["near"] == "over_budget"


def test_several_budgets_each_for_its_own_and_up_to_its_share() -> None:
    budgets = [
        Budget(name="ERUF", sek=100.0, max_share=0.4),
        Budget(name="Norr", sek=70.0, municipalities=["2501"]),
    ]
    made = choose_areas(areas(VILLAGE), PrioritySettings(budgets=budgets, budget_sek=100.0))
    assert made.summary["plan"].tolist() == ["budget", "budgets"]
    assert made.summary["budget_sek"].tolist() == [100, 170]
    assert made.summary["greedy_value"].isna().tolist() == [False, True]
    # capex is twice the gap and 10: ERUF pays up to 36 of 40, 52 of 60, 44 of 50.
    assert chosen(made.choice, "budgets") == {"near", "far", "free"}
    assert reasons(made.choice, "budgets") == {
        "farther": "no_payer", "beside": "no_payer", "none": "not_reached",
    }  # fmt: skip
    paid = made.payments[made.payments["plan"] == "budgets"]
    assert set(paid["area_id"]) == {"near", "far"}
    by_area = paid.groupby("area_id")["paid_sek"].sum()
    assert by_area.to_dict() == {"near": 40, "far": 60}
    assert (paid.groupby("budget")["paid_sek"].sum() <= [100, 70]).all()
    eruf = paid[paid["budget"] == "ERUF"]
    assert (eruf["capex_share"] <= 0.4).all()
    assert eruf["capex_share"].to_numpy() == pytest.approx(
        eruf["paid_sek"] / eruf["area_id"].map({"near": 90, "far": 130})
    )
    names = made.choice[made.choice["plan"] == "budgets"].set_index("area_id")["paid_by"]
    assert names["far"] == "ERUF, Norr"
    with pytest.raises(BadValueError, match="same name"):
        choose_areas(areas(VILLAGE), PrioritySettings(budgets=[budgets[0], budgets[0]]))


def test_a_cap_is_a_reason_too() -> None:
    settings = PrioritySettings(budget_sek=1000.0, caps_sek={"2502": 49.0})
    made = choose_areas(areas(VILLAGE), settings)
    assert chosen(made.choice) == {"near", "far", "free"}
    assert reasons(made.choice)["beside"] == "too_dear"


def test_floors_hold_for_plans_and_years() -> None:
    settings = PrioritySettings(
        budget_sek=100.0,
        floors_sek={"2502": 50.0},
        years_sek=[50.0, 50.0],
        nested_sek=[40.0, 100.0],
    )
    assert chosen(choose_areas(areas(VILLAGE), settings).choice) == {"near", "beside", "free"}
    years = schedule_areas(areas(VILLAGE), settings)
    assert years.areas["year"].fillna(0).tolist() == [2, 0, 0, 1, 1, 0]
    # The least of nested budgets could never meet it.
    assert nest_areas(areas(VILLAGE), settings).summary["value"].tolist() == [7, 17]
    with pytest.raises(BadValueError, match="floor of 2502 is 251 SEK, but at most 250 SEK"):
        choose_areas(
            areas(VILLAGE), PrioritySettings(budget_sek=1000.0, floors_sek={"2502": 251.0})
        )


def test_households_times_score() -> None:
    table = areas(VILLAGE)
    settings = PrioritySettings(budget_sek=50.0, objective="score")
    with pytest.raises(MissingColumnError, match="score is missing"):
        choose_areas(table, settings)
    table["score"] = [1.0, 0.5, 0.1, 0.5, 0.5, np.nan]
    made = choose_areas(table, settings)
    assert chosen(made.choice) == {"near", "free"}  # 4 rather than 3
    assert made.summary["objective"].tolist() == ["score"]
    assert made.summary["value"].tolist() == [5.5]
    assert made.summary["households"].tolist() == [7]
    table.loc[0, "score"] = np.nan
    with pytest.raises(BadValueError, match="score is missing for 1 of 5 areas, first near"):
        choose_areas(table, settings)


def test_nested_budgets_and_what_they_cost() -> None:
    rows = {"big": ("1", None, 10, 10.0), "a": ("1", None, 4, 5.0), "b": ("1", None, 4, 5.0)}
    made = nest_areas(areas(rows), PrioritySettings(nested_sek=[10.0, 6.0]))
    check_table(made.areas, NESTED_AREAS, where="areas")
    check_table(made.summary, NESTED, where="summary")
    assert made.summary["budget_sek"].tolist() == [6, 10]
    assert made.summary["value"].tolist() == [4, 8]
    assert made.summary["households"].tolist() == [4, 8]
    assert made.summary["support_sek"].tolist() == [5, 10]
    assert made.summary["free_value"].tolist() == [4, 10]
    assert made.summary["free_bound"].tolist() == [4, 10]
    assert made.summary["loss_share"].tolist() == pytest.approx([0, 0.2])
    assert made.summary["sum_bound"].tolist() == [12, 12]
    assert made.areas["area_id"].tolist() == ["big", "a", "b"]
    first = made.areas["from_budget_sek"]
    assert np.isnan(first[0])
    assert sorted(first[1:]) == [6, 10]


def test_years_one_after_the_other() -> None:
    settings = PrioritySettings(years_sek=[45.0, 55.0, 60.0])
    made = schedule_areas(areas(VILLAGE), settings)
    check_table(made.areas, YEARS, where="areas")
    check_table(made.summary, YEARS_SUMMARY, where="summary")
    # near, then far with what the first year left, then beside.
    assert made.areas["year"].fillna(0).tolist() == [1, 2, 0, 1, 3, 0]
    assert made.summary["available_sek"].tolist() == [45, 60, 60]
    assert made.summary["support_sek"].tolist() == [40, 60, 50]
    assert made.summary["households"].tolist() == [7, 10, 6]
    assert made.summary["cumulative_households"].tolist() == [7, 17, 23]
    assert made.summary["value"].tolist() == [7, 17, 23]
    assert made.summary["sum_bound"].tolist() == [47, 47, 47]
    lost = schedule_areas(areas(VILLAGE), settings, carry_over=False)
    assert lost.areas["year"].fillna(0).tolist() == [1, 3, 0, 1, 2, 0]
    assert lost.summary["available_sek"].tolist() == [45, 55, 60]


def test_the_order_of_the_rows_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    rows = {
        f"{i:03}": (str(rng.integers(1, 4)), f"{i - 3:03}" if i % 4 else None,
                    int(rng.integers(0, 30)), float(rng.integers(-50, 400)))
        for i in range(60)
    }  # fmt: skip
    rows["001"] = ("1", None, 3, 5.0)
    rows["002"] = ("1", None, 3, 5.0)
    table = areas(rows)
    mixed = table.sample(frac=1, random_state=2).reset_index(drop=True)
    settings = PrioritySettings(
        budget_sek=1500.0, caps_sek={"2": 400.0}, nested_sek=[500.0, 1500.0], years_sek=[300.0] * 3
    )

    def by_area(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sort_values("area_id").reset_index(drop=True)

    one, other = choose_areas(table, settings), choose_areas(mixed, settings)
    pd.testing.assert_frame_equal(by_area(one.choice), by_area(other.choice))
    pd.testing.assert_frame_equal(one.summary, other.summary)
    assert other.choice["area_id"].tolist() == mixed["area_id"].tolist()
    for made in (nest_areas, schedule_areas):
        first, second = made(table, settings), made(mixed, settings)
        pd.testing.assert_frame_equal(by_area(first.areas), by_area(second.areas))
        pd.testing.assert_frame_equal(first.summary, second.summary)
        assert second.areas["area_id"].tolist() == mixed["area_id"].tolist()


def test_without_budgets_the_tables_are_there_and_empty() -> None:
    settings = PrioritySettings(nested_sek=[])
    made = choose_areas(areas(VILLAGE), settings)
    for table, schema in [
        (made.choice, CHOICE), (made.payments, PAYMENTS), (made.summary, CHOICE_SUMMARY),
        (nest_areas(areas(VILLAGE), settings).areas, NESTED_AREAS),
        (nest_areas(areas(VILLAGE), settings).summary, NESTED),
        (schedule_areas(areas(VILLAGE), settings).areas, YEARS),
        (schedule_areas(areas(VILLAGE), settings).summary, YEARS_SUMMARY),
    ]:  # fmt: skip
        assert table.empty
        check_table(table, schema, where="empty")


def test_nothing_reached_is_no_fault() -> None:
    table = areas({"x": ("1", None, 3, None)})
    settings = PrioritySettings(budget_sek=10.0, years_sek=[1.0])
    made = choose_areas(table, settings)
    assert reasons(made.choice) == {"x": "not_reached"}
    assert made.summary[["households", "value", "gap"]].to_numpy().tolist() == [[0, 0, 0]]
    assert nest_areas(table, settings).summary["loss_share"].tolist() == [0, 0, 0, 0]
    assert schedule_areas(table, settings).areas["year"].isna().all()


def test_tables_that_do_not_fit_are_refused() -> None:
    settings = PrioritySettings(budget_sek=10.0)
    table = areas(VILLAGE)
    with pytest.raises(MissingColumnError, match="gap_sek"):
        choose_areas(table.drop(columns="gap_sek"), settings)
    with pytest.raises(BadValueError, match="far hangs on near, which is no area"):
        choose_areas(table[table["area_id"] != "near"], settings)
    with pytest.raises(BadValueError, match="area_id near stands twice"):
        choose_areas(pd.concat([table, table[:1]]), settings)
    with pytest.raises(BadValueError, match="gap_sek is missing for 1 of 5 areas, first far"):
        choose_areas(
            table.assign(gap_sek=table["gap_sek"].mask(table["area_id"] == "far")), settings
        )
    with pytest.raises(MissingColumnError, match="breakeven_takeup"):
        choose_areas(
            table.drop(columns="breakeven_takeup"),
            PrioritySettings(budget_sek=10.0, max_breakeven_takeup=0.5),
        )
    with pytest.raises(BadValueError, match="no build area lies in municipality 9999"):
        choose_areas(table, PrioritySettings(budget_sek=10.0, caps_sek={"9999": 1.0}))
    budgets = [Budget(name="x", sek=1.0, municipalities=["9998"])]
    with pytest.raises(BadValueError, match="no build area lies in municipality 9998"):
        choose_areas(table, PrioritySettings(budgets=budgets))


# --- in words ------------------------------------------------------------------------


def plain(told: list[str]) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in told]


def test_both_languages_say_the_same_things() -> None:
    swedish, english = read_words("choice", "sv"), read_words("choice", "en")
    assert list(swedish) == list(english)
    for section, said in swedish.items():
        assert list(said) == list(english[section])
        for key, text in said.items():
            places = {name for _, name, _, _ in string.Formatter().parse(text) if name}
            other = string.Formatter().parse(english[section][key])
            assert places == {name for _, name, _, _ in other if name}


def test_a_choice_in_words() -> None:
    table = areas({"a": ("1", None, 5, 10.0), "b": ("1", None, 9, 20.0), "c": ("1", None, 1, 1.0)})
    made = choose_areas(table, PrioritySettings(budget_sek=20.0)).summary
    assert plain(tell_choice(made, "en")) == [
        "The budget of SEK 20 chooses 1 area: 9 households for SEK 20 of support. No other"
        " choice reaches more; that is proven. Taking areas one by one, the most households for"
        " the krona first, reaches 3 fewer. Following the ranked list until the money does not"
        " suffice reaches 4 fewer."
    ]
    unsure = made.assign(bound=10.0, gap=0.1, objective="score")
    assert plain(tell_choice(unsure, "en"))[0].endswith(
        "No other choice can give more than 11.11% more households times score; that is proven."
        " Taking areas one by one, the most for the krona first, gives 33.3% less. Following the"
        " ranked list until the money does not suffice gives 44.4% less."
    )
    assert "når" not in tell_choice(unsure, "sv")[0]
    assert tell_choice(made.assign(value=0, bound=0, greedy_value=0, list_value=np.nan), "sv")
