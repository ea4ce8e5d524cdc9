"""Choices under budgets, against every possible choice and against another formulation."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any
from unittest import mock

import networkx as nx
import numpy as np
import pytest
from bredband import choice_search
from bredband.choice import (
    Choice,
    Purse,
    Steps,
    choose,
    choose_fast,
    choose_greedy,
    choose_nested,
    choose_years,
)
from bredband.choice_pay import Paying, first_groups, pay
from bredband.choice_problem import Row, from_above, make_problem
from bredband.choice_relaxation import best_prices, losses, price
from bredband.choice_search import first_choice
from bredband_gis.errors import BadValueError
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# --- instances -----------------------------------------------------------------------


@st.composite
def forests(draw: st.DrawFn, most: int = 7) -> dict[str, Any]:
    """A few areas: value, cost, upstream in any order, municipality, and which are allowed."""
    size = draw(st.integers(1, most))
    above = [draw(st.integers(-1, i - 1)) for i in range(size)]
    place = draw(st.permutations(range(size)))
    upstream = np.full(size, -1)
    for i, up in enumerate(above):
        upstream[place[i]] = -1 if up < 0 else place[up]
    ore = draw(st.booleans())
    numbers = st.integers(1, 3000).map(lambda n: n / 100) if ore else st.integers(1, 30)
    fractions = draw(st.booleans())
    worth = st.floats(0.01, 12) if fractions else st.integers(0, 12)
    return {
        "value": np.array([draw(worth) for _ in range(size)], dtype=float),
        "cost": np.array([draw(st.just(0) | numbers) for _ in range(size)], dtype=float),
        "upstream": upstream,
        "group": np.array([draw(st.sampled_from("ab")) for _ in range(size)]),
        "allowed": np.array([draw(st.integers(0, 9)) > 0 for _ in range(size)]),
    }


def money(draw: st.DrawFn, cost: np.ndarray, share: float = 1.0) -> float:
    """A budget from nothing to more than all areas need."""
    return float(draw(st.integers(0, int(share * cost.sum()) + 2)))


def ore(sek: Any) -> int:
    return round(float(np.sum(sek)) * 100)


def subsets(made: dict[str, Any]) -> Iterator[np.ndarray]:
    """Every set of allowed areas that holds what its areas hang on."""
    up = made["upstream"]
    for bits in itertools.product([False, True], repeat=up.size):
        taken = np.array(bits)
        hung = taken & (up >= 0)
        if taken[~made["allowed"]].any() or not taken[up[hung]].all():
            continue
        yield taken


def can_pay(taken: np.ndarray, cost: np.ndarray, purses: list[Purse]) -> bool:
    """Whether a flow pays it all, by networkx."""
    graph: Any = nx.DiGraph()
    graph.add_nodes_from(["money", "areas"])
    for b, purse in enumerate(purses):
        graph.add_edge("money", f"b{b}", capacity=int(purse.sek * 100 + 1e-6))
        for i in np.flatnonzero(taken):
            most = cost[i] if purse.most is None else np.asarray(purse.most)[i]
            graph.add_edge(f"b{b}", f"a{i}", capacity=int(most * 100 + 1e-6))
    for i in np.flatnonzero(taken):
        graph.add_edge(f"a{i}", "areas", capacity=ore(cost[i]))
    return bool(nx.maximum_flow_value(graph, "money", "areas") == ore(cost[taken]))


def given_areas(made: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return made["value"], made["cost"], made["upstream"]


def check(found: Choice, made: dict[str, Any], best: float) -> None:
    """The best, proven, closed, allowed, and paid for."""
    assert found.value == pytest.approx(best, abs=1e-9)
    assert found.bound >= best - 1e-9
    assert found.gap == pytest.approx(0.0, abs=1e-8)
    up, taken = made["upstream"], found.chosen
    assert taken[up[taken & (up >= 0)]].all()
    assert not taken[~made["allowed"]].any()
    np.testing.assert_allclose(found.paid.sum(axis=1), made["cost"] * taken, atol=0.001)


def small_cores() -> Any:
    """Have even a few areas solved core by core, as many areas are."""
    return mock.patch.object(choice_search, "_CORES", (1, 2, 3))


# --- against every choice ------------------------------------------------------------


@given(st.data())
@settings(max_examples=60)
def test_one_budget_is_spent_as_well_as_it_can_be(data: st.DataObject) -> None:
    made = data.draw(forests())
    budget = money(data.draw, made["cost"])
    best = max(
        made["value"][taken].sum()
        for taken in subsets(made)
        if ore(made["cost"][taken]) <= ore(budget)
    )
    found = choose(*given_areas(made), budget, allowed=made["allowed"])
    check(found, made, best)
    assert ore(made["cost"][found.chosen]) <= ore(budget)
    with small_cores():
        check(choose(*given_areas(made), budget, allowed=made["allowed"]), made, best)
    fast = choose_fast(*given_areas(made), budget, allowed=made["allowed"])
    assert ore(made["cost"][fast.chosen]) <= ore(budget)
    assert fast.value - 1e-9 <= best <= fast.bound + 1e-9
    greedy = choose_greedy(*given_areas(made), budget, allowed=made["allowed"])
    assert ore(made["cost"][greedy.chosen]) <= ore(budget)
    assert greedy.value <= best + 1e-9


@given(st.data())
@settings(max_examples=60)
def test_several_budgets_pay_together(data: st.DataObject) -> None:
    made = data.draw(forests(6))
    cost = made["cost"]
    shares = st.sampled_from([0.0, 0.4, 0.6, 1.0])
    # From five budgets on, who pays for what is a part of the programme.
    purses = [
        Purse(
            money(data.draw, cost, 0.6),
            None if data.draw(st.booleans())
            else np.array([data.draw(shares) for _ in cost]) * cost,
        )
        for _ in range(data.draw(st.integers(1, 6)))
    ]  # fmt: skip
    best = max(made["value"][t].sum() for t in subsets(made) if can_pay(t, cost, purses))
    found = choose(*given_areas(made), purses, allowed=made["allowed"])
    check(found, made, best)
    for b, purse in enumerate(purses):
        most = cost if purse.most is None else np.asarray(purse.most)
        assert (found.paid[:, b] <= most + 1e-9).all()
        assert ore(found.paid[:, b]) <= purse.sek * 100 + 1e-6
    with small_cores():
        check(choose(*given_areas(made), purses, allowed=made["allowed"]), made, best)
    fast = choose_fast(*given_areas(made), purses, allowed=made["allowed"])
    assert can_pay(fast.chosen, cost, purses)
    assert fast.value - 1e-9 <= best <= fast.bound + 1e-9


@given(st.data())
@settings(max_examples=60)
def test_municipalities_get_no_less_and_no_more(data: st.DataObject) -> None:
    made = data.draw(forests())
    cost, group = made["cost"], made["group"]
    budget = money(data.draw, cost)
    floors = {
        code: float(data.draw(st.integers(0, 25)))
        for code in data.draw(st.sets(st.sampled_from("ab")))
    }
    caps = {
        code: float(data.draw(st.integers(0, 40)))
        for code in data.draw(st.sets(st.sampled_from("ab")))
    }

    def within(taken: np.ndarray) -> bool:
        got = {code: ore(cost[taken & (group == code)]) for code in "ab"}
        return (
            ore(cost[taken]) <= ore(budget)
            and all(got[code] >= ore(floor) for code, floor in floors.items())
            and all(got[code] <= ore(cap) for code, cap in caps.items())
        )

    values = [made["value"][taken].sum() for taken in subsets(made) if within(taken)]
    more: dict[str, Any] = {"group": group, "caps": caps, "allowed": made["allowed"]}
    if not values:
        with pytest.raises(BadValueError, match="the floor of"):
            choose(*given_areas(made), budget, floors=floors, **more)
        return
    found = choose(*given_areas(made), budget, floors=floors, **more)
    check(found, made, max(values))
    assert within(found.chosen)
    with small_cores():
        again = choose(*given_areas(made), budget, floors=floors, **more)
    check(again, made, max(values))


def orders(made: dict[str, Any], sets: int) -> Iterator[np.ndarray]:
    """Every way of taking areas in at one of the sets, after what they hang on, or never."""
    up = made["upstream"]
    for numbers in itertools.product(range(sets + 1), repeat=up.size):
        step = np.array(numbers)
        hung = up >= 0
        if (step[~made["allowed"]] < sets).any() or (step[up[hung]] > step[hung]).any():
            continue
        yield step


@given(st.data())
@settings(max_examples=40)
def test_nested_budgets_have_the_largest_sum(data: st.DataObject) -> None:
    made = data.draw(forests(5))
    cost = made["cost"]
    budgets = sorted(money(data.draw, cost) for _ in range(data.draw(st.integers(1, 3))))
    weights = [data.draw(st.integers(1, 3)) for _ in budgets]
    caps = {"b": float(data.draw(st.integers(0, 40)))}

    def within(step: np.ndarray) -> bool:
        return all(
            ore(cost[step <= k]) <= ore(sek)
            and ore(cost[(step <= k) & (made["group"] == "b")]) <= ore(caps["b"])
            for k, sek in enumerate(budgets)
        )

    def total(step: np.ndarray) -> float:
        return sum(w * made["value"][step <= k].sum() for k, w in enumerate(weights))

    best = max(total(step) for step in orders(made, len(budgets)) if within(step))
    for cores in (contextlib.nullcontext(), small_cores()):
        with cores:
            found = choose_nested(
                *given_areas(made), budgets, weights=weights, group=made["group"], caps=caps,
                allowed=made["allowed"], gap=0.0,
            )  # fmt: skip
        assert within(found.step)
        check_steps(found, made, best, total)
    for k in range(len(budgets) - 1):
        assert (found.held(k) <= found.held(k + 1)).all()


def check_steps(
    found: Steps, made: dict[str, Any], best: float, total: Callable[[np.ndarray], float]
) -> None:
    assert found.total == pytest.approx(best, abs=1e-9)
    assert total(found.step) == pytest.approx(found.total, abs=1e-9)
    assert found.bound >= best - 1e-9
    assert found.gap == pytest.approx(0.0, abs=1e-8)
    for k, value in enumerate(found.values):
        assert value == pytest.approx(made["value"][found.held(k)].sum(), abs=1e-9)
    hung = made["upstream"] >= 0
    assert (found.step[made["upstream"][hung]] <= found.step[hung]).all()


@given(st.data(), st.booleans())
@settings(max_examples=60)
def test_years_have_the_most_household_years(data: st.DataObject, carry_over: bool) -> None:
    made = data.draw(forests(5))
    cost = made["cost"]
    years = [money(data.draw, cost, 0.5) for _ in range(data.draw(st.integers(1, 3)))]
    floors = {"a": float(data.draw(st.integers(0, 12)))} if data.draw(st.booleans()) else {}

    def within(step: np.ndarray) -> bool:
        spent = [ore(cost[step == k]) for k in range(len(years))]
        got = ore(cost[(step < len(years)) & (made["group"] == "a")])
        if carry_over:
            spent = np.cumsum(spent).tolist()
        most = np.cumsum(years) if carry_over else years
        return got >= ore(floors.get("a", 0)) and all(
            s <= ore(m) for s, m in zip(spent, most, strict=True)
        )

    def total(step: np.ndarray) -> float:
        return sum(made["value"][step <= k].sum() for k in range(len(years)))

    totals = [total(step) for step in orders(made, len(years)) if within(step)]
    more: dict[str, Any] = {
        "carry_over": carry_over, "group": made["group"], "floors": floors,
        "allowed": made["allowed"], "gap": 0.0,
    }  # fmt: skip
    if not totals:
        with pytest.raises(BadValueError, match="the floor of a"):
            choose_years(*given_areas(made), years, **more)
        return
    for cores in (contextlib.nullcontext(), small_cores()):
        with cores:
            found = choose_years(*given_areas(made), years, **more)
        assert within(found.step)
        check_steps(found, made, max(totals), total)


# --- the parts -----------------------------------------------------------------------


@given(st.data(), st.integers(1, 3))
@settings(max_examples=40)
def test_bounds_and_losses_are_those_of_every_choice(data: st.DataObject, sets: int) -> None:
    """At any prices: the bound is the best priced choice, the loss what forcing a step costs."""
    made = data.draw(forests(5))
    made["allowed"][:] = True
    order = from_above(made["upstream"])
    place = np.argsort(order)
    up = made["upstream"][order]
    made["upstream"] = np.where(up >= 0, place[up], -1)
    cost = np.round(100 * made["cost"])
    each = np.eye(sets)
    rows = [Row(cost, each[k], data.draw(st.integers(1, 6000))) for k in range(sets)]
    rows.append(Row(-cost, each[-1], -1.0))
    problem = make_problem(made["upstream"], np.repeat(made["value"][:, None], sets, 1), rows)
    prices = np.array([data.draw(st.floats(0, 0.02)) for _ in problem.most])
    found = price(problem, prices)

    def priced(step: np.ndarray) -> float:
        return problem.value(step) + float(prices @ (problem.most - problem.used(step)))

    steps = [
        step for step in orders(made, sets)
        if not problem.barred[np.flatnonzero(step < sets), step[step < sets]].any()
    ]  # fmt: skip
    best = max(priced(step) for step in steps)
    assert found.bound == pytest.approx(best, rel=1e-8, abs=1e-6)
    assert priced(found.step) == pytest.approx(best, rel=1e-8, abs=1e-6)
    loss = losses(problem, found)
    for i in range(problem.areas):
        for t in range(sets + 1):
            there = [priced(step) for step in steps if step[i] == t]
            if there:
                assert loss[i, t] == pytest.approx(best - max(there), rel=1e-8, abs=1e-6)
            else:
                assert loss[i, t] == np.inf


def random_areas(size: int, seed: int, hung: float = 0.6) -> dict[str, Any]:
    """Households and support as in the countryside: many small areas, few very dear ones."""
    rng = np.random.default_rng(seed)
    up = np.where(
        rng.random(size) < hung, np.maximum(np.arange(size) - rng.integers(1, 20, size), -1), -1
    )
    households = np.minimum(np.floor(rng.lognormal(2.2, 1.1, size)), 120)
    gap = 15e3 * households + 5e5 * rng.pareto(1.4, size) - 2e4 * households
    return {
        "value": households,
        "cost": np.round(np.maximum(gap, 0.0), 2),
        "upstream": up,
        "group": np.array([str(2500 + 10 * i // size) for i in range(size)]),
        "allowed": np.ones(size, dtype=bool),
    }


def best_prices_by_linear_programme(problem: Any) -> float:
    """The linear relaxation by scipy."""
    size, sets = problem.worth.shape
    number = np.arange(size * sets).reshape(size, sets)
    rows = []
    for i in range(size):
        pairs = [(number[i, k], number[i, k + 1]) for k in range(sets - 1)]
        if problem.upstream[i] >= 0:
            pairs += list(zip(number[i], number[problem.upstream[i]], strict=True))
        for low, high in pairs:
            row = np.zeros(size * sets)
            row[low], row[high] = 1, -1
            rows.append(row)
    use = problem.use.toarray()
    dense = [(use[r][:, None] * problem.weight[r]).ravel() for r in range(problem.most.size)]
    result = optimize.linprog(
        -problem.worth.ravel(),
        A_ub=np.array([*rows, *dense]),
        b_ub=np.r_[np.zeros(len(rows)), problem.most],
        bounds=[(0, 0 if barred else 1) for barred in problem.barred.ravel()],
    )
    return float(-result.fun)


@pytest.mark.parametrize("sets", [1, 3])
@pytest.mark.parametrize("seed", [1, 2])
def test_best_prices_give_the_bound_of_the_linear_programme(seed: int, sets: int) -> None:
    made = random_areas(60, seed)
    cost = np.round(100 * made["cost"])
    each = np.eye(sets)
    rows = [Row(cost, each[k], 0.05 * (k + 1) * cost.sum()) for k in range(sets)]
    rows += [Row(np.where(made["group"] < "2503", cost, 0), each[-1], 0.03 * cost.sum())]
    rows += [Row(np.where(made["group"] > "2507", -cost, 0), each[-1], -0.02 * cost.sum())]
    problem = make_problem(made["upstream"], np.repeat(made["value"][:, None], sets, 1), rows)
    assert best_prices(problem).bound == pytest.approx(
        best_prices_by_linear_programme(problem), rel=1e-5
    )


def test_one_row_is_priced_at_once() -> None:
    made = random_areas(60, 5)
    cost = np.round(100 * made["cost"])
    problem = make_problem(
        made["upstream"], made["value"][:, None], [Row(cost, np.ones(1), 0.1 * cost.sum())]
    )
    assert best_prices(problem).bound == pytest.approx(
        best_prices_by_linear_programme(problem), rel=1e-7
    )


def test_a_budget_leaves_an_area_to_another_where_it_must() -> None:
    # Both may pay the first area, only the narrow one the second.
    paid, owed = pay(
        Paying(np.array([10.0, 10]), np.array([[10.0, 10], [10, 0]]), np.array([12.0, 7]))
    )
    assert owed.tolist() == [0, 1]
    paid, owed = pay(
        Paying(np.array([10.0, 10]), np.array([[10.0, 10], [10, 0]]), np.array([12.0, 10]))
    )
    assert not owed.any()
    assert paid.sum(axis=1).tolist() == [10, 10]
    assert paid[1].tolist() == [10, 0]


def test_areas_too_dear_with_what_they_need_are_barred() -> None:
    up, cost = np.array([-1, 0, 1, -1]), np.array([4.0, 4, 4, 9])
    one = make_problem(up, np.ones((4, 1)), [Row(cost, np.ones(1), 9)])
    assert one.barred.ravel().tolist() == [False, False, True, False]
    # Of the second set; and of a year, which bears only what is built in it.
    each = np.eye(2)
    rows = [Row(cost, each[0], 5), Row(cost, each[1] - each[0], 4)]
    years = make_problem(up, np.ones((4, 2)), rows)
    assert years.barred.tolist() == [
        [False, False], [True, False], [True, False], [True, True],
    ]  # fmt: skip
    nested = make_problem(up, np.ones((4, 2)), [rows[0], Row(cost, each[1], 8)])
    assert nested.barred.tolist() == [[False, False], [True, False], [True, True], [True, True]]


def test_money_goes_round_through_several_budgets() -> None:
    # a is full of the first area; it must be moved to b, whose area must be moved to c.
    support = np.array([10.0, 10, 10])
    most = np.array([[10.0, 10, 0], [0, 10, 10], [10, 0, 0]])
    paid, owed = pay(Paying(support, most, np.array([10.0, 10, 10])))
    assert not owed.any()
    np.testing.assert_array_equal(paid.sum(axis=0), [10, 10, 10])
    assert (paid <= most).all()


def test_the_narrowest_money_goes_first() -> None:
    paid, _ = pay(
        Paying(np.array([10.0, 10]), np.array([[10.0, 4], [10, 4]]), np.array([99.0, 99]))
    )
    assert paid.tolist() == [[6, 4], [6, 4]]


def test_groups_of_budgets_for_different_areas_say_nothing_more() -> None:
    support = np.array([10.0, 10])
    apart = Paying(support, np.array([[10.0, 0], [0, 10]]), np.array([10.0, 10]))
    assert [group.tolist() for group in first_groups(apart)] == [[True, False], [False, True]]
    shared = apart._replace(most=np.array([[10.0, 4], [0, 10]]))
    assert len(first_groups(shared)) == 3


def test_too_many_budgets_for_one_area_are_refused() -> None:
    with pytest.raises(BadValueError, match="more than 8 budgets"):
        choose([1, 1], [5, 5], [-1, -1], [Purse(1.0)] * 9)
    assert choose([1, 1], [5, 5], [-1, -1], [Purse(1.0)] * 8).value == 1


# --- another formulation, larger -----------------------------------------------------


def by_scipy(
    made: dict[str, Any],
    purses: list[Purse],
    floors: dict[str, float],
    caps: dict[str, float],
) -> float:
    """The whole integer programme, with a column for what each budget pays of each area."""
    size, budgets = made["value"].size, len(purses)
    x, columns = np.arange(size), size + size * budgets
    y = size + np.arange(size * budgets).reshape(budgets, size)
    constraints, low, high = [], [], []

    def add(entries: dict[int, float], least: float, most: float) -> None:
        row = sparse.lil_array((1, columns))
        for column, entry in entries.items():
            row[0, column] = entry
        constraints.append(row)
        low.append(least)
        high.append(most)

    for i in x:
        if made["upstream"][i] >= 0:
            add({i: 1, int(made["upstream"][i]): -1}, -np.inf, 0)
        add({i: -made["cost"][i], **{int(y[b, i]): 1.0 for b in range(budgets)}}, 0, 0)
        for b, purse in enumerate(purses):
            most = made["cost"][i] if purse.most is None else np.asarray(purse.most)[i]
            add({int(y[b, i]): 1, i: -most}, -np.inf, 0)
    for b, purse in enumerate(purses):
        add({int(column): 1.0 for column in y[b]}, -np.inf, purse.sek)
    for code in {*floors, *caps}:
        inside = {int(i): made["cost"][i] for i in x if made["group"][i] == code}
        add(inside, floors.get(code, -np.inf), caps.get(code, np.inf))
    kinds = np.r_[np.ones(size), np.zeros(size * budgets)]
    top = np.r_[np.ones(size), np.full(size * budgets, np.inf)]
    result = optimize.milp(
        -np.r_[made["value"], np.zeros(size * budgets)],
        constraints=optimize.LinearConstraint(
            sparse.csr_array(sparse.vstack(constraints)), low, high
        ),
        integrality=kinds,
        bounds=optimize.Bounds(0, top),
        options={"mip_rel_gap": 0.0},
    )
    return float(-result.fun)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", ["one", "three", "many", "floors"])
def test_as_good_as_the_whole_programme(kind: str, seed: int) -> None:
    made = random_areas(60, seed)
    total = made["cost"].sum()
    floors: dict[str, float] = {}
    caps: dict[str, float] = {}
    purses = [Purse(0.1 * total)]
    if kind == "three":
        purses = [
            Purse(0.04 * total, 0.4 * made["cost"]),
            Purse(0.05 * total),
            Purse(0.03 * total, np.where(made["group"] < "2504", made["cost"], 0)),
        ]
    elif kind == "many":
        purses = [Purse(0.04 * total)] + [
            Purse(0.01 * total, np.where(made["group"] == code, 0.8 * made["cost"], 0))
            for code in np.unique(made["group"])
        ]
    elif kind == "floors":
        cheapest = np.sort(made["cost"][made["group"] == "2503"])
        floors = {"2503": cheapest[: cheapest.size // 2].sum()}
        caps = {"2501": 0.01 * total, "2506": 0.02 * total}
    found = choose(*given_areas(made), purses, group=made["group"], floors=floors, caps=caps)
    best = by_scipy(made, purses, floors, caps)
    check(found, made, best)


# --- by hand, and known optima -------------------------------------------------------


def test_what_an_area_hangs_on_must_pay_off_too() -> None:
    # The best on its own, 30 for 10, hangs on one of 0 for 10: 30 for 20 beats 24 for 20.
    value, cost, up = [0, 30, 12, 12], [10, 10, 10, 10], [-1, 0, -1, -1]
    assert choose(value, cost, up, 20).chosen.tolist() == [True, True, False, False]
    assert choose(value, cost, up, 10).value == 12
    assert choose(value, cost, up, 30).value == 42


def test_what_pays_for_itself_is_chosen_with_what_it_hangs_on() -> None:
    value, cost, up = [5, 7, 0, 3], [0, 100, 0, 0], [-1, -1, 1, 1]
    assert choose(value, cost, up, 0).chosen.tolist() == [True, False, False, False]
    found = choose(value, cost, up, 100)
    assert found.chosen.all()
    assert found.value == 15


def test_known_optima_of_knapsacks() -> None:
    """Instances 1 and 8 of Kreher and Stinson's, with the optima as published."""
    value = [92, 57, 49, 68, 60, 43, 67, 84, 87, 72]
    weight = [23, 31, 29, 44, 53, 38, 63, 85, 89, 82]
    assert choose(value, weight, [-1] * 10, 165).value == 309
    value = [
        825594, 1677009, 1676628, 1523970, 943972, 97426, 69666, 1296457, 1679693, 1902996,
        1844992, 1049289, 1252836, 1319836, 953277, 2067538, 675367, 853655, 1826027, 65731,
        901489, 577243, 466257, 369261,
    ]  # fmt: skip
    weight = [
        382745, 799601, 909247, 729069, 467902, 44328, 34610, 698150, 823460, 903959, 853665,
        551830, 610856, 670702, 488960, 951111, 323046, 446298, 931161, 31385, 496951, 264724,
        224916, 169684,
    ]  # fmt: skip
    found = choose(value, weight, [-1] * 24, 6404180)
    assert (found.value, found.bound) == (13549094, 13549094)


