"""Marks shared out and the competition drawn: brute force, a second solver, and invariants."""

from __future__ import annotations

import itertools
from typing import Any

import highspy
import numpy as np
import pandas as pd
import pytest
from bredband.pts_competition import (
    IN_LANDSDEL,
    IN_POT,
    NOT_GRANTED,
    Rivals,
    calibrate,
    draw_calls,
    draw_own_calls,
    fit_rivals,
    rivals_of,
    settle,
    simulate_competition,
    win_chances,
)
from bredband.pts_marks import (
    allocate_marks,
    mark_buildings,
    marks_by_rank,
    near_function,
    plan_marks,
)
from bredband.pts_plan import plan_pts
from bredband.pts_rules import rules_of
from bredband.settings_pts import PtsSettings
from bredband.tables import check_table
from bredband.tables_pts import (
    COMPETITION,
    CONSULTATION,
    EXCLUSION_COUNTS,
    EXCLUSIONS,
    LANDSDELAR,
    MARK_COMPARISON,
    MARKS,
    PTS_BUILDINGS,
    PTS_CALIBRATION,
    PTS_PROJECTS,
    PTS_RULES,
)
from bredband_gis.errors import BadValueError, MissingColumnError
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pts_rules import LATER, MUNICIPALITIES, PRICES, status

RULES = rules_of(2023)


def projects(
    base: list[int], each: list[float], *, landsdel: str = "Norrland", rank: Any = None
) -> pd.DataFrame:
    n = len(base)
    sizes, aid = np.array(base, dtype=np.int64), np.array(each, dtype=float)
    made = pd.DataFrame(
        {
            "area_id": pd.array([f"2501-{number:04}" for number in range(n)], dtype="str"),
            "municipality_code": pd.array(["2501"] * n, dtype="str"),
            "landsdel": pd.array([landsdel] * n, dtype="str"),
            "base_buildings": sizes,
            "households": sizes,
            "workplaces": np.zeros(n, dtype=np.int64),
            "aid_sek": sizes * aid,
            "aid_per_building_sek": aid,
            "rank": pd.array(range(1, n + 1) if rank is None else rank, dtype="Int64"),
        }
    )
    check_table(made, PTS_PROJECTS, where="projects")
    return made


def buildings_of(made: pd.DataFrame, *, outside: int = 0) -> pd.DataFrame:
    """Make one-household buildings for projects, and so many that belong to none."""
    area = np.repeat(made["area_id"].to_numpy(dtype=object), made["base_buildings"])
    area = np.concatenate([area, np.full(outside, None, dtype=object)])
    n = len(area)
    return pd.DataFrame(
        {
            "premises_id": pd.array([f"p{number:05}" for number in range(n)], dtype="str"),
            "x": np.arange(n, dtype=float), "y": np.zeros(n),
            "municipality_code": pd.array(["2501"] * n, dtype="str"),
            "area_id": pd.array(area, dtype="str"),
            "households": np.ones(n, dtype=np.int64), "workplaces": np.zeros(n, dtype=np.int64),
            "in_base": np.ones(n, dtype=bool),
        }
    )  # fmt: skip


# ------------------------------------------------------------------------------- sharing out


def brute(gain: np.ndarray[Any, Any], most: list[int], quota: int) -> float:
    choices = itertools.product(*(range(min(limit, gain.shape[1] - 1) + 1) for limit in most))
    return max(
        sum(gain[project, marks] for project, marks in enumerate(choice))
        for choice in choices
        if sum(choice) <= quota
    )


def value_of(gain: np.ndarray[Any, Any], marks: Any) -> float:
    return float(gain[np.arange(len(gain)), marks].sum())


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.tuples(
            st.lists(st.lists(st.integers(0, 30), min_size=4, max_size=4), min_size=n, max_size=n),
            st.lists(st.integers(0, 5), min_size=n, max_size=n),
            st.integers(0, 12),
        )
    )
)
@settings(max_examples=150)
def test_no_way_of_sharing_out_is_better(case: tuple[list[list[int]], list[int], int]) -> None:
    rows, most, quota = case
    gain = np.array(rows, dtype=float)
    marks = allocate_marks(gain, most, quota)
    assert marks.sum() <= quota
    assert (marks <= np.minimum(most, 3)).all()
    assert value_of(gain, marks) == brute(gain, most, quota)
    # A mark that could be taken back without loss is not given.
    for project in np.flatnonzero(marks):
        assert gain[project, marks[project]] > gain[project, : marks[project]].max()


def test_a_jump_that_comes_late_is_worth_waiting_for() -> None:
    # The curve is no arch: taking the best next mark would never reach the third of project 0.
    gain = np.array([[0.0, 0, 0, 10], [0.0, 1, 2, 3]])
    assert allocate_marks(gain, [3, 3], 3).tolist() == [3, 0]
    assert allocate_marks(gain, [3, 3], 2).tolist() == [0, 2]
    assert allocate_marks(gain, [2, 3], 3).tolist() == [0, 3]


