"""Draws of prices and weights, quick choices, and the weights that turn pairs round."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bredband import robustness as robustness_module
from bredband.criteria import CRITERIA, read_columns
from bredband.flips import find_flips
from bredband.priority import hang_areas, order_areas, rank_areas
from bredband.robustness import choose_greedily, draw_weights, robustness
from bredband.scores import score_areas, share_weights, value_criterion, weigh
from bredband.settings_priority import Criterion
from bredband.tables import check_table
from bredband.tables_scores import FLIPS, ROBUSTNESS
from bredband_gis.errors import BadValueError
from hypothesis import given, settings
from hypothesis import strategies as st
from ranked_areas import areas, forests, make_forest, with_gap_each

NAN = float("nan")

MIXED = [
    Criterion(name="support_per_household", weight=3),
    Criterion(name="households", weight=2, value="log"),
    Criterion(name="functions", weight=1, missing="leave_out"),
    Criterion(name="spacing", weight=1),
    Criterion(name="workplaces", weight=0),
]


def drawn_gaps(table: pd.DataFrame, draws: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spread = rng.integers(-3000, 3000, (len(table), draws))
    gaps: np.ndarray = table["gap_sek"].to_numpy()[:, None] + spread
    return gaps


def again(table: pd.DataFrame, gap: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Score and rank one draw as if its prices and weights were those of the run."""
    now = with_gap_each(table.assign(gap_sek=gap))
    wanted = [
        one.model_copy(update={"weight": float(weight)})
        for one, weight in zip(MIXED, weights, strict=True)
    ]
    return rank_areas(score_areas(now, wanted).areas)


# --- draws -----------------------------------------------------------------------------------


def test_every_draw_is_scored_and_ranked_as_a_run_of_its_own() -> None:
    table, draws = make_forest(5, 12), 30
    gaps = drawn_gaps(table, draws)
    found = robustness(table, gaps, MIXED, seed=3)
    check_table(found, ROBUSTNESS, where="robustness")
    shares = np.array([one.weight for one in MIXED]) / 7
    weights = draw_weights(shares, draws, seed=3)
    each = [
        again(table, gaps[:, n], weights[:, n]).set_index("area_id")["rank"] for n in range(draws)
    ]
    ranks = pd.concat(each, axis=1).reindex(found["area_id"]).to_numpy(np.int64)
    ranks.sort(axis=1)
    # Of 30 draws the 3rd, the 15th and the 27th.
    assert found["rank_p10"].tolist() == ranks[:, 2].tolist()
    assert found["rank_p50"].tolist() == ranks[:, 14].tolist()
    assert found["rank_p90"].tolist() == ranks[:, 26].tolist()
    assert found["best_rank"].tolist() == ranks[:, 0].tolist()
    assert found["worst_rank"].tolist() == ranks[:, -1].tolist()
    assert found["draws"].eq(30).all()
    assert found["chosen_share"].isna().all()
    point = rank_areas(score_areas(table, MIXED).areas)
    assert found["area_id"].tolist() == point["area_id"].tolist()
    assert found["rank"].tolist() == list(range(1, 13))
    assert (found["rank_p10"] < found["rank_p90"]).any()


@settings(max_examples=20)
@given(forests(), st.integers(0, 30_000))
def test_without_spread_everything_is_certain(table: pd.DataFrame, budget: int) -> None:
    gaps = np.repeat(table["gap_sek"].to_numpy()[:, None], 7, axis=1)
    found = robustness(table, gaps, MIXED, budget_sek=float(budget), concentration=None)
    assert set(found["chosen_share"]) <= {0.0, 1.0}
    for name in ("rank_p10", "rank_p50", "rank_p90", "best_rank", "worst_rank"):
        assert found[name].equals(found["rank"].rename(name))
    ranked = rank_areas(score_areas(table, MIXED).areas)
    assert found["area_id"].tolist() == ranked["area_id"].tolist()
    # One criterion has one weight, however it is drawn.
    alone = robustness(table, gaps, MIXED[:1])
    assert alone["rank_p10"].tolist() == alone["rank_p90"].tolist() == alone["rank"].tolist()