def test_one_budget_may_pay_no_more_than_its_share() -> None:
    # 40 % from the first, the rest from the second; alone neither pays for anything.
    first, second = Purse(100, [40, 40]), Purse(60, [60, 100])
    found = choose([1, 2], [100, 100], [-1, -1], [first, second])
    assert found.chosen.tolist() == [False, True]
    assert found.paid[1].tolist() == [40, 60]
    assert not choose([1, 2], [100, 100], [-1, -1], [first]).chosen.any()


def test_years_carry_money_over_or_lose_it() -> None:
    value, cost, up = [10, 1], [8, 4], [-1, -1]
    carried = choose_years(value, cost, up, [5, 5], carry_over=True, gap=0)
    assert carried.step.tolist() == [1, 2]  # 10 once, rather than 1 twice
    lost = choose_years(value, cost, up, [5, 5], carry_over=False, gap=0)
    assert lost.step.tolist() == [2, 0]


def test_nesting_costs_what_it_must() -> None:
    # 10 buys the large area; 6 only a small one, which 10 must then keep.
    value, cost, up = [10, 4, 4], [10, 5, 5], [-1, -1, -1]
    found = choose_nested(value, cost, up, [6, 10], gap=0)
    assert found.values.tolist() == [4, 8]
    assert found.total == 12
    weighed = choose_nested(value, cost, up, [6, 10], weights=[1, 3], gap=0)
    assert weighed.values.tolist() == [0, 10]


