"""What areas are like: worked out by hand, by brute force, and beside the cost itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from bredband.area_profile import describe_areas, near_points
from bredband.areas import build_areas
from bredband.cost import cost_table
from bredband.forest import price_parts
from bredband.prices import Prices
from bredband.sharing import share_trench
from bredband.tables import check_table
from bredband.tables_areas import AREAS
from bredband_gis.errors import MissingColumnError
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

PLACES = pd.DataFrame({"municipality_code": ["2501"], "municipality_name": ["Norr"]})


def price(value: float, unit: str = "SEK/m", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, "source": "anbud", **more}


BOOK: dict[str, Any] = {
    "trench": {"soft": price(100)},
    "surfaces": {},
    "other_surface": "soft",
    "drop_fixed": price(1000, "SEK/premises"),
    "drop_per_m": price(100),
    "own_contribution": price(20_000, "SEK/household"),
    "operator_revenue": price(10_000, "SEK/household"),
}


def book(**changes: Any) -> Prices:
    return Prices.model_validate({**BOOK, **changes})


def network() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lay two areas: a (nodes 1-3, 1000 + 500 + 500 m) and b (node 9, 2000 m); c is lost.

    Beside them one connected building, two with a plan, one that holds nothing.
    """
    trench = pd.DataFrame(
        {
            "edge_id": range(4),
            "from_node": [0, 1, 1, 8],
            "to_node": [1, 2, 3, 9],
            "length_m": [1000.0, 500.0, 500.0, 2000.0],
            "surface": "soft",
            "price_sek_per_m": 100.0,
            "cost_sek": [100_000.0, 50_000.0, 50_000.0, 200_000.0],
            "municipality_code": "2501",
        }
    ).astype({"municipality_code": "str", "surface": "str"})
    rows = [
        # id, node, x, y, households, workplaces, holiday, status, segment, networks
        ("a1", 2, 0, 0, 4, 0, 0, "unserved", "småort", 1),
        ("a2", 3, 30, 40, 2, 1, 1, "unserved", "utanför", 0),
        ("a3", 0, 0, 40, 0, 1, 0, "unserved", "utanför", 0),
        ("b1", 9, 50_000, 0, 3, 0, 0, "unserved", "tätort", 0),
        ("c1", -1, 90_000, 0, 5, 0, 0, "unserved", "utanför", 0),
        ("old", -1, 50_000, 300, 9, 0, 0, "connected", "tätort", 2),
        ("plan1", -1, 900, 0, 1, 0, 0, "planned", "småort", 2),
        ("plan2", -1, 1031, 40, 1, 0, 0, "planned", "småort", 2),
        ("empty", -1, 1, 0, 0, 0, 0, "unserved", "utanför", 2),
    ]
    names = ["premises_id", "node", "x", "y", "households", "workplaces", "holiday_homes",
             "status", "segment", "mobile_networks"]  # fmt: skip
    status = pd.DataFrame(rows, columns=names).astype({"x": float, "y": float})
    status["municipality_code"] = pd.Series(["2501"] * len(status), dtype="str")
    reach = status.iloc[:5][["premises_id", "node"]].copy()
    reach["reach"] = ["trench", "trench", "at_fibre", "trench", "no_road"]
    reach["road_distance_m"] = [10.0, 20.0, 30.0, 10.0, np.nan]
    return trench, reach, status.drop(columns="node")


FUNCTIONS = pd.DataFrame(
    {
        "x": [0.0, 700.0, 1500.0, 50_000.0, 50_000.0],
        "y": [500.0, 0.0, 0.0, 400.0, 700.0],
        "kind": ["skola", "brandstation", "skola", "skola", ""],
    }
)