def test_how_often_an_area_is_chosen() -> None:
    table = areas(households=[10, 10, 10], upstream_area_id=[None, "a", None])
    # b needs a; the budget of 100 reaches for a and b in two draws of four.
    gaps = np.array([[60.0, 60, 60, 120], [40, 40, 60, 10], [101, 101, 101, 90]])
    one = [Criterion(name="support_per_household")]
    found = robustness(table, gaps, one, budget_sek=100.0).set_index("area_id")
    assert found.loc[["a", "b", "c"], "chosen_share"].tolist() == [0.75, 0.5, 0.25]
    # An area that pays for itself takes nothing from the budget, and gives nothing.
    free = robustness(table, gaps * [[-9], [1], [1]], one, budget_sek=60.0).set_index("area_id")
    assert free.loc[["a", "b", "c"], "chosen_share"].tolist() == [1, 1, 0]


def test_rows_that_no_trench_reaches_are_left_out() -> None:
    table = areas(households=[10, 10, 90], reached=[True, False, True])
    gaps = np.array([[2.0, 3.0], [NAN, NAN], [1.0, 1.0]], np.float32)
    found = robustness(table, gaps, [Criterion(name="support_per_household")], budget_sek=1.0)
    assert found["area_id"].tolist() == ["c", "a"]
    assert found["chosen_share"].tolist() == [1, 0]
    empty = robustness(table.iloc[:0], gaps[:0], MIXED[:1], budget_sek=1.0)
    check_table(empty, ROBUSTNESS, where="robustness")


def test_another_way_to_choose_can_be_given() -> None:
    table = areas(
        households=[4, 2, 8, 9],
        upstream_area_id=[None, "a", None, None],
        reached=[True, True, False, True],
    )
    gaps = np.array([[5.0, -1], [7, 8], [NAN, NAN], [2, 3]])
    seen: list[Any] = []

    def choose(support: Any, worth: Any, upstream: Any, budget: float) -> Any:
        seen.append((support.tolist(), worth.tolist(), upstream.tolist(), budget))
        return np.array([True, False, len(seen) == 1])

    one = [Criterion(name="households", worst=0, best=10)]
    found = robustness(table, gaps, one, budget_sek=12.0, choose=choose, objective="score")
    assert seen[0] == ([5, 7, 2], [4 * 0.4, 2 * 0.2, 9 * 0.9], [-1, 0, -1], 12.0)
    assert seen[1][0] == [0, 8, 3]
    shares = found.set_index("area_id")["chosen_share"]
    assert shares[["a", "b", "d"]].tolist() == [1, 0, 0.5]
    seen.clear()
    robustness(table, gaps, one, budget_sek=12.0, choose=choose)
    assert seen[0][1] == [4, 2, 9]


def test_other_columns_can_be_drawn_too() -> None:
    table = areas(households=[10, 10], capex_sek=[1.0, 2.0])
    capex = np.array([[1.0, 5.0], [2.0, 4.0]])
    one = [Criterion(name="capex_per_household")]
    still = robustness(table, np.ones((2, 2)), one)
    assert still["worst_rank"].tolist() == [1, 2]
    drawn = robustness(table, np.ones((2, 2)), one, more_draws={"capex_sek": capex})
    assert drawn["worst_rank"].tolist() == [2, 2]