def test_greedy_takes_the_best_per_krona_and_what_it_needs() -> None:
    # 9 for 3 first; then 10 for 10 no longer fits 12, so 2 for 9.
    value, cost, up = [0, 9, 10, 2], [1, 2, 10, 9], [-1, 0, -1, -1]
    found = choose_greedy(value, cost, up, 12)
    assert found.chosen.tolist() == [True, True, False, True]
    assert choose(value, cost, up, 12).value == 11
    assert choose_greedy(value, cost, up, 13).value == 19


# --- what must not change the answer -------------------------------------------------


@given(st.data())
@settings(max_examples=40)
def test_more_money_never_serves_fewer(data: st.DataObject) -> None:
    made = data.draw(forests(12))
    cost = made["cost"]
    budgets = sorted(money(data.draw, cost) for _ in range(3))
    values = [choose(*given_areas(made), sek).value for sek in budgets]
    assert np.all(np.diff(values) >= -1e-9)
    nested = choose_nested(*given_areas(made), budgets, gap=0)
    assert (nested.values <= np.array(values) + 1e-9).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_the_areas_changes_nothing(seed: int) -> None:
    made = random_areas(300, seed)
    order = np.random.default_rng(seed).permutation(300)
    place = np.argsort(order)
    up = made["upstream"][order]
    up = np.where(up >= 0, place[up], -1)
    budget = 0.1 * made["cost"].sum()
    found = choose(*given_areas(made), budget)
    again = choose(*given_areas(made), budget)
    other = choose(made["value"][order], made["cost"][order], up, budget)
    np.testing.assert_array_equal(found.chosen, again.chosen)
    assert other.value == found.value
    assert found.gap == 0


