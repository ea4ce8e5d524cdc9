"""Draws of prices and what they make of the cost: exact, by theory, and by the cost table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bredband.cost import cost_table
from bredband.draws import draw, quantile, spread_out
from bredband.prices import Range
from bredband.region import Prices
from bredband.tables import INTERVALS, TORNADO, check_table
from bredband.uncertainty import cost_quantities, simulate
from bredband_gis.errors import BadValueError
from hypothesis import given, settings
from hypothesis import strategies as st

REGION = {"region_code": "25", "region_name": "Länet"}


def places(*codes: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"municipality_code": codes, "municipality_name": [f"Kommun {code}" for code in codes]}
    )


def amounts(rows: dict[str, dict[str, float]], takeup: dict[str, str] | None = None):
    """Make quantities of municipality -> item -> number."""
    table = pd.DataFrame(rows).T.fillna(0.0)
    table.columns = pd.MultiIndex.from_tuples(
        [(item, (takeup or {}).get(item, "")) for item in table], names=["item", "takeup"]
    )
    table.index = pd.MultiIndex.from_arrays(
        [table.index, [f"{code}-1" for code in table.index]], names=["municipality_code", "area_id"]
    )
    return table


def sure(value: float, group: str = "") -> Range:
    return Range(value, value, value, group)


def row(table: pd.DataFrame, code: str, measure: str) -> pd.Series:
    return table[(table["area_code"] == code) & (table["measure"] == measure)].iloc[0]


def test_prices_without_a_range_give_the_cost_itself() -> None:
    quantities = amounts(
        {
            "2505": {"trench.soft": 1000.0, "drop_fixed": 10.0, "own_contribution": 10.0},
            "2506": {"trench.soft": 500.0},
        },
        {"drop_fixed": "takeup.total", "own_contribution": "takeup.total"},
    )
    ranges = {
        "trench.soft": sure(150),
        "drop_fixed": sure(5000),
        "own_contribution": sure(20_000),
        "takeup.total": sure(0.5),
        "colaying_share": sure(0.1),
        "design_share": sure(0.05),
        "contingency_share": sure(0.15),
    }
    found = simulate(quantities, ranges, places("2506", "2505"), draws=7, **REGION)
    check_table(found.intervals, INTERVALS, where="intervals")
    check_table(found.tornado, TORNADO, where="tornado")
    capex = (150_000 * 0.9 + 25_000) * 1.2
    for name in ("point_sek", "p10_sek", "p50_sek", "p90_sek", "mean_sek"):
        assert row(found.intervals, "2505", "capex")[name] == pytest.approx(capex)
        assert row(found.intervals, "2505", "gap")[name] == pytest.approx(capex - 100_000)
        assert row(found.intervals, "25", "capex")[name] == pytest.approx(capex + 75_000 * 1.08)
    assert found.intervals["area_code"].tolist() == ["2505"] * 2 + ["2506"] * 2 + ["25"] * 2
    assert found.tornado.empty


def test_agreed_co_laying_is_a_payment_by_the_metre() -> None:
    quantities = amounts({"2505": {"trench.soft": 1000.0, "colaying_contribution": 1000.0}})
    ranges = {
        "trench.soft": sure(150),
        "colaying_contribution": sure(27.5),
        "colaying_share": sure(0.4),
    }
    found = simulate(quantities, ranges, places("2505"), draws=2, **REGION)
    assert row(found.intervals, "25", "capex")["p50_sek"] == pytest.approx(150_000 - 11_000)


@pytest.mark.parametrize(
    ("shape", "share", "value"),
    [
        ("uniform", 0.1, 110.0),
        ("uniform", 0.5, 150.0),
        # Triangular 100-120-200: F(120) = 0.2, F(x) = (x - 100)^2 / 2000 below it.
        ("triangular", 0.2, 120.0),
        ("triangular", 0.05, 110.0),
        ("triangular", 0.5, 200 - np.sqrt(0.5 * 8000)),
        ("pert", 0.0, 100.0),
        ("pert", 1.0, 200.0),
    ],
)
def test_quantiles_are_those_of_the_books(shape, share, value) -> None:
    assert quantile(Range(120, 100, 200, ""), share, shape) == pytest.approx(value)


def test_means_are_those_of_the_books() -> None:
    item = {"a": Range(120.0, 100.0, 200.0, "")}
    for shape, mean, sd in (
        ("uniform", 150.0, 100 / np.sqrt(12)),
        ("triangular", 140.0, np.sqrt((1e4 + 1.44e4 + 4e4 - 1.2e4 - 2e4 - 2.4e4) / 18)),
        # PERT: (low + 4 mode + high) / 6; variance (mean - low)(high - mean) / 7.
        ("pert", 130.0, np.sqrt(30 * 70 / 7)),
    ):
        drawn = draw(item, 200_000, seed=1, shape=shape)["a"]
        assert drawn.mean() == pytest.approx(mean, rel=0.002)
        assert drawn.std() == pytest.approx(sd, rel=0.01)


def test_what_moves_together_spreads_as_theory_says() -> None:
    codes = ["2505", "2506", "2510", "2513"]
    quantities = amounts({code: {f"trench.{code}": 1.0} for code in codes})

    def width(group: str, correlation: float) -> tuple[float, float]:
        ranges = {f"trench.{code}": Range(100.0, 50.0, 150.0, group) for code in codes}
        found = simulate(
            quantities, ranges, places(*codes), draws=40_000, correlation=correlation, **REGION
        ).intervals
        region, one = row(found, "25", "capex"), row(found, "2505", "capex")
        return region["p90_sek"] - region["p10_sek"], one["p90_sek"] - one["p10_sek"]

    alone = width("", 1.0)
    together = width("digging", 1.0)
    between = width("digging", 0.5)
    # Four that move as one are four times as wide. Of four that do not, the variances add
    # up, and the sum is nearly normal: some 2 x 1.2816 standard deviations from P10 to P90.
    assert together[0] == pytest.approx(4 * together[1])
    one = 2 * 1.2816 * np.sqrt(100**2 / 24)
    assert alone[0] == pytest.approx(np.sqrt(4) * one, rel=0.03)
    assert between[0] == pytest.approx(np.sqrt(4 + 12 * 0.5) * one, rel=0.05)
    assert alone[0] < between[0] < together[0]
    # What a single price does has nothing to do with the others.
    assert between[1] == pytest.approx(together[1], rel=0.02)
    assert width("digging", 0.0)[0] == pytest.approx(alone[0], rel=0.03)


def test_a_seed_is_a_seed_and_other_items_change_nothing() -> None:
    a, b = Range(2.0, 1.0, 4.0, ""), Range(5.0, 1.0, 9.0, "g")
    first, again = draw({"a": a, "b": b}, 50, seed=3), draw({"b": b, "a": a, "c": a}, 50, seed=3)
    assert (first["a"] == again["a"]).all()
    assert (first["b"] == again["b"]).all()
    assert (again["a"] != again["c"]).any()
    assert (first["a"] != draw({"a": a}, 50, seed=4)["a"]).any()


def test_what_has_no_range_gets_one_that_is_stated() -> None:
    given_range = Range(100.0, 50.0, 120.0, "g")
    found = spread_out(
        {"a": given_range, "b": sure(200.0, "g"), "takeup.total": sure(1.0), "c": sure(0.0)}
    )
    assert found["a"] == given_range
    assert found["b"] == pytest.approx((200.0, 140.0, 260.0, "g"))
    assert found["takeup.total"] == (1.0, 0.5, 0.9, "")
    assert found["c"] == sure(0.0)
    drawn = draw(found, 1000)
    assert drawn["takeup.total"].max() <= 0.9
    # Everybody is beyond the range: the likeliest is its nearest end.
    assert np.median(drawn["takeup.total"]) == pytest.approx(0.5 + 0.4 * np.sqrt(0.5), abs=0.02)


def test_the_tornado_moves_one_thing_at_a_time() -> None:
    quantities = amounts({"2505": {"trench.a": 10.0, "trench.b": 1.0, "node": 1.0}})
    ranges = {
        "trench.a": Range(100.0, 0.0, 200.0, "digging"),
        "trench.b": Range(100.0, 0.0, 200.0, "digging"),
        "node": Range(50.0, 0.0, 100.0, ""),
        "contingency_share": Range(0.0, 0.0, 0.2, ""),
        "splice": Range(1.0, 0.0, 5.0, ""),  # nothing of it is counted
    }
    found = simulate(
        quantities, ranges, places("2505"), draws=10, shape="uniform", **REGION
    ).tornado
    table = found[(found["area_code"] == "25") & (found["measure"] == "capex")]
    assert table["factor"].tolist() == ["digging", "contingency_share", "node"]
    assert table["items"].tolist() == [2, 1, 1]
    assert table["point_sek"].tolist() == [1150] * 3
    assert table["low_sek"].tolist() == pytest.approx([270, 1150 * 1.02, 1110])
    assert table["high_sek"].tolist() == pytest.approx([2030, 1150 * 1.18, 1190])
    assert table["swing_sek"].tolist() == pytest.approx([1760, 184, 80])
    assert np.isnan(table["value"].iloc[0])
    assert table["high_value"].tolist()[1:] == pytest.approx([0.18, 90.0])


def test_no_area_pays_for_another() -> None:
    rows = {"2505": {"trench.soft": 10.0, "own_contribution": 1.0}, "2506": {"trench.soft": 0.1}}
    quantities = amounts(rows)
    quantities.index = pd.MultiIndex.from_arrays(
        [["2505", "2506"], ["2505-1", "2505-2"]], names=["municipality_code", "area_id"]
    )
    areas = pd.DataFrame({"area_id": ["2505-2", "2505-1"], "municipality_code": ["2505", "2505"]})
    ranges = {"trench.soft": Range(100.0, 50.0, 150.0, ""), "own_contribution": sure(5000.0)}
    found = simulate(
        quantities, ranges, places("2505", "2506"), areas=areas, draws=5000, **REGION
    ).intervals
    # One area pays for itself whatever the price; the other needs all it costs.
    assert row(found, "25", "support")["point_sek"] == pytest.approx(10)
    assert row(found, "25", "gap")["point_sek"] == pytest.approx(-3990)
    assert row(found, "25", "support")["p50_sek"] == pytest.approx(10, rel=0.02)
    assert row(found, "2505", "support")["p90_sek"] == row(found, "25", "support")["p90_sek"]
    assert row(found, "2506", "support")["p90_sek"] == 0


def network() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    trench = pd.DataFrame(
        {
            "surface": ["soft", "asphalt", "soft"],
            "length_m": [1000.0, 200.0, 300.0],
            # The last is twice as dear as its surface: a lake, say.
            "cost_sek": [150_000.0, 120_000.0, 90_000.0],
            "municipality_code": ["2505", "2506", "2505"],
            "area_id": ["2505-1", "2505-1", "2505-2"],
        }
    )
    ids = pd.array(["a", "b", "c", "d"], dtype="str")
    reach = pd.DataFrame(
        {
            "premises_id": ids,
            "reach": ["trench", "trench", "at_fibre", "no_road"],
            "road_distance_m": [10.0, 20.0, 30.0, np.nan],
            "node": [1, 2, 0, -1],
            "area_id": ["2505-1", "2505-1", "2505-2", "2505-0000"],
        }
    )
    status = pd.DataFrame(
        {
            "premises_id": ids,
            "municipality_code": ["2505", "2506", "2505", "2505"],
            "households": [1, 3, 0, 1],
            "workplaces": [0, 0, 1, 0],
            "holiday_homes": 0,
            "status": "unserved",
            "segment": ["tätort", "utanför", None, None],
        }
    )
    return trench, reach, status


SHARE = {"unit": "share", "source": "-"}


@pytest.mark.parametrize(
    "book",
    [
        {},
        {"scope": "passed"},
        {
            "takeup": {"total": {"value": 0.6, **SHARE}, "tätort": {"value": 0.9, **SHARE}},
            "colaying_share": {"value": 0.2, **SHARE},
            "design_share": {"value": 0.1, **SHARE},
            "contingency_share": {"value": 0.15, **SHARE},
            "permit": {"value": 14, "unit": "SEK/m", "source": "-", "quantity": 1},
            "manhole": {"value": 5900, "unit": "SEK/each", "source": "-", "quantity": 0.7},
            "splice": {"value": 750, "unit": "SEK/h", "source": "-", "quantity": 4.6},
            "customer_equipment": {"value": 1000, "unit": "SEK/each", "source": "-"},
        },
        {
            "colaying_share": {"value": 0.2, **SHARE},
            "colaying_contribution": {"value": 27.5, "unit": "SEK/m", "source": "-"},
        },
    ],
)
def test_the_point_value_is_that_of_the_cost_table(book) -> None:
    prices = Prices.model_validate(book)
    trench, reach, status = network()
    here = places("2505", "2506", "2510")
    cost = cost_table(status, trench, reach, here, prices=prices, **REGION)
    quantities = cost_quantities(trench, reach, status, prices)
    areas = pd.DataFrame({"area_id": ["2505-1", "2505-2"], "municipality_code": "2505"})
    found = simulate(
        quantities, spread_out(prices.ranges()), here, areas=areas, draws=200, **REGION
    )
    check_table(found.intervals, INTERVALS, where="intervals")
    check_table(found.tornado, TORNADO, where="tornado")
    for measure in ("capex", "gap"):
        point = found.intervals[found.intervals["measure"] == measure]["point_sek"].to_numpy()
        assert point == pytest.approx(cost[f"{measure}_sek"].to_numpy())
    assert (found.intervals["p10_sek"] <= found.intervals["p50_sek"]).all()
    assert (found.intervals["p50_sek"] <= found.intervals["p90_sek"]).all()


def test_nothing_to_build_costs_nothing() -> None:
    trench, reach, status = (table.iloc[:0] for table in network())
    quantities = cost_quantities(trench, reach, status, Prices())
    found = simulate(quantities, spread_out(Prices().ranges()), places("2505"), **REGION)
    assert found.intervals["p90_sek"].tolist() == [0] * 4


def test_what_does_not_fit_is_refused() -> None:
    trench, reach, status = network()
    with pytest.raises(BadValueError, match=r"trench\.moon has no price"):
        cost_quantities(trench.assign(surface="moon"), reach, status, Prices())
    with pytest.raises(BadValueError, match="1 premises are not in the status table"):
        cost_quantities(trench, reach, status.iloc[1:], Prices())
    quantities = amounts({"2505": {"trench.soft": 1.0}})
    with pytest.raises(BadValueError, match=r"trench\.soft has no price"):
        simulate(quantities, {}, places("2505"), **REGION)
    ranges = {"trench.soft": Range(1.0, 2.0, 1.0, "")}
    with pytest.raises(BadValueError, match="ranges from"):
        simulate(quantities, ranges, places("2505"), **REGION)
    ranges = {"trench.soft": sure(1.0)}
    with pytest.raises(BadValueError, match="municipalities: 1 rows name"):
        simulate(quantities, ranges, places("2506"), **REGION)
    with pytest.raises(BadValueError, match="correlation is 2"):
        draw(ranges, 1, correlation=2.0)


@given(
    low=st.floats(0, 1e4), width=st.floats(1e-6, 1e4), at=st.floats(-0.5, 1.5),
    shape=st.sampled_from(["triangular", "pert", "uniform"]),
)  # fmt: skip
@settings(max_examples=80)
def test_draws_keep_to_their_bounds_and_rise(low, width, at, shape) -> None:
    item = Range(low + at * width, low, low + width, "")
    values = quantile(item, np.linspace(0, 1, 51), shape)
    slack = 1e-9 * (low + width)
    assert (np.diff(values) >= -slack).all()
    assert values[0] == pytest.approx(item.low, abs=slack + 1e-9)
    assert values[-1] == pytest.approx(item.high, abs=slack + 1e-9)
