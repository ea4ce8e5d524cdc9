"""What follows from the finished network: fair shares, cost curve, and how sure the sums are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bredband.curve import cost_curve, goal_costs, last_resort
from bredband.draws import spread_out
from bredband.forest import price_parts
from bredband.sharing import share_summary, share_trench
from bredband.uncertainty import cost_quantities, simulate

if TYPE_CHECKING:
    import pandas as pd

    from bredband.prices import Prices

THRESHOLDS_SEK = (100_000.0, 200_000.0, 400_000.0)
"""Capex per household beyond which the rest is looked at by radio or satellite. None is
published as a rule; 400 000 is often named as society's cap (U)."""


def economy_tables(
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    areas: pd.DataFrame,
    *,
    prices: Prices,
    region_code: str,
    region_name: str,
    draws: int = 10_000,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Share the trench, order the households by marginal cost, and draw the prices anew.

    Parameters
    ----------
    trench, reach : DataFrame
        ``tables.TRENCH`` and ``tables.REACH`` with ``area_id``.
    status, municipalities, areas : DataFrame
        ``tables.STATUS``, ``tables.MUNICIPALITIES``, ``tables.AREAS``.
    prices : Prices
        ``[prices]`` of region.toml.
    region_code, region_name : str
        Of the rows that sum up the region.
    draws, seed : int
        How many times, and from what, prices, take-up and shares are drawn.

    Returns
    -------
    dict of DataFrame
        By the names of their schemas: shares, share_summary, cost_curve, build_order,
        goal_cost, last_resort, intervals, tornado. Empty where nothing is built.
    """
    if not len(trench):
        return {}
    where: dict[str, Any] = {"region_code": region_code, "region_name": region_name}
    parts = price_parts(trench, reach, status, prices)
    shares = share_trench(
        trench, reach, status, drop_sek=parts.own_sek, trench_sek=parts.trench_sek
    )
    costs = cost_curve(
        trench, reach, status, municipalities,
        own_sek=parts.own_sek, trench_sek=parts.trench_sek, paid_sek=parts.paid_sek, **where,
    )  # fmt: skip
    drawn = simulate(
        cost_quantities(trench, reach, status, prices), spread_out(prices.ranges()),
        municipalities, areas=areas, draws=draws, seed=seed, **where,
    )  # fmt: skip
    return {
        "shares": shares,
        "share_summary": share_summary(shares, municipalities, **where),
        "cost_curve": costs.curve,
        "build_order": costs.order,
        "goal_cost": goal_costs(costs),
        "last_resort": last_resort(costs, THRESHOLDS_SEK),
        "intervals": drawn.intervals,
        "tornado": drawn.tornado,
    }
