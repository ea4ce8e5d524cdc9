"""Which areas come first, and how far a budget goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Hanging(NamedTuple):
    """Which area needs which: a forest."""

    upstream: Ints
    """Row of the area whose trench each hangs on; -1 at existing fibre."""
    depth: Ints
    """How many areas lie between each and existing fibre."""
    id_order: Ints
    """Place of each area's id among all, for ties."""

    def levels(self) -> list[Ints]:
        """List the rows that hang on another area, those nearest to existing fibre first."""
        deepest = int(self.depth.max(initial=0))
        return [np.flatnonzero(self.depth == level) for level in range(1, deepest + 1)]


def hang_areas(areas: pd.DataFrame) -> Hanging:
    """Find which area each hangs on.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS``; at least ``area_id`` and ``upstream_area_id``.

    Raises
    ------
    BadValueError
        An area hangs on one that is not in the table, or on itself by way of others.
    """
    ids = pd.Index(areas["area_id"])
    above = areas["upstream_area_id"]
    upstream = ids.get_indexer(pd.Index(above.fillna(""))).astype(np.int64)
    fix = "use the areas of one and the same run, all of them"
    lost = above.notna().to_numpy() & (upstream < 0)
    if lost.any():
        msg = f"{int(lost.sum())} areas hang on an area that is not in the table"
        raise BadValueError(msg, where="areas", fix=fix)
    depth = np.zeros(len(areas), np.int64)
    # From existing fibre outwards: as many rounds as the longest chain of areas.
    step = upstream.copy()
    while (step >= 0).any():
        depth[step >= 0] += 1
        if int(depth.max()) > len(areas):
            msg = f"{int((step >= 0).sum())} areas hang on each other in a circle"
            raise BadValueError(msg, where="areas", fix=fix)
        step = np.where(step >= 0, upstream[step], -1)
    id_order = np.argsort(np.argsort(areas["area_id"].to_numpy(dtype=object), kind="stable"))
    return Hanging(upstream, depth, id_order.astype(np.int64))


def chain_keys(score: Floats, gap_each: Floats, hanging: Hanging) -> tuple[Floats, Floats]:
    """Give what areas are ordered by, so that none comes before the area that it needs.

    Parameters
    ----------
    score : array of float, shape (areas, draws)
        Higher is better; NaN is the worst.
    gap_each : array of float, shape (areas, draws) or (areas, 1)
        Gap per household, for ties; NaN is the worst.
    hanging : Hanging
        Which area needs which.

    Returns
    -------
    key : array of float, shape (areas, draws)
        The lower of the area's score and the key of the area that it hangs on.
    tie : array of float, shape (areas, draws)
        Lower is better: the upstream area's where that holds the area back, so that it comes
        right after; else the higher of its own gap per household and the upstream's tie.
    """
    key = np.where(np.isnan(score), -np.inf, score)
    tie = np.where(np.isnan(gap_each), np.inf, gap_each)
    tie = np.array(np.broadcast_to(tie, key.shape))
    for here in hanging.levels():
        up = hanging.upstream[here]
        held = key[here] > key[up]
        tie[here] = np.where(held, tie[up], np.maximum(tie[here], tie[up]))
        key[here] = np.minimum(key[here], key[up])
    return key, tie


def order_areas(score: Floats, gap_each: Floats, hanging: Hanging) -> Ints:
    """Order areas, the first first, for every draw.

    Parameters
    ----------
    score, gap_each, hanging
        See :func:`chain_keys`.

    Returns
    -------
    array of int, shape (areas, draws)
        Row numbers: by key, tie, depth, own score, own gap per household and id.
    """
    key, tie = chain_keys(score, gap_each, hanging)
    own = np.where(np.isnan(score), -np.inf, score)
    gap = np.where(np.isnan(gap_each), np.inf, gap_each)
    gap = np.broadcast_to(gap, key.shape)
    order = np.empty(key.shape, np.int64)
    for draw in range(key.shape[1]):
        order[:, draw] = np.lexsort(
            (hanging.id_order, gap[:, draw], -own[:, draw], hanging.depth, tie[:, draw],
             -key[:, draw])
        )  # fmt: skip
    return order


def rank_areas(
    areas: pd.DataFrame | gpd.GeoDataFrame, *, budget_sek: float | None = None
) -> pd.DataFrame | gpd.GeoDataFrame:
    """Rank build areas and add up the support against a budget.

    By ``score`` where the areas have one (``scores.score_areas``), the highest first; else by
    gap per household, the lowest first. With support per household as the only criterion the
    two give the same order.

    An area that hangs on another's trench never comes before it: it is ranked as if its
    score were at most that of the area it needs, and so on up to existing fibre. Ties go by
    gap per household, along the same chain; see :func:`chain_keys`.

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
        ``cumulative_households`` and ``within_budget``. Rows that no trench reaches come
        last, without a rank. By gap per household, areas without households (workplaces
        only) come after those with. The support of an area is its gap where positive: one
        that pays for itself neither takes from the budget nor gives to it. Areas
        are taken in order until the first that no longer fits (a choice that makes
        the most of the budget is a matter of its own).

    Raises
    ------
    BadValueError
        An area hangs on one that is not in the table, or areas hang on each other in a circle.
    """
    reached = areas["reached"].to_numpy(dtype=bool)
    gap_each = areas["gap_per_household_sek"].to_numpy(np.float64, na_value=np.nan)[:, None]
    score = np.zeros((len(areas), 1))
    if "score" in areas:
        score = areas["score"].to_numpy(np.float64, na_value=np.nan)[:, None]
    order = order_areas(score, gap_each, hang_areas(areas))[:, 0]
    order = np.r_[order[reached[order]], order[~reached[order]]]
    ranked = areas.take(order).reset_index(drop=True)
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
