"""Fair shares of the trench: by hand, and against every order in which homes might join."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from bredband.cost import cost_table
from bredband.forest import price_parts
from bredband.region import Prices
from bredband.sharing import share_summary, share_trench
from bredband.tables import SHARE_SUMMARY, SHARES, check_table
from bredband_gis.errors import BadValueError
from hypothesis import given, settings
from hypothesis import strategies as st


def trench(*edges: tuple[int, int, float], price: float = 75.0) -> pd.DataFrame:
    """Make trench of (from_node, to_node, metres)."""
    table = pd.DataFrame(edges, columns=["from_node", "to_node", "length_m"])
    table["length_m"] = table["length_m"].astype("float64")
    return table.assign(
        edge_id=np.arange(len(table)),
        cost_sek=table["length_m"] * price,
        municipality_code="2505",
    )


def homes(*nodes: int, households=1, code="2505", metres=0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a reach and a status table of premises at these nodes; node 0 is existing fibre."""
    ids = [f"P{number}" for number in range(len(nodes))]
    reach = pd.DataFrame(
        {
            "premises_id": pd.array(ids, dtype="str"),
            "reach": np.where(np.array(nodes) == 0, "at_fibre", "trench"),
            "road_distance_m": np.broadcast_to(np.asarray(metres, float), len(nodes)),
            "node": np.array(nodes, dtype=np.int64),
        }
    )
    status = pd.DataFrame(
        {
            "premises_id": pd.array(ids, dtype="str"),
            "municipality_code": code,
            "households": np.broadcast_to(np.asarray(households, np.int64), len(nodes)),
        }
    )
    return reach, status


@pytest.mark.parametrize(("houses", "each"), [(1, 75_000), (2, 37_500), (3, 25_000)])
def test_a_kilometre_costs_what_a_village_network_says(houses: int, each: float) -> None:
    # byafiber.se: 75 SEK/m x 1 km is 75 000 for one house, 37 500 for two, 25 000 for three.
    found = share_trench(trench((0, 1, 1000)), *homes(*[1] * houses), drop_sek=0.0)
    check_table(found, SHARES, where="shares")
    assert list(found.columns) == list(SHARES.columns)
    assert found["total_sek"].tolist() == pytest.approx([each] * houses)
    assert found["shared_trench_m"].tolist() == pytest.approx([1000 / houses] * houses)
    assert found["alone_sek"].tolist() == [75_000] * houses
    assert found["saving_sek"].tolist() == pytest.approx([75_000 - each] * houses)


def test_a_branch_is_borne_by_those_beyond_it() -> None:
    # 0 -1000 m- 1 (one house) -500 m- 2 (one house, two households); 3 stands at fibre.
    reach, status = homes(1, 2, 0, households=[1, 2, 1], metres=[10, 20, 30])
    found = share_trench(trench((0, 1, 1000), (1, 2, 500)), reach, status, drop_sek=[1, 2, 3])
    assert found["shared_trench_sek"].tolist() == [25_000, 50_000 + 37_500, 0]
    assert found["shared_trench_m"].tolist() == pytest.approx([1000 / 3, 2000 / 3 + 500, 0])
    assert found["total_sek"].tolist() == [25_001, 87_502, 3]
    assert found["per_party_sek"].tolist() == [25_001, 43_751, 3]
    assert found["way_m"].tolist() == [1000, 1500, 0]
    assert found["alone_sek"].tolist() == [75_001, 112_502, 3]
    assert found["saving_sek"].tolist() == [50_000, 25_000, 0]
    by_building = share_trench(
        trench((0, 1, 1000), (1, 2, 500)), reach, status, drop_sek=0.0, unit="premises"
    )
    assert by_building["shared_trench_sek"].tolist() == [37_500, 75_000, 0]


def test_a_workplace_is_one_party_and_no_household() -> None:
    reach, status = homes(1, 1, households=[3, 0])
    found = share_trench(trench((0, 1, 1000)), reach, status, drop_sek=0.0)
    assert found["parties"].tolist() == [3, 1]
    assert found["total_sek"].tolist() == [56_250, 18_750]
    summary = share_summary(found, places("2505"), region_code="25", region_name="Norrbotten")
    assert summary["households"].tolist() == [3, 3]
    assert summary["total_sek"].tolist() == [75_000, 75_000]
    assert summary["mean_sek"].tolist() == [18_750, 18_750]


