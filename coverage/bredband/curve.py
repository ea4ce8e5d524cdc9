"""The cost curve: what each further household costs, the cheapest first.

Trench is laid before what hangs on it, so households cannot simply be sorted by their own
cost. The curve takes, step by step, that piece of the remaining network, with the trunk that
it needs, which costs the least per household (``build_order.py``). Its corners are the lower
convex envelope of everything that could be built: for no number of households is there a
choice along these trenches below the straight line between two corners, and where the curve
is cut at a price per household, nobody can say what to build and what to leave at less, each
household left counted at that price. The network is given: a plan that never meant to reach
the last might be laid out a little cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.build_order import cheapest_first
from bredband.cost import REACHED
from bredband.display import show
from bredband.forest import hang
from bredband.tables import BUILD_ORDER, COST_CURVE, GOAL_COST, LAST_RESORT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandera.pandas as pa
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

SERVED: Final = ("connected", "passed", "planned")
"""Statuses that are counted from the start: they have it, can order it or are promised it."""

TARGETS: Final = {"95 %": 0.95, "98 %": 0.98, "99,9 %": 0.999}
"""The shares of the national goals (Sverige helt uppkopplat 2025, 2016, F)."""

_AREA = ["area_kind", "area_code", "area_name"]


@dataclass(frozen=True)
class CostCurve:
    """The curve of the region and of each municipality.

    Attributes
    ----------
    curve : DataFrame
        ``tables.COST_CURVE``: per area a row for where one stands and one per step.
    order : DataFrame
        ``tables.BUILD_ORDER``: the premises of each area in the order that they are built.
    """

    curve: pd.DataFrame
    order: pd.DataFrame

    def _repr_html_(self) -> str:
        return show(self)


@dataclass(frozen=True)
class Wireless:
    """What a household costs where no fibre is laid; never counted as connected by wire.

    Attributes
    ----------
    technology : str
        ``fwa`` or ``satellite``.
    once_sek : float
        Equipment and its installation, SEK per household.
    monthly_sek : float
        What the user pays each month beyond what fibre would cost, SEK.
    years : float
        How long that is counted, not discounted.
    source, mark : str
        Where the prices come from, and how sure they are.
    """

    technology: str
    once_sek: float
    monthly_sek: float = 0.0
    years: float = 10.0
    source: str = "no published source"
    mark: str = "U"

    @property
    def household_sek(self) -> float:
        """Once and over the years, SEK per household."""
        return self.once_sek + 12 * self.years * self.monthly_sek


WIRELESS: Final = (
    Wireless("fwa", 6000.0, source="no published source: the middle of 4000-8000 SEK; no sites"),
    Wireless("satellite", 4500.0, source="no published source: the middle of 3000-6000 SEK"),
)
"""Equipment alone (U). New radio sites, for which no price per household is published, and
satellite subscriptions (500-700 SEK a month, U) are left out: the region gives its own."""


def cost_curve(
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    own_sek: ArrayLike,
    region_code: str,
    region_name: str,
    trench_sek: ArrayLike | None = None,
    paid_sek: ArrayLike = 0.0,
    served: Sequence[str] = SERVED,
) -> CostCurve:
    """Order the households by marginal cost and add up, per municipality and for the region.

    Parameters
    ----------
    trench : DataFrame
        ``tables.TRENCH``.
    reach : DataFrame
        ``tables.REACH``.
    status : DataFrame
        ``tables.STATUS``.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``.
    own_sek : array of float, aligned with ``reach``
        What each premises needs alone (``cost.price_drops`` or ``forest.price_parts``), SEK.
    region_code, region_name : str
        Of the region's curve.
    trench_sek : array of float, aligned with ``trench``, optional
        What each edge costs, where that is not its ``cost_sek`` alone.
    paid_sek : array of float, aligned with ``reach``
        What is paid for each premises by its households and the operator, SEK. It does not
        change the order. Support is what a step costs beyond that: a step that pays for
        itself needs none and pays for no other.
    served : sequence of str
        Statuses that count from the start.

    Returns
    -------
    CostCurve
        A municipality has a curve of its own: trench counts where it lies, as in
        ``tables.COST``, so that the last rows add up to the region's. What a neighbour digs
        on the way to it costs it nothing; what it digs for a neighbour alone comes last, as
        do premises without households.

    Raises
    ------
    BadValueError
        The tables do not belong together.
    """
    met = reach["reach"].isin(REACHED).to_numpy()
    reached = reach[met]
    held = status.set_index("premises_id")[["municipality_code", "households"]]
    held = held.reindex(reached["premises_id"])
    names = municipalities[["municipality_code", "municipality_name"]].sort_values(
        "municipality_code", ignore_index=True
    )
    codes = pd.Index(names["municipality_code"])
    tree, edge = hang(trench, reached)
    edges = tree.parent.size
    place = codes.get_indexer(pd.Index(trench["municipality_code"]))
    home = codes.get_indexer(pd.Index(held["municipality_code"]))
    everybody = codes.get_indexer(pd.Index(status["municipality_code"]))
    if min(part.min(initial=0) for part in (place, home, everybody)) < 0:
        msg = "premises or trench lie in no municipality that is listed, or in no status table"
        raise BadValueError(msg, where="reach", fix="use the tables of one and the same run")

    def of_reached(value: ArrayLike) -> Floats:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), met.shape)[met]

    dug = np.asarray(trench["cost_sek"] if trench_sek is None else trench_sek, dtype=np.float64)
    households = held["households"].to_numpy(dtype=np.int64)
    none = np.zeros(edges)
    # Every edge is a job and so is every premises, which waits for the edge it hangs on.
    jobs = pd.DataFrame(
        {
            "cost": np.r_[dug, of_reached(own_sek)],
            "paid": np.r_[none, of_reached(paid_sek)],
            "households": np.r_[none.astype(np.int64), households],
            "premises": np.r_[none.astype(np.int64), np.ones_like(households)],
            "premises_id": np.r_[np.full(edges, "", object), reached["premises_id"].to_numpy()],
        }
    )
    parent = np.r_[tree.parent, edge]
    area = np.r_[place, home].astype(np.int64)
    everyone = status["households"].to_numpy(dtype=np.float64)
    from_start = np.where(status["status"].isin(list(served)), everyone, 0.0)
    size = len(names)
    curves, orders = [], []
    for region in (False, True):
        of_job = np.zeros_like(area) if region else area
        of_status = np.zeros_like(everybody) if region else everybody
        count = 1 if region else size
        about = pd.DataFrame(
            {
                "area_kind": "region" if region else "municipality",
                "area_code": [region_code] if region else names["municipality_code"],
                "area_name": [region_name] if region else names["municipality_name"],
                "all_households": np.bincount(of_status, weights=everyone, minlength=count),
                "served_households": np.bincount(of_status, weights=from_start, minlength=count),
            }
        )
        chain = parent if region else _within(parent, of_job)
        curve, order = _add_up(jobs, chain, of_job, about)
        curves.append(curve)
        orders.append(order)
    return CostCurve(
        _finish(pd.concat(curves, ignore_index=True), COST_CURVE),
        _finish(pd.concat(orders, ignore_index=True), BUILD_ORDER),
    )


def _within(parent: Ints, area: Ints) -> Ints:
    """Let each job wait for the nearest one above it in its own area."""
    above = parent.copy()
    stray = np.flatnonzero(above >= 0)
    while (stray := stray[(above[stray] >= 0) & (area[above[stray]] != area[stray])]).size:
        above[stray] = parent[above[stray]]
    return above


def _add_up(
    jobs: pd.DataFrame, parent: Ints, area: Ints, about: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Order the jobs of every area and add them up; steps of nothing are left out."""
    cost, paid = jobs["cost"].to_numpy(), jobs["paid"].to_numpy()
    weight = jobs["households"].to_numpy()
    sequence, block = cheapest_first(parent, cost, weight)
    # The order within an area is that of the whole: a stable sort keeps it.
    sequence = sequence[np.argsort(area[sequence], kind="stable")]
    where, block = area[sequence], block[sequence]
    opens = np.r_[True, block[1:] != block[:-1]][: sequence.size]
    first = np.flatnonzero(opens)
    steps = jobs.iloc[sequence][["cost", "paid", "households", "premises"]]
    steps = steps.groupby(np.cumsum(opens) - 1).sum()
    steps["area"] = where[first]
    kept = ((steps["cost"] > 0) | (steps["premises"] > 0)).to_numpy()
    steps["support"] = (steps["cost"] - steps["paid"]).clip(lower=0.0)
    homes = steps["households"].to_numpy(dtype=np.float64)
    # Summed anew, a step may lie a hair below the one before it.
    ratio = np.where(homes > 0, steps["cost"] / np.maximum(homes, 1.0), 0.0)
    marginal = pd.Series(ratio).groupby(steps["area"].to_numpy()).cummax().to_numpy()
    steps["marginal_sek"] = np.where(homes > 0, marginal, np.nan)
    number = pd.Series(kept.astype(np.int64)).groupby(steps["area"].to_numpy()).cumsum()
    steps["step"] = number.to_numpy()
    sums = steps.groupby("area")[["cost", "support", "households"]].cumsum()
    steps["cumulative_sek"] = sums["cost"]
    steps["cumulative_support_sek"] = sums["support"]
    steps["households_so_far"] = sums["households"]

    start = pd.DataFrame({"area": np.arange(len(about)), "step": 0})
    curve = pd.concat([start, steps[kept]], ignore_index=True).fillna(
        dict.fromkeys([name for name in steps if name != "marginal_sek"], 0)
    )
    curve = curve.sort_values(["area", "step"], ignore_index=True)
    curve = curve.join(about, on="area")
    reached = curve["served_households"] + curve["households_so_far"]
    curve["share"] = reached / curve["all_households"].replace(0.0, np.nan)
    curve = curve.rename(columns={"cost": "step_sek", "support": "step_support_sek"})

    # One premises at a time: what is laid when it is connected.
    of_step = np.cumsum(opens) - 1
    running = np.cumsum(cost[sequence])
    net = np.cumsum(cost[sequence] - paid[sequence])
    before = np.r_[0.0, net][first][of_step]
    area_start = np.searchsorted(where, np.arange(len(about)))
    order = pd.DataFrame(
        {
            "area": where,
            "premises_id": jobs["premises_id"].to_numpy()[sequence],
            "step": steps["step"].to_numpy()[of_step],
            "marginal_sek": steps["marginal_sek"].to_numpy()[of_step],
            "households": weight[sequence],
            "cumulative_sek": running - np.r_[0.0, running][area_start][where],
            "cumulative_support_sek": (
                (steps["cumulative_support_sek"] - steps["support"]).to_numpy()[of_step]
                + np.maximum(net - before, 0.0)
            ),
        }
    )
    order = order[(jobs["premises"].to_numpy() > 0)[sequence]]
    order["households_so_far"] = order.groupby("area")["households"].cumsum()
    return curve, order.join(about, on="area")


