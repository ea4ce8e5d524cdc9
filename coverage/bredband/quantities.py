"""Bills of quantities: every item with how many, what one costs and where that comes from.

A bill comes from a network that is laid (the region, its municipalities, some build
areas) or from a plain list. Every row is quantity x price = cost; what others pay stands
in it as a negative cost, so that the rows of the part ``cost`` add up to the capex and
all rows to what is left to fund.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.cost import REACHED, connect
from bredband.prices import COUNTED_BY, PriceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bredband.prices import Price, Prices

AS_LAID: Final = "the price that the trench was laid with"
"""Source of a trench price that the price book no longer gives for its surface."""

_ORDER: Final = ("part", "item", "quantity", "unit", "price", "source", "mark", "year", "cost_sek")
_AREA: Final = ("area_kind", "area_code", "area_name")
_LIST: Final = ("item", "quantity", "unit", "price", "source", "mark", "year", "part")


class BillSums(NamedTuple):
    """What a bill adds up to, SEK; each is per connection, empty where there are none."""

    cost_sek: float
    paid_sek: float
    left_sek: float
    connections: float
    cost_each_sek: float
    left_each_sek: float


def bill_of_network(
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    prices: Prices,
    region_code: str,
    region_name: str,
) -> pd.DataFrame:
    """Give the bill of a laid network, per municipality and for the region.

    Parameters
    ----------
    trench : DataFrame
        ``tables.TRENCH``; an edge counts where its middle lies.
    reach : DataFrame
        ``tables.REACH``.
    status : DataFrame
        ``tables.STATUS``, for households, workplaces and segments.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``, for codes and names.
    prices : Prices
        ``[prices]``, with scope, take-up and further items.
    region_code, region_name : str
        Of the rows that sum up the region.

    Returns
    -------
    DataFrame
        ``tables.BILL`` with the area columns: municipalities by code, then the region.
        Rows of the part cost add up to ``capex_sek`` of ``tables.COST``, all rows to
        ``gap_after_aid_sek``. Items that are not counted have no row.
    """
    held = _hold(reach, status)
    parts = _bill(
        trench, held, trench["municipality_code"], held["municipality_code"], prices=prices
    )
    whole = _bill(
        trench,
        held,
        pd.Series(region_code, index=trench.index),
        pd.Series(region_code, index=held.index),
        prices=prices,
    )
    names = municipalities.set_index("municipality_code")["municipality_name"]
    parts = parts.assign(area_kind="municipality", area_name=parts["area_code"].map(names))
    whole = whole.assign(area_kind="region", area_name=region_name)
    return _typed(pd.concat([parts, whole], ignore_index=True))[[*_AREA, *_ORDER]]


def bill_of_areas(
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    area_ids: Sequence[str],
    *,
    prices: Prices,
) -> pd.DataFrame:
    """Give one bill of some build areas together.

    Parameters
    ----------
    trench, reach : DataFrame
        ``tables.TRENCH`` and ``tables.REACH``, both with ``area_id``. Trench of an area
        that these hang on belongs to that area: name it as well where it is not built.
    status, prices
        As :func:`bill_of_network`.
    area_ids : sequence of str
        The areas.

    Returns
    -------
    DataFrame
        ``tables.BILL``.

    Raises
    ------
    BadValueError
        There is no such area.
    """
    known = {*trench["area_id"].dropna(), *reach["area_id"].dropna()}
    for one in area_ids:
        if one not in known:
            msg = f"there is no build area {one}"
            fix = "take ids from area_id in priority_areas.geojson"
            raise BadValueError(msg, where="area_id", fix=fix)
    dug = trench[trench["area_id"].isin(area_ids)]
    held = _hold(reach[reach["area_id"].isin(area_ids)], status)
    code = ", ".join(dict.fromkeys(area_ids))
    bill = _bill(
        dug, held, pd.Series(code, index=dug.index), pd.Series(code, index=held.index),
        prices=prices,
    )  # fmt: skip
    bill = bill.assign(area_kind="areas", area_name=code)
    return _typed(bill)[[*_AREA, *_ORDER]]


def bill_of_list(
    rows: Iterable[Mapping[str, Any]], *, prices: Prices | None = None, where: str = "the list"
) -> pd.DataFrame:
    """Give the bill of a plain list of quantities.

    Parameters
    ----------
    rows : iterable of mapping
        ``item`` and ``quantity``; ``price`` and ``unit``, or both from the price book
        where the item is one of its; also ``source``, ``mark``, ``year`` and ``part``:
        cost, or payment for what somebody else pays (its price written positive).
    prices : Prices, optional
        The price book.
    where : str
        The file, for messages.

    Returns
    -------
    DataFrame
        ``tables.BILL`` in the order of the list.

    Raises
    ------
    PriceError
        A row lacks something, is no number, or names what the book does not have.
    """
    table = pd.DataFrame([_listed(row, n, prices, where) for n, row in enumerate(rows, start=1)])
    if table.empty:
        msg = "there are no rows"
        raise PriceError(msg, where=where, fix="write [[items]] with item and quantity")
    return _typed(table)[list(_ORDER)]


def add_up(bill: pd.DataFrame, *, connections: float = 0.0) -> BillSums:
    """Add up a bill: what it costs, what others pay, what is left, all and per connection.

    Parameters
    ----------
    bill : DataFrame
        ``tables.BILL`` of one area.
    connections : float
        To divide by; 0 for none.
    """
    is_cost = bill["part"] == "cost"
    cost = float(bill.loc[is_cost, "cost_sek"].sum())
    paid = -float(bill.loc[~is_cost, "cost_sek"].sum())
    each = 1.0 / connections if connections else np.nan
    return BillSums(cost, paid, cost - paid, connections, cost * each, (cost - paid) * each)


def _hold(reach: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    columns = ["premises_id", "households", "municipality_code"]
    columns += [name for name in ("segment",) if name in status]
    met = reach[["premises_id", "reach", "road_distance_m"]]
    return met.merge(status[columns], on="premises_id", how="left")


def _bill(
    trench: pd.DataFrame,
    held: pd.DataFrame,
    trench_area: pd.Series[str],
    held_area: pd.Series[str],
    *,
    prices: Prices,
) -> pd.DataFrame:
    """Give the bills of all areas under each other; ``area_code`` says whose."""
    dug = _trench_rows(trench, trench_area, prices)
    met = connect(held, prices).assign(reached=held["reach"].isin(REACHED).astype("float64"))
    total = (
        met.groupby(held_area.to_numpy())[["reached", "drops", "drop_m", "connections", "lines"]]
        .sum()
        .join(dug.groupby("area_code").agg(trench_m=("quantity", "sum"),
                                           trench_sek=("cost_sek", "sum")), how="outer")
        .fillna(0.0)
        .rename_axis("area_code")
    )  # fmt: skip
    bases = {
        "trench_m": total["trench_m"],
        "trench_km": total["trench_m"] / 1000.0,
        "premises": total["reached"],
        "connection": total["lines"],
    }
    rows = [dug]
    for name, basis in COUNTED_BY.items():
        item = getattr(prices, name)
        rows.append(_rows("cost", name, bases[basis] * item.quantity, item))
    rows.append(_rows("cost", "drop_fixed", total["drops"], prices.drop_fixed))
    rows.append(_rows("cost", "drop_per_m", total["drop_m"], prices.drop_per_m))
    share, paid = prices.colaying_share, prices.colaying_contribution
    if paid.quantity:
        metres = total["trench_m"] * (share.value * paid.quantity)
        rows.append(_rows("cost", "colaying_contribution", metres, paid, sign=-1))
    else:
        rows.append(_rows("cost", "colaying_share", total["trench_sek"], share, sign=-1))
    base = pd.concat(rows).groupby("area_code")["cost_sek"].sum().reindex(total.index)
    for name in ("design_share", "contingency_share"):
        rows.append(_rows("cost", name, base, getattr(prices, name)))
    for name in ("own_contribution", "operator_revenue"):
        rows.append(_rows("payment", name, total["connections"], getattr(prices, name), sign=-1))
    aided = total["reached"] * prices.aid.quantity
    rows.append(_rows("payment", "aid", aided, prices.aid, sign=-1))
    order = [part.assign(order=n) for n, part in enumerate(rows)]
    bill = pd.concat(order, ignore_index=True)
    counted = (bill["quantity"] != 0) & (bill["price"] != 0)
    return bill[counted].sort_values(["area_code", "order", "item"], ignore_index=True)


def _trench_rows(trench: pd.DataFrame, area: pd.Series[str], prices: Prices) -> pd.DataFrame:
    """Give a row per area, price item, ground and price that the trench was laid with."""
    factor = trench.get("ground_factor", pd.Series(1.0, index=trench.index))
    ground = trench.get("ground", pd.Series("", index=trench.index))
    # Ground that leaves the price as it is needs no row of its own.
    ground = ground.where(factor != 1.0, "")
    laid = (
        trench.assign(area_code=area, ground=ground, factor=factor)
        .groupby(["area_code", "surface", "factor", "ground", "price_sek_per_m"], as_index=False)
        .agg(quantity=("length_m", "sum"), cost_sek=("cost_sek", "sum"))
        .rename(columns={"price_sek_per_m": "price"})
    )
    book = pd.DataFrame(
        [_told(price) | {"surface": name, "book": price.value}
         for name, price in prices.per_metre.items()]
    )  # fmt: skip
    found = laid.merge(book, on="surface", how="left")
    known = np.isclose(found["book"] * found["factor"], found["price"], rtol=1e-12, atol=0.0)
    plain = found["factor"] == 1.0
    by = found["factor"].map("{:g}".format).astype("str")
    times = found["source"] + "; times " + by + " for " + found["ground"]
    return found.assign(
        part="cost",
        item="trench." + found["surface"].astype("str"),
        unit="m",
        source=found["source"].where(plain, times).where(known, AS_LAID),
        # A factor has no published source of ours.
        mark=found["mark"].where(known & plain, "U"),
        year=found["year"].where(known),
    ).drop(columns=["surface", "ground", "factor", "book"])


def _rows(
    part: str, item: str, quantity: pd.Series[float], price: Price, *, sign: int = 1
) -> pd.DataFrame:
    unit = price.unit.partition("/")[2] or "SEK"
    one = sign * price.value
    table = pd.DataFrame({"quantity": quantity, "price": one, "cost_sek": quantity * one})
    return table.reset_index(names="area_code").assign(
        part=part, item=item, unit=unit, **_told(price)
    )


def _told(price: Price) -> dict[str, Any]:
    return {"source": price.source, "mark": price.mark, "year": price.year}


def _listed(
    row: Mapping[str, Any], number: int, prices: Prices | None, where: str
) -> dict[str, Any]:
    place = f"{where}, row {number}"
    for key in row:
        if key not in _LIST:
            msg = f"{key} is not known"
            raise PriceError(msg, where=place, fix=f"a row has {', '.join(_LIST)}")
    told: dict[str, Any] = {"unit": "", "source": "", "mark": "U", "year": None, "part": "cost"}
    if "price" not in row and "item" in row:
        if prices is None:
            msg = f"{row['item']} has no price"
            raise PriceError(msg, where=place, fix="give price")
        book = prices.get(str(row["item"]))
        told |= {"price": book.value, "unit": book.unit.partition("/")[2] or "SEK", **_told(book)}
        if row.get("unit", told["unit"]) != told["unit"]:
            msg = f"{row['item']} is counted in {told['unit']}, not in {row['unit']}"
            raise PriceError(msg, where=place, fix="correct the unit, or give price")
    told |= row
    if told["part"] not in ("cost", "payment"):
        msg = f"part is cost or payment, not {told['part']!r}"
        raise PriceError(msg, where=place, fix="correct it")
    for key in ("item", "quantity", "price"):
        if key not in told:
            msg = f"{key} is missing"
            raise PriceError(msg, where=place, fix=f"give {key}")
    for key in ("quantity", "price"):
        value = told[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            msg = f"{key} must be a number from 0, not {value!r}"
            raise PriceError(msg, where=place, fix="correct it")
    told["price"] = float(told["price"]) * (1 if told["part"] == "cost" else -1)
    return told | {"cost_sek": told["quantity"] * told["price"]}


def _typed(bill: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in (*_AREA, "part", "item", "unit", "source", "mark") if name in bill]
    return bill.astype(
        {
            **dict.fromkeys(texts, "str"),
            **dict.fromkeys(("quantity", "price", "cost_sek"), "float64"),
            "year": "Int64",
        }
    ).reset_index(drop=True)