def test_a_country_of_areas_is_within_one_per_cent() -> None:
    made = random_areas(20_000, 7)
    budget = 0.1 * made["cost"].sum()
    found = choose(*given_areas(made), budget, gap=0.01)
    assert 0 <= found.gap <= 0.01
    assert ore(made["cost"][found.chosen]) <= ore(budget)
    fast = choose_fast(*given_areas(made), budget)
    assert fast.gap <= 0.01
    greedy = choose_greedy(*given_areas(made), budget)
    assert greedy.value <= found.bound


@pytest.mark.parametrize("seed", range(4))
def test_the_fast_choice_is_close(seed: int) -> None:
    made = random_areas(1000, seed)
    budget = 0.1 * made["cost"].sum()
    fast = choose_fast(*given_areas(made), budget)
    best = choose(*given_areas(made), budget)
    assert 0.995 * best.value <= fast.value <= best.value <= fast.bound


def test_without_time_there_is_still_a_choice() -> None:
    made = random_areas(400, 3)
    budget = 0.2 * made["cost"].sum()
    made["value"] = np.round(made["cost"] / 1e4) + 10
    found = choose(*given_areas(made), budget, time_limit=0.0)
    assert 0 < found.value <= found.bound
    assert ore(made["cost"][found.chosen]) <= ore(budget)
    assert found.gap == pytest.approx((found.bound - found.value) / found.bound)
    nested = choose_nested(*given_areas(made), [budget / 2, budget], time_limit=0.0)
    assert 0 < nested.total <= nested.bound


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    made = random_areas(100, 3)
    choose(*given_areas(made), 0.2 * made["cost"].sum(), group=made["group"], caps={"2501": 1e6})
    assert capfd.readouterr() == ("", "")


