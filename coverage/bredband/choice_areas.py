"""Which build areas are chosen for the money: tables in, tables out.

Plans are made of the settings in ``[priority]``:

- ``budget_sek``: one sum for all areas (plan ``budget``);
- ``budgets``: several budgets at once (plan ``budgets``), each for its municipalities and up
  to its ``max_share`` of an area's capex. They may pay an area together, in parts: ERUF pays at
  most 40 % (domain.md 3.4, F), and another budget the rest. An area whose support they cannot
  pay whole is not chosen;
- ``nested_sek``: budgets whose choices contain each other, so that more money only adds;
- ``years_sek``: a build order.

``floors_sek`` and ``caps_sek`` say how much support the areas of a municipality get; an area
counts where most of its households are. They hold for each plan and for all years together;
nested budgets keep the caps only, since a floor that a large budget can meet a small one
cannot. ``max_breakeven_takeup`` leaves areas out that need more customers than that; what
hangs on them is left out too. An area that pays for itself needs no support: it is chosen as
soon as what it hangs on is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.choice import (
    TIME_LIMIT,
    Choice,
    Purse,
    choose,
    choose_greedy,
    choose_nested,
    choose_years,
)
from bredband.display import show
from bredband.tables import need_columns
from bredband.tables_choice import (
    CHOICE,
    CHOICE_SUMMARY,
    NESTED,
    NESTED_AREAS,
    PAYMENTS,
    YEARS,
    YEARS_SUMMARY,
)

if TYPE_CHECKING:
    import pandera.pandas as pa
    from numpy.typing import NDArray

    from bredband.settings_priority import PrioritySettings

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

WHERE: Final = "areas"


@dataclass(frozen=True)
class Chosen:
    """What is chosen under the budgets; tables without rows where there is no budget.

    Attributes
    ----------
    choice : DataFrame
        ``tables_choice.CHOICE``.
    payments : DataFrame
        ``tables_choice.PAYMENTS``.
    summary : DataFrame
        ``tables_choice.CHOICE_SUMMARY``; ``attrs["seconds"]`` holds the seconds per plan.
    """

    choice: pd.DataFrame
    payments: pd.DataFrame
    summary: pd.DataFrame

    def _repr_html_(self) -> str:
        return show(self)


@dataclass(frozen=True)
class Nested:
    """Sets for several budgets that contain each other.

    Attributes
    ----------
    areas : DataFrame
        ``tables_choice.NESTED_AREAS``.
    summary : DataFrame
        ``tables_choice.NESTED``; ``attrs["seconds"]`` holds the seconds.
    """

    areas: pd.DataFrame
    summary: pd.DataFrame

    def _repr_html_(self) -> str:
        return show(self)


@dataclass(frozen=True)
class Years:
    """A build order over years.

    Attributes
    ----------
    areas : DataFrame
        ``tables_choice.YEARS``.
    summary : DataFrame
        ``tables_choice.YEARS_SUMMARY``; ``attrs["seconds"]`` holds the seconds.
    """

    areas: pd.DataFrame
    summary: pd.DataFrame

    def _repr_html_(self) -> str:
        return show(self)


def choose_areas(
    areas: pd.DataFrame, settings: PrioritySettings, *, time_limit: float = TIME_LIMIT
) -> Chosen:
    """Choose the areas that serve the most households, or score the most, for the money.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS``, in any order.
    settings : PrioritySettings
        ``[priority]``: see the module's head for what it may hold.
    time_limit : float
        Seconds for each plan.

    Raises
    ------
    MissingColumnError
        A column that the settings need is not there: ``score``, ``breakeven_takeup``,
        ``capex_sek``.
    BadValueError
        A number is missing, an area hangs on one that is not there, or a floor cannot be met.
    """
    lot = _lot(areas, settings)
    plans: dict[str, tuple[list[str], float, float | list[Purse]]] = {}
    if settings.budget_sek is not None:
        plans["budget"] = ["budget_sek"], settings.budget_sek, settings.budget_sek
    if settings.budgets:
        names = [budget.name for budget in settings.budgets]
        total = float(sum(budget.sek for budget in settings.budgets))
        plans["budgets"] = names, total, _purses(lot, settings)
    choices, payments, rows, seconds = [], [], [], {}
    for plan, (names, money, purses) in plans.items():
        made = choose(
            lot.value, lot.support, lot.upstream, purses,
            group=lot.group, floors=settings.floors_sek, caps=settings.caps_sek,
            allowed=lot.allowed, time_limit=time_limit,
        )  # fmt: skip
        seconds[plan] = made.seconds
        most = _payable(lot, purses)
        choices.append(_choice_table(lot, plan, made, names, most, money, settings))
        payments.append(_payments_table(lot, plan, made, names))
        one = plan == "budget" and not any(settings.floors_sek.values())
        rows.append(
            {
                "plan": plan,
                "objective": settings.objective,
                "budget_sek": float(money),
                **lot.sums(made.chosen),
                "value": made.value,
                "bound": made.bound,
                "gap": made.gap,
                "method": made.method,
                "greedy_value": _greedy_value(lot, money, settings) if one else np.nan,
                "list_value": _list_value(lot, money) if one and not settings.caps_sek else np.nan,
            }
        )
    summary = _table(pd.DataFrame(rows), CHOICE_SUMMARY)
    summary.attrs["seconds"] = seconds
    return Chosen(_joined(choices, CHOICE), _joined(payments, PAYMENTS), summary)


def nest_areas(
    areas: pd.DataFrame, settings: PrioritySettings, *, time_limit: float = TIME_LIMIT
) -> Nested:
    """Choose a set for each of the nested budgets, every set with the one before in it.

    Made the most of is the sum, over the budgets, of the households (or of households times
    score) that each set serves.

    Parameters
    ----------
    areas, settings, time_limit
        As of ``choose_areas``; the budgets are ``settings.nested_sek``, in any order.

    Raises
    ------
    MissingColumnError, BadValueError
        As of ``choose_areas``.
    """
    lot = _lot(areas, settings)
    budgets = np.unique(np.asarray(settings.nested_sek, dtype=np.float64))
    if not budgets.size:
        return Nested(_table(pd.DataFrame(), NESTED_AREAS), _table(pd.DataFrame(), NESTED))
    more: dict[str, Any] = {
        "group": lot.group, "caps": settings.caps_sek, "allowed": lot.allowed,
        "time_limit": time_limit,
    }  # fmt: skip
    made = choose_nested(lot.value, lot.support, lot.upstream, budgets, **more)
    free = [choose(lot.value, lot.support, lot.upstream, float(sek), **more) for sek in budgets]
    rows = [
        {
            "budget_sek": sek,
            **lot.sums(made.held(number)),
            "value": made.values[number],
            "free_value": best.value,
            "free_bound": best.bound,
            "loss_share": 1.0 - made.values[number] / best.value if best.value else 0.0,
            "sum_bound": made.bound,
            "sum_gap": made.gap,
        }
        for number, (sek, best) in enumerate(zip(budgets, free, strict=True))
    ]
    summary = _table(pd.DataFrame(rows), NESTED)
    summary.attrs["seconds"] = made.seconds + sum(best.seconds for best in free)
    first = np.r_[budgets, np.nan][made.step]
    held = pd.DataFrame({"area_id": lot.ids, "from_budget_sek": first})
    return Nested(_table(lot.back(held), NESTED_AREAS), summary)


def schedule_areas(
    areas: pd.DataFrame,
    settings: PrioritySettings,
    *,
    carry_over: bool = True,
    time_limit: float = TIME_LIMIT,
) -> Years:
    """Say in which year to build which area, for the most household-years.

    Made the most of is the sum, over the years, of the households (or of households times
    score) in all areas built up to then: the sooner the better.

    Parameters
    ----------
    areas, settings, time_limit
        As of ``choose_areas``; the money of each year is ``settings.years_sek``.
    carry_over : bool
        Whether what a year leaves may be spent later; if not it is lost, and an area that
        needs more than any year has is not built.

    Raises
    ------
    MissingColumnError, BadValueError
        As of ``choose_areas``.
    """
    lot = _lot(areas, settings)
    years = np.asarray(settings.years_sek, dtype=np.float64)
    if not years.size:
        return Years(_table(pd.DataFrame(), YEARS), _table(pd.DataFrame(), YEARS_SUMMARY))
    made = choose_years(
        lot.value, lot.support, lot.upstream, years, carry_over=carry_over,
        group=lot.group, floors=settings.floors_sek, caps=settings.caps_sek,
        allowed=lot.allowed, time_limit=time_limit,
    )  # fmt: skip
    rows = []
    left, built = 0.0, 0
    for number, sek in enumerate(years):
        sums = lot.sums(made.step == number)
        available = sek + (left if carry_over else 0.0)
        left = round(available - sums["support_sek"], 2)
        built += int(sums["households"])
        rows.append(
            {
                "year": number + 1,
                "budget_sek": sek,
                "available_sek": available,
                **sums,
                "cumulative_households": built,
                "value": made.values[number],
                "sum_bound": made.bound,
                "sum_gap": made.gap,
            }
        )
    summary = _table(pd.DataFrame(rows), YEARS_SUMMARY)
    summary.attrs["seconds"] = made.seconds
    year = pd.Series(made.step + 1, dtype="Int64").mask(made.step == years.size)
    order = pd.DataFrame(
        {
            "area_id": lot.ids,
            "year": year,
            "households": lot.areas["households"].to_numpy(),
            "support_sek": np.where(lot.reached, lot.support, np.nan),
        }
    )
    return Years(_table(lot.back(order), YEARS), summary)


# --- areas as arrays -----------------------------------------------------------------


class _Lot(NamedTuple):
    """The areas by id, so that their order in the table changes nothing."""

    areas: pd.DataFrame
    place: Ints
    """Rows of the table given, in the order used here."""
    value: Floats
    support: Floats
    upstream: Ints
    group: NDArray[np.str_]
    reached: Bools
    allowed: Bools

    @property
    def ids(self) -> NDArray[np.object_]:
        ids: NDArray[np.object_] = self.areas["area_id"].to_numpy(dtype=object)
        return ids

    def back(self, table: pd.DataFrame) -> pd.DataFrame:
        """Put rows in the order of the table given."""
        return table.iloc[np.argsort(self.place, kind="stable")]

    def sums(self, chosen: Bools) -> dict[str, float]:
        """Count the areas of a set and what they hold."""
        taken = self.areas[chosen]
        return {
            "areas": int(chosen.sum()),
            "households": int(taken["households"].sum()),
            "premises": int(taken["premises"].sum()),
            "support_sek": round(float(self.support[chosen].sum()), 2),
        }


def _lot(areas: pd.DataFrame, settings: PrioritySettings) -> _Lot:
    """Check the areas and make arrays of them."""
    needed = [
        "area_id", "reached", "municipality_code", "upstream_area_id", "households", "premises",
        "gap_sek",
    ]  # fmt: skip
    need_columns(areas, needed, WHERE)
    place = np.argsort(areas["area_id"].to_numpy(dtype=object), kind="stable")
    table = areas.iloc[place].reset_index(drop=True)
    reached = table["reached"].to_numpy(dtype=bool)
    gap = _filled(table, "gap_sek", reached)
    _know(table, {*settings.floors_sek, *settings.caps_sek}, "floors_sek and caps_sek")
    return _Lot(
        table,
        place,
        _value(table, settings, reached),
        np.round(np.maximum(gap, 0.0), 2).astype(np.float64),
        _upstream(table),
        table["municipality_code"].to_numpy(dtype=np.str_),
        reached,
        reached & ~_needs_more_takeup(table, settings, gap),
    )


def _know(table: pd.DataFrame, codes: set[str], where: str) -> None:
    """Refuse municipalities in which no area lies."""
    lost = sorted(codes - set(table["municipality_code"]))
    if lost:
        msg = f"no build area lies in municipality {', '.join(lost)}"
        raise BadValueError(msg, where=f"[priority] {where}", fix="correct the code")


def _filled(table: pd.DataFrame, name: str, reached: Bools) -> Floats:
    """Give a column's numbers, which every reached area must have; 0 for the rest."""
    numbers = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    lost = reached & ~np.isfinite(numbers)
    if lost.any():
        first = table["area_id"][lost].iloc[0]
        msg = (
            f"{name} is missing for {int(lost.sum())} of {int(reached.sum())} areas, first {first}"
        )
        raise BadValueError(msg, where=WHERE, fix=f"give {name} to every area that is reached")
    return np.where(reached, numbers, 0.0)


