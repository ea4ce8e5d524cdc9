"""Prices to capex and to the funding gap.

::

    connections = households reached x take-up of their segment
    base  = sum over trench (metres x price of the surface) - what is laid together
          + sum over premises (take-up x (fixed drop + metres of drop x price))
          + further items per metre of trench, building and connection
    capex = base x (1 + design share + contingency share)
    gap   = capex - connections x (own contribution + operator revenue)

The form is the usual one of access-network models with shared trench (I); the form of
the gap and its two contributions are those of Region Skåne's cost sketch of December
2017: 50 000 households x (50 000 - 20 000 - 10 000) SEK = 1 000 MSEK.

Scope *passed* goes to the plot boundary, as PTS's aid does: no drop and no equipment at
the customer. Nobody is connected, so nobody pays: the gap is the capex (I).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from bredband.buildout import is_wanted
from bredband.display import show

if TYPE_CHECKING:
    from bredband.region import Prices

REACHED = ("trench", "at_fibre")

_EXPECTED = ("drop_sek", "connections", "lines")


class Sketch(NamedTuple):
    """A cost sketch of a whole region, in SEK but for the counts."""

    households: float
    remaining: float
    cost_sek: float
    own_sek: float
    operator_sek: float
    gap_sek: float
    gap_per_household_sek: float

    def _repr_html_(self) -> str:
        return show(self)


def sketch_cost(
    households: float,
    remaining_share: float,
    *,
    cost_sek: float,
    own_sek: float,
    operator_sek: float,
) -> Sketch:
    """Work out the gap of a region from five numbers.

    Parameters
    ----------
    households : float
        Households in the region.
    remaining_share : float
        Share of them that is left to build to, 0-1.
    cost_sek, own_sek, operator_sek : float
        Cost, own contribution and the operator's part of each of these, SEK.

    Returns
    -------
    Sketch
        ``households x share x (cost - own - operator)``: the form of Region Skåne's
        sketch of December 2017.
    """
    remaining = households * remaining_share
    gap_each = cost_sek - own_sek - operator_sek
    return Sketch(
        households,
        remaining,
        remaining * cost_sek,
        remaining * own_sek,
        remaining * operator_sek,
        remaining * gap_each,
        gap_each,
    )


def price_drops(reach: pd.DataFrame, prices: Prices) -> pd.Series[float]:
    """Give what each premises' drop costs when it is built, SEK; nothing where not reached.

    Parameters
    ----------
    reach : DataFrame
        ``tables.REACH``.
    prices : Prices
        ``drop_fixed`` + ``drop_per_m`` x metres from the road to the premises.
    """
    drop = prices.drop_fixed.value + prices.drop_per_m.value * reach["road_distance_m"]
    return drop.where(reach["reach"].isin(REACHED), 0.0).rename("drop_sek")


def connect(held: pd.DataFrame, prices: Prices) -> pd.DataFrame:
    """Tell how much of each premises connects, and what that costs on the plot.

    Parameters
    ----------
    held : DataFrame
        ``tables.REACH`` with ``households``, and ``segment`` where take-up goes by segment.
    prices : Prices
        ``takeup``, the prices of the drop, and ``scope``.

    Returns
    -------
    DataFrame
        A copy with ``drops`` (number, expected), ``drop_m``, ``drop_sek``,
        ``connections`` (households, expected) and ``lines``: as connections, one for a
        building without households. All 0 where it is not reached, and in scope passed.
    """
    segment: Any = held["segment"] if "segment" in held else pd.Series(np.nan, index=held.index)
    built = held["reach"].isin(REACHED) & (prices.scope == "connected")
    share = prices.takeup_of(segment).where(built, 0.0)
    homes = held["households"]
    return held.assign(
        drops=share,
        drop_m=(share * held["road_distance_m"]).where(built, 0.0),
        drop_sek=(share * price_drops(held, prices)).where(built, 0.0),
        connections=share * homes,
        lines=share * homes.where(homes > 0, 1),
    )


def colaying(trench_m: Any, trench_sek: Any, prices: Prices) -> Any:
    """Give what others pay of the trench, SEK: for the share of it that is dug together.

    Where ``colaying_contribution`` is counted they pay that for each metre, otherwise
    all digging of these metres.
    """
    share, paid = prices.colaying_share.value, prices.colaying_contribution
    if paid.quantity:
        return share * trench_m * (paid.value * paid.quantity)
    return share * trench_sek


def add_capex(table: pd.DataFrame, prices: Prices, *, premises: str) -> pd.DataFrame:
    """Add up what each row of a table costs to build.

    Parameters
    ----------
    table : DataFrame
        With ``trench_m``, ``trench_sek``, ``drop_sek``, ``lines`` and a column of premises
        that are reached.
    prices : Prices
        Further items, co-laying, design and contingency.
    premises : str
        Name of that column.

    Returns
    -------
    DataFrame
        A copy with ``colaying_sek`` (what others pay), ``items_sek`` (further items, with
        design and contingency) and ``capex_sek``. Everything is in proportion to the
        quantities, so rows add up.
    """
    metre = prices.sum_of("trench_m") + prices.sum_of("trench_km") / 1000.0
    items = (
        table["trench_m"] * metre
        + table[premises] * prices.sum_of("premises")
        + table["lines"] * prices.sum_of("connection")
    )
    others = colaying(table["trench_m"], table["trench_sek"], prices)
    base = table["trench_sek"] - others + table["drop_sek"] + items
    shares = base * (prices.design_share.value + prices.contingency_share.value)
    return table.assign(colaying_sek=others, items_sek=items + shares, capex_sek=base + shares)


def fund(table: pd.DataFrame, prices: Prices, *, households: str) -> pd.DataFrame:
    """Add who pays to a table that has ``capex_sek``.

    Parameters
    ----------
    table : DataFrame
        With ``capex_sek``, ``connections`` and a column of households that are built to.
    prices : Prices
        ``own_contribution`` and ``operator_revenue`` in SEK per household that connects.
    households : str
        Name of that column.

    Returns
    -------
    DataFrame
        A copy with ``own_contribution_sek``, ``operator_revenue_sek``, ``gap_sek``
        (negative where the build-out pays for itself) and
        ``gap_per_household_sek`` (empty where there are no households).
    """
    own = table["connections"] * prices.own_contribution.value
    revenue = table["connections"] * prices.operator_revenue.value
    gap = table["capex_sek"] - own - revenue
    return table.assign(
        own_contribution_sek=own.astype("float64"),
        operator_revenue_sek=revenue.astype("float64"),
        gap_sek=gap,
        gap_per_household_sek=_each(gap, table[households]),
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
    met = connect(status.merge(reach, on="premises_id", how="left"), prices)
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
            **{name: met[name] for name in _EXPECTED},
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
    counts = [name for name in rows.columns[1:] if name not in _EXPECTED]
    table = table.astype(dict.fromkeys(counts, "int64"))
    table = add_capex(table, prices, premises="reached_premises")
    table = fund(table, prices, households="reached_households")
    table = _judge(table, prices)
    first = ["area_kind", "area_code", "area_name", *counts]
    money = ["connections", "takeup", "feasible", "trench_m", "trench_sek", "drop_sek",
             "items_sek", "colaying_sek", "capex_sek", "own_contribution_sek",
             "operator_revenue_sek", "gap_sek", "gap_per_household_sek",
             "gap_per_premises_sek", "gap_per_connection_sek", "aid_sek",
             "gap_after_aid_sek"]  # fmt: skip
    return table[[*first, *money]].reset_index(drop=True)


def _judge(table: pd.DataFrame, prices: Prices) -> pd.DataFrame:
    """Add take-up and whether it suffices, the gap of each, and the aid."""
    share = _each(table["connections"], table["reached_households"])
    if prices.scope == "passed":
        share = share * np.nan
    enough = (share >= prices.takeup_threshold - 1e-9).astype("boolean")
    aid = table["reached_premises"] * (prices.aid.value * prices.aid.quantity)
    return table.assign(
        takeup=share,
        feasible=enough.mask(share.isna()),
        gap_per_premises_sek=_each(table["gap_sek"], table["reached_premises"]),
        gap_per_connection_sek=_each(table["gap_sek"], table["connections"]),
        aid_sek=aid,
        gap_after_aid_sek=table["gap_sek"] - aid,
    )


def _each(sum_: pd.Series[Any], count: pd.Series[Any]) -> pd.Series[float]:
    """Divide; empty where nobody is counted."""
    return sum_ / count.astype("float64").replace(0.0, np.nan)