def test_a_part_at_a_time_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_forest(8, 9)
    gaps = drawn_gaps(table, 20)
    whole = robustness(table, gaps, MIXED, budget_sek=9000.0)
    monkeypatch.setattr(robustness_module, "_CHUNK", 30)
    assert robustness(table, gaps, MIXED, budget_sek=9000.0).equals(whole)
    assert not robustness(table, gaps, MIXED, budget_sek=9000.0, seed=1).equals(whole)


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        (np.ones((3, 5)), r"draws of gap_sek have the shape \(3, 5\), not \(2, draws\)"),
        (np.ones((2, 0)), r"draws of gap_sek have the shape \(2, 0\)"),
        (np.ones(2), r"draws of gap_sek have the shape \(2,\)"),
        (np.array([[1.0, NAN], [1.0, 1.0]]), "draws of gap_sek are no numbers for 1 areas"),
    ],
)
def test_draws_must_fit_the_areas(gaps: Any, words: str) -> None:
    with pytest.raises(BadValueError, match=words):
        robustness(areas(households=[1, 2]), gaps, MIXED[:1])


# --- weights ---------------------------------------------------------------------------------


def test_weights_are_drawn_around_the_planners() -> None:
    shares = np.array([0.5, 0.4, 0.0, 0.1])
    found = draw_weights(shares, 20_000, concentration=50.0, seed=7)
    assert found.shape == (4, 20_000)
    assert found.sum(axis=0) == pytest.approx(1)
    assert (found[2] == 0).all()
    assert found.mean(axis=1) == pytest.approx(shares, abs=0.003)
    # Dirichlet: the variance of a share is w (1 - w) / (sum of parameters + 1).
    assert found.std(axis=1) == pytest.approx(np.sqrt(shares * (1 - shares) / 51), abs=0.002)
    # What the text of CONCENTRATION says.
    assert np.quantile(found[0], [0.1, 0.9]) == pytest.approx([0.41, 0.59], abs=0.005)
    assert np.quantile(found[3], [0.1, 0.9]) == pytest.approx([0.05, 0.16], abs=0.005)
    assert (draw_weights(shares, 20_000, seed=7) == found).all()
    kept = draw_weights(shares, 3, concentration=None)
    assert (kept == shares[:, None]).all()


@pytest.mark.parametrize("concentration", [0.0, -1.0, NAN, np.inf])
def test_the_concentration_is_above_0(concentration: float) -> None:
    with pytest.raises(BadValueError, match="the concentration is"):
        draw_weights(np.array([1.0]), 2, concentration=concentration)


# --- quick choices -----------------------------------------------------------------------------


def pick(support: list[float], worth: list[float], upstream: list[int], budget: float) -> list[int]:
    chosen = choose_greedily(np.array(support, float), np.array(worth, float),
                             np.array(upstream, np.int64), budget)  # fmt: skip
    return np.flatnonzero(chosen).tolist()


def test_quick_choices_by_hand() -> None:
    # The best ratio first; what does not fit is passed over.
    assert pick([10, 50, 20], [10, 40, 10], [-1, -1, -1], 35) == [0, 2]
    # A poor trunk is worth it for its branch.
    assert pick([30, 10, 40], [1, 60, 20], [-1, 0, -1], 40) == [0, 1]
    # Where trunk and branch do not fit together, the next best; then what still fits.
    assert pick([30, 15, 40], [1, 60, 20], [-1, 0, -1], 42) == [2]
    assert pick([30, 15, 40], [1, 60, 20], [-1, 0, -1], 30) == [0]
    # What is free is taken, also where nobody lives; what is worth nothing is not bought.
    assert pick([0, 5, 0], [0, 0, 3], [-1, -1, -1], 100) == [0, 2]
    # A budget that is met to the öre, but for rounding.
    assert pick([0.1, 0.2], [1, 1], [-1, -1], 0.3) == [0, 1]
    assert pick([0.1, 0.21], [1, 1], [-1, -1], 0.3) == [0]
    assert pick([], [], [], 5) == []