def goal_costs(costs: CostCurve, targets: Mapping[str, float] = TARGETS) -> pd.DataFrame:
    """Tell what reaching each goal costs, and what the next per cent costs.

    Parameters
    ----------
    costs : CostCurve
        From :func:`cost_curve`.
    targets : mapping of str to float
        Name of the goal -> share of all households, 0-1.

    Returns
    -------
    DataFrame
        ``tables.GOAL_COST``: per area a row ``now`` and one per goal. ``capex_sek`` follows
        the order and stops at the household that reaches the goal; ``at_least_sek`` is the
        envelope, below which no choice along this network comes. A goal beyond what the
        build-out reaches has no cost.
    """
    start = costs.curve[costs.curve["step"] == 0].reset_index(drop=True)
    possible = costs.curve.groupby(_AREA, sort=False)["share"].max().to_numpy()
    now, everyone = start["share"].to_numpy(), start["all_households"].to_numpy()
    parts = []
    for name, target in {"now": np.nan, **targets}.items():
        wanted = now if name == "now" else np.full(len(start), target)
        need = _needed(wanted, start)
        row = start[_AREA].assign(
            goal=name,
            target=wanted,
            share_now=now,
            share_possible=possible,
            households_needed=need,
            **_at(costs, need),
        )
        envelope = row["at_least_sek"].to_numpy()
        further = _needed(np.maximum(wanted, now) + 0.01, start)
        row["next_percent_sek"] = _at(costs, further)["at_least_sek"] - envelope
        parts.append(row[everyone > 0])
    order = {name: number for number, name in enumerate(["now", *targets])}
    table = pd.concat(parts, ignore_index=True)
    table = table.sort_values(
        ["area_kind", "area_code", "goal"],
        key=lambda col: col.map(order) if col.name == "goal" else col,
        ignore_index=True,
    )
    return _finish(table, GOAL_COST)