def test_those_not_reached_take_no_part() -> None:
    reach, status = homes(1, 1, 1)
    reach.loc[1, "reach"] = "no_road"
    found = share_trench(trench((0, 1, 1000)), reach, status, drop_sek=np.array([1.0, 2.0, 3.0]))
    assert found["premises_id"].tolist() == ["P0", "P2"]
    assert found["total_sek"].tolist() == [37_501, 37_503]


def test_nothing_to_build_is_nothing_to_share() -> None:
    reach, status = homes(1)
    found = share_trench(trench(), reach.iloc[:0], status, drop_sek=np.empty(0))
    check_table(found, SHARES, where="shares")
    assert found.empty
    summary = share_summary(found, places("2505"), region_code="25", region_name="Norrbotten")
    check_table(summary, SHARE_SUMMARY, where="summary")
    assert summary["total_sek"].tolist() == [0, 0]
    assert summary["p50_sek"].isna().all()


@pytest.mark.parametrize(
    ("edges", "nodes", "message"),
    [
        ([(0, 1, 10), (0, 2, 10)], [1], "1 of 2 edges lead to no premises"),
        ([(0, 1, 10)], [7], "1 of 1 premises hang on a node"),
        ([(0, 1, 10), (2, 1, 10)], [1], "several edges lead to the same node"),
        ([(1, 2, 10), (0, 1, 10)], [2], "before the edge that it hangs on"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(edges, nodes, message) -> None:
    with pytest.raises(BadValueError, match=message):
        share_trench(trench(*edges), *homes(*nodes), drop_sek=0.0)


def test_unknown_premises_and_municipalities_are_refused() -> None:
    reach, status = homes(1, 1)
    with pytest.raises(BadValueError, match="1 premises are not in the status table"):
        share_trench(trench((0, 1, 10)), reach, status.iloc[1:], drop_sek=0.0)
    found = share_trench(trench((0, 1, 10)), reach, status, drop_sek=0.0)
    with pytest.raises(BadValueError, match="2 premises lie in municipalities"):
        share_summary(found, places("2506"), region_code="25", region_name="Norrbotten")


def test_what_the_parts_cost_adds_up_to_the_cost_table() -> None:
    book = {
        "colaying_share": {"value": 0.1, "unit": "share", "source": "-"},
        "contingency_share": {"value": 0.2, "unit": "share", "source": "-"},
        "takeup": {"total": {"value": 0.8, "unit": "share", "source": "-"}},
        "splice": {"value": 750, "unit": "SEK/h", "source": "-", "quantity": 2},
        "permit": {"value": 14, "unit": "SEK/m", "source": "-", "quantity": 1},
        "customer_equipment": {"value": 1000, "unit": "SEK/each", "source": "-"},
    }
    prices = Prices.model_validate(book)
    reach, status = homes(1, 2, 0, 2, households=[1, 2, 1, 0], metres=[10, 20, 30, 40])
    reach.loc[3, "reach"] = "no_road"
    status = status.assign(workplaces=1, holiday_homes=0, status="unserved", segment=None)
    dug = trench((0, 1, 1000), (1, 2, 500))
    cost = cost_table(
        status, dug, reach, places("2505"), prices=prices, region_code="25", region_name="Länet"
    ).iloc[-1]
    parts = price_parts(dug, reach, status, prices)
    assert parts.own_sek[3] == parts.paid_sek[3] == 0
    assert parts.trench_sek.sum() + parts.own_sek.sum() == pytest.approx(cost["capex_sek"])
    assert parts.paid_sek.sum() == pytest.approx(cost["capex_sek"] - cost["gap_sek"])
    found = share_trench(dug, reach, status, drop_sek=parts.own_sek, trench_sek=parts.trench_sek)
    assert found["total_sek"].sum() == pytest.approx(cost["capex_sek"])


def places(*codes: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"municipality_code": codes, "municipality_name": [f"Kommun {code}" for code in codes]}
    )


def test_percentiles_count_households_not_buildings() -> None:
    # One building of nine households at 1 000 each, one house at 5 000; elsewhere one at 2 000.
    reach, status = homes(
        0, 0, 0, households=[9, 1, 1], code=pd.array(["2505", "2505", "2506"], dtype="str")
    )
    found = share_trench(trench(), reach, status, drop_sek=[9000, 5000, 2000])
    table = share_summary(found, places("2506", "2505"), region_code="25", region_name="Länet")
    check_table(table, SHARE_SUMMARY, where="summary")
    assert list(table.columns) == list(SHARE_SUMMARY.columns)
    assert table["area_code"].tolist() == ["2505", "2506", "25"]
    assert table["households"].tolist() == [10, 1, 11]
    assert table["premises"].tolist() == [2, 1, 3]
    assert table["p50_sek"].tolist() == [1000, 2000, 1000]
    assert table["p90_sek"].tolist() == [1000, 2000, 2000]
    assert table["mean_sek"].tolist() == pytest.approx([1400, 2000, 16_000 / 11])


@st.composite
def networks(draw: st.DrawFn, most: int = 6) -> tuple[pd.DataFrame, list[int]]:
    """Draw a tree of integer lengths, parents first, and nodes of at most six homes."""
    size = draw(st.integers(1, 8))
    ends = [draw(st.integers(0, node - 1)) for node in range(1, size + 1)]
    metres = draw(st.lists(st.integers(0, 1000), min_size=size, max_size=size))
    nodes = draw(st.lists(st.integers(0, size), min_size=1, max_size=most))
    # Only edges that lead to somebody are dug.
    used = set()
    for node in nodes:
        while node:
            used.add(node)
            node = ends[node - 1]  # noqa: PLW2901
    edges = [(ends[node - 1], node, metres[node - 1]) for node in sorted(used)]
    return trench(*edges, price=1.0), nodes


def cost_of(group: tuple[int, ...], table: pd.DataFrame, nodes: list[int]) -> float:
    above = table.set_index("to_node")["from_node"].to_dict()
    cost = table.set_index("to_node")["cost_sek"].to_dict()
    used = set()
    for player in group:
        node = nodes[player]
        while node:
            used.add(node)
            node = above[node]
    return float(sum(cost[node] for node in used))


@given(networks())
@settings(max_examples=50)
def test_shares_are_the_mean_over_every_order_of_joining(made) -> None:
    table, nodes = made
    found = share_trench(table, *homes(*nodes), drop_sek=0.0)
    count = len(nodes)
    # What each group needs, by the bits of its number.
    cost = [
        cost_of(tuple(player for player in range(count) if group >> player & 1), table, nodes)
        for group in range(1 << count)
    ]
    sums, orders = np.zeros(count), list(permutations(range(count)))
    for order in orders:
        group = 0
        for player in order:
            joined = group | 1 << player
            sums[player] += cost[joined] - cost[group]
            group = joined
    assert found["total_sek"].to_numpy() == pytest.approx(sums / len(orders))


@given(networks(most=40), st.data())
@settings(max_examples=50)
def test_shares_add_up_and_nobody_pays_more_than_alone(made, data) -> None:
    table, nodes = made
    count = data.draw(st.lists(st.integers(0, 30), min_size=len(nodes), max_size=len(nodes)))
    reach, status = homes(*nodes, households=count)
    found = share_trench(table, reach, status, drop_sek=5000.0)
    assert found["shared_trench_sek"].sum() == pytest.approx(table["cost_sek"].sum(), rel=1e-12)
    assert found["shared_trench_m"].sum() == pytest.approx(table["length_m"].sum(), rel=1e-12)
    assert found["total_sek"].sum() == pytest.approx(table["cost_sek"].sum() + 5000 * len(nodes))
    assert (found["total_sek"] <= found["alone_sek"] * (1 + 1e-12)).all()
    assert (found["total_sek"] + found["saving_sek"]).to_numpy() == pytest.approx(
        found["alone_sek"].to_numpy()
    )
    # A household is a player whichever building it lives in.
    apart = [node for node, homes_there in zip(nodes, count, strict=True) for _ in range(
        max(homes_there, 1))]  # fmt: skip
    single = share_trench(table, *homes(*apart), drop_sek=0.0)
    summed = single.groupby(np.repeat(np.arange(len(nodes)), np.maximum(count, 1)))
    assert summed["shared_trench_sek"].sum().to_numpy() == pytest.approx(
        found["shared_trench_sek"].to_numpy()
    )


def test_a_long_chain_is_summed_exactly() -> None:
    size = 5000
    edges = [(node, node + 1, 1) for node in range(size)]
    found = share_trench(trench(*edges, price=1.0), *homes(*range(1, size + 1)), drop_sek=0.0)
    harmonic = np.cumsum(1.0 / np.arange(size, 0, -1))
    assert found["total_sek"].to_numpy() == pytest.approx(harmonic, rel=1e-12)
    assert found["total_sek"].sum() == pytest.approx(size, rel=1e-12)