def test_marks_that_add_nothing_are_not_given() -> None:
    gain = np.array([[5.0, 5, 5], [0.0, 0, 1]])
    assert allocate_marks(gain, [2, 2], 4).tolist() == [0, 2]
    assert allocate_marks(np.zeros((3, 26)), [25] * 3, 50).tolist() == [0, 0, 0]
    assert allocate_marks(np.zeros((0, 26)), [], 7).tolist() == []
    noise = np.array([[1.0, 1.0 + 1e-13]])
    assert allocate_marks(noise, [1], 1).tolist() == [0]


def test_a_second_solver_finds_no_more() -> None:
    rng = np.random.default_rng(4)
    for _ in range(3):
        n, useful = 40, 25
        size = rng.integers(1, 60, n)
        steep = rng.uniform(0.3, 2.5, n)[:, None]
        curve = 1 / (1 + np.exp(steep * (rng.uniform(-5, 30, n)[:, None] - np.arange(26))))
        gain, most = size[:, None] * curve, np.minimum(size, useful)
        quota = int(0.3 * size.sum())
        marks = allocate_marks(gain, most, quota)
        assert marks.sum() <= quota
        assert value_of(gain, marks) == pytest.approx(solved(gain, most, quota), rel=1e-6)


def solved(gain: np.ndarray[Any, Any], most: Any, quota: int) -> float:
    """Solve the same choice as an integer programme."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("mip_rel_gap", 1e-9)
    chosen = [
        [solver.addBinary(obj=-float(gain[p, k])) for k in range(int(most[p]) + 1)]
        for p in range(len(gain))
    ]
    for row in chosen:
        solver.addConstr(sum(row) == 1)
    spent = [k * one for row in chosen for k, one in enumerate(row) if k]
    solver.addConstr(sum(spent) <= quota)
    solver.run()
    return -float(solver.getInfo().objective_function_value)


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(0, 40))
@settings(max_examples=60)
def test_a_larger_quota_is_never_worth_less(seed: int, n: int, quota: int) -> None:
    rng = np.random.default_rng(seed)
    gain = np.maximum.accumulate(rng.integers(0, 9, (n, 10)).astype(float), axis=1)
    most = rng.integers(0, 10, n)
    less, more = (allocate_marks(gain, most, q) for q in (quota, quota + 1))
    assert value_of(gain, less) <= value_of(gain, more)


@pytest.mark.parametrize(
    ("gain", "most", "quota"),
    [([[0.0, np.nan]], [1], 1), ([[0.0, np.inf]], [1], 1), ([[0.0, 1.0]], [-1], 1),
     ([[0.0, 1.0]], [1], -1)],
)  # fmt: skip
def test_gains_and_limits_that_make_no_sense(gain: Any, most: Any, quota: int) -> None:
    with pytest.raises(BadValueError, match="not a number"):
        allocate_marks(gain, most, quota)


def test_marking_by_rank_by_hand() -> None:
    made = projects([40, 3, 60, 10], [1e5] * 4, rank=[2, 1, pd.NA, 3])
    assert marks_by_rank(made, 33).tolist() == [30, 3, 0, 0]
    assert marks_by_rank(made, 33, most=25).tolist() == [25, 3, 0, 5]
    assert marks_by_rank(made, 900).tolist() == [40, 3, 60, 10]
    assert marks_by_rank(made, 900, most=25).tolist() == [25, 3, 25, 10]
    assert marks_by_rank(made, 0).tolist() == [0, 0, 0, 0]
    tied = projects([5, 5], [1e5, 1e5], rank=[1, 1])
    assert marks_by_rank(tied.iloc[::-1], 5).tolist() == [0, 5]  # the lower id first


# --------------------------------------------------------------------------- which buildings


def test_which_buildings_of_a_project_are_marked() -> None:
    made = projects([5, 2], [1e5, 1e5])
    table = buildings_of(made, outside=13).assign(
        households=[1, 1, 3, 1, 1, 1, 1, *[1] * 13],
        near_function=[False, True, False, False, False, False, False, *[False] * 13],
        distance_to_fibre_m=[10.0, 5, 1, 900, np.nan, 7, 7, *[0.0] * 13],
    )
    marks = mark_buildings(table, made, [4, 1], RULES)
    check_table(marks, MARKS, where="marks")
    place = marks.set_index("premises_id")["place"]
    # Most households; near a function; beyond the search distance; far; near.
    assert place.iloc[:5].tolist() == [5, 2, 1, 4, 3]
    assert place.iloc[5:7].tolist() == [1, 2]  # the same but for the id
    assert place.iloc[7:].isna().all()
    assert marks["premises_id"][marks["marked"]].tolist() == [
        "p00001", "p00002", "p00003", "p00004", "p00005",
    ]  # fmt: skip
    assert marks["useful"].sum() == 5
    # Another order, and columns that are not there.
    other = mark_buildings(table, made, [1, 0], RULES, order=["distance_to_fibre_m"])
    assert other["premises_id"][other["marked"]].tolist() == ["p00004"]
    plain = mark_buildings(table[list(buildings_of(made))], made, [1, 0], RULES)
    assert plain["premises_id"][plain["marked"]].tolist() == ["p00002"]
    shuffled = mark_buildings(table.sample(frac=1, random_state=3), made, [4, 1], RULES)
    again = shuffled.set_index("premises_id").loc[marks["premises_id"], "marked"]
    assert again.tolist() == marks["marked"].tolist()


def test_holiday_homes_are_never_marked_nor_counted_in_the_quota() -> None:
    made = projects([10], [1e5])
    table = buildings_of(made, outside=100)
    table.loc[10:, "in_base"] = False
    marks = mark_buildings(table, made, [3], RULES)
    assert len(marks) == 10
    with pytest.raises(BadValueError, match="4 marks are more than the quota of 3"):
        mark_buildings(table, made, [4], RULES)


def test_more_than_25_marks_are_of_no_use() -> None:
    made = projects([40], [1e5])
    marks = mark_buildings(buildings_of(made, outside=100), made, [40], RULES)
    assert (marks["marked"].sum(), marks["useful"].sum()) == (40, 25)
    with pytest.raises(BadValueError, match="more marks than it has buildings"):
        mark_buildings(buildings_of(made, outside=100), made, [41], RULES)


def test_near_a_societal_function() -> None:
    table = pd.DataFrame({"x": [0.0, 900, 1100], "y": [0.0, 0, 0]})
    school = pd.DataFrame({"x": [0.0], "y": [0.0], "kind": ["school"]})
    assert near_function(table, school, nearby_m=1000).tolist() == [True, True, False]
    assert near_function(table, None, nearby_m=1000).tolist() == [False] * 3
    assert near_function(table, school.iloc[:0], nearby_m=1000).tolist() == [False] * 3


# ------------------------------------------------------------------------------ the competition


def test_a_call_by_hand() -> None:
    #            N  N  N  N   S  S   G
    number = [10, 20, 30, 40, 10, 90, 50]
    asked = [50, 60, 30, 10, 40, 25, 70]
    where = [0, 0, 0, 0, 1, 1, 2]
    budget = [100.0, 60.0, 60.0]
    # Norrland pays 50 and stops at 60; Svealand pays 40 and stops at 25; Götaland cannot pay 70.
    # The pot has 50 + 20 + 60 = 130: 60 (a* 20), 30 (30), 10 (40), 25 (90) as 70 does not fit.
    assert settle(number, asked, where, budget).tolist() == [
        IN_LANDSDEL, IN_POT, IN_POT, IN_POT, IN_LANDSDEL, IN_POT, NOT_GRANTED,
    ]  # fmt: skip
    # Stopping in the pot too: 60 + 30 + 10 are paid, 70 stops it.
    assert settle(number, asked, where, budget, pot_go_on=False).tolist() == [
        IN_LANDSDEL, IN_POT, IN_POT, IN_POT, IN_LANDSDEL, NOT_GRANTED, NOT_GRANTED,
    ]  # fmt: skip
    # Going on in Norrland: 50, then 30 and 10 fit; the pot has 10 + 20 + 60 = 90.
    assert settle(number, asked, where, budget, landsdel_go_on=True).tolist() == [
        IN_LANDSDEL, IN_POT, IN_LANDSDEL, IN_LANDSDEL, IN_LANDSDEL, IN_POT, NOT_GRANTED,
    ]  # fmt: skip


def test_what_fits_to_the_last_krona_is_paid() -> None:
    assert settle([1, 2], [40, 60], [0, 0], [100, 0, 0]).tolist() == [IN_LANDSDEL] * 2
    assert settle([1, 2], [40, 61], [0, 0], [100, 0, 0]).tolist() == [IN_LANDSDEL, NOT_GRANTED]
    assert settle([], [], [], [1, 1, 1]).tolist() == []


calls = st.integers(1, 9).flatmap(
    lambda n: st.tuples(
        st.permutations(range(1, 20)).map(lambda order: list(order[:n])),
        st.lists(st.integers(1, 14), min_size=n, max_size=n),
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
        st.lists(st.integers(0, 25), min_size=3, max_size=3),
        st.booleans(),
        st.booleans(),
    )
)


@given(calls)
@settings(max_examples=200)
def test_money_is_never_overspent_and_ranks_are_kept(case: Any) -> None:
    number, asked, where, budget, at_home, in_pot = case
    got = settle(number, asked, where, budget, landsdel_go_on=at_home, pot_go_on=in_pot)
    asked, where, number = (np.array(each) for each in (asked, where, number))
    paid = np.bincount(where[got == IN_LANDSDEL], asked[got == IN_LANDSDEL], minlength=3)
    assert (paid <= budget).all()
    assert asked[got == IN_POT].sum() <= sum(budget) - paid.sum()
    if not at_home:  # who is paid at home comes before everybody who is not
        for place in range(3):
            here = where == place
            won, lost = here & (got == IN_LANDSDEL), here & (got != IN_LANDSDEL)
            assert number[won].max(initial=0) < number[lost].min(initial=99)


@given(calls, st.data())
@settings(max_examples=200)
def test_a_lower_number_does_not_lose(case: Any, data: st.DataObject) -> None:
    number, asked, where, budget, at_home, in_pot = case
    more = {"landsdel_go_on": at_home, "pot_go_on": in_pot}
    one = data.draw(st.integers(0, len(number) - 1))
    before = settle(number, asked, where, budget, **more)[one]
    lower = list(number)
    lower[one] = data.draw(st.integers(0, number[one] - 1)) + 0.5
    after = settle(lower, asked, where, budget, **more)[one]
    if before == IN_LANDSDEL:
        assert after == IN_LANDSDEL
    if at_home or not in_pot:
        assert not (before == IN_POT and after == NOT_GRANTED)


def test_how_a_lower_number_can_lose_the_pot() -> None:
    # Norrland has 10 and Svealand 6; ours asks for 6, a rival of Svealand for 9.
    asked, where, budget = [6, 5, 5, 9], [0, 0, 0, 1], [10, 6, 0]
    assert settle([4, 1, 3, 2], asked, where, budget)[0] == IN_POT
    # Ahead of the second it is stopped itself, leaves 5 to the pot, and there the 9 fit now.
    assert settle([2.5, 1, 3, 2], asked, where, budget).tolist() == [
        NOT_GRANTED, IN_LANDSDEL, NOT_GRANTED, IN_POT,
    ]  # fmt: skip


SMALL = Rivals((4, 3, 3), 6.0, 90_000.0, 0.8, 0.3, 0.3, 0.1, 0.3, 1.0)
TINY = PtsSettings(
    draws=40,
    budget_sek={"Norrland": 2.5e6, "Svealand": 1.5e6, "Götaland": 1.5e6},
    apply_share=0.4,
)


@pytest.mark.parametrize("at_home", ["stop", "go_on"])
@pytest.mark.parametrize("in_pot", ["stop", "go_on"])
def test_chances_are_those_of_settling_each_call_anew(at_home: str, in_pot: str) -> None:
    """Every draw, every project, every question: one call settled from the start."""
    ours = projects([5, 12, 8, 30, 3], [40_000, 80_000, 95_000, 70_000, 200_000.0])
    ours.loc[3, "landsdel"] = "Svealand"
    choice = TINY.model_copy(update={"landsdel_full": at_home, "pot_full": in_pot})
    marks = np.array([0, 3, 1, 2, 0])
    asked = np.column_stack([marks, marks + 1, np.minimum(marks + 7, 25)])
    drawn = draw_calls(SMALL, draws=40, seed=8, own=5, apply_share=0.4)
    chance = win_chances(ours, RULES, choice, drawn=drawn, marks=marks, asked=asked)
    each = ours["aid_per_building_sek"].to_numpy()
    sek = ours["aid_sek"].to_numpy()
    places = np.array([LANDSDELAR.index(name) for name in ours["landsdel"]])
    budget = [choice.budget_sek[name] for name in LANDSDELAR]  # type: ignore[index]
    won = np.zeros((2, *asked.shape))
    for draw, project, question in itertools.product(range(40), range(5), range(3)):
        others = drawn.here[draw] & (np.arange(5) != project)
        number = RULES.comparison(
            np.concatenate(
                [[each[project]], drawn.aid_per_building[draw], each[others]]),
            np.concatenate(
                [[asked[project, question]], drawn.marks[draw], marks[others]]),
        )  # fmt: skip
        amounts = np.concatenate(
            [[sek[project]], drawn.aid_per_building[draw] * drawn.buildings[draw], sek[others]]
        )
        where = np.concatenate([[places[project]], drawn.landsdel, places[others]])
        got = settle(
            number, amounts, where, budget,
            landsdel_go_on=at_home == "go_on", pot_go_on=in_pot == "go_on",
        )[0]  # fmt: skip
        won[0, project, question] += got == IN_LANDSDEL
        won[1, project, question] += got == IN_POT
    assert (won[0] / 40 == chance.landsdel).all()
    assert (won[1] / 40 == chance.national).all()
    assert 0 < chance.landsdel.mean() < 1
    if at_home == "stop":
        assert chance.national.sum() > 0


def test_the_same_draws_however_many_are_settled_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = projects([5, 12, 8], [40_000, 80_000, 95_000.0])
    choice = PtsSettings(draws=30)
    whole = win_chances(ours, RULES, choice)
    monkeypatch.setattr("bredband.pts_competition._CELLS", 4000)  # six draws at a time
    parts = win_chances(ours, RULES, choice)
    assert (whole.won == parts.won).all()
    assert 0 < whole.either.mean() < 1


@given(
    st.integers(0, 10**6), st.sampled_from(["stop", "go_on"]), st.sampled_from(["stop", "go_on"])
)
@settings(max_examples=20)
def test_marking_does_not_lower_a_projects_own_chance(seed: int, at_home: str, in_pot: str) -> None:
    rng = np.random.default_rng(seed)
    n = 6
    ours = projects(rng.integers(1, 40, n).tolist(), rng.uniform(2e4, 2e5, n).tolist())
    marks = np.minimum(rng.integers(0, 10, n), ours["base_buildings"].to_numpy())
    drawn = draw_calls(SMALL, draws=25, seed=seed, own=n, apply_share=0.5)
    choice = TINY.model_copy(update={"landsdel_full": at_home, "pot_full": in_pot})
    asked = marks[:, None] + np.arange(26)
    chance = win_chances(ours, RULES, choice, drawn=drawn, marks=marks, asked=asked)
    assert (np.diff(chance.landsdel, axis=1) >= 0).all()
    if (at_home, in_pot) != ("stop", "go_on"):
        assert (np.diff(chance.either, axis=1) >= 0).all()
    one = int(rng.integers(n))
    more = marks + (np.arange(n) == one) * 3
    again = win_chances(ours, RULES, choice, drawn=drawn, marks=more)
    assert (again.won[:, one, 0] == chance.won[:, one, 3]).all()


def test_among_hundreds_of_rivals_more_marks_never_lower_a_chance() -> None:
    made, _ = county()
    chance = win_chances(made, RULES, PtsSettings(draws=150), asked=np.arange(26)).either
    assert (np.diff(chance, axis=1) >= 0).all()
    assert (chance[:, 25] - chance[:, 0]).mean() > 0.1


def test_asking_with_fewer_marks_than_a_project_has_is_refused() -> None:
    ours = projects([5], [40_000.0])
    with pytest.raises(BadValueError, match="fewer marks"):
        win_chances(ours, RULES, TINY, marks=[2], asked=[[1]])
    with pytest.raises(BadValueError, match="'Lappland' is no landsdel"):
        win_chances(ours.assign(landsdel="Lappland"), RULES, TINY)


def test_money_without_end_or_none_at_all() -> None:
    ours = projects([5, 50], [40_000, 900_000.0])
    rich = PtsSettings(draws=20, budget_sek=dict.fromkeys(LANDSDELAR, 1e12))  # type: ignore[arg-type]
    assert (win_chances(ours, RULES, rich).landsdel == 1).all()
    poor = PtsSettings(draws=20, budget_sek=dict.fromkeys(LANDSDELAR, 0.0))  # type: ignore[arg-type]
    assert (win_chances(ours, RULES, poor).either == 0).all()


def test_the_same_seed_the_same_result_and_another_one_another() -> None:
    ours = projects([20, 20, 20], [60_000, 70_000, 80_000.0])
    first, second, third = (
        win_chances(ours, RULES, PtsSettings(draws=20, seed=seed)).either for seed in (1, 1, 2)
    )
    assert (first == second).all()
    assert (first != third).any()


# ----------------------------------------------------------------------------------- rivals


def test_the_number_of_rivals_is_the_published_one_less_the_regions_own() -> None:
    plain = rivals_of(RULES, PtsSettings())
    assert plain.numbers == (187, 231, 253)
    assert sum(plain.numbers) == 671
    # Norrland has five counties: one part in five is taken to be the region's own.
    assert rivals_of(RULES, PtsSettings(), landsdelar=["Norrland"]).numbers == (150, 231, 253)
    none = rivals_of(RULES, PtsSettings(own_share=0.0), landsdelar=["Norrland"])
    assert none.numbers == plain.numbers
    assert plain.buildings == pytest.approx(37_308 / 671)
    assert plain.aid_sek == pytest.approx(3_378_546_205 / 37_308)
    # Fewer of the published buildings are of the base: smaller projects at a higher price each.
    half = rivals_of(RULES, PtsSettings(rivals_base_share=0.5, rivals_aid_factor=1.2))
    assert half.buildings == pytest.approx(plain.buildings / 2)
    assert half.aid_sek == pytest.approx(plain.aid_sek * 2.4)


def test_rivals_have_the_means_and_spreads_that_they_are_drawn_with() -> None:
    rivals = Rivals((2000, 0, 1000), 55.6, 90_558.0, 0.9, 0.32, 0.49, 0.0, 0.3, 1.0)
    drawn = draw_calls(rivals, draws=100, seed=5, own=7, apply_share=0.18)
    assert drawn.buildings.shape == (100, 3000)
    assert np.bincount(drawn.landsdel, minlength=3).tolist() == [2000, 0, 1000]
    assert drawn.buildings.min() >= 1
    assert drawn.buildings.mean() == pytest.approx(55.6, rel=0.01)
    sek = (drawn.buildings * drawn.aid_per_building).sum()
    assert sek / drawn.buildings.sum() == pytest.approx(90_558, rel=0.01)
    size, aid = np.log(drawn.buildings).ravel(), np.log(drawn.aid_per_building).ravel()
    assert aid.std() == pytest.approx(0.32, rel=0.01)
    assert np.corrcoef(size, aid)[0, 1] == pytest.approx(0.49, abs=0.01)
    assert drawn.marks.sum() / drawn.buildings.sum() == pytest.approx(0.3, rel=0.01)
    share = (drawn.marks / drawn.buildings)[drawn.buildings > 100]
    assert share.std() == pytest.approx((0.3 * 0.7 / 2) ** 0.5, rel=0.03)  # beta, a + b = 1
    assert drawn.here.mean() == pytest.approx(0.18, abs=0.06)
    level = Rivals((50, 0, 0), 55.6, 90_558.0, 0.9, 0.0, 0.0, 0.2, 0.0, 1.0)
    by_draw = draw_calls(level, draws=2000, seed=5).aid_per_building
    assert (by_draw == by_draw[:, :1]).all()
    assert np.log(by_draw[:, 0]).std() == pytest.approx(0.2, rel=0.05)
    all_marked = draw_calls(
        Rivals((5, 0, 0), 20.0, 1e5, 0.5, 0.1, 0.0, 0.0, 1.0, 1.0), draws=3, seed=1
    )
    assert (all_marked.marks == all_marked.buildings).all()


def test_the_drawn_call_comes_near_the_published_outcome() -> None:
    table = calibrate(RULES, PtsSettings(), draws=300)
    check_table(table, PTS_CALIBRATION, where="calibration")
    rows = table.set_index("figure")
    off = rows["simulated"] / rows["published"] - 1
    assert abs(off["applied_sek"]) < 0.02
    assert abs(off["granted_projects"]) < 0.04
    assert abs(off["granted_buildings"]) < 0.02
    assert abs(off["granted_per_building_sek"]) < 0.02
    # Not fitted: the pot. Within what the draws spread over.
    for name in ("pot_sek", "pot_projects", "pot_buildings"):
        assert rows.loc[name, "low"] < rows.loc[name, "published"] < rows.loc[name, "high"]
    # The level of a coming call does not enter.
    louder = PtsSettings(rivals_aid_factor=3.0, rivals_level_spread=1.0)
    assert calibrate(RULES, louder, draws=300).equals(table)


def test_going_on_in_the_landsdelar_would_leave_no_pot() -> None:
    table = calibrate(RULES, PtsSettings(landsdel_full="go_on"), draws=50).set_index("figure")
    assert table.loc["pot_sek", "high"] < 0.05 * table.loc["pot_sek", "published"]


def test_spread_and_correlation_are_those_that_fit() -> None:
    start = PtsSettings(rivals_aid_spread=0.5, rivals_correlation=0.1)
    found = fit_rivals(RULES, start, draws=60)
    assert found.rivals_aid_spread == pytest.approx(PtsSettings().rivals_aid_spread, abs=0.03)
    assert found.rivals_correlation == pytest.approx(PtsSettings().rivals_correlation, abs=0.08)
    unmarked = fit_rivals(RULES, PtsSettings(rivals_marked_share=0.0), draws=60)
    rows = calibrate(RULES, unmarked, draws=60).set_index("figure")
    assert rows.loc["granted_projects", "simulated"] == pytest.approx(327, rel=0.02)
    assert rows.loc["granted_per_building_sek", "simulated"] == pytest.approx(74_027, rel=0.01)


# ---------------------------------------------------------------------------- all together


def county() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(12)
    base = np.maximum(rng.lognormal(3.0, 0.8, 60).astype(int), 2)
    made = projects(base.tolist(), rng.lognormal(11.3, 0.5, 60).tolist())
    order = made["aid_per_building_sek"].rank().astype(int)
    return made.assign(rank=pd.array(order, dtype="Int64")), buildings_of(made, outside=50)


def test_the_even_share_is_rounded_down_and_the_order_is_that_of_the_settings() -> None:
    made = projects([3, 7, 11, 100], [70_000, 70_000, 70_000, 70_000.0])
    table = buildings_of(made).assign(distance_to_fibre_m=np.arange(121.0))
    table["households"] = np.where(np.arange(121) % 2 == 0, 2, 1)
    choice = PtsSettings(draws=20, mark_order=["distance_to_fibre_m"])
    plan = plan_marks(table, made, RULES, choice)
    even = plan.comparison.set_index("method").loc["even"]
    assert (even["marks"], even["quota"]) == (0 + 2 + 3 + 25, 36)
    last = plan.marks.groupby("area_id")["place"].agg(list)
    assert last["2501-0000"] == [3, 2, 1]
    homes = plan_marks(table, made, RULES, PtsSettings(draws=20)).marks
    assert homes.groupby("area_id")["place"].agg(list)["2501-0000"] == [2, 3, 1]


@pytest.mark.parametrize("value", ["buildings", "households", "score"])
def test_marks_do_more_good_than_by_rank(value: Any) -> None:
    made, table = county()
    rng = np.random.default_rng(3)
    made = made.assign(
        households=made["base_buildings"] * 2, score=rng.uniform(0.2, 1.0, len(made))
    )
    choice = PtsSettings(draws=200, value=value)
    plan = plan_marks(table, made, RULES, choice, language="en")
    for name, schema in (
        ("marks", MARKS), ("competition", COMPETITION), ("comparison", MARK_COMPARISON),
        ("calibration", PTS_CALIBRATION),
    ):  # fmt: skip
        check_table(getattr(plan, name), schema, where=name)
    rows = plan.comparison.set_index("method")
    quota = int(0.3 * table["in_base"].sum())
    assert (rows["quota"] == quota).all()
    assert (rows["marks"] <= quota).all()
    assert rows.loc["none", ["marks", "more_buildings"]].tolist() == [0, 0]
    assert rows.loc["rank_fill", "useful_marks"] < rows.loc["rank_fill", "marks"]
    # The optimum is one among all ways: none of the others plans for more.
    assert rows["planned_value"].idxmax() == "optimal"
    assert rows.loc["optimal", "planned_value"] > 1.05 * rows["planned_value"].drop("optimal").max()
    if value == "buildings":
        assert rows.loc["none", "planned_value"] == pytest.approx(
            rows.loc["none", "expected_buildings"]
        )
        assert rows["expected_buildings"].idxmax() == "optimal"
    if value == "households":
        assert rows.loc["none", "planned_value"] == pytest.approx(
            rows.loc["none", "expected_households"]
        )
    assert rows["aid_per_building_sek"].to_numpy() == pytest.approx(
        (rows["expected_aid_sek"] / rows["expected_buildings"]).to_numpy()
    )
    one = plan.competition
    assert one["marks"].sum() == plan.marks["marked"].sum() == rows.loc["optimal", "marks"]
    assert (one["marks"] <= np.minimum(25, one["base_buildings"])).all()
    assert one["comparison_sek"].to_numpy() == pytest.approx(
        (one["aid_per_building_sek"] * (1 - 0.02 * one["marks"])).to_numpy()
    )
    assert one["chance_marked"].to_numpy() == pytest.approx(
        (one["chance_landsdel"] + one["chance_national"]).to_numpy()
    )
    assert (one["chance_marked"] - one["chance_unmarked"])[one["marks"] > 0].mean() > 0.1
    by_area = plan.marks[plan.marks["marked"]].groupby("area_id").size()
    assert (
        by_area.to_dict()
        == one.set_index("area_id")["marks"][one["marks"].to_numpy() > 0].to_dict()
    )
    rules_said = [finding.rule for finding in plan.findings]
    assert rules_said[:2] == ["pts-marks-maximise", "pts-outside-projects"]
    assert "18\N{NO-BREAK SPACE}%" in plan.findings[0].message or "18%" in plan.findings[0].message


def test_the_competition_alone_gives_the_same_as_the_plan() -> None:
    made, table = county()
    choice = PtsSettings(draws=60)
    plan = plan_marks(table, made, RULES, choice)
    alone = simulate_competition(made, plan.competition["marks"], RULES, choice)
    pd.testing.assert_frame_equal(alone, plan.competition)


def test_a_larger_share_of_marks_is_never_worth_less(tmp_path: Any) -> None:
    made, table = county()
    choice = PtsSettings(draws=60)
    worth = []
    for share in (0.0, 0.05, 0.3, 0.6):
        path = tmp_path / f"{share}.toml"
        path.write_text(
            f'[2023.marks]\nquota_share = {{ value = {share}, mark = "U", source = "test" }}\n',
            encoding="utf-8",
        )
        plan = plan_marks(table, made, rules_of(2023, path=path), choice)
        rows = plan.comparison.set_index("method")
        assert plan.marks["marked"].sum() <= int(share * len(table) + 1e-9)
        worth.append(rows.loc["optimal", "planned_value"])
    assert worth == sorted(worth)
    assert worth[0] < worth[1] < worth[2]


def test_without_a_score_its_value_cannot_be_made_the_most_of() -> None:
    made, table = county()
    with pytest.raises(MissingColumnError, match="score"):
        plan_marks(table, made, RULES, PtsSettings(draws=5, value="score"))


def test_no_project_at_all() -> None:
    made, table = county()
    plan = plan_marks(table, made.iloc[:0], RULES, PtsSettings(draws=5), language="en")
    check_table(plan.marks, MARKS, where="marks")
    check_table(plan.competition, COMPETITION, where="competition")
    assert not plan.marks["marked"].any()
    assert plan.findings[-1].rule == "pts-no-projects"
    assert plan.comparison["expected_buildings"].eq(0).all()


def test_from_the_tables_of_a_run_to_all_that_goes_to_pts(tmp_path: Any) -> None:
    rows = [(f"b{n:02}", 1, 0, 0, "utanför", 24, 0, 0) for n in range(30)]
    rows += [("cabin", 0, 0, 1, "utanför", 0, 0, 0), ("town", 3, 1, 0, "tätort", 0, 0, 0)]
    table = status(rows).assign(distance_to_fibre_m=np.arange(32.0))
    area = ["2501-0001"] * 20 + ["2501-0002"] * 10 + ["2501-0002"] * 2
    reach = pd.DataFrame(
        {
            "premises_id": table["premises_id"], "area_id": pd.array(area, dtype="str"),
            "reach": "trench", "road_distance_m": 10.0,
        }
    )  # fmt: skip
    trench = pd.DataFrame(
        {
            "area_id": ["2501-0001", "2501-0002"], "length_m": [8000.0, 4000.0],
            "cost_sek": [1.6e6, 1.1e6],
        }
    )  # fmt: skip
    areas = pd.DataFrame(
        {
            "area_id": ["2501-0001", "2501-0002"], "municipality_code": ["2501", "2502"],
            "reached": True, "gap_sek": [0.0, 0.0], "rank": pd.array([2, 1], dtype="Int64"),
        }
    )  # fmt: skip
    school = pd.DataFrame({"x": [table["x"].iloc[25]], "y": [table["y"].iloc[25]]})
    (tmp_path / "regler.toml").write_text(
        '[2023.marks]\nquota_share = { value = 0.2, mark = "S", source = "oss" }\n', "utf-8"
    )
    made = plan_pts(
        table, areas, trench, reach, MUNICIPALITIES,
        settings=PtsSettings(year=2023, rules="regler.toml", draws=50), prices=PRICES,
        functions=school, nearby_m=150.0, later_connection=LATER, folder=tmp_path, language="en",
    )  # fmt: skip
    for name, schema in (
        ("pts_buildings", PTS_BUILDINGS), ("pts_exclusions", EXCLUSIONS),
        ("pts_exclusion_counts", EXCLUSION_COUNTS), ("pts_consultation", CONSULTATION),
        ("pts_rules", PTS_RULES), ("pts_marks", MARKS), ("pts_competition", COMPETITION),
        ("pts_mark_comparison", MARK_COMPARISON), ("pts_calibration", PTS_CALIBRATION),
    ):  # fmt: skip
        assert schema.name == name
        check_table(made.tables[name], schema, where=name)
    won = made.tables["pts_competition"].set_index("area_id")
    # One building lies in an area of later connection, the town's one in a tätort.
    assert won["base_buildings"].to_dict() == {"2501-0001": 19, "2501-0002": 10}
    assert won["aid_sek"].to_dict() == pytest.approx(
        {"2501-0001": 1.6e6 * 19 / 20, "2501-0002": 1.1e6 * 10 / 11}
    )
    marks = made.tables["pts_marks"]
    assert marks["marked"].sum() <= 5  # 0.2 of 29, downwards
    assert "town" not in set(marks["premises_id"])
    places = marks.set_index("premises_id")["place"]
    # Near the school first, then the farthest from fibre.
    assert places[["b26", "b25", "b24", "b29", "b28"]].tolist() == [1, 2, 3, 4, 5]
    assert places["b19"] == 1
    again = plan_pts(
        table, areas, trench, reach, MUNICIPALITIES,
        settings=PtsSettings(year=2023, rules="regler.toml", draws=50), prices=PRICES,
        functions=school, nearby_m=150.0, later_connection=LATER, folder=tmp_path, language="en",
    )  # fmt: skip
    for name, first in made.tables.items():
        pd.testing.assert_frame_equal(first, again.tables[name])


def test_own_projects_are_drawn_by_the_settings() -> None:
    made, _ = county()
    drawn = draw_own_calls(made, RULES, PtsSettings(draws=30, apply_share=1.0))
    assert drawn.here.shape == (30, 60)
    assert drawn.here.all()
    assert drawn.buildings.shape == (30, 150 + 231 + 253)