def _upstream(table: pd.DataFrame) -> Ints:
    """Give the row of the area that each hangs on; -1 at existing fibre."""
    ids = pd.Index(table["area_id"])
    if ids.has_duplicates:
        msg = f"area_id {ids[ids.duplicated()][0]} stands twice"
        raise BadValueError(msg, where=WHERE, fix="give every area one row")
    named = table["upstream_area_id"].fillna("")
    above: Ints = ids.get_indexer(pd.Index(named)).astype(np.int64)
    lost = (named != "").to_numpy() & (above < 0)
    if lost.any():
        msg = f"area {ids[lost][0]} hangs on {named[lost].iloc[0]}, which is no area"
        raise BadValueError(msg, where=WHERE, fix="use the areas of one and the same run")
    return above


def _value(table: pd.DataFrame, settings: PrioritySettings, reached: Bools) -> Floats:
    """Give what an area is worth: its households, or these times its score."""
    households = np.where(reached, table["households"].to_numpy(dtype=np.float64), 0.0)
    if settings.objective == "households":
        return households
    fix = "score the areas first, or set objective to households"
    need_columns(table, ["score"], WHERE, fix=fix)
    return households * _filled(table, "score", reached & (households > 0))


def _needs_more_takeup(table: pd.DataFrame, settings: PrioritySettings, gap: Floats) -> Bools:
    """Say which areas break even only above the largest take-up allowed, or never."""
    most = settings.max_breakeven_takeup
    if most is None:
        return np.zeros(len(table), dtype=bool)
    fix = "describe the areas first, or leave max_breakeven_takeup out"
    need_columns(table, ["breakeven_takeup"], WHERE, fix=fix)
    takeup = table["breakeven_takeup"].to_numpy(dtype=np.float64, na_value=np.nan)
    # Without a figure a household brings no revenue: any gap stays at any take-up.
    above: Bools = np.where(np.isnan(takeup), gap > 0, takeup > most)
    return above