def _needed(share: Floats, start: pd.DataFrame) -> Ints:
    """Count the households that are missing to a share of all; 0.07 x 100 asks for 7."""
    wanted = np.nan_to_num(share * start["all_households"].to_numpy())
    missing = np.ceil(np.round(wanted, 6)) - start["served_households"].to_numpy()
    count: Ints = np.maximum(missing, 0).astype(np.int64)
    return count


def _at(costs: CostCurve, need: Ints) -> dict[str, Any]:
    """Give what connecting so many households costs, per area in the order of the curve."""
    curve, order = costs.curve, costs.order
    kinds = curve.groupby(_AREA[:2], sort=False).ngroup().to_numpy()
    keys = pd.MultiIndex.from_frame(curve.drop_duplicates(_AREA[:2])[_AREA[:2]])
    at_corner = (curve["households_so_far"].to_numpy() >= need[kinds]) & (kinds >= 0)
    corner = curve[at_corner].groupby(kinds[at_corner]).first().reindex(np.arange(need.size))
    marginal = corner["marginal_sek"].where(corner["households"] > 0, 0.0)
    over = corner["households_so_far"] - need
    at_least = (corner["cumulative_sek"] - over * marginal.fillna(0.0)).to_numpy()
    of_order = keys.get_indexer(pd.MultiIndex.from_frame(order[_AREA[:2]]))
    enough = (order["households_so_far"].to_numpy() >= need[of_order]) & (of_order >= 0)
    last = order[enough].groupby(of_order[enough]).first().reindex(np.arange(need.size))
    reachable = ~np.isnan(at_least)
    nothing = need == 0
    return {
        "reachable": reachable,
        "capex_sek": np.where(nothing, 0.0, last["cumulative_sek"].to_numpy(dtype=np.float64)),
        "at_least_sek": np.where(nothing, 0.0, at_least),
        "support_sek": np.where(
            nothing, 0.0, last["cumulative_support_sek"].to_numpy(dtype=np.float64)
        ),
        "marginal_sek": np.where(nothing, np.nan, last["marginal_sek"].to_numpy(dtype=np.float64)),
    }