def described(prices: Prices, *, status_without: tuple[str, ...] = (), **more: Any) -> pd.DataFrame:
    trench, reach, status = network()
    status = status.drop(columns=list(status_without))
    cut = build_areas(
        trench, reach, status, PLACES, min_premises=2, max_premises=50, merge_m=100, prices=prices
    )
    found = describe_areas(
        cut.areas, cut.trench, cut.reach, status, prices=prices, nearby_m=1000, **more
    )
    pd.testing.assert_frame_equal(found[cut.areas.columns.tolist()], cut.areas)
    empty = pd.array([pd.NA] * len(found), "Int64")
    ranked = found.assign(
        rank=empty, cumulative_gap_sek=np.nan, cumulative_households=empty,
        within_budget=empty.astype("boolean"),
    )  # fmt: skip
    check_table(ranked, AREAS, where="areas")
    assert set(ranked.columns) <= set(AREAS.columns)
    place = {3: "a", 1: "b"}
    lost = ~found["reached"]
    return found.assign(area=found["premises"].map(place).mask(lost, "c")).set_index("area")


def test_profile_by_hand() -> None:
    prices = book()
    trench, reach, status = network()
    parts = price_parts(trench, reach, status, prices)
    shares = share_trench(trench, reach, status, drop_sek=parts.own_sek)
    found = described(prices, shares=shares, functions=FUNCTIONS)
    a, b, c = (found.loc[name] for name in "abc")
    # 2000 m of trench, drops of 2000, 3000 and 4000 SEK.
    assert a["capex_sek"] == 200_000 + 9000
    assert a["capex_per_household_sek"] == pytest.approx(209_000 / 6)
    # Parties: 4 and 2 households, and the workplaces.
    assert a["fair_sek_per_party"] == pytest.approx(209_000 / 7)
    assert b["fair_sek_per_party"] == pytest.approx(202_000 / 3)
    assert (a["segment"], b["segment"], c["segment"]) == ("småort", "tätort", "utanför")
    assert a["outside_share"] == pytest.approx(2 / 6)
    assert (b["outside_share"], c["outside_share"]) == (0, 1)
    # 1500 m twice, and 0 m at existing fibre.
    assert (a["distance_to_fibre_m"], b["distance_to_fibre_m"]) == (1500, 2000)
    # a1 and a3 40 m, a2 and a3 30 m apart; the building that holds nothing is none.
    assert a["spacing_m"] == pytest.approx((40 + 30 + 30) / 3)
    assert (b["spacing_m"], c["spacing_m"]) == (300, pytest.approx(np.hypot(40_000, 0), rel=1e-5))
    assert found["functions"].to_dict() == {"a": 2, "b": 2, "c": 0}
    assert found["function_kinds"].to_dict() == {"a": "brandstation, skola", "b": "skola", "c": ""}
    assert found["no_mobile_households"].to_dict() == {"a": 2, "b": 3, "c": 5}
    # 900 m from a1; 1001 m from a2.
    assert found["planned_nearby"].to_dict() == {"a": 1, "b": 0, "c": 0}
    assert pd.isna(c[["capex_per_household_sek", "gap_p50_sek", "fair_sek_per_party",
                      "distance_to_fibre_m", "breakeven_takeup"]]).all()  # fmt: skip


def test_breakeven_by_hand() -> None:
    found = described(book())["breakeven_takeup"]
    # Trench alone is built whoever connects; each household brings 30 000, drops cost 9000.
    assert found["a"] == pytest.approx(200_000 / (6 * 30_000 - 9000))
    assert found["b"] == pytest.approx(200_000 / (3 * 30_000 - 2000))
    # The price book's own take-up does not matter.
    less = described(book(takeup={"total": price(0.5, "share")}))["breakeven_takeup"]
    assert less["a"] == pytest.approx(found["a"])
    assert described(book(scope="passed"))["breakeven_takeup"].isna().all()
    dear = described(book(drop_fixed=price(90_000, "SEK/premises")))["breakeven_takeup"]
    assert dear.isna().all()
    # Others pay all digging.
    free = described(book(colaying_share=price(1, "share")))["breakeven_takeup"]
    assert (free["a"], free["b"]) == (0, 0)


amount = st.floats(0, 30)