def _purses(lot: _Lot, settings: PrioritySettings) -> list[Purse]:
    """Give the several budgets, with the most that each may pay for each area."""
    names = [budget.name for budget in settings.budgets]
    if len(set(names)) < len(names):
        msg = "two budgets have the same name"
        raise BadValueError(msg, where="priority.budgets", fix="give each its own name")
    need_columns(lot.areas, ["capex_sek"], WHERE)
    capex = _filled(lot.areas, "capex_sek", lot.reached)
    purses = []
    for budget in settings.budgets:
        most = budget.max_share * capex
        if budget.municipalities:
            _know(lot.areas, set(budget.municipalities), f"budgets: {budget.name}")
            most = np.where(np.isin(lot.group, budget.municipalities), most, 0.0)
        purses.append(Purse(budget.sek, most))
    return purses


def _payable(lot: _Lot, purses: float | list[Purse]) -> Floats:
    """Give the most that all budgets together may pay for each area."""
    if isinstance(purses, list):
        total: Floats = np.sum([np.asarray(purse.most) for purse in purses], axis=0)
        return total
    return np.full(lot.support.size, np.inf)


# --- tables --------------------------------------------------------------------------


def _choice_table(
    lot: _Lot,
    plan: str,
    made: Choice,
    names: list[str],
    payable: Floats,
    money: float,
    settings: PrioritySettings,
) -> pd.DataFrame:
    """Say of every area whether it is chosen, and why not."""
    may = lot.allowed & (payable + 0.005 >= lot.support)
    path, barrier = _above(lot, may)
    caps = np.array([settings.caps_sek.get(code, np.inf) for code in lot.group])
    reasons = [
        (made.chosen, None),
        (~lot.reached, "not_reached"),
        (~lot.allowed, "take_up"),
        (~may, "no_payer"),
        (barrier >= 0, "needs"),
        ((path > money + 0.005) | (lot.support > caps + 0.005), "too_dear"),
    ]
    reason = np.full(lot.support.size, "over_budget", dtype=object)
    for applies, word in reversed(reasons):
        reason[applies] = word
    hangs = (lot.upstream >= 0) & ~made.chosen
    hangs[hangs] = ~made.chosen[lot.upstream[hangs]]
    waits = np.where(hangs, lot.upstream, -1)
    waits = np.where(reason == "needs", barrier, waits)
    payers = made.paid > 0
    paid_by = [", ".join(name for name, pays in zip(names, row, strict=True) if pays) or None
               for row in payers.tolist()]  # fmt: skip
    table = pd.DataFrame(
        {
            "plan": plan,
            "area_id": lot.ids,
            "municipality_code": lot.areas["municipality_code"],
            "chosen": made.chosen,
            "reason": reason,
            "needs_area_id": pd.Series(lot.ids[waits]).mask(waits < 0),
            "households": lot.areas["households"],
            "premises": lot.areas["premises"],
            "support_sek": np.where(lot.reached, lot.support, np.nan),
            "paid_by": paid_by,
        }
    )
    return lot.back(table)


