"""Who bears what of the shared trench: every edge split equally among those below it.

::

    share(i) = own drop(i) + sum over edges e from i to existing fibre: cost(e) / parties below e

This is the Shapley value of the game in which a group of homes pays for the part of the
trench network that it needs: what each adds to the cost, on average over every order in
which they might join. It adds up to the whole, treats equals alike, asks nobody to pay
for trench that leads elsewhere, and no group pays more together than it would on its own.

References
----------
Shapley, L. S. (1953). A value for n-person games. Contributions to the Theory of Games II.
Littlechild, S. C. & Owen, G. (1973). A simple expression for the Shapley value in a special
case. Management Science 20, 370-372 (one way, shared by those who use each part of it).
Megiddo, N. (1978). Computational complexity of the game theory approach to cost allocation
for a tree. Mathematics of Operations Research 3, 189-196 (the same for a tree).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError
from bredband_gis.steiner import sum_below

from bredband.cost import REACHED
from bredband.forest import at_edge, hang, sum_above
from bredband.tables import SHARE_SUMMARY, SHARES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Unit = Literal["households", "premises"]


def share_trench(
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    *,
    drop_sek: ArrayLike,
    trench_sek: ArrayLike | None = None,
    unit: Unit = "households",
) -> pd.DataFrame:
    """Split the trench fairly and set it against what each would pay alone.

    Parameters
    ----------
    trench : DataFrame
        ``tables.TRENCH``; its ``cost_sek`` and ``length_m`` are what is shared.
    reach : DataFrame
        ``tables.REACH``; only premises that are reached take part.
    status : DataFrame
        ``tables.STATUS``, for what each premises holds.
    drop_sek : array of float, aligned with ``reach``
        Cost of each premises' own drop, SEK, as from ``cost.price_drops``; or of all that
        it needs alone, as from ``forest.price_parts``.
    trench_sek : array of float, aligned with ``trench``, optional
        What each edge costs, where that is not its ``cost_sek`` alone.
    unit : {"households", "premises"}
        Who counts as one party. With households, a premises that holds none (workplaces or
        holiday homes only) is one party: it is one connection, and trench that leads to
        nobody else would otherwise be paid by no one. No published rule was found (U).

    Returns
    -------
    DataFrame
        ``tables.SHARES``, in the order of ``reach``. The shares of the trench add up to it.
        Cost alone is that of the way along *this* network to existing fibre, were nobody
        else to build: along other roads a single premises might find a cheaper one.

    Raises
    ------
    BadValueError
        Premises are unknown to ``status``, the tables belong to different build-outs, or
        an edge that costs money leads to nobody.
    """
    met = reach["reach"].isin(REACHED).to_numpy()
    reached = reach[met]
    drop = np.broadcast_to(np.asarray(drop_sek, dtype=np.float64), met.shape)[met]
    held = status.set_index("premises_id")[["municipality_code", "households"]]
    held = held.reindex(reached["premises_id"])
    if held["households"].isna().any():
        msg = f"{int(held['households'].isna().sum())} premises are not in the status table"
        raise BadValueError(msg, where="reach", fix="use the tables of one and the same run")
    households = held["households"].to_numpy(dtype=np.int64)
    parties = np.maximum(households, 1) if unit == "households" else np.ones_like(households)

    tree, edge = hang(trench, reached)
    cost = np.asarray(trench["cost_sek"] if trench_sek is None else trench_sek, dtype=np.float64)
    length = trench["length_m"].to_numpy(dtype=np.float64)
    on_trench = edge >= 0
    at_end = np.bincount(edge[on_trench], weights=parties[on_trench], minlength=cost.size)
    below = sum_below(tree, at_end)
    idle = (below == 0) & ((cost > 0) | (length > 0))
    if idle.any():
        msg = f"{int(idle.sum())} of {idle.size} edges lead to no premises that is reached"
        raise BadValueError(msg, where="trench", fix="use the tables of one and the same run")
    each = 1.0 / np.maximum(below, 1.0)

    def from_fibre(value: NDArray[np.float64]) -> NDArray[np.float64]:
        return at_edge(edge, sum_above(tree.parent, value))

    shared, way_sek = parties * from_fibre(cost * each), from_fibre(cost)
    table = pd.DataFrame(
        {
            "premises_id": reached["premises_id"].to_numpy(),
            "municipality_code": held["municipality_code"].to_numpy(),
            "households": households,
            "parties": parties,
            "way_m": from_fibre(length),
            "shared_trench_m": parties * from_fibre(length * each),
            "shared_trench_sek": shared,
            "drop_m": reached["road_distance_m"].to_numpy(dtype=np.float64),
            "drop_sek": drop,
            "total_sek": shared + drop,
            "per_party_sek": (shared + drop) / parties,
            "alone_sek": way_sek + drop,
            # Splitting among one is not splitting: rounding must not make it a loss.
            "saving_sek": np.maximum(way_sek - shared, 0.0),
        }
    )
    return table.astype({name: str(col.dtype) for name, col in SHARES.columns.items()})


def share_summary(
    shares: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    region_code: str,
    region_name: str,
) -> pd.DataFrame:
    """Sum up the shares per municipality and for the region: mean, P50 and P90 per household.

    Parameters
    ----------
    shares : DataFrame
        ``tables.SHARES``.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``; each gets a row.
    region_code, region_name : str
        Of the row that sums up the region.

    Returns
    -------
    DataFrame
        ``tables.SHARE_SUMMARY``. Sums are over all premises; mean and percentiles are over
        households, each with its part of its premises' total. Here a share counts where
        its premises lies, while ``tables.COST`` counts trench where it is dug: the region
        agrees, municipalities with trench across their border do not.
    """
    names = municipalities[["municipality_code", "municipality_name"]].sort_values(
        "municipality_code", ignore_index=True
    )
    index = pd.Index(names["municipality_code"])
    region = len(names)
    row = index.get_indexer(pd.Index(shares["municipality_code"]))
    if (row < 0).any():
        msg = f"{int((row < 0).sum())} premises lie in municipalities that are not listed"
        raise BadValueError(msg, where="shares", fix="give the municipalities of the same region")
    # Every premises counts twice: in its municipality and in the region.
    area = np.r_[row, np.full(row.size, region)]
    twice = pd.concat([shares, shares], ignore_index=True)
    summed = ["households", "shared_trench_m", "shared_trench_sek", "drop_sek", "total_sek",
              "alone_sek", "saving_sek"]  # fmt: skip
    table = twice.groupby(area)[summed].sum().reindex(np.arange(region + 1), fill_value=0)
    table["premises"] = np.bincount(area, minlength=region + 1)
    table = table.rename(columns={"shared_trench_m": "trench_m", "shared_trench_sek": "trench_sek"})

    homes = (twice["households"] > 0).to_numpy()
    area, twice = area[homes], twice[homes]
    count = twice["households"].to_numpy(dtype=np.float64)
    each = twice["total_sek"].to_numpy() / count
    alone = twice["alone_sek"].to_numpy() / count
    whole = np.bincount(area, weights=count, minlength=region + 1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        table["mean_sek"] = np.bincount(area, weights=each * count, minlength=region + 1) / whole
    table["p50_sek"] = _quantile(area, each, count, whole, 0.5)
    table["p90_sek"] = _quantile(area, each, count, whole, 0.9)
    table["alone_p50_sek"] = _quantile(area, alone, count, whole, 0.5)
    table["alone_p90_sek"] = _quantile(area, alone, count, whole, 0.9)
    table["area_kind"] = np.where(table.index < region, "municipality", "region")
    table["area_code"] = [*names["municipality_code"], region_code]
    table["area_name"] = [*names["municipality_name"], region_name]
    columns = {name: str(col.dtype) for name, col in SHARE_SUMMARY.columns.items()}
    return table[list(columns)].astype(columns).reset_index(drop=True)


def _quantile(
    group: NDArray[np.int64],
    value: NDArray[np.float64],
    weight: NDArray[np.float64],
    whole: NDArray[np.float64],
    share: float,
) -> NDArray[np.float64]:
    """Give, per group, the smallest value that this share of the weight does not exceed."""
    found = np.full(whole.size, np.nan)
    order = np.lexsort((value, group))
    group, value = group[order], value[order]
    before = np.r_[0.0, np.cumsum(whole)[:-1]]
    enough = np.cumsum(weight[order]) - before[group] >= share * whole[group] * (1 - 1e-12)
    rows = np.flatnonzero(enough)
    first, place = np.unique(group[rows], return_index=True)
    found[first] = value[rows[place]]
    return found
