"""The order of areas, and sums of cost: small networks worked out by hand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from bredband.cost import cost_table
from bredband.priority import rank_areas
from bredband.region import Price, Prices
from bredband.tables import COST, check_table

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
