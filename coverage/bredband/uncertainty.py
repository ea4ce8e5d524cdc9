"""How sure the cost is: thousands of draws over prices, take-up, co-laying and contingency.

Cost is quantities times prices, so all draws are one matrix product: quantities (areas by
items) times prices (items by draws). The trench network is that of the price book and stays
as it is: at the prices of a draw another network might be a little cheaper, so a draw is, if
anything, a little dear. What roads, buildings and coverage data leave unsure is not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.cost import REACHED
from bredband.display import show
from bredband.draws import draw, quantile
from bredband.prices import COUNTED_BY, PAID_BY_CUSTOMERS
from bredband.tables import INTERVALS, TORNADO, TOTAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandera.pandas as pa
    from numpy.typing import NDArray

    from bredband.draws import Shape
    from bredband.prices import Prices, Range

    Floats = NDArray[np.float64]

_ALL: Final = ""
"""Take-up of what is built whoever connects."""

_CHUNK: Final = 2_000_000
"""Build areas times draws that are looked at together."""


@dataclass(frozen=True)
class Uncertainty:
    """Intervals, and what they come from.

    Attributes
    ----------
    intervals : DataFrame
        ``tables.INTERVALS``.
    tornado : DataFrame
        ``tables.TORNADO``, the factor that matters most first.
    """

    intervals: pd.DataFrame
    tornado: pd.DataFrame

    def _repr_html_(self) -> str:
        return show(self)


def cost_quantities(
    trench: pd.DataFrame, reach: pd.DataFrame, status: pd.DataFrame, prices: Prices
) -> pd.DataFrame:
    """Count what is priced, per municipality (and build area), as ``cost.cost_table`` does.

    Parameters
    ----------
    trench : DataFrame
        ``tables.TRENCH``.
    reach : DataFrame
        ``tables.REACH``; with ``area_id`` in it and in ``trench``, build areas are kept apart.
    status : DataFrame
        ``tables.STATUS``.
    prices : Prices
        Which items count, how many of each, and the scope.

    Returns
    -------
    DataFrame
        Index ``municipality_code`` and ``area_id``; columns ``item`` and ``takeup`` (the
        take-up that scales it, or empty). Trench is in metres at the price of its item: where
        the ground multiplies the price, so many times its metres. The factor is not drawn.

    Raises
    ------
    BadValueError
        Trench lies in a surface that has no price, or premises are in no status table.
    """
    items = prices.items()
    connected = prices.scope == "connected"
    surface = "trench." + trench["surface"].astype("str")
    unpriced = sorted(set(surface) - set(items))
    if unpriced:
        msg = f"{', '.join(unpriced)} has no price"
        raise BadValueError(msg, where="trench", fix="give the price under [prices.trench]")
    price = surface.map({name: item.value for name, item in items.items()}).astype("float64")
    # Metres at that price: an edge may be dearer than its surface alone.
    metres = (trench["cost_sek"] / price.where(price > 0)).fillna(trench["length_m"])
    dug = pd.DataFrame(
        {
            "municipality_code": trench["municipality_code"],
            "area_id": trench.get("area_id", ""),
            "takeup": _ALL,
            "trench_m": trench["length_m"],
            "trench_km": trench["length_m"] / 1000.0,
        }
    )
    parts = [dug.assign(item=surface, quantity=metres)]

    met = reach[reach["reach"].isin(REACHED)]
    columns = ["premises_id", "municipality_code", "households", *({"segment"} & set(status))]
    held = met.merge(status[columns], on="premises_id", how="left")
    if held["municipality_code"].isna().any():
        msg = f"{int(held['municipality_code'].isna().sum())} premises are not in the status table"
        raise BadValueError(msg, where="reach", fix="use the tables of one and the same run")
    segment: Any = held["segment"] if "segment" in held else pd.Series(pd.NA, index=held.index)
    known = {name: f"takeup.{name}" for name in prices.takeup}
    takeup = segment.astype("object").map(known).fillna(f"takeup.{TOTAL}").astype("str")
    homes = held["households"].astype("float64")
    there = pd.DataFrame(
        {
            "municipality_code": held["municipality_code"],
            "area_id": held.get("area_id", ""),
            "premises": 1.0,
            "connection": homes.where(homes > 0, 1.0),
        }
    )
    for name, basis in COUNTED_BY.items():
        if name not in items:
            continue
        number = getattr(prices, name).quantity
        if basis in dug:
            parts.append(dug.assign(item=name, quantity=dug[basis] * number))
        else:
            by = takeup if basis == "connection" else _ALL
            parts.append(there.assign(item=name, quantity=there[basis] * number, takeup=by))
    if "colaying_contribution" in items:
        number = prices.colaying_contribution.quantity
        parts.append(dug.assign(item="colaying_contribution", quantity=dug["trench_m"] * number))
    if connected:
        metres_of_drop = held["road_distance_m"].astype("float64")
        numbers = {"drop_fixed": there["premises"], "drop_per_m": metres_of_drop}
        numbers |= dict.fromkeys(PAID_BY_CUSTOMERS, homes)
        parts += [
            there.assign(item=name, quantity=number, takeup=takeup)
            for name, number in numbers.items()
            if name in items
        ]
    keys = ["municipality_code", "area_id"]
    summed = pd.concat(parts).groupby([*keys, "item", "takeup"])["quantity"].sum()
    wide: pd.DataFrame = summed.unstack(["item", "takeup"])  # noqa: PD010
    return wide.fillna(0.0).astype("float64").sort_index()


def simulate(
    quantities: pd.DataFrame,
    ranges: Mapping[str, Range],
    municipalities: pd.DataFrame,
    *,
    region_code: str,
    region_name: str,
    areas: pd.DataFrame | None = None,
    draws: int = 10_000,
    seed: int = 0,
    shape: Shape = "triangular",
    correlation: float = 1.0,
) -> Uncertainty:
    """Draw prices, take-up, co-laying and contingency and see what the cost becomes.

    Parameters
    ----------
    quantities : DataFrame
        From :func:`cost_quantities`.
    ranges : mapping of str to Range
        ``Prices.ranges()``; give it to ``draws.spread_out`` first, or what has no range
        is not drawn.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``; each gets its rows.
    region_code, region_name : str
        Of the region's rows, whose percentiles are those of the summed draws.
    areas : DataFrame, optional
        ``tables.AREAS``: with it the support is drawn too, the sum of the gaps of the build
        areas where positive.
    draws, seed, shape, correlation
        See ``draws.draw``.

    Returns
    -------
    Uncertainty
        Per area: the point value by the price book beside P10, P50, P90 and mean of capex,
        gap (before aid) and support. Ranges are seldom even, so P50 is not the point value.
        The tornado moves one factor at a time, an item or a group, to its P10 and P90, all
        else as the price book has it.

    Raises
    ------
    BadValueError
        An item or a take-up has no price, or build areas or municipalities are not listed.
    """
    names = municipalities[["municipality_code", "municipality_name"]].sort_values(
        "municipality_code", ignore_index=True
    )
    codes = pd.Index(names["municipality_code"])
    size = len(codes)
    _check(quantities, ranges)
    place = _row_of(quantities.index.get_level_values("municipality_code"), codes, "municipalities")
    amounts = np.zeros((size + 1, quantities.shape[1]))
    np.add.at(amounts, place, quantities.to_numpy())
    amounts[size] = amounts[:size].sum(axis=0)
    needy = home = None
    if areas is not None:
        listed = pd.Index(areas["area_id"])
        by_area = quantities.groupby(level="area_id").sum()
        needy = by_area.to_numpy()
        home = _row_of(areas["municipality_code"].iloc[_row_of(by_area.index, listed, "areas")],
                       codes, "municipalities")  # fmt: skip

    def evaluate(values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Give each measure, areas by draws."""
        cost, paid = _prices(quantities.columns, values)
        found = {"capex": amounts @ cost, "gap": amounts @ (cost - paid)}
        if needy is not None and home is not None:
            found["support"] = _support(needy, home, cost - paid, size)
        return found

    about = pd.DataFrame(
        {
            "area_kind": [*["municipality"] * size, "region"],
            "area_code": [*names["municipality_code"], region_code],
            "area_name": [*names["municipality_name"], region_name],
        }
    )
    point = evaluate({name: np.array([item.value]) for name, item in ranges.items()})
    drawn = evaluate(draw(ranges, draws, seed=seed, shape=shape, correlation=correlation))
    rows = []
    for measure, totals in drawn.items():
        low, middle, high = np.quantile(totals, [0.1, 0.5, 0.9], axis=1)
        rows.append(
            about.assign(
                measure=measure,
                point_sek=point[measure][:, 0],
                p10_sek=low,
                p50_sek=middle,
                p90_sek=high,
                mean_sek=totals.mean(axis=1),
                draws=draws,
            )
        )
    table = pd.concat(rows).sort_index(kind="stable")
    factors = _factors(quantities, ranges, shape)
    return Uncertainty(
        _finish(table, INTERVALS),
        _tornado(about, point, evaluate(_one_at_a_time(ranges, factors)), factors),
    )


