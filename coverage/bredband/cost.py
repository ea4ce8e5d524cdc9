"""Prices to capex and to the funding gap.

::

    capex = sum over trench (metres x price of the surface)
          + sum over premises (fixed drop + metres of drop x price)
    gap   = capex - households x (own contribution + operator revenue)

The form and the two contributions are those of Region Skåne's cost sketch of
December 2017: 50 000 households x (50 000 - 20 000 - 10 000) SEK = 1 000 MSEK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bredband.buildout import is_wanted

if TYPE_CHECKING:
    from bredband.region import Prices

REACHED = ("trench", "at_fibre")


def price_drops(reach: pd.DataFrame, prices: Prices) -> pd.Series[float]:
    """Give the cost of each premises' drop, SEK; nothing where it is not reached.

    Parameters
    ----------
    reach : DataFrame
        ``tables.REACH``.
    prices : Prices
        ``drop_fixed`` + ``drop_per_m`` x metres from the road to the premises.
    """
    drop = prices.drop_fixed.value + prices.drop_per_m.value * reach["road_distance_m"]
    return drop.where(reach["reach"].isin(REACHED), 0.0).rename("drop_sek")


def fund(table: pd.DataFrame, prices: Prices, *, households: str) -> pd.DataFrame:
    """Add who pays to a table that has ``capex_sek``.

    Parameters
    ----------
    table : DataFrame
        With ``capex_sek`` and a column of households that are built to.
    prices : Prices
        ``own_contribution`` and ``operator_revenue`` in SEK per household.
    households : str
        Name of that column.

    Returns
    -------
    DataFrame
        A copy with ``own_contribution_sek``, ``operator_revenue_sek``, ``gap_sek``
        (negative where the build-out pays for itself) and
        ``gap_per_household_sek`` (empty where there are no households).
    """
    count = table[households]
    own = count * prices.own_contribution.value
    revenue = count * prices.operator_revenue.value
    gap = table["capex_sek"] - own - revenue
    return table.assign(
        own_contribution_sek=own.astype("float64"),
        operator_revenue_sek=revenue.astype("float64"),
        gap_sek=gap,
        gap_per_household_sek=gap / count.astype("float64").replace(0.0, np.nan),
    )


def cost_table(
    status: pd.DataFrame,
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    prices: Prices,
    region_code: str,
    region_name: str,
    include_holiday_homes: bool = False,
) -> pd.DataFrame:
    """Sum up what the rest costs, per municipality and for the region.

    Trench belongs to the municipality in which it lies, a drop to that of its
    premises, so the municipalities add up to the region.

    Parameters
    ----------
    status : DataFrame
        ``tables.STATUS``.
    trench : DataFrame
        ``tables.TRENCH``.
    reach : DataFrame
        ``tables.REACH``.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``; each gets a row, also where nothing is to be built.
    prices : Prices
        ``[prices]`` of region.toml.
    region_code, region_name : str
        Of the row that sums up the region.
    include_holiday_homes : bool
        As in ``[buildout]``: whether buildings with holiday homes only count as unserved.

    Returns
    -------
    DataFrame
        ``tables.COST``: the municipalities by code, then the region.
    """
    met = status.merge(
        reach.assign(drop_sek=price_drops(reach, prices)), on="premises_id", how="left"
    )
    unserved = is_wanted(met, include_holiday_homes=include_holiday_homes)
    built = met["reach"].isin(REACHED)
    left_out = met["reach"].notna() & ~built
    rows = pd.DataFrame(
        {
            "area_code": met["municipality_code"],
            "unserved_households": met["households"].where(unserved, 0),
            "unserved_workplaces": met["workplaces"].where(unserved, 0),
            "unserved_premises": unserved.astype("int64"),
            "planned_households": met["households"].where(met["status"] == "planned", 0),
            "unreached_households": met["households"].where(left_out, 0),
            "unreached_premises": left_out.astype("int64"),
            "reached_households": met["households"].where(built, 0),
            "reached_premises": built.astype("int64"),
            "drop_sek": met["drop_sek"].fillna(0.0),
        }
    )
    laid = trench.groupby("municipality_code").agg(
        trench_m=("length_m", "sum"), trench_sek=("cost_sek", "sum")
    )
    codes = municipalities[["municipality_code", "municipality_name"]].set_axis(
        ["area_code", "area_name"], axis=1
    )
    table = (
        codes.sort_values("area_code")
        .merge(rows.groupby("area_code").sum(), on="area_code", how="left")
        .merge(laid, left_on="area_code", right_index=True, how="left")
        .fillna(dict.fromkeys([*rows.columns[1:], "trench_m", "trench_sek"], 0))
        .assign(area_kind="municipality")
    )
    whole = table.drop(columns=["area_code", "area_name", "area_kind"]).sum()
    table.loc[len(table)] = {
        **whole,
        "area_kind": "region",
        "area_code": region_code,
        "area_name": region_name,
    }
    counts = [name for name in rows.columns[1:] if name != "drop_sek"]
    table = table.astype(dict.fromkeys(counts, "int64"))
    table["capex_sek"] = table["trench_sek"] + table["drop_sek"]
    table = fund(table, prices, households="reached_households")
    first = ["area_kind", "area_code", "area_name", *counts]
    money = ["trench_m", "trench_sek", "drop_sek", "capex_sek", "own_contribution_sek",
             "operator_revenue_sek", "gap_sek", "gap_per_household_sek"]  # fmt: skip
    return table[[*first, *money]].reset_index(drop=True)
