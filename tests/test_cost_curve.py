"""The cost curve against everything that could be built, and against other orders."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from bredband.build_order import cheapest_first
from bredband.curve import CostCurve, Wireless, cost_curve, goal_costs, last_resort
from bredband.tables import BUILD_ORDER, COST_CURVE, GOAL_COST, LAST_RESORT, check_table
from bredband_gis.errors import BadValueError
from hypothesis import given, settings
from hypothesis import strategies as st


def build(edges, homes, *, served=0, own=0.0, **more) -> CostCurve:
    """Make a curve of edges (from, to, SEK[, municipality]) and homes (node, households[, m.])."""
    rows = [(*edge, "A")[:4] for edge in edges]
    trench = pd.DataFrame(rows, columns=["from_node", "to_node", "cost_sek", "municipality_code"])
    held = [(*home, "A")[:3] for home in homes]
    ids = [f"P{number}" for number in range(len(held))]
    reach = pd.DataFrame(
        {
            "premises_id": pd.array(ids, dtype="str"),
            "reach": ["at_fibre" if home[0] == 0 else "trench" for home in held],
            "node": np.array([home[0] for home in held], dtype=np.int64),
        }
    )
    status = pd.DataFrame(
        {
            "premises_id": [*ids, "served"],
            "municipality_code": [*(home[2] for home in held), "A"],
            "households": [*(home[1] for home in held), served],
            "status": [*["unserved"] * len(ids), "connected"],
        }
    )
    places = pd.DataFrame({"municipality_code": ["B", "A"], "municipality_name": ["Be", "Ah"]})
    made = cost_curve(
        trench, reach, status, places, own_sek=own, region_code="R", region_name="Länet", **more
    )
    check_table(made.curve, COST_CURVE, where="curve")
    check_table(made.order, BUILD_ORDER, where="order")
    assert list(made.curve.columns) == list(COST_CURVE.columns)
    assert list(made.order.columns) == list(BUILD_ORDER.columns)
    return made


def of(table: pd.DataFrame, code: str = "R") -> pd.DataFrame:
    return table[table["area_code"] == code].reset_index(drop=True)


# 0 -100- 1 (one home) -20- 2 (nine homes): together 12 a home, sooner than the home at 1 alone;
# 0 -50- 3 (two homes) at 25; 0 -300- 4 (one home).
EDGES = [(0, 1, 100.0), (1, 2, 20.0), (0, 3, 50.0), (0, 4, 300.0)]
HOMES = [(1, 1), (2, 9), (3, 2), (4, 1)]


def test_a_village_beyond_pulls_the_trunk_with_it() -> None:
    made = build(EDGES, HOMES, served=87)
    curve = of(made.curve)
    assert curve["step"].tolist() == [0, 1, 2, 3]
    assert curve["households"].tolist() == [0, 10, 2, 1]
    assert curve["premises"].tolist() == [0, 2, 1, 1]
    assert curve["marginal_sek"].tolist()[1:] == [12, 25, 300]
    assert curve["cumulative_sek"].tolist() == [0, 120, 170, 470]
    assert curve["share"].tolist() == pytest.approx([0.87, 0.97, 0.99, 1.0])
    order = of(made.order)
    # Within the step the home on the way comes when the trench passes it.
    assert order["premises_id"].tolist() == ["P0", "P1", "P2", "P3"]
    assert order["cumulative_sek"].tolist() == [100, 120, 170, 470]
    assert order["households_so_far"].tolist() == [1, 10, 12, 13]


def test_goals_cost_what_the_order_and_the_envelope_say() -> None:
    made = build(EDGES, HOMES, served=87, paid_sek=np.array([5, 45, 60, 5]))
    found = goal_costs(made, {"95 %": 0.95, "98 %": 0.98, "half": 0.5})
    check_table(found, GOAL_COST, where="goals")
    row = of(found).set_index("goal")
    assert row.index.tolist() == ["now", "95 %", "98 %", "half"]
    assert row["households_needed"].tolist() == [0, 8, 11, 0]
    assert row["reachable"].all()
    # Eight homes: the order has dug to the nine; the line from 0 to 120 at ten says 96.
    assert row.loc["95 %", ["capex_sek", "at_least_sek"]].tolist() == [120, 96]
    assert row.loc["98 %", ["capex_sek", "at_least_sek"]].tolist() == [170, 145]
    # The first step is paid 50 of 120; the second more than it costs, which helps nobody.
    assert row["support_sek"].tolist() == [0, 70, 70, 0]
    assert row["next_percent_sek"].tolist() == pytest.approx([12, 12, 25, 12])
    assert row.loc["half", "capex_sek"] == 0
    assert of(made.curve)["cumulative_support_sek"].tolist() == [0, 70, 70, 365]


def test_a_goal_beyond_what_is_reached_has_no_cost() -> None:
    found = of(goal_costs(build(EDGES[:1], [(1, 1)], served=1), {"all": 1.0})).set_index("goal")
    assert found.loc["all", "capex_sek"] == 100
    assert np.isnan(found.loc["all", "next_percent_sek"])
    made = build(EDGES[:1], [(1, 1)], served=1)
    more = made.curve.assign(all_households=3, share=made.curve["share"] / 1.5)
    found = of(goal_costs(CostCurve(more, made.order), {"all": 1.0})).set_index("goal")
    assert not found.loc["all", "reachable"]
    assert found.loc["all", ["capex_sek", "at_least_sek", "support_sek"]].isna().all()


def test_municipalities_have_curves_of_their_own_that_add_up() -> None:
    # B's homes hang on a trunk through A; A digs a stub for B alone.
    edges = [(0, 1, 100.0, "A"), (1, 2, 20.0, "B"), (1, 3, 7.0, "A"), (3, 4, 9.0, "B")]
    made = build(edges, [(1, 2, "A"), (2, 1, "B"), (4, 1, "B")], own=1.0)
    a, b, region = (of(made.curve, code) for code in ("A", "B", "R"))
    assert a["cumulative_sek"].tolist() == [0, 102 - 1, 108]
    assert a["households"].tolist() == [0, 2, 0]
    assert np.isnan(a["marginal_sek"].iloc[-1])
    assert b["marginal_sek"].tolist()[1:] == [10, 21]
    assert region["cumulative_sek"].iloc[-1] == 139 == 108 + b["cumulative_sek"].iloc[-1]
    assert made.curve["area_kind"].tolist() == ["municipality"] * (len(a) + len(b)) + [
        "region"
    ] * len(region)


def test_workplaces_come_last_and_nothing_is_fine() -> None:
    made = build(EDGES, [*HOMES, (3, 0)], own=np.array([0, 0, 0, 0, 4.0]))
    last = of(made.curve).iloc[-1]
    assert last[["households", "premises", "step_sek"]].tolist() == [0, 1, 4]
    assert of(made.order)["premises_id"].iloc[-1] == "P4"
    empty = build([], [], served=3)
    assert of(empty.curve)["share"].tolist() == [1.0]
    assert empty.order.empty
    assert goal_costs(empty, {"95 %": 0.95}).query("area_code == 'R'")["capex_sek"].tolist() == [
        0,
        0,
    ]
    check_table(last_resort(empty, [1.0]), LAST_RESORT, where="rest")
    check_table(last_resort(empty, []), LAST_RESORT, where="rest")


def test_what_costs_nothing_comes_first_and_has_a_price_of_nothing() -> None:
    curve = of(build([(0, 1, 0.0), (1, 2, 5.0)], [(1, 1), (2, 1)]).curve)
    assert curve["marginal_sek"].tolist()[1:] == [0, 5]


def test_the_rest_by_radio_is_never_counted_as_wired() -> None:
    made = build(EDGES, HOMES, served=87)
    fwa = Wireless("fwa", 40.0, source="no published source")
    space = Wireless("satellite", 10.0, monthly_sek=1.0, years=2.0)
    found = of(last_resort(made, [12.0, 100.0], [fwa, space]))
    check_table(found, LAST_RESORT, where="rest")
    assert found["technology"].tolist() == ["fwa", "satellite"] * 2
    assert found["wired_households"].tolist() == [10, 10, 12, 12]
    assert found["wired_share"].tolist() == pytest.approx([0.97, 0.97, 0.99, 0.99])
    assert found["wired_sek"].tolist() == [120, 120, 170, 170]
    assert found["left_wired_sek"].tolist() == [350, 350, 300, 300]
    assert found["wireless_sek"].tolist() == [120, 102, 40, 34]
    assert found["total_sek"].tolist() == [240, 222, 210, 204]
    assert set(found["mark"]) == {"U"}


def test_those_without_a_road_are_part_of_the_rest() -> None:
    made = build(EDGES, HOMES)
    more = CostCurve(made.curve.assign(all_households=20), made.order)
    found = of(last_resort(more, [100.0], [Wireless("fwa", 1.0)]))
    assert found[["left_households", "unreached_households"]].to_numpy().tolist() == [[1, 7]]
    assert found["wireless_households"].tolist() == [8]


def test_strange_municipalities_are_refused() -> None:
    with pytest.raises(BadValueError, match="in no municipality that is listed"):
        build([(0, 1, 1.0, "C")], [(1, 1)])


@st.composite
def forests(draw: st.DrawFn, most: int = 7):
    size = draw(st.integers(1, most))
    ends = [draw(st.integers(0, node - 1)) for node in range(1, size + 1)]
    cost = draw(st.lists(st.integers(0, 50), min_size=size, max_size=size))
    count = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    edges = [(end, node + 1, float(cost[node])) for node, end in enumerate(ends)]
    return edges, [(node + 1, count[node]) for node in range(size)]


def everything(edges, homes):
    """Give households and cost of every choice of edges that is closed towards fibre."""
    for chosen in product((False, True), repeat=len(edges)):
        if all(chosen[tail - 1] for (tail, head, _) in edges if tail and chosen[head - 1]):
            yield (
                sum(homes[at][1] for at, is_in in enumerate(chosen) if is_in),
                sum(edges[at][2] for at, is_in in enumerate(chosen) if is_in),
            )


@given(forests(), st.integers(0, 60))
@settings(max_examples=40)
def test_no_choice_lies_below_the_curve(made, threshold) -> None:
    edges, homes = made
    found = build(edges, homes)
    curve = of(found.curve)
    corners = curve["households_so_far"].to_numpy(), curve["cumulative_sek"].to_numpy()
    homely = curve["marginal_sek"].notna().to_numpy() | (curve["step"] == 0).to_numpy()
    x, y = corners[0][homely], corners[1][homely]
    choices = list(everything(edges, homes))
    for households, cost in choices:
        assert cost >= np.interp(households, x, y) - 1e-9
    assert {(int(a), float(b)) for a, b in zip(x, y, strict=True)} <= set(choices)
    # Cut at a threshold: nobody chooses better.
    rest = of(last_resort(found, [threshold], [Wireless("fwa", float(threshold))]))
    total = sum(count for _, count in homes)
    best = min(cost + threshold * (total - households) for households, cost in choices)
    assert rest["total_sek"].tolist() == pytest.approx([best])


@given(forests(most=30), st.data())
@settings(max_examples=60)
def test_no_other_order_is_cheaper_and_the_sums_hold(made, data) -> None:
    edges, homes = made
    own = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(homes),
                                      max_size=len(homes))), dtype=float)  # fmt: skip
    found = build(edges, homes, own=own)
    curve, order = of(found.curve), of(found.order)
    total = sum(edge[2] for edge in edges) + own.sum()
    assert curve["cumulative_sek"].iloc[-1] == pytest.approx(total)
    assert order["cumulative_sek"].iloc[-1] == pytest.approx(total)
    assert curve["households"].sum() == sum(count for _, count in homes)
    assert curve["marginal_sek"].dropna().is_monotonic_increasing
    assert order["cumulative_sek"].is_monotonic_increasing
    homely = curve["marginal_sek"].notna().to_numpy() | (curve["step"] == 0).to_numpy()
    x = curve["households_so_far"].to_numpy()[homely]
    y = curve["cumulative_sek"].to_numpy()[homely]
    assert (
        order["cumulative_sek"] >= np.interp(order["households_so_far"], x, y) - 1e-9
    )[order["households"] > 0].all()  # fmt: skip
    # Other orders: nearest first, largest first, cheapest of its own edge first, any.
    above = {head: (tail, cost) for tail, head, cost in edges}
    depth = [0.0]
    for tail, _, cost in edges:
        depth.append(depth[tail] + cost)
    orders = [
        np.argsort(depth[1:], kind="stable"),
        np.argsort([-count for _, count in homes], kind="stable"),
        np.argsort([edge[2] for edge in edges], kind="stable"),
        np.array(data.draw(st.permutations(range(len(homes))))),
    ]
    for naive in orders:
        dug, cost, count = set(), 0.0, 0
        for at in naive:
            node = homes[at][0]
            while node and node not in dug:
                dug.add(node)
                cost += above[node][1]
                node = above[node][0]
            cost, count = cost + own[at], count + homes[at][1]
            assert cost >= np.interp(count, x, y) - 1e-9


@given(forests(most=30))
def test_parents_come_first_and_every_job_once(made) -> None:
    edges, homes = made
    parent = np.array([edge[0] - 1 for edge in edges])
    sequence, step = cheapest_first(
        parent, [edge[2] for edge in edges], [count for _, count in homes]
    )
    assert sorted(sequence.tolist()) == list(range(len(edges)))
    turn = np.argsort(sequence)
    waits = parent >= 0
    assert (turn[parent[waits]] < turn[waits]).all()
    assert (np.diff(step[sequence]) >= 0).all()
