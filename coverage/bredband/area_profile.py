"""What a planner wants to know of each build area beside its cost.

All of it follows from tables that a run has anyway: nothing here changes an area.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from bredband.areas import cost_areas
from bredband.cost import REACHED, connect
from bredband.draws import spread_out
from bredband.forest import at_edge, hang, sum_above
from bredband.prices import SHARE, Price
from bredband.tables import SEGMENTS, TOTAL, need_columns
from bredband.uncertainty import area_gaps, cost_quantities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bredband.region import Prices

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_OUTSIDE: Final = "utanför"

_CHUNK: Final = 20_000_000
"""Draws of gaps that are held at once."""

_POINTS: Final = 20_000
"""Points whose neighbours are looked for at once."""


def describe_areas(
    areas: pd.DataFrame,
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    *,
    prices: Prices,
    nearby_m: float,
    shares: pd.DataFrame | None = None,
    functions: pd.DataFrame | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Add to build areas what they are like.

    Parameters
    ----------
    areas, trench, reach : DataFrame
        From ``areas.build_areas``.
    status : DataFrame
        ``tables.STATUS``.
    prices : Prices
        ``[prices]`` of region.toml.
    nearby_m : float
        Societal functions and planned buildings up to this far from one of an area's
        buildings are nearby, m, as the crow flies. One may be near several areas.
    shares : DataFrame, optional
        ``tables.SHARES``.
    functions : DataFrame, optional
        ``societal.FUNCTIONS``: ``x``, ``y`` and ``kind``.
    draws, seed : int
        Draws of prices and take-up for the interval of the gap; as for ``economy_tables``.

    Returns
    -------
    DataFrame
        The areas in their order, with the columns of ``tables_areas.AREAS`` from
        ``capex_per_household_sek`` to ``planned_nearby``; empty where a source is missing.
        Premises that no trench reaches have what does not follow from trench.

    Raises
    ------
    BadValueError, MissingColumnError
        The tables are not of one and the same run, or functions have no place.
    """
    index = pd.Index(areas["area_id"])
    columns = ["premises_id", "x", "y", "households", "workplaces", "holiday_homes",
               *({"segment", "mobile_networks"} & set(status))]  # fmt: skip
    held = reach.merge(status[columns], on="premises_id", how="left")
    area = index.get_indexer(pd.Index(held["area_id"])).astype(np.int64)
    met = held["reach"].isin(REACHED).to_numpy()
    x, y = held["x"].to_numpy(dtype=np.float64), held["y"].to_numpy(dtype=np.float64)
    households = areas["households"].astype("float64")
    ranges = spread_out(prices.ranges())
    quantities = cost_quantities(trench, reach, status, prices)
    step = max(1, _CHUNK // max(1, draws))
    quantiles = [np.empty((3, 0))]
    for begin in range(0, len(areas), step):
        some = areas.iloc[begin : begin + step]
        gaps = area_gaps(quantities, ranges, some, draws=draws, seed=seed)
        quantiles.append(np.quantile(gaps, [0.1, 0.5, 0.9], axis=1))
    low, middle, high = np.concatenate(quantiles, axis=1).astype(np.float64)
    planned = status[status["status"] == "planned"]
    near = near_points(x, y, area, planned["x"], planned["y"], within_m=nearby_m)[1]
    found = areas.assign(
        capex_per_household_sek=areas["capex_sek"] / households.where(households > 0),
        gap_p10_sek=low,
        gap_p50_sek=middle,
        gap_p90_sek=high,
        fair_sek_per_party=_fair(shares, held, area, len(areas)),
        **_segments(held, area, areas),
        distance_to_fibre_m=_distance_to_fibre(trench, held[met], area[met], len(areas)),
        spacing_m=_spacing(held, area, status, len(areas)),
        breakeven_takeup=breakeven_takeup(areas, trench, held[met], prices).to_numpy(),
        **_functions(x, y, area, functions, nearby_m, len(areas)),
        no_mobile_households=_no_mobile(held, area, len(areas)),
        planned_nearby=np.bincount(near, minlength=len(areas)),
    )
    kinds = {
        **dict.fromkeys(("functions", "no_mobile_households", "planned_nearby"), "Int64"),
        **dict.fromkeys(("segment", "function_kinds"), "str"),
    }
    return found.astype(kinds)


def breakeven_takeup(
    areas: pd.DataFrame, trench: pd.DataFrame, held: pd.DataFrame, prices: Prices
) -> pd.Series[float]:
    """Give the share of an area's households that must connect for its gap to be 0.

    ::

        share = capex with nobody connected / (what all pay - what connecting all costs)

    Everything is in proportion to the take-up, or does not depend on it: trench and what is
    counted by metre or building is built whoever connects; drops, equipment at the customer
    and what customers pay are per connection, the same take-up for all premises of the area.
    So the share is exact, not searched for.

    Parameters
    ----------
    areas, trench : DataFrame
        From ``areas.build_areas``.
    held : DataFrame
        Premises that are reached, with ``area_id`` and what each holds.
    prices : Prices
        ``[prices]`` of region.toml; its take-up is not used.

    Returns
    -------
    Series of float
        By the index of ``areas``. Above 1 where even all households do not suffice; NaN
        where a household brings no revenue (scope passed, or no households), or less than
        its connection costs: then no take-up is enough.
    """

    def at(share: float) -> pd.DataFrame:
        takeup = {TOTAL: Price(value=share, unit=SHARE, source="")}
        assumed = prices.model_copy(update={"takeup": takeup})
        return cost_areas(
            trench, connect(held, assumed), assumed,
            of_edge=trench["area_id"], of_premises=held["area_id"],
            index=pd.Index(areas["area_id"]),
        )  # fmt: skip

    none, everybody = at(0.0), at(1.0)
    needed = none["gap_sek"].to_numpy(dtype=np.float64)
    brings = needed - everybody["gap_sek"].to_numpy(dtype=np.float64)
    revenue = everybody["own_contribution_sek"] + everybody["operator_revenue_sek"]
    share = np.full(len(areas), np.nan)
    np.divide(needed, brings, out=share, where=brings > 0)
    share[needed <= 0] = 0.0
    share[(revenue <= 0).to_numpy()] = np.nan
    return pd.Series(share, index=areas.index)


def near_points(
    x: Floats, y: Floats, area: Ints, to_x: Any, to_y: Any, *, within_m: float
) -> tuple[Ints, Ints]:
    """Find the points that lie near areas.

    Parameters
    ----------
    x, y : array of float, shape (premises,)
        Coordinates of the areas' buildings, m.
    area : array of int, shape (premises,)
        Area of each.
    to_x, to_y : array of float, shape (points,)
        The points.
    within_m : float
        So near a building of the area a point may lie at most, m.

    Returns
    -------
    point, area : array of int
        Every pair once, sorted.
    """
    px, py = (np.asarray(part, dtype=np.float64) for part in (to_x, to_y))
    buildings, count = cKDTree(np.column_stack([x, y])), int(area.max(initial=-1)) + 1
    pairs = [np.empty(0, np.int64)]
    for begin in range(0, px.size if x.size else 0, _POINTS):
        part = slice(begin, begin + _POINTS)
        found = cKDTree(np.column_stack([px[part], py[part]])).sparse_distance_matrix(
            buildings, within_m, output_type="ndarray"
        )
        pairs.append(np.unique((found["i"] + begin) * count + area[found["j"]]))
    point, near = np.divmod(np.concatenate(pairs), max(count, 1))
    return point, near


def _fair(shares: pd.DataFrame | None, held: pd.DataFrame, area: Ints, count: int) -> Floats:
    """Divide the fair shares of an area's premises by the parties they count for."""
    if shares is None:
        return np.full(count, np.nan)
    share = shares.set_index("premises_id")[["total_sek", "parties"]]
    share = share.reindex(held["premises_id"]).fillna(0.0)
    total, parties = (
        np.bincount(area, weights=share[name], minlength=count) for name in ("total_sek", "parties")
    )
    found = np.full(count, np.nan)
    np.divide(total, parties, out=found, where=parties > 0)
    return found


def _segments(held: pd.DataFrame, area: Ints, areas: pd.DataFrame) -> dict[str, Any]:
    """Give the segment of most households, and the share of them outside localities."""
    count = len(areas)
    if "segment" not in held or held["segment"].isna().all():
        return {"segment": pd.Series(pd.NA, index=areas.index), "outside_share": np.nan}
    households = held["households"].to_numpy(dtype=np.float64)
    # Of buildings where there are no households; the denser segment where they are as many.
    weight = np.stack(
        [
            np.bincount(area, weights=(households + 1e-6) * is_there, minlength=count)
            for is_there in (held["segment"] == name for name in SEGMENTS)
        ]
    )
    names = pd.Series(np.array(SEGMENTS, dtype=object)[weight.argmax(axis=0)], index=areas.index)
    known = households * held["segment"].notna()
    outside = households * (held["segment"] == _OUTSIDE)
    whole = np.bincount(area, weights=known, minlength=count)
    share = np.full(count, np.nan)
    np.divide(np.bincount(area, weights=outside, minlength=count), whole, out=share,
              where=whole > 0)  # fmt: skip
    return {"segment": names.where(weight.max(axis=0) > 0), "outside_share": share}


def _distance_to_fibre(trench: pd.DataFrame, met: pd.DataFrame, area: Ints, count: int) -> Floats:
    """Give the median way along new trench to existing fibre."""
    hung = hang(trench, met)
    way = at_edge(hung.edge_above, sum_above(hung.tree.parent, trench["length_m"]))
    middle = pd.Series(way).groupby(area).median().reindex(range(count))
    return np.array(middle, dtype=np.float64)


def _spacing(held: pd.DataFrame, area: Ints, status: pd.DataFrame, count: int) -> Floats:
    """Give the mean distance to the nearest other building that holds anything."""
    holds = status["households"] + status["workplaces"] + status["holiday_homes"] > 0
    others = status.loc[holds, ["x", "y"]].to_numpy(dtype=np.float64)
    if not len(others[1:]):
        return np.full(count, np.nan)
    near: Any = cKDTree(others).query(held[["x", "y"]].to_numpy(dtype=np.float64), k=2)
    # The nearest is the building itself.
    distance = pd.Series(near[0][:, 1])
    return distance.groupby(area).mean().reindex(range(count)).to_numpy(np.float64)


def _functions(
    x: Floats, y: Floats, area: Ints, functions: pd.DataFrame | None, nearby_m: float, count: int
) -> dict[str, Any]:
    """Count societal functions nearby and list their kinds."""
    if functions is None:
        return {"functions": pd.NA, "function_kinds": pd.NA}
    need_columns(functions, ("x", "y", "kind"), "layer functions")
    point, near = near_points(x, y, area, functions["x"], functions["y"], within_m=nearby_m)
    kinds = pd.DataFrame({"area": near, "kind": functions["kind"].to_numpy(dtype=object)[point]})
    kinds = kinds[kinds["kind"].notna() & (kinds["kind"] != "")].drop_duplicates()
    listed = kinds.sort_values(["area", "kind"]).groupby("area")["kind"].agg(", ".join)
    return {
        "functions": np.bincount(near, minlength=count),
        "function_kinds": listed.reindex(range(count)).fillna("").to_numpy(),
    }


def _no_mobile(held: pd.DataFrame, area: Ints, count: int) -> Any:
    """Count households that no mobile operator covers."""
    if "mobile_networks" not in held:
        return pd.NA
    lost = held["households"].where(held["mobile_networks"] == 0, 0)
    return np.bincount(area, weights=lost, minlength=count).round().astype(np.int64)
