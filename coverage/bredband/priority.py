"""Which areas come first, and how far a budget goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import geopandas as gpd


def rank_areas(
    areas: pd.DataFrame | gpd.GeoDataFrame, *, budget_sek: float | None = None
) -> pd.DataFrame | gpd.GeoDataFrame:
    """Rank build areas by support needed per household and add up against a budget.

    An area that hangs on another's trench never comes before it: it is ranked as
    if its support per household were at least that of the area it needs.

    Parameters
    ----------
    areas : DataFrame
        ``tables.AREAS`` without the columns that are added here.
    budget_sek : float, optional
        Support to distribute, SEK.

    Returns
    -------
    DataFrame
        Sorted by rank, with ``rank``, ``cumulative_gap_sek``,
        ``cumulative_households`` and ``within_budget``. Areas without households
        (workplaces only) come after those with; rows that no trench reaches come
        last, without a rank. The support of an area is its gap where positive: one
        that pays for itself neither takes from the budget nor gives to it. Areas
        are taken in order until the first that no longer fits (a choice that makes
        the most of the budget is a matter of its own).
    """
    reached = areas["reached"].to_numpy(dtype=bool)
    # NaN (no households) sorts last among the reached.
    own = areas["gap_per_household_sek"].fillna(np.inf).to_numpy(dtype="float64")
    upstream = pd.Index(areas["area_id"]).get_indexer(
        pd.Index(areas["upstream_area_id"].fillna(""))
    )
    key = own.copy()
    depth = np.zeros(len(areas), np.int64)
    # From existing fibre outwards: as many rounds as the longest chain of areas.
    above = upstream.copy()
    while (above >= 0).any():
        depth[above >= 0] += 1
        above = np.where(above >= 0, upstream[above], -1)
    for level in range(1, int(depth.max(initial=0)) + 1):
        here = np.flatnonzero(depth == level)
        key[here] = np.maximum(key[here], key[upstream[here]])
    ids = areas["area_id"].to_numpy(dtype=object)
    order = np.lexsort((ids, own, depth, key, ~reached))
    ranked = areas.iloc[order].reset_index(drop=True)
    reached = reached[order]
    support = ranked["gap_sek"].clip(lower=0).where(reached, 0.0).cumsum()
    ranked["rank"] = pd.array(np.arange(1, len(ranked) + 1), dtype="Int64")
    ranked["cumulative_gap_sek"] = support
    ranked["cumulative_households"] = ranked["households"].cumsum().astype("Int64")
    ranked["within_budget"] = pd.array(
        np.full(len(ranked), False) if budget_sek is None else (support <= budget_sek).to_numpy(),
        dtype="boolean",
    )
    if budget_sek is None:
        ranked["within_budget"] = pd.array([pd.NA] * len(ranked), dtype="boolean")
    for name in ("rank", "cumulative_gap_sek", "cumulative_households", "within_budget"):
        ranked.loc[~reached, name] = pd.NA
    first = ["area_id", "rank", "reached"]
    return ranked[[*first, *(name for name in ranked.columns if name not in first)]]


def add_support(cost: pd.DataFrame, areas: pd.DataFrame) -> pd.DataFrame:
    """Add to the cost table the support that its build areas need.

    The gap of a municipality nets areas that pay for themselves against those that do
    not. Support cannot: no area pays for another. So it is the sum of the areas' gaps
    where these are positive.

    Parameters
    ----------
    cost : DataFrame
        ``tables.COST``.
    areas : DataFrame
        ``tables.AREAS``; an area counts in the municipality with most of its households.

    Returns
    -------
    DataFrame
        ``tables.COST`` with ``support_sek``; the region's is the last
        ``cumulative_gap_sek`` of the ranked areas.
    """
    needed = areas["gap_sek"].clip(lower=0).fillna(0.0)
    by_place = needed.groupby(areas["municipality_code"]).sum()
    support = cost["area_code"].map(by_place).fillna(0.0)
    return cost.assign(support_sek=support.where(cost["area_kind"] == "municipality", needed.sum()))
