"""Draws of the gap of every build area: by hand, and beside the draws of the region."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bredband.draws import draw
from bredband.prices import Range
from bredband.uncertainty import area_gaps, simulate
from bredband_gis.errors import BadValueError

RANGES = {
    "trench.soft": Range(150.0, 100.0, 250.0, "digging"),
    "own_contribution": Range(20_000.0, 15_000.0, 30_000.0, ""),
    "takeup.total": Range(1.0, 0.5, 0.9, ""),
    "contingency_share": Range(0.1, 0.0, 0.2, ""),
}


def quantities() -> pd.DataFrame:
    """Count what three areas need; the first has trench in two municipalities."""
    return pd.DataFrame(
        [[1000.0, 4.0], [500.0, 0.0], [200.0, 9.0], [0.0, 3.0]],
        index=pd.MultiIndex.from_tuples(
            [("2501", "a"), ("2502", "a"), ("2502", "b"), ("2502", "c")],
            names=["municipality_code", "area_id"],
        ),
        columns=pd.MultiIndex.from_tuples(
            [("trench.soft", ""), ("own_contribution", "takeup.total")], names=["item", "takeup"]
        ),
    )


def test_gaps_are_trench_less_what_is_paid() -> None:
    areas = pd.DataFrame(
        {"area_id": ["b", "lost", "a", "new"], "reached": [True, False, True, True]}
    )
    found = area_gaps(quantities(), RANGES, areas, draws=300, seed=3)
    assert found.shape == (4, 300)
    assert found.dtype == np.float32
    drawn = draw(RANGES, 300, seed=3)
    metre = drawn["trench.soft"] * (1 + drawn["contingency_share"])
    paid = drawn["own_contribution"] * drawn["takeup.total"]
    np.testing.assert_allclose(found[0], 200 * metre - 9 * paid, rtol=1e-5)
    np.testing.assert_allclose(found[2], 1500 * metre - 4 * paid, rtol=1e-5)
    assert np.isnan(found[1]).all()
    assert (found[3] == 0).all()
    assert (area_gaps(quantities(), RANGES, areas, draws=300, seed=4)[0] != found[0]).any()


def test_areas_add_up_to_the_draws_of_the_region() -> None:
    areas = pd.DataFrame(
        {"area_id": ["a", "b", "c"], "reached": True, "municipality_code": ["2501", "2502", "2502"]}
    )
    places = pd.DataFrame(
        {"municipality_code": ["2501", "2502"], "municipality_name": ["Norr", "Syd"]}
    )
    found = area_gaps(quantities(), RANGES, areas, draws=2000, seed=1)
    interval = simulate(
        quantities(), RANGES, places, areas=areas, draws=2000, seed=1,
        region_code="25", region_name="Alla",
    ).intervals.query("area_kind == 'region'").set_index("measure")  # fmt: skip
    for measure, total in (("gap", found), ("support", np.maximum(found, 0))):
        low, middle, high = np.quantile(total.sum(axis=0, dtype=float), [0.1, 0.5, 0.9])
        row = interval.loc[measure]
        assert [low, middle, high] == pytest.approx(
            [row["p10_sek"], row["p50_sek"], row["p90_sek"]], rel=1e-5
        )


def test_one_price_book_for_both() -> None:
    areas = pd.DataFrame({"area_id": ["a"], "reached": [True]})
    with pytest.raises(BadValueError, match=r"takeup\.total has no price"):
        area_gaps(quantities(), {k: v for k, v in RANGES.items() if k != "takeup.total"}, areas)
    nothing = area_gaps(quantities(), RANGES, areas.iloc[:0], draws=5)
    assert nothing.shape == (0, 5)
    nobody = area_gaps(quantities().iloc[:0], RANGES, areas, draws=5)
    assert (nobody == 0).all()