@settings(max_examples=60)
@given(forests(8), st.integers(0, 40))
def test_quick_choices_keep_the_budget_and_the_order(table: pd.DataFrame, budget: int) -> None:
    support = table["gap_sek"].clip(lower=0).to_numpy() / 1000
    worth = table["households"].to_numpy(float)
    upstream = pd.Index(table["area_id"]).get_indexer(
        pd.Index(table["upstream_area_id"].fillna(""))
    )
    chosen = choose_greedily(support, worth, upstream.astype(np.int64), float(budget))
    hung = upstream >= 0
    assert chosen[upstream[hung & chosen]].all()
    assert support[chosen].sum() <= budget
    # Nothing of worth that still fits is left.
    can = ~chosen & ((upstream < 0) | chosen[upstream]) & (worth > 0)
    assert (support[can] > budget - support[chosen].sum()).all()
    best = max(
        worth[list(some)].sum()
        for size in range(len(table) + 1)
        for some in itertools.combinations(range(len(table)), size)
        if support[list(some)].sum() <= budget
        and all(upstream[one] < 0 or upstream[one] in some for one in some)
    )
    assert worth[chosen].sum() <= best
    if support.sum() <= budget:
        assert worth[chosen].sum() == worth.sum() == best


# --- weights that turn pairs round ---------------------------------------------------------------

PLAIN = [
    Criterion(name="households", weight=3, worst=0, best=10),
    Criterion(name="workplaces", weight=2, worst=0, best=10),
    Criterion(name="spacing", weight=5, worst=0, best=10),
]


def test_a_flip_by_hand() -> None:
    # Scores: a 0.3*0.8 + 0.2*0.2 + 0.5*0.5 = 0.53; b 0.3*0.4 + 0.2*0.6 + 0.5*0.5 = 0.49.
    table = areas(households=[8, 4], workplaces=[2, 6], spacing_m=[5.0, 5.0])
    ranked = rank_areas(score_areas(table, PLAIN).areas, budget_sek=200_000.0)
    found = find_flips(ranked, PLAIN)
    check_table(found, FLIPS, where="flips")
    # 0.4 r = 0.4 * 0.2: households at 2 of 3, so 2 / 9; workplaces at 3 of 2, so 3 / 11.
    assert found["criterion"].tolist() == ["households", "workplaces"]
    assert found["weight"].tolist() == pytest.approx([0.3, 0.2])
    assert found["flip_weight"].tolist() == pytest.approx([2 / 9, 3 / 11])
    assert found["change"].tolist() == pytest.approx([2 / 9 / 0.3 - 1, 3 / 11 / 0.2 - 1])
    assert found["setting"].tolist() == pytest.approx([2, 3])
    assert found[["area_id", "next_area_id"]].iloc[0].tolist() == ["a", "b"]
    assert found["rank"].tolist() == [1, 1]
    assert found["at_budget"].tolist() == [True, True]
    # The workplaces' weight must change by 36 %: not within 30.
    assert find_flips(ranked, PLAIN, limit=0.3)["criterion"].tolist() == ["households"]
    rich = find_flips(rank_areas(table.assign(score=1.0), budget_sek=1e9), PLAIN)
    assert rich["at_budget"].tolist() == [False, False]
    bare = find_flips(table, PLAIN)
    assert bare["at_budget"].isna().all()
    assert bare.drop(columns="at_budget").equals(found.drop(columns="at_budget"))


def test_areas_held_back_by_the_same_one_turn_by_their_own_scores() -> None:
    # As above, both hung on a poor area; gaps do not decide between them.
    table = areas(
        households=[1, 8, 4], workplaces=[0, 2, 6], spacing_m=5.0,
        upstream_area_id=[None, "a", "a"], gap_sek=[5.0, 100.0, 900.0],
    )  # fmt: skip
    found = find_flips(table, PLAIN)
    assert found["area_id"].tolist() == ["b", "b"]
    assert found["setting"].tolist() == pytest.approx([2, 3])


