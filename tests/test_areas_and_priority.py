"""Build areas and their order: small trench networks worked out by hand, and invariants."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from bredband.areas import Areas, build_areas
from bredband.cost import cost_table, price_drops
from bredband.priority import rank_areas
from bredband.region import Price, Prices
from bredband.tables import COST, check_table
from bredband.tables_areas import AREAS
from hypothesis import given, settings
from hypothesis import strategies as st

PRICES = Prices(
    drop_fixed=Price(value=1000, unit="SEK/premises", source="test"),
    drop_per_m=Price(value=100, unit="SEK/m", source="test"),
    own_contribution=Price(value=20000, unit="SEK/household", source="test"),
    operator_revenue=Price(value=10000, unit="SEK/household", source="test"),
)
MUNICIPALITIES = pd.DataFrame(
    {"municipality_code": ["2501", "2502"], "municipality_name": ["Norr", "Syd"]}
)


def network(
    edges: list[tuple[int, int, float]],
    homes: list[tuple[int, int]],
    *,
    apart: int = 0,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame, pd.DataFrame]:
    """Make trench from (from, to, metres) at 100 SEK/m, and premises from (node, households)."""
    tail, head, length = (np.array(part) for part in zip(*edges, strict=True)) if edges else (
        np.empty(0, int), np.empty(0, int), np.empty(0))  # fmt: skip
    trench = gpd.GeoDataFrame(
        {
            "edge_id": np.arange(len(edges)),
            "from_node": tail,
            "to_node": head,
            "length_m": length.astype(float),
            "cost_sek": length * 100.0,
            "municipality_code": pd.Series(["2501"] * len(edges), dtype=str),
        },
        geometry=gpd.GeoSeries([None] * len(edges)),
        crs="EPSG:3006",
    )
    count = len(homes) + apart
    ids = pd.Series([f"p{i}" for i in range(count)], dtype=str)
    node = np.array([n for n, _ in homes] + [-1] * apart, dtype=np.int64)
    reach = pd.DataFrame(
        {
            "premises_id": ids,
            "reach": pd.Series(
                ["trench" if n in set(head) else "at_fibre" for n, _ in homes]
                + ["no_road"] * apart,
                dtype=str,
            ),
            "road_distance_m": [20.0] * len(homes) + [np.nan] * apart,
            "node": node,
        }
    )
    status = pd.DataFrame(
        {
            "premises_id": ids,
            "x": node * 10.0,
            "y": -node * 10.0,
            "households": [h for _, h in homes] + [1] * apart,
            "workplaces": 0,
            "holiday_homes": 0,
            "status": "unserved",
            "municipality_code": pd.Series(["2501"] * count, dtype=str),
        }
    )
    return trench, reach, status


def cut(
    edges: list[tuple[int, int, float]],
    homes: list[tuple[int, int]],
    most: int,
    *,
    apart: int = 0,
) -> Areas:
    trench, reach, status = network(edges, homes, apart=apart)
    return build_areas(trench, reach, status, MUNICIPALITIES, max_households=most, prices=PRICES)


def test_a_branch_is_an_area_and_its_money_adds_up() -> None:
    # Fibre at 1; 1-2-3 with 4 households at 2 and 6 at 3.
    areas = cut([(1, 2, 50), (2, 3, 30)], [(2, 4), (3, 6)], 100).areas
    row = areas.iloc[0]
    assert len(areas) == 1
    assert row["area_id"] == "2501-0001"
    assert (row["households"], row["premises"], row["trench_m"]) == (10, 2, 80)
    # 80 m x 100 SEK + 2 drops x (1000 + 20 m x 100 SEK) = 14 000 SEK
    assert row["capex_sek"] == 14_000
    assert row["gap_sek"] == 14_000 - 10 * 30_000
    assert row["gap_per_household_sek"] == row["gap_sek"] / 10


def test_branches_at_two_points_are_two_areas() -> None:
    result = cut([(1, 2, 50), (8, 9, 30)], [(2, 4), (9, 6)], 100)
    assert result.areas["households"].tolist() == [4, 6]
    assert result.trench["area_id"].tolist() == ["2501-0001", "2501-0002"]


def test_large_branch_is_cut_and_knows_what_it_hangs_on() -> None:
    # Fibre at 1 - 2, where 3 (7 households) and 4 (5) part; with 8 at most, 3 is cut off.
    result = cut([(1, 2, 100), (2, 3, 10), (2, 4, 20)], [(3, 7), (4, 5)], 8)
    areas = result.areas.set_index("households")
    assert areas["trench_m"].to_dict() == {7: 10, 5: 120}
    assert areas.loc[7, "upstream_area_id"] == areas.loc[5, "area_id"]
    assert pd.isna(areas.loc[5, "upstream_area_id"])


def test_branches_from_the_same_point_of_fibre_need_not_each_other() -> None:
    # Together they are too many: one is cut off, and still starts in existing fibre.
    areas = cut([(1, 2, 600), (1, 3, 4500)], [(2, 70), (3, 60)], 100).areas
    assert sorted(areas["households"]) == [60, 70]
    assert areas["upstream_area_id"].isna().all()


def test_one_large_building_stays_whole_with_its_trench() -> None:
    areas = cut([(1, 2, 100), (2, 3, 10)], [(3, 50)], 8).areas
    assert areas["households"].tolist() == [50]
    assert areas["trench_m"].tolist() == [110]


def test_premises_without_a_road_are_an_area_without_cost() -> None:
    areas = cut([(1, 2, 50)], [(2, 4)], 100, apart=3).areas
    lost = areas[~areas["reached"].astype(bool)].iloc[0]
    assert (lost["area_id"], lost["households"], lost["premises"]) == ("2501-0000", 3, 3)
    assert pd.isna(lost["gap_sek"])


def test_nothing_to_build_gives_an_empty_table() -> None:
    ranked = rank_areas(cut([], [], 10).areas, budget_sek=1.0)
    assert ranked.empty
    check_table(ranked, AREAS, where="areas")


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[tuple[int, int, float]], list[tuple[int, int]]]:
    size = draw(st.integers(1, 25))
    # Node 0 is fibre; each other node hangs on an earlier one, or on fibre of its own.
    edges = [
        (draw(st.integers(0, node - 1)), node, float(draw(st.integers(1, 500))))
        for node in range(1, size + 1)
    ]
    homes = draw(
        st.lists(st.tuples(st.integers(0, size), st.integers(0, 12)), min_size=1, max_size=30)
    )
    inner = {a for a, _, _ in edges}
    homes += [(node, 1) for node in range(1, size + 1) if node not in inner]
    return edges, homes


@settings(max_examples=150, deadline=None)
@given(trees(), st.integers(1, 30))
def test_areas_share_out_everything_once(
    tree: tuple[list[tuple[int, int, float]], list[tuple[int, int]]], most: int
) -> None:
    edges, homes = tree
    result = cut(edges, homes, most)
    areas = result.areas
    assert areas["trench_m"].sum() == sum(length for _, _, length in edges)
    assert areas["households"].sum() == sum(count for _, count in homes)
    drops = price_drops(result.reach, PRICES).sum()
    assert areas["capex_sek"].sum() == pytest.approx(100 * areas["trench_m"].sum() + drops)
    # Every area holds somebody, and its trench is one connected piece.
    assert (areas["premises"] > 0).all()
    for _, part in result.trench.groupby("area_id"):
        tops = set(part["from_node"]) - set(part["to_node"])
        assert len(tops) == 1
    # More than the limit only where one point alone holds that much.
    at_node = pd.Series(dict.fromkeys(range(30), 0)).add(
        pd.DataFrame(homes).groupby(0)[1].sum(), fill_value=0
    )
    assert areas["households"].max() <= max(most, most - 1 + at_node.max())


def test_order_is_by_gap_per_household_within_what_can_be_built() -> None:
    table = pd.DataFrame(
        {
            "area_id": ["a", "b", "c", "d", "e"],
            "upstream_area_id": pd.Series([None, None, "b", None, None], dtype=str),
            "reached": [True, True, True, True, False],
            "households": [2, 2, 2, 0, 9],
            "gap_sek": [200.0, 600.0, -100.0, 50.0, None],
            "gap_per_household_sek": [100.0, 300.0, -50.0, None, None],
        }
    )
    ranked = rank_areas(table, budget_sek=800.0)
    # c is cheap but needs b's trench; d serves no household; e is not reached.
    assert ranked["area_id"].tolist() == ["a", "b", "c", "d", "e"]
    assert ranked["rank"].tolist()[:4] == [1, 2, 3, 4]
    assert pd.isna(ranked["rank"].iloc[4])
    # c pays for itself: it adds nothing to the support.
    assert ranked["cumulative_gap_sek"].tolist()[:4] == [200, 800, 800, 850]
    assert ranked["within_budget"].tolist()[:4] == [True, True, True, False]


def test_municipalities_add_up_to_the_region() -> None:
    trench, reach, status = network([(1, 2, 50), (2, 3, 30)], [(2, 4), (3, 6)], apart=2)
    trench["municipality_code"] = pd.Series(["2501", "2502"], dtype=str)
    table = cost_table(
        status, trench, reach, MUNICIPALITIES, prices=PRICES, region_code="25", region_name="Alla"
    )
    check_table(table, COST, where="cost")
    assert table["area_code"].tolist() == ["2501", "2502", "25"]
    assert table["trench_m"].tolist() == [50, 30, 80]
    assert table["unserved_households"].tolist() == [12, 0, 12]
    assert table["unreached_premises"].tolist() == [2, 0, 2]
    assert table["capex_sek"].tolist() == [5000 + 6000, 3000, 14_000]
    assert table["gap_sek"].tolist() == [11_000 - 300_000, 3000, 14_000 - 300_000]
    # A municipality where nobody is built to has no cost per household.
    assert pd.isna(table["gap_per_household_sek"].iloc[1])


def test_sketch_of_skane() -> None:
    """50 000 households x (50 000 - 20 000 - 10 000) SEK = 1 000 MSEK (Region Skåne 2017)."""
    homes = 50_000
    prices = PRICES.model_copy(
        update={"drop_fixed": Price(value=0, unit="", source=""),
                "drop_per_m": Price(value=0, unit="", source="")}
    )  # fmt: skip
    trench, reach, status = network([(0, 1, homes * 500.0)], [(1, homes)])
    table = cost_table(
        status, trench, reach, MUNICIPALITIES, prices=prices, region_code="12", region_name="Skåne"
    )
    whole = table.iloc[-1]
    assert whole["capex_sek"] == homes * 50_000
    assert whole["gap_sek"] == 1_000_000_000
    assert whole["gap_per_household_sek"] == 20_000