@settings(max_examples=6)
@given(
    st.fixed_dictionaries(
        {
            "manhole": amount, "splice": amount, "customer_equipment": amount,
            "design_share": st.floats(0, 0.5), "colaying_share": st.floats(0, 0.9),
            "own_contribution": st.floats(10_000, 60_000), "agreed": st.booleans(),
        }
    )
)  # fmt: skip
def test_breakeven_is_where_the_cost_table_says(values: dict[str, Any]) -> None:
    changes = {
        "manhole": price(5000, "SEK/each", quantity=values["manhole"]),
        "splice": price(500, "SEK/h", quantity=values["splice"]),
        "customer_equipment": price(100, "SEK/each", quantity=values["customer_equipment"]),
        "design_share": price(values["design_share"], "share"),
        "colaying_share": price(values["colaying_share"], "share"),
        "own_contribution": price(values["own_contribution"], "SEK/household"),
        "colaying_contribution": price(20, quantity=1.0 * values["agreed"]),
    }
    found = described(book(**changes))["breakeven_takeup"]["b"]
    trench, reach, status = network()
    only = reach["premises_id"] == "b1"

    def gap(share: float) -> float:
        table = cost_table(
            status, trench.iloc[3:], reach[only], PLACES, region_code="25", region_name="Alla",
            prices=book(**changes, takeup={"total": price(share, "share")}),
        )  # fmt: skip
        return float(table["gap_sek"].iloc[-1])

    if pd.isna(found):
        assert gap(1) >= gap(0) > 0
    elif found > 1:
        assert gap(1) > 0
        # Linear, so beyond 1 it goes on as it does up to it.
        assert gap(0) / (gap(0) - gap(1)) == pytest.approx(found)
    else:
        root = brentq(gap, 0, 1) if gap(0) > 0 else 0.0
        assert root == pytest.approx(found, abs=1e-6)


def test_sources_that_are_not_there_leave_it_open() -> None:
    found = described(book(), status_without=("segment", "mobile_networks"))
    for name in ("segment", "outside_share", "functions", "function_kinds",
                 "no_mobile_households", "fair_sek_per_party"):  # fmt: skip
        assert found[name].isna().all(), name
    assert found["planned_nearby"].notna().all()
    with pytest.raises(MissingColumnError, match="kind"):
        described(book(), functions=FUNCTIONS.drop(columns="kind"))


def test_intervals_hold_the_gap_where_ranges_do() -> None:
    sure = described(book(takeup={"total": price(0.8, "share", low=0.7, high=0.9)}), draws=4000)
    for name in "ab":
        low, middle, high = sure.loc[name, ["gap_p10_sek", "gap_p50_sek", "gap_p90_sek"]]
        assert low < middle < high
        assert low < sure.loc[name, "gap_sek"] < high
    assert sure.loc["c", ["gap_p10_sek", "gap_p90_sek"]].isna().all()


def test_area_without_households() -> None:
    trench, reach, status = network()
    status.loc[status["premises_id"] == "b1", ["households", "workplaces"]] = [0, 2]
    cut = build_areas(
        trench, reach, status, PLACES, min_premises=2, max_premises=50, merge_m=100, prices=book()
    )
    found = describe_areas(cut.areas, cut.trench, cut.reach, status, prices=book(), nearby_m=10)
    row = found[(found["premises"] == 1) & found["reached"]].iloc[0]
    assert pd.isna(row["capex_per_household_sek"])
    assert pd.isna(row["breakeven_takeup"])
    assert pd.isna(row["outside_share"])
    assert row["segment"] == "tätort"


def test_nothing_to_describe() -> None:
    trench, reach, status = network()
    cut = build_areas(
        trench.iloc[:0], reach.iloc[:0], status, PLACES,
        min_premises=1, max_premises=9, merge_m=0, prices=book(),
    )  # fmt: skip
    found = describe_areas(
        cut.areas, cut.trench, cut.reach, status, prices=book(), nearby_m=10, functions=FUNCTIONS
    )
    assert found.empty


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0, 60))
def test_near_points_by_brute_force(seed: int, within_m: float) -> None:
    rng = np.random.default_rng(seed)
    x, y, to_x, to_y = rng.integers(0, 50, (4, 40)).astype(float)
    area = rng.integers(0, 6, 40)
    point, near = near_points(x, y, area, to_x, to_y, within_m=within_m)
    away = np.hypot(x[:, None] - to_x, y[:, None] - to_y)
    pairs = {(p, area[b]) for b, p in np.argwhere(away <= within_m)}
    assert list(zip(point.tolist(), near.tolist(), strict=True)) == sorted(pairs)