def test_a_first_choice_keeps_every_row() -> None:
    made = random_areas(200, 4)
    cost = np.round(100 * made["cost"])
    each = np.eye(3)
    rows = [Row(cost, each[k], 0.03 * (k + 1) * cost.sum()) for k in range(3)]
    problem = make_problem(made["upstream"], np.repeat(made["value"][:, None], 3, 1), rows)
    priced = best_prices(problem)
    step = first_choice(problem, priced)
    assert problem.fits(step)
    assert problem.value(step) >= 0.95 * priced.bound


# --- bad input -----------------------------------------------------------------------


def test_floors_that_cannot_be_met_are_named() -> None:
    value, cost, up, group = [1, 1, 1], [10, 20, 30], [-1, -1, -1], ["a", "a", "b"]
    with pytest.raises(BadValueError, match=r"floor of a is 31 SEK, but at most 30 SEK"):
        choose(value, cost, up, 100, group=group, floors={"a": 31})
    # 15 cannot be hit below a cap of 15: 10 can.
    with pytest.raises(BadValueError, match=r"floor of a is 15 SEK, but at most 10 SEK"):
        choose(value, cost, up, 100, group=group, floors={"a": 15}, caps={"a": 15})
    with pytest.raises(BadValueError, match=r"floor of b .* at most 0 SEK .* the floors of a"):
        choose(value, cost, up, 40, group=group, floors={"a": 15, "b": 30})
    assert choose(value, cost, up, 50, group=group, floors={"a": 15, "b": 30}).value == 2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"value": [1, -1, 1]}, "value must be 0 or more, found -1.0 at place 1"),
        ({"value": [1, np.nan, 1]}, "value must be 0 or more"),
        ({"cost": [1, 2]}, "cost must hold one number"),
        ({"cost": [1, 2, -3]}, "cost must be 0 or more"),
        ({"upstream": [-1, 0]}, "upstream must name one of the 3 areas"),
        ({"upstream": [-1, 0, 3]}, "upstream must name one of the 3 areas"),
        ({"upstream": [1, 2, 0]}, "circle"),
        ({"upstream": [-1, 1, 0]}, "circle"),
        ({"budget": -1.0}, "budget must be 0 or more"),
        ({"budget": [Purse(float("inf"))]}, "budget must be 0 or more"),
        ({"budget": [Purse(1.0, [1, 2])]}, "most must hold one number"),
        ({"group": ["a"]}, "one group for each"),
        ({"group": None, "floors": {"a": 1}}, "need the group"),
    ],
)
def test_bad_numbers_are_refused(change: dict[str, Any], word: str) -> None:
    asked: dict[str, Any] = {
        "value": [1, 1, 1], "cost": [1, 2, 3], "upstream": [-1, 0, 1], "budget": 5.0,
        "group": ["a", "a", "b"], **change,
    }  # fmt: skip
    with pytest.raises(BadValueError, match=word):
        choose(**asked)


def test_bad_budgets_of_sets_are_refused() -> None:
    areas = [1, 1], [1, 2], [-1, -1]
    with pytest.raises(BadValueError, match="least to the largest"):
        choose_nested(*areas, [5, 4])
    with pytest.raises(BadValueError, match="must be positive"):
        choose_nested(*areas, [4, 5], weights=[1, 0])
    with pytest.raises(BadValueError, match="each year must be 0 or more"):
        choose_years(*areas, [4, -5])
    with pytest.raises(BadValueError, match="each year must be 0 or more"):
        choose_years(*areas, [])


def test_no_areas_give_an_empty_choice() -> None:
    none: list[float] = []
    found = choose(none, none, none, 5.0)
    assert found.chosen.size == 0
    assert (found.value, found.bound, found.gap) == (0, 0, 0)
    assert choose_nested(none, none, none, [1, 2]).total == 0
    assert choose_years(none, none, none, [1, 2]).total == 0