def last_resort(
    costs: CostCurve,
    thresholds_sek: Sequence[float],
    wireless: Sequence[Wireless] = WIRELESS,
) -> pd.DataFrame:
    """Cut the curve at a price per household and give the rest wireless, kept apart.

    Parameters
    ----------
    costs : CostCurve
        From :func:`cost_curve`.
    thresholds_sek : sequence of float
        Capex per household beyond which no fibre is laid, SEK. No threshold is published as
        a rule; society's cap of 400 000 SEK is often named (U).
    wireless : sequence of Wireless
        What the rest gets instead, each an alternative for all of it.

    Returns
    -------
    DataFrame
        ``tables.LAST_RESORT``: per area, threshold and technology. Households that the
        build-out does not reach are part of the rest. ``wired_share`` counts wire only.
    """
    curve = costs.curve
    start = curve[curve["step"] == 0].reset_index(drop=True)
    everyone = start["all_households"].to_numpy()
    number = curve.groupby(_AREA[:2], sort=False).ngroup().to_numpy()
    size = len(start)

    def total(name: str, rows: NDArray[np.bool_]) -> Floats:
        values = curve[name].to_numpy(dtype=np.float64) * rows
        return np.bincount(number, weights=values, minlength=size).astype(np.float64)

    parts = []
    has_homes = (curve["households"] > 0).to_numpy()
    for threshold in thresholds_sek:
        near = has_homes & (curve["marginal_sek"] <= threshold).to_numpy()
        dear = has_homes & ~near
        built, left = total("households", near), total("households", dear)
        apart = everyone - start["served_households"].to_numpy() - built - left
        wired = start["served_households"].to_numpy() + built
        with np.errstate(invalid="ignore"):
            share = wired / np.where(everyone > 0, everyone, np.nan)
        base = start[_AREA].assign(
            threshold_sek=threshold,
            wired_households=built,
            wired_share=share,
            wired_sek=total("step_sek", near),
            wired_support_sek=total("step_support_sek", near),
            left_households=left,
            left_wired_sek=total("step_sek", dear),
            unreached_households=apart,
        )
        for other in wireless:
            rest = base["left_households"] + base["unreached_households"]
            parts.append(
                base.assign(
                    technology=other.technology,
                    household_sek=other.household_sek,
                    wireless_households=rest,
                    wireless_sek=rest * other.household_sek,
                    total_sek=base["wired_sek"] + rest * other.household_sek,
                    source=other.source,
                    mark=other.mark,
                )
            )
    if not parts:
        return _finish(pd.DataFrame(columns=list(LAST_RESORT.columns)), LAST_RESORT)
    return _finish(pd.concat(parts, ignore_index=True), LAST_RESORT)


def _finish(table: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    columns = {name: str(col.dtype) for name, col in schema.columns.items()}
    finished: pd.DataFrame = table[list(columns)].astype(columns).reset_index(drop=True)
    return finished