def test_nothing_to_turn() -> None:
    table = areas(households=[8, 4, 2], workplaces=[2, 1, 1], upstream_area_id=[None, None, "b"])
    # Better in everything, or hung on the other; one criterion alone; a single area.
    check_table(find_flips(table, PLAIN[:2]), FLIPS, where="flips")
    assert find_flips(table, PLAIN[:2]).empty
    assert find_flips(table, PLAIN[:1]).empty
    assert find_flips(table.iloc[:1], PLAIN[:2]).empty
    assert find_flips(table.iloc[:0], PLAIN[:2]).empty
    # The lines cross where the weight would be negative; one weight is most of all.
    most = [PLAIN[0].model_copy(update={"weight": 8.0}), PLAIN[1]]
    worse = areas(households=[5, 4], workplaces=[9, 2], gap_sek=[2.0, 1.0])
    assert find_flips(worse, most).empty


def test_areas_that_score_alike_turn_at_the_least_change() -> None:
    # Alike today; more weight on workplaces, or less on households, puts b first.
    table = areas(households=[8, 4], workplaces=[2, 8], gap_sek=[1.0, 2.0])
    found = find_flips(table, PLAIN[:2])
    assert found["change"].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert set(found["criterion"]) == {"households", "workplaces"}


def order_at(table: pd.DataFrame, wanted: list[Criterion], name: str, weight: float) -> list[str]:
    changed = [
        one.model_copy(update={"weight": weight}) if one.name == name else one for one in wanted
    ]
    order: list[str] = rank_areas(score_areas(table, changed).areas)["area_id"].tolist()
    return order


SOME = [
    Criterion(name="support_per_household", weight=3),
    Criterion(name="households", weight=2, worst=0, best=7),
    Criterion(name="functions", weight=2, missing="leave_out", worst=0, best=3),
    Criterion(name="spacing", weight=1, missing="leave_out", worst=0, best=500),
    Criterion(name="workplaces", weight=0),
]


@settings(max_examples=15)
@given(forests())
def test_flips_turn_the_pair_when_the_weight_is_changed(table: pd.DataFrame) -> None:
    for one in find_flips(table, SOME).itertuples(index=False):
        today = next(c.weight for c in SOME if c.name == one.criterion)
        side = np.sign(one.setting - today) if abs(one.change) > 1e-9 else 0
        beyond = [one.setting * (1 + 1e-5 * way) for way in ([side] if side else [-1, 1])]
        orders = [order_at(table, SOME, one.criterion, weight) for weight in beyond]
        first, second = one.area_id, one.next_area_id
        assert any(order.index(second) < order.index(first) for order in orders)
        if side:
            order = order_at(table, SOME, one.criterion, one.setting * (1 - 1e-5 * side))
            assert order.index(first) < order.index(second)
        total = sum(c.weight for c in SOME)
        assert one.weight == pytest.approx(today / total)
        new = total - today + one.setting
        assert one.flip_weight == pytest.approx(one.setting / new)


@settings(max_examples=60)
@given(forests())
def test_no_flip_is_missed(table: pd.DataFrame) -> None:
    found = find_flips(table, SOME)
    change = found.set_index(["area_id", "next_area_id", "criterion"])["change"]
    columns = read_columns(table, [CRITERIA[one.name] for one in SOME])
    valued = [value_criterion(columns, one) for one in SOME]
    gap_each = table["gap_per_household_sek"].to_numpy()[:, None]
    shares = share_weights(SOME)
    # Today's weights, then each weight moved, the others in proportion.
    tried = [(0, 0.0), *itertools.product(range(4), (-0.493, -0.311, -0.129, 0.138, 0.297, 0.497))]
    weights = np.column_stack([shares] * len(tried))
    for n, (k, moved) in enumerate(tried):
        share = shares[k] * (1 + moved)
        weights[:, n] *= (1 - share) / (1 - shares[k])
        weights[k, n] = share
    orders = order_areas(weigh(valued, weights), gap_each, hang_areas(table)).T
    ids = table["area_id"].to_numpy(object)
    for (k, moved), order in zip(tried, orders, strict=True):
        place = {ids[row]: n for n, row in enumerate(order)}
        for first, second in itertools.pairwise(ids[orders[0]]):
            if place[second] < place[first]:
                assert abs(change[(first, second, SOME[k].name)]) <= abs(moved)