def area_gaps(
    quantities: pd.DataFrame,
    ranges: Mapping[str, Range],
    areas: pd.DataFrame,
    *,
    draws: int = 500,
    seed: int = 0,
    shape: Shape = "triangular",
    correlation: float = 1.0,
) -> NDArray[np.float32]:
    """Draw the gap of every build area: the same draws for all, so that areas can be compared.

    Parameters
    ----------
    quantities : DataFrame
        From :func:`cost_quantities`, of a trench and a reach table with ``area_id``.
    ranges : mapping of str to Range
        ``Prices.ranges()``, given to ``draws.spread_out`` first as for :func:`simulate`.
    areas : DataFrame
        ``area_id`` and ``reached``; may be some of the areas only.
    draws, seed, shape, correlation
        See ``draws.draw``. The same seed gives the draws of :func:`simulate`.

    Returns
    -------
    array of float32, shape (areas, draws)
        SEK, negative where an area pays for itself, in the order of ``areas``; NaN for rows
        that no trench reaches.

    Raises
    ------
    BadValueError
        An item or a take-up has no price.
    """
    _check(quantities, ranges)
    by_area = quantities.groupby(level="area_id").sum()
    place = by_area.index.get_indexer(pd.Index(areas["area_id"]))
    # An area that is reached and priced nothing for costs nothing.
    amounts = np.where(place[:, None] >= 0, by_area.to_numpy()[place], 0.0) if len(by_area) else (
        np.zeros((len(areas), quantities.shape[1])))  # fmt: skip
    cost, paid = _prices(
        quantities.columns, draw(ranges, draws, seed=seed, shape=shape, correlation=correlation)
    )
    net = cost - paid
    found = np.empty((len(areas), draws), np.float32)
    step = max(1, _CHUNK // max(1, draws))
    for begin in range(0, len(areas), step):
        found[begin : begin + step] = amounts[begin : begin + step] @ net
    found[~areas["reached"].to_numpy(dtype=bool)] = np.nan
    return found


def _check(quantities: pd.DataFrame, ranges: Mapping[str, Range]) -> None:
    items, rates = (set(quantities.columns.get_level_values(n)) for n in ("item", "takeup"))
    missing = sorted((items | rates) - {_ALL} - set(ranges))
    if missing:
        msg = f"{', '.join(missing)} has no price"
        raise BadValueError(msg, where="prices", fix="count and price by the same price book")


def _row_of(values: Any, listed: pd.Index[Any], what: str) -> NDArray[np.intp]:
    place = listed.get_indexer(pd.Index(values))
    if (place < 0).any():
        msg = f"{int((place < 0).sum())} rows name something that is not in the table"
        raise BadValueError(msg, where=what, fix="use the tables of one and the same run")
    return place


def _prices(columns: pd.Index[Any], values: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Give what one of each item costs, and what is paid for it: columns by draws."""
    one = np.ones_like(next(iter(values.values()), np.ones(1)))
    none = 0.0 * one

    def share(name: str) -> Floats:
        return values.get(name, none)

    loaded = one + share("design_share") + share("contingency_share")
    together = share("colaying_share")
    agreed = any(item == "colaying_contribution" for item, _ in columns)
    cost, paid = np.empty((len(columns), one.size)), np.zeros((len(columns), one.size))
    for row, (item, takeup) in enumerate(columns):
        price = values[item] * (values[takeup] if takeup else one)
        if item in PAID_BY_CUSTOMERS:
            cost[row], paid[row] = none, price
        elif item == "colaying_contribution":
            cost[row] = -together * price * loaded
        elif item.startswith("trench.") and not agreed:
            cost[row] = (one - together) * price * loaded
        else:
            cost[row] = price * loaded
    return cost, paid


def _support(amounts: Floats, home: NDArray[np.intp], net: Floats, size: int) -> Floats:
    """Add up the positive gaps of the build areas, by municipality and for the region."""
    found = np.zeros((size + 1, net.shape[1]))
    order = np.argsort(home, kind="stable")
    amounts, home = amounts[order], home[order]
    there, start = np.unique(home, return_index=True)
    step = max(1, _CHUNK // max(1, home.size))
    for begin in range(0, net.shape[1], step):
        part = slice(begin, begin + step)
        gaps = np.maximum(amounts @ net[:, part], 0.0)
        if there.size:
            found[there, part] = np.add.reduceat(gaps, start, axis=0)
    found[size] = found[:size].sum(axis=0)
    return found


def _factors(quantities: pd.DataFrame, ranges: Mapping[str, Range], shape: Shape) -> pd.DataFrame:
    """List what moves: groups, and items on their own, with P10 and P90 where it is one item."""
    used = {name for level in ("item", "takeup") for name in
            quantities.columns.get_level_values(level)}  # fmt: skip
    used |= {"design_share", "contingency_share", "colaying_share"}
    rows = [
        (item.group or name, name, item.value, *quantile(item, [0.1, 0.9], shape))
        for name, item in ranges.items()
        if name in used and item.low < item.high
    ]
    table = pd.DataFrame(rows, columns=["factor", "item", "value", "low_value", "high_value"])
    return table.astype({"factor": "str", "item": "str"})


def _one_at_a_time(ranges: Mapping[str, Range], factors: pd.DataFrame) -> dict[str, Floats]:
    """Give columns of values: every factor at its P10, then every factor at its P90."""
    names = pd.unique(factors["factor"])
    values = {name: np.full(2 * names.size, float(item.value)) for name, item in ranges.items()}
    column = pd.Index(names).get_indexer(pd.Index(factors["factor"]))
    for place, item, low, high in zip(
        column, factors["item"], factors["low_value"], factors["high_value"], strict=True
    ):
        values[item][[place, place + names.size]] = low, high
    return values


def _tornado(
    about: pd.DataFrame,
    point: Mapping[str, Floats],
    moved: Mapping[str, Floats],
    factors: pd.DataFrame,
) -> pd.DataFrame:
    """Lay out the swing of every factor, the widest first."""
    alone = factors.groupby("factor", sort=False).agg(
        items=("item", "size"), value=("value", "first"),
        low_value=("low_value", "first"), high_value=("high_value", "first"),
    )  # fmt: skip
    several = alone["items"] > 1
    alone.loc[several, ["value", "low_value", "high_value"]] = np.nan
    alone = alone.reset_index()
    count, size = len(alone), len(about)
    parts = []
    for measure, totals in moved.items():
        rows = about.loc[about.index.repeat(count)].reset_index(drop=True)
        rows = rows.join(pd.concat([alone] * size, ignore_index=True))
        ends = totals[:, :count].ravel(), totals[:, count:].ravel()
        parts.append(
            rows.assign(
                measure=measure,
                low_sek=ends[0],
                high_sek=ends[1],
                point_sek=np.repeat(point[measure][:, 0], count),
                swing_sek=np.abs(ends[1] - ends[0]),
                area=np.repeat(np.arange(size), count),
            )
        )
    table = pd.concat(parts, ignore_index=True)
    table["measure_rank"] = table["measure"].map({"capex": 0, "gap": 1, "support": 2})
    table["nearness"] = -table["swing_sek"]
    table = table[table["swing_sek"] > 0]
    table = table.sort_values(["area", "measure_rank", "nearness", "factor"])
    return _finish(table, TORNADO)


def _finish(table: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    columns = {name: str(col.dtype) for name, col in schema.columns.items()}
    finished: pd.DataFrame = table[list(columns)].astype(columns).reset_index(drop=True)
    return finished