def _above(lot: _Lot, may: Bools) -> tuple[Floats, Ints]:
    """Give the support of an area with all that it hangs on, and the nearest that may not be."""
    path = lot.support.copy()
    barrier = np.full(path.size, -1, np.int64)
    above = lot.upstream.copy()
    # From existing fibre outwards: as many rounds as the longest chain of areas.
    while (above >= 0).any():
        here = np.flatnonzero(above >= 0)
        up = above[here]
        path[here] += lot.support[up]
        barrier[here] = np.where((barrier[here] < 0) & ~may[up], up, barrier[here])
        above[here] = lot.upstream[up]
    return path, barrier


def _payments_table(lot: _Lot, plan: str, made: Choice, names: list[str]) -> pd.DataFrame:
    """List what each budget pays."""
    order = np.argsort(lot.place, kind="stable")
    paid = made.paid[order]
    area, budget = np.nonzero(paid)
    capex = np.full(paid.shape[0], np.nan)
    if "capex_sek" in lot.areas:
        capex = lot.areas["capex_sek"].to_numpy(dtype=np.float64, na_value=np.nan)[order]
    sek = paid[area, budget]
    return pd.DataFrame(
        {
            "plan": plan,
            "area_id": lot.ids[order][area],
            "budget": np.array(names, dtype=object)[budget],
            "paid_sek": sek,
            "capex_share": sek / capex[area],
        }
    )


def _greedy_value(lot: _Lot, money: float, settings: PrioritySettings) -> float:
    """Give the value that taking areas by value per krona reaches."""
    made = choose_greedy(
        lot.value, lot.support, lot.upstream, money,
        group=lot.group, caps=settings.caps_sek, allowed=lot.allowed,
    )  # fmt: skip
    return made.value


def _list_value(lot: _Lot, money: float) -> float:
    """Give the value of the ranked list up to the first area that does not fit."""
    if "rank" not in lot.areas:
        return float("nan")
    rank = lot.areas["rank"].to_numpy(dtype=np.float64, na_value=np.nan)
    may = np.isfinite(rank) & lot.allowed & (_above(lot, lot.allowed)[1] < 0)
    order = np.argsort(np.where(may, rank, np.inf), kind="stable")[: int(may.sum())]
    spent = np.cumsum(lot.support[order])
    return float(lot.value[order][spent <= money + 0.005].sum())


def _table(table: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Give the columns of the schema with its types; a table without rows has them too."""
    types = {
        name: "str" if col.dtype.type is str else str(col.dtype)
        for name, col in schema.columns.items()
    }
    made = table.reindex(columns=list(types)).astype(types)
    return made.reset_index(drop=True)


def _joined(tables: list[pd.DataFrame], schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Put the plans' tables under each other."""
    return _table(pd.concat(tables) if tables else pd.DataFrame(), schema)
